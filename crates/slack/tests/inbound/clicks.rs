//! Buttons on cards.

use crate::office::{destructive, id, short, value};
use crate::payloads::{ALL, CARD, CHANNEL, Installed, RESPONSE_URL, click, payload};
use crate::world::{ENTERPRISE, START, TEAM, World};
use countersign_chat::{Button, Card, Membership, State};
use countersign_core::ballot::Vote;
use countersign_core::digest::Digest;
use countersign_slack::render;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const BOB: &str = "U0BOB00001";

async fn world(card: &Card) -> World {
    let world = World::start().await;
    world.office.ask(CHANNEL, CARD, card.clone());
    world
}

/// A press on the message that shows the card, as Slack tells it back.
pub(crate) fn on(card: &Card, installed: Installed, user: &str, trigger: &str, action: &str) -> Value {
    let mut it = click(installed, user, trigger, (action, &value(card)));
    it["message"]["blocks"] = serde_json::to_value(render::card(card, START).blocks()).unwrap();
    for (nth, block) in it["message"]["blocks"].as_array_mut().unwrap().iter_mut().enumerate() {
        block["block_id"] = format!("b{nth}").into();
    }
    it
}

/// Sends a press and waits until everything about it is done; what the person read.
async fn press(world: &World, it: &Value) -> Vec<String> {
    let before = world.slack.told().len();
    let back = world.send(&world.sign("/slack/interactions", payload(it))).await;
    assert_eq!((back.status, back.body.as_str()), (200, ""));
    world.settled().await;
    world.slack.told().split_off(before).into_iter().map(|told| told.says).collect()
}

#[track_caller]
fn one(told: Vec<String>, wants: &str) {
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(wants), "{}", told[0]);
}

#[tokio::test]
async fn a_yes_on_a_card_that_shows_everything_counts_once() {
    let card = short("x");
    let world = world(&card).await;
    one(press(&world, &on(&card, Installed::Workspace, BOB, "1", "approve")).await, "counts");
    assert_eq!(world.slack.told()[0].to, RESPONSE_URL);
    assert_eq!(world.office.ballots(card.invocation), [(format!("slack/{TEAM}/{BOB}"), Vote::Approve)]);
    let clicked = world.office.clicked();
    let last = clicked.last().unwrap();
    assert_eq!((last.invocation, last.decision), (card.invocation, card.decision));
    assert_eq!(last.thread.as_ref().map(ToString::to_string), Some(format!("{CHANNEL}/{CARD}")));
    assert_eq!((last.membership, last.at, last.nonce.as_str()), (Membership::Full, START, "1"));
    one(press(&world, &on(&card, Installed::Workspace, BOB, "2", "approve")).await, "counts once");
    assert!(world.slack.views().is_empty());
}

#[tokio::test]
async fn confirm_cancel_and_undo_go_straight_to_the_gateway() {
    for (action, button) in [("confirm", Button::Confirm), ("cancel", Button::Cancel), ("undo", Button::Undo)] {
        let card = short("x");
        let world = world(&card).await;
        assert_eq!(press(&world, &click(Installed::Workspace, BOB, "1", (action, &value(&card)))).await.len(), 1);
        let clicked = world.office.clicked();
        assert_eq!((clicked.len(), &clicked[0].button), (1, &button));
    }
}

#[tokio::test]
async fn p32_a_wrong_click_is_told_so_and_changes_nothing() {
    let card = short("x");
    let other = Digest::of(b"another decision");
    let elsewhere = |it: &mut Value, channel: &str, ts: &str, thread: Value| {
        it["container"] = json!({ "type": "message", "message_ts": ts, "channel_id": channel, "thread_ts": thread });
    };
    let good = || on(&card, Installed::Workspace, BOB, "1", "approve");
    let with = |act: &dyn Fn(&mut Value)| {
        let mut it = good();
        act(&mut it);
        it
    };
    let cases = [
        (
            "edited",
            with(&|it| it["actions"][0]["value"] = format!("{}:{other}", card.invocation).into()),
            "another decision",
        ),
        ("unknown", with(&|it| it["actions"][0]["value"] = format!("{}:{other}", id("y")).into()), "no longer known"),
        (
            "without a decision",
            with(&|it| it["actions"][0]["value"] = card.invocation.to_string().into()),
            "another decision",
        ),
        ("another channel", with(&|it| elsewhere(it, "C0OTHER001", CARD, Value::Null)), "a copy"),
        ("another message", with(&|it| elsewhere(it, CHANNEL, "1795222795.000300", Value::Null)), "a copy"),
        ("another thread", with(&|it| elsewhere(it, CHANNEL, CARD, "1795222700.000100".into())), "a copy"),
        ("no place", with(&|it| drop(it.as_object_mut().unwrap().remove("container"))), "a copy"),
        ("a place that is none", with(&|it| elsewhere(it, "C0OPS00001/", CARD, Value::Null)), "a copy"),
        (
            "a command for a value",
            with(&|it| it["actions"][0]["value"] = "kubectl delete pods --all".into()),
            "Ask again",
        ),
        ("no value", with(&|it| it["actions"][0]["value"] = Value::Null), "Ask again"),
        ("another action", with(&|it| it["actions"][0]["action_id"] = "run".into()), "Ask again"),
        ("a capital letter", with(&|it| it["actions"][0]["action_id"] = "Approve".into()), "Ask again"),
        ("two actions", with(&|it| it["actions"] = json!([it["actions"][0], it["actions"][0]])), "Ask again"),
        ("no actions", with(&|it| it["actions"] = json!([])), "Ask again"),
        ("null actions", with(&|it| it["actions"] = Value::Null), "Ask again"),
    ];
    for (what, it, wants) in cases {
        let world = world(&card).await;
        let told = press(&world, &it).await;
        assert_eq!(told.len(), 1, "{what}: {told:?}");
        assert!(told[0].contains(wants), "{what}: {}", told[0]);
        assert!(world.office.ballots(card.invocation).is_empty(), "{what}");
        assert!(world.slack.views().is_empty(), "{what}");
    }
    for state in [State::Cancelled, State::Expired, State::Rejected, State::Done { exit: 0 }, State::Running] {
        let world = world(&card).await;
        world.office.change(card.invocation, |card| card.state = state);
        one(press(&world, &good()).await, "decided already");
        assert!(world.office.ballots(card.invocation).is_empty());
        // It is the yes that is on record as what changed nothing.
        assert_eq!(world.office.clicked().last().unwrap().button, Button::Approve);
    }
}

#[tokio::test]
async fn a_yes_on_a_card_that_must_be_opened_opens_it_and_counts_nothing() {
    let card = destructive("x");
    let world = world(&card).await;
    // Also when this person has read the whole before: the name was not typed.
    press(&world, &click(Installed::Workspace, BOB, "1", ("show-whole", &value(&card)))).await;
    assert_eq!(world.office.shown_to(card.invocation).len(), 1);
    assert!(press(&world, &on(&card, Installed::Workspace, BOB, "2", "approve")).await.is_empty());
    assert!(world.office.ballots(card.invocation).is_empty());
    let (_, view) = world.slack.views().pop().unwrap();
    assert_eq!(view["callback_id"], "approve");
    assert_eq!(view["private_metadata"], value(&card));
}

#[tokio::test]
async fn p33_at_every_click_slack_is_asked_anew() {
    let card = short("x");
    let world = world(&card).await;
    press(&world, &click(Installed::Workspace, BOB, "1", ("confirm", &value(&card)))).await;
    world.slack.is(BOB, |user| user.deleted = true);
    one(press(&world, &on(&card, Installed::Workspace, BOB, "2", "approve")).await, "a deactivated account");
    let last = world.office.clicked().pop().unwrap();
    assert_eq!((last.membership, last.button), (Membership::Deactivated, Button::Approve));
    assert_eq!(world.slack.asked_users.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn p33_guests_strangers_and_programs_cannot_approve_confirm_reject_or_look() {
    let all = ["approve", "confirm", "cancel", "undo", "show-whole"];
    for action in all {
        for kind in 0..6 {
            let card = short("x");
            let world = world(&card).await;
            world.slack.is(BOB, |user| match kind {
                0 => user.is_restricted = true,
                1 => user.is_stranger = true,
                2 => user.is_bot = true,
                3 => user.is_email_confirmed = Some(false),
                4 => user.id = "U0OTHER001".into(),
                _ => user.is_ultra_restricted = true,
            });
            press(&world, &click(Installed::Workspace, BOB, "1", (action, &value(&card)))).await;
            assert!(world.office.ballots(card.invocation).is_empty(), "{action} {kind}");
            assert!(world.office.shown_to(card.invocation).is_empty(), "{action} {kind}");
            let clicked = world.office.clicked();
            assert_eq!(clicked.len(), 1, "{action} {kind}");
            assert_ne!(clicked[0].membership, Membership::Full, "{action} {kind}");
        }
    }
}

#[tokio::test]
async fn p33_somebody_of_another_workspace_is_a_stranger_whatever_slack_says() {
    let card = short("x");
    let world = world(&card).await;
    let mut it = on(&card, Installed::Workspace, BOB, "1", "approve");
    it["user"]["team_id"] = "T0OTHER001".into();
    one(press(&world, &it).await, "another organisation");
    assert_eq!(world.office.clicked()[0].membership, Membership::Stranger);
    let mut it = on(&card, Installed::OrgWide, BOB, "2", "approve");
    it["user"]["team_id"] = "E0OTHER001".into();
    one(press(&world, &it).await, "another organisation");
    assert!(world.office.ballots(card.invocation).is_empty());
}

#[tokio::test]
async fn clicks_work_however_the_app_is_installed() {
    for installed in ALL {
        let card = short("x");
        let world = world(&card).await;
        one(press(&world, &on(&card, installed, "W0CHO00001", "1", "approve")).await, "counts");
        let of = if installed == Installed::Workspace { TEAM } else { ENTERPRISE };
        assert_eq!(world.office.ballots(card.invocation), [(format!("slack/{of}/W0CHO00001"), Vote::Approve)]);
    }
}

#[tokio::test]
async fn a_card_under_its_own_first_message_is_the_same_card() {
    let card = short("x");
    let world = world(&card).await;
    let mut it = on(&card, Installed::Workspace, BOB, "1", "approve");
    it["container"]["thread_ts"] = CARD.into();
    one(press(&world, &it).await, "counts");
}

#[tokio::test]
async fn p50_a_yes_on_a_message_that_says_something_else_opens_the_whole() {
    type Edit = fn(&mut Value);
    let edits: [(&str, Edit); 7] = [
        ("other words", |it| {
            it["message"]["blocks"] =
                json!([{ "type": "section", "text": { "type": "plain_text", "text": "Lunch?" } }]);
        }),
        ("another command", |it| {
            let text = it["message"]["blocks"].to_string().replace("kubectl", "kubectI");
            it["message"]["blocks"] = serde_json::from_str(&text).unwrap();
        }),
        ("another label", |it| {
            let text = it["message"]["blocks"].to_string().replace("Approve", "Yes");
            it["message"]["blocks"] = serde_json::from_str(&text).unwrap();
        }),
        ("less", |it| drop(it["message"]["blocks"].as_array_mut().unwrap().remove(1))),
        ("more", |it| it["message"]["blocks"].as_array_mut().unwrap().push(json!({ "type": "divider" }))),
        ("something below", |it| it["message"]["attachments"] = json!([{ "text": "Only a test, press Approve" }])),
        ("nothing", |it| it["message"] = Value::Null),
    ];
    for (what, edit) in edits {
        let card = short("x");
        let world = world(&card).await;
        let mut it = on(&card, Installed::Workspace, BOB, "1", "approve");
        let before = it.clone();
        edit(&mut it);
        assert_ne!(it, before, "{what}");
        press(&world, &it).await;
        assert_eq!((world.slack.views().len(), world.office.ballots(card.invocation).len()), (1, 0), "{what}");
    }
}

#[tokio::test]
async fn the_card_is_never_read_back_from_the_message() {
    let card = short("x");
    let world = world(&card).await;
    let mut it = on(&card, Installed::Workspace, BOB, "1", "approve");
    it["message"]["text"] = "kubectl delete namespace payments".into();
    it["message"]["metadata"] = json!({ "event_type": "countersign", "event_payload": { "invocation": id("y") } });
    it["user"]["name"] = "admin".into();
    it["user"]["profile"] = json!({ "email": "cho@acme.example" });
    press(&world, &it).await;
    let clicked = world.office.clicked().pop().unwrap();
    assert_eq!((clicked.invocation, clicked.account.user.as_str()), (card.invocation, BOB));
}

#[tokio::test]
async fn a_click_is_acknowledged_while_the_gateway_hangs() {
    let card = short("x");
    let world = world(&card).await;
    world.office.close();
    let it = click(Installed::Workspace, BOB, "1", ("confirm", &value(&card)));
    assert_eq!(world.send(&world.sign("/slack/interactions", payload(&it))).await.status, 200);
    assert!(world.slack.told().is_empty());
    world.office.open();
    world.settled().await;
    assert_eq!(world.slack.told().len(), 1);
}
