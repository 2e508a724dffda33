//! Requests to the app: their shape, their signature, and what becomes of the answer.

use crate::app::{Bench, HOME, Says, card, form};
use countersign_simulators::slack::{App, Author, Door, Outcome, Seed, id};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_command_has_every_field_that_slack_documents() {
    let b = Bench::start().await;
    let delivery = b.slack.command("ann", "ops", "/kubectl", "get pods -n “payments” & <x>").await;
    assert!(delivery.outcome.is_acknowledged() && delivery.told.is_none(), "{delivery:?}");
    let (headers, fields) = b.got();
    for (field, wanted) in [
        ("team_id", HOME),
        ("team_domain", "home"),
        ("channel_id", "C0OPS00001"),
        ("channel_name", "ops"),
        ("user_id", "U000000ANN"),
        ("user_name", "ann"),
        ("command", "/kubectl"),
        ("text", "get pods -n “payments” & <x>"),
        ("api_app_id", "A0COUNTER1"),
        ("is_enterprise_install", "false"),
    ] {
        assert_eq!(fields[field], wanted, "{field}");
    }
    assert!(fields.get("enterprise_id").is_none() && fields.get("thread_ts").is_none(), "{fields}");
    assert_eq!(fields["trigger_id"].as_str(), delivery.trigger.as_deref());
    assert_eq!(headers["x-slack-request-timestamp"], "1795262400");
    assert!(headers["x-slack-signature"].to_str().unwrap().starts_with("v0="));
    b.end().await;
}

#[tokio::test]
async fn an_installation_for_an_organisation_names_no_team_in_interactions() {
    let b = Bench::with(Seed::demo_org_wide()).await;
    b.slack.command("ann", "ops", "/kubectl", "x").await;
    let fields = b.got().1;
    assert_eq!((&fields["enterprise_id"], &fields["is_enterprise_install"]), (&json!("E0ACME0001"), &json!("true")));
    b.call("chat.postMessage", json!({"channel": "C0OPS00001", "text": "x", "blocks": card("go")})).await;
    b.slack.click("bob", &b.slack.roots("ops")[0], "go").await;
    let payload = b.payload();
    assert_eq!((&payload["team"], &payload["enterprise"]["id"]), (&Value::Null, &json!("E0ACME0001")));
    assert_eq!(payload["is_enterprise_install"], true);
    b.end().await;
}

#[tokio::test]
async fn an_answer_to_a_command_is_shown_to_the_one_who_typed() {
    let b = Bench::start().await;
    let public = json!({"response_type": "in_channel", "text": "everybody"});
    let wrong = json!({"text": "x", "blocks": [{"type": "hologram"}]});
    b.answers([Says::Text("only you"), Says::Json(public), Says::Status(200), Says::Json(wrong)]);
    for _ in 0..3 {
        assert!(b.slack.command("ann", "ops", "/kubectl", "x").await.told.is_none());
    }
    assert_eq!(b.slack.only_for("ann").iter().map(|one| one.now.text.as_str()).collect::<Vec<_>>(), ["only you"]);
    assert_eq!(b.slack.roots("ops").iter().map(|one| one.now.text.as_str()).collect::<Vec<_>>(), ["everybody"]);
    let told = b.slack.command("ann", "ops", "/kubectl", "x").await.told.unwrap();
    assert!(told.contains("invalid_blocks"), "{told}");
    b.end().await;
}

#[tokio::test]
async fn a_command_is_sent_once_and_its_failure_is_told() {
    let b = Bench::start().await;
    b.slack.acknowledge_within(Duration::from_millis(50));
    b.answers([Says::Silence, Says::Status(500), Says::Status(401)]);
    let mut told = Vec::new();
    for _ in 0..3 {
        told.extend(b.slack.command("ann", "ops", "/kubectl", "x").await.told);
    }
    let wanted = ["operation_timeout", "http_service_error", "http_client_error"];
    assert!(told.iter().zip(wanted).all(|(told, wanted)| told.contains(wanted)), "{told:?}");
    b.slack.connect(App::at("http://127.0.0.1:1"));
    let gone = b.slack.command("ann", "ops", "/kubectl", "x").await;
    assert_eq!((gone.outcome, b.count()), (Outcome::Unreachable, 3));
    let notes = b.slack.only_for("ann");
    assert!(notes.len() == 4 && notes.iter().all(|one| one.author == Author::Slack), "{notes:?}");
    assert_eq!(b.slack.deliveries().len(), 4);
    b.end().await;
}

#[tokio::test]
async fn a_click_says_who_where_and_what() {
    let b = Bench::start().await;
    b.call("chat.postMessage", json!({"channel": "C0OPS00001", "text": "x", "blocks": card("go")})).await;
    let message = b.slack.roots("ops").remove(0);
    let delivery = b.slack.click("bob", &message, "go").await;
    let payload = b.payload();
    assert_eq!((&payload["type"], &payload["user"]["id"]), (&json!("block_actions"), &json!(id("bob"))));
    assert_eq!((&payload["team"]["id"], &payload["container"]["message_ts"]), (&json!(HOME), &json!(message.ts)));
    let action = &payload["actions"][0];
    assert_eq!((&action["action_id"], &action["value"]), (&json!("go"), &json!("v")));
    assert_eq!(action["block_id"], message.now.blocks[0]["block_id"], "a block without an id was given one");
    assert_eq!(payload["trigger_id"].as_str(), delivery.trigger.as_deref());
    b.end().await;
}

#[tokio::test]
async fn a_response_url_works_five_times_for_half_an_hour() {
    let b = Bench::start().await;
    b.slack.command("ann", "ops", "/kubectl", "x").await;
    let url = b.got().1["response_url"].as_str().unwrap().to_owned();
    let say = async |url: &str| {
        let answer = b.http.post(url).json(&json!({"text": "late"})).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for _ in 0..5 {
        assert_eq!(say(&url).await, (200, "ok".to_owned()));
    }
    assert!(say(&url).await.1.contains("used_url"));
    assert_eq!(b.slack.only_for("ann").len(), 5);
    b.slack.command("ann", "ops", "/kubectl", "x").await;
    let url = b.got().1["response_url"].as_str().unwrap().to_owned();
    b.later(30 * 60);
    assert_eq!(say(&url).await.0, 200);
    b.later(1);
    assert!(say(&url).await.1.contains("expired_url"));
    b.end().await;
}

#[tokio::test]
async fn an_event_comes_again_until_it_is_taken_and_four_times_at_most() {
    let b = Bench::start().await;
    b.answers([Says::Status(500), Says::Status(500), Says::Status(200)]);
    let tries = b.slack.mention("ann", "ops", None, "kubectl get pods").await;
    assert_eq!(tries.len(), 3);
    assert!(tries[0].sent.header("x-slack-retry-num").is_none());
    assert_eq!(tries[2].sent.header("x-slack-retry-num"), Some("2"));
    assert_eq!(tries[2].sent.header("x-slack-retry-reason"), Some("http_error"));
    assert_eq!(tries[0].sent.body, tries[2].sent.body, "the same event");
    let event = b.got().1;
    assert_eq!(event["event"]["text"], "<@U0BOT00001> kubectl get pods");
    b.answers(std::iter::repeat_n(Says::Status(500), 9));
    assert_eq!(b.slack.mention("ann", "ops", None, "x").await.len(), 4);
    b.end().await;
}

#[tokio::test]
async fn a_request_can_be_composed_edited_and_sent_again() {
    let b = Bench::start().await;
    let composed = b.slack.compose("ann", "ops", "/kubectl", "x");
    assert_eq!(b.count(), 0);
    b.slack.deliver(composed.clone()).await;
    b.slack.deliver(composed.clone()).await;
    assert_eq!((b.count(), form(&composed.body)["text"].as_str()), (2, Some("x")));
    b.slack.rotate_signing_secret("another");
    let again = b.slack.sign(Door::Commands, composed.body.clone());
    assert_ne!(again.header("x-slack-signature"), composed.header("x-slack-signature"));
    b.slack.url_verification("3eZbrw1aB").await;
    assert_eq!(b.got().1["challenge"], "3eZbrw1aB");
    b.slack.ssl_check().await;
    assert_eq!(b.got().1["ssl_check"], "1");
    b.end().await;
}

#[tokio::test]
async fn waiting_ends_when_it_happens_or_tells_what_was_there() {
    let b = Bench::start().await;
    let soon = Duration::from_secs(30);
    let found = b.slack.wait_for(soon, |slack| slack.roots("ops").into_iter().next());
    let post = b.call("chat.postMessage", json!({"channel": "C0OPS00001", "text": "there"}));
    let (found, _) = tokio::join!(found, post);
    assert_eq!(found.unwrap().now.text, "there");
    let never = b.slack.wait_for(Duration::from_millis(20), |slack| slack.roots("lobby").pop()).await;
    assert_eq!(never.unwrap_err(), "[ops app] there");
    b.end().await;
}
