//! What a kubelet tells the cluster about a pod.
//!
//! Source: Kubernetes, "Pod Lifecycle", and the API reference of `ContainerState`.

use serde_json::{Value, json};

use super::super::kinds;
use super::super::logs::{Line, Log};
use super::super::object;
use super::super::state::{Keep, Shared};
use super::super::store::{Store, stamp};
use super::container::Ended;

/// The end of a log that becomes a termination message: 2048 bytes or 80 lines. Source: Kubernetes, "Determine the Reason
/// for Pod Failure".
const MESSAGE: usize = 2048;

/// A container that waits.
pub(super) fn waits(shared: &Shared, pod: &Value, reason: &str, message: &str) {
    write(shared, pod, |_, pod| {
        let mut waiting = json!({"reason": reason});
        if !message.is_empty() {
            waiting["message"] = message.into();
        }
        set(pod, "Pending", json!({"waiting": waiting}));
    });
}

/// A container that runs.
pub(super) fn runs(shared: &Shared, pod: &Value) {
    write(shared, pod, |store, pod| {
        let key = (object::uid(pod).to_owned(), object::text(pod, "/spec/containers/0/name").to_owned());
        store.logs.insert(key, Log { open: true, ..Log::default() });
        set(pod, "Running", json!({"running": {"startedAt": stamp(store.now)}}));
    });
}

/// A container that has ended.
pub(super) fn ended(shared: &Shared, pod: &Value, ended: &Ended) {
    write(shared, pod, |store, pod| {
        let key = (object::uid(pod).to_owned(), object::text(pod, "/spec/containers/0/name").to_owned());
        let log = store.logs.entry(key).or_default();
        let at = store.now;
        log.current.extend(ended.said.lines().map(|text| Line { at, text: text.to_owned() }));
        log.open = false;
        let reason = match (ended.starved, ended.code) {
            (true, _) => "OOMKilled",
            (false, 0) => "Completed",
            (false, _) => "Error",
        };
        let mut state = json!({"exitCode": ended.code, "reason": reason, "finishedAt": stamp(store.now)});
        let from_log = pod["spec"]["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError";
        if from_log && ended.code != 0 && !ended.said.is_empty() {
            let start = ended.said.len().saturating_sub(MESSAGE);
            state["message"] = ended.said.get(start..).unwrap_or_default().into();
        }
        let phase = if ended.code == 0 && !ended.starved { "Succeeded" } else { "Failed" };
        set(pod, phase, json!({"terminated": state}));
    });
}

fn set(pod: &mut Value, phase: &str, state: Value) {
    let container = &pod["spec"]["containers"][0];
    let (name, image) = (container["name"].clone(), container["image"].clone());
    let running = state.get("running").is_some();
    pod["status"]["phase"] = phase.into();
    pod["status"]["containerStatuses"] = json!([{
        "name": name, "image": image, "imageID": image, "ready": running, "started": running, "restartCount": 0,
        "state": state, "lastState": {},
    }]);
}

/// Writes the status of a pod that is still there.
fn write(shared: &Shared, pod: &Value, edit: impl FnOnce(&mut Store, &mut Value)) {
    let written = shared.change(
        Keep::Yes,
        |()| Ok(()),
        |store| {
            let kind = kinds::known("pods");
            let now = store.get(kind, object::namespace(pod), object::name(pod)).cloned();
            if let Some(now) = now.filter(|now| object::uid(now) == object::uid(pod)) {
                let mut now = (*now).clone();
                edit(store, &mut now);
                store.put(kind, now);
            }
            Ok(())
        },
    );
    drop(written);
}
