//! How a rollout speaks to the cluster.
//!
//! **Invariant:** every request goes to the job's cluster through the job's proxy, with a deadline and a bounded answer;
//! no configuration is looked for, in no cluster and in no home. What is changed is one deployment: the image of one
//! container, and annotations of ours.

use super::marks::Marks;
use super::pods::Pods;
use super::seen::{MANAGER, Past, Seen, Unfit};
use super::settings::Service;
use crate::driver::job::Job;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::refusal::shown;
use futures_util::StreamExt as _;
use http_body_util::Limited;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams, WatchParams};
use kube::config::AuthInfo;
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::error::Error as _;
use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// After so long a cluster does not answer any more; a person waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most that is read of an answer.
const LONGEST_ANSWER: usize = 32 << 20;

/// The most pods and replica sets that are looked at.
const MOST: u32 = 500;

/// The cluster of one job.
pub(super) struct Cluster<'a> {
    service: &'a Service,
    deployments: Api<Deployment>,
    sets: Api<ReplicaSet>,
    pods: Api<Pod>,
}

/// Why the cluster did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClusterError {
    /// The job's address, authority or credential.
    #[error("the {0} of the cluster cannot be used")]
    Settings(&'static str),
    /// Nobody answered; whether the request arrived is not known.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The credential.
    #[error("its credential may not do this: {0}")]
    Forbidden(String),
    /// There is none.
    #[error("there is no deployment `{0}`")]
    Missing(String),
    /// It is not as the catalog says.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It changed between the look and the change.
    #[error("the deployment was changed by somebody else at the same time")]
    Moved,
    /// Fields of ours belong to others.
    #[error("others manage what a rollout writes: {0}")]
    Taken(String),
    /// Something else.
    #[error("it answered {code}: {words}")]
    Refused {
        /// The status of HTTP.
        code: u16,
        /// What it said.
        words: String,
    },
    /// The answer is too long, or something else than was asked for.
    #[error("its answer cannot be used: {0}")]
    Strange(String),
}

/// Whether a change is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Yes,
    DryRun,
}

/// A change that went through.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) seen: Seen,
    /// Whoever else managed the image until then.
    pub(super) taken_from: Vec<String>,
}

impl<'a> Cluster<'a> {
    pub(super) fn new(job: &Job, service: &'a Service) -> Result<Self, ClusterError> {
        let client = Client::try_from(config(job, service)?).map_err(|_| ClusterError::Settings("authority"))?;
        let bounded = tower::service_fn(move |request| {
            let client = client.clone();
            async move { Ok::<_, kube::Error>(client.send(request).await?.map(|body| Limited::new(body, LONGEST_ANSWER))) }
        });
        let client = Client::new(bounded, service.namespace.clone());
        let namespace = &service.namespace;
        Ok(Self {
            service,
            deployments: Api::namespaced(client.clone(), namespace),
            sets: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client, namespace),
        })
    }

    /// The deployment as it is now.
    pub(super) async fn seen(&self) -> Result<Seen, ClusterError> {
        let deployment = self.asked(self.deployments.get(&self.service.deployment)).await?;
        Ok(Seen::of(&deployment, self.service)?)
    }

    /// What ran once, the newest first.
    pub(super) async fn past(&self, seen: &Seen) -> Result<Vec<Past>, ClusterError> {
        let params = ListParams::default().limit(MOST);
        let sets = self.asked(self.sets.list(&params)).await?;
        let ours = sets.items.iter().filter_map(|set| Past::of(set, &seen.uid, &self.service.container));
        let mut past: Vec<Past> = ours.collect();
        past.sort_by_key(|one| std::cmp::Reverse(one.revision));
        Ok(past)
    }

    /// The pods that run this image for the deployment.
    pub(super) async fn pods(&self, seen: &Seen, image: &str) -> Result<Pods, ClusterError> {
        let labels: Vec<String> = seen.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let params = ListParams::default().labels(&labels.join(",")).limit(MOST);
        let pods = self.asked(self.pods.list(&params)).await?;
        Ok(Pods::of(&pods.items, &self.service.deployment, &self.service.container, image))
    }

    /// Puts an image and marks there, if the deployment still is as it was seen.
    ///
    /// The image is taken over from whoever manages it: that is what a rollout is. Nothing else is.
    pub(super) async fn apply(
        &self,
        seen: &Seen,
        image: &str,
        marks: &Marks,
        keep: Keep,
    ) -> Result<Applied, ClusterError> {
        let body = self.change(seen, image, marks);
        let params = match keep {
            Keep::Yes => PatchParams::apply(MANAGER),
            Keep::DryRun => PatchParams::apply(MANAGER).dry_run(),
        };
        let name = &self.service.deployment;
        let first = self.within(self.deployments.patch(name, &params, &Patch::Apply(&body))).await;
        let (deployment, taken_from) = match first {
            Ok(deployment) => (deployment, Vec::new()),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let owners = self.image_owners(&status)?;
                let forced = self.asked(self.deployments.patch(name, &params.force(), &Patch::Apply(&body))).await?;
                (forced, owners)
            }
            Err(error) => return Err(self.meant(&error)),
        };
        Ok(Applied { seen: Seen::of(&deployment, self.service)?, taken_from })
    }

    fn change(&self, seen: &Seen, image: &str, marks: &Marks) -> Value {
        let Service { namespace, deployment, container, .. } = self.service;
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": deployment, "namespace": namespace, "uid": seen.uid, "resourceVersion": seen.version,
                "annotations": marks.annotations(),
            },
            "spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}},
        })
    }

    /// Who manages the image, if a conflict is about that alone, or about annotations that are ours by their name:
    /// `kubectl rollout undo` copies those from an old replica set, and owns them from then on.
    ///
    /// Source: Kubernetes, "Server-Side Apply", "Conflicts": one cause a field, in whose message the manager stands.
    fn image_owners(&self, status: &kube::core::Status) -> Result<Vec<String>, ClusterError> {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let fields: Vec<_> = causes.filter(|cause| cause.reason == "FieldManagerConflict").collect();
        if fields.is_empty() {
            return Err(ClusterError::Moved);
        }
        let image = format!(".spec.template.spec.containers[name=\"{}\"].image", self.service.container);
        let manager = |message: &str| message.split('"').nth(1).map_or_else(|| shown(message), shown);
        let mut others = String::new();
        let ours = |field: &str| field == image || field.starts_with(".metadata.annotations.countersign.dev/");
        for other in fields.iter().filter(|cause| !ours(&cause.field)) {
            let _ = write!(
                others,
                "{}`{}` {}",
                if others.is_empty() { "" } else { ", " },
                manager(&other.message),
                shown(&other.field)
            );
        }
        if !others.is_empty() {
            return Err(ClusterError::Taken(others));
        }
        Ok(fields.iter().filter(|cause| cause.field == image).map(|cause| manager(&cause.message)).collect())
    }

    /// Waits until the deployment changes after this version of it, for a moment at most.
    pub(super) async fn change_after(&self, version: &str, moment: Duration) {
        let watched = async {
            let only = format!("metadata.name={}", self.service.deployment);
            let params = WatchParams::default().fields(&only).timeout(30).disable_bookmarks();
            // Who may not watch, or is too late for this version, looks again after the moment.
            let Ok(events) = self.deployments.watch(&params, version).await else {
                return std::future::pending().await;
            };
            match pin!(events).next().await {
                Some(Ok(kube::api::WatchEvent::Error(_)) | Err(_)) | None => std::future::pending().await,
                Some(Ok(_)) => {}
            }
        };
        // Either way it is looked at again.
        let _ = timeout(moment, watched).await;
    }

    async fn within<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
        timeout(PATIENCE, request)
            .await
            .unwrap_or_else(|_| Err(kube::Error::Service(format!("no answer within {} s", PATIENCE.as_secs()).into())))
    }

    async fn asked<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ClusterError> {
        self.within(request).await.map_err(|error| self.meant(&error))
    }

    fn meant(&self, error: &kube::Error) -> ClusterError {
        match error {
            kube::Error::Api(status) => {
                let words = shown(status.message.lines().next().unwrap_or_default());
                match status.code {
                    401 | 403 => ClusterError::Forbidden(words),
                    404 => ClusterError::Missing(format!("{}/{}", self.service.namespace, self.service.deployment)),
                    409 => ClusterError::Moved,
                    code => ClusterError::Refused { code, words },
                }
            }
            // The parser names a place and a kind, and quotes no more than a word.
            kube::Error::SerdeError(error) => ClusterError::Strange(shown(&error.to_string())),
            kube::Error::FromUtf8(_) => ClusterError::Strange("it is not text".to_owned()),
            other => ClusterError::Unreachable(innermost(other)),
        }
    }
}

/// The innermost reason: what is around it repeats the address.
fn innermost(error: &kube::Error) -> String {
    let mut words = error.to_string();
    let mut reason = error.source();
    while let Some(inner) = reason {
        words = inner.to_string();
        reason = inner.source();
    }
    shown(&words)
}

fn config(job: &Job, service: &Service) -> Result<Config, ClusterError> {
    let mut config = Config::new(job.target.address.parse().map_err(|_| ClusterError::Settings("address"))?);
    config.default_namespace.clone_from(&service.namespace);
    config.connect_timeout = Some(PATIENCE);
    config.read_timeout = Some(PATIENCE * 3);
    config.proxy_url = Some(job.proxy.parse().map_err(|_| ClusterError::Settings("proxy"))?);
    config.root_cert = job.target.ca.as_deref().map(authorities).transpose()?;
    let mut auth = AuthInfo::default();
    auth.token.clone_from(&job.bearer);
    if let (Some(certificate), Some(key)) = (&service.cluster.certificate, &service.cluster.key) {
        auth.client_certificate_data = Some(BASE64.encode(certificate));
        auth.client_key_data = Some(BASE64.encode(key.expose_secret()).into());
    }
    if let Some(other) = &service.cluster.impersonate {
        auth.impersonate = Some(other.user.clone());
        auth.impersonate_groups = Some(other.groups.clone());
    }
    config.auth_info = auth;
    Ok(config)
}

fn authorities(pem: &str) -> Result<Vec<Vec<u8>>, ClusterError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|_| ClusterError::Settings("authority"))?;
    if all.is_empty() {
        return Err(ClusterError::Settings("authority"));
    }
    Ok(all.into_iter().map(|one| one.to_vec()).collect())
}
