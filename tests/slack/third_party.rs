//! The main scenario against local-slack: what we say and hear is understood by somebody else's Slack too.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its programs must stop there")]

use crate::local_slack::{APP, LocalSlack, SECRET, TOKEN, free_port};
use crate::world::{Wire, home, installation};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use countersign_simulators::kubernetes::Recorded;
use countersign_simulators::slack::id;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// local-slack sends everything to one address; Slack to three.
async fn sorted(State(front): State<Router>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let path = match body.first() {
        Some(b'{') => "events",
        Some(_) if body.starts_with(b"payload=") => "interactions",
        _ => "commands",
    };
    head.uri = format!("/slack/{path}").parse().unwrap();
    front.oneshot(Request::from_parts(head, Body::from(body))).await.unwrap()
}

fn button(message: &Value, action: &str) -> Option<Value> {
    let blocks = message["blocks"].as_array().into_iter().flatten();
    let actions = blocks.filter(|block| block["type"] == "actions").filter_map(|block| block["elements"].as_array());
    actions.flatten().find(|element| element["action_id"] == action).cloned()
}

/// The card: the one message of the app that begins a thread about the deletion.
fn card(slack: &LocalSlack) -> Option<Value> {
    let is_card = |one: &&&Value| one["thread_ts"].is_null() && one["blocks"].to_string().contains("api-7f");
    slack.messages().iter().find(is_card).map(|one| (*one).clone())
}

async fn approves(slack: &mut LocalSlack, who: &str) {
    let (message, action) = slack
        .sees("there is a button", |slack| {
            card(slack).and_then(|card| Some((card.clone(), button(&card, "show-whole")?)))
        })
        .await;
    slack.clicks(&id(who), &message, &action).await;
    let asks = |slack: &LocalSlack| slack.modal.clone().filter(|view| view["blocks"].to_string().contains("\"name\""));
    slack.sees("the whole is on the screen", asks).await;
    slack.submits(&id(who), json!({"name": {"name-typed": {"type": "plain_text_input", "value": "api-7f"}}})).await;
    slack.sees("the modal is closed", |slack| slack.modal.is_none().then_some(())).await;
}

#[tokio::test]
async fn somebody_elses_slack_carries_a_request_to_its_result() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let wire = Wire::to(&format!("http://127.0.0.1:{port}/api"), TOKEN, SECRET);
    let demo = installation(folder.path(), wire.chat.clone(), None).await;
    let address = wire.serve(Router::new().fallback(sorted).with_state(wire.front(home(APP), &demo))).await;
    let people = ["ann", "bob", "cho"].map(|name| (name, id(name)));
    let mut slack = LocalSlack::start(folder.path(), port, &people, &address).await;

    slack.types(&id("ann"), "/kubectl delete pod api-7f -n payments --context prod --apply").await;
    approves(&mut slack, "bob").await;
    approves(&mut slack, "cho").await;
    let done = |slack: &LocalSlack| {
        let said = slack.messages().into_iter().find(|one| one["blocks"].to_string().contains("exit code 0")).cloned();
        said.filter(|_| card(slack).is_some_and(|card| card["blocks"].to_string().contains("done")))
    };
    let result = slack.sees("it is done", done).await;
    let card = card(&slack).unwrap();
    assert_eq!(result["thread_ts"], card["ts"], "{}", slack.transcript());
    assert!(button(&card, "show-whole").is_none(), "nothing is left to press: {card}");
    let changes: Vec<_> = demo.clusters["prod"].requests().into_iter().filter(Recorded::mutated).collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
    // Their Slack goes last: what is still to be said must find somebody.
    demo.stop().await.unwrap();
    wire.hang_up().await;
    drop(slack);
}
