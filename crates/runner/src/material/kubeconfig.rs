//! The kubeconfig a job gets: one cluster, one user, one way out.
//!
//! **Invariant:** no exec plugin, no file reference, no name from outside; the text is JSON, which YAML contains, so no
//! value can become a key.

use crate::target::Cluster;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_secrets::{Impersonation, Material};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

/// Who the job is.
#[derive(Debug, Clone, Copy)]
pub(super) struct User<'a> {
    /// The credential.
    pub(super) material: &'a Material,
    /// Whom it acts as, if the cluster is asked to take it for somebody else.
    pub(super) acts_as: Option<&'a Impersonation>,
}

/// The file's bytes. `proxy` is the port on the jail's loopback; `None` for a lease that holds nothing kubectl takes.
pub(super) fn render(target: &Cluster, user: User<'_>, proxy: u16) -> Option<Vec<u8>> {
    let mut entry = match user.material {
        Material::None | Material::Aws { .. } | Material::AccessToken(_) | Material::Variables(_) => return None,
        Material::BearerToken(token) => json!({ "token": token.expose_secret() }),
        Material::ClientCertificate { certificate_pem, key_pem } => json!({
            "client-certificate-data": BASE64.encode(certificate_pem),
            "client-key-data": BASE64.encode(key_pem.expose_secret()),
        }),
    };
    if let Some(other) = user.acts_as {
        entry["as"] = other.user.clone().into();
        entry["as-groups"] = other.groups.clone().into();
    }
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
        "users": [{ "name": "job", "user": entry }],
        "contexts": [{ "name": "job", "context": { "cluster": "target", "user": "job" } }],
        "current-context": "job",
    });
    Some(config.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Cluster {
        Cluster { address: "https://api.example:6443".into(), ca_pem: Some("PEM".into()), allowed: Vec::new() }
    }

    fn alone(material: &Material) -> User<'_> {
        User { material, acts_as: None }
    }

    #[test]
    fn a_token_with_quotes_stays_a_token() {
        let token = "a\"\nusers: [{exec: x}]".to_owned();
        let bytes = render(&target(), alone(&Material::BearerToken(token.clone().into())), 3128).unwrap();
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["users"], json!([{ "name": "job", "user": { "token": token } }]));
        assert_eq!(read["clusters"][0]["cluster"]["proxy-url"], "http://127.0.0.1:3128");
        assert_eq!(read["clusters"][0]["cluster"]["certificate-authority-data"], BASE64.encode("PEM"));
    }

    #[test]
    fn an_empty_lease_makes_no_file() {
        assert!(render(&target(), alone(&Material::None), 3128).is_none());
        let aws = Material::AccessToken("t".to_owned().into());
        assert!(render(&target(), alone(&aws), 3128).is_none());
    }

    #[test]
    fn whom_the_job_acts_as_stands_beside_its_credential() {
        let other = Impersonation { user: "ann@example.com".into(), groups: vec!["sre".into()] };
        let material = Material::BearerToken("t".to_owned().into());
        let bytes = render(&target(), User { material: &material, acts_as: Some(&other) }, 3128).unwrap();
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["users"][0]["user"], json!({ "token": "t", "as": "ann@example.com", "as-groups": ["sre"] }));
    }
}
