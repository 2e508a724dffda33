//! Reads rollouts: `/deploy <service> <env> [version]`, `/deploy status|rollback|undo <service> <env>`.
//!
//! **Invariant:** a version is a tag, a digest or a run, and means one image; a name that moves is
//! refused. Without a version it is the newest one that the service's `versions` allows, and which one
//! that is stands in the effect before anybody agrees.

mod act;
mod version;

pub use act::{Act, Verb};
pub use version::Version;

use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::vocabulary::Vocabulary;
use crate::words::Word as Typed;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::id::InvocationId;
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};

const DEPLOY: &str = "deploy";

/// What is done to a service, as its first word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The service's own name comes first.
    Deploy,
    Status,
    Rollback,
    Undo,
}

/// Words before the service.
const VERBS: [(&str, Word); 3] = [("status", Word::Status), ("rollback", Word::Rollback), ("undo", Word::Undo)];

impl Word {
    fn of(text: &str) -> Option<Self> {
        VERBS.iter().find(|(word, _)| *word == text).map(|(_, verb)| *verb)
    }
}

const USAGE: &str = "write `/deploy <service> <env> <version>`, or `/deploy status|rollback|undo <service> <env>`";

/// The verbs, for help and tables. No service has one of these names.
pub(crate) fn verbs() -> Vec<&'static str> {
    [DEPLOY].into_iter().chain(VERBS.map(|(word, _)| word)).collect()
}

/// Reads the words after `deploy`, which is `name`.
pub(crate) fn parse(name: &Typed, words: &[Typed], vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
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
        Some((first, more)) => match Word::of(&first.text) {
            Some(verb) => (verb, more),
            None => (Word::Deploy, plain.as_slice()),
        },
        None => return Err(no(Code::MissingTarget, "`/deploy` needs a service and an environment", USAGE).over(name)),
    };
    let rollout = rollout(name, verb, plain, vocabulary)?;
    let mode = if verb == Word::Status { Mode::Apply } else { own.mode_of_confirmed() };
    Ok((command(verb, &rollout, mode)?, own))
}

/// Reads a canonical argv, mode and scope that came out of a seal.
pub(crate) fn parse_again(canonical: &Canonical<'_>, vocabulary: &Vocabulary) -> Checked<Command> {
    let words: Vec<Typed> = canonical.argv.arguments().iter().map(|one| Typed::untyped(one)).collect();
    let (command, _) = parse(&Typed::untyped(canonical.argv.program()), &words, vocabulary)?;
    own::in_mode(&command, canonical.mode)
}

fn no_option(word: &Typed) -> Box<Refusal> {
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

fn rollout<'w>(name: &Typed, verb: Word, words: &[&'w Typed], vocabulary: &Vocabulary) -> Checked<Rollout<'w>> {
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
        (Word::Deploy, Some(word)) => version::check(word, &first.text, service)?,
        (Word::Undo, Some(word)) => request(word)?,
        (Word::Deploy, None) if service.versions.is_none() => {
            let sentence = format!("which version of `{}`?", first.text);
            return Err(no(Code::MissingValue, sentence, "add a tag or a digest, as `1.4.2` or `sha256:…`").over(env));
        }
        (Word::Deploy | Word::Status | Word::Rollback | Word::Undo, None) => {}
        (Word::Rollback, Some(word)) => {
            let hint = format!("a rollback goes back by one; else `/deploy {} {} <version>`", first.text, env.text);
            return Err(no(Code::UnexpectedArgument, "a rollback takes no version", hint).over(word));
        }
        (Word::Status, Some(word)) => return Err(unexpected(word)),
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

fn unexpected(word: &Typed) -> Box<Refusal> {
    no(Code::UnexpectedArgument, format!("{} is one word too many", quoted(&word.text)), USAGE).over(word)
}

/// The id of a request as it is shown: in lower case.
fn id_of(text: &str) -> Option<InvocationId> {
    text.parse().ok().filter(|id: &InvocationId| id.to_string() == text)
}

fn request(word: &Typed) -> Checked<()> {
    if id_of(&word.text).is_some() {
        return Ok(());
    }
    let sentence = format!("{} is not the id of a request", quoted(&word.text));
    Err(no(Code::BadValue, sentence, "leave it away, or write the id that the card shows").over(word))
}

fn command(verb: Word, rollout: &Rollout<'_>, mode: Mode) -> Checked<Command> {
    let Rollout { service, env, version } = *rollout;
    let (word, tier, reversibility, reason) = match verb {
        Word::Deploy => (None, Tier::Change, Reversibility::Reversible, "replaces the version that runs"),
        Word::Rollback => {
            (Some("rollback"), Tier::Change, Reversibility::Reversible, "goes back to the version before")
        }
        Word::Undo => (Some("undo"), Tier::Change, Reversibility::Reversible, "takes back the last change"),
        Word::Status => (Some("status"), Tier::Read, Reversibility::NoneNeeded, "shows what runs"),
    };
    let elements = [DEPLOY].into_iter().chain(word).chain([service, env]).chain(version);
    let argv = Argv::new(elements.map(str::to_owned).collect()).map_err(|fault| broken(&fault.to_string()))?;
    let preview = match verb {
        Word::Status => None,
        Word::Deploy | Word::Rollback | Word::Undo => {
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
