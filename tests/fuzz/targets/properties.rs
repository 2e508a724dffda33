//! What must be true of every text that is understood, and of every refusal.

use countersign_command::{Vocabulary, parse_again};
use countersign_core::command::{Argv, Command, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Refusal, is_deceptive};

/// Its canonical argv, mode, scope and filters are read as the same command again.
pub fn reads_back(command: &Command, vocabulary: &Vocabulary) {
    let parts = command.parts();
    let canonical = Canonical {
        tool: command.tool(),
        argv: command.argv(),
        mode: command.mode(),
        scope: &command.action().scope,
        stdin: parts.stdin.as_ref(),
        filters: &parts.filters,
    };
    assert_eq!(parse_again(&canonical, vocabulary).as_ref(), Ok(command), "{}", command.argv());
}

/// Words that are put in by us: names of the catalog, and bounds.
const INJECTED: [&str; 13] =
    ["default", "300s", "eu", "west", "1", "main", "dev", "prod", "example", "true", "false", "10", "yaml"];

/// How the grammar of gcloud withholds what old clusters print beside the rest.
const WITHHELD: &str = "[transforms]:(masterAuth.clientKey.yesno(yes=withheld),masterAuth.password.yesno(yes=withheld))";

/// No element holds a value that was not typed: names of flags, verbs and kinds are ours, and so is
/// what the catalog says, the template of a custom command above all.
pub fn adds_nothing(command: &Command, text: &str) {
    let typed = unquoted(text);
    let own = (!matches!(command.tool(), Tool::Custom(_))).then_some(command.argv());
    let all = own.into_iter().chain(&command.parts().filters);
    for element in all.flat_map(Argv::elements).skip(1) {
        assert!(!element.chars().any(is_deceptive), "{element:?}");
        let value = match (element.strip_prefix('-'), command.tool()) {
            (Some(flag), _) => flag.split_once('=').map_or("", |(_, value)| value),
            // A kind may be typed in many ways, and a kind alone is no value.
            (None, Tool::Kubectl) => element.split_once('/').map_or("", |(_, name)| name),
            (None, _) => element,
        };
        // A time may be typed in several units and is written in seconds.
        if element.starts_with("--request-timeout=") {
            continue;
        }
        let value = value.replace(WITHHELD, "");
        // A patch is written anew: its numbers in decimal, what is empty as `null`, what was escaped as itself.
        let anew = element.starts_with("--patch=");
        if anew && text.contains('\\') {
            continue;
        }
        let written = |word: &str| anew && (word == "null" || word.bytes().all(|c| c.is_ascii_digit()));
        let words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for word in words {
            let known = INJECTED.contains(&word) || written(word) || typed.contains(&word.to_lowercase());
            assert!(known, "`{word}` of `{element}` was not typed in `{text}`");
        }
    }
}

/// The text without what only groups and escapes, and with what chat makes of three characters undone.
fn unquoted(text: &str) -> String {
    let quotes = |c: char| matches!(c, '\'' | '"' | '\\' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}');
    let plain: String = text.chars().filter(|c| !quotes(*c)).collect();
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").to_lowercase()
}

/// A refusal has a rule, a way forward and a place in the text, and nothing in it deceives.
pub fn is_told_well(refusal: &Refusal, text: &str) {
    assert!(refusal.rule().is_some() && !refusal.hint().is_empty(), "{refusal}");
    let shown = format!("{refusal} {}", refusal.hint());
    assert!(!shown.chars().any(is_deceptive), "{shown:?}");
    if let Some(place) = refusal.place() {
        assert!(place.column >= 1 && place.column <= text.chars().count() + 1, "{refusal}");
    }
}
