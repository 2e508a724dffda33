//! What people read, word for word.

mod hostile;
mod notices;

use super::notice;
use crate::card::{Card, Cast, Choice, EffectView, LastRun, RuleProgress, State, WholeView};
use crate::notice::{Finished, Notice, PendingItem, Progress, Row};
use crate::output::{Fold, FoldLimits, OutputPart, Stream};
use crate::transcript::{card, output};
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::command::Argv;
use countersign_core::decision::DecisionBytes;
use countersign_core::digest::Digest;
use countersign_core::effect::{Change, Effect, Touched};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::input::Input;
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal, is_deceptive};
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use expect_test::{Expect, expect};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(1_795_222_800_000);

fn id() -> InvocationId {
    let origin = Origin { deployment: "demo", front: "console", team: "demo", trigger: "1" };
    InvocationId::derive(origin, NOW)
}

fn argv(elements: &[&str]) -> Argv {
    Argv::new(elements.iter().map(ToString::to_string).collect()).unwrap()
}

fn touched(name: &str) -> Touched {
    Touched {
        verb: "delete".into(),
        kind: "pods".into(),
        namespace: Some("payments".into()),
        name: name.into(),
        uid: Some("1c7e".into()),
        changes: vec![Change { path: "/spec/replicas".into(), old: Some("3".into()), new: None }],
    }
}

fn found(names: &[&str], text: Option<&str>) -> Effect {
    let objects = names.iter().map(|name| touched(name)).collect();
    Effect::new("demo".into(), "prod".into(), id(), objects, text.map(Into::into))
}

fn full() -> Card {
    Card {
        invocation: id(),
        state: State::Asking,
        argv: argv(&["kubectl", "delete", "pods", "api-7f", "api 8f", "--namespace=payments"]),
        stdin: Some(Digest::of(b"in")),
        input: Some(Input::new("in".into()).unwrap()),
        filters: vec![argv(&["grep", "-i", "error"])],
        mode: Mode::Apply,
        scope: Scope {
            env: Some("prod".into()),
            target: Some("prod-eu".into()),
            namespace: Some("payments".into()),
            region: None,
        },
        resources: vec![Resource::from_parts(&["k8s", "prod-eu", "ns", "payments", "pods", "api-7f"])],
        tier: Tier::Destructive,
        reasons: vec!["deletes pods".into(), "two objects".into()],
        sensitivity: Sensitivity::Sensitive,
        reversibility: Reversibility::Irreversible,
        isolation: Isolation::Strict,
        pool: "prod".into(),
        requester: "Ann".into(),
        reason: Some("stuck since the rollout".into()),
        ticket: Some("OPS-7".into()),
        effect: EffectView::Found(found(&["api-7f", "api 8f"], None)),
        rules: vec![RuleProgress {
            id: "prod-destructive".into(),
            quorum: "2 of sre and 1 of payments".into(),
            needed: 3,
            agreed: vec!["Bob".into()],
            factor: "none".into(),
        }],
        ballots: vec![Cast { who: "Bob".into(), vote: Vote::Approve, at: NOW, reason: None }],
        expires_at: Some(NOW.plus(Duration::from_mins(12))),
        last_runs: vec![LastRun {
            at: Timestamp::from_millis(NOW.as_millis() - 86_400_000),
            who: "Cho".into(),
            ending: Ending::Ran,
            exit: Some(0),
        }],
        decision: Some(Digest::of(b"decision")),
        whole_view: WholeView::Required,
        buttons: vec![Choice::ShowWhole, Choice::Approve, Choice::Reject, Choice::Cancel],
    }
}

#[track_caller]
fn says(it: &Notice, text: Expect) {
    text.assert_eq(&notice(it, NOW));
}

fn no() -> Refusal {
    Refusal::new(
        Code::ShellSyntax,
        "`$(` is not allowed: there is no shell here",
        "Run the inner command first and copy its output.",
    )
    .by_rule("floor-shell")
    .at(18, 2)
}

#[test]
fn a_card_says_everything() {
    expect![[r#"
        Request ae542b1e: waiting for people
          Command     kubectl delete pods api-7f 'api 8f' --namespace=payments
            filtered  grep -i error
            input     sha256:582967534d0f909d196b97f9e6921342777aea87b46fa52df165389db1fb8ccf
          Where       prod, target prod-eu, namespace payments
          Tier        destructive: deletes pods; two objects
          Undo        cannot be undone
          Output      may hold secrets
          Isolation   strict: own namespaces, read-only root, no network but the target
          Asked by    Ann
          Reason      stuck since the rollout
          Ticket      OPS-7
          Effect      2 objects (delete 2)
                      delete pods api 8f in namespace payments (uid 1c7e)
                          /spec/replicas: 3 -> (nothing)
                      delete pods api-7f in namespace payments (uid 1c7e)
                          /spec/replicas: 3 -> (nothing)
          Must agree  prod-destructive: 2 of sre and 1 of payments; 1 of 3 agreed (Bob)
          So far      Bob approved at 01:00 UTC
          Expires     01:12 UTC, in 12 min
          Ran before  2026-11-20 01:00 UTC by Cho: done, exit code 0
          Decision    sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d
          Buttons     Show the whole command | Approve (after the whole command was opened) | Reject | Cancel request
    "#]]
    .assert_eq(&card(&full(), NOW));
}

#[test]
fn a_card_of_a_read_is_short() {
    let read = Card {
        state: State::Done { exit: 0 },
        argv: argv(&["kubectl", "get", "pods"]),
        stdin: None,
        input: None,
        filters: Vec::new(),
        scope: Scope::default(),
        tier: Tier::Read,
        reasons: Vec::new(),
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::NoneNeeded,
        reason: None,
        ticket: None,
        rules: Vec::new(),
        ballots: Vec::new(),
        last_runs: Vec::new(),
        buttons: Vec::new(),
        ..full()
    };
    expect![[r#"
        Request ae542b1e: done
          Command     kubectl get pods
          Where       no particular place
          Tier        read
          Undo        nothing changes, so nothing to undo
          Isolation   strict: own namespaces, read-only root, no network but the target
          Asked by    Ann
          Must agree  nobody
          Decision    sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d
          Buttons     none
    "#]]
    .assert_eq(&card(&read.with_effect(EffectView::NotNeeded), NOW));
}

#[test]
fn long_output_has_a_head_a_tail_and_the_trouble_between() {
    let mut fold = Fold::new(FoldLimits { head: 2, errors: 1, tail: 1, characters: 40 });
    let lines = ["NAME\tREADY", "api-1\t1/1", "api-2\t1/1", "Error: gone", "api-4\t1/1", "api-5\t1/1"];
    let lines = lines.iter().map(ToString::to_string).collect();
    fold.add(&OutputPart { first_line: 0, stream: Stream::Out, lines });
    fold.add(&OutputPart { first_line: 6, stream: Stream::Err, lines: vec!["warning".into()] });
    // A line at the margin, because the snapshot cuts what all lines have in common.
    expect![[r#"
        Output
          | NAME    READY
          | api-1   1/1
          ~ 1 line not shown
          | Error: gone
          ~ 2 lines not shown
          ! warning
    "#]]
    .assert_eq(&format!("Output\n{}", output(&fold)));
}

#[test]
fn p30_a_long_command_is_shown_whole_and_must_be_opened() {
    let long = "v".repeat(5_000);
    let it = Card { argv: argv(&["kubectl", "annotate", &long]), tier: Tier::Change, ..full() };
    let it = it.with_effect(EffectView::NoPreview);
    assert_eq!(it.whole_view, WholeView::Required);
    assert!(card(&it, NOW).contains(&long));
    let short = Card {
        argv: argv(&["kubectl", "get"]),
        stdin: None,
        input: None,
        filters: Vec::new(),
        tier: Tier::Change,
        ..full()
    };
    assert_eq!(short.clone().with_effect(EffectView::NoPreview).whole_view, WholeView::NotNeeded);
    let many: Vec<String> = (0..40).map(|nth| format!("pod-{nth}")).collect();
    let many = found(&many.iter().map(String::as_str).collect::<Vec<_>>(), None);
    assert_eq!(short.with_effect(EffectView::Found(many)).whole_view, WholeView::Required);
}

#[test]
fn p30_a_manifest_must_be_opened_and_a_missing_one_cannot_be() {
    let read = Card { argv: argv(&["kubectl", "apply"]), filters: Vec::new(), tier: Tier::Change, ..full() };
    assert_eq!(read.clone().with_effect(EffectView::NoPreview).whole_view, WholeView::Required);
    assert_eq!(read.input_lines(), Some(vec!["in".to_owned()]));
    let other = Some(Input::new("another".into()).unwrap());
    for input in [None, other] {
        assert_eq!(Card { input, ..read.clone() }.input_lines(), None);
    }
}

#[test]
fn a_card_is_made_of_the_decision_bytes() {
    let text = format!(
        r#"{{"argv":["kubectl","get","pods"],"deployment":"demo","expires_at":"2026-11-21T02:00:00.000Z","invocation":"{}","isolation":"strict","mode":"apply","pool":"prod","requester":{{"iss":"i","sub":"ann"}},"resources":["k8s/a/ns/b/pods/*"],"reversibility":"irreversible","rules":[{{"factor":"none","id":"r","quorum":"2 of sre and 1 of web"}}],"scope":{{"env":"prod"}},"sensitive":"plain","subject":"command","tier":"destructive","tool":"kubectl","v":1}}"#,
        id()
    );
    let bytes = DecisionBytes::read(text).unwrap();
    let it = Card::of(&bytes, "Ann", State::Asking);
    assert_eq!(it.decision, Some(bytes.digest()));
    assert_eq!(it.whole_view, WholeView::Required);
    assert_eq!(it.rules[0].needed, 3);
    assert_eq!(it.argv.to_string(), "kubectl get pods");
}
