//! Where logs and heads are, as people write it on the command line.
//!
//! **Invariant:** a place is opened or named in the error; none is made. What is opened for reading
//! is not written to, not even to try it out.

use crate::installation::system_clock;
use anyhow::{Context as _, bail};
use async_trait::async_trait;
use countersign_audit::anchor::{self, AnchorSpec, GitPlace, GitProgram, Heads, SyslogFile};
use countersign_audit::directory::Directory;
use countersign_audit::s3::{Bucket, BucketSettings, Credentials, Kind};
use countersign_audit::sink::{Entry, Inventory, Kept, Key, NotKept, Object, PutError, ReadError, Sink, Stored};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How buckets are reached.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct StoreOptions {
    /// The region of the buckets (`s3://BUCKET/PREFIX`).
    #[arg(long, value_name = "NAME", env = "AWS_REGION", default_value = "us-east-1", hide_default_value = true)]
    pub region: String,
    /// The address of a store that is not AWS, for example `https://s3.example.org`.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Names the bucket in the path of addresses and not in the host's name; most stores but AWS need it.
    #[arg(long)]
    pub path_style: bool,
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To read a log or heads: nothing is tried out, so that a copy on read-only media will do.
    Read,
    /// To read fates: a bucket without versions.
    ReadFates,
    /// To add objects to a log, each locked for so long where the store locks objects.
    Write {
        /// How long.
        retention: Duration,
    },
    /// To add fates.
    WriteFates,
}

/// Opens a store to read it: `DIR` or `s3://bucket/prefix`.
///
/// # Errors
/// When it is not there or cannot be read, or the text names no store.
pub async fn open_sink(text: &str, options: &StoreOptions) -> anyhow::Result<Arc<dyn Sink>> {
    open(text, options, Purpose::Read).await
}

/// Opens a store for a purpose.
///
/// # Errors
/// As [`open_sink`], and when it is to be written and cannot be.
pub async fn open(text: &str, options: &StoreOptions, purpose: Purpose) -> anyhow::Result<Arc<dyn Sink>> {
    if let Some(rest) = text.strip_prefix("s3://") {
        return bucket(text, rest, options, purpose).await;
    }
    if text.starts_with("git:") || text.starts_with("syslog") {
        bail!("`{text}` keeps heads only; a log is in a folder or in `s3://BUCKET/PREFIX`");
    }
    Ok(Arc::new(directory(Path::new(text), purpose)?))
}

/// Opens a second place of heads to read it: `DIR`, `s3://bucket/prefix`, `git:CLONE#branch`,
/// `syslog:FILE`.
///
/// # Errors
/// As [`open_sink`].
pub async fn open_anchor(text: &str, options: &StoreOptions, deployment: &str) -> anyhow::Result<Arc<dyn Heads>> {
    match AnchorSpec::parse_for(anchor::Purpose::Reading, text)? {
        AnchorSpec::Directory(path) => Ok(Arc::new(directory(&path, Purpose::Read)?)),
        AnchorSpec::Bucket { .. } => Ok(Arc::new(Shared(open_sink(text, options).await?))),
        AnchorSpec::SyslogFile(path) => {
            anyhow::ensure!(path.is_file(), "`{}` is not a file", path.display());
            Ok(Arc::new(SyslogFile::new(&path, deployment)))
        }
        AnchorSpec::Git { repository, branch } => {
            let clone = Path::new(&repository);
            anyhow::ensure!(
                clone.is_dir(),
                "`{repository}` is not a folder: clone the repository (`git clone --bare`) and name the clone"
            );
            let place = GitPlace::look(GitProgram::default(), clone, &branch).await;
            Ok(Arc::new(place.with_context(|| format!("`{repository}` cannot be read"))?))
        }
        AnchorSpec::SyslogHost(_) => bail!("`{text}` can only be written"),
    }
}

async fn bucket(text: &str, rest: &str, options: &StoreOptions, purpose: Purpose) -> anyhow::Result<Arc<dyn Sink>> {
    let (name, prefix) = rest.split_once('/').map_or((rest, ""), |(name, prefix)| (name, prefix.trim_end_matches('/')));
    let kind = match purpose {
        Purpose::Read => Kind::ReadOnly,
        Purpose::ReadFates | Purpose::WriteFates => Kind::Plain,
        Purpose::Write { retention } => Kind::Locked { retention },
    };
    let settings = BucketSettings {
        endpoint: options.endpoint.clone(),
        path_style: options.path_style,
        prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        credentials: Credentials::Chain,
        ..BucketSettings::new(name, options.region.clone(), kind)
    };
    let bucket = Bucket::open(settings, system_clock()).await.with_context(|| format!("`{text}` cannot be opened"))?;
    Ok(Arc::new(bucket))
}

/// Opens a folder that is there.
pub(crate) fn directory(path: &Path, purpose: Purpose) -> anyhow::Result<Directory> {
    let shown = path.display();
    anyhow::ensure!(
        path.is_dir(),
        "`{shown}` is not a folder that is there; see --help for how to say where the log is"
    );
    match purpose {
        Purpose::Read | Purpose::ReadFates => {
            Directory::look(path, system_clock()).with_context(|| format!("`{shown}` cannot be read"))
        }
        Purpose::Write { .. } | Purpose::WriteFates => {
            Directory::open(path, system_clock()).with_context(|| format!("`{shown}` cannot be written"))
        }
    }
}

/// A store that is shared: as what it is, and so as a place of heads and of fates.
#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<dyn Sink>);

#[async_trait]
impl Sink for Shared {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        self.0.put_new(key, bytes).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        self.0.read(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ReadError> {
        self.0.list(prefix).await
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        self.0.inventory(prefix).await
    }

    async fn read_entry(&self, entry: &Entry) -> Result<Option<Object>, ReadError> {
        self.0.read_entry(entry).await
    }

    async fn kept(&self, entry: &Entry) -> Result<Kept, ReadError> {
        self.0.kept(entry).await
    }

    async fn weaknesses(&self, retention: Duration) -> Result<Vec<String>, ReadError> {
        self.0.weaknesses(retention).await
    }

    async fn prove_kept(&self, key: &Key) -> Result<(), NotKept> {
        self.0.prove_kept(key).await
    }
}
