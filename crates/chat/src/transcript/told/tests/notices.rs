//! What is said in a thread, word for word.

use super::*;

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
    let at = |minutes: i64| Timestamp::from_millis(NOW.as_millis() + minutes * 60_000);
    says(
        &Notice::NobodyThere { pool: "prod-write".into(), seen: Some(at(-40)), until: at(9) },
        expect![[r#"
            Waits: no worker of pool prod-write was heard of since 00:20 UTC. Nothing has started.
              Until       01:09 UTC, in 9 min; it runs if one comes before
              Next        Tell the operators: start a worker with `pools: [prod-write]`, or correct `pool:` of the target.
        "#]],
    );
    says(
        &Notice::NobodyThere { pool: "prod-write".into(), seen: None, until: at(9) },
        expect![[r#"
        Waits: no worker of pool prod-write was heard of. Nothing has started.
          Until       01:09 UTC, in 9 min; it runs if one comes before
          Next        Tell the operators: start a worker with `pools: [prod-write]`, or correct `pool:` of the target.
    "#]],
    );
    let again = || "/silence HighLatency 2h service=checkout --on=main".to_owned();
    says(
        &Notice::SilenceEnds { at: at(15), left: Some(Duration::from_mins(15)), again: again() },
        expect![[r#"
            This silence is to end at 01:15 UTC, in 15 min.
              Known       its time as it was agreed to; not what was changed in Alertmanager itself
              Next        To keep it longer: /silence HighLatency 2h service=checkout --on=main
        "#]],
    );
    says(
        &Notice::SilenceEnds { at: at(0), left: None, again: again() },
        expect![[r#"
        This silence was to end at 01:00 UTC.
          Known       its time as it was agreed to; not what was changed in Alertmanager itself
          Next        To silence it again: /silence HighLatency 2h service=checkout --on=main
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
