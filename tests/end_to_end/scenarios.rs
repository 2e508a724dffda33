//! What people do all day, told as their threads.

use crate::world::{How, World};
use countersign_audit::event::Kind;
use countersign_chat::{Answer, Button, EffectView, Notice, State};
use countersign_core::refusal::Code;
use countersign_core::tier::Tier;

#[tokio::test]
async fn a_read_runs_at_once_with_the_read_credential() {
    let w = World::start().await;
    let id = w.asks("dee", "/kubectl get pods -n payments --context prod").await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 });
    assert!(w.chat.transcript(&thread).contains("api-7f"), "{}", w.chat.transcript(&thread));
    let users: Vec<_> = w.prod().requests().into_iter().filter_map(|request| request.account).collect();
    assert!(!users.is_empty() && users.iter().all(|user| user == "read"), "{users:?}");
    w.end().await;
}

#[tokio::test]
async fn a_destructive_command_waits_for_two_people() {
    let w = World::start().await;
    let id = w.asks("ann", "/kubectl delete pod api-7f -n payments --context prod --apply").await;
    let thread = w.asking(id).await;
    let card = thread.card.expect("there is a card");
    assert!(matches!(&card.effect, EffectView::Found(effect) if effect.objects.len() == 1), "{:?}", card.effect);
    w.approves("bob", id).await;
    assert_eq!((w.runs(id).await, w.changes().len()), (0, 0));
    w.approves("cho", id).await;
    let (state, _) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Done { exit: 0 }, 1));
    let changes = w.changes();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].account.as_deref(), Some("destructive"));
    assert!(w.prod().object("pods", Some("payments"), "api-7f").is_none());
    let records = w.records().await;
    let intent = records.iter().rfind(|one| one.event.kind == Kind::Intent).expect("it ran");
    let slots: Vec<_> = intent.event.ballots.iter().flat_map(|note| note.slots.clone()).collect();
    assert_eq!(slots.len(), 2, "{slots:?}");
    assert!(slots.contains(&"prod-destructive: sre".to_owned()), "{slots:?}");
    w.end().await;
}

#[tokio::test]
async fn every_example_that_reads_runs() {
    let w = World::start().await;
    let catalog = w.demo.installation.policy.current();
    let reads = catalog.catalog().commands().values().filter(|command| command.grammar.tier == Tier::Read);
    let examples: Vec<_> = reads.flat_map(|command| command.grammar.examples.clone()).collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let id = w.asks("dee", &format!("/{example}")).await;
        let (state, thread) = w.ended(id).await;
        assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    }
    w.end().await;
}

#[tokio::test]
async fn a_sandbox_needs_nobody() {
    let w = World::start().await;
    let id = w.asks("ann", "/kubectl scale deployment api --replicas=5 -n payments --context dev --apply").await;
    assert_eq!(w.ended(id).await.0, State::Done { exit: 0 });
    let dev = &w.demo.clusters["dev"];
    let replicas =
        dev.object("deployments", Some("payments"), "api").expect("it is seeded")["spec"]["replicas"].clone();
    assert_eq!(replicas, 5);
    w.end().await;
}

#[tokio::test]
async fn a_command_without_kubectl_goes_the_whole_way() {
    let w = World::start().await;
    let id = w.asks("ann", "/restart-report service=checkout --apply").await;
    w.asking(id).await;
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 });
    assert!(w.chat.transcript(&thread).contains("checkout was restarted"));
    w.end().await;
}

#[tokio::test]
async fn the_requester_takes_it_back() {
    let w = World::start().await;
    let id = w.asks("ann", "/restart-report service=checkout --apply").await;
    w.asking(id).await;
    let answer = w.clicks("ann", id, Button::Cancel).await;
    assert!(matches!(answer, Answer::Said(Notice::Cancelled { was_running: false, .. })), "{answer:?}");
    assert_eq!((w.ended(id).await.0, w.runs(id).await), (State::Cancelled, 0));
    w.end().await;
}

#[tokio::test]
async fn a_failing_command_says_its_exit_code() {
    let w = World::start().await;
    let id = w.asks("dee", "/kubectl get pod nobody -n payments --context prod").await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 1 });
    assert!(w.chat.transcript(&thread).contains("not found"));
    w.end().await;
}

#[tokio::test]
async fn what_cannot_be_previewed_is_not_asked_for() {
    let w = World::start().await;
    let id = w.asks("ann", "/kubectl delete pod nobody -n payments --context prod --apply").await;
    let (state, thread) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Refused, 0));
    assert!(w.chat.transcript(&thread).contains("not found"), "{}", w.chat.transcript(&thread));
    w.end().await;
}

#[tokio::test]
async fn questions_to_countersign_are_answered_and_run_nothing() {
    let w = World::start().await;
    for text in ["/countersign help", "/countersign catalog", "/countersign pending", "/countersign whoami"] {
        let answer = w.types("dee", text).await;
        assert!(matches!(answer, Answer::Said(_)), "{text}: {answer:?}");
    }
    let Answer::Said(Notice::Listed { title, rows }) = w.types("ann", "/countersign catalog").await else {
        panic!("the catalog is a list")
    };
    assert_eq!(title, "What you can use");
    for label in ["cluster prod", "account dev", "project dev", "stack prod", "service checkout", "repository infra"] {
        assert!(rows.iter().any(|row| row.label == label), "{label}: {rows:?}");
    }
    let answer =
        w.types("ann", "/countersign can-i kubectl delete pod api-7f -n payments --context prod --apply").await;
    let Answer::Said(Notice::Listed { title, rows }) = answer else { panic!("{answer:?}") };
    assert_eq!(title, "Yes, if people agree");
    assert!(rows.iter().any(|row| row.says.contains("prod-destructive")), "{rows:?}");
    assert!(w.records().await.iter().all(|record| record.event.argv.is_none()));
    w.end().await;
}

#[tokio::test]
async fn a_vote_is_kept_and_counts_once() {
    let w = World::start().await;
    let id = w.asks("ann", "/restart-report service=checkout --apply").await;
    w.asking(id).await;
    w.approves("bob", id).await;
    let queue = w.demo.installation.queue.clone();
    assert_eq!(queue.open().await.expect("the queue is there"), vec![id]);
    let papers = queue.papers(id).await.expect("the queue is there");
    assert_eq!(papers.ballots.len(), 1);
    assert_eq!(w.in_vain("bob", id, Button::Approve).await, Code::AlreadyVoted);
    w.approves("cho", id).await;
    assert_eq!(w.ended(id).await.0, State::Done { exit: 0 });
    w.end().await;
}

#[tokio::test]
async fn a_scale_and_an_undo_show_what_they_would_change() {
    let w = World::start().await;
    let restarted = w.asks("ann", "/kubectl rollout restart deployment api -n payments --context dev --apply").await;
    assert_eq!(w.ended(restarted).await.0, State::Done { exit: 0 });
    for (text, wanted) in [
        ("/kubectl scale deployment api --replicas=9 -n payments --context prod", "/spec/replicas: 3 -> 9"),
        ("/kubectl rollout undo deployment api -n payments --context dev", "restartedAt: "),
        (
            "/kubectl label pod api-7f tier=gold -n payments --context prod",
            "/metadata/labels/tier: nothing -> \"gold\"",
        ),
    ] {
        let id = w.asks("ann", text).await;
        let (state, thread) = w.ended(id).await;
        let Some(EffectView::Found(effect)) = thread.card.as_ref().map(|card| &card.effect) else {
            panic!("{text} ended as {state:?}:\n{}", w.chat.transcript(&thread));
        };
        let lines: Vec<String> = effect.objects.iter().map(countersign_core::effect::Touched::line).collect();
        assert!(lines.join("\n").contains(wanted), "{text}: {lines:?}");
    }
    w.end().await;
}

#[tokio::test]
async fn a_restarted_installation_takes_up_what_was_asked() {
    let before = World::start().await;
    let id = before.asks("ann", "/restart-report service=checkout --apply").await;
    before.asking(id).await;
    before.approves("bob", id).await;
    let data = before.stop().await;
    let after = World::made(How { data: Some(data), ..How::default() }).await;
    let thread = after.asking(id).await;
    let agreed: Vec<_> = thread.card.expect("there is a card").rules.into_iter().flat_map(|rule| rule.agreed).collect();
    assert_eq!(agreed, ["Bob (SRE)"]);
    after.approves("cho", id).await;
    assert_eq!(after.ended(id).await.0, State::Done { exit: 0 });
    assert_eq!(after.verify().await.conclusion(), countersign_audit::verify::Conclusion::Sound);
    after.stop().await;
}

#[tokio::test]
async fn a_deletion_in_a_sandbox_runs_at_once_because_the_file_says_so() {
    let w = World::start().await;
    let id = w.asks("ann", "/kubectl delete pod api-7f -n payments --context dev --apply").await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    let card = thread.card.expect("there is a card");
    assert_eq!(card.rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["else-destructive"]);
    w.end().await;
}
