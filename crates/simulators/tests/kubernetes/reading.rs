//! get, describe, logs, and what kubectl asks around them.

use serde_json::Value;

use crate::world::{World, rows};

#[tokio::test]
async fn get_prints_the_columns_people_know() {
    let w = World::demo().await;
    let pods = rows(&w.kubectl("read", "get pods -n payments").await.ok());
    assert_eq!(pods[..2], ["NAME READY STATUS RESTARTS AGE", "api-7f 1/1 Running 14 (7m ago) 3d"]);
    assert_eq!(pods.len(), 6);

    let wide = rows(&w.kubectl("read", "get deploy api -n payments -o wide").await.ok());
    let image = "registry.example.com/shop/api:1.4.2";
    assert_eq!(wide[1], format!("api 3/3 3 3 3d api {image} app=api"));

    let nodes = rows(&w.kubectl("read", "get nodes").await.ok());
    assert_eq!(nodes[1], "node-a Ready <none> 3d v1.32.4");
}

#[tokio::test]
async fn get_speaks_every_output_form() {
    let w = World::demo().await;
    assert_eq!(
        w.kubectl("read", "get deploy -n payments -o name").await.ok(),
        "deployment.apps/api\ndeployment.apps/worker\n"
    );
    let image = "get deploy api -n payments -o jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(w.kubectl("read", image).await.ok(), "registry.example.com/shop/api:1.4.2");
    let list: Value = serde_json::from_str(&w.kubectl("read", "get pods -n payments -o json").await.ok()).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 5);
    let yaml = w.kubectl("read", "get configmap api-settings -n payments -o yaml").await.ok();
    assert!(yaml.contains("pool_size: \"20\"\nkind: ConfigMap\n"), "{yaml}");
    let columns =
        rows(&w.kubectl("read", "get svc -A -o custom-columns=N:.metadata.name,P:.spec.ports[0].port").await.ok());
    assert_eq!(columns, ["N P", "api 80", "front 80"]);
}

#[tokio::test]
async fn selectors_namespaces_and_pages() {
    let w = World::demo().await;
    let names = |out: String| out.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(w.kubectl("read", "get pods -n payments -l app=worker -o name").await.ok()).len(), 2);
    assert_eq!(names(w.kubectl("read", "get pods -A -l app!=worker -o name").await.ok()).len(), 10);
    let field = "get pods -n payments --field-selector metadata.name=api-7f -o name";
    assert_eq!(names(w.kubectl("read", field).await.ok()), ["pod/api-7f"]);
    let all = rows(&w.kubectl("read", "get pods -A").await.ok());
    assert!(all[0].starts_with("NAMESPACE NAME READY") && all.len() == 13, "{all:?}");
    let paged = rows(&w.kubectl("read", "get pods -A --chunk-size=5").await.ok());
    assert_eq!(paged, all);
    let requests =
        w.cluster.requests().iter().filter(|r| r.query.contains("limit=5") && !r.query.contains("limit=500")).count();
    assert_eq!(requests, 3);
    let unknown = w.kubectl("read", "get pods -A --field-selector spec.secret=x").await.refused();
    assert!(unknown.ends_with("field label not supported: spec.secret"), "{unknown}");
}

#[tokio::test]
async fn get_all_and_short_names() {
    let w = World::demo().await;
    let all = w.kubectl("read", "get all -n web -o name").await.ok();
    let kinds: Vec<&str> = all.lines().filter_map(|line| line.split('/').next()).collect();
    assert_eq!(kinds, ["pod", "pod", "service", "deployment.apps", "replicaset.apps"]);
    for short in ["po", "deploy", "rs", "svc", "ing", "cm", "ds", "sts", "cj", "hpa", "no", "ns", "sa", "ev", "pvc"] {
        w.kubectl("read", &format!("get {short} -n web")).await.ok();
    }
}

#[tokio::test]
async fn describe_tells_the_story() {
    let w = World::demo().await;
    let pod = rows(&w.kubectl("read", "describe pod api-7f -n payments").await.ok());
    for line in ["Node: node-a/10.0.0.11", "Reason: OOMKilled", "Restart Count: 14", "Exit Code: 137", "memory: 256Mi"]
    {
        assert!(pod.iter().any(|row| row == line), "no `{line}` in {pod:#?}");
    }
    assert!(pod.iter().any(|row| row.starts_with("Controlled By: ReplicaSet/api-")), "{pod:#?}");
    let deployment = rows(&w.kubectl("read", "describe deployment api -n payments").await.ok());
    let replicas = "Replicas: 3 desired | 3 updated | 3 total | 3 available | 0 unavailable";
    assert!(deployment.iter().any(|row| row == replicas), "{deployment:#?}");
    assert!(deployment.iter().any(|row| row.ends_with("(3/3 replicas created)")), "{deployment:#?}");
    for command in
        ["describe node node-a", "describe svc front -n web", "describe ingress shop -n web", "describe ns web"]
    {
        w.kubectl("read", command).await.ok();
    }
}

#[tokio::test]
async fn logs_can_be_cut_to_what_matters() {
    let w = World::demo().await;
    assert_eq!(w.kubectl("read", "logs api-7f -n payments").await.ok().lines().count(), 6);
    let tail = w.kubectl("read", "logs api-7f -n payments --tail=1").await.ok();
    assert_eq!(tail, "ERROR heap at 243Mi of 256Mi\n");
    let since = w.kubectl("read", "logs api-7f -n payments --since=90s").await.ok();
    assert_eq!(since.lines().count(), 2);
    let stamped = w.kubectl("read", "logs api-7f -n payments --tail=1 --timestamps").await.ok();
    assert_eq!(stamped, "2026-01-05T11:59:50Z ERROR heap at 243Mi of 256Mi\n");
    let previous = w.kubectl("read", "logs api-7f -n payments --previous").await.ok();
    assert_eq!(previous.lines().last(), Some("Killed"));
    let followed = w.kubectl("read", "logs api-7f -n payments -f").await.ok();
    assert_eq!(followed.lines().count(), 6, "a complete log ends a follower's stream");

    let front = &w.cluster.names("pods", Some("web"))[0];
    let metrics = w.kubectl("read", &format!("logs {front} -n web -c metrics")).await.ok();
    assert_eq!(metrics.lines().next(), Some("starting metrics from registry.example.com/shop/metrics:0.9"));
    let wrong = w.kubectl("read", &format!("logs {front} -n web -c nope")).await.refused();
    assert!(wrong.contains("container nope is not valid for pod"), "{wrong}");
    let none = w.kubectl("read", &format!("logs {front} -n web -c front --previous")).await.refused();
    assert!(none.contains("previous terminated container \"front\" in pod"), "{none}");
    w.kubectl("read", "logs deploy/api -n payments").await.ok();
}

#[tokio::test]
async fn the_server_says_who_it_is_and_what_there_is() {
    let w = World::demo().await;
    assert!(w.kubectl("read", "version").await.ok().contains("v1.32.4"));
    let resources = w.kubectl("read", "api-resources -o name").await.ok();
    for resource in ["pods", "deployments.apps", "cronjobs.batch", "ingresses.networking.k8s.io"] {
        assert!(resources.lines().any(|line| line == resource), "{resource}");
    }
    assert_eq!(w.kubectl("read", "auth can-i delete pods -n payments").await.out, "no\n");
    assert_eq!(w.kubectl("destructive", "auth can-i delete pods -n payments").await.ok(), "yes\n");
    assert_eq!(w.kubectl("destructive", "auth can-i get secrets -n kube-system").await.out, "no\n");
    assert!(w.mutations().is_empty(), "reading changes nothing");
}
