//! What people read, word for word. Notices take their words from `countersign_chat`; here is how
//! Slack lays them out.

use crate::support::cards::{NOW, argv, effect, huge, id, lines, small, touched};
use crate::support::{limits, shown};
use countersign_chat::output::Stream;
use countersign_chat::{
    Card, Choice, EffectView, Finished, Fold, FoldLimits, Notice, PendingItem, Progress, Row, State,
};
use countersign_core::ballot::Vote;
use countersign_core::effect::Effect;
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Isolation;
use countersign_slack::render;
use expect_test::{Expect, expect};
use std::time::Duration;

#[track_caller]
fn card_reads(card: &Card, says: Expect) {
    let page = render::card(card, NOW);
    limits::check_page(&page);
    says.assert_eq(&shown::page(&page));
}

#[track_caller]
fn reads(notice: Notice, says: Expect) {
    let page = render::notice(&notice, NOW);
    limits::check_page(&page);
    says.assert_eq(&shown::page(&page));
}

#[track_caller]
fn window_reads(view: slack_morphism::prelude::SlackView, says: Expect) {
    limits::check_view(&view);
    says.assert_eq(&shown::view(&view));
}

#[test]
fn before_there_is_a_card() {
    let page = render::received("Ann", "/kubectl get pods");
    limits::check_page(&page);
    expect![[r"
        notification: Ann: /kubectl get pods
        *Received from*  Ann
            /kubectl get pods
        (If this does not change within a minute, nothing was started: ask again.)
    "]]
    .assert_eq(&shown::page(&page));
}

#[test]
fn a_small_card() {
    card_reads(
        &small(),
        expect![[r"
            notification: waiting for people: kubectl scale deployment api --replicas=5 --namespace=payments
            # Request 36f92397: waiting for people
            *Command*
                kubectl scale deployment api --replicas=5 --namespace=payments
            *Where*  prod, target prod-eu, namespace payments
            *Tier*  change: changes a workload
            *Undo*  can be undone by another command
            *Isolation*  strict: own namespaces, read-only root, no network but the target
            *Asked by*  Ann
            *Reason*  sale starts at nine
            *Ticket*  OPS-7
            *Effect*
                1 object (scale 1)
                scale deployments.apps api in namespace payments
                    /spec/replicas: 3 -> 5
            *Must agree*  prod-change: 1 of sre; 0 of 1 agreed
            *Expires*  01:15 UTC
            *Decision*  sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d
            [Show the whole command (plain)] [Approve (primary)] [Reject (danger)] [Cancel request (plain)] 
            (request 01a1fb9e-0680-8ec7-b2d9-cc2936f92397)
        "]],
    );
}

#[test]
fn a_huge_card() {
    card_reads(
        &huge(),
        expect![[r"
            notification: waiting for people: kubectl delete pods api-7f000 api-7f001 api-7f002 api-7f003 api-7f004 api-7f005 api-7f006 api-7f007 api-7f008 api-7f009 api-7f010 api-7f011 api-7f012 api-7f013 api-7f014 api-7f015 api-7f016 api-7f017 api-7f018 api-7f019 api-7f020 api-7f021 … (979 more characters)
            # Request 36f92397: waiting for people
            *Command*
                kubectl delete pods api-7f000 api-7f001 api-7f002 api-7f003 api-7f004 api-7f005 api-7f006 api-7f007 api-7f008 api-7f009 api-7f010 api-7f011 api-7f012 api-7f013 api-7f014 api-7f015 api-7f016 api-7f017 api-7f018 api-7f019 api-7f020 api-7f021 api-7f022 api-7f023 api-7f024 api-7f025 api-7f026 api-7f027 api-7f028 api-7f029 api-7f030 api-7f031 api-7f032 api-7f033 api-7f034 api-7f035 api-7f036 api-7f037 api-7f038 api-7f039 api-7f040 api-7f041 api-7f042 api-7f043 api-7f044 api-7f045 api-7f046 api-7f047 api-7f048 api-7f049 api-7f050 api-7f051 api-7f052 api-7f053 api-7f054 api-7f055 api-7f056 api-7f057 api-7f058 api-7f059 api-7f060 api-7f061 api-7f062 api-7f063 api-7f064 api-7f065 api-7f066 api-7f067 api-7f068 api-7f069 api-7f070 api-7f071 api-7f072 api-7f073 api-7f074 api-7f075 api-7f076 api-7f077 api-7f078 api-7f079 api-7f080 api-7f081 api-7f082 api-7f083 api-7f084 api-7f085 api-7f086 api-7f087 api-7f088 api-7f089 api-7f090 api-7f091 api-7f092 api-7f093 api-7f094 api-7f095 api-7f096 api-7f097 api-7f098 api-7f099 api-7f100 api-7f101 api-7f102 api-7f103 api-7f104 api-7f105 api-7f106 api-7f107 api-7f108 api-7f109 api-7f110 api-7f111 api-7f112 api-7f113 api-7f114 api-7f115 api-7f116 api-7f117 api-7f118 api-7f119
            *Output through*  grep -i error
            *Standard input*  sha256:582967534d0f909d196b97f9e6921342777aea87b46fa52df165389db1fb8ccf
            *Where*  prod, target prod-eu, namespace payments
            *Tier*  destructive: deletes pods; 120 objects
            *Undo*  cannot be undone
            *Output*  may hold secrets
            *Isolation*  strict: own namespaces, read-only root, no network but the target
            *Asked by*  Ann
            *Reason*  sale starts at nine
            *Ticket*  OPS-7
            *Effect*
                120 objects (delete 120)
                delete pods api-7f000 in namespace payments
                delete pods api-7f001 in namespace payments
                delete pods api-7f002 in namespace payments
                delete pods api-7f003 in namespace payments
                delete pods api-7f004 in namespace payments
                delete pods api-7f005 in namespace payments
                delete pods api-7f006 in namespace payments
                delete pods api-7f007 in namespace payments
                delete pods api-7f008 in namespace payments
                delete pods api-7f009 in namespace payments
                delete pods api-7f010 in namespace payments
                delete pods api-7f011 in namespace payments
                delete pods api-7f012 in namespace payments
                … and 107 more
            *Must agree*  prod-destructive: 2 of sre and 1 of payments, with webauthn; 1 of 3 agreed (Bob)
            *So far*  Bob approved at 01:00 UTC: seen the graph
            *Expires*  01:15 UTC
            *Ran before*  01:02 UTC by Cho: failed, exit code 1
            *Decision*  sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d
            (Not everything fits on this card: open the whole.)
            [Review and approve (primary)] [Reject (danger)] [Cancel request (plain)] 
            (request 01a1fb9e-0680-8ec7-b2d9-cc2936f92397)
        "]],
    );
}

#[test]
fn a_card_that_runs() {
    let running = Card { state: State::Running, buttons: vec![Choice::Cancel], ..small() };
    card_reads(
        &running,
        expect![[r"
        notification: running: kubectl scale deployment api --replicas=5 --namespace=payments
        # Request 36f92397: running
        *Command*
            kubectl scale deployment api --replicas=5 --namespace=payments
        *Where*  prod, target prod-eu, namespace payments
        *Tier*  change: changes a workload
        *Undo*  can be undone by another command
        *Isolation*  strict: own namespaces, read-only root, no network but the target
        *Asked by*  Ann
        *Reason*  sale starts at nine
        *Ticket*  OPS-7
        *Effect*
            1 object (scale 1)
            scale deployments.apps api in namespace payments
                /spec/replicas: 3 -> 5
        *Must agree*  prod-change: 1 of sre; 0 of 1 agreed
        *Decision*  sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d
        [Cancel request (plain)] 
        (request 01a1fb9e-0680-8ec7-b2d9-cc2936f92397)
    "]],
    );
}

#[test]
fn the_whole_of_a_small_card() {
    window_reads(
        render::whole(&small(), NOW),
        expect![[r#"
        window: The whole request [Approve] [Close]
        approve "01a1fb9e-0680-8ec7-b2d9-cc2936f92397:sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d"
        *Command*
            kubectl scale deployment api --replicas=5 --namespace=payments
        *Each argument by itself*
              0  kubectl
              1  scale
              2  deployment
              3  api
              4  --replicas=5
              5  --namespace=payments
        *What it would do*
            1 object (scale 1)
            scale deployments.apps api in namespace payments
                /spec/replicas: 3 -> 5
        *Acts on*
            k8s/prod-eu/ns/payments/deployments.apps/api
        *Where*  prod, target prod-eu, namespace payments
        *Tier*  change: changes a workload
        *Undo*  can be undone by another command
        *Isolation*  strict: own namespaces, read-only root, no network but the target
        *Asked by*  Ann
        *Reason*  sale starts at nine
        *Ticket*  OPS-7
        *Must agree*  prod-change: 1 of sre; 0 of 1 agreed
        *Expires*  01:15 UTC, in 15 min
        *Decision*  sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d
    "#]],
    );
}

#[test]
fn the_whole_of_something_destructive() {
    let mut card = huge();
    card.argv = argv(&["kubectl", "delete", "pods", "api 7f", "", "--namespace=payments"]);
    card.resources.truncate(1);
    card.effect = effect(vec![touched("api 7f", Vec::new())], None);
    window_reads(
        render::whole(&card, NOW),
        expect![[r#"
            window: The whole request [Approve] [Close]
            approve "01a1fb9e-0680-8ec7-b2d9-cc2936f92397:sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d"
            *Command*
                kubectl delete pods 'api 7f' '' --namespace=payments
            *Each argument by itself*
                  0  kubectl
                  1  delete
                  2  pods
                  3  api 7f
                  4
                  5  --namespace=payments
            *Output goes through*
                  0  grep
                  1  -i
                  2  error
            *What it applies, all of it*
                in
            *What it would do*
                1 object (scale 1)
                scale deployments.apps api 7f in namespace payments
            *Acts on*
                k8s/prod-eu/ns/payments/pods/api-7f000
            *Standard input*  sha256:582967534d0f909d196b97f9e6921342777aea87b46fa52df165389db1fb8ccf
            *Where*  prod, target prod-eu, namespace payments
            *Tier*  destructive: deletes pods; 120 objects
            *Undo*  cannot be undone
            *Output*  may hold secrets
            *Isolation*  strict: own namespaces, read-only root, no network but the target
            *Asked by*  Ann
            *Reason*  sale starts at nine
            *Ticket*  OPS-7
            *Must agree*  prod-destructive: 2 of sre and 1 of payments, with webauthn; 1 of 3 agreed (Bob)
            *So far*  Bob approved at 01:00 UTC: seen the graph
            *Expires*  01:15 UTC, in 15 min
            *Ran before*  01:02 UTC by Cho: failed, exit code 1
            *Decision*  sha256:86ae35d58a6aa3b5742df94ef9d7162219f0106a911ae1954c1f0604aaec805d
            To approve, type api-7f000 <name>
        "#]],
    );
}

#[test]
fn what_slack_cannot_show_cannot_be_approved_in_slack() {
    let mut card = huge();
    card.effect = effect(Vec::new(), Some("x".repeat(300_000)));
    let view = render::whole(&card, NOW);
    limits::check_view(&view);
    let read = shown::view(&view);
    let (head, tail) = (read.lines().next().unwrap(), read.lines().last().unwrap());
    expect![[r"
        window: The whole request [-] [Close]
        …
        This is more than Slack can show, so it cannot be approved here. The console shows all of it; approve it there, or reject it and ask for something smaller.
    "]].assert_eq(&format!("{head}\n…\n{tail}\n"));
}

#[test]
fn windows() {
    window_reads(
        render::loading(),
        expect![[r#"
        window: The whole request [-] [Close]
        read ""
        One moment: the whole command and its effect are fetched.
    "#]],
    );
    window_reads(
        render::reject("meta"),
        expect![[r#"
        window: Reject [Reject] [Close]
        reject "meta"
        A no is final: nobody else's yes helps, and it has to be asked for again.
        Why not? The requester reads it. <reason>
    "#]],
    );
    let why = Refusal::new(Code::Denied, "you asked for this yourself", "Somebody else of sre can approve it.");
    window_reads(
        render::said(&Notice::NotCounted { why }, NOW),
        expect![[r#"
        window: Countersign [-] [Close]
        read ""
        Your click changed nothing.
        Refused: you asked for this yourself.
        *Why*  code denied
        *Next*  Somebody else of sre can approve it.
    "#]],
    );
}

#[test]
fn answers() {
    reads(
        Notice::Received { invocation: id("1") },
        expect![[r"
        notification: Received as request 36f92397. What happens next is told here.
        Received as request 36f92397. What happens next is told here.
    "]],
    );
    let denied =
        Refusal::new(Code::Denied, "`kubectl delete` in `prod` is not allowed for you", "Ask sre.").by_rule("only-sre");
    reads(
        Notice::Refused { refusal: denied, typed: None },
        expect![[r"
        notification: Refused: `kubectl delete` in `prod` is not allowed for you.
        Refused: `kubectl delete` in `prod` is not allowed for you.
        *Why*  rule only-sre, code denied
        *Next*  Ask sre.
    "]],
    );
    let place =
        Refusal::new(Code::Denied, "`;` is not allowed at column 18", "Ask for one command at a time.").at(18, 1);
    reads(
        Notice::refused(place, "/kubectl get pods; rm x"),
        expect![[r"
        notification: Refused: `;` is not allowed at column 18.
        Refused: `;` is not allowed at column 18.
            /kubectl get pods; rm x
                             ^
        *Why*  code denied
        *Next*  Ask for one command at a time.
    "]],
    );
    let rows = vec![Row::new("/kubectl get pods", "what runs"), Row::new("/countersign who", "who you are here")];
    reads(
        Notice::Help { rows: rows.clone() },
        expect![[r"
        notification: What you can type:
        What you can type:
            /kubectl get pods
                what runs
            /countersign who
                who you are here
    "]],
    );
    reads(
        Notice::Listed { title: "You are Ann".into(), rows },
        expect![[r"
        notification: You are Ann
        You are Ann
            /kubectl get pods
                what runs
            /countersign who
                who you are here
    "]],
    );
    let item = PendingItem {
        invocation: id("1"),
        command: "kubectl delete pod api-7f".into(),
        requester: "Ann".into(),
        waits_for: "1 of 3 agreed (rule `prod-destructive`)".into(),
        expires_at: NOW.plus(Duration::from_mins(15)),
    };
    reads(
        Notice::Pending { items: vec![item.clone(), item] },
        expect![[r"
        notification: 2 requests wait for people:
        2 requests wait for people:
            36f92397
                kubectl delete pod api-7f
                asked by Ann; 1 of 3 agreed (rule `prod-destructive`); expires 01:15 UTC, in 15 min
            36f92397
                kubectl delete pod api-7f
                asked by Ann; 1 of 3 agreed (rule `prod-destructive`); expires 01:15 UTC, in 15 min
    "]],
    );
    reads(
        Notice::Pending { items: Vec::new() },
        expect![[r"
        notification: Nothing waits.
        Nothing waits.
    "]],
    );
}

#[test]
fn how_far_it_is() {
    let found = Effect::new("demo".into(), "prod".into(), id("1"), vec![touched("api", Vec::new())], None);
    reads(
        Notice::PreviewReady { effect: found },
        expect![[r"
        notification: Preview ready: 1 object (scale 1).
        Preview ready: 1 object (scale 1).
            scale deployments.apps api in namespace payments
    "]],
    );
    let progress = vec![Progress { rule: "prod-destructive".into(), agreed: 1, needed: 3 }];
    reads(
        Notice::Agreed { who: "Bob".into(), progress: progress.clone() },
        expect![[r"
        notification: Bob agreed. Still open: prod-destructive has 1 of 3.
        Bob agreed. Still open: prod-destructive has 1 of 3.
    "]],
    );
    reads(
        Notice::Voted { vote: Vote::Approve, progress },
        expect![[r"
        notification: Your approval counts. Still open: prod-destructive has 1 of 3.
        Your approval counts. Still open: prod-destructive has 1 of 3.
    "]],
    );
    reads(
        Notice::Confirmed { who: "Ann".into() },
        expect![[r"
        notification: Ann confirmed what the preview found.
        Ann confirmed what the preview found.
    "]],
    );
    reads(
        Notice::Rejected { who: "Cho".into(), reason: Some("not on a Friday".into()) },
        expect![[r"
        notification: Cho rejected this. Nothing ran.
        Cho rejected this. Nothing ran.
        *Reason*  not on a Friday
        *Next*  Talk to them, then ask again as a new request.
    "]],
    );
    reads(
        Notice::Running { worker: "w1".into(), isolation: Isolation::Strict },
        expect![[r"
        notification: Running on worker w1, isolation strict.
        Running on worker w1, isolation strict.
    "]],
    );
}

#[test]
fn how_it_ended() {
    let finished = Finished {
        ending: Ending::Ran,
        exit: Some(1),
        duration: Duration::from_secs(80),
        hidden_lines: 240,
        redactions: 2,
        notes: vec!["the output limit was reached".into()],
    };
    reads(
        Notice::Finished(finished),
        expect![[r"
        notification: Failed, exit code 1, after 1 min 20 s.
        Failed, exit code 1, after 1 min 20 s.
        *Output*  240 lines are not shown here; `logs` has them all
        *Secrets*  2 removed from the output
        *Note*  the output limit was reached
    "]],
    );
    reads(
        Notice::Drifted { lines: vec!["- replicas 3 -> 5".into(), "+ replicas 4 -> 5".into()] },
        expect![[r"
        notification: Nothing ran: what it would do now is no longer what was approved.
        Nothing ran: what it would do now is no longer what was approved.
            - replicas 3 -> 5
            + replicas 4 -> 5
        *Next*  Ask again. The new request shows the new effect.
    "]],
    );
    reads(
        Notice::UnknownOutcome { find_out: vec!["/kubectl get pods -n payments".into(), "the audit log".into()] },
        expect![[r"
            notification: Outcome unknown: it started, and nobody saw the end. It will not be started again.
            Outcome unknown: it started, and nobody saw the end. It will not be started again.
            *Find out*  /kubectl get pods -n payments
            the audit log
            *Next*  Look before you repeat it: it may have happened.
        "]],
    );
    reads(
        Notice::Cancelled { who: "Ann".into(), was_running: true },
        expect![[r"
        notification: Ann cancelled this while it ran.
        Ann cancelled this while it ran.
        *Next*  Part of it may have happened. Look at the target before you repeat it.
    "]],
    );
    reads(
        Notice::Expired { at: NOW },
        expect![[r"
        notification: Nobody decided in time; it expired at 01:00 UTC. Nothing ran.
        Nobody decided in time; it expired at 01:00 UTC. Nothing ran.
        *Next*  Ask again if you still need it.
    "]],
    );
    reads(
        Notice::Fault { reference: "01J".into(), may_have_started: true },
        expect![[r"
        notification: Something broke on our side, reference 01J.
        Something broke on our side, reference 01J.
        *Next*  It may have started. Look at the target before you repeat anything, and pass on the reference.
    "]],
    );
}

#[test]
fn output_is_shown_behind_marks() {
    let mut fold = Fold::new(FoldLimits { head: 2, errors: 1, tail: 2, characters: 40 });
    let text = ["NAME\tREADY", "", "api   1/1", "~ 3 lines not shown", "Error: no", "web   1/1", "done"];
    fold.add(&lines(0, Stream::Out, &text));
    fold.add(&lines(7, Stream::Err, &["warning: \u{1b}[31mred"]));
    let page = render::output(&fold);
    limits::check_page(&page);
    expect![[r"
        notification: output
            | NAME    READY
            |
            ~ 2 lines not shown
            | Error: no
            ~ 1 line not shown
            | done
            ! warning: \u{1b}[31mred
    "]]
    .assert_eq(&shown::page(&page));
}

#[test]
fn an_effect_without_a_preview_says_so() {
    let card = Card { effect: EffectView::NoPreview, ..small() };
    assert!(shown::page(&render::card(&card, NOW)).contains("not known: this verb has no preview"));
}
