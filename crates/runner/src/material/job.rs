//! What a driver of ours gets: one file with everything it has to know besides its argv.
//!
//! **Invariant:** the target's address is the catalog's, the requester is the recorded warrant's, and a credential is in
//! this file alone.

use super::{Private, Surroundings};
use crate::service::{self, Section};
use crate::target::Target;
use countersign_core::id::InvocationId;
use countersign_secrets::{Impersonation, Material, TargetKey};
use secrecy::ExposeSecret as _;
use serde::Serialize;

/// The variable that names the file (countersign-tools, `driver::JOB`).
const VARIABLE: &str = "COUNTERSIGN_JOB";

/// A job (format v1).
#[derive(Serialize)]
struct Job<'a> {
    v: u32,
    invocation: String,
    requester: &'a str,
    target: On<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer: Option<&'a str>,
    proxy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<super::stack::Stack<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Section<'a>>,
    seconds: u64,
}

#[derive(Serialize)]
struct On<'a> {
    kind: &'static str,
    name: &'a str,
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a str>,
}

/// What a lease says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leased<'a> {
    pub(super) invocation: InvocationId,
    pub(super) key: &'a TargetKey,
    pub(super) material: &'a Material,
    pub(super) acts_as: Option<&'a Impersonation>,
}

/// The job's file; `None` for a target or a credential that no driver knows.
pub(super) fn render(target: &Target, leased: Leased<'_>, around: Surroundings<'_>) -> Option<Private> {
    let stack = match target {
        Target::Stack(_) => Some(super::stack::render(leased.material, around)?),
        _ => None,
    };
    let service = match target {
        Target::Service(it) => Some(service::render(it, leased.material, leased.acts_as, around.service?)?),
        _ => None,
    };
    let bearer = match leased.material {
        _ if stack.is_some() => None,
        Material::ClientCertificate { .. } if service.is_some() => None,
        Material::None => None,
        Material::BearerToken(token) => Some(token.expose_secret()),
        Material::ClientCertificate { .. }
        | Material::Aws { .. }
        | Material::AccessToken(_)
        | Material::Variables(_) => return None,
    };
    let (address, ca) = match target {
        Target::Alertmanager(it) => (it.endpoint.url(), it.ca_pem.as_deref()),
        Target::Stack(it) => (it.address(), None),
        Target::Service(it) => (it.cluster.address.as_str(), it.cluster.ca_pem.as_deref()),
        Target::Cluster(_) | Target::Profile(_) | Target::Project(_) => return None,
    };
    let job = Job {
        v: 1,
        invocation: leased.invocation.to_string(),
        requester: around.requester,
        target: On { kind: leased.key.kind.as_str(), name: &leased.key.name, address, ca },
        bearer,
        proxy: format!("http://127.0.0.1:{}", around.proxy),
        stack,
        service,
        seconds: around.seconds,
    };
    let mut private = Private::default();
    private.file(VARIABLE, format!("{}/job", around.home), serde_json::to_vec(&job).ok()?);
    Some(private)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Alertmanager, Cluster};
    use countersign_secrets::TargetKind;
    use serde_json::json;

    fn render_for(target: &Target, material: &Material) -> Option<Private> {
        let key = TargetKey::new(TargetKind::Alertmanager, "main");
        let invocation = "0197c1a2-0000-8000-8000-000000000001".parse().unwrap();
        let around = Surroundings {
            home: "/home/job",
            proxy: 3128,
            steps: &[],
            requester: "Ann [demo#ann]",
            seconds: 60,
            stack: None,
            service: None,
        };
        render(target, Leased { invocation, key: &key, material, acts_as: None }, around)
    }

    fn main() -> Target {
        let endpoint = "https://am.example".parse().unwrap();
        Target::Alertmanager(Alertmanager { endpoint, ca_pem: Some("PEM".into()) })
    }

    #[test]
    fn p18_a_driver_gets_one_file_and_one_variable() {
        let private = render_for(&main(), &Material::BearerToken("s3cret".to_owned().into())).unwrap();
        let env: Vec<(&str, &str)> = private.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(env, [("COUNTERSIGN_JOB", "/home/job/job")]);
        assert_eq!(private.files.len(), 1);
        let job: serde_json::Value = serde_json::from_slice(&private.files[0].content).unwrap();
        let expected = json!({
            "v": 1, "invocation": "0197c1a2-0000-8000-8000-000000000001", "requester": "Ann [demo#ann]",
            "target": {"kind": "alertmanager", "name": "main", "address": "https://am.example", "ca": "PEM"},
            "bearer": "s3cret", "proxy": "http://127.0.0.1:3128", "seconds": 60,
        });
        assert_eq!(job, expected);
        let without = render_for(&main(), &Material::None).unwrap();
        assert!(!String::from_utf8_lossy(&without.files[0].content).contains("bearer"));
    }

    #[test]
    fn what_no_driver_knows_makes_no_file() {
        assert!(render_for(&main(), &Material::AccessToken("a".to_owned().into())).is_none());
        let cluster = Target::Cluster(Cluster::of_address("https://k".into(), None).unwrap());
        assert!(render_for(&cluster, &Material::BearerToken("a".to_owned().into())).is_none());
    }
}
