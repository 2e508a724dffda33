//! Where a site's log is: folders of its own, or buckets of a store on loopback behind a wire that breaks.

use crate::servers::moto::Moto;
use crate::servers::proxy::Proxy;
use crate::servers::{Setup, Store};
use countersign_audit::anchor::Heads;
use countersign_audit::clock::SystemClock;
use countersign_audit::directory::Directory;
use countersign_audit::fate::Fate;
use countersign_audit::s3::{Bucket, BucketSettings, Credentials, Kind};
use countersign_audit::sink::Sink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const LOG: &str = "acme-log";
pub(crate) const FATE: &str = "acme-fate";
pub(crate) const HEADS: &str = "acme-heads";

/// Buckets as `deploy/bucket` makes them, as far as this store can.
pub(crate) struct Buckets {
    pub(crate) moto: Moto,
    /// What lies between the programs and the store.
    pub(crate) wire: Proxy,
    /// An access key of a program, as `deploy/bucket` allows it.
    pub(crate) writer: (String, String),
    /// And of an auditor.
    pub(crate) auditor: (String, String),
}

/// Where a site's log is.
pub(crate) enum Places {
    Folders,
    Buckets(Box<Buckets>),
}

/// A list of actions of `deploy/bucket/access.tf`.
pub(crate) fn actions(name: &str) -> Vec<String> {
    let text = crate::examples::shipped("bucket/access.tf");
    let (_, rest) = text.split_once(&format!("  {name} = [")).expect("it is a list there");
    let (list, _) = rest.split_once(']').expect("it ends");
    list.split('"').filter(|word| word.starts_with("s3:")).map(str::to_owned).collect()
}

impl Buckets {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::Locked { days: 1 }, Setup::Plain).await
    }

    /// With other settings of the log's and the fates' bucket.
    pub(crate) async fn with(log: Setup, fate: Setup) -> Self {
        let moto = tokio::task::spawn_blocking(Moto::with_policies).await.expect("moto starts");
        moto.store.make(LOG, log).await;
        moto.store.make(FATE, fate).await;
        moto.store.make(HEADS, Setup::Locked { days: 1 }).await;
        let look = [actions("look"), actions("read"), vec!["s3:GetLifecycleConfiguration".to_owned()]].concat();
        // AWS never shortens what is in compliance mode; this store does whatever its policies allow.
        let write: Vec<_> = actions("write").into_iter().filter(|one| one != "s3:PutObjectRetention").collect();
        let wire = Proxy::before(&moto.store.endpoint);
        let nobody = (String::new(), String::new());
        let mut this = Self { moto, wire, writer: nobody.clone(), auditor: nobody };
        this.writer = this.key("writer", &[look.clone(), write].concat());
        this.auditor = this.key("auditor", &look);
        this
    }

    /// An access key of somebody who may do this.
    pub(crate) fn key(&self, name: &str, actions: &[String]) -> (String, String) {
        self.moto.enforces(false);
        let statement = format!(r#"{{"Effect":"Allow","Action":{actions:?},"Resource":"*"}}"#);
        let key = self.moto.user(name, &statement);
        self.moto.enforces(true);
        key
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.moto.store
    }

    fn section(&self, folder: &Path) -> String {
        let (at, d) = (self.wire.endpoint(), folder.display());
        let bucket = |name: &str, more: &str| {
            format!(
                "{{ name: {name}, region: us-east-1, endpoint: \"{at}\", path_style: true, \
                 access_key_id: \"file:{d}/s3-id\", secret_access_key: \"file:{d}/s3-secret\"{more} }}"
            )
        };
        let (log, heads) = (bucket(LOG, ", retention_days: 1"), bucket(HEADS, ", retention_days: 1"));
        let fate = bucket(FATE, "");
        format!("audit:\n  bucket: {log}\n  fate: {{ bucket: {fate} }}\n  anchors: [{{ bucket: {heads} }}]\n")
    }

    async fn look(&self, name: &str, kind: Kind) -> Arc<Bucket> {
        self.open(name, kind, &self.auditor).await
    }

    async fn open(&self, name: &str, kind: Kind, (id, secret): &(String, String)) -> Arc<Bucket> {
        let settings = BucketSettings {
            endpoint: Some(self.store().endpoint.clone()),
            path_style: true,
            credentials: Credentials::Key { id: id.clone(), secret: secret.clone().into() },
            ..BucketSettings::new(name, "us-east-1", kind)
        };
        Arc::new(Bucket::open(settings, Arc::new(SystemClock)).await.expect("this key may read it"))
    }
}

impl Places {
    /// The section of the configuration.
    pub(crate) fn section(&self, folder: &Path) -> String {
        let d = folder.display();
        match self {
            Self::Folders => format!("audit: {{ directory: {d}/audit, fate: {d}/fate, anchors: [{d}/anchors] }}\n"),
            Self::Buckets(buckets) => buckets.section(folder),
        }
    }

    pub(crate) async fn log(&self, folder: &Path) -> Arc<dyn Sink> {
        match self {
            Self::Folders => look(&folder.join("audit")),
            Self::Buckets(buckets) => buckets.look(LOG, Kind::ReadOnly).await,
        }
    }

    /// The log, as somebody has it who may write there.
    pub(crate) async fn written(&self, folder: &Path) -> Arc<dyn Sink> {
        match self {
            Self::Folders => look(&folder.join("audit")),
            Self::Buckets(buckets) => {
                buckets.open(LOG, Kind::Locked { retention: Duration::from_hours(24) }, &buckets.writer).await
            }
        }
    }

    pub(crate) async fn fates(&self, folder: &Path) -> Arc<dyn Fate> {
        match self {
            Self::Folders => look(&folder.join("fate")),
            Self::Buckets(buckets) => buckets.look(FATE, Kind::Plain).await,
        }
    }

    pub(crate) async fn heads(&self, folder: &Path) -> Arc<dyn Heads> {
        match self {
            Self::Folders => look(&folder.join("anchors")),
            Self::Buckets(buckets) => buckets.look(HEADS, Kind::ReadOnly).await,
        }
    }
}

fn look(path: &Path) -> Arc<Directory> {
    Arc::new(Directory::look(path, Arc::new(SystemClock)).expect("the folder is ours"))
}
