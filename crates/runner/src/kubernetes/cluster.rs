//! The API of the cluster that jobs run in.
//!
//! **Invariant:** a Job is created, looked at and deleted, its Secret is created, its pods are listed: nothing else is
//! ever asked for (deploy/kubernetes/jobs.yaml has the role). No request is repeated by itself: a create that was lost
//! on its way back is found by its name.

use super::manifest::Pods;
use super::seen::{Standing, standing};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::config::AuthInfo;
use kube::{Api, Client, Config};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The label that the cluster gives a Job's pods. Source: Kubernetes, "Jobs", pod selector.
const OF_JOB: &str = "batch.kubernetes.io/job-name";

/// Where the cluster is, and who the worker is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `https://host:port`.
    pub address: String,
    /// Its authority, a PEM file that is read again when it changes; the system's if absent.
    pub ca: Option<PathBuf>,
    /// The worker's own token, a file that is read again when it changes.
    pub token: PathBuf,
}

/// What the cluster said no to.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The address or the files.
    #[error("the cluster's address, authority or token cannot be used")]
    Access(#[source] kube::Error),
    /// The address.
    #[error("`{0}` is not an address of a cluster")]
    Address(String),
    /// It does not answer.
    #[error("the cluster did not answer a request to {0} in time")]
    Silent(&'static str),
    /// There is an object of this name already.
    #[error("the job `{0}` is there already: it may be running, so it is not started again")]
    Exists(String),
    /// Anything else.
    #[error("the cluster refused to {0}")]
    Refused(&'static str, #[source] kube::Error),
}

/// A connection to the cluster.
#[derive(Clone)]
pub(super) struct Cluster {
    client: Client,
    jobs: Api<Job>,
    secrets: Api<Secret>,
    pods: Api<Pod>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

impl Cluster {
    pub(super) fn connect(access: &Access, pods: &Pods) -> Result<Self, ClusterError> {
        let address = access.address.parse().map_err(|_| ClusterError::Address(access.address.clone()))?;
        let token_file = Some(access.token.to_string_lossy().into_owned());
        let mut config = Config::new(address);
        config.root_cert_file.clone_from(&access.ca);
        config.auth_info = AuthInfo { token_file, ..AuthInfo::default() };
        (config.connect_timeout, config.read_timeout) = (Some(PATIENCE), Some(PATIENCE));
        config.default_retry = false;
        let client = Client::try_from(config).map_err(ClusterError::Access)?;
        let namespace = &pods.namespace;
        Ok(Self {
            jobs: Api::namespaced(client.clone(), namespace),
            secrets: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            client,
        })
    }

    /// The server's minor version: 33 of 1.33.
    pub(super) async fn minor_version(&self) -> Result<u32, ClusterError> {
        let info = asked("tell its version", self.client.apiserver_version()).await?;
        Ok(info.minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default())
    }

    /// Creates the Job; as it is then.
    pub(super) async fn create(&self, job: &Job) -> Result<Job, ClusterError> {
        let made = asked("create the job", self.jobs.create(&PostParams::default(), job)).await;
        made.map_err(|error| match error {
            ClusterError::Refused(_, kube::Error::Api(status)) if status.code == 409 => {
                ClusterError::Exists(job.metadata.name.clone().unwrap_or_default())
            }
            other => other,
        })
    }

    pub(super) async fn invite(&self, secret: &Secret) -> Result<(), ClusterError> {
        asked("create the job's secret", self.secrets.create(&PostParams::default(), secret)).await.map(drop)
    }

    /// How a Job's pod stands.
    pub(super) async fn standing(&self, name: &str) -> Result<Standing, ClusterError> {
        let of_job = ListParams::default().labels(&format!("{OF_JOB}={name}"));
        let pods = asked("list the job's pods", self.pods.list(&of_job)).await?.items;
        let job = if pods.is_empty() { asked("look at the job", self.jobs.get_opt(name)).await? } else { None };
        Ok(standing(job.as_ref(), &pods))
    }

    /// Deletes the Job; the cluster takes its Secret and its pods along. A Job that is not there is deleted.
    pub(super) async fn delete(&self, name: &str) -> Result<(), ClusterError> {
        let deleted = asked("delete the job", self.jobs.delete(name, &DeleteParams::background())).await;
        match deleted {
            Err(ClusterError::Refused(_, kube::Error::Api(status))) if status.code == 404 => Ok(()),
            other => other.map(drop),
        }
    }
}

async fn asked<T>(what: &'static str, request: impl Future<Output = kube::Result<T>>) -> Result<T, ClusterError> {
    let answer = timeout(PATIENCE, request).await.map_err(|_| ClusterError::Silent(what))?;
    answer.map_err(|error| ClusterError::Refused(what, error))
}
