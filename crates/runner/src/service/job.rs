//! The part of a driver's job file that is about a service (format v1; countersign-tools, `driver::deploy::settings`).

use super::{Service, Told};
use countersign_secrets::{Impersonation, Material};
use secrecy::ExposeSecret;
use serde::Serialize;

/// All that the driver has to know.
#[derive(Serialize)]
pub(crate) struct Section<'a> {
    cluster: Cluster<'a>,
    namespace: &'a str,
    deployment: &'a str,
    container: &'a str,
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<&'a str>,
    registry: Registry<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Run<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<Provenance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreed: Option<&'a str>,
}

#[derive(Serialize)]
struct Cluster<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonate: Option<Whom<'a>>,
}

#[derive(Serialize)]
struct Whom<'a> {
    user: &'a str,
    groups: &'a [String],
}

#[derive(Serialize)]
struct Registry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
}

#[derive(Serialize)]
struct Source<'a> {
    address: &'a str,
    repository: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
}

#[derive(Serialize)]
struct Run<'a> {
    workflow: &'a str,
    artifact: &'a str,
    hosts: Vec<&'a str>,
}

#[derive(Serialize)]
struct Provenance<'a> {
    repository: &'a str,
    workflow: &'a str,
    refs: &'a [String],
    attestations: &'a str,
    issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_root: Option<&'a str>,
}

/// The section; `None` for a credential that no cluster takes.
pub(crate) fn render<'a>(
    service: &'a Service,
    material: &'a Material,
    acts_as: Option<&'a Impersonation>,
    told: &'a Told<'_>,
) -> Option<Section<'a>> {
    let (certificate, key) = match material {
        Material::BearerToken(_) => (None, None),
        Material::ClientCertificate { certificate_pem, key_pem } => {
            (Some(certificate_pem.as_str()), Some(key_pem.expose_secret()))
        }
        Material::None | Material::Aws { .. } | Material::AccessToken(_) | Material::Variables(_) => return None,
    };
    let impersonate = acts_as.map(|whom| Whom { user: &whom.user, groups: &whom.groups });
    let secret = |secret: &'a Option<secrecy::SecretString>| secret.as_ref().map(ExposeSecret::expose_secret);
    Some(Section {
        cluster: Cluster { name: &service.cluster_name, certificate, key, impersonate },
        namespace: &service.namespace,
        deployment: &service.deployment,
        container: &service.container,
        image: &service.image,
        versions: service.versions.as_deref(),
        registry: Registry {
            address: service.registry.address.as_deref(),
            ca: service.registry.ca_pem.as_deref(),
            credential: secret(&told.registry),
        },
        source: service.source.as_ref().map(|it| Source {
            address: &it.address,
            repository: &it.repository,
            ca: it.ca_pem.as_deref(),
            credential: secret(&told.forge),
        }),
        run: service.run.as_ref().map(|it| Run {
            workflow: &it.workflow,
            artifact: &it.artifact,
            hosts: it.hosts.iter().map(|host| host.strip_prefix("http://").unwrap_or(host)).collect(),
        }),
        provenance: service.provenance.as_ref().map(|it| Provenance {
            repository: &it.repository,
            workflow: &it.workflow,
            refs: &it.refs,
            attestations: it.attestations,
            issuer: &it.issuer,
            trusted_root: it.trusted_root.as_deref(),
        }),
        agreed: told.agreed,
    })
}
