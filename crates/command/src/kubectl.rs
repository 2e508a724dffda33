//! kubectl: which verbs run from chat, and what each of them means.
//!
//! **Invariant:** argv is rebuilt from what was understood, in one fixed spelling and order, and
//! reads back to itself; `--context` and every switch of Countersign stay outside of it.

pub(crate) mod apply;
mod classify;
mod does;
mod flags;
mod kinds;
pub use kinds::kind_name;
mod output;
mod patch;
mod preview;
mod said;
mod target;
mod verbs;

use crate::characters;
use crate::grammar::{self, Parsed};
use crate::no::{Checked, Pointing, no, quoted};
use crate::own::Own;
use crate::vocabulary::{Cluster, Vocabulary};
use crate::words::Word;
use classify::{Seen, classify};
use countersign_core::action::{Action, Scope};
use countersign_core::command::{Argv, Command, CommandParts, Tool};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Mode;
use does::{Choice, Does, Takes};
use output::Output;
use patch::Patch;
use said::{Said, unexpected};
use target::Target;
use verbs::{GRAMMAR, LISTS};

/// How long these wait when nobody says: they would wait for ever.
const ENDLESS: &[Does] = &[Does::RolloutStatus, Does::Drain];
/// What they are given.
const LONGEST_WAIT: &str = "300s";

/// Kinds that run a program of their own.
const RUNNING: &[&str] = &["deployments.apps", "jobs.batch", "cronjobs.batch"];

/// The verbs that are understood, as typed.
pub(crate) fn verbs() -> Vec<&'static str> {
    GRAMMAR.verbs.iter().map(|verb| verb.name).chain(apply::verbs()).collect()
}

/// The cluster a command is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On<'a> {
    pub(crate) name: &'a str,
    pub(crate) cluster: &'a Cluster,
}

impl On<'_> {
    fn scope(&self, namespace: Option<&str>) -> Scope {
        Scope {
            env: Some(self.cluster.env.clone()),
            target: Some(self.name.to_owned()),
            namespace: namespace.map(str::to_owned),
            region: None,
        }
    }
}

/// Reads the words after `kubectl`; `on` finds the cluster once `--context` is known.
pub(crate) fn parse<'v>(
    words: &[Word],
    vocabulary: &'v Vocabulary,
    on: impl FnOnce(&Own) -> Checked<On<'v>>,
) -> Checked<(Command, Own)> {
    for word in words {
        characters::not_a_control(word)?;
    }
    let mut parsed = grammar::parse(&GRAMMAR, words)?;
    program(&mut parsed)?;
    container_of_logs(&mut parsed)?;
    list(&mut parsed)?;
    request_timeout(&mut parsed);
    end(&mut parsed)?;
    patch::as_json(&mut parsed)?;
    let own = parsed.own.clone();
    let on = on(&own)?;
    let mutating = parsed.verb.id.is_mutating();
    let mode = if own.apply || !mutating { Mode::Apply } else { Mode::DryRun };
    Ok((understand(&parsed, on, mode, vocabulary)?, own))
}

/// What follows `--` is a program for some verbs, and more words for all others.
fn program(parsed: &mut Parsed<Does>) -> Checked<()> {
    let runs = match parsed.verb.id {
        Does::Run => true,
        Does::Create(made) => RUNNING.contains(&made.kind),
        _ => false,
    };
    if runs { Ok(()) } else { parsed.join_after_flags() }
}

/// Says how long what would wait for ever waits.
fn end(parsed: &mut Parsed<Does>) -> Checked<()> {
    let waits = parsed.value("watch").is_none_or(|given| given.value == "true");
    if ENDLESS.contains(&parsed.verb.id) && waits && parsed.value("timeout").is_none() {
        parsed.set("timeout", &Word::untyped(LONGEST_WAIT))?;
    }
    Ok(())
}

/// One spelling of how long a request may take.
fn request_timeout<I>(parsed: &mut Parsed<I>) {
    parsed.rewrite("request-timeout", |text| flags::seconds(text).map(|wait| format!("{wait}s")));
}

/// With `--list` some verbs change nothing, so nothing that changes stands beside it.
fn list(parsed: &mut Parsed<Does>) -> Checked<()> {
    let Some((_, verb)) = LISTS.iter().find(|(does, _)| *does == parsed.verb.id && parsed.is_on("list")) else {
        return Ok(());
    };
    let known = |long: &str| verb.flags.iter().any(|table| table.iter().any(|flag| flag.long == long));
    let kept = |long: &str| known(long) || long == "list" || parsed.global.iter().any(|flag| flag.long == long);
    if let Some(other) = parsed.given.iter().find(|given| !kept(given.flag.long) && given.value != given.flag.default) {
        let sentence = format!("`--list` changes nothing, so `--{}` has no place", other.flag.long);
        return Err(no(Code::UnexpectedArgument, sentence, "leave one of them away").over(&other.word));
    }
    if let Some(word) = parsed.positionals.iter().find(|word| word.text.contains('=') || word.text.ends_with('-')) {
        return Err(unexpected(word, "`--list` changes nothing"));
    }
    parsed.verb = verb;
    Ok(())
}

/// `logs POD CONTAINER` is an old spelling of `logs POD --container=CONTAINER`.
fn container_of_logs(parsed: &mut Parsed<Does>) -> Checked<()> {
    if parsed.verb.id != Does::Logs || parsed.positionals.len() != 2 {
        return Ok(());
    }
    match parsed.positionals.pop() {
        Some(word) if parsed.value("container").is_some() => {
            Err(unexpected(&word, "the container is given with `-c` already"))
        }
        Some(word) => parsed.set("container", &word),
        None => Ok(()),
    }
}

fn understand(parsed: &Parsed<Does>, on: On<'_>, mode: Mode, vocabulary: &Vocabulary) -> Checked<Command> {
    let said = Said::read(parsed, vocabulary)?;
    let target = Target::place(&said, parsed, &on.cluster.namespace)?;
    check_needs(parsed)?;
    check_selection(parsed, &target)?;
    check_kinds(parsed, &target)?;
    let patch = Patch::read(parsed)?;
    let output = Output::read(parsed)?;
    let seen = Seen { parsed, target: &target, elements: &said.elements, patch: patch.as_ref(), output: &output };
    let class = classify(&seen, &vocabulary.thresholds);
    let argv = canonical(parsed, &said, &target, &output)?;
    let preview = preview::plan(parsed.verb.id, &argv, &target).map_err(|fault| broken(&fault))?;
    let parts = CommandParts {
        tool: Tool::Kubectl,
        argv,
        mode,
        action: Action {
            tool: GRAMMAR.tool.to_owned(),
            verb: parsed.verb.name.to_owned(),
            scope: on.scope(target.namespace()),
            resources: target.resources(on.name, parsed.verb.id),
            tier: class.tier,
            sensitivity: class.sensitivity,
            reversibility: class.reversibility,
            reasons: class.reasons,
        },
        preview,
        stdin: None,
        filters: Vec::new(),
    };
    Command::new(parts).map_err(|fault| broken(&fault))
}

fn broken(fault: &dyn std::fmt::Display) -> Box<Refusal> {
    no(Code::BadValue, fault.to_string(), "write the command differently")
}

/// Flags without which the verb has no meaning.
fn check_needs(parsed: &Parsed<Does>) -> Checked<()> {
    let given = |long: &&str| parsed.value(long).is_some();
    let missing = parsed.verb.id.meaning().needs.iter().find(|group| !group.iter().any(given));
    match missing.and_then(|group| group.first().map(|first| (group, first))) {
        None => Ok(()),
        Some((group, first)) => Err(no(
            Code::MissingValue,
            format!("`kubectl {}` needs `--{}`", parsed.verb.name, group.join("` or `--")),
            format!("write `--{first}=…`"),
        )),
    }
}

/// Verbs that need to be told which objects of the kind they mean, as kubectl demands.
fn check_selection(parsed: &Parsed<Does>, target: &Target) -> Checked<()> {
    let meaning = parsed.verb.id.meaning();
    if matches!(meaning.takes, Takes::New(_)) {
        return Ok(());
    }
    let selects = |long: &&&str| meaning.choice != Choice::ByName && parsed.value(long).is_some();
    let selected = ["selector", "field-selector"].iter().find(selects);
    if let (true, Some(long)) = (parsed.is_on("all"), selected) {
        return Err(no(
            Code::UnexpectedArgument,
            format!("`--all` and `--{long}` cannot be combined"),
            "say which of them you mean",
        ));
    }
    let open = !target.is_named() && selected.is_none() && !parsed.is_on("all");
    let way = match meaning.choice {
        Choice::Demanded if open => "name them, or select them with `-l`, or say `--all`",
        Choice::ByName if !target.is_named() => "name them",
        Choice::Open | Choice::Demanded | Choice::ByName => return Ok(()),
    };
    Err(no(Code::MissingTarget, format!("`kubectl {}` does not say which objects it means", parsed.verb.name), way))
}

/// Verbs that only some kinds understand. Kinds of the catalog may understand them; kubectl knows.
fn check_kinds(parsed: &Parsed<Does>, target: &Target) -> Checked<()> {
    let known = parsed.verb.id.meaning().acts_on;
    let kinds = target.objects.kinds();
    match kinds.iter().find(|kind| !known.is_empty() && kind.built_in && !known.contains(&kind.id.as_str())) {
        None => Ok(()),
        Some(kind) => Err(no(
            Code::BadValue,
            format!("{} have nothing for this verb to act on", quoted(&kind.id)),
            format!("it acts on `{}`", known.join("`, `")),
        )),
    }
}

/// Flags that are written in another way than as they are.
const WRITTEN_ELSEWHERE: &[&str] = &["namespace", "all-namespaces", "output", "template", "env", "list"];
/// The same for a new pod, whose variables are flags.
const WRITTEN_ELSEWHERE_OF_RUN: &[&str] = &["namespace", "output", "template"];

/// verb, what was said, place, flags in the table's order, output form, program.
fn canonical(parsed: &Parsed<Does>, said: &Said, target: &Target, output: &Output) -> Checked<Argv> {
    let verb = parsed.verb.id;
    let mut elements = vec![GRAMMAR.tool.to_owned()];
    elements.extend(parsed.verb.name.split(' ').map(str::to_owned));
    elements.extend(said.elements.iter().cloned());
    elements.extend(target.place_flag());
    let elsewhere = match verb {
        Does::Run => WRITTEN_ELSEWHERE_OF_RUN,
        Does::CanI => &["namespace", "all-namespaces"],
        _ => WRITTEN_ELSEWHERE,
    };
    elements.extend(parsed.canonical_flags(elsewhere));
    elements.extend(output.flag());
    if !said.program.is_empty() {
        elements.push("--".to_owned());
        elements.extend(said.program.iter().cloned());
    }
    Argv::new(elements).map_err(|fault| broken(&fault))
}
