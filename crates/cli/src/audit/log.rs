//! Where a log is, and who is believed.

use crate::installation::Places;
use crate::places::{self, Purpose, Shared, StoreOptions};
use anyhow::Context as _;
use countersign_audit::anchor::Heads;
use countersign_audit::fate::Fate;
use countersign_audit::keys;
use countersign_audit::sink::{Key, Sink};
use countersign_core::revocation::RevocationNote;
use countersign_core::seal::Verifier;
use std::path::PathBuf;
use std::sync::Arc;

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
        let below = self.installed().map(|places| places.audit.display().to_string());
        let text = self.audit.clone().or(below).context("say with --audit where the log is")?;
        places::open(&text, &self.store, purpose).await
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
    pub async fn heads(&self) -> anyhow::Result<Vec<Arc<dyn Heads>>> {
        let mut heads = Vec::new();
        for text in self.anchor_names() {
            heads.push(places::open_anchor(&text, &self.store, &self.deployment).await?);
        }
        Ok(heads)
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
        Ok(Some(Verifier::of(keys::load_roots(&path)?, self.deployment.clone())))
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
