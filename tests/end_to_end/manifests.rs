//! Manifests on their whole way: from a code block over cards and seals to kubectl's standard input.

use crate::world::World;
use countersign_audit::event::Kind;
use countersign_chat::{Answer, Button, EffectView, State};
use countersign_core::refusal::Code;

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  colour: blue
";

fn apply(manifest: &str, rest: &str) -> String {
    format!("/kubectl apply -n payments --context prod --reason \"new colour\" {rest}\n```yaml\n{manifest}```")
}

#[tokio::test]
async fn a_manifest_is_previewed_agreed_to_and_applied() {
    let w = World::start().await;
    let id = w.asks("ann", &apply(SETTINGS, "--apply")).await;
    let card = w.asking(id).await.card.expect("there is a card");
    let EffectView::Found(effect) = &card.effect else { panic!("{:?}", card.effect) };
    let lines: Vec<String> = effect.objects.iter().map(countersign_core::effect::Touched::line).collect();
    assert!(lines.len() == 1 && lines[0].contains("apply configmaps settings"), "{lines:?}");
    assert!(lines[0].contains("/data/colour: nothing -> \"blue\""), "{lines:?}");
    // Nobody agrees to a digest: the manifest itself has to be looked at.
    assert_eq!(w.in_vain("bob", id, Button::Approve).await, Code::FullViewFirst);
    let Answer::Whole(whole) = w.clicks("bob", id, Button::ShowWhole).await else { panic!("must be shown") };
    let shown = whole.input_lines().expect("the manifest is there").join("\n");
    assert!(shown.contains("\"colour\": \"blue\""), "{shown}");
    assert!(w.prod().object("configmaps", Some("payments"), "settings").is_none());
    w.approves("bob", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    let made = w.prod().object("configmaps", Some("payments"), "settings").expect("it was applied");
    assert_eq!(made["data"]["colour"], "blue");
    let accounts: Vec<_> = w.changes().into_iter().filter_map(|change| change.account).collect();
    assert!(!accounts.is_empty() && accounts.iter().all(|account| account == "change"), "{accounts:?}");
    // The record names the digest and holds what was applied, and the line without it.
    let records = w.records().await;
    let intent = records.iter().rfind(|one| one.event.kind == Kind::Intent).expect("it ran");
    let decided = card.stdin.expect("a digest").to_string();
    assert!(serde_json::to_string(&intent.event).unwrap().contains(&decided));
    let typed = records.iter().filter_map(|one| one.event.typed.as_ref());
    assert!(typed.clone().count() > 0 && typed.clone().all(|typed| !typed.text.contains("colour: blue")));
    w.end().await;
}

const FRONT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: { name: cache, namespace: web, labels: { app: cache } }
spec:
  replicas: 2
  selector: { matchLabels: { app: cache } }
  template:
    metadata: { labels: { app: cache } }
    spec:
      containers:
        - { name: cache, image: 'registry.example.com/cache:1.0', ports: [ { containerPort: 6379 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: cache, namespace: web }
spec: { selector: { app: cache }, ports: [ { port: 6379 } ] }
";

/// Made by one person's agreement, and then changed: the second time the difference alone is shown.
#[tokio::test]
async fn a_deployment_is_made_and_changed() {
    let w = World::start().await;
    let apply = |manifest: &str| format!("/kubectl apply --context prod --reason cache --apply ```\n{manifest}```");
    let id = w.asks("ann", &apply(FRONT)).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    let cache = |w: &World| w.prod().object("deployments", Some("web"), "cache").expect("it was made");
    assert_eq!(cache(&w)["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example.com/cache:1.0");
    assert!(w.prod().object("services", Some("web"), "cache").is_some());

    let id = w.asks("ann", &apply(&FRONT.replace("cache:1.0", "cache:1.1"))).await;
    let card = w.asking(id).await.card.expect("there is a card");
    let EffectView::Found(effect) = &card.effect else { panic!("{:?}", card.effect) };
    let changes: Vec<String> = effect.objects.iter().map(countersign_core::effect::Touched::line).collect();
    let image = "/spec/template/spec/containers/0/image: \"registry.example.com/cache:1.0\" -> \"registry.example.com/cache:1.1\"";
    assert!(changes.iter().any(|line| line.contains(image)), "{changes:#?}");
    w.approves("bob", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    assert_eq!(cache(&w)["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example.com/cache:1.1");
    w.end().await;
}

#[tokio::test]
async fn without_apply_a_manifest_changes_nothing() {
    let w = World::start().await;
    for text in [apply(SETTINGS, ""), apply(SETTINGS, "").replace("kubectl apply", "kubectl diff")] {
        let id = w.asks("ann", &text).await;
        let (state, thread) = w.ended(id).await;
        assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
        assert!(w.chat.transcript(&thread).contains("settings"), "{}", w.chat.transcript(&thread));
    }
    assert!(w.prod().object("configmaps", Some("payments"), "settings").is_none());
    w.end().await;
}

/// The same object again, changed: what is shown is the difference.
#[tokio::test]
async fn what_changed_meanwhile_is_not_applied() {
    let w = World::start().await;
    let id = w.asks("ann", &apply(SETTINGS, "--apply")).await;
    w.asking(id).await;
    // Somebody else makes the same object another way.
    let other = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "settings", "namespace": "payments" }, "data": { "colour": "red" },
    });
    w.prod().write(other).expect("it can be written");
    w.approves("bob", id).await;
    let (state, _) = w.ended(id).await;
    assert_eq!(state, State::Drifted);
    let kept = w.prod().object("configmaps", Some("payments"), "settings").expect("it is there");
    assert_eq!(kept["data"]["colour"], "red");
    w.end().await;
}

#[tokio::test]
async fn p31_values_of_secrets_are_neither_applied_nor_recorded() {
    let w = World::start().await;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: hunter2hunter2}\n";
    assert_eq!(w.refused("ann", &apply(secret, "--apply")).await.code(), Code::SecretInCommand);
    let text: Vec<String> = w.records().await.iter().map(|one| serde_json::to_string(&one.event).unwrap()).collect();
    assert!(!text.is_empty() && text.iter().all(|line| !line.contains("hunter2")));
    w.end().await;
}

/// The longest manifest goes through queue, seals, log and jail as the shortest does.
#[tokio::test]
async fn a_long_manifest_goes_the_whole_way() {
    let w = World::start().await;
    let long = format!("{SETTINGS}  long: \"{}\"\n", "0123456789abcde\\n".repeat(14_500));
    assert!(long.len() > 240 * 1024, "{}", long.len());
    let text = apply(&long, "--server-side --apply").replace("--context prod", "--context dev");
    let id = w.asks("ann", &text).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(
        state,
        State::Done { exit: 0 },
        "{}",
        w.chat.transcript(&thread).chars().take(4_000).collect::<String>()
    );
    let made = w.demo.clusters["dev"].object("configmaps", Some("payments"), "settings").expect("it was applied");
    assert_eq!(made["data"]["long"].as_str().map(str::len), Some(14_500 * 16));
    w.end().await;
}
