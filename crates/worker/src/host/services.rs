//! The services of the catalog, each in each of its environments, as targets of the runner.
//!
//! **Invariant:** a service whose cluster, authority or root of trust cannot be read is one that nothing is rolled out
//! to; all others are not concerned.

use super::Host;
use countersign_policy::Catalog;
use countersign_policy::catalog::{Attestations, Reference as CatalogReference, Rollout, Service as Entry};
use countersign_runner::service::{Kept, Provenance, Registry, Service, Source, WorkflowRun};
use countersign_runner::target::{Target, Targets};
use countersign_secrets::{Reference, TargetKey};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Adds them; the clusters are there already.
pub(super) fn add(host: &Host, catalog: &Catalog, targets: &mut Targets) {
    for (name, entry) in catalog.services() {
        for (env, rollout) in &entry.environments {
            match service(host, catalog, (entry, rollout), targets) {
                Ok(Some(service)) => {
                    targets.insert(TargetKey::service(name, env), Target::Service(Box::new(service)));
                }
                // Its cluster has been told of already.
                Ok(None) => {}
                Err(error) => tracing::warn!(
                    service = name.as_str(),
                    "An authority or root of trust cannot be read, so nothing is rolled out: {error}"
                ),
            }
        }
    }
}

fn service(
    host: &Host,
    catalog: &Catalog,
    (entry, rollout): (&Entry, &Rollout),
    targets: &Targets,
) -> io::Result<Option<Service>> {
    let Some(Target::Cluster(cluster)) = targets.get(&TargetKey::cluster(&rollout.cluster)) else { return Ok(None) };
    let read = |reference: &Option<CatalogReference>| reference.as_ref().map(|it| host.read(it)).transpose();
    let environment = Arc::new(host.environment.clone());
    let kept = |reference: &Option<CatalogReference>| {
        reference.as_ref().map(|reference| Kept::new(of(reference), Arc::clone(&environment)))
    };
    let github = entry.source.as_ref().and_then(|name| catalog.repositories().get(name)?.github.as_ref());
    let source = github.map(|github| {
        let (address, repository) = (github.address.clone(), github.repository.clone());
        Ok::<_, io::Error>(Source {
            address,
            repository,
            ca_pem: read(&github.ca)?,
            credential: kept(&github.credential),
        })
    });
    let provenance = entry.provenance.as_ref().map(|asked| {
        Ok::<_, io::Error>(Provenance {
            repository: asked.repository.clone(),
            workflow: asked.workflow.clone(),
            refs: asked.refs.clone(),
            attestations: match asked.attestations {
                Attestations::Github => "github",
                Attestations::Registry => "registry",
            },
            issuer: asked.issuer.clone(),
            trusted_root: read(&asked.trusted_root)?,
        })
    });
    Ok(Some(Service {
        cluster: cluster.clone(),
        cluster_name: rollout.cluster.clone(),
        namespace: rollout.namespace.clone(),
        deployment: rollout.deployment.clone(),
        container: rollout.container.clone(),
        image: entry.image.clone(),
        versions: entry.grammar.versions.as_ref().map(|pattern| pattern.as_str().to_owned()),
        registry: Registry {
            address: entry.registry.address.clone(),
            ca_pem: read(&entry.registry.ca)?,
            credential: kept(&entry.registry.credential),
        },
        source: source.transpose()?,
        run: entry.run.as_ref().map(|run| WorkflowRun {
            workflow: run.workflow.clone(),
            artifact: run.artifact.clone(),
            hosts: run.hosts.clone(),
        }),
        provenance: provenance.transpose()?,
    }))
}

fn of(reference: &CatalogReference) -> Reference {
    match reference {
        CatalogReference::File(path) => Reference::File(PathBuf::from(path)),
        CatalogReference::Env(name) => Reference::Env(name.clone()),
    }
}
