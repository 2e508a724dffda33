//! Stands in for a registry of images: manifests, indexes, blobs, tags in pages, referrers, passwords and tokens.
//!
//! It is written from the OCI distribution specification 1.1 alone. **Invariant:** what it stores under a digest has it,
//! and a request without a fitting name or token neither reads nor changes anything. What a captured registry would do
//! is a [`Habit`], and it does that only when told to. Deliberately absent: deleting, mounting, uploads in chunks.

mod access;
mod answer;
mod server;
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::access::Access;
pub use self::store::{DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX};
pub use crate::serve::StartError;

use self::access::Grant;
use self::store::Repository;
use crate::serve::{Port, Running};

/// What an artifact that holds a Sigstore bundle is called.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The configuration of an artifact that has none.
///
/// Source: OCI image specification 1.1, "Guidance for an Empty Descriptor".
const EMPTY: &[u8] = b"{}";

/// What kind of registry it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who may read and write.
    pub access: Access,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether it answers who refers to a digest; otherwise clients keep that under a tag.
    pub referrers: bool,
    /// The most tags in one answer.
    pub page: usize,
    /// Whether blobs are handed out by another server.
    pub storage: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { access: Access::Open, tls: true, referrers: true, page: 1000, storage: false }
    }
}

/// What only a captured registry does, or a broken one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Sends other manifests than it was asked for.
    OtherManifests,
    /// Sends other blobs than it was asked for.
    OtherBlobs,
    /// Names another digest than the one of what it sends.
    OtherDigest,
    /// Names no digest.
    NoDigest,
    /// Answers who asks for referrers with this status.
    NoReferrers(u16),
    /// Sends clients there for tokens.
    TokensAt(String),
    /// Sends clients there for the next page.
    NextPageAt(String),
    /// Sends clients there for blobs.
    BlobsAt(String),
}

/// One request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// GET, HEAD, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Whether somebody said who they are.
    pub with_credential: bool,
    /// Whether it came to the server that hands out blobs.
    pub storage: bool,
}

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    running: Running,
    storage: Option<Running>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    url: String,
    storage: Option<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    repositories: BTreeMap<String, Repository>,
    tokens: BTreeMap<String, Grant>,
    /// What the other server hands out, by signature.
    signed: BTreeMap<String, Vec<u8>>,
    habits: Vec<Habit>,
    requests: Vec<Recorded>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Starts on a free port of 127.0.0.1. Its task runs on `tasks` and ends when `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port, or no certificate.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(settings: Settings, tasks: &TaskTracker, stop: CancellationToken) -> Result<Self, StartError> {
        let take = async |name| if settings.tls { Port::tls(name, &stop).await } else { Port::plain(&stop).await };
        let port = take("registry").await?;
        let storage = if settings.storage { Some(take("registry-storage").await?) } else { None };
        let scheme = if settings.tls { "https" } else { "http" };
        let shared = Arc::new(Shared {
            url: format!("{scheme}://{}", port.address()),
            storage: storage.as_ref().map(|port| format!("{scheme}://{}", port.address())),
            settings,
            state: Mutex::default(),
        });
        let running = port.serve(server::routes(Arc::clone(&shared)), tasks);
        let storage = storage.map(|port| port.serve(server::storage(Arc::clone(&shared)), tasks));
        Ok(Self { shared, running, storage })
    }

    /// `https://127.0.0.1:PORT`, or `http://`.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// The certificate authorities to trust, in PEM; empty without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        format!("{}{}", self.running.ca_pem(), self.storage.as_ref().map(Running::ca_pem).unwrap_or_default())
    }

    /// `127.0.0.1:PORT`, the beginning of an image's name.
    #[must_use]
    pub fn host(&self) -> String {
        self.running.address().to_string()
    }

    /// `127.0.0.1:PORT` of who hands out blobs, if that is another server.
    #[must_use]
    pub fn storage(&self) -> Option<String> {
        self.storage.as_ref().map(|running| running.address().to_string())
    }

    /// From now on it does that as well.
    pub fn misbehave(&self, habit: Habit) {
        self.shared.lock().habits.push(habit);
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }
}

#[expect(clippy::must_use_candidate, reason = "whoever pushes may not care for the digest")]
impl Registry {
    /// Pushes an image of one layer with this content, and gives its digest.
    ///
    /// # Panics
    /// The tag is none.
    pub fn push_image(&self, repository: &str, tag: &str, content: &str) -> String {
        let config = self
            .push_blob(repository, format!(r#"{{"architecture":"amd64","os":"linux","c":"{content}"}}"#).as_bytes());
        let layer = self.push_blob(repository, content.as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE,
            "config": described("application/vnd.oci.image.config.v1+json", &config),
            "layers": [described("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        self.push_manifest(repository, tag, IMAGE, manifest.to_string().as_bytes())
    }

    /// Pushes a bundle that refers to `subject`, as `cosign` and `actions/attest` do, and gives its digest.
    ///
    /// # Panics
    /// Never: what is pushed is complete.
    pub fn attach(&self, repository: &str, subject: &str, bundle: &Value) -> String {
        let config = self.push_blob(repository, EMPTY);
        let layer = self.push_blob(repository, bundle.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE, "artifactType": BUNDLE,
            "config": described("application/vnd.oci.empty.v1+json", &config),
            "layers": [described(BUNDLE, &layer)],
            "subject": { "mediaType": IMAGE, "digest": subject, "size": 1 },
            "annotations": { "dev.sigstore.bundle.content": "dsse-envelope" },
        });
        self.attach_artifact(repository, subject, &manifest)
    }

    /// Pushes any artifact that refers to `subject`; where the registry does not answer for referrers, it is put on the
    /// list under the subject's tag, as its client has to.
    ///
    /// # Panics
    /// The artifact is not complete.
    pub fn attach_artifact(&self, repository: &str, subject: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string();
        let digest = store::digest(bytes.as_bytes());
        self.push_manifest(repository, &digest, IMAGE, bytes.as_bytes());
        if !self.shared.settings.referrers {
            let index =
                self.shared.lock().repositories.entry(repository.to_owned()).or_default().referrers(subject, None);
            self.push_manifest(repository, &subject.replace(':', "-"), INDEX, index.to_string().as_bytes());
        }
        digest
    }

    /// Pushes a blob, and gives what describes it.
    ///
    /// # Panics
    /// Never: its digest is computed here.
    pub fn push_blob(&self, repository: &str, bytes: &[u8]) -> (String, usize) {
        let mut state = self.shared.lock();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        let digest = store::digest(bytes);
        repository.put_blob(&digest, bytes.to_vec()).expect("its digest was computed");
        (digest, bytes.len())
    }

    /// Pushes a manifest, byte for byte, under a tag or its digest, and gives its digest.
    ///
    /// # Panics
    /// The registry would refuse it.
    pub fn push_manifest(&self, repository: &str, reference: &str, kind: &str, bytes: &[u8]) -> String {
        let mut state = self.shared.lock();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.put_manifest(reference, kind, bytes.to_vec()).expect("the manifest is one").0
    }
}

fn described(kind: &str, (digest, size): &(String, usize)) -> Value {
    json!({ "mediaType": kind, "digest": digest, "size": size })
}
