//! The client against a registry that is honest, one that is not, and a real one.

mod captured;
mod contract;
mod proxy;
mod trusting;

use super::{PATIENCE, Registry, RegistryError, Settings};
use countersign_simulators::registry::{Access, Registry as StandIn, Settings as Kind};
use proxy::Proxy;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const REPOSITORY: &str = "shop/checkout";

/// A stand-in, and the way to it.
struct World {
    registry: StandIn,
    proxy: Proxy,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl World {
    async fn of(kind: Kind) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let registry = StandIn::start(kind, &tasks, stop.clone()).await.unwrap();
        let proxy = Proxy::start(&tasks, &stop).await;
        Self { registry, proxy, tasks, stop }
    }

    async fn open() -> Self {
        Self::of(Kind::default()).await
    }

    /// The client of a job, which knows this credential.
    fn client(&self, credential: Option<&str>) -> Registry {
        self.client_of(credential, Vec::new())
    }

    /// The same, where the registry has these hosts as well.
    fn client_of(&self, credential: Option<&str>, hosts: Vec<String>) -> Registry {
        let credential = credential.map(SecretString::from);
        let image = format!("registry.example.com/{REPOSITORY}");
        let (url, ca) = (self.registry.url(), self.registry.ca_pem());
        Registry::new(&Settings {
            image: &image,
            address: Some(&url),
            ca: Some(ca.as_str()).filter(|pem| !pem.is_empty()),
            credential: credential.as_ref(),
            hosts,
            proxy: &self.proxy.url(),
            patience: PATIENCE,
        })
        .unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn named(public: bool) -> Access {
    Access::Token { user: "robot".to_owned(), password: "s3cret".to_owned(), public }
}

/// Asserts that a sentence has these words in it.
#[track_caller]
fn says<T: std::fmt::Debug>(answer: Result<T, RegistryError>, words: &str) {
    let sentence = answer.unwrap_err().to_string();
    assert!(sentence.contains(words), "`{sentence}` does not say `{words}`");
}
