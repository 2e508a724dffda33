//! A bucket as a create-only store.
//!
//! **Invariant:** an object is one PUT with `If-None-Match: *`, its own SHA-256 and, in the log's
//! bucket, its own lock; it is never written by multipart, so a torn object does not exist. Of
//! several versions the oldest is the object: what is written over it later is only evidence.
//!
//! A store may ignore the condition in a bucket with versions. Whoever writes there looks before it
//! tries again (see [`Sink::put_new`]), and what was written twice all the same is irregular in the
//! [inventory](Sink::inventory).

mod answer;
mod checks;
mod client;
mod listing;
mod settings;

pub use answer::Trouble;
pub use settings::{BucketError, BucketSettings, Credentials, Kind};

use crate::sink::{Entry, Inventory, Kept, Key, NotKept, Object, PutError, ReadError, Sink, Stored};
use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode, ObjectLockRetentionMode};
use aws_smithy_types::DateTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use client::{Clients, Dated, timestamp};
use countersign_core::digest::Digest;
use countersign_core::time::{Clock, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A lock ends this much later than it must, so that an object whose PUT was long on its way is
/// kept no shorter than promised after the store got it.
const LOCK_MARGIN: Duration = Duration::from_hours(1);

/// A bucket of AWS S3 or of a store that speaks its protocol. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    name: String,
    /// Empty, or with a `/` at its end.
    prefix: String,
    kind: Kind,
    clients: Clients,
    clock: Arc<dyn Clock>,
    /// The store's clock minus the own one, as of the start or the last write.
    skew_millis: Arc<AtomicI64>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({}/{})", self.name, self.prefix)
    }
}

impl Bucket {
    /// Takes an existing bucket: it is listed once, and nothing is written.
    ///
    /// # Errors
    /// When the settings make no sense, or the bucket is missing or cannot be listed.
    pub async fn open(settings: BucketSettings, clock: Arc<dyn Clock>) -> Result<Self, BucketError> {
        settings.check()?;
        let it = Self {
            clients: Clients::of(&settings).await,
            prefix: settings.prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default(),
            name: settings.name,
            kind: settings.kind,
            clock,
            skew_millis: Arc::default(),
        };
        match it.first_page().await {
            Ok(()) => Ok(it),
            Err(trouble) if trouble.is_no_bucket() || trouble.is_absent() => {
                Err(BucketError::Missing(it.name, trouble))
            }
            Err(trouble) => Err(BucketError::Unread(it.name, trouble)),
        }
    }

    /// The bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    fn full(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The store's time, as far as it is known.
    fn store_now(&self) -> Timestamp {
        let skew = self.skew_millis.load(Ordering::Relaxed);
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add(skew))
    }

    fn learn(&self, dated: &Dated) {
        if let Some(at) = dated.at() {
            self.skew_millis.store(at.as_millis() - self.clock.now().as_millis(), Ordering::Relaxed);
        }
    }

    async fn put(&self, name: String, bytes: Vec<u8>) -> Result<Stored, Trouble> {
        let digest = BASE64.encode(Digest::of(&bytes).as_bytes());
        let dated = Dated::default();
        let mut put = self.clients.writes.put_object().bucket(&self.name).key(name);
        if let Kind::Locked { retention } = self.kind {
            let until = self.store_now().plus(retention + LOCK_MARGIN);
            put = put
                .object_lock_mode(ObjectLockMode::Compliance)
                .object_lock_retain_until_date(DateTime::from_secs(until.as_millis().div_euclid(1000)));
        }
        // The algorithm is named as well: some stores look for its header alone.
        let put = put.if_none_match("*").checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_sha256(digest);
        let put = put.body(ByteStream::from(bytes));
        let sent = Box::pin(put.customize().interceptor(dated.clone()).send()).await;
        self.learn(&dated);
        sent.map_err(|error| Trouble::of("s3:PutObject", error))?;
        dated.at().map(|at| Stored { at }).ok_or(Trouble::Undated { permission: "s3:PutObject" })
    }

    /// Once more after the connection broke, as kept ones do at any time: it says nothing about the
    /// store. What arrived all the same is not sent again.
    async fn put_over_another(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        match self.read(key).await {
            Ok(Some(object)) if object.bytes == bytes => Ok(Stored { at: object.at }),
            Ok(Some(_)) | Err(ReadError::NotPlain(_)) => Err(PutError::Exists),
            Ok(None) => self.put(self.full(key), bytes).await.map_err(Trouble::into_put_error),
            Err(error) => Err(PutError::Unavailable(Box::new(error))),
        }
    }

    async fn fetch(&self, name: &str, version: Option<&str>) -> Result<Option<Object>, ReadError> {
        let permission = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let fetch = self.clients.reads.get_object().bucket(&self.name).key(name);
        let answer = match Box::pin(fetch.set_version_id(version.map(str::to_owned)).send()).await {
            Ok(answer) => answer,
            Err(error) => match Trouble::of(permission, error) {
                trouble if trouble.is_absent() => return Ok(None),
                trouble => return Err(trouble.into()),
            },
        };
        let at = answer.last_modified.as_ref().map(timestamp).ok_or(Trouble::Undated { permission })?;
        let locked = (answer.object_lock_mode, answer.object_lock_retain_until_date);
        let body = answer.body.collect().await;
        let body = body.map_err(|source| Trouble::Silent { permission, broke: true, source: Box::new(source) })?;
        let kept = self.read_lock(name, version, locked).await?;
        Ok(Some(Object { bytes: body.to_vec(), at, kept }))
    }

    /// What the headers of an answer say about the lock; where they say nothing, the store is asked:
    /// it leaves them out also for somebody who may not read them.
    async fn read_lock(
        &self,
        name: &str,
        version: Option<&str>,
        (mode, until): (Option<ObjectLockMode>, Option<DateTime>),
    ) -> Result<Kept, Trouble> {
        match (mode, until, self.kind) {
            (_, _, Kind::Plain) => Ok(Kept::NotApplicable),
            (Some(ObjectLockMode::Compliance), Some(until), _) => Ok(Kept::Until(timestamp(&until))),
            (Some(_), _, _) => Ok(Kept::Removable),
            (None, _, Kind::Locked { .. } | Kind::ReadOnly) => self.ask_lock(name, version).await,
        }
    }

    async fn ask_lock(&self, name: &str, version: Option<&str>) -> Result<Kept, Trouble> {
        let ask = self.clients.reads.get_object_retention().bucket(&self.name).key(name);
        match Box::pin(ask.set_version_id(version.map(str::to_owned)).send()).await {
            Ok(answer) => Ok(match answer.retention {
                Some(lock) if lock.mode == Some(ObjectLockRetentionMode::Compliance) => {
                    lock.retain_until_date.map_or(Kept::Removable, |until| Kept::Until(timestamp(&until)))
                }
                Some(_) | None => Kept::Removable,
            }),
            Err(error) => match Trouble::of("s3:GetObjectRetention", error) {
                trouble if trouble.is_not_offered() => Ok(Kept::Removable),
                trouble => Err(trouble),
            },
        }
    }

    async fn head(&self, name: &str, version: Option<&str>) -> Result<Kept, Trouble> {
        if self.kind == Kind::Plain {
            return Ok(Kept::NotApplicable);
        }
        let head = self.clients.reads.head_object().bucket(&self.name).key(name);
        let answer = Box::pin(head.set_version_id(version.map(str::to_owned)).send()).await;
        let answer = answer.map_err(|error| Trouble::of("s3:GetObjectVersion", error))?;
        self.read_lock(name, version, (answer.object_lock_mode, answer.object_lock_retain_until_date)).await
    }
}

#[async_trait]
impl Sink for Bucket {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        match self.put(self.full(key), bytes.clone()).await {
            Err(trouble) if trouble.is_broken_connection() => self.put_over_another(key, bytes).await,
            answer => answer.map_err(Trouble::into_put_error),
        }
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        let name = self.full(key);
        if self.kind == Kind::Plain {
            return self.fetch(&name, None).await;
        }
        match self.oldest(&name).await? {
            Some(version) => self.fetch(&name, Some(&version)).await,
            None => Ok(None),
        }
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        let inventory = match self.kind {
            Kind::Plain => self.objects(prefix).await,
            Kind::Locked { .. } | Kind::ReadOnly => self.versions(prefix).await,
        };
        Ok(inventory?)
    }

    async fn read_entry(&self, entry: &Entry) -> Result<Option<Object>, ReadError> {
        self.fetch(&format!("{}{}", self.prefix, entry.name), entry.version.as_deref()).await
    }

    async fn kept(&self, entry: &Entry) -> Result<Kept, ReadError> {
        Ok(self.head(&format!("{}{}", self.prefix, entry.name), entry.version.as_deref()).await?)
    }

    async fn weaknesses(&self, retention: Duration) -> Result<Vec<String>, ReadError> {
        match self.kind {
            Kind::Plain => self.weaknesses_of_fates(retention).await,
            Kind::Locked { retention: own } => self.weaknesses_of_log(retention.max(own)).await,
            Kind::ReadOnly => self.weaknesses_of_log(retention).await,
        }
    }

    async fn prove_kept(&self, key: &Key) -> Result<(), NotKept> {
        match self.kind {
            Kind::Locked { .. } => self.attack(&self.full(key)).await,
            Kind::Plain | Kind::ReadOnly => Ok(()),
        }
    }
}
