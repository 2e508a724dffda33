//! kubectl: which verbs run from chat, and what each of them means.
//!
//! **Invariant:** argv is rebuilt from what was understood, in one fixed spelling and order, and
//! reads back to itself; `--context` and every switch of Countersign stay outside of it.

mod classify;
mod flags;
mod kinds;
pub use kinds::kind_name;
mod output;
mod preview;
mod target;
mod verbs;

use crate::grammar::{self, Parsed};
use crate::no::{Checked, Pointing, no, quoted};
use crate::own::Own;
use crate::vocabulary::{Cluster, Vocabulary};
use crate::words::Word;
use classify::{classify, is_mutating};
use countersign_core::action::{Action, Scope};
use countersign_core::command::{Argv, Command, CommandParts, Tool};
use countersign_core::refusal::Code;
use countersign_core::tier::Mode;
use output::Output;
use target::{Objects, Target};
use verbs::{Does, GRAMMAR};

/// How long `rollout status` waits when nobody says: it would wait for ever.
const ROLLOUT_STATUS_WAIT: &str = "--timeout=300s";

/// Kinds with a number of replicas.
const SCALABLE: &[&str] = &["deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers"];
/// Kinds with a rollout.
const ROLLED_OUT: &[&str] = &["deployments.apps", "daemonsets.apps", "statefulsets.apps"];
/// Kinds whose rollout can be paused.
const PAUSABLE: &[&str] = &["deployments.apps"];
/// Kinds whose pods have logs.
const LOGGING: &[&str] = &[
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "cronjobs.batch",
    "jobs.batch",
];

/// The verbs that are understood, as typed.
pub(crate) fn verbs() -> Vec<&'static str> {
    GRAMMAR.verbs.iter().map(|verb| verb.name).collect()
}

/// The cluster a command is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On<'a> {
    pub(crate) name: &'a str,
    pub(crate) cluster: &'a Cluster,
}

/// Reads the words after `kubectl`; `on` finds the cluster once `--context` is known.
pub(crate) fn parse<'v>(
    words: &[Word],
    vocabulary: &'v Vocabulary,
    on: impl FnOnce(&Own) -> Checked<On<'v>>,
) -> Checked<(Command, Own)> {
    for word in words {
        not_a_control(word)?;
    }
    let mut parsed = grammar::parse(&GRAMMAR, words)?;
    container_of_logs(&mut parsed)?;
    let own = parsed.own.clone();
    let on = on(&own)?;
    let mode = if own.apply || !is_mutating(parsed.verb.id) { Mode::Apply } else { Mode::DryRun };
    Ok((understand(&parsed, on, mode, vocabulary)?, own))
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

/// argv never carries what a terminal or log would act on.
fn not_a_control(word: &Word) -> Checked<()> {
    match word.text.chars().find(|c| countersign_core::refusal::is_deceptive(*c)) {
        None => Ok(()),
        Some(c) => Err(no(
            Code::CharacterNotAllowed,
            format!("U+{:04X} is not allowed in a command", u32::from(c)),
            "type the command again with plain characters",
        )
        .over(word)),
    }
}

fn understand(parsed: &Parsed<Does>, on: On<'_>, mode: Mode, vocabulary: &Vocabulary) -> Checked<Command> {
    let said = Said::read(parsed, vocabulary)?;
    let target = Target::place(said.objects, parsed, &on.cluster.namespace)?;
    check_selection(parsed, &target)?;
    check_kinds(parsed.verb.id, &target)?;
    let output = Output::read(parsed)?;
    let class = classify(parsed, &target, &output, &vocabulary.thresholds);
    let argv = canonical(parsed, &target, &said.more, &output)?;
    let preview = preview::plan(parsed.verb.id, &argv, &target.elements()).map_err(|fault| broken(&fault))?;
    let parts = CommandParts {
        tool: Tool::Kubectl,
        argv,
        mode,
        action: Action {
            tool: GRAMMAR.tool.to_owned(),
            verb: parsed.verb.name.to_owned(),
            scope: Scope {
                env: Some(on.cluster.env.clone()),
                target: Some(on.name.to_owned()),
                namespace: target.namespace().map(str::to_owned),
                region: None,
            },
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

fn broken(fault: &dyn std::fmt::Display) -> Box<countersign_core::refusal::Refusal> {
    no(Code::BadValue, fault.to_string(), "write the command differently")
}

/// The positionals of a verb, told apart.
struct Said {
    objects: Objects,
    /// Elements of canonical argv after the objects: labels.
    more: Vec<String>,
}

impl Said {
    fn read(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Self> {
        match parsed.verb.id {
            Does::Logs => Self::logs(parsed, vocabulary),
            Does::Label => Self::label(parsed, vocabulary),
            _ => Ok(Self { objects: Objects::read(&parsed.positionals, vocabulary)?, more: Vec::new() }),
        }
    }

    /// `logs POD`, `logs TYPE/NAME`, `logs -l …`.
    fn logs(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Self> {
        let pod =
            |text: &str, word: &Word| Objects::read(&[Word { text: text.to_owned(), ..word.clone() }], vocabulary);
        let objects = match parsed.positionals.as_slice() {
            [] if parsed.value("selector").is_some() => pod("pods", &Word::untyped("pods"))?,
            [] => {
                return Err(no(
                    Code::MissingTarget,
                    "`kubectl logs` needs a pod",
                    "name a pod, or a TYPE/NAME, or select with `-l`",
                ));
            }
            [one] if one.text.contains('/') => pod(&one.text, one)?,
            [one] => pod(&format!("pods/{}", one.text), one)?,
            [_, extra, ..] => {
                return Err(unexpected(extra, "`kubectl logs` takes one pod and one container"));
            }
        };
        Ok(Self { objects, more: Vec::new() })
    }

    /// `label TYPE NAME… KEY=VALUE… KEY-`: from the first label on, only labels.
    fn label(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Self> {
        let is_label = |word: &Word| word.text.contains('=') || word.text.ends_with('-');
        let at = parsed.positionals.iter().position(is_label).unwrap_or(parsed.positionals.len());
        let (words, labels) = parsed.positionals.split_at_checked(at).unwrap_or_default();
        if labels.is_empty() {
            return Err(no(
                Code::MissingValue,
                "`kubectl label` needs a label",
                "write KEY=VALUE, or KEY- to remove one",
            ));
        }
        let mut keys = Vec::new();
        for word in labels {
            let key = label_key(word)?;
            if keys.contains(&key) {
                return Err(crate::own::repeated(key, word));
            }
            keys.push(key);
        }
        Ok(Self {
            objects: Objects::read(words, vocabulary)?,
            more: labels.iter().map(|word| word.text.clone()).collect(),
        })
    }
}

fn unexpected(word: &Word, why: &str) -> Box<countersign_core::refusal::Refusal> {
    no(
        Code::UnexpectedArgument,
        format!("{why}, so {} has no place", quoted(&word.text)),
        "leave it away, or ask for it in a command of its own",
    )
    .over(word)
}

/// The key of `KEY=VALUE` or `KEY-`, both as Kubernetes demands them.
fn label_key(word: &Word) -> Checked<&str> {
    let segment = |text: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.len() <= 63
            && ends(text.chars().next())
            && ends(text.chars().next_back())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let domain = |text: &str| text.len() <= 253 && !text.is_empty() && text.split('.').all(segment);
    let is_key = |key: &str| match key.split_once('/') {
        Some((prefix, name)) => domain(prefix) && segment(name),
        None => segment(key),
    };
    // A word that neither sets nor removes has an empty key, which none may have.
    let (key, value) = match word.text.split_once('=') {
        Some(pair) => pair,
        None => (word.text.strip_suffix('-').unwrap_or_default(), ""),
    };
    if is_key(key) && (value.is_empty() || segment(value)) {
        return Ok(key);
    }
    Err(no(
        Code::BadValue,
        format!("{} is no label", quoted(&word.text)),
        "write KEY=VALUE, or KEY- to remove one; letters, digits, `-`, `_` and `.`",
    )
    .over(word))
}

/// Verbs that need to be told which objects of the kind they mean, as kubectl demands.
fn check_selection(parsed: &Parsed<Does>, target: &Target) -> Checked<()> {
    let selected = ["selector", "field-selector"].iter().find(|long| parsed.value(long).is_some());
    if let (true, Some(long)) = (parsed.is_on("all"), selected) {
        return Err(no(
            Code::UnexpectedArgument,
            format!("`--all` and `--{long}` cannot be combined"),
            "say which of them you mean",
        ));
    }
    let open = !target.is_named() && selected.is_none() && !parsed.is_on("all");
    if open && matches!(parsed.verb.id, Does::Delete | Does::Scale | Does::Label) {
        return Err(no(
            Code::MissingTarget,
            format!("`kubectl {}` does not say which objects it means", parsed.verb.name),
            "name them, or select them with `-l`, or say `--all`",
        ));
    }
    if parsed.verb.id == Does::Scale && parsed.value("replicas").is_none() {
        return Err(no(Code::MissingValue, "`kubectl scale` needs `--replicas`", "write `--replicas=3`"));
    }
    Ok(())
}

/// Verbs that only some kinds understand. Kinds of the catalog may understand them; kubectl knows.
fn check_kinds(verb: Does, target: &Target) -> Checked<()> {
    let known = match verb {
        Does::Get | Does::Describe | Does::Delete | Does::Label => return Ok(()),
        Does::Logs => LOGGING,
        Does::Scale => SCALABLE,
        Does::RolloutPause | Does::RolloutResume => PAUSABLE,
        Does::RolloutStatus | Does::RolloutHistory | Does::RolloutRestart | Does::RolloutUndo => ROLLED_OUT,
    };
    let kinds = target.objects.kinds();
    match kinds.iter().find(|kind| kind.built_in && !known.contains(&kind.id.as_str())) {
        None => Ok(()),
        Some(kind) => Err(no(
            Code::BadValue,
            format!("{} have nothing for this verb to act on", quoted(&kind.id)),
            format!("it acts on `{}`", known.join("`, `")),
        )),
    }
}

/// verb, objects, labels or container, place, flags in the table's order, output form.
fn canonical(parsed: &Parsed<Does>, target: &Target, more: &[String], output: &Output) -> Checked<Argv> {
    let mut elements = vec![GRAMMAR.tool.to_owned()];
    elements.extend(parsed.verb.name.split(' ').map(str::to_owned));
    if parsed.verb.id != Does::Logs || target.is_named() {
        elements.extend(target.elements());
    }
    elements.extend(more.iter().cloned());
    elements.extend(target.place_flag());
    elements.extend(parsed.canonical_flags(&["all-namespaces", "output"]));
    let waits = parsed.value("watch").is_none_or(|given| given.value == "true");
    if parsed.verb.id == Does::RolloutStatus && waits && parsed.value("timeout").is_none() {
        elements.push(ROLLOUT_STATUS_WAIT.to_owned());
    }
    elements.extend(output.flag());
    Argv::new(elements).map_err(|fault| broken(&fault))
}
