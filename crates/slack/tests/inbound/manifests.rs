//! Manifests: a code block in the text, or a window that asks for one.

use crate::payloads::{CHANNEL, Installed, changed, command, event, form, mention, payload, submission};
use crate::world::World;
use countersign_chat::Membership;
use countersign_core::channel::Channel;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const ANN: &str = "U0ANN00001";
const MANIFEST: &str = "kind: ConfigMap\ndata: {a: b}\n";

async fn types(world: &World, trigger: &str, text: &str) {
    let back = world.send(&world.sign("/slack/commands", form(&command(trigger, text)))).await;
    assert_eq!(back.status, 200);
    world.settled().await;
}

/// Fills the window in and sends it off; what Slack was answered.
async fn submit(world: &World, user: &str, trigger: &str, metadata: &str, manifest: Option<&str>) -> Value {
    let values = json!({ "manifest": { "manifest-typed": { "type": "plain_text_input", "value": manifest } } });
    let it = submission(Installed::Workspace, user, trigger, ("manifest", metadata), values);
    let back = world.send(&world.sign("/slack/interactions", payload(&it))).await;
    assert_eq!(back.status, 200);
    world.settled().await;
    back.json()
}

#[tokio::test]
async fn a_code_block_arrives_as_it_was_typed() {
    let world = World::start().await;
    types(&world, "1", "apply -n web ```kind: ConfigMap\ndata: {a: x &lt; y &amp;&amp; z}```").await;
    let text = "<@U0BOT00001> kubectl apply ```u: <https://a.example>```";
    let told = event(Installed::Workspace, "Ev1", mention(ANN, "1531420618.000200", text));
    world.send(&world.sign("/slack/events", serde_json::to_vec(&told).unwrap())).await;
    world.settled().await;
    let typed = world.office.typed();
    assert_eq!(typed[0].text, "/kubectl apply -n web ```kind: ConfigMap\ndata: {a: x < y && z}```");
    assert!(typed[1].text.ends_with("kubectl apply ```u: https://a.example```"), "{}", typed[1].text);
    assert!(world.slack.views().is_empty());
}

#[tokio::test]
async fn a_line_without_its_manifest_is_asked_for_it_and_goes_on() {
    let world = World::start().await;
    types(&world, "1", "apply -n web --context prod --apply").await;
    let (_, view) = world.slack.views().pop().expect("a window was opened");
    assert_eq!((view["callback_id"].as_str(), view["title"]["text"].as_str()), (Some("manifest"), Some("Manifest")));
    assert!(view.to_string().contains("manifest-typed") && view.to_string().contains("file_input"), "{view}");
    // The window is the answer; nothing else is told.
    assert!(world.slack.told().is_empty());
    let metadata = view["private_metadata"].as_str().unwrap();
    assert_eq!(submit(&world, ANN, "2", metadata, Some(MANIFEST)).await, json!({ "response_action": "clear" }));
    let typed = world.office.typed();
    assert_eq!(typed.len(), 2);
    assert_eq!(typed[1].text, "/kubectl apply -n web --context prod --apply");
    assert_eq!(typed[1].manifest.as_deref(), Some(MANIFEST));
    assert_eq!((typed[1].channel.clone(), typed[1].nonce.as_str()), (Some(Channel::named(CHANNEL)), "2"));
}

#[tokio::test]
async fn what_is_wrong_with_a_manifest_stands_beside_the_field() {
    let world = World::start().await;
    types(&world, "1", "apply").await;
    let (_, view) = world.slack.views().pop().unwrap();
    let metadata = view["private_metadata"].as_str().unwrap();
    for (trigger, manifest, says) in [
        ("2", None, "nothing to apply"),
        ("3", Some(" "), "nothing to apply"),
        ("4", Some("kind: Widget"), "no kind `Widget`"),
    ] {
        let answer = submit(&world, ANN, trigger, metadata, manifest).await;
        assert_eq!(answer["response_action"], "errors", "{answer}");
        assert!(answer["errors"]["manifest"].as_str().unwrap().contains(says), "{answer}");
    }
    assert_eq!(world.office.typed().len(), 2);
}

/// The metadata is a claim: whoever submits asks, as who they are.
#[tokio::test]
async fn p55_the_window_goes_on_for_whoever_submits_it() {
    let world = World::start().await;
    types(&world, "1", "apply -n web").await;
    let (_, view) = world.slack.views().pop().unwrap();
    let metadata = view["private_metadata"].as_str().unwrap();
    world.slack.is("U0GUEST001", |user| user.is_restricted = true);
    let answer = submit(&world, "U0GUEST001", "2", metadata, Some(MANIFEST)).await;
    assert_ne!(answer["response_action"], "clear", "{answer}");
    let typed = world.office.typed().pop().unwrap();
    assert_eq!((typed.account.user.as_str(), typed.membership), ("U0GUEST001", Membership::Guest));
    let before = world.office.typed().len();
    for (nth, forged) in ["", "{}", "[]", "{\"text\":\"/kubectl apply\",\"account\":\"U0BOB00001\"}"].iter().enumerate()
    {
        let answer = submit(&world, ANN, &format!("3.{nth}"), forged, Some(MANIFEST)).await;
        assert_eq!(answer["response_action"], "update", "{forged}: {answer}");
    }
    assert_eq!(world.office.typed().len(), before);
}

#[tokio::test]
async fn where_no_window_can_be_opened_the_person_reads_what_is_missing() {
    let world = World::start().await;
    world.slack.opens_nothing.store(true, Ordering::SeqCst);
    types(&world, "1", "apply").await;
    let long = format!("apply --reason {}", "x".repeat(3_000));
    world.slack.opens_nothing.store(false, Ordering::SeqCst);
    types(&world, "2", &long).await;
    let untriggered = form(&changed(command("3", "apply"), "trigger_id", None));
    world.send(&world.sign("/slack/commands", untriggered)).await;
    world.settled().await;
    let told = world.slack.told();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|told| told.says.contains("needs a manifest")));
    assert!(world.slack.views().is_empty());
}
