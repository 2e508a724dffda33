//! What goes on until it is ended: shown as it comes, and ended when its time is over.

use crate::world::World;
use countersign::demo::world::CATALOG;
use countersign::recorder::Thread;
use countersign_chat::{Button, State};
use countersign_simulators::kubernetes::Seed;

/// As long as a followed command may take here: long enough to start, and to say something more.
const SECONDS: u32 = 6;

async fn world() -> World {
    let limits = "limits: { wall_seconds: 300,";
    assert!(CATALOG.contains(limits));
    World::of(CATALOG.replace(limits, &format!("limits: {{ wall_seconds: {SECONDS},"))).await
}

fn shows(thread: &Thread, text: &str) -> bool {
    format!("{:?}", thread.output).contains(text)
}

#[tokio::test]
async fn a_watch_is_shown_as_it_goes_and_ends_when_its_time_is_over() {
    let w = world().await;
    let id = w.running("dee", "/kubectl get configmaps -n payments --context dev -w").await;
    let made = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "made-meanwhile", "namespace": "payments" }
    });
    w.demo.clusters["dev"].write(made).unwrap();
    // While it goes on, not when it has ended.
    let thread = w.wait(id, "the new one is shown", |thread| shows(thread, "made-meanwhile")).await;
    assert_eq!(thread.states.last(), Some(&State::Running), "{}", w.chat.transcript(&thread));
    let (state, thread) = w.ended(id).await;
    let said = w.chat.transcript(&thread);
    assert_eq!(state, State::Done { exit: 0 }, "{said}");
    assert!(said.contains(&format!("followed for {SECONDS} s, which is as long as it may take")), "{said}");
    w.end().await;
}

#[tokio::test]
async fn a_followed_log_can_be_cancelled() {
    let w = world().await;
    let open = Seed::demo("dev").logs.into_iter().next().expect("the demo has a log");
    let (namespace, pod, container) = (&open.namespace, &open.pod, &open.container);
    let dev = &w.demo.clusters["dev"];
    assert!(dev.open_log(namespace, pod, container));
    assert!(dev.append_log(namespace, pod, container, "before it was asked for"));
    let id = w.asks("dee", &format!("/kubectl logs {pod} -c {container} -f -n {namespace} --context dev")).await;
    w.wait(id, "the log is shown", |thread| shows(thread, "before it was asked for")).await;
    assert!(dev.append_log(namespace, pod, container, "said while it was followed"));
    w.wait(id, "what came is shown", |thread| shows(thread, "said while it was followed")).await;
    w.clicks("dee", id, Button::Cancel).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Cancelled, "{}", w.chat.transcript(&thread));
    w.end().await;
}

/// Following shows no more than looking does.
#[tokio::test]
async fn p24_a_watched_secret_waits_for_somebody() {
    let w = world().await;
    let text = "/kubectl get secrets -n payments --context prod -o yaml -w --reason \"to look\"";
    let id = w.asks("dee", text).await;
    let thread = w.asking(id).await;
    assert_eq!(format!("{:?}", thread.output).matches("data").count(), 0);
    w.clicks("dee", id, Button::Cancel).await;
    w.ended(id).await;
    w.end().await;
}
