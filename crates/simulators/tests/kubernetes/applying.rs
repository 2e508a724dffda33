//! apply, diff, create, patch, set and the rest of what makes and changes objects: what comes of it, that a dry run of
//! it shows the same and leaves nothing, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

fn settings(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "payments"}, "data": {"a": value}})
}

fn workload(image: &str) -> Value {
    let container = json!({"name": "fresh", "image": image, "ports": [{"containerPort": 80}]});
    let template = json!({"metadata": {"labels": {"app": "fresh"}}, "spec": {"containers": [container]}});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "fresh", "namespace": "payments"},
        "spec": {"selector": {"matchLabels": {"app": "fresh"}}, "template": template},
    })
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

#[tokio::test]
async fn apply_makes_changes_and_leaves_alone() {
    let w = World::demo().await;
    let before = w.everything();
    let first = list(&[settings("1"), workload("x:1")]);
    let dry = w.feed("preview", "apply -f - --dry-run=server -o json", &first).await.ok();
    let dry: Value = serde_json::from_str(&dry).unwrap();
    assert_eq!((dry["kind"].as_str(), dry["items"][1]["spec"]["replicas"].as_i64()), (Some("List"), Some(1)));
    assert_eq!(w.everything(), before);
    let made = w.feed("change", "apply -f -", &first).await.ok();
    assert_eq!(made, "configmap/settings created\ndeployment.apps/fresh created\n");
    let again = w.feed("change", "apply -f -", &first).await.ok();
    assert_eq!(again, "configmap/settings unchanged\ndeployment.apps/fresh unchanged\n");
    // What somebody else added stays, and what is no longer applied goes.
    w.kubectl("change", "scale deployment fresh --replicas=3 -n payments").await.ok();
    let mut second = workload("x:2");
    second["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("ports");
    let dry = w.feed("preview", "apply -f - --dry-run=server -o json", &second).await.ok();
    let dry: Value = serde_json::from_str(&dry).unwrap();
    assert_eq!(w.feed("change", "apply -f -", &second).await.ok(), "deployment.apps/fresh configured\n");
    let fresh = w.cluster.object("deployments", Some("payments"), "fresh").unwrap();
    assert_eq!(fresh["spec"], dry["spec"], "the dry run showed what was done");
    assert_eq!(fresh["spec"]["replicas"], 3);
    let container = &fresh["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((container["image"].as_str(), container.get("ports")), (Some("x:2"), None));
    let refused = w.feed("read", "apply -f -", &settings("2")).await.refused();
    assert!(
        refused.contains("cannot patch resource \"configmaps\"") || refused.contains("cannot create resource"),
        "{refused}"
    );
}

#[tokio::test]
async fn diff_shows_what_apply_would_do() {
    let w = World::demo().await;
    w.feed("change", "apply -f -", &settings("1")).await.ok();
    let before = w.everything();
    let same = w.feed("preview", "diff -f -", &settings("1")).await;
    assert_eq!((same.code, same.out.as_str()), (0, ""));
    let other = w.feed("preview", "diff -f -", &list(&[settings("2"), workload("x:1")])).await;
    assert_eq!(other.code, 1, "{}", other.err);
    for line in ["-  a: \"1\"", "+  a: \"2\"", "+kind: Deployment"] {
        assert!(other.out.lines().any(|one| one == line), "no `{line}` in {}", other.out);
    }
    assert_eq!(w.everything(), before);
    assert!(
        w.cluster
            .requests()
            .iter()
            .filter(|one| one.account.as_deref() == Some("preview"))
            .all(|one| one.method == "GET" || one.dry_run)
    );
}

/// What each verb makes of an object, as `(verb and arguments, resource, name, pointer, value)`.
const CHANGES: [(&str, &str, &str, &str, &str); 15] = [
    ("annotate deployment api note=hello", "deployments", "api", "/metadata/annotations/note", "\"hello\""),
    ("label deployment api tier=front", "deployments", "api", "/metadata/labels/tier", "\"front\""),
    ("set image deployment/api api=x:2", "deployments", "api", "/spec/template/spec/containers/0/image", "\"x:2\""),
    (
        "set env deployment/api LOG_LEVEL=debug",
        "deployments",
        "api",
        "/spec/template/spec/containers/0/env/0/value",
        "\"debug\"",
    ),
    (
        "set resources deployment/api --limits=cpu=200m",
        "deployments",
        "api",
        "/spec/template/spec/containers/0/resources/limits/cpu",
        "\"200m\"",
    ),
    (
        "set serviceaccount deployment/api robot",
        "deployments",
        "api",
        "/spec/template/spec/serviceAccountName",
        "\"robot\"",
    ),
    ("set selector service/api app=worker", "services", "api", "/spec/selector/app", "\"worker\""),
    ("patch deployment api -p {\"spec\":{\"replicas\":4}}", "deployments", "api", "/spec/replicas", "4"),
    ("patch deployment api --type=merge -p {\"spec\":{\"paused\":true}}", "deployments", "api", "/spec/paused", "true"),
    (
        "patch deployment api --type=json -p [{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":2}]",
        "deployments",
        "api",
        "/spec/replicas",
        "2",
    ),
    (
        "patch deployment api -p {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"side\",\"image\":\"s:1\"}]}}}}",
        "deployments",
        "api",
        "/spec/template/spec/containers/1/name",
        "\"side\"",
    ),
    ("expose deployment api --port=81 --name=shown", "services", "shown", "/spec/ports/0/port", "81"),
    ("create deployment made --image=y:1", "deployments", "made", "/spec/template/spec/containers/0/image", "\"y:1\""),
    ("create configmap made --from-literal=a=b", "configmaps", "made", "/data/a", "\"b\""),
    ("create serviceaccount made", "serviceaccounts", "made", "/metadata/name", "\"made\""),
];

#[tokio::test]
async fn every_verb_does_what_its_dry_run_showed() {
    let w = World::demo().await;
    for (command, resource, name, pointer, wanted) in CHANGES {
        let before = w.everything();
        let value = |of: &Value| of.pointer(pointer).map(Value::to_string);
        let dry = w.kubectl("preview", &format!("{command} -n payments --dry-run=server -o json")).await.ok();
        let dry: Value = serde_json::from_str(&dry).unwrap();
        assert_eq!(value(&dry).as_deref(), Some(wanted), "dry run of {command}");
        assert_eq!(w.everything(), before, "{command}");
        let real = w.kubectl("preview", &format!("{command} -n payments")).await;
        assert!(real.err.contains("may only send requests with dryRun=All"), "{command}: {}", real.err);
        let reader = w.kubectl("read", &format!("{command} -n payments")).await;
        assert!(
            reader.err.contains("cannot patch resource") || reader.err.contains("cannot create resource"),
            "{command}"
        );
        assert_eq!(w.everything(), before, "{command}");
        w.kubectl("change", &format!("{command} -n payments")).await.ok();
        let object = w.cluster.object(resource, Some("payments"), name).unwrap();
        assert_eq!(value(&object).as_deref(), Some(wanted), "{command}");
    }
}

#[tokio::test]
async fn an_autoscaler_is_made_in_its_old_version_and_kept_in_the_new_one() {
    let w = World::demo().await;
    w.kubectl("change", "autoscale deployment api --min=2 --max=5 --cpu-percent=80 -n payments").await.ok();
    let kept = w.cluster.object("horizontalpodautoscalers", Some("payments"), "api").unwrap();
    assert_eq!(kept["apiVersion"], "autoscaling/v2");
    assert_eq!(kept["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
    let path = "/apis/autoscaling/v1/namespaces/payments/horizontalpodautoscalers/api";
    let (_, old) = w.http("read", Method::GET, path, "application/json", &json!({})).await;
    assert_eq!(
        (old["apiVersion"].as_str(), old["spec"]["targetCPUUtilizationPercentage"].as_i64()),
        (Some("autoscaling/v1"), Some(80))
    );
    w.kubectl("change", "patch hpa api -n payments -p {\"spec\":{\"maxReplicas\":9}}").await.ok();
    let patch = json!({"spec": {"minReplicas": 3}});
    let (code, answer) = w.http("change", Method::PATCH, path, "application/merge-patch+json", &patch).await;
    assert_eq!((code, answer["spec"]["maxReplicas"].as_i64()), (200, Some(9)), "{answer}");
    let row = crate::world::rows(&w.kubectl("read", "get hpa -n payments").await.ok())[1].clone();
    assert_eq!(row, "api Deployment/api cpu: <unknown>/80% 3 9 0 0s");
    // kubectl before 1.27 cannot ask for this dry run: it looks for a kind without a name.
    if w.modern().await {
        let dry = "autoscale deployment worker --max=5 -n payments --dry-run=server -o jsonpath={.spec.maxReplicas}";
        assert_eq!(w.kubectl("preview", dry).await.ok(), "5");
    }
}

#[tokio::test]
async fn kubectl_makes_all_kinds() {
    let w = World::with_admin().await;
    let modern = w.modern().await;
    let commands = [
        ("create namespace made", true),
        ("create secret generic made --from-literal=a=b -n web", true),
        ("create quota made --hard=pods=9 -n web", true),
        ("create role made --verb=get --resource=pods -n web", true),
        ("create rolebinding made --role=made --serviceaccount=web:made -n web", true),
        ("create clusterrole made --verb=get --resource=nodes", true),
        ("create clusterrolebinding made --clusterrole=made --user=ann", true),
        ("create ingress made --rule=a.example.com/b=svc:80 -n web", true),
        ("create service clusterip made --tcp=80:http -n web", true),
        ("create priorityclass made --value=5", true),
        ("create job made --image=x -n web", true),
        ("run made --image=x -n web", true),
        // Clients before 1.25 ask for versions that a server of 1.32 has no more.
        ("create cronjob made --image=x --schedule=@daily -n web", modern),
        ("create job again --from=cronjob/made -n web", modern),
        ("create poddisruptionbudget made --selector=app=front --min-available=1 -n web", modern),
    ];
    for (command, known) in commands {
        if known {
            let ran = w.kubectl("admin", command).await.ok();
            assert!(ran.trim_end().ends_with(" created"), "{command}: {ran}");
        }
    }
    let secret = w.cluster.object("secrets", Some("web"), "made").unwrap();
    assert_eq!(secret["data"]["a"], "Yg==");
    let port = &w.cluster.object("services", Some("web"), "made").unwrap()["spec"]["ports"][0];
    assert_eq!((&port["port"], &port["targetPort"]), (&json!(80), &json!("http")));
}

#[tokio::test]
async fn a_field_that_does_not_exist_is_not_kept() {
    let w = World::demo().await;
    let mut wrong = settings("1");
    wrong["dta"] = json!({"b": "2"});
    let said = w.feed("change", "apply -f -", &wrong).await;
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("unknown field \"dta\""), "{}", said.err);
    assert!(w.cluster.object("configmaps", Some("payments"), "settings").is_none());
    let told = w.kubectl("change", "patch deployment api -n payments -p {\"spec\":{\"nope\":1}}").await;
    assert_eq!(told.code, 0);
    assert!(told.err.contains("unknown field \"spec.nope\""), "{}", told.err);
    let api = "/apis/apps/v1/namespaces/payments/deployments/api";
    let merge = "application/merge-patch+json";
    let before = w.everything();
    for (query, patch, code, reason, words) in [
        (
            "?fieldValidation=Strict",
            json!({"spec": {"nope": 1}}),
            422,
            "Invalid",
            "strict decoding error: unknown field \"spec.nope\"",
        ),
        (
            "",
            json!({"spec": {"replicas": "3"}}),
            400,
            "BadRequest",
            "json: cannot unmarshal string into Go struct field .spec.replicas of type int32",
        ),
        ("?fieldValidation=Some", json!({}), 400, "BadRequest", "fieldValidation: Unsupported value: \"Some\""),
    ] {
        let (answered, status) = w.http("change", Method::PATCH, &format!("{api}{query}"), merge, &patch).await;
        assert_eq!((answered, status["reason"].as_str()), (code, Some(reason)), "{status}");
        assert!(status["message"].as_str().unwrap().contains(words), "{status}");
        assert_eq!(w.everything(), before);
    }
    let strict = "/api/v1/namespaces/payments/configmaps?fieldValidation=Strict";
    let (code, status) = w.http("change", Method::POST, strict, "application/json", &wrong).await;
    let message =
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dta\"";
    assert_eq!((code, status["message"].as_str()), (400, Some(message)));
}

#[tokio::test]
async fn a_status_is_written_through_its_subresource_alone() {
    let w = World::demo().await;
    let pod = "/api/v1/namespaces/payments/pods/api-7f";
    let failed = json!({"status": {"phase": "Failed"}});
    let merge = "application/merge-patch+json";
    let (code, _) = w.http("change", Method::PATCH, pod, merge, &failed).await;
    assert_eq!(code, 200);
    assert_eq!(w.cluster.object("pods", Some("payments"), "api-7f").unwrap()["status"]["phase"], "Running");
    let (code, refused) = w.http("change", Method::PATCH, &format!("{pod}/status"), merge, &failed).await;
    assert_eq!(code, 403, "{refused}");
}

/// What a server-side apply of one container's image and the replicas looks like.
fn applied(image: &str, replicas: u32) -> Value {
    let template =
        json!({"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{"name": "api", "image": image}]}});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": "payments"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "api"}}, "template": template},
    })
}

#[tokio::test]
async fn a_server_side_apply_takes_no_field_from_another_manager() {
    let w = World::demo().await;
    let apply = "apply --server-side -f -";
    let before = w.everything();
    w.feed("preview", &format!("{apply} --dry-run=server"), &applied("x:1", 3)).await.ok();
    assert_eq!(w.everything(), before);
    let first = w.feed("change", &format!("{apply} --field-manager=ann"), &applied("x:1", 3)).await.ok();
    assert_eq!(first, "deployment.apps/api serverside-applied\n");
    let api = || w.cluster.object("deployments", Some("payments"), "api").unwrap();
    let container = api()["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!((container["image"].as_str(), container["env"].as_array().map(Vec::len)), (Some("x:1"), Some(2)));
    let steady = w.everything();
    w.feed("change", &format!("{apply} --field-manager=ann"), &applied("x:1", 3)).await.ok();
    assert_eq!(w.everything(), steady, "the same again changes nothing");

    let clash = w.feed("change", &format!("{apply} --field-manager=bob"), &applied("x:2", 3)).await;
    assert_eq!(clash.code, 1);
    let said =
        "Apply failed with 1 conflict: conflict with \"ann\": .spec.template.spec.containers[name=\"api\"].image";
    assert!(clash.err.contains(said), "{}", clash.err);
    assert_eq!(w.everything(), steady);
    w.feed("change", &format!("{apply} --field-manager=bob --force-conflicts"), &applied("x:2", 3)).await.ok();
    let back = w.feed("change", &format!("{apply} --field-manager=ann"), &applied("x:1", 3)).await;
    assert!(back.err.contains("conflict with \"bob\""), "{}", back.err);
    // What is changed in another way belongs to whoever changed it.
    w.kubectl("change", "scale deployment api --replicas=5 -n payments").await.ok();
    let scaled = w.feed("change", &format!("{apply} --field-manager=bob"), &applied("x:2", 3)).await;
    assert!(scaled.err.contains("conflict with \"kubectl"), "{}", scaled.err);
    let mut less = applied("x:2", 5);
    less["metadata"]["labels"] = json!({"note": "1"});
    w.feed("change", &format!("{apply} --field-manager=bob"), &less).await.ok();
    assert_eq!(api()["metadata"]["labels"]["note"], "1");
    w.feed("change", &format!("{apply} --field-manager=bob"), &applied("x:2", 5)).await.ok();
    assert_eq!(api()["metadata"]["labels"].get("note"), None, "what is no longer applied goes");
    assert_eq!(api()["metadata"]["labels"]["app"], "api", "and what nobody applied stays");
}

#[tokio::test]
async fn an_object_can_be_made_by_a_server_side_apply() {
    let w = World::demo().await;
    let made = w.feed("change", "apply --server-side -f -", &workload("x:1")).await.ok();
    assert_eq!(made, "deployment.apps/fresh serverside-applied\n");
    let fresh = w.cluster.object("deployments", Some("payments"), "fresh").unwrap();
    let entry = &fresh["metadata"]["managedFields"][0];
    assert_eq!((entry["manager"].as_str(), entry["operation"].as_str()), (Some("kubectl"), Some("Apply")));
    assert_eq!(w.cluster.names("pods", Some("payments")).iter().filter(|name| name.starts_with("fresh-")).count(), 1);
}

#[tokio::test]
async fn a_dry_run_draws_a_uid_of_which_nothing_remains() {
    let w = World::demo().await;
    let look = async || {
        let made =
            w.kubectl("preview", "expose deployment api --port=81 --name=shown -n payments --dry-run=server -o json");
        serde_json::from_str::<Value>(&made.await.ok()).unwrap()
    };
    let (one, other) = (look().await, look().await);
    assert_ne!(one["metadata"]["uid"], other["metadata"]["uid"]);
    assert_eq!((&one["spec"], one["spec"]["clusterIP"].as_str()), (&other["spec"], Some("10.43.0.0")));
    w.kubectl("change", "expose deployment api --port=81 --name=shown -n payments").await.ok();
    let made = w.cluster.object("services", Some("payments"), "shown").unwrap();
    assert_ne!(made["spec"]["clusterIP"], "10.43.0.0");
}
