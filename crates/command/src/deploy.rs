//! Reads rollouts: `/deploy <service> <env> [version]`, `/deploy status|rollback <service> <env>`.
//!
//! **Invariant:** a version is a tag or a digest that means one image; a name that moves is refused.
//! Without a version it is the newest one that the service's `versions` allows, and which one that
//! is stands in the effect before anybody agrees.

use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::vocabulary::{Service, Vocabulary};
use crate::words::Word;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};

/// What is done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// The service's own name comes first.
    Deploy,
    Status,
    Rollback,
}

/// Words before the service. `undo` is how kubectl calls it.
const VERBS: [(&str, Verb); 3] = [("status", Verb::Status), ("rollback", Verb::Rollback), ("undo", Verb::Rollback)];

/// Tags that mean another image tomorrow.
const MOVING: [&str; 16] = [
    "latest",
    "stable",
    "current",
    "main",
    "master",
    "trunk",
    "head",
    "edge",
    "nightly",
    "canary",
    "next",
    "dev",
    "develop",
    "staging",
    "prod",
    "production",
];

const USAGE: &str =
    "write `/deploy <service> <env> <version>`, `/deploy status <service> <env>` or `/deploy rollback <service> <env>`";

/// The verbs, for help and tables. No service has one of these names.
pub(crate) fn verbs() -> Vec<&'static str> {
    ["deploy"].into_iter().chain(VERBS.map(|(word, _)| word)).collect()
}

/// Reads the words after `deploy`, which is `name`.
pub(crate) fn parse(name: &Word, words: &[Word], vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    let mut own = Own::default();
    let mut plain = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if own.takes(word, &mut rest)? {
            continue;
        }
        if word.text.starts_with('-') {
            return Err(no_option(word));
        }
        plain.push(word);
    }
    let (verb, plain) = match plain.split_first() {
        Some((first, more)) => match VERBS.iter().find(|(text, _)| *text == first.text) {
            Some((_, verb)) => (*verb, more),
            None => (Verb::Deploy, plain.as_slice()),
        },
        None => return Err(no(Code::MissingTarget, "`/deploy` needs a service and an environment", USAGE).over(name)),
    };
    let rollout = rollout(name, verb, plain, vocabulary)?;
    let mode = if verb == Verb::Status { Mode::Apply } else { own.mode_of_confirmed() };
    Ok((command(verb, &rollout, mode)?, own))
}

/// Reads a canonical argv, mode and scope that came out of a seal.
pub(crate) fn parse_again(canonical: &Canonical<'_>, vocabulary: &Vocabulary) -> Checked<Command> {
    let words: Vec<Word> = canonical.argv.arguments().iter().map(|one| Word::untyped(one)).collect();
    let (command, _) = parse(&Word::untyped(canonical.argv.program()), &words, vocabulary)?;
    own::in_mode(&command, canonical.mode)
}

fn no_option(word: &Word) -> Box<Refusal> {
    let name = word.text.trim_start_matches('-');
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    let hint = meant(name, ["apply", "dry-run", "reason"], USAGE);
    no(Code::UnknownFlag, format!("`/deploy` has no option {}", quoted(&word.text)), hint).over(word)
}

/// What was named.
struct Rollout<'w> {
    service: &'w str,
    env: &'w str,
    version: Option<&'w str>,
}

fn rollout<'w>(name: &Word, verb: Verb, words: &[&'w Word], vocabulary: &Vocabulary) -> Checked<Rollout<'w>> {
    let mut words = words.iter();
    let Some(first) = words.next() else {
        return Err(no(Code::MissingTarget, "which service?", one_of(vocabulary.services.keys())).over(name));
    };
    let Some(service) = vocabulary.services.get(&first.text) else {
        let known = vocabulary.services.keys().map(String::as_str).chain(VERBS.map(|(word, _)| word));
        let hint = meant(&first.text, known, &one_of(vocabulary.services.keys()));
        return Err(
            no(Code::UnknownTarget, format!("the catalog knows no service {}", quoted(&first.text)), hint).over(first)
        );
    };
    let Some(env) = words.next() else {
        let sentence = format!("to which environment of `{}`?", first.text);
        return Err(no(Code::MissingTarget, sentence, one_of(service.environments.iter())).over(first));
    };
    if !service.environments.contains(&env.text) {
        let known = service.environments.iter().map(String::as_str);
        let hint = meant(&env.text, known, &one_of(service.environments.iter()));
        let sentence = format!("`{}` has no environment {}", first.text, quoted(&env.text));
        return Err(no(Code::UnknownTarget, sentence, hint).over(env));
    }
    let version = words.next();
    match (verb, version) {
        (Verb::Deploy, Some(word)) => version_of(word, &first.text, service)?,
        (Verb::Deploy, None) if service.versions.is_none() => {
            let sentence = format!("which version of `{}`?", first.text);
            return Err(no(Code::MissingValue, sentence, "add a tag or a digest, as `1.4.2` or `sha256:…`").over(env));
        }
        (Verb::Deploy | Verb::Status | Verb::Rollback, None) => {}
        (Verb::Rollback, Some(word)) => {
            let hint = format!("a rollback goes back by one; else `/deploy {} {} <version>`", first.text, env.text);
            return Err(no(Code::UnexpectedArgument, "a rollback takes no version", hint).over(word));
        }
        (Verb::Status, Some(word)) => return Err(unexpected(word)),
    }
    if let Some(word) = words.next() {
        return Err(unexpected(word));
    }
    Ok(Rollout { service: &first.text, env: &env.text, version: version.map(|word| word.text.as_str()) })
}

fn one_of<'a>(known: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = known.map(String::as_str).collect();
    if names.is_empty() { "none is catalogued".to_owned() } else { format!("one of: {}", names.join(", ")) }
}

fn unexpected(word: &Word) -> Box<Refusal> {
    no(Code::UnexpectedArgument, format!("{} is one word too many", quoted(&word.text)), USAGE).over(word)
}

fn version_of(word: &Word, name: &str, service: &Service) -> Checked<()> {
    let text = &word.text;
    let digest = text.strip_prefix("sha256:");
    let fits = match digest {
        Some(hash) => hash.len() == 64 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
        None => is_tag(text),
    };
    if !fits {
        return Err(no(
            Code::BadValue,
            format!("{} is not a version", quoted(text)),
            "write a tag, as `1.4.2`, or a digest, as `sha256:` and 64 characters; the image is the catalog's",
        )
        .over(word));
    }
    if MOVING.iter().any(|moving| moving.eq_ignore_ascii_case(text)) {
        return Err(no(
            Code::BadValue,
            format!("{} is another image tomorrow than today", quoted(text)),
            "write the version it means, so that everybody agrees to the same one",
        )
        .over(word));
    }
    match &service.versions {
        Some(pattern) if digest.is_none() && !pattern.matches(text) => Err(no(
            Code::BadValue,
            format!("versions of `{name}` match {}, and {} does not", quoted(pattern.as_str()), quoted(text)),
            "see `/deploy status` for what runs now",
        )
        .over(word)),
        _ => Ok(()),
    }
}

/// Source: OCI distribution specification 1.1, the grammar of `<reference>` as a tag.
fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn command(verb: Verb, rollout: &Rollout<'_>, mode: Mode) -> Checked<Command> {
    let Rollout { service, env, version } = *rollout;
    let (word, tier, reversibility, reason) = match verb {
        Verb::Deploy => (None, Tier::Change, Reversibility::Reversible, "replaces the version that runs"),
        Verb::Rollback => {
            (Some("rollback"), Tier::Change, Reversibility::Reversible, "goes back to the version before")
        }
        Verb::Status => (Some("status"), Tier::Read, Reversibility::NoneNeeded, "shows what runs"),
    };
    let elements = ["deploy"].into_iter().chain(word).chain([service, env]).chain(version);
    let argv = Argv::new(elements.map(str::to_owned).collect()).map_err(|fault| broken(&fault.to_string()))?;
    let preview = match verb {
        Verb::Status => None,
        Verb::Deploy | Verb::Rollback => {
            let step = argv.with(&["--dry-run"]).map_err(|fault| broken(&fault.to_string()))?;
            Some(PreviewPlan { steps: vec![step], form: EffectForm::Text })
        }
    };
    Command::new(CommandParts {
        tool: Tool::Deploy,
        argv,
        mode,
        action: Action {
            tool: "deploy".to_owned(),
            verb: word.unwrap_or("deploy").to_owned(),
            scope: Scope { env: Some(env.to_owned()), target: Some(service.to_owned()), ..Scope::default() },
            resources: vec![Resource::from_parts(&["svc", service, env])],
            tier,
            sensitivity: Sensitivity::Plain,
            reversibility,
            reasons: vec![reason.to_owned()],
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
