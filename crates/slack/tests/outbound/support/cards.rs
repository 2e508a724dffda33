//! Requests as they come up.

use countersign_chat::output::Stream;
use countersign_chat::{Card, Cast, Choice, EffectView, LastRun, OutputPart, RuleProgress, State, WholeView};
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::effect::{Change, Effect, Touched};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::input::Input;
use countersign_core::outcome::Ending;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use std::time::Duration;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_222_800_000);

pub(crate) fn id(trigger: &str) -> InvocationId {
    InvocationId::derive(Origin { deployment: "demo", front: "slack", team: "T1", trigger }, NOW)
}

pub(crate) fn argv(elements: &[&str]) -> Argv {
    Argv::new(elements.iter().map(ToString::to_string).collect()).unwrap()
}

pub(crate) fn lines(first_line: u64, stream: Stream, lines: &[&str]) -> OutputPart {
    OutputPart { first_line, stream, lines: lines.iter().map(ToString::to_string).collect() }
}

pub(crate) fn effect(objects: Vec<Touched>, text: Option<String>) -> EffectView {
    EffectView::Found(Effect::new("demo".into(), "prod".into(), id("1"), objects, text))
}

pub(crate) fn touched(name: &str, changes: Vec<Change>) -> Touched {
    let namespace = Some("payments".into());
    Touched { verb: "scale".into(), kind: "deployments.apps".into(), namespace, name: name.into(), uid: None, changes }
}

/// A change that fits on a card.
pub(crate) fn small() -> Card {
    let replicas = Change { path: "/spec/replicas".into(), old: Some("3".into()), new: Some("5".into()) };
    Card {
        invocation: id("1"),
        state: State::Asking,
        argv: argv(&["kubectl", "scale", "deployment", "api", "--replicas=5", "--namespace=payments"]),
        stdin: None,
        input: None,
        filters: Vec::new(),
        mode: Mode::Apply,
        scope: Scope {
            env: Some("prod".into()),
            target: Some("prod-eu".into()),
            namespace: Some("payments".into()),
            region: None,
        },
        resources: vec![Resource::from_parts(&["k8s", "prod-eu", "ns", "payments", "deployments.apps", "api"])],
        tier: Tier::Change,
        reasons: vec!["changes a workload".into()],
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::Reversible,
        isolation: Isolation::Strict,
        pool: "prod".into(),
        requester: "Ann".into(),
        reason: Some("sale starts at nine".into()),
        ticket: Some("OPS-7".into()),
        effect: effect(vec![touched("api", vec![replicas])], None),
        rules: vec![RuleProgress {
            id: "prod-change".into(),
            quorum: "1 of sre".into(),
            needed: 1,
            agreed: Vec::new(),
            factor: "none".into(),
        }],
        ballots: Vec::new(),
        expires_at: Some(NOW.plus(Duration::from_mins(15))),
        last_runs: Vec::new(),
        decision: Some(Digest::of(b"decision")),
        whole_view: WholeView::NotNeeded,
        buttons: vec![Choice::ShowWhole, Choice::Approve, Choice::Reject, Choice::Cancel],
    }
}

/// Something destructive, half agreed, with a command and an effect that fit no card.
pub(crate) fn huge() -> Card {
    let names: Vec<String> = (0..120).map(|nth| format!("api-7f{nth:03}")).collect();
    let command: Vec<&str> =
        ["kubectl", "delete", "pods"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let gone = |name: &String| Touched { verb: "delete".into(), kind: "pods".into(), ..touched(name, Vec::new()) };
    Card {
        argv: argv(&command),
        stdin: Some(Digest::of(b"in")),
        input: Some(Input::new("in".into()).unwrap()),
        filters: vec![argv(&["grep", "-i", "error"])],
        resources: names
            .iter()
            .map(|name| Resource::from_parts(&["k8s", "prod-eu", "ns", "payments", "pods", name]))
            .collect(),
        tier: Tier::Destructive,
        reasons: vec!["deletes pods".into(), "120 objects".into()],
        sensitivity: Sensitivity::Sensitive,
        reversibility: Reversibility::Irreversible,
        effect: effect(names.iter().map(gone).collect(), None),
        rules: vec![RuleProgress {
            id: "prod-destructive".into(),
            quorum: "2 of sre and 1 of payments".into(),
            needed: 3,
            agreed: vec!["Bob".into()],
            factor: "webauthn".into(),
        }],
        ballots: vec![Cast { who: "Bob".into(), vote: Vote::Approve, at: NOW, reason: Some("seen the graph".into()) }],
        last_runs: vec![LastRun {
            at: NOW.plus(Duration::from_mins(2)),
            who: "Cho".into(),
            ending: Ending::Ran,
            exit: Some(1),
        }],
        ..small()
    }
}
