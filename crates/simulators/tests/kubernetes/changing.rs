//! delete, scale, label, rollout: what they change, and that a dry run of them changes nothing.

use serde_json::json;

use crate::world::{World, rows};

#[tokio::test]
async fn a_deleted_pod_of_a_deployment_comes_back_under_another_name() {
    let w = World::demo().await;
    let before = w.cluster.names("pods", Some("payments"));
    assert_eq!(w.kubectl("destructive", "delete pod api-7f -n payments").await.ok(), "pod \"api-7f\" deleted\n");
    let after = w.cluster.names("pods", Some("payments"));
    assert_eq!(after.len(), before.len());
    assert!(!after.contains(&"api-7f".to_owned()));
    assert_eq!(after.iter().filter(|name| !before.contains(name)).count(), 1);
    let deletions = w.mutations();
    assert_eq!(deletions.len(), 1);
    assert_eq!(deletions[0].path, "/api/v1/namespaces/payments/pods/api-7f");
    assert_eq!(deletions[0].user.as_deref(), Some("system:serviceaccount:countersign:destructive"));
}

#[tokio::test]
async fn deleting_an_owner_takes_or_leaves_what_it_owns() {
    let w = World::demo().await;
    w.kubectl("destructive", "delete deployment worker -n payments").await.ok();
    assert!(!w.cluster.names("pods", Some("payments")).iter().any(|name| name.starts_with("worker")));
    assert!(!w.cluster.names("replicasets", Some("payments")).iter().any(|name| name.starts_with("worker")));
    w.kubectl("destructive", "delete deployment front -n web --cascade=orphan").await.ok();
    assert_eq!(w.cluster.names("deployments", Some("web")), [""; 0]);
    assert_eq!(w.cluster.names("pods", Some("web")).len(), 2, "orphans stay");
    w.kubectl("destructive", "delete pods -n payments -l app=api").await.ok();
    assert_eq!(w.cluster.names("pods", Some("payments")).len(), 3);
}

#[tokio::test]
async fn scaling_changes_the_number_of_pods() {
    let w = World::demo().await;
    let scaled = w.kubectl("change", "scale deployment api --replicas=5 -n payments").await.ok();
    assert_eq!(scaled, "deployment.apps/api scaled\n");
    assert_eq!(w.cluster.names("pods", Some("payments")).len(), 7);
    w.kubectl("change", "scale deployment api --replicas=1 -n payments").await.ok();
    assert_eq!(w.cluster.names("pods", Some("payments"))[0], "api-7f", "the oldest stays");
    w.kubectl("change", "scale deployment api --current-replicas=1 --replicas=2 -n payments").await.ok();
    let wrong =
        w.kubectl("change", "scale deployment api --current-replicas=9 --replicas=3 -n payments").await.refused();
    assert!(wrong.contains("Expected replicas to be 9, was 2"), "{wrong}");
    w.kubectl("change", "scale deployment api --replicas=0 -n payments").await.ok();
    let row = rows(&w.kubectl("read", "get deploy api -n payments").await.ok())[1].clone();
    assert_eq!(row, "api 0/0 0 0 3d");
}

#[tokio::test]
async fn a_rollout_is_restarted_undone_paused_and_resumed() {
    let w = World::demo().await;
    let before = w.cluster.names("pods", Some("payments"));
    let first = w.kubectl("read", "rollout undo deployment api -n payments").await.refused();
    assert!(first.contains("no rollout history found"), "{first}");
    w.kubectl("change", "rollout restart deployment api -n payments").await.ok();
    let after = w.cluster.names("pods", Some("payments"));
    let kept: Vec<&String> = after.iter().filter(|name| before.contains(name)).collect();
    assert!(kept.iter().all(|name| name.starts_with("worker")), "every pod of api is new, not {kept:?}");
    let status = w.kubectl("read", "rollout status deployment api -n payments").await.ok();
    assert_eq!(status, "deployment \"api\" successfully rolled out\n");
    let history = rows(&w.kubectl("read", "rollout history deployment api -n payments").await.ok());
    assert_eq!(history[1..4], ["REVISION CHANGE-CAUSE", "1 first release", "2 first release"]);

    w.kubectl("change", "rollout undo deployment api -n payments").await.ok();
    let history = rows(&w.kubectl("read", "rollout history deployment api -n payments").await.ok());
    assert_eq!(history[2..4], ["2 first release", "3 first release"]);
    let revision = w.kubectl("read", "rollout history deployment api -n payments --revision=3").await.ok();
    assert!(!revision.contains("restartedAt"), "revision 3 is revision 1 again: {revision}");

    w.kubectl("change", "rollout pause deployment api -n payments").await.ok();
    let steady = w.cluster.names("pods", Some("payments"));
    let paused = w.kubectl("change", "rollout restart deployment api -n payments").await.refused();
    assert!(paused.contains("can't restart paused deployment"), "{paused}");
    w.kubectl("change", "set image deployment/api api=registry.example.com/shop/api:1.5.0 -n payments").await.ok();
    assert_eq!(w.cluster.names("pods", Some("payments")), steady, "a paused rollout rolls nothing out");
    w.kubectl("change", "rollout resume deployment api -n payments").await.ok();
    assert_ne!(w.cluster.names("pods", Some("payments")), steady);
    let pods = w
        .kubectl("read", "get pods -n payments -l app=api -o jsonpath={.items[*].spec.containers[0].image}")
        .await
        .ok();
    assert!(pods.split(' ').all(|image| image.ends_with("api:1.5.0")), "{pods}");
}

#[tokio::test]
async fn labels_come_and_go() {
    let w = World::demo().await;
    w.kubectl("change", "label pod api-7f -n payments state=watched").await.ok();
    assert_eq!(w.cluster.object("pods", Some("payments"), "api-7f").unwrap()["metadata"]["labels"]["state"], "watched");
    let again = w.kubectl("change", "label pod api-7f -n payments state=fine").await.refused();
    assert!(again.contains("already has a value (watched), and --overwrite is false"), "{again}");
    w.kubectl("change", "label pod api-7f -n payments state-").await.ok();
    assert!(w.cluster.object("pods", Some("payments"), "api-7f").unwrap()["metadata"]["labels"].get("state").is_none());
    w.kubectl("change", "annotate deployment api -n payments note=hello").await.ok();
    // A pod that loses the label its replica set selects by is on its own, and another takes its place.
    w.kubectl("change", "label pod api-7f -n payments app=loose --overwrite").await.ok();
    assert!(w.cluster.object("pods", Some("payments"), "api-7f").unwrap()["metadata"].get("ownerReferences").is_none());
    assert_eq!(w.cluster.names("pods", Some("payments")).len(), 6);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let w = World::demo().await;
    w.kubectl("change", "rollout restart deployment api -n payments").await.ok();
    let pod = w.cluster.names("pods", Some("payments"))[0].clone();
    let (before, mutations) = (w.everything(), w.mutations().len());
    let commands = [
        (format!("delete pod {pod} -n payments"), format!("pod \"{pod}\" deleted (server dry run)\n")),
        (
            "delete deployment api -n payments".to_owned(),
            "deployment.apps \"api\" deleted (server dry run)\n".to_owned(),
        ),
        ("delete pods -n payments -l app=api -o name".to_owned(), String::new()),
        (format!("label pod {pod} -n payments a=b"), String::new()),
        (
            "rollout undo deployment api -n payments".to_owned(),
            "deployment.apps/api rolled back (server dry run)\n".to_owned(),
        ),
        ("scale deployment api --replicas=9 -n payments".to_owned(), String::new()),
        ("set image deployment/api api=x:2 -n payments".to_owned(), String::new()),
    ];
    for (command, said) in commands {
        for account in ["preview", "destructive"] {
            let out = w.kubectl(account, &format!("{command} --dry-run=server")).await.ok();
            assert!(said.is_empty() || out == said, "{command}: {out}");
            assert_eq!(w.everything(), before, "{command} as {account}");
        }
    }
    assert_eq!(w.mutations().len(), mutations);
    assert!(w.cluster.requests().iter().any(|request| request.dry_run && request.method == "DELETE"));
}

#[tokio::test]
async fn a_dry_run_answers_with_what_would_be() {
    let w = World::demo().await;
    let labels = "label pod api-7f -n payments a=b --dry-run=server -o jsonpath={.metadata.labels.a}";
    assert_eq!(w.kubectl("preview", labels).await.ok(), "b");
    let image = "set image deployment/api api=x:2 -n payments --dry-run=server -o jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(w.kubectl("preview", image).await.ok(), "x:2");
}

#[tokio::test]
async fn other_workloads_have_their_pods_too() {
    let w = World::demo().await;
    let template =
        json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": "x:1"}]}});
    let workload = |kind: &str, name: &str, replicas: u32| {
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "web"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "x"}}, "template": template},
        })
    };
    w.cluster.write(workload("StatefulSet", "db", 2)).unwrap();
    w.cluster.write(workload("DaemonSet", "agent", 0)).unwrap();
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": "web"},
        "spec": {"template": template},
    });
    w.cluster.write(job).unwrap();
    let names = w.cluster.names("pods", Some("web"));
    assert!(names.contains(&"db-0".to_owned()) && names.contains(&"db-1".to_owned()), "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("agent-")).count(), 3);
    let jobs = rows(&w.kubectl("read", "get jobs -n web").await.ok());
    assert!(jobs[1].starts_with("once Complete 1/1"), "{jobs:?}");

    for set in ["statefulset/db", "daemonset/agent"] {
        w.kubectl("change", &format!("rollout restart {set} -n web")).await.ok();
        w.kubectl("read", &format!("rollout status {set} -n web")).await.ok();
        let history = rows(&w.kubectl("read", &format!("rollout history {set} -n web")).await.ok());
        assert_eq!(history[2..4], ["1 <none>", "2 <none>"], "{set}");
        w.kubectl("change", &format!("rollout undo {set} -n web")).await.ok();
    }
    assert!(
        w.cluster.object("statefulsets", Some("web"), "db").unwrap()["spec"]["template"]["metadata"]
            .get("annotations")
            .is_none()
    );
    w.kubectl("change", "scale statefulset db --replicas=1 -n web").await.ok();
    assert!(!w.cluster.names("pods", Some("web")).contains(&"db-1".to_owned()));
}

#[tokio::test]
async fn objects_are_created_from_a_file_and_patched() {
    let w = World::demo().await;
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": "web"}, "data": {"a": "1"},
    });
    let file = w.file("settings.json", &settings);
    let create = format!("create -f {}", file.display());
    assert_eq!(w.kubectl("change", &create).await.ok(), "configmap/new created\n");
    let twice = w.kubectl("change", &create).await.refused();
    assert!(twice.ends_with("configmaps \"new\" already exists"), "{twice}");
    w.kubectl("change", "patch configmap new -n web -p {\"data\":{\"a\":\"2\"}}").await.ok();
    assert_eq!(w.cluster.object("configmaps", Some("web"), "new").unwrap()["data"]["a"], "2");
}
