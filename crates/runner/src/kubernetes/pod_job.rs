//! One Job in the cluster, from its creation until nothing of it is left.
//!
//! **Invariant:** the Secret without which its pod does not start is made after the Job, and belongs to it from its first
//! moment: a worker that dies between the two leaves a Job that never runs and ends by itself.

use super::cluster::ClusterError;
use super::door::Expecting;
use super::manifest::{self, KEPT_SECONDS, Wanted};
use super::pod_link::{PodLink, Streams};
use super::seen::{Over, Standing};
use super::wire::{Probe, Probed, Step};
use super::{Shared, door};
use crate::port::RunFault;
use secrecy::ExposeSecret as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How often a pod that does not come is asked about.
const LOOK: Duration = Duration::from_millis(500);

/// How long the cluster may take to say how a pod ended that its worker lost.
const FATE: Duration = Duration::from_secs(5);

/// How long a pod may take to ask once more, to be told that it may end.
const WORD: Duration = Duration::from_millis(500);

/// A Job that was created.
#[derive(Debug)]
pub(crate) struct PodJob {
    name: String,
    shared: Arc<Shared>,
    link: PodLink,
    /// The connection on which the pod asked for its next step.
    asking: Mutex<Option<door::Link>>,
    removed: bool,
}

/// What became of waiting for a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It asks what to do.
    Yes,
    /// The wait was ended.
    Cancelled,
}

impl PodJob {
    /// Creates the Job and what it needs.
    pub(super) async fn create(
        shared: &Arc<Shared>,
        wanted: &Wanted<'_>,
        proxy: Option<&Path>,
    ) -> Result<Self, RunFault> {
        let expecting = shared.door.expect().map_err(RunFault::Prepare)?;
        let invitation = shared.invitation(&expecting);
        let job = manifest::job(&shared.pods, wanted);
        let created = match shared.cluster.create(&job).await {
            Ok(created) => created,
            Err(error) => {
                // Whether it was made is not known; without its Secret it does nothing, and it ends by itself.
                if !matches!(error, ClusterError::Exists(_)) {
                    shared.forget(wanted.name.to_owned());
                }
                return Err(RunFault::Cluster(error));
            }
        };
        let this = Self {
            name: wanted.name.to_owned(),
            shared: Arc::clone(shared),
            link: PodLink::new(expecting, proxy),
            asking: Mutex::default(),
            removed: false,
        };
        let secret = manifest::secret(&shared.pods, &created, &invitation);
        shared.cluster.invite(&secret).await.map_err(RunFault::Cluster)?;
        Ok(this)
    }

    /// Waits until its pod asks what to do, for no longer than until `late`.
    pub(crate) async fn ready(&self, cancel: &CancellationToken, late: Instant) -> Result<Came, RunFault> {
        let asked = tokio::select! {
            asked = self.link.asked() => asked,
            () = cancel.cancelled() => return Ok(Came::Cancelled),
            why = self.hopeless(late) => return Err(RunFault::Pod(why)),
        };
        *self.asking.lock().await = asked;
        Ok(Came::Yes)
    }

    /// Ends when waiting is of no use any more: why.
    async fn hopeless(&self, late: Instant) -> String {
        let mut last = "nothing is known of it".to_owned();
        loop {
            match self.shared.cluster.standing(&self.name).await {
                // One that has ended may have asked a moment ago, and was refused; one that never asks is waited for.
                Ok(Standing::Over(Over { why, .. })) => return why,
                Ok(Standing::Coming(why)) => last = why,
                Ok(Standing::Running) => "it runs, and has not reached its worker".clone_into(&mut last),
                Err(error) => last = error.to_string(),
            }
            if Instant::now() >= late {
                return format!("it did not come in time: {last}");
            }
            sleep_until(late.min(Instant::now() + LOOK)).await;
        }
    }

    /// Hands out the next step.
    pub(crate) async fn run(&self, step: Step) -> io::Result<Streams> {
        let asked = self.asking.lock().await.take();
        let link = match asked {
            Some(link) => link,
            None => self.link.asked_again().await?,
        };
        self.link.run(link, step).await
    }

    /// Has the pod attack its level and its network.
    pub(super) async fn probe(&self, probe: Probe) -> io::Result<Probed> {
        let link = self.asking.lock().await.take().ok_or_else(|| io::Error::other("the pod asked for nothing"))?;
        self.link.probe(link, probe).await
    }

    /// How a pod ended whose connection was lost.
    pub(crate) async fn fate(&self) -> Over {
        let look = async {
            loop {
                match self.shared.cluster.standing(&self.name).await {
                    Ok(Standing::Over(over)) => return over,
                    Ok(_) | Err(_) => sleep(LOOK).await,
                }
            }
        };
        let unknown = || Over {
            why: "the cluster does not say how it ended; its node may be lost".to_owned(),
            out_of_memory: false,
            seen: false,
        };
        timeout(FATE, look).await.unwrap_or_else(|_| unknown())
    }

    /// Lets the pod end and removes everything: what people should know about it.
    pub(crate) async fn remove(&mut self) -> Vec<String> {
        // The deletion below says the same, less kindly.
        drop(timeout(WORD, self.dismiss()).await);
        let mut notes = Vec::new();
        let others = self.link.others();
        if others > 0 {
            notes.push(format!("the cluster started {others} more pods for the job, which got nothing to do"));
        }
        self.removed = true;
        if let Err(error) = self.shared.cluster.delete(&self.name).await {
            tracing::warn!(job = self.name, error = %error, "A job could not be deleted");
            let kept = format!("the cluster removes it within {KEPT_SECONDS} s of its end");
            notes.push(format!("the Job `{}` could not be removed; {kept}", self.name));
        }
        notes
    }

    async fn dismiss(&self) {
        let asked = self.asking.lock().await.take();
        let asked = match asked {
            Some(link) => Some(link),
            None => self.link.asked().await,
        };
        if let Some(link) = asked {
            self.link.dismiss(link).await;
        }
    }
}

impl Drop for PodJob {
    fn drop(&mut self) {
        if !self.removed {
            self.shared.forget(self.name.clone());
        }
    }
}

impl Shared {
    fn invitation(&self, expecting: &Expecting) -> super::wire::Invitation {
        let token = expecting.token.expose_secret().to_owned();
        manifest::invitation(self.address.to_string(), token, self.door.certificate.clone())
    }

    /// Deletes a Job whose run nobody waits for.
    fn forget(&self, name: String) {
        let cluster = self.cluster.clone();
        let delete = async move {
            if let Err(error) = cluster.delete(&name).await {
                tracing::warn!(job = name, error = %error, "A job could not be deleted");
            }
        };
        drop(self.tasks.spawn_on(delete, &self.runtime));
    }
}
