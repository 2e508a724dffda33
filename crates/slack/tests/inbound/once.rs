//! What arrives twice.

use crate::office::{short, value};
use crate::payloads::{Installed, changed, click, command, event, form, mention, payload};
use crate::world::{SECRET, START, World, sign_with};
use std::time::Duration;

const NOW: i64 = START.as_millis() / 1_000;

#[tokio::test]
async fn p43_the_same_bytes_again_start_nothing() {
    let world = World::start().await;
    let letter = world.sign("/slack/commands", form(&command("1.2.3", "get pods")));
    assert!(world.send(&letter).await.body.contains("Received"));
    let again = world.send(&letter).await;
    assert_eq!((again.status, again.body.as_str()), (200, ""));
    world.clock.forward(Duration::from_secs(299));
    assert_eq!(world.send(&letter).await.body, "");
    world.settled().await;
    assert_eq!(world.office.typed().len(), 1);
}

#[tokio::test]
async fn p43_the_same_trigger_under_another_signature_starts_nothing() {
    let world = World::start().await;
    let first = world.sign("/slack/commands", form(&command("1.2.3", "get pods")));
    let other_second = sign_with("/slack/commands", first.body.clone(), SECRET, NOW + 1);
    let other_text = world.sign("/slack/commands", form(&command("1.2.3", "delete pods --all")));
    for letter in [&first, &other_second, &other_text] {
        assert_eq!(world.send(letter).await.status, 200);
    }
    world.settled().await;
    let typed = world.office.typed();
    assert_eq!((typed.len(), typed[0].text.as_str()), (1, "/kubectl get pods"));
}

#[tokio::test]
async fn p43_without_a_trigger_the_signature_is_the_name() {
    let world = World::start().await;
    let fields = changed(command("", "get pods"), "trigger_id", None);
    let letter = world.sign("/slack/commands", form(&fields));
    world.send(&letter).await;
    world.send(&letter).await;
    world.settled().await;
    let typed = world.office.typed();
    assert_eq!(typed.len(), 1);
    assert_eq!(format!("v0={}", typed[0].nonce), letter.header("x-slack-signature"));
}

#[tokio::test]
async fn p43_two_at_once_are_one() {
    let world = World::start().await;
    for round in 0..50 {
        let letter = world.sign("/slack/commands", form(&command(&format!("1.2.{round}"), "get pods")));
        let (one, two) = tokio::join!(world.send(&letter), world.send(&letter));
        assert_eq!((one.status, two.status), (200, 200));
        assert!(one.body.is_empty() != two.body.is_empty(), "one of the two was the first");
    }
    world.settled().await;
    assert_eq!(world.office.typed().len(), 50);
}

#[tokio::test]
async fn p43_a_click_delivered_twice_is_one() {
    let world = World::start().await;
    let card = short("x");
    world.office.ask(crate::payloads::CHANNEL, crate::payloads::CARD, card.clone());
    let body = payload(&click(Installed::Workspace, "U0BOB00001", "1.2.3", ("confirm", &value(&card))));
    let later = sign_with("/slack/interactions", body.clone(), SECRET, NOW + 2);
    for letter in [world.sign("/slack/interactions", body.clone()), world.sign("/slack/interactions", body), later] {
        assert_eq!(world.send(&letter).await.status, 200);
    }
    world.settled().await;
    assert_eq!(world.office.clicked().len(), 1);
}

#[tokio::test]
async fn p43_an_event_that_slack_delivers_again_is_one() {
    let world = World::start().await;
    let said = mention("U0ANN00001", "1795222799.000100", "<@U0CS000001> kubectl get pods");
    let body = event(Installed::Workspace, "Ev0MDYHUEL", said.clone()).to_string();
    assert_eq!(world.send(&world.sign("/slack/events", body.clone())).await.status, 200);
    for (nth, after) in [("1", 1), ("2", 60), ("3", 300)] {
        let again = sign_with("/slack/events", body.clone(), SECRET, NOW + after);
        let again = again.with("x-slack-retry-num", nth).with("x-slack-retry-reason", "http_timeout");
        assert_eq!(world.send(&again).await.status, 200);
    }
    // One message is one command, also when it is told of as another event.
    let other = event(Installed::Workspace, "Ev0OTHER", said).to_string();
    assert_eq!(world.send(&world.sign("/slack/events", other)).await.status, 200);
    world.settled().await;
    assert_eq!(world.office.typed().len(), 1);
}

#[tokio::test]
async fn p43_an_event_without_a_message_is_known_by_its_id() {
    let world = World::start().await;
    let body = event(Installed::OrgWide, "Ev0GONE", serde_json::json!({ "type": "app_uninstalled" })).to_string();
    for after in [0, 1, 60, 300] {
        assert_eq!(world.send(&sign_with("/slack/events", body.clone(), SECRET, NOW + after)).await.status, 200);
    }
    assert_eq!(world.front.tally().parsed, 1);
}

/// Two gateways share no memory of ours; the gateway behind them knows a request by name and time.
#[tokio::test]
async fn p43_two_fronts_give_one_message_the_same_name_and_time() {
    let mut named = Vec::new();
    for at in [NOW, NOW + 60] {
        let world = World::start().await;
        let said = mention("U0ANN00001", "1795222799.000100", "<@U0CS000001> kubectl get pods");
        let body = event(Installed::Workspace, &format!("Ev{at}"), said).to_string();
        world.send(&sign_with("/slack/events", body, SECRET, at)).await;
        world.settled().await;
        let typed = world.office.typed().remove(0);
        named.push((typed.nonce, typed.at, typed.account));
    }
    assert_eq!(named[0], named[1]);
    assert_eq!(named[0].1.as_millis(), 1_795_222_799_000);
}

#[tokio::test]
async fn p43_a_full_memory_refuses_and_forgets_nothing() {
    let world = World::with(|settings| settings.once_capacity = 4).await;
    let letter = |trigger: &str| world.sign("/slack/commands", form(&command(trigger, "get pods")));
    let (first, second, third) = (letter("1"), letter("2"), letter("3"));
    assert_eq!(world.send(&first).await.status, 200);
    assert_eq!(world.send(&second).await.status, 200);
    let full = world.send(&third).await;
    assert_eq!((full.status, full.body.as_str()), (503, ""));
    assert_eq!(world.send(&first).await.body, "", "still known");
    world.clock.forward(Duration::from_secs(661));
    assert_eq!(world.send(&letter("4")).await.status, 200, "there is room again");
    world.settled().await;
    assert_eq!(world.office.typed().len(), 3);
}
