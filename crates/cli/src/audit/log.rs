//! Where a log is, and who is believed.

use crate::installation::Places;
use crate::places::{self, Purpose, Shared, StoreOptions};
use anyhow::Context as _;
use async_trait::async_trait;
use countersign_audit::anchor::Heads;
use countersign_audit::fate::Fate;
use countersign_audit::keys;
use countersign_audit::sink::{Key, ReadError, Sink};
use countersign_core::revocation::RevocationNote;
use countersign_core::seal::Verifier;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a log is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where the log is")]
pub struct Log {
    /// The data folder of an installation; the other options default to places in it. `data`, unless
    /// --audit says where the log is.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The log: a folder, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "PLACE")]
    pub audit: Option<String>,
    /// Fates and outcomes: a folder, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "PLACE")]
    pub fate: Option<String>,
    /// A second place of heads, which the log's writers cannot change: a folder, `s3://BUCKET/PREFIX`,
    /// `git:CLONE#BRANCH` or `syslog:FILE`; may be given several times.
    #[arg(long, value_name = "PLACE")]
    pub anchors: Vec<String>,
    /// The public root key. Take it from somebody who is not the log's writer.
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The installation's name.
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub deployment: String,
    /// How buckets are reached.
    #[command(flatten)]
    pub store: StoreOptions,
}

impl Log {
    /// The places of an installation on this machine, if the log is one's.
    #[must_use]
    pub fn installed(&self) -> Option<Places> {
        match (&self.data, &self.audit) {
            (Some(data), _) => Some(Places::below(data)),
            (None, Some(_)) => None,
            (None, None) => Some(Places::below("data".as_ref())),
        }
    }

    /// The log, for a purpose.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn sink(&self, purpose: Purpose) -> anyhow::Result<Arc<dyn Sink>> {
        places::open(&self.place(), &self.store, purpose).await
    }

    /// The log, as it was named, or the installation's own.
    pub(super) fn place(&self) -> String {
        let below = || self.installed().map(|places| places.audit.display().to_string());
        self.audit.clone().or_else(below).expect("a log that is not named is below the data folder")
    }

    /// Whether the log is in a store that locks objects.
    pub(super) fn is_in_a_bucket(&self) -> bool {
        self.place().starts_with("s3://")
    }

    /// The fates, if they are at hand.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub async fn fates(&self, purpose: Purpose) -> anyhow::Result<Option<Arc<dyn Fate>>> {
        let below = self.installed().map(|places| places.fate.display().to_string());
        let Some(text) = self.fate.clone().or(below) else { return Ok(None) };
        Ok(Some(Arc::new(Shared(places::open(&text, &self.store, purpose).await?))))
    }

    /// The second places of heads.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(super) async fn seconds(&self) -> anyhow::Result<Vec<Arc<Second>>> {
        let mut seconds = Vec::new();
        for place in self.anchor_names() {
            anyhow::ensure!(
                !is_same(&place, &self.place()),
                "the second place `{place}` is the log itself, whose own heads are read anyway: name another place"
            );
            let heads = places::open_anchor(&place, &self.store, &self.deployment).await?;
            seconds.push(Arc::new(Second { place, heads, is_empty: AtomicBool::default() }));
        }
        Ok(seconds)
    }

    /// As they were named, or the installation's own.
    pub(super) fn anchor_names(&self) -> Vec<String> {
        if !self.anchors.is_empty() {
            return self.anchors.clone();
        }
        self.installed().map(|places| places.anchors.display().to_string()).into_iter().collect()
    }

    /// Believes the root keys, if they are at hand.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn verifier(&self) -> anyhow::Result<Option<Verifier>> {
        let below = self.installed().map(|places| places.keys.join("root.pub")).filter(|path| path.exists());
        let Some(path) = self.root.clone().or(below) else { return Ok(None) };
        let roots = keys::load_roots(&path).context("--root names the public root key, `root.pub`")?;
        Ok(Some(Verifier::of(roots, self.deployment.clone())))
    }

    /// Believes the root keys; without them nothing is to be believed.
    ///
    /// # Errors
    /// When they are not at hand.
    pub fn root(&self) -> anyhow::Result<Verifier> {
        self.verifier()?
            .context("say with --root where the public root key is; take it from somebody who is not the log's writer")
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let folder = |text: &str| Path::new(text).canonicalize().ok();
    one.trim_end_matches('/') == other.trim_end_matches('/') || folder(one).is_some_and(|it| folder(other) == Some(it))
}

/// A second place of heads, that remembers whether it had any.
#[derive(Debug)]
pub(super) struct Second {
    place: String,
    heads: Arc<dyn Heads>,
    is_empty: AtomicBool,
}

impl Second {
    /// As it was named.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Whether it was asked for its heads, and had none.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Heads for Second {
    async fn names(&self) -> Result<Vec<String>, ReadError> {
        let names = self.heads.names().await?;
        self.is_empty.store(names.is_empty(), Ordering::Relaxed);
        Ok(names)
    }

    async fn head(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.heads.head(name).await
    }

    async fn heads(&self, name: &str) -> Result<Vec<Vec<u8>>, ReadError> {
        self.heads.heads(name).await
    }

    async fn rewritten(&self) -> Result<Vec<String>, ReadError> {
        self.heads.rewritten().await
    }
}

/// Learns which keys are revoked. A note that the root key did not sign says nothing here; it is
/// verification that reports it.
pub(super) async fn learn(sink: &dyn Sink, verifier: &Verifier) -> anyhow::Result<()> {
    for name in sink.list("keys/v1/").await? {
        if !name.starts_with("keys/v1/revoked-") {
            continue;
        }
        let Ok(key) = Key::parse(&name) else { continue };
        let bytes = sink.read(&key).await?.map(|object| object.bytes).unwrap_or_default();
        if let Ok(note) = serde_json::from_slice::<RevocationNote>(&bytes) {
            let _ = verifier.learn(&note);
        }
    }
    Ok(())
}
