//! What people read, word for word.

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

/// Everything that was ever used to fool a reader, in one text.
fn hostile() -> String {
    format!(
        "\u{1b}[2J\u{1b}]8;;http://evil\u{7}\u{202e}<script>alert(1)</script><!channel> <@U1>`{}`\r\n  Refused: x\0\u{5d0}\u{5d1}{}",
        "```",
        "x".repeat(10_000)
    )
}

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
fn a_refusal_points_into_what_was_typed() {
    says(
        &Notice::refused(no(), "/kubectl get pod $(id)"),
        expect![[r#"
        Refused: `$(` is not allowed: there is no shell here.
            /kubectl get pod $(id)
                             ^^
          Why         rule floor-shell, code shell-syntax
          Next        Run the inner command first and copy its output.
    "#]],
    );
}

#[test]
fn a_secret_is_never_repeated() {
    let refusal = Refusal::new(Code::SecretInCommand, "the text holds a secret", "Use a reference.").at(3, 4);
    let told = notice(&Notice::refused(refusal, "a hunter2"), NOW);
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn the_caret_stays_under_an_escaped_character_and_behind_the_end() {
    let wrong = |column, length| Refusal::new(Code::CharacterNotAllowed, "x", "y").at(column, length);
    says(
        &Notice::refused(wrong(3, 1), "ab\u{202e}cd"),
        expect![[r#"
        Refused: x.
            ab\u{202e}cd
              ^^^^^^^^
          Why         code character-not-allowed
          Next        y
    "#]],
    );
    says(
        &Notice::refused(wrong(40, 1), "/tf apply"),
        expect![[r#"
        Refused: x.
            /tf apply
                     ^
          Why         code character-not-allowed
          Next        y
    "#]],
    );
    let long = format!("{}$(id){}", "a".repeat(300), "b".repeat(300));
    says(
        &Notice::refused(wrong(301, 2), &long),
        expect![[r#"
        Refused: x.
            …aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa$(id)bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…
                                                                         ^^
          Why         code character-not-allowed
          Next        y
    "#]],
    );
}

#[test]
fn beginnings_and_lists() {
    says(
        &Notice::Received { invocation: id() },
        expect![[r#"
        Received as request ae542b1e. What happens next is told here.
    "#]],
    );
    let rows = vec![
        Row::new("/kubectl get pods -n web", "look at pods"),
        Row::new("/deploy api prod v42", "roll out a version"),
    ];
    says(
        &Notice::Help { rows: rows.clone() },
        expect![[r#"
        What you can type:
          /kubectl get pods -n web  look at pods
          /deploy api prod v42      roll out a version
    "#]],
    );
    says(
        &Notice::Listed { title: "You are Ann".into(), rows },
        expect![[r#"
        You are Ann
          /kubectl get pods -n web  look at pods
          /deploy api prod v42      roll out a version
    "#]],
    );
    says(
        &Notice::Pending { items: Vec::new() },
        expect![[r#"
        Nothing waits.
    "#]],
    );
    let item = PendingItem {
        invocation: id(),
        command: "kubectl delete pods api-7f".into(),
        requester: "Ann".into(),
        waits_for: "1 of 3 agreed".into(),
        expires_at: NOW.plus(Duration::from_mins(5)),
    };
    says(
        &Notice::Pending { items: vec![item] },
        expect![[r#"
            1 request waits for people:
              ae542b1e  kubectl delete pods api-7f
                        asked by Ann; 1 of 3 agreed; expires 01:05 UTC, in 5 min
        "#]],
    );
}

#[test]
fn previews() {
    says(
        &Notice::PreviewReady { effect: found(&["api-7f"], None) },
        expect![[r#"
            Preview ready: 1 object (delete 1).
              | delete pods api-7f in namespace payments (uid 1c7e)
              |     /spec/replicas: 3 -> (nothing)
        "#]],
    );
    says(
        &Notice::PreviewReady { effect: found(&[], Some("Plan: 1 to add\n+ bucket\n")) },
        expect![[r#"
            Preview ready: in the tool's own words.
              | | Plan: 1 to add
              | | + bucket
        "#]],
    );
    says(
        &Notice::PreviewReady { effect: found(&[], None) },
        expect![[r#"
        Preview ready: nothing would change.
    "#]],
    );
}

#[test]
fn people_deciding() {
    let progress = |agreed| vec![Progress { rule: "prod-destructive".into(), agreed, needed: 2 }];
    says(
        &Notice::Agreed { who: "Bob".into(), progress: progress(1) },
        expect![[r#"
        Bob agreed. Still open: prod-destructive has 1 of 2.
    "#]],
    );
    says(
        &Notice::Agreed { who: "Cho".into(), progress: progress(2) },
        expect![[r#"
        Cho agreed. Nobody else is needed.
    "#]],
    );
    says(
        &Notice::Voted { vote: Vote::Approve, progress: progress(1) },
        expect![[r#"
        Your approval counts. Still open: prod-destructive has 1 of 2.
    "#]],
    );
    says(
        &Notice::Voted { vote: Vote::Reject, progress: progress(1) },
        expect![[r#"
        Your no is final. Nothing will run.
    "#]],
    );
    says(
        &Notice::Voted { vote: Vote::Confirm, progress: progress(2) },
        expect![[r#"
        You confirmed. Nobody else is needed.
    "#]],
    );
    says(
        &Notice::Confirmed { who: "Ann".into() },
        expect![[r#"
        Ann confirmed what the preview found.
    "#]],
    );
    says(
        &Notice::Rejected { who: "Bob".into(), reason: Some("not on a Friday".into()) },
        expect![[r#"
        Bob rejected this. Nothing ran.
          Reason      not on a Friday
          Next        Talk to them, then ask again as a new request.
    "#]],
    );
    says(
        &Notice::Rejected { who: "Bob".into(), reason: None },
        expect![[r#"
        Bob rejected this. Nothing ran.
          Next        Talk to them, then ask again as a new request.
    "#]],
    );
    let why = Refusal::new(
        Code::RequesterCannotApprove,
        "you asked for this, so your approval does not count",
        "Ask somebody of sre.",
    );
    says(
        &Notice::NotCounted { why },
        expect![[r#"
        Your click changed nothing.
        Refused: you asked for this, so your approval does not count.
          Why         code requester-cannot-approve
          Next        Ask somebody of sre.
    "#]],
    );
}

#[test]
fn on_the_way_and_afterwards() {
    says(
        &Notice::InLine { behind: Some("Ann (request 1a2b3c4d)".into()), position: 1 },
        expect![[r#"
        Waits: Ann (request 1a2b3c4d) is changing the same target. It is next.
    "#]],
    );
    says(
        &Notice::InLine { behind: Some("Ann (request 1a2b3c4d)".into()), position: 3 },
        expect![[r#"
        Waits: Ann (request 1a2b3c4d) is changing the same target. 2 others go first.
    "#]],
    );
    says(
        &Notice::TimeRunsOut { left: Duration::from_secs(24) },
        expect![[r#"
        Most of its time is used: it is ended in 24 s unless it is done by then.
    "#]],
    );
    says(
        &Notice::Reconciled { who: "Bob".into(), happened: false, note: Some("the pod is still there".into()) },
        expect![[r#"
        Bob looked, and says that it did not happen. That is on record.
          Found       the pod is still there
    "#]],
    );
}

#[test]
fn endings() {
    let plain = Finished {
        ending: Ending::Ran,
        exit: Some(0),
        duration: Duration::from_secs(2),
        hidden_lines: 0,
        redactions: 0,
        notes: Vec::new(),
    };
    says(
        &Notice::Running { worker: "w1".into(), isolation: Isolation::Strict },
        expect![[r#"
        Running on worker w1, isolation strict.
    "#]],
    );
    says(
        &Notice::Finished(plain.clone()),
        expect![[r#"
        Done, exit code 0, after 2 s.
    "#]],
    );
    let rich = Finished {
        ending: Ending::TimedOut,
        exit: Some(137),
        hidden_lines: 1,
        redactions: 2,
        notes: vec!["the lease lives until 01:10 UTC".into()],
        ..plain
    };
    says(
        &Notice::Finished(rich),
        expect![[r#"
        Stopped, it ran too long, after 2 s.
          Output      1 line is not shown here; `logs` has them all
          Secrets     2 removed from the output
          Note        the lease lives until 01:10 UTC
          Next        Part of it may have happened. Look at the target before you repeat it.
    "#]],
    );
}

#[test]
fn endings_without_a_result() {
    says(
        &Notice::Drifted { lines: vec!["- delete pods api-7f".into(), "+ delete pods api-9a".into()] },
        expect![[r#"
        Nothing ran: what it would do now is no longer what was approved.
          | - delete pods api-7f
          | + delete pods api-9a
          Next        Ask again. The new request shows the new effect.
    "#]],
    );
    let find_out = vec!["/kubectl get pods -n payments".into(), "the cluster's audit log, jti 12".into()];
    says(
        &Notice::UnknownOutcome { find_out },
        expect![[r#"
        Outcome unknown: it started, and nobody saw the end. It will not be started again.
          Find out    /kubectl get pods -n payments
                      the cluster's audit log, jti 12
          Next        Look before you repeat it: it may have happened.
    "#]],
    );
    says(
        &Notice::Cancelled { who: "Ann".into(), was_running: false },
        expect![[r#"
        Ann cancelled this. Nothing ran.
    "#]],
    );
    says(
        &Notice::Cancelled { who: "Ann".into(), was_running: true },
        expect![[r#"
        Ann cancelled this while it ran.
          Next        Part of it may have happened. Look at the target before you repeat it.
    "#]],
    );
    says(
        &Notice::Expired { at: NOW },
        expect![[r#"
        Nobody decided in time; it expired at 01:00 UTC. Nothing ran.
          Next        Ask again if you still need it.
    "#]],
    );
    says(
        &Notice::Fault { reference: "01J".into(), may_have_started: false },
        expect![[r#"
        Something broke on our side, reference 01J.
          Next        Nothing ran. Try again; if it stays, pass on the reference.
    "#]],
    );
    says(
        &Notice::Fault { reference: "01J".into(), may_have_started: true },
        expect![[r#"
        Something broke on our side, reference 01J.
          Next        It may have started. Look at the target before you repeat anything, and pass on the reference.
    "#]],
    );
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

/// A card whose every foreign text is `text`.
fn card_of(text: &str) -> Card {
    let element = text.replace('\0', "");
    let some = || Some(text.to_owned());
    let object = Touched {
        verb: text.into(),
        kind: text.into(),
        namespace: some(),
        name: text.into(),
        uid: some(),
        changes: vec![Change { path: text.into(), old: some(), new: some() }],
    };
    Card {
        argv: argv(&["kubectl", &element]),
        filters: vec![argv(&[&element])],
        scope: Scope { env: some(), target: some(), namespace: some(), region: some() },
        reasons: vec![text.into()],
        requester: text.into(),
        reason: some(),
        ticket: some(),
        effect: EffectView::Found(Effect::new(text.into(), text.into(), id(), vec![object], Some("one line".into()))),
        rules: vec![RuleProgress {
            id: text.into(),
            quorum: text.into(),
            needed: 3,
            agreed: vec![text.into()],
            factor: text.into(),
        }],
        ballots: vec![Cast { who: text.into(), vote: Vote::Approve, at: NOW, reason: some() }],
        last_runs: vec![LastRun { at: NOW, who: text.into(), ending: Ending::Ran, exit: None }],
        ..full()
    }
}

/// Every notice, with every foreign text being `text`.
fn notices_of(text: &str) -> Vec<Notice> {
    let it = || text.to_owned();
    let refusal = || Refusal::new(Code::BadValue, it(), it()).by_rule(it()).at(2, 5);
    let progress = || vec![Progress { rule: it(), agreed: 0, needed: 1 }];
    let EffectView::Found(effect) = card_of(text).effect else { panic!("an effect was given") };
    let finished = Finished {
        ending: Ending::Ran,
        exit: None,
        duration: Duration::from_secs(1),
        hidden_lines: 1,
        redactions: 1,
        notes: vec![it()],
    };
    let item = PendingItem { invocation: id(), command: it(), requester: it(), waits_for: it(), expires_at: NOW };
    vec![
        Notice::refused(refusal(), text),
        Notice::Help { rows: vec![Row::new(it(), it())] },
        Notice::Listed { title: it(), rows: vec![Row::new(it(), it())] },
        Notice::Pending { items: vec![item] },
        Notice::PreviewReady { effect },
        Notice::Agreed { who: it(), progress: progress() },
        Notice::Voted { vote: Vote::Approve, progress: progress() },
        Notice::Confirmed { who: it() },
        Notice::Rejected { who: it(), reason: Some(it()) },
        Notice::Running { worker: it(), isolation: Isolation::None },
        Notice::Finished(finished),
        Notice::Drifted { lines: vec![it()] },
        Notice::UnknownOutcome { find_out: vec![it()] },
        Notice::Cancelled { who: it(), was_running: true },
        Notice::InLine { behind: Some(it()), position: 2 },
        Notice::TimeRunsOut { left: Duration::from_secs(10) },
        Notice::Reconciled { who: it(), happened: true, note: Some(it()) },
        Notice::NotCounted { why: refusal() },
        Notice::Fault { reference: it(), may_have_started: true },
    ]
}

/// The same number of lines, each beginning as it does for a harmless text, and nothing in them
/// that a terminal would obey.
#[track_caller]
fn same_shape(evil: &str, plain: &str) {
    assert!(!evil.chars().any(|c| c != '\n' && is_deceptive(c)), "{evil:?}");
    let starts = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(['z', '\\']).next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(starts(evil).len(), starts(plain).len(), "{evil}");
    assert_eq!(starts(evil), starts(plain));
}

#[test]
fn p48_no_text_changes_the_lines_of_a_card() {
    // argv is quoted for the eye, so the harmless twin needs quoting as well.
    let evil = card(&card_of(&hostile()), NOW);
    let plain = card(&card_of("z z"), NOW);
    same_shape(&evil, &plain);
}

#[test]
fn p48_no_text_changes_the_lines_of_a_notice() {
    for (evil, plain) in notices_of(&hostile()).iter().zip(notices_of("zzzzzzzz")) {
        let (evil, plain) = (notice(evil, NOW), notice(&plain, NOW));
        assert_eq!(evil.lines().count(), plain.lines().count(), "{evil}");
        assert!(!evil.chars().any(|c| c != '\n' && is_deceptive(c)), "{evil:?}");
    }
}

#[test]
fn p48_no_output_looks_like_our_own_words() {
    let mut fold = Fold::new(FoldLimits::default());
    fold.add(&OutputPart { first_line: 0, stream: Stream::Out, lines: vec![hostile(), "Refused: x".into()] });
    let shown = output(&fold);
    assert_eq!(shown.lines().count(), 2);
    assert!(shown.lines().all(|line| line.starts_with("  | ")), "{shown}");
    assert!(!shown.chars().any(|c| c != '\n' && is_deceptive(c)));
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
