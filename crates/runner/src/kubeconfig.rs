//! The kubeconfig a job gets: one cluster, one user, one way out.
//!
//! **Invariant:** no exec plugin, no file reference, no name from outside; the text is JSON, which YAML contains, so no
//! value can become a key.

use crate::target::Target;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_secrets::Material;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

/// The file's bytes. `proxy` is the port on the jail's loopback; `None` for a lease that holds nothing.
pub(crate) fn render(target: &Target, material: &Material, proxy: u16) -> Option<Vec<u8>> {
    let user = match material {
        Material::None => return None,
        Material::BearerToken(token) => json!({ "token": token.expose_secret() }),
        Material::ClientCertificate { certificate_pem, key_pem } => json!({
            "client-certificate-data": BASE64.encode(certificate_pem),
            "client-key-data": BASE64.encode(key_pem.expose_secret()),
        }),
    };
    let mut cluster = Map::new();
    cluster.insert("server".into(), target.address.clone().into());
    // Honoured for every server; the proxy variables are not, for those on loopback.
    cluster.insert("proxy-url".into(), format!("http://127.0.0.1:{proxy}").into());
    if let Some(ca) = &target.ca_pem {
        cluster.insert("certificate-authority-data".into(), BASE64.encode(ca).into());
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "target", "cluster": Value::Object(cluster) }],
        "users": [{ "name": "job", "user": user }],
        "contexts": [{ "name": "job", "context": { "cluster": "target", "user": "job" } }],
        "current-context": "job",
    });
    Some(config.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { address: "https://api.example:6443".into(), ca_pem: Some("PEM".into()), allowed: Vec::new() }
    }

    #[test]
    fn a_token_with_quotes_stays_a_token() {
        let token = "a\"\nusers: [{exec: x}]".to_owned();
        let bytes = render(&target(), &Material::BearerToken(token.clone().into()), 3128).unwrap();
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["users"], json!([{ "name": "job", "user": { "token": token } }]));
        assert_eq!(read["clusters"][0]["cluster"]["proxy-url"], "http://127.0.0.1:3128");
        assert_eq!(read["clusters"][0]["cluster"]["certificate-authority-data"], BASE64.encode("PEM"));
    }

    #[test]
    fn an_empty_lease_makes_no_file() {
        assert!(render(&target(), &Material::None, 3128).is_none());
    }
}
