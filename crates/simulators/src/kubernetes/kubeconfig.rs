//! Kubeconfig files: one cluster, one user with a bearer token, no programs to run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A kubeconfig as JSON, which is YAML too. The context is named like the cluster.
pub(super) fn render(cluster: &str, url: &str, ca_pem: &str, token: &str, proxy_url: Option<&str>) -> String {
    let mut server = json!({"server": url, "certificate-authority-data": STANDARD.encode(ca_pem)});
    if let Some(proxy) = proxy_url {
        server["proxy-url"] = Value::from(proxy);
    }
    let file = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": cluster, "preferences": {},
        "clusters": [{"name": cluster, "cluster": server}],
        "users": [{"name": cluster, "user": {"token": token}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster, "namespace": "default"}}],
    });
    format!("{file:#}\n")
}
