//! Modals: triggers, hashes, stacks, submissions.

use crate::app::{Bench, Says, card};
use countersign_simulators::slack::{Outcome, View};
use serde_json::{Value, json};

fn view(callback: &str, with_input: bool) -> Value {
    let text = |text: &str| json!({"type": "plain_text", "text": text});
    let mut blocks = vec![json!({"type": "section", "text": text("Sure?")})];
    let mut view = json!({"type": "modal", "callback_id": callback, "title": text("Ask")});
    if with_input {
        blocks.push(json!({"type": "input", "block_id": "why", "label": text("Why"),
            "element": {"type": "plain_text_input", "action_id": "it", "max_length": 5}}));
        view["submit"] = text("Go");
    }
    view["blocks"] = blocks.into();
    view
}

impl Bench {
    async fn trigger(&self) -> String {
        self.slack.command("ann", "ops", "/kubectl", "x").await.trigger.unwrap()
    }

    async fn opened(&self, with_input: bool) -> View {
        let trigger = self.trigger().await;
        Self::is_ok(self.call("views.open", json!({"trigger_id": trigger, "view": view("ask", with_input)})).await);
        self.slack.screen("ann").unwrap()
    }
}

#[tokio::test]
async fn a_trigger_opens_one_view_within_three_seconds() {
    let b = Bench::start().await;
    let open = |trigger: &str| json!({"trigger_id": trigger, "view": view("ask", false)});
    let trigger = b.trigger().await;
    b.later(3);
    assert_eq!(b.code("views.open", open(&trigger)).await, "ok");
    assert_eq!(b.code("views.open", open(&trigger)).await, "exchanged_trigger_id");
    let trigger = b.trigger().await;
    b.later(4);
    assert_eq!(b.code("views.open", open(&trigger)).await, "expired_trigger_id");
    assert_eq!(b.code("views.open", open("1.2.3")).await, "invalid_trigger_id");
    assert_eq!(b.slack.views().len(), 1);
    b.end().await;
}

#[tokio::test]
async fn a_view_is_changed_only_by_whoever_knows_its_version() {
    let b = Bench::start().await;
    let opened = b.opened(false).await;
    let update = |hash: &str| json!({"view_id": opened.id, "hash": hash, "view": view("new", false)});
    assert_eq!(b.code("views.update", update("old")).await, "hash_conflict");
    assert_eq!(b.code("views.update", update(&opened.hash)).await, "ok");
    assert_eq!(b.code("views.update", update(&opened.hash)).await, "hash_conflict");
    assert_eq!(b.slack.screen("ann").unwrap().view["callback_id"], "new");
    b.end().await;
}

#[tokio::test]
async fn no_more_than_three_views_are_stacked() {
    let b = Bench::start().await;
    b.opened(true).await;
    for wanted in ["ok", "ok", "push_limit_reached"] {
        b.answers([Says::Json(json!({"response_action": "errors", "errors": {"why": "no"}}))]);
        let trigger = b.slack.submit(&b.slack.screen("ann").unwrap(), &[("why", "x")]).await.trigger;
        let push = json!({"trigger_id": trigger, "view": view("more", true)});
        assert_eq!(b.code("views.push", push).await, wanted);
    }
    b.end().await;
}

#[tokio::test]
async fn the_client_itself_wants_what_is_required_and_no_more_than_allowed() {
    let b = Bench::start().await;
    let opened = b.opened(true).await;
    let sent = b.count();
    for values in [&[][..], &[("why", "")], &[("why", "too long")]] {
        let delivery = b.slack.submit(&opened, values).await;
        assert_eq!(delivery.outcome, Outcome::NotSent, "{values:?}");
    }
    assert_eq!(b.count(), sent);
    b.slack.submit(&opened, &[("why", "so")]).await;
    let payload = b.payload();
    assert_eq!(payload["type"], "view_submission");
    assert_eq!(payload["view"]["state"]["values"]["why"]["it"]["value"], "so");
    b.end().await;
}

#[tokio::test]
async fn the_answer_to_a_submission_decides_what_is_on_the_screen() {
    let b = Bench::start().await;
    let submit = async |says: Says| {
        b.answers([Says::Status(200)]);
        let opened = b.opened(true).await;
        b.answers([says]);
        let told = b.slack.submit(&opened, &[("why", "so")]).await.told;
        (told.is_none(), b.slack.view(&opened.id).unwrap())
    };
    let (fine, after) = submit(Says::Status(200)).await;
    assert!(fine && !after.open);
    let (fine, after) = submit(Says::Json(json!({"response_action": "errors", "errors": {"why": "no"}}))).await;
    assert!(fine && after.open && after.errors["why"] == "no", "{after:?}");
    let (fine, after) = submit(Says::Json(json!({"response_action": "update", "view": view("new", false)}))).await;
    assert!(fine && after.open && after.view["callback_id"] == "new");
    let (fine, after) = submit(Says::Json(json!({"response_action": "clear"}))).await;
    assert!(fine && !after.open);
    for wrong in [
        Says::Status(500),
        Says::Text("fine"),
        Says::Json(json!({"response_action": "errors", "errors": {"nothing": "no"}})),
        Says::Json(json!({"response_action": "update", "view": {"type": "modal"}})),
        Says::Json(json!({"response_action": "dance"})),
    ] {
        let (fine, after) = submit(wrong).await;
        assert!(!fine && after.open, "the person still has it on the screen");
    }
    b.end().await;
}

#[tokio::test]
async fn closing_is_told_only_to_apps_that_asked() {
    let b = Bench::start().await;
    let opened = b.opened(false).await;
    assert!(b.slack.close(&opened).await.is_none());
    let trigger = b.trigger().await;
    let mut asks = view("ask", false);
    asks["notify_on_close"] = true.into();
    Bench::is_ok(b.call("views.open", json!({"trigger_id": trigger, "view": asks})).await);
    b.slack.close(&b.slack.screen("ann").unwrap()).await.unwrap();
    assert_eq!(b.payload()["type"], "view_closed");
    b.end().await;
}

#[tokio::test]
async fn blocks_are_checked_wherever_they_come_from() {
    let b = Bench::start().await;
    let wrong = json!([{"type": "section", "text": {"type": "plain_text", "text": ""}}]);
    let post = json!({"channel": "C0OPS00001", "text": "x", "blocks": wrong});
    assert_eq!(b.code("chat.postMessage", post).await, "invalid_blocks");
    let ephemeral = json!({"channel": "C0OPS00001", "user": "U000000ANN", "text": "x", "blocks": wrong});
    assert_eq!(b.code("chat.postEphemeral", ephemeral).await, "invalid_blocks");
    b.call("chat.postMessage", json!({"channel": "C0OPS00001", "text": "x", "blocks": card("go")})).await;
    b.slack.click("ann", &b.slack.roots("ops")[0], "go").await;
    let url = b.payload()["response_url"].as_str().unwrap().to_owned();
    let answer = b.http.post(url).json(&json!({"text": "x", "blocks": wrong})).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    b.end().await;
}
