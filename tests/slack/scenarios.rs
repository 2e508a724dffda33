//! What people do all day, as Slack shows it.

use crate::world::{How, World, name_asked_for};
use countersign_simulators::slack::Seed;

const DELETE: &str = "/kubectl delete pod api-7f -n payments --context prod --apply";

#[tokio::test]
async fn a_destructive_command_is_asked_agreed_and_run_in_one_thread() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    let card = w.card_with(&root, "show-whole").await;
    assert!(card.read().contains("api-7f"), "{}", card.read());
    assert!(!card.buttons().iter().any(|(id, _)| id == "approve"), "it has to be opened: {:?}", card.buttons());
    w.approves("bob", &root).await;
    assert_eq!((w.runs().await.len(), w.changes().len()), (0, 0));
    w.approves("cho", &root).await;
    let thread = w.says(&root, "exit code 0").await;
    assert!(thread.contains("deleted"), "{thread}");
    assert_eq!((w.runs().await.len(), w.changes().len()), (1, 1));
    assert_eq!(w.slack.roots("ops").len(), 1, "one thread a request:\n{}", w.slack.transcript());
    let after = w.card(&root);
    assert!(after.before.len() >= 3, "the card is changed in place");
    assert!(after.buttons().is_empty(), "nothing is left to press: {:?}", after.buttons());
    w.end().await;
}

#[tokio::test]
async fn a_read_needs_nobody_and_its_output_is_in_the_thread() {
    let w = World::start().await;
    let root = w.asks("dee", "/kubectl get pods -n payments --context prod").await;
    let thread = w.says(&root, "exit code 0").await;
    assert!(thread.contains("api-7f") && thread.contains("NAME"), "{thread}");
    w.end().await;
}

#[tokio::test]
async fn a_short_change_is_agreed_to_on_the_card_itself() {
    let w = World::start().await;
    let root = w.asks("ann", "/kubectl scale deployment api --replicas=5 -n payments --context prod --apply").await;
    w.presses("bob", &root, "approve").await;
    w.told("bob", "pprov").await;
    let thread = w.says(&root, "exit code 0").await;
    assert!(thread.contains("Bob (SRE)"), "{thread}");
    assert!(w.slack.views().is_empty(), "no window was needed");
    let replicas =
        w.prod().object("deployments", Some("payments"), "api").expect("it is seeded")["spec"]["replicas"].clone();
    assert_eq!((replicas, w.runs().await.len()), (5.into(), 1));
    w.end().await;
}

#[tokio::test]
async fn what_is_refused_is_told_to_the_asker_alone() {
    let w = World::start().await;
    w.types("dee", "ops", "/kubectl get pods; rm -rf /").await;
    w.told("dee", "`;`").await;
    w.types("dee", "ops", "/countersign whoami").await;
    w.told("dee", "Dee (developer)").await;
    assert!(w.slack.roots("ops").is_empty(), "{}", w.slack.transcript());
    w.end().await;
}

#[tokio::test]
async fn the_name_must_be_typed_before_a_yes_counts() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    let view = w.opens("bob", &root).await;
    assert!(view.read().contains("kubectl delete pods/api-7f"), "{}", view.read());
    w.slack.submit(&view, &[("name", "api-7")]).await;
    let told = w.slack.view(&view.id).expect("it is open");
    assert!(told.open && told.errors["name"].contains("not the name"), "{told:?}");
    let name = name_asked_for(&told);
    w.slack.submit(&told, &[("name", &format!(" {name} "))]).await;
    let closed = w.slack.view(&view.id).expect("it was open");
    assert!(!closed.open, "{}", closed.read());
    w.says(&root, "Bob").await;
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    assert_eq!(w.changes().len(), 0);
    w.end().await;
}

#[tokio::test]
async fn a_no_has_a_reason_that_the_thread_shows() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    w.presses("bob", &root, "reject").await;
    let view = w.sees("bob is asked why", |slack| slack.screen("bob")).await;
    let unsent = w.slack.submit(&view, &[("reason", "")]).await;
    assert!(unsent.told.is_some(), "Slack itself wants a reason");
    w.slack.submit(&view, &[("reason", "not before the <!channel> release")]).await;
    let thread = w.says(&root, "not before the").await;
    assert!(w.slack.screen("bob").is_none(), "{thread}");
    assert_eq!(w.changes().len(), 0);
    w.end().await;
}

#[tokio::test]
async fn whoever_may_not_agree_is_told_why_in_the_window() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    let view = w.opens("ann", &root).await;
    let name = name_asked_for(&view);
    w.slack.submit(&view, &[("name", &name)]).await;
    let told = w.slack.view(&view.id).expect("it is open");
    assert!(told.open && told.errors["name"].contains("you asked for this"), "{told:?}");
    let view = w.opens("dee", &root).await;
    let name = name_asked_for(&view);
    w.slack.submit(&view, &[("name", &name)]).await;
    assert!(w.slack.view(&view.id).is_some_and(|view| view.open && !view.errors.is_empty()));
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn where_the_bot_is_not_or_strangers_read_along_the_thread_is_a_direct_conversation() {
    let w = World::start().await;
    for (nth, channel) in ["secrets", "partners", "attic"].into_iter().enumerate() {
        w.types("dee", channel, "/kubectl get pods -n payments --context prod").await;
        let root = w.sees("there is a direct conversation", |slack| {
            slack.direct("dee").into_iter().filter(|one| one.thread_ts.is_none()).nth(nth)
        });
        let root = root.await;
        w.says(&root, "exit code 0").await;
        assert!(w.slack.roots(channel).is_empty(), "nothing stands in #{channel}");
    }
    w.end_whatever_slack_refused().await;
}

#[tokio::test]
async fn a_mention_in_a_thread_is_answered_in_that_thread() {
    let w = World::start().await;
    let talk = w.slack.says("bob", "ops", None, "is the api up?");
    let tries = w.slack.mention("dee", "ops", Some(&talk.ts), "kubectl get pods -n payments --context prod").await;
    assert_eq!(tries.len(), 1, "{tries:?}");
    let thread = w.says(&talk, "exit code 0").await;
    assert!(thread.contains("is the api up?") && thread.contains("api-7f"), "{thread}");
    assert_eq!(w.slack.roots("ops").len(), 1);
    w.end().await;
}

#[tokio::test]
async fn an_app_of_a_whole_organisation_hears_people_of_its_workspaces() {
    let w = World::with(How { seed: Seed::demo_org_wide(), ..How::default() }).await;
    let root = w.asks("ann", DELETE).await;
    w.approves("bob", &root).await;
    w.approves("cho", &root).await;
    w.says(&root, "exit code 0").await;
    assert_eq!(w.changes().len(), 1);
    w.end().await;
}

#[tokio::test]
async fn slack_finds_the_app_behind_its_address() {
    let w = World::start().await;
    let delivery = w.slack.url_verification("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P").await;
    let countersign_simulators::slack::Outcome::Answered { status: 200, body, .. } = delivery.outcome else {
        panic!("{:?}", delivery.outcome)
    };
    assert!(body.contains("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"), "{body}");
    assert!(w.slack.ssl_check().await.outcome.is_acknowledged());
    w.end().await;
}
