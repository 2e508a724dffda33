//! Rollouts that take their time, as `kubectl rollout` sees them.

use serde_json::{Value, json};

use crate::world::World;

const FRONT: &str = "registry.example.com/shop/front";

impl World {
    fn front(&self) -> Value {
        self.cluster.object("deployments", Some("web"), "front").expect("it is seeded")
    }

    /// Updated, all and available pods.
    fn counts(&self) -> (i64, i64, i64) {
        let status = self.front()["status"].clone();
        let of = |field: &str| status[field].as_i64().unwrap_or(0);
        (of("updatedReplicas"), of("replicas"), of("availableReplicas"))
    }

    async fn rolls(&self, tag: &str) {
        self.kubectl("change", &format!("set image deployment/front front={FRONT}:{tag} -n web")).await.ok();
    }
}

#[tokio::test]
async fn a_held_rollout_goes_step_by_step_and_never_below_what_is_wanted() {
    let w = World::demo().await;
    w.cluster.hold_rollouts("web", "front");
    w.rolls("3.2.0").await;
    assert_eq!(w.counts(), (1, 3, 2), "one more than wanted, none less");
    let mut status = w.start_kubectl("read", "rollout status deployment/front -n web");
    let line = status.line().await.expect("it waits");
    assert!(line.contains("1 out of 2 new replicas have been updated"), "{line}");
    w.cluster.step();
    assert_eq!(w.counts(), (2, 3, 2));
    w.cluster.step();
    assert_eq!(w.counts(), (2, 2, 2));
    let progress = w.front()["status"]["conditions"][1].clone();
    assert_eq!(progress["reason"], "NewReplicaSetAvailable");
    // Nothing waits any more.
    let before = w.front();
    w.cluster.step();
    assert_eq!(w.front(), before);
}

#[tokio::test]
async fn a_broken_image_stops_its_rollout_until_it_is_undone() {
    let w = World::demo().await;
    w.cluster.break_image(&format!("{FRONT}:3.2.0"), "ImagePullBackOff", "no such image");
    w.rolls("3.2.0").await;
    assert_eq!(w.counts(), (1, 3, 2));
    let pods = w.kubectl("read", "get pods -n web").await.ok();
    assert_eq!((pods.matches("ImagePullBackOff").count(), pods.matches("Running").count()), (1, 2), "{pods}");
    w.cluster.time_out("web", "front");
    let told = w.kubectl("read", "rollout status deployment/front -n web").await;
    assert!(told.code != 0 && told.err.contains("exceeded its progress deadline"), "{told:?}");
    w.kubectl("change", "rollout undo deployment/front -n web").await.ok();
    assert_eq!(w.counts(), (2, 2, 2));
    let status = w.kubectl("read", "rollout status deployment/front -n web").await.ok();
    assert!(status.contains("successfully rolled out"), "{status}");
}

/// An applied configuration that names the version it is about is refused when there is another one.
#[tokio::test]
async fn an_apply_of_an_older_version_is_a_conflict() {
    let w = World::demo().await;
    let seen = w.front();
    let configuration = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "front", "namespace": "web", "uid": seen["metadata"]["uid"], "resourceVersion": seen["metadata"]["resourceVersion"]},
        "spec": {"template": {"spec": {"containers": [{"name": "front", "image": format!("{FRONT}:3.2.0")}]}}},
    });
    w.rolls("3.1.9").await;
    let told = w.feed("change", "apply --server-side --force-conflicts --field-manager=x -f -", &configuration).await;
    assert!(told.code != 0 && told.err.contains("the object has been modified"), "{told:?}");
    let mut another = configuration.clone();
    another["metadata"]["resourceVersion"] = w.front()["metadata"]["resourceVersion"].clone();
    another["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    let told = w.feed("change", "apply --server-side --force-conflicts --field-manager=x -f -", &another).await;
    assert!(told.code != 0 && told.err.contains("UID in precondition"), "{told:?}");
    another["metadata"]["uid"] = seen["metadata"]["uid"].clone();
    w.feed("change", "apply --server-side --force-conflicts --field-manager=x -f -", &another).await.ok();
}
