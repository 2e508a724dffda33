//! Reads silences of alerts: `/silence <alert> <duration> [matchers]`, `/silence list`,
//! `/silence expire <id>`.
//!
//! **Invariant:** a silence that could match every alert is refused, one that does not name its alert
//! is destructive, and how long it may last is the catalog's to say. Alertmanager itself takes
//! `alertname=~".+"` until 2036.
//!
//! Source: Alertmanager 0.25, API v2 (`matchers`: `name`, `value`, `isRegex`, `isEqual`).

mod act;
mod breadth;
mod matcher;

pub use act::{Act, Matching, Verb};

use crate::custom::duration;
use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::vocabulary::{Alertmanager, Vocabulary};
use crate::words::Word;
use breadth::Breadth;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use matcher::Matcher;
use std::slice::Iter;
use std::time::Duration;

const LIST: &str = "list";
const EXPIRE: &str = "expire";
const SILENCE: &str = "silence";

const USAGE: &str = "write `/silence <alert> <duration> [label=value …]`, `/silence list` or `/silence expire <id>`";

/// A shorter silence is over before anybody has agreed to it.
const SHORTEST: Duration = Duration::from_mins(1);

/// The verbs, for help and tables.
pub(crate) fn verbs() -> Vec<&'static str> {
    vec![SILENCE, LIST, EXPIRE]
}

/// Reads the words after `silence`, which is `name`.
pub(crate) fn parse(name: &Word, words: &[Word], vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    let mut line = Line::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        line.word(word, &mut rest)?;
    }
    let place = place(name, line.on.as_ref(), vocabulary)?;
    let mode = line.own.mode_of_confirmed();
    let command = match line.plain.split_first() {
        None if line.matchers.is_empty() => {
            return Err(no(Code::MissingTarget, "`/silence` needs an alert and a duration", USAGE).over(name));
        }
        Some((first, more)) if first.text == LIST => list(&line, more, place)?,
        Some((first, more)) if first.text == EXPIRE => expire(&line, first, more, place, mode)?,
        None | Some(_) => silence(name, &line, place, mode)?,
    };
    Ok((command, line.own))
}

/// Reads a canonical argv, mode and scope that came out of a seal.
pub(crate) fn parse_again(canonical: &Canonical<'_>, vocabulary: &Vocabulary) -> Checked<Command> {
    let words: Vec<Word> = canonical.argv.arguments().iter().map(|one| Word::untyped(one)).collect();
    let (command, _) = parse(&Word::untyped(canonical.argv.program()), &words, vocabulary)?;
    own::in_mode(&command, canonical.mode)
}

/// What was typed, sorted.
#[derive(Default)]
struct Line<'w> {
    plain: Vec<&'w Word>,
    matchers: Vec<(Matcher, &'w Word)>,
    on: Option<Word>,
    own: Own,
}

impl<'w> Line<'w> {
    fn word(&mut self, word: &'w Word, rest: &mut Iter<'w, Word>) -> Checked<()> {
        let (name, value) = match word.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.text.as_str(), None),
        };
        match name {
            // The comment in Alertmanager and the reason on the card are the same words.
            "--comment" => {
                let text = own::check_reason(&value_of(name, value, word, rest)?.text, word)?;
                if self.own.reason.replace(text).is_some() {
                    return Err(own::repeated("--comment", word));
                }
            }
            "--on" => {
                if self.on.replace(value_of(name, value, word, rest)?).is_some() {
                    return Err(own::repeated("--on", word));
                }
            }
            _ if self.own.takes(word, rest)? => {}
            _ if word.text.starts_with('-') => return Err(no_option(name, word)),
            _ => match Matcher::parse(word)? {
                Some(matcher) => self.matchers.push((matcher, word)),
                None => self.plain.push(word),
            },
        }
        Ok(())
    }

    /// The words of a verb that takes none.
    fn nothing_more(&self, more: &[&Word]) -> Checked<()> {
        match more.first().copied().or(self.matchers.first().map(|(_, word)| *word)) {
            Some(word) => Err(unexpected(word)),
            None => Ok(()),
        }
    }
}

/// The value of an option: after `=`, or the next word.
fn value_of(name: &str, value: Option<&str>, word: &Word, rest: &mut Iter<'_, Word>) -> Checked<Word> {
    let typed = value.map(|value| Word { text: value.to_owned(), ..word.clone() });
    typed.or_else(|| rest.next().cloned()).ok_or_else(|| {
        no(Code::MissingValue, format!("`{name}` needs a value"), format!("write `{name}=…`")).over(word)
    })
}

fn no_option(name: &str, word: &Word) -> Box<Refusal> {
    let known = ["on", "comment", "reason", "apply", "dry-run"];
    let hint = match name.trim_start_matches('-') {
        "d" | "duration" | "start" | "s" | "end" | "e" => "a silence begins at once; write its length, as `2h`",
        "a" | "author" | "c" => "the author is whoever asks; `--comment \"…\"` says why",
        "alertmanager.url" | "config.file" | "http.config.file" => "`--on` names an Alertmanager of the catalog",
        typed => {
            let hint = meant(typed, known, USAGE);
            return no(Code::UnknownFlag, format!("`/silence` has no option {}", quoted(name)), hint).over(word);
        }
    };
    no(Code::FlagNotAllowed, format!("{} is not for chat", quoted(name)), hint).over(word)
}

fn unexpected(word: &Word) -> Box<Refusal> {
    no(Code::UnexpectedArgument, format!("{} is one word too many", quoted(&word.text)), USAGE).over(word)
}

/// The Alertmanager that is meant.
#[derive(Clone, Copy)]
struct Place<'v> {
    name: &'v str,
    one: &'v Alertmanager,
}

/// `--on`, or the only one there is.
fn place<'v>(name: &Word, on: Option<&Word>, vocabulary: &'v Vocabulary) -> Checked<Place<'v>> {
    let all = &vocabulary.alertmanagers;
    let names = || all.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let found = match (on, all.len()) {
        (Some(word), _) => all.get_key_value(&word.text).ok_or_else(|| {
            let hint = meant(&word.text, all.keys().map(String::as_str), &format!("one of: {}", names()));
            no(Code::UnknownTarget, format!("the catalog knows no Alertmanager {}", quoted(&word.text)), hint)
                .over(word)
        })?,
        (None, 1) => all.iter().next().ok_or_else(|| nowhere(name, &names()))?,
        (None, _) => return Err(nowhere(name, &names())),
    };
    Ok(Place { name: found.0, one: found.1 })
}

fn nowhere(name: &Word, names: &str) -> Box<Refusal> {
    let hint =
        if names.is_empty() { "none is catalogued".to_owned() } else { format!("add `--on` with one of: {names}") };
    no(Code::MissingTarget, "the command does not say on which Alertmanager", hint).over(name)
}

fn list(line: &Line<'_>, more: &[&Word], place: Place<'_>) -> Checked<Command> {
    line.nothing_more(more)?;
    build(
        place,
        LIST,
        vec![LIST.to_owned()],
        Meaning {
            tier: Tier::Read,
            reversibility: Reversibility::NoneNeeded,
            reasons: vec!["lists silences".to_owned()],
            mode: Mode::Apply,
        },
    )
}

fn expire(line: &Line<'_>, verb: &Word, more: &[&Word], place: Place<'_>, mode: Mode) -> Checked<Command> {
    let Some((id, more)) = more.split_first() else {
        let hint = "`/silence list` shows the ids";
        return Err(no(Code::MissingValue, "`/silence expire` needs the id of a silence", hint).over(verb));
    };
    line.nothing_more(more)?;
    let id_text = id.text.to_ascii_lowercase();
    if !is_id(&id_text) {
        let hint = "`/silence list` shows the ids: 32 hexadecimal digits in five groups";
        return Err(no(Code::BadValue, format!("{} is not the id of a silence", quoted(&id.text)), hint).over(id));
    }
    build(
        place,
        EXPIRE,
        vec![EXPIRE.to_owned(), id_text],
        Meaning {
            tier: Tier::Change,
            reversibility: Reversibility::Reversible,
            reasons: vec!["lets the alert through again".to_owned()],
            mode,
        },
    )
}

/// A UUID: what Alertmanager gives a silence.
fn is_id(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.chars().all(|c| c.is_ascii_hexdigit()))
}

fn silence(name: &Word, line: &Line<'_>, place: Place<'_>, mode: Mode) -> Checked<Command> {
    let (alert, length) = match line.plain.as_slice() {
        [alert, length] => (Some(Matcher::alert(alert)?), *length),
        [length] if !line.matchers.is_empty() => (None, *length),
        [one] => {
            let hint = "write how long, as `30m` or `2h`";
            return Err(no(Code::MissingValue, "a silence needs an alert and a duration", hint).over(one));
        }
        [_, _, more, ..] => return Err(unexpected(more)),
        [] => return Err(no(Code::MissingValue, "a silence needs a duration", "write how long, as `2h`").over(name)),
    };
    let lasts = lasts(length, place)?;
    let matchers = all_of(alert, line)?;
    let (tier, reasons) = weigh(name, &matchers, lasts, place)?;
    let words = words_of(&matchers, lasts, line.own.reason.as_deref());
    build(place, SILENCE, words, Meaning { tier, reversibility: Reversibility::Reversible, reasons, mode })
}

/// The one spelling of a silence.
fn words_of(matchers: &[Matcher], lasts: Duration, comment: Option<&str>) -> Vec<String> {
    let mut words: Vec<String> = matchers.iter().map(Matcher::spelled).collect();
    // The duration stands behind the alert, as it is typed, or first where there is no alert.
    words.insert(usize::from(matchers.first().is_some_and(Matcher::is_plain_alert)), spelled(lasts));
    words.extend(comment.map(|comment| format!("--comment={comment}")));
    words
}

/// The matchers, the alert's first, none twice.
fn all_of(alert: Option<Matcher>, line: &Line<'_>) -> Checked<Vec<Matcher>> {
    let mut all: Vec<Matcher> = alert.into_iter().collect();
    for (matcher, word) in &line.matchers {
        if matcher.is_plain_alert() && all.first().is_some_and(Matcher::is_plain_alert) {
            let hint = "name it once; further matchers are about other labels";
            return Err(no(Code::RepeatedFlag, "the alert is named twice", hint).over(word));
        }
        if all.contains(matcher) {
            return Err(own::repeated(&word.text, word));
        }
        if matcher.is_plain_alert() {
            all.insert(0, matcher.clone());
        } else {
            all.push(matcher.clone());
        }
    }
    Ok(all)
}

/// How dangerous it is to hear nothing of what these match, for so long.
fn weigh(name: &Word, matchers: &[Matcher], lasts: Duration, place: Place<'_>) -> Checked<(Tier, Vec<String>)> {
    if could_match_everything(matchers)? {
        return Err(no(
            Code::BadValue,
            "this silence could match every alert there is",
            "name the alert, or a label that is equal to something: `/silence HighLatency 2h service=checkout`",
        )
        .over(name));
    }
    let breadths = breadths(matchers)?;
    let named = matchers.iter().zip(&breadths).any(|(one, breadth)| one.is_alert() && *breadth == Breadth::One);
    let raising = [
        (!named, "it does not name its alert, so it may hide others".to_owned()),
        (lasts > place.one.change_up_to, format!("it lasts longer than {}", spelled(place.one.change_up_to))),
    ];
    let reasons: Vec<String> = raising.into_iter().filter(|(is, _)| *is).map(|(_, why)| why).collect();
    if reasons.is_empty() {
        return Ok((Tier::Change, vec!["hides an alert for a while".to_owned()]));
    }
    Ok((Tier::Destructive, reasons))
}

fn breadths(matchers: &[Matcher]) -> Checked<Vec<Breadth>> {
    matchers.iter().map(Matcher::breadth).collect()
}

fn could_match_everything(matchers: &[Matcher]) -> Checked<bool> {
    Ok(breadths(matchers)?.iter().all(|one| *one == Breadth::Everything))
}

fn lasts(word: &Word, place: Place<'_>) -> Checked<Duration> {
    let bad = |sentence: String| {
        let hint = format!("write for example `30m` or `2h`; at most {}", spelled(place.one.longest));
        no(Code::BadValue, sentence, hint).over(word)
    };
    let Some(length) = duration(&word.text) else {
        return Err(bad(format!("{} is not a duration", quoted(&word.text))));
    };
    if length < SHORTEST {
        return Err(bad(format!("a silence lasts {} at the least", spelled(SHORTEST))));
    }
    if length > place.one.longest {
        return Err(bad(format!("on `{}` a silence lasts {} at the most", place.name, spelled(place.one.longest))));
    }
    Ok(length)
}

/// One spelling a duration: `1h30m`, larger units first, none that is zero.
#[must_use]
pub fn spelled(length: Duration) -> String {
    let mut rest = length.as_secs();
    let mut text = String::new();
    for (unit, seconds) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        let count = rest / seconds;
        rest %= seconds;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push(unit);
        }
    }
    text
}

/// What a line came out to mean.
struct Meaning {
    tier: Tier,
    reversibility: Reversibility,
    reasons: Vec<String>,
    mode: Mode,
}

fn build(place: Place<'_>, verb: &str, words: Vec<String>, meaning: Meaning) -> Checked<Command> {
    let mut elements = vec!["silence".to_owned()];
    elements.extend(words);
    elements.push(format!("--on={}", place.name));
    let argv = Argv::new(elements).map_err(|fault| broken(&fault.to_string()))?;
    let preview = match meaning.tier {
        Tier::Read => None,
        Tier::Change | Tier::Destructive => {
            let step = argv.with(&["--dry-run"]).map_err(|fault| broken(&fault.to_string()))?;
            Some(PreviewPlan { steps: vec![step], form: EffectForm::Text })
        }
    };
    Command::new(CommandParts {
        tool: Tool::Silence,
        argv,
        mode: meaning.mode,
        action: Action {
            tool: "silence".to_owned(),
            verb: verb.to_owned(),
            scope: Scope { env: Some(place.one.env.clone()), target: Some(place.name.to_owned()), ..Scope::default() },
            resources: vec![Resource::from_parts(&["am", place.name])],
            tier: meaning.tier,
            sensitivity: Sensitivity::Plain,
            reversibility: meaning.reversibility,
            reasons: meaning.reasons,
        },
        preview,
        stdin: None,
        filters: Vec::new(),
    })
    .map_err(|fault| broken(&fault.to_string()))
}

fn broken(what: &str) -> Box<Refusal> {
    no(Code::BadValue, what, USAGE)
}
