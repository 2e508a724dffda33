//! What the console's audit pages read.
//!
//! **Invariant:** who looks, and for what, is on record before anything is shown; each segment is
//! read once for the list, however often somebody looks.

mod brief;
mod checking;
mod shelf;
mod tale;

use async_trait::async_trait;
use checking::Checking;
use countersign_audit::directory::Directory as Folder;
use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::log::AuditLog;
use countersign_audit::story::{self, Aids};
use countersign_audit::verify::Evidence;
use countersign_console::{AuditView, Filter, NotShown, Reader, Slice, Story, Verification};
use countersign_core::id::InvocationId;
use countersign_core::principal::Standing;
use countersign_core::seal::Verifier;
use countersign_core::time::Clock;
use countersign_identity::Directory;
use shelf::Shelf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// How long a page waits for segments that are not in the list yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// What an audit page is made of.
#[derive(Debug)]
pub struct Parts {
    /// The log's folder.
    pub store: Folder,
    /// The folder of signed heads.
    pub heads: Folder,
    /// The folder of fates.
    pub fate: Folder,
    /// Believes the root key.
    pub verifier: Verifier,
    /// Where the reading is recorded.
    pub log: AuditLog,
    /// Who is an active person.
    pub directory: Arc<dyn Directory>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Verifications and reading ahead are joined here.
    pub tasks: TaskTracker,
}

/// Reads the log of one installation.
#[derive(Debug)]
pub struct AuditPage {
    parts: Parts,
    shelf: Arc<Shelf>,
    checking: Arc<Checking>,
}

impl AuditPage {
    /// A page that has read nothing yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let shelf = Arc::new(Shelf::new(Arc::new(parts.store.clone())));
        Self { parts, shelf, checking: Arc::default() }
    }

    fn evidence(&self) -> Evidence {
        let Parts { store, heads, fate, verifier, clock, .. } = &self.parts;
        let mut evidence = Evidence::new(Arc::new(store.clone()), verifier.clone(), clock.now());
        evidence.anchors = vec![Arc::new(heads.clone())];
        evidence.fate = Some(Arc::new(fate.clone()));
        evidence
    }

    /// Puts the reading on record. Whoever is not an active person reads nothing.
    async fn record(&self, reader: &Reader, event: Event) -> Result<(), NotShown> {
        let known = self.parts.directory.resolve(&reader.account).await;
        let principal = known.map_err(|refusal| NotShown::NotYou(refusal.to_string()))?;
        if principal.standing != Standing::Active {
            return Err(NotShown::NotYou(format!("{} is not one", principal.name)));
        }
        let event = event.by(Actor::person(&principal, Some(&reader.account))).detail("front", "console");
        let recorded = self.parts.log.record(event).await;
        recorded.map(drop).map_err(|error| NotShown::Unrecorded(error.to_string()))
    }
}

#[async_trait]
impl AuditView for AuditPage {
    fn verification(&self) -> Verification {
        self.checking.as_it_is()
    }

    fn verify(&self) {
        self.checking.start(self.evidence(), self.parts.clock.clone(), &self.parts.tasks);
    }

    async fn look(&self, reader: &Reader, filter: &Filter, page: usize) -> Result<Slice, NotShown> {
        let asked = Event::of(Kind::LogRead).detail("read", "requests");
        let asked = asked.detail("filter", filter.to_string()).detail("page", (page + 1).to_string());
        self.record(reader, asked).await?;
        let reading = self.parts.tasks.spawn(self.shelf.clone().read_on());
        match tokio::time::timeout(PATIENCE, reading).await {
            // Too much for one page's patience: it is read on, and the page says what is missing.
            Err(_) | Ok(Ok(Ok(()))) => Ok(self.shelf.slice(filter, page)),
            Ok(Ok(Err(error))) => Err(NotShown::Unreadable(error.to_string())),
            Ok(Err(ended)) => Err(NotShown::Unreadable(ended.to_string())),
        }
    }

    async fn story(&self, reader: &Reader, id: InvocationId) -> Result<Option<Story>, NotShown> {
        self.record(reader, Event::about(Kind::LogRead, id).detail("read", "story")).await?;
        let found = story::show(&self.parts.store, id).await;
        let story = found.map_err(|error| NotShown::Unreadable(error.to_string()))?;
        // The reading itself is a record about it; alone it is no story.
        if story.records.iter().all(|record| record.event.kind == Kind::LogRead) {
            return Ok(None);
        }
        let telling = story.tell(&Aids { verifier: Some(&self.parts.verifier), outputs: None });
        Ok(Some(tale::of(&telling)))
    }
}

#[cfg(test)]
mod tests;
