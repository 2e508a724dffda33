//! A demo installation with a chat that remembers, and the people of its directory.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use crate::site::Site;
use countersign::demo::own_cluster::OwnCluster;
use countersign::demo::world::{Options, World as Demo};
use countersign::installation::system_clock;
use countersign::recorder::Recorder;
use countersign_core::time::Clock;
use countersign_queue::Queue;
use countersign_simulators::kubernetes::{Cluster, Recorded};
use countersign_tests::launcher;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A world is driven as any site is.
pub(crate) struct World {
    pub(crate) demo: Demo,
    site: Site,
    pub(crate) data: TempDir,
}

/// How a world differs from the shipped one.
#[derive(Default)]
pub(crate) struct How {
    /// The system's if absent.
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) rbac: Option<String>,
    pub(crate) catalog: Option<String>,
    /// A file if absent.
    pub(crate) queue: Option<Arc<dyn Queue>>,
    pub(crate) own: Option<OwnCluster>,
    /// What an earlier world left; a fresh folder if absent.
    pub(crate) data: Option<TempDir>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::made(How::default()).await
    }

    pub(crate) async fn at(clock: Arc<dyn Clock>) -> Self {
        Self::made(How { clock: Some(clock), ..How::default() }).await
    }

    pub(crate) async fn of(catalog: String) -> Self {
        Self::made(How { catalog: Some(catalog), ..How::default() }).await
    }

    pub(crate) async fn made(how: How) -> Self {
        Self::try_made(how).await.unwrap_or_else(|error| panic!("the world does not start: {error}"))
    }

    pub(crate) async fn try_made(how: How) -> Result<Self, String> {
        // Installed by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data = how.data.unwrap_or_else(|| tempfile::tempdir().unwrap());
        let clock = how.clock.unwrap_or_else(system_clock);
        let chat = Arc::new(Recorder::new(system_clock()));
        let options = Options {
            data: data.path().to_owned(),
            chat: chat.clone(),
            clock: clock.clone(),
            launcher: launcher(),
            kubectl: None,
            own: how.own,
            rbac: how.rbac,
            catalog: how.catalog,
            queue: how.queue,
        };
        let demo = Demo::start(options).await.map_err(|error| format!("{error:#}"))?;
        let site = Site::new(&demo.installation, chat, clock);
        Ok(Self { demo, site, data })
    }

    pub(crate) fn prod(&self) -> &Cluster {
        &self.demo.clusters["prod"]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// What the production cluster was asked to change, dry runs left out.
    pub(crate) fn changes(&self) -> Vec<Recorded> {
        self.prod().requests().into_iter().filter(Recorded::mutated).collect()
    }

    /// Every scenario ends like this: nothing open, the log sound, everything stopped.
    pub(crate) async fn end(self) {
        countersign_tests::settled(&self.demo.installation).await;
        self.demo.stop().await.unwrap();
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.demo.stop().await.unwrap();
        self.data
    }
}

impl Deref for World {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}
