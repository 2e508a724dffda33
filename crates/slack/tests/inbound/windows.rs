//! Windows: the whole, a yes with a name, a no with a reason.

use crate::office::{destructive, id, short, value};
use crate::payloads::{
    ALL, CARD, CHANNEL, Installed, RESPONSE_URL, click, payload, submission, typed_name, typed_reason,
};
use crate::world::{Back, World};
use countersign_chat::{Button, Card, Membership, State};
use countersign_core::ballot::Vote;
use countersign_core::digest::Digest;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const BOB: &str = "U0BOB00001";

async fn world(card: &Card) -> World {
    let world = World::start().await;
    world.office.ask(CHANNEL, CARD, card.clone());
    world
}

async fn send(world: &World, it: &Value) -> Back {
    let back = world.send(&world.sign("/slack/interactions", payload(it))).await;
    assert_eq!(back.status, 200);
    back
}

async fn press(world: &World, trigger: &str, action: &str, card: &Card) {
    send(world, &click(Installed::Workspace, BOB, trigger, (action, &value(card)))).await;
    world.settled().await;
}

/// Sends the window off and waits; what Slack was answered.
async fn submit(world: &World, trigger: &str, purpose: &str, card: &Card, values: Value) -> Value {
    let it = submission(Installed::Workspace, BOB, trigger, (purpose, &value(card)), values);
    let back = send(world, &it).await;
    world.settled().await;
    back.json()
}

#[tokio::test]
async fn the_whole_is_opened_at_once_and_filled_when_it_is_there() {
    let card = destructive("x");
    let world = world(&card).await;
    world.office.close();
    send(&world, &click(Installed::Workspace, BOB, "1", ("show-whole", &value(&card)))).await;
    while world.office.clicked().is_empty() {
        tokio::task::yield_now().await;
    }
    // The gateway was asked after the window was there.
    let views = world.slack.views();
    assert_eq!((views.len(), views[0].1["callback_id"].as_str()), (1, Some("read")));
    world.office.open();
    world.settled().await;
    let views = world.slack.views();
    assert_eq!((views.len(), views[1].0.as_str()), (2, "V0"));
    assert_eq!(views[1].1["callback_id"], "approve");
    assert_eq!(views[1].1["private_metadata"], value(&card));
    assert!(views[1].1.to_string().contains("delete"), "{}", views[1].1);
    assert!(world.slack.told().is_empty());
}

#[tokio::test]
async fn who_sees_no_window_was_shown_nothing() {
    let card = destructive("x");
    let world = world(&card).await;
    world.slack.opens_nothing.store(true, Ordering::SeqCst);
    for (trigger, action) in [("1", "show-whole"), ("2", "reject")] {
        press(&world, trigger, action, &card).await;
    }
    assert!(world.office.is_untouched());
    let told = world.slack.told();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|told| told.to == RESPONSE_URL && told.says.contains("Nothing was decided")));
}

#[tokio::test]
async fn a_no_about_the_whole_stands_in_the_window() {
    let card = destructive("x");
    let world = world(&card).await;
    world.office.change(card.invocation, |card| card.state = State::Expired);
    press(&world, "1", "show-whole", &card).await;
    let (_, view) = world.slack.views().pop().unwrap();
    assert!(view.to_string().contains("decided already"), "{view}");
    assert_eq!(view["callback_id"], "read");
}

#[tokio::test]
async fn a_yes_needs_the_name_exactly() {
    let card = destructive("x");
    let world = world(&card).await;
    let wrong = ["", " ", "API", "apix", "ap", "api\n", "\u{a0}api", "deployments/api", "prod-eu", "*", "а\u{440}i"];
    for (nth, name) in wrong.iter().enumerate() {
        let answer = submit(&world, &format!("1.{nth}"), "approve", &card, typed_name(name)).await;
        assert_eq!(answer["response_action"], "errors", "{name:?}");
        assert!(answer["errors"]["name"].as_str().unwrap().contains("exactly"), "{name:?}");
    }
    assert!(world.office.ballots(card.invocation).is_empty());
    assert!(world.office.clicked().iter().all(|click| click.button == Button::ShowWhole));
    let answer = submit(&world, "2", "approve", &card, typed_name(" api ")).await;
    assert_eq!(answer, json!({ "response_action": "clear" }));
    assert_eq!(world.office.ballots(card.invocation).len(), 1);
    let last = world.office.clicked().pop().unwrap();
    assert_eq!((last.button, last.thread, last.decision), (Button::Approve, None, card.decision));
    let answer = submit(&world, "3", "approve", &card, typed_name("api")).await;
    assert!(answer["errors"]["name"].as_str().unwrap().contains("counts once"), "{answer}");
}

#[tokio::test]
async fn a_window_without_its_field_approves_nothing_that_wants_a_name() {
    let card = destructive("x");
    let odd = [json!({}), Value::Null, json!({ "other": { "name-typed": { "value": "api" } } }), json!({ "name": {} })];
    for (nth, values) in odd.into_iter().enumerate() {
        let world = world(&card).await;
        let answer = submit(&world, &nth.to_string(), "approve", &card, values).await;
        assert_ne!(answer["response_action"], "clear");
        assert!(world.office.ballots(card.invocation).is_empty());
    }
}

#[tokio::test]
async fn a_long_one_that_is_not_destructive_is_approved_by_sending_it_off() {
    let card = short("x");
    let world = world(&card).await;
    assert_eq!(submit(&world, "1", "approve", &card, json!({})).await, json!({ "response_action": "clear" }));
    assert_eq!(world.office.ballots(card.invocation)[0].1, Vote::Approve);
}

#[tokio::test]
async fn p32_a_window_about_something_else_than_the_present_card_changes_nothing() {
    let card = destructive("x");
    let other = Digest::of(b"another decision");
    for metadata in [
        format!("{}:{other}", card.invocation),
        format!("{}:{other}", id("y")),
        card.invocation.to_string(),
        "kubectl delete pods --all".to_owned(),
        String::new(),
        format!("{}:{}:approve", card.invocation, card.decision.unwrap()),
    ] {
        for (purpose, values) in [("approve", typed_name("api")), ("reject", typed_reason(Some("no")))] {
            let world = world(&card).await;
            let it = submission(Installed::Workspace, BOB, "1", (purpose, &metadata), values);
            let answer = send(&world, &it).await.json();
            world.settled().await;
            let is_a_no = purpose == "reject" && metadata == card.invocation.to_string();
            // A no needs no digest: it is safe, whatever was on the card.
            assert_eq!(answer["response_action"] == "clear", is_a_no, "{purpose} {metadata}: {answer}");
            assert_eq!(world.office.ballots(card.invocation).is_empty(), !is_a_no, "{purpose} {metadata}");
        }
    }
    // The card no longer offers approval.
    let world = world(&card).await;
    world.office.change(card.invocation, |card| card.buttons.clear());
    let answer = submit(&world, "1", "approve", &card, typed_name("api")).await;
    assert_eq!(answer["response_action"], "update");
    assert!(world.office.ballots(card.invocation).is_empty());
}

#[tokio::test]
async fn a_window_that_means_nothing_is_told_so() {
    let card = destructive("x");
    let world = world(&card).await;
    let answer = submit(&world, "1", "run", &card, typed_name("api")).await;
    assert_eq!(answer["response_action"], "update");
    assert!(answer["view"].to_string().contains("nothing that is known"), "{answer}");
    assert_eq!(
        (answer["view"]["type"].as_str(), answer["view"]["callback_id"].as_str()),
        (Some("modal"), Some("read"))
    );
    assert!(!answer.to_string().contains("null"), "Slack takes no null in a view: {answer}");
    let it = submission(Installed::Workspace, BOB, "2", ("read", &value(&card)), json!({}));
    assert_eq!(send(&world, &it).await.body, "");
    assert!(world.office.is_untouched());
}

#[tokio::test]
async fn a_no_is_asked_for_its_reason_and_given_once() {
    let card = short("x");
    let world = world(&card).await;
    press(&world, "1", "reject", &card).await;
    let (_, view) = world.slack.views().pop().unwrap();
    assert_eq!(
        (view["callback_id"].as_str(), view["private_metadata"].as_str()),
        (Some("reject"), Some(value(&card).as_str()))
    );
    assert!(world.office.is_untouched());
    let long = "x".repeat(501);
    for (nth, reason) in [None, Some(""), Some(" \n\u{a0}"), Some(long.as_str())].into_iter().enumerate() {
        let answer = submit(&world, &format!("2.{nth}"), "reject", &card, typed_reason(reason)).await;
        assert_eq!(answer["response_action"], "errors");
        assert!(answer["errors"]["reason"].is_string(), "{answer}");
    }
    assert!(world.office.is_untouched());
    let reason = "ü".repeat(500);
    let answer = submit(&world, "3", "reject", &card, typed_reason(Some(&reason))).await;
    assert_eq!(answer, json!({ "response_action": "clear" }));
    let clicked = world.office.clicked();
    assert_eq!(clicked.len(), 1);
    assert_eq!(clicked[0].button, Button::Reject { reason: Some(reason) });
    let answer = submit(&world, "4", "reject", &card, typed_reason(Some("again"))).await;
    assert!(answer["errors"]["reason"].as_str().unwrap().contains("decided already"), "{answer}");
}

#[tokio::test]
async fn p33_a_window_is_sent_off_by_members_only() {
    let card = destructive("x");
    for (purpose, block, values) in
        [("approve", "name", typed_name("api")), ("reject", "reason", typed_reason(Some("no")))]
    {
        let world = world(&card).await;
        world.slack.is(BOB, |user| user.is_restricted = true);
        let answer = submit(&world, "1", purpose, &card, values).await;
        assert!(answer["errors"][block].as_str().unwrap().contains("a guest"), "{answer}");
        let clicked = world.office.clicked();
        assert_eq!((clicked.len(), clicked[0].membership), (1, Membership::Guest));
        assert!(world.office.ballots(card.invocation).is_empty());
    }
}

#[tokio::test]
async fn a_gateway_that_takes_too_long_is_not_waited_for_and_its_answer_still_comes() {
    let card = destructive("x");
    let world = world(&card).await;
    world.office.close();
    world.clock.slow();
    let it = submission(Installed::Workspace, BOB, "1", ("approve", &value(&card)), typed_name("api"));
    let answer = send(&world, &it).await.json();
    assert_eq!(answer["response_action"], "update");
    assert!(answer["view"].to_string().contains("Still being decided"), "{answer}");
    assert!(world.office.ballots(card.invocation).is_empty());
    world.office.open();
    world.settled().await;
    assert_eq!(world.office.ballots(card.invocation).len(), 1);
    let (window, view) = world.slack.views().pop().unwrap();
    assert_eq!(window, "VNHU13V36");
    assert!(view.to_string().contains("counts"), "{view}");
}

#[tokio::test]
async fn windows_work_however_the_app_is_installed() {
    for installed in ALL {
        let card = destructive("x");
        let world = world(&card).await;
        let it = submission(installed, "W0CHO00001", "1", ("approve", &value(&card)), typed_name("api"));
        assert_eq!(send(&world, &it).await.json(), json!({ "response_action": "clear" }), "{installed:?}");
    }
}
