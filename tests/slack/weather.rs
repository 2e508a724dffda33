//! Bad days of Slack: rate limits, lost answers, silence, a token that no longer holds, a gateway that comes back.

use crate::world::{HOME, World};
use countersign_simulators::slack::{App, Fault, Outcome};
use std::time::Duration;

const DELETE: &str = "/kubectl delete pod api-7f -n payments --context prod --apply";
const READ: &str = "/kubectl get pods -n payments --context prod";

#[tokio::test]
async fn a_storm_of_rate_limits_delays_and_loses_nothing() {
    let w = World::start().await;
    w.slack.script("chat.postMessage", [Fault::RateLimit(1), Fault::RateLimit(1)]);
    w.slack.script("chat.update", [Fault::RateLimit(1), Fault::RateLimit(1), Fault::RateLimit(1)]);
    let root = w.asks("ann", DELETE).await;
    w.approves("bob", &root).await;
    w.slack.script("chat.postMessage", [Fault::RateLimit(2)]);
    w.slack.script("views.open", [Fault::RateLimit(1)]);
    // A window that cannot be opened now is not opened later: its trigger is gone by then.
    w.presses("cho", &root, "show-whole").await;
    w.told("cho", "press the button again").await;
    w.approves("cho", &root).await;
    let thread = w.says(&root, "exit code 0").await;
    assert_eq!((w.slack.roots("ops").len(), thread.matches("exit code 0").count() > 0), (1, true));
    assert_eq!(w.changes().len(), 1);
    w.end().await;
}

#[tokio::test]
async fn a_lost_answer_leaves_one_thread_and_one_result() {
    let w = World::start().await;
    w.slack.script("chat.postMessage", [Fault::LoseReply]);
    let root = w.asks("dee", READ).await;
    w.says(&root, "exit code 0").await;
    w.slack.script("chat.postMessage", std::iter::repeat_n(Fault::LoseReply, 3));
    w.slack.script("chat.update", [Fault::LoseReply, Fault::Drop, Fault::Status(503)]);
    let second = w.asks("dee", READ).await;
    let thread = w.says(&second, "exit code 0").await;
    assert_eq!(w.slack.roots("ops").len(), 2, "{}", w.slack.transcript());
    let replies = w.slack.thread(&second);
    let texts: Vec<String> = replies.iter().map(countersign_simulators::slack::Message::read).collect();
    let mut once = texts.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), texts.len(), "nothing stands twice:\n{thread}");
    w.end().await;
}

#[tokio::test]
async fn a_busy_channel_gets_every_answer_once_and_in_its_own_thread() {
    let w = World::start().await;
    let types = |_| w.types("dee", "ops", READ);
    futures_util::future::join_all((0..3).map(types)).await;
    let roots = w.sees("there are three threads", |slack| Some(slack.roots("ops")).filter(|it| it.len() == 3)).await;
    for root in roots {
        let thread = w.says(&root, "exit code 0").await;
        assert_eq!(thread.matches("exit code 0").count(), 1, "{thread}");
        assert_eq!(w.slack.thread(&root).len(), 3, "card, output, end:\n{thread}");
    }
    assert!(w.slack.calls().iter().any(|call| call.outcome == "ratelimited"), "Slack did say that it was too fast");
    w.end().await;
}

#[tokio::test]
async fn what_cannot_be_told_now_is_told_when_slack_listens_again() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    w.approves("bob", &root).await;
    let view = w.opens("cho", &root).await;
    w.slack.script("chat.update", std::iter::repeat_n(Fault::Refuse("token_revoked"), 4));
    w.slack.script("chat.postMessage", std::iter::repeat_n(Fault::Refuse("token_revoked"), 2));
    w.slack.submit(&view, &[("name", "api-7f")]).await;
    w.sees("it is refused", |slack| slack.calls().iter().any(|call| call.outcome == "token_revoked").then_some(()))
        .await;
    let thread = w.says(&root, "exit code 0").await;
    assert_eq!(thread.matches("exit code 0").count(), 1, "{thread}");
    let done = |slack: &countersign_simulators::slack::Slack| {
        slack.message(&root.channel, &root.ts).filter(|card| card.read().contains("done"))
    };
    w.sees("the card says so too", done).await;
    w.end().await;
}

#[tokio::test]
async fn while_slack_is_slow_everything_is_acknowledged_in_time() {
    let w = World::start().await;
    w.slack.script("users.info", [Fault::Delay(Duration::from_secs(4))]);
    w.types("ann", "ops", DELETE).await;
    let root = w.sees("there is a thread", |slack| slack.roots("ops").into_iter().next()).await;
    let view = w.opens("bob", &root).await;
    w.slack.script("users.info", [Fault::Delay(Duration::from_secs(4))]);
    let submitted = w.slack.submit(&view, &[("name", "api-7f")]).await;
    assert_eq!(submitted.told, None, "{:?}", submitted.outcome);
    let waiting = w.slack.view(&view.id).expect("it is open");
    assert!(waiting.open && waiting.read().contains("Still being decided"), "{}", waiting.read());
    let told = |slack: &countersign_simulators::slack::Slack| {
        slack.view(&view.id).filter(|view| !view.read().contains("Still being decided"))
    };
    let after = w.sees("the answer comes into the window", told).await;
    assert!(after.open, "{}", after.read());
    w.says(&root, "Bob").await;
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn p43_what_was_delivered_before_a_restart_is_not_taken_again() {
    let w = World::start().await;
    let typed = w.types("dee", "ops", READ).await.sent;
    let root = w.sees("there is a thread", |slack| slack.roots("ops").into_iter().next()).await;
    w.says(&root, "exit code 0").await;
    let w = Box::pin(w.restart()).await;
    assert_eq!(w.slack.deliver(typed).await.outcome.status(), Some(200));
    let second = w.asks("dee", READ).await;
    w.says(&second, "exit code 0").await;
    assert_eq!((w.received().await, w.slack.roots("ops").len()), (2, 2));
    w.end().await;
}

#[tokio::test]
async fn p49_a_revoked_token_is_told_and_what_was_asked_goes_on_with_a_new_one() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    w.approves("bob", &root).await;
    let card = w.card_with(&root, "show-whole").await;
    w.slack.revoke_token(HOME);
    // Nobody can be looked up and no window be opened, but the address for the answer needs no token.
    w.slack.click("cho", &card, "show-whole").await;
    w.told("cho", "").await;
    let refused = w.slack.command("dee", "ops", "/kubectl", "get pods -n payments --context prod").await;
    assert!(refused.outcome.is_acknowledged(), "{refused:?}");
    w.told("dee", "could not").await;
    assert_eq!(w.runs().await.len(), 0);
    w.slack.replace_token(HOME, "xoxb-new");
    w.wire.token.replace("xoxb-new".to_owned().into());
    w.approves("cho", &root).await;
    w.says(&root, "exit code 0").await;
    assert_eq!(w.changes().len(), 1);
    w.end().await;
}

#[tokio::test]
async fn p49_both_signing_secrets_hold_while_they_are_changed_and_the_old_one_no_longer() {
    let w = World::start().await;
    let old = w.slack.signing_secret();
    w.wire.secrets.replace("new".to_owned().into(), Some(old.clone().into()));
    let first = w.asks("dee", READ).await;
    w.slack.rotate_signing_secret("new");
    let second = w.asks("dee", READ).await;
    w.wire.secrets.replace("new".to_owned().into(), None);
    let third = w.asks("dee", READ).await;
    w.slack.rotate_signing_secret(&old);
    let late = w.slack.command("dee", "ops", "/kubectl", "get pods -n payments --context prod").await;
    assert_eq!(late.outcome.status(), Some(401));
    for root in [first, second, third] {
        w.says(&root, "exit code 0").await;
    }
    assert_eq!(w.received().await, 3);
    w.end().await;
}

#[tokio::test]
async fn a_gateway_that_comes_back_goes_on_in_the_same_thread() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    w.approves("bob", &root).await;
    let w = Box::pin(w.restart()).await;
    w.approves("cho", &root).await;
    w.says(&root, "exit code 0").await;
    assert_eq!((w.slack.roots("ops").len(), w.changes().len()), (1, 1));
    w.end().await;
}

#[tokio::test]
async fn while_nobody_listens_people_are_told_by_slack_itself() {
    let w = World::start().await;
    w.slack.connect(App::at("http://127.0.0.1:1"));
    let delivery = w.slack.command("ann", "ops", "/kubectl", "get pods").await;
    assert_eq!(delivery.outcome, Outcome::Unreachable);
    assert!(delivery.told.is_some_and(|told| told.contains("dispatch_failed")));
    assert_eq!(w.received().await, 0);
    w.end().await;
}
