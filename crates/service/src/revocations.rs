//! Learns which keys are not believed any more, from the log's store.
//!
//! **Invariant:** a note only ever takes belief away; one that no root key signed changes nothing
//! and is counted. A process whose own key is revoked neither starts nor goes on.

use crate::identity::Identity;
use crate::life::Life;
use crate::metrics;
use crate::stores::Stores;
use countersign_audit::layout::{self, Place};
use countersign_audit::sink::{Entry, ReadError, Sink};
use countersign_core::certificate::Role;
use countersign_core::id::KeyId;
use countersign_core::refusal::shown;
use countersign_core::revocation::{Revocation, RevocationNote};
use countersign_core::seal::Verifier;
use countersign_core::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the store is looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Looks that fail for so long are told to whoever asks for readiness.
const STALE: Duration = Duration::from_mins(1);

/// A longer object is no note: the root's have some four hundred bytes.
const LONGEST_NOTE: u64 = 4 << 10;

/// Why a process cannot go on under its key.
#[derive(Debug, thiserror::Error)]
pub enum Unlearned {
    /// Its own key is revoked.
    #[error(
        "the key `{key}` of this process is not believed since {from} ({reason}); make another one with `countersign key`"
    )]
    Own {
        /// The key.
        key: KeyId,
        /// Since when.
        from: Timestamp,
        /// Why, as the root's holder put it.
        reason: String,
    },
    /// The notes cannot be read, so it is not known who is believed.
    #[error("the revoked keys cannot be read from the log's store")]
    Unread(#[from] ReadError),
}

/// What is known of revoked keys, and how it becomes known.
#[derive(Debug)]
pub struct Revocations {
    store: Arc<dyn Sink>,
    verifier: Verifier,
    own: KeyId,
    role: Role,
    clock: Arc<dyn Clock>,
    /// What was read already, by name and version: a note, or something that is none.
    read: BTreeMap<(String, Option<String>), Option<Revocation>>,
    /// When the store was last read whole (boot time).
    at: Arc<Mutex<Duration>>,
}

/// When the store was last read, for readiness.
#[derive(Debug, Clone)]
pub struct Freshness {
    at: Arc<Mutex<Duration>>,
    clock: Arc<dyn Clock>,
}

impl Revocations {
    /// Learns what is known now, before anything is believed or written.
    ///
    /// # Errors
    /// [`Unlearned`]; the process must not start.
    pub async fn learn(stores: &Stores, identity: &Identity, clock: &Arc<dyn Clock>) -> Result<Self, Unlearned> {
        let mut this = Self {
            store: stores.audit.clone(),
            verifier: identity.verifier.clone(),
            own: identity.sealer.key_id(),
            role: identity.role,
            clock: clock.clone(),
            read: BTreeMap::new(),
            at: Arc::default(),
        };
        this.look().await?;
        Ok(this)
    }

    /// When the store was last read.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        Freshness { at: self.at.clone(), clock: self.clock.clone() }
    }

    /// Looks again and again, to the very end of the process; ends it when its own key is revoked.
    pub async fn watch(mut self, life: Life) {
        let mut silent = false;
        loop {
            tokio::select! {
                () = life.end.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            match self.look().await {
                Ok(()) if silent => tracing::info!("The revoked keys can be read again"),
                Ok(()) => {}
                Err(Unlearned::Unread(error)) if !silent => {
                    tracing::error!("The revoked keys cannot be read: {}", crate::telemetry::chain(&error));
                    silent = true;
                    continue;
                }
                Err(Unlearned::Unread(_)) => continue,
                Err(own @ Unlearned::Own { .. }) => {
                    tracing::error!("This process ends: {own}");
                    life.disowned.cancel();
                    return;
                }
            }
            silent = false;
        }
    }

    /// Reads what is new. A name that was deleted or written over counts by what it held first.
    async fn look(&mut self) -> Result<(), Unlearned> {
        for entry in self.store.inventory(layout::KEYS).await?.entries {
            let seen = (entry.name.clone(), entry.version.clone());
            if layout::place(&entry.name) == Place::Revocation && !self.read.contains_key(&seen) {
                let note = self.note(&entry).await?;
                tell(&entry, note.as_ref());
                self.read.insert(seen, note);
            }
        }
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.boottime();
        let believed = self.read.values().flatten();
        metrics::revocations(self.role, believed.count(), self.read.values().filter(|note| note.is_none()).count());
        self.is_own_believed()
    }

    /// `None` for what no root key signed.
    async fn note(&self, entry: &Entry) -> Result<Option<Revocation>, ReadError> {
        if entry.size > LONGEST_NOTE {
            return Ok(None);
        }
        let bytes = match self.store.read_entry(entry).await {
            Ok(object) => object.map(|object| object.bytes).unwrap_or_default(),
            Err(ReadError::NotPlain(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let note = serde_json::from_slice::<RevocationNote>(&bytes).ok();
        Ok(note.and_then(|note| self.verifier.learn(&note).ok()))
    }

    fn is_own_believed(&self) -> Result<(), Unlearned> {
        let Some(from) = self.verifier.revoked_from(&self.own).filter(|from| *from <= self.clock.now()) else {
            return Ok(());
        };
        let own = self.read.values().flatten().find(|note| note.key == self.own && note.from == from);
        let reason = own.map(|note| shown(&note.reason)).unwrap_or_default();
        Err(Unlearned::Own { key: self.own.clone(), from, reason })
    }
}

impl Freshness {
    /// Whether the store was read lately.
    ///
    /// # Errors
    /// What is said to whoever asks whether this process is ready.
    pub fn check(&self) -> Result<(), String> {
        let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let age = self.clock.boottime().saturating_sub(at);
        if age > STALE { Err(format!("revoked keys were last read {} s ago", age.as_secs())) } else { Ok(()) }
    }
}

fn tell(entry: &Entry, note: Option<&Revocation>) {
    if let Some(note) = note {
        tracing::warn!(key.id = %note.key, from = %note.from, "A key is revoked: what it seals is not believed");
    } else {
        tracing::error!(object = shown(&entry.name), "A revocation that no root key signed is ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_audit::directory::Directory;
    use countersign_audit::keys::{self, Process};
    use countersign_audit::sink::Key;
    use countersign_audit::testing::ManualClock;
    use countersign_core::revocation::Draft;
    use ed25519_dalek::{Signer as _, SigningKey};
    use std::path::Path;

    const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);
    const WORKER: Process<'_> = Process { name: "worker-1", role: Role::Worker, pools: &["main"] };
    const OTHER: Process<'_> = Process { name: "worker-2", role: Role::Worker, pools: &["main"] };

    struct World {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        stores: Stores,
        root: SigningKey,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            keys::init(folder.path(), "acme", (START, Duration::from_hours(24)), &[WORKER, OTHER]).unwrap();
            let clock = Arc::new(ManualClock::at(START));
            let open = |name| {
                std::fs::create_dir(folder.path().join(name)).unwrap();
                Arc::new(Directory::open(folder.path().join(name), clock.clone()).unwrap())
            };
            let stores = Stores { audit: open("log"), fate: open("fate"), anchors: Vec::new() };
            let root = keys::load(&folder.path().join("root.key")).unwrap();
            Self { folder, clock, stores, root }
        }

        fn identity(&self, name: &str) -> Identity {
            let files = crate::config::KeyFiles { folder: self.folder.path().to_owned(), name: name.to_owned() };
            let root: &Path = &self.folder.path().join("root.pub");
            Identity::look(&files, root, "acme", Role::Worker, self.clock.as_ref()).unwrap()
        }

        fn key(&self, name: &str) -> KeyId {
            self.identity(name).sealer.key_id()
        }

        async fn learns(&self, identity: &Identity) -> Result<Revocations, Unlearned> {
            let clock: Arc<dyn Clock> = self.clock.clone();
            Revocations::learn(&self.stores, identity, &clock).await
        }

        /// A note as somebody with this key would make it.
        async fn revokes(&self, key: &KeyId, from: Timestamp, signer: &SigningKey) {
            let (deployment, reason) = ("acme".to_owned(), "laptop\u{202e} stolen".to_owned());
            let draft = Draft::of(&Revocation { v: 1, deployment, key: key.clone(), from, reason });
            let signature = signer.sign(&draft.message()).to_bytes();
            self.puts(key, &serde_json::to_vec(&draft.signed(signature)).unwrap()).await;
        }

        async fn puts(&self, key: &KeyId, bytes: &[u8]) {
            let name: Key = layout::revocation(key, bytes).unwrap();
            self.stores.audit.put_new(&name, bytes.to_vec()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_the_root_revoked_is_not_believed_and_what_another_did_is() {
        let world = World::new();
        let (identity, other) = (world.identity("worker-1"), world.key("worker-2"));
        world.revokes(&other, START, &keys::generate()).await;
        world.puts(&other, b"{}").await;
        world.puts(&other, &[b'x'; 5_000]).await;
        let mut known = world.learns(&identity).await.unwrap();
        assert_eq!(identity.verifier.revoked_from(&other), None);
        assert_eq!(known.read.values().filter(|note| note.is_none()).count(), 3);
        world.revokes(&other, START, &world.root).await;
        known.look().await.unwrap();
        assert_eq!(identity.verifier.revoked_from(&other), Some(START));
    }

    #[tokio::test]
    async fn a_process_does_not_outlive_its_key() {
        let world = World::new();
        let (identity, own) = (world.identity("worker-1"), world.key("worker-1"));
        let mut known = world.learns(&identity).await.unwrap();
        // Announced, and not yet so.
        world.revokes(&own, START.plus(Duration::from_mins(1)), &world.root).await;
        known.look().await.unwrap();
        world.clock.advance(Duration::from_mins(1));
        let says = known.look().await.unwrap_err().to_string();
        assert!(says.contains(own.as_str()) && says.contains("laptop\\u{202e} stolen"), "{says}");
        let starting = world.learns(&identity).await;
        assert!(matches!(starting, Err(Unlearned::Own { .. })));
        assert!(world.learns(&world.identity("worker-2")).await.is_ok());
    }

    /// A store that is away says nothing about who is believed.
    #[tokio::test]
    async fn a_store_that_is_away_is_told_after_a_while_and_lets_nobody_start() {
        let world = World::new();
        let identity = world.identity("worker-1");
        let mut known = world.learns(&identity).await.unwrap();
        std::fs::rename(world.folder.path().join("log"), world.folder.path().join("away")).unwrap();
        assert!(matches!(known.look().await, Err(Unlearned::Unread(_))));
        assert!(matches!(world.learns(&identity).await, Err(Unlearned::Unread(_))));
        world.clock.advance(STALE);
        known.freshness().check().unwrap();
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(known.freshness().check(), Err("revoked keys were last read 61 s ago".to_owned()));
        std::fs::rename(world.folder.path().join("away"), world.folder.path().join("log")).unwrap();
        known.look().await.unwrap();
        known.freshness().check().unwrap();
    }
}
