//! The demo's cluster: a shop with a payments team, one of whose pods is in trouble.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::controller::{RESTARTS, template_hash};
use super::super::rbac::{ACCOUNT_NAMESPACE, Account, Effects, Rule};
use super::{Follow, PodLog, Seed};

/// Namespaces people work in.
const OURS: [&str; 2] = ["payments", "web"];

/// Resources one may look at, by group. No secrets, and nothing that reaches into a container.
const ORDINARY: [(&str, &[&str]); 13] = [
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "pods/log",
            "replicationcontrollers",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ],
    ),
    ("apps", &["*"]),
    ("autoscaling", &["*"]),
    ("batch", &["*"]),
    ("certificates.k8s.io", &["certificatesigningrequests"]),
    ("coordination.k8s.io", &["leases"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("metrics.k8s.io", &["*"]),
    ("networking.k8s.io", &["*"]),
    ("policy", &["poddisruptionbudgets"]),
    ("rbac.authorization.k8s.io", &["clusterrolebindings", "clusterroles", "rolebindings", "roles"]),
    ("scheduling.k8s.io", &["priorityclasses"]),
    ("storage.k8s.io", &["storageclasses"]),
];

/// What the teams make and change in their namespaces, by group.
const OWN: [(&str, &[&str]); 6] = [
    ("", &["configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "serviceaccounts", "services"]),
    ("apps", &["*"]),
    ("autoscaling", &["*"]),
    ("batch", &["*"]),
    ("networking.k8s.io", &["*"]),
    ("policy", &["poddisruptionbudgets"]),
];

impl Seed {
    /// Namespaces `payments`, `web` and `kube-system`; deployments `api` (three replicas, one of them the pod `api-7f`,
    /// which is killed for memory again and again) and `worker` in `payments`, `front` in `web`; accounts `read`,
    /// `sensitive`, `preview`, `change`, `destructive` with the least each needs, and `issuer`, which mints tokens for them.
    #[must_use]
    pub fn demo(name: &str) -> Self {
        let mut seed = Self::empty(name);
        seed.namespaces = OURS.map(str::to_owned).to_vec();
        seed.objects =
            ["node-a", "node-b", "node-c"].iter().enumerate().map(|(at, node)| self::node(node, at)).collect();
        seed.objects.extend(payments());
        seed.objects.extend(web());
        seed.objects.extend(system());
        seed.logs = vec![troubled_log()];
        seed.accounts = accounts();
        seed
    }
}

fn node(name: &str, at: usize) -> Value {
    let address = format!("10.0.0.{}", 11 + at);
    let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason});
    let size = json!({"cpu": "4", "memory": "16384Mi", "pods": "110"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {"podCIDR": format!("10.42.{at}.0/24")},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "capacity": size, "allocatable": size,
            "nodeInfo": {
                "kubeletVersion": "v1.32.4", "kubeProxyVersion": "v1.32.4", "osImage": "Debian GNU/Linux 12 (bookworm)",
                "kernelVersion": "6.1.0", "containerRuntimeVersion": "containerd://1.7.27", "architecture": "amd64",
                "operatingSystem": "linux", "machineID": name, "systemUUID": name, "bootID": name,
            },
        },
    })
}

fn deployment(namespace: &str, name: &str, replicas: u32, containers: &Value) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": name, "namespace": namespace, "labels": {"app": name, "team": namespace},
            "annotations": {"kubernetes.io/change-cause": "first release"},
        },
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    })
}

fn container(name: &str, image: &str, memory: &str, env: &Value) -> Value {
    json!({
        "name": name, "image": format!("registry.example.com/shop/{image}"), "imagePullPolicy": "IfNotPresent",
        "env": env, "ports": [{"containerPort": 8080, "protocol": "TCP", "name": "http"}],
        "resources": {"requests": {"cpu": "100m", "memory": memory}, "limits": {"memory": memory}},
    })
}

fn service(namespace: &str, name: &str) -> Value {
    let ports = json!([{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]);
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "ClusterIP", "selector": {"app": name}, "ports": ports},
    })
}

fn payments() -> Vec<Value> {
    let password = json!({"secretKeyRef": {"name": "db-password", "key": "password"}});
    let env = json!([{"name": "LOG_LEVEL", "value": "info"}, {"name": "DB_PASSWORD", "valueFrom": password}]);
    let api = deployment("payments", "api", 3, &json!([container("api", "api:1.4.2", "256Mi", &env)]));
    let template = api["spec"]["template"].clone();
    let worker = deployment("payments", "worker", 2, &json!([container("worker", "worker:1.4.2", "512Mi", &env)]));
    // The replica set of `api` adopts this pod, because it carries its labels and belongs to nobody.
    let troubled = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "api-7f", "namespace": "payments", "annotations": {RESTARTS: "14"},
            "labels": {"app": "api", "pod-template-hash": template_hash(&template)},
        },
        "spec": template["spec"],
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": "db-password", "namespace": "payments"}, "stringData": {"password": "correct-horse-battery"},
        }),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "api-settings", "namespace": "payments"},
            "data": {"currency": "EUR", "pool_size": "20"},
        }),
        troubled,
        api,
        worker,
        service("payments", "api"),
        killed_again(),
    ]
}

/// What the kubelet says about the troubled pod.
fn killed_again() -> Value {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "namespace": "payments", "name": "api-7f", "fieldPath": "spec.containers{api}"});
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "api-7f.killed", "namespace": "payments"},
        "involvedObject": pod, "type": "Warning", "reason": "BackOff", "count": 14,
        "message": "Back-off restarting failed container api in pod api-7f", "reportingComponent": "kubelet",
        "source": {"component": "kubelet", "host": "node-a"},
    })
}

fn web() -> Vec<Value> {
    let env = json!([{"name": "API_URL", "value": "http://api.payments"}]);
    let sidecar = container("metrics", "metrics:0.9", "64Mi", &json!([]));
    let front = deployment("web", "front", 2, &json!([container("front", "front:3.1.0", "128Mi", &env), sidecar]));
    let backend = json!({"service": {"name": "front", "port": {"number": 80}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "shop", "namespace": "web"},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.example.com", "http": {"paths": [path]}}]},
    });
    vec![front, service("web", "front"), ingress]
}

fn system() -> Vec<Value> {
    let dns =
        deployment("kube-system", "coredns", 2, &json!([container("coredns", "coredns:1.11.3", "170Mi", &json!([]))]));
    let mut proxy = deployment(
        "kube-system",
        "kube-proxy",
        1,
        &json!([container("kube-proxy", "kube-proxy:1.32.4", "64Mi", &json!([]))]),
    );
    proxy["kind"] = json!("DaemonSet");
    super::super::object::unset(&mut proxy, &["spec", "replicas"]);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "cluster-key", "namespace": "kube-system"}, "stringData": {"key": "not-for-chat"},
    });
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]});
    let viewing = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "view"}, "rules": [rule],
    });
    vec![dns, proxy, secret, viewing]
}

fn troubled_log() -> PodLog {
    let line = |seconds: i64, text: &str| (SignedDuration::from_secs(seconds), text.to_owned());
    PodLog {
        namespace: "payments".to_owned(),
        pod: "api-7f".to_owned(),
        container: "api".to_owned(),
        current: vec![
            line(420, "starting api from registry.example.com/shop/api:1.4.2"),
            line(418, "listening on 0.0.0.0:8080"),
            line(300, "WARN connection pool 14/20 in use"),
            line(120, "WARN connection pool 20/20 in use, 38 requests waiting"),
            line(60, "ERROR checkout 5d1c timed out after 30s waiting for a connection"),
            line(10, "ERROR heap at 243Mi of 256Mi"),
        ],
        previous: vec![
            line(4000, "starting api from registry.example.com/shop/api:1.4.2"),
            line(430, "ERROR heap at 255Mi of 256Mi"),
            line(421, "Killed"),
        ],
        follow: Follow::Ends,
    }
}

fn accounts() -> Vec<Account> {
    let account = |name: &str, effects: Effects, rules: Vec<Rule>| Account { name: name.to_owned(), rules, effects };
    vec![
        account("read", Effects::Real, reading()),
        account("sensitive", Effects::Real, reading_secrets()),
        account("preview", Effects::DryRunOnly, destroying()),
        account("change", Effects::Real, changing()),
        account("destructive", Effects::Real, destroying()),
        account("issuer", Effects::Real, issuing()),
    ]
}

fn reading() -> Vec<Rule> {
    let rule = |(group, resources): &(&str, &[&str])| Rule::new(&["get", "list", "watch"], &[group], resources, &["*"]);
    ORDINARY.iter().map(rule).collect()
}

fn reading_secrets() -> Vec<Rule> {
    let mut rules = reading();
    rules.push(Rule::new(&["get", "list", "watch"], &[""], &["secrets"], &OURS));
    rules
}

fn changing() -> Vec<Rule> {
    let mut rules = reading();
    let own =
        |(group, resources): &(&str, &[&str])| Rule::new(&["create", "update", "patch"], &[group], resources, &OURS);
    rules.extend(OWN.iter().map(own));
    rules.push(Rule::new(&["create", "update", "patch"], &[""], &["replicationcontrollers/scale"], &OURS));
    // Cordons and taints.
    rules.push(Rule::new(&["update", "patch"], &[""], &["nodes"], &["*"]));
    rules
}

fn destroying() -> Vec<Rule> {
    let mut rules = changing();
    let own =
        |(group, resources): &(&str, &[&str])| Rule::new(&["delete", "deletecollection"], &[group], resources, &OURS);
    rules.extend(OWN.iter().map(own));
    // A drain meets the pods of every namespace.
    rules.push(Rule::new(&["create"], &[""], &["pods/eviction"], &["*"]));
    // `kubectl delete` waits by asking for what it deleted, so it has to be able to get it.
    rules.push(Rule::new(&["get", "list", "watch", "delete"], &[""], &["secrets"], &OURS));
    rules
}

/// Tokens for the other accounts, bound to secrets of their own whose deletion revokes them.
fn issuing() -> Vec<Rule> {
    vec![
        Rule::new(&["create"], &[""], &["serviceaccounts/token"], &[ACCOUNT_NAMESPACE]),
        Rule::new(&["create", "delete", "get", "list"], &[""], &["secrets"], &[ACCOUNT_NAMESPACE]),
    ]
}
