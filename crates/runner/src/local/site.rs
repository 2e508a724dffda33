//! Where a job's commands are started: in jails of this host, or in a pod.
//!
//! **Invariant:** what is taken here is given back: a user id when the value is dropped, a Job when it is released, or
//! soon after the value is dropped.

use crate::folder::Uid;
use crate::kubernetes::{PodJob, Streams as PodStreams};
use crate::port::RunFault;
use countersign_jail::{Jailed, Launcher, LauncherPath, Plan, Streams, spawn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// Where.
pub(super) enum Site {
    /// Here, as this user of the host.
    Here(Uid),
    /// In a pod of its own.
    Pod(Box<PodJob>),
}

/// Records come and orders go.
pub(super) trait Link: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Link for T {}

/// What a step says.
pub(super) struct Pipes {
    pub(super) out: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) err: Option<Box<dyn AsyncRead + Send + Unpin>>,
}

/// A step that was started.
pub(super) struct Started {
    pub(super) link: Box<dyn Link>,
    pub(super) pipes: Pipes,
    /// Its launcher, if that is a process of this host.
    pub(super) launcher: Option<Launcher>,
}

impl Site {
    pub(super) fn start_here(
        plan: &Plan,
        launcher: &LauncherPath,
        (streams, pipes): (Streams, Pipes),
    ) -> Result<Started, RunFault> {
        let Jailed { link, launcher, .. } = spawn(plan, launcher, streams).map_err(RunFault::Spawn)?;
        let link = link.into_stream();
        link.set_nonblocking(true).map_err(RunFault::Prepare)?;
        let link = UnixStream::from_std(link).map_err(RunFault::Prepare)?;
        Ok(Started { link: Box::new(link), pipes, launcher: Some(launcher) })
    }

    /// Lets go of what lies elsewhere: what people should know about that.
    pub(super) async fn release(&mut self) -> Vec<String> {
        match self {
            Self::Here(_) => Vec::new(),
            Self::Pod(pod) => pod.remove().await,
        }
    }
}

impl From<PodStreams> for Started {
    fn from(PodStreams { link, out, err }: PodStreams) -> Self {
        let err = err.map(|err| Box::new(err) as Box<_>);
        Self { link: Box::new(link), pipes: Pipes { out: Box::new(out), err }, launcher: None }
    }
}
