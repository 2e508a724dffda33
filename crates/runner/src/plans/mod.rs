//! Plans that were approved, or wait for it: from the worker that made one to the worker that applies it.
//!
//! **Invariant:** what comes out is byte for byte what went in under exactly this name, made for this installation,
//! pool, stack, invocation and commit, and not older than it was allowed to get. The place is untrusted: whoever can
//! write to it can make a plan go away, and nothing else.
//!
//! A plan holds what Terraform read and what it is going to write, secrets among it, so that it is sealed with the
//! pool's key before it leaves the worker. Names in the place tell the pool and the invocation.

mod bucket;
mod folder;
mod sealed;

pub use sealed::{KeyError, PoolKey};

use bucket::BucketPlace;
use countersign_audit::s3::BucketSettings;
use countersign_core::digest::{Digest, hex};
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use folder::FolderPlace;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// No plan is larger: one of ten thousand resources has some ten MiB.
pub const LARGEST_PLAN: usize = 128 << 20;

/// Where plans are, and what they are sealed with.
#[derive(Debug)]
pub struct PlanSettings {
    /// Name of the installation.
    pub deployment: String,
    /// Where they are.
    pub place: PlanPlace,
    /// What they are sealed with: the same on every worker of the pool, and on no other.
    pub key: PoolKey,
    /// How long one may wait for its apply.
    pub keep: Duration,
}

/// Where plans are.
#[derive(Debug, Clone)]
pub enum PlanPlace {
    /// A folder of this worker's user alone, which every worker of the pool sees; made if it is not there.
    Folder(PathBuf),
    /// A bucket without versions and locks, or the part of one below the prefix.
    Bucket(BucketSettings),
}

/// What a plan is, all of it authenticated with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanId {
    /// Name of the installation.
    pub deployment: String,
    /// The pool whose workers may open it.
    pub pool: String,
    /// What it changes.
    pub stack: String,
    /// The request it was made for.
    pub invocation: InvocationId,
    /// The commit it was made from.
    pub commit: String,
    /// SHA-256 of the plan file.
    pub digest: Digest,
}

/// What a plan is asked for by: whoever asks knows all of it from an approved decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanKey {
    /// The pool.
    pub pool: String,
    /// The stack.
    pub stack: String,
    /// The request.
    pub invocation: InvocationId,
    /// SHA-256 of the plan file.
    pub digest: Digest,
}

/// Why a plan is not kept, or does not come back.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The settings of the place.
    #[error("saved plans cannot be in {place}: {why}")]
    Settings {
        /// Which place.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is not a plan of this installation, not the one that is named, or it ended before it began.
    #[error("a plan is not saved under another's name")]
    Misnamed,
    /// It is too large.
    #[error("the plan has {bytes} bytes, and no more than {LARGEST_PLAN} are saved")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// There is one of this name, and it stays.
    #[error("this plan was saved already")]
    Exists,
    /// It is not there.
    #[error("the saved plan is not there any more")]
    Missing,
    /// It is not what was saved: changed, sealed with another key, or another plan under this name.
    #[error("the saved plan is not the one that was approved")]
    Changed,
    /// It is too old.
    #[error("the saved plan expired at {until}")]
    Expired {
        /// When.
        until: Timestamp,
    },
    /// The place does not answer, or has no room.
    #[error("the place of saved plans cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps plans; shared by everything in a worker.
#[derive(Debug)]
pub struct PlanStore {
    deployment: String,
    key: PoolKey,
    keep: Duration,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(FolderPlace),
    Bucket(Box<BucketPlace>),
}

impl PlanStore {
    /// Takes a place. A folder is looked at; a bucket is not asked before it is used.
    ///
    /// # Errors
    /// [`PlanError::Settings`] and [`PlanError::Unavailable`].
    pub fn open(settings: PlanSettings) -> Result<Self, PlanError> {
        let place = match settings.place {
            PlanPlace::Folder(path) => Place::Folder(FolderPlace::open(&path)?),
            PlanPlace::Bucket(bucket) => Place::Bucket(Box::new(BucketPlace::open(bucket)?)),
        };
        Ok(Self { deployment: settings.deployment, key: settings.key, keep: settings.keep, place })
    }

    /// Until when a plan that is made now may be applied.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Timestamp {
        now.plus(self.keep)
    }

    /// Seals a plan and keeps it, until then and not longer. Create-only: what is there stays.
    ///
    /// # Errors
    /// [`PlanError::Misnamed`], [`PlanError::TooLarge`], [`PlanError::Exists`], [`PlanError::Unavailable`].
    ///
    /// # Cancel safety
    /// A plan may have been saved, whole, when this is dropped.
    pub async fn put(&self, id: &PlanId, plan: &[u8], until: Timestamp) -> Result<(), PlanError> {
        if plan.len() > LARGEST_PLAN {
            return Err(PlanError::TooLarge { bytes: plan.len() });
        }
        if id.deployment != self.deployment || Digest::of(plan) != id.digest {
            return Err(PlanError::Misnamed);
        }
        let object = self.key.seal(id, until, plan)?;
        let (pool, name) = (folder_of(&id.pool), name_of(id.invocation, &id.digest));
        match &self.place {
            Place::Folder(place) => place.put(pool, name, object).await,
            Place::Bucket(place) => place.put(&pool, &name, object).await,
        }
    }

    /// The plan of this name, if it is exactly that, and what it is.
    ///
    /// # Errors
    /// [`PlanError::Missing`], [`PlanError::Changed`], [`PlanError::Expired`], [`PlanError::Unavailable`].
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn get(&self, key: &PlanKey, now: Timestamp) -> Result<(PlanId, Zeroizing<Vec<u8>>), PlanError> {
        let (pool, name) = (folder_of(&key.pool), name_of(key.invocation, &key.digest));
        let object = match &self.place {
            Place::Folder(place) => place.get(pool, name).await,
            Place::Bucket(place) => place.get(&pool, &name).await,
        }?;
        let opened = self.key.open(object)?;
        let id = opened.id;
        let own = (&self.deployment, &key.pool, &key.stack, key.invocation, key.digest);
        if own != (&id.deployment, &id.pool, &id.stack, id.invocation, id.digest)
            || Digest::of(&opened.plan) != key.digest
        {
            return Err(PlanError::Changed);
        }
        if now >= opened.until {
            return Err(PlanError::Expired { until: opened.until });
        }
        Ok((id, opened.plan))
    }

    /// Removes a plan; one that is not there is no error.
    ///
    /// # Errors
    /// [`PlanError::Unavailable`].
    pub async fn forget(&self, key: &PlanKey) -> Result<(), PlanError> {
        let (pool, name) = (folder_of(&key.pool), name_of(key.invocation, &key.digest));
        match &self.place {
            Place::Folder(place) => place.remove(pool, name).await,
            Place::Bucket(place) => place.remove(&pool, &name).await,
        }
    }

    /// Removes this pool's expired plans and tells how many it were. What this worker's key does not open stays: it is
    /// somebody else's, or worth a look.
    ///
    /// # Errors
    /// [`PlanError::Unavailable`]; what was removed until then is removed.
    pub async fn sweep(&self, pool: &str, now: Timestamp) -> Result<usize, PlanError> {
        let folder = folder_of(pool);
        if let Place::Folder(place) = &self.place {
            place.tidy(folder.clone(), now).await?;
        }
        let names = match &self.place {
            Place::Folder(place) => place.list(folder.clone()).await,
            Place::Bucket(place) => place.list(&folder).await,
        }?;
        let mut removed = 0;
        for name in names {
            if self.has_expired(pool, &folder, &name, now).await? {
                match &self.place {
                    Place::Folder(place) => place.remove(folder.clone(), name).await,
                    Place::Bucket(place) => place.remove(&folder, &name).await,
                }?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The beginning tells when it claims to expire, so that living plans are not read whole at every sweep; only the
    /// seal is believed.
    async fn has_expired(&self, pool: &str, folder: &str, name: &str, now: Timestamp) -> Result<bool, PlanError> {
        let beginning = match &self.place {
            Place::Folder(place) => place.beginning(folder.to_owned(), name.to_owned()).await,
            Place::Bucket(place) => place.beginning(folder, name).await,
        };
        let beginning = match beginning {
            Ok(beginning) => beginning,
            Err(PlanError::Missing | PlanError::Changed) => return Ok(false),
            Err(error) => return Err(error),
        };
        if sealed::claimed_end(&beginning).is_none_or(|until| now < until) {
            return Ok(false);
        }
        let whole = match &self.place {
            Place::Folder(place) => place.get(folder.to_owned(), name.to_owned()).await,
            Place::Bucket(place) => place.get(folder, name).await,
        };
        match whole.and_then(|object| self.key.open(object)) {
            Ok(opened) => {
                let id = &opened.id;
                let is_own = id.deployment == self.deployment && id.pool == pool;
                Ok(is_own && name == name_of(id.invocation, &id.digest) && now >= opened.until)
            }
            Err(PlanError::Missing) => Ok(false),
            Err(PlanError::Changed) => {
                tracing::debug!(plan = name, "An old plan does not open with this worker's key, and stays");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// A pool's part of the place: its name, as a file system and a bucket take it. No two pools share one.
fn folder_of(pool: &str) -> String {
    pool.bytes().fold("pool=".to_owned(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            _ => {
                out.push('=');
                out.push_str(&hex(&[byte]));
            }
        }
        out
    })
}

/// Whether something of that name is one of the plans, and not a file that is still being written.
fn is_plan_name(name: &str) -> bool {
    let ending = std::path::Path::new(name).extension();
    !name.starts_with('.') && !name.contains('/') && ending.is_some_and(|ending| ending == "plan")
}

/// An invocation may have been looked at twice, with two plans; the decision names one by its digest.
fn name_of(invocation: InvocationId, digest: &Digest) -> String {
    format!("{invocation}-{}.plan", hex(&digest.as_bytes()[..16]))
}
