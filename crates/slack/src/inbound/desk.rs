//! What every request needs, shared.

use super::account::Person;
use super::answer::Reach;
use super::metrics::Cause;
use super::once::{Arrival, Name, Once};
use super::settings::Settings;
use super::signature::Signed;
use crate::api::SlackApi;
use crate::people::People;
use countersign_chat::{Gate, Membership};
use countersign_core::digest::hex;
use countersign_core::time::Clock;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::task::TaskTracker;

/// What a front is made of.
pub struct Setup {
    /// Whom it listens to.
    pub settings: Settings,
    /// Where it brings what people said.
    pub gate: Arc<dyn Gate>,
    /// How it answers them and opens windows.
    pub api: Arc<dyn SlackApi>,
    /// Who is a member.
    pub people: Arc<People>,
    /// Wall clock and boot clock.
    pub clock: Arc<dyn Clock>,
    /// What goes on after the acknowledgement is joined through it.
    pub tasks: TaskTracker,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("settings", &self.settings).finish_non_exhaustive()
    }
}

pub(super) struct Desk {
    pub(super) settings: Settings,
    pub(super) gate: Arc<dyn Gate>,
    pub(super) api: Arc<dyn SlackApi>,
    pub(super) people: Arc<People>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tasks: TaskTracker,
    once: Once,
    pub(super) hashed: AtomicU64,
    pub(super) parsed: AtomicU64,
}

impl Desk {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { settings, gate, api, people, clock, tasks } = setup;
        let once = Once::new(settings.once_capacity);
        let (hashed, parsed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { settings, gate, api, people, clock, tasks, once, hashed, parsed }
    }

    /// Whether this delivery is new. Only what is new is read any further.
    pub(super) fn is_new(&self, signed: &Signed, others: &[Name]) -> Result<bool, Cause> {
        let mut names = vec![Name::of_signature(signed.signature())];
        names.extend_from_slice(others);
        match self.once.arrival(&names, signed.at(), self.clock.as_ref()) {
            Arrival::First => {
                self.parsed.fetch_add(1, Ordering::Relaxed);
                Ok(true)
            }
            Arrival::Again => Ok(false),
            Arrival::Full => {
                tracing::warn!("A request was refused: no more deliveries can be remembered");
                Err(Cause::Full)
            }
        }
    }

    /// For a typed line.
    pub(super) async fn membership(&self, person: &Person) -> Membership {
        if person.is_outsider { Membership::Stranger } else { self.people.membership(&person.account.user).await }
    }

    /// For a click: as of now.
    pub(super) async fn membership_now(&self, person: &Person) -> Membership {
        if person.is_outsider { Membership::Stranger } else { self.people.membership_now(&person.account.user).await }
    }
}

/// What somebody did, and how to answer them.
pub(super) struct Deed {
    pub(super) person: Person,
    pub(super) reach: Reach,
    pub(super) at: countersign_core::time::Timestamp,
}

impl Deed {
    pub(super) fn new(person: Person, response_url: Option<String>, trigger: Option<&str>, signed: &Signed) -> Self {
        let nonce = trigger.map_or_else(|| hex(signed.signature()), str::to_owned);
        let reach = Reach { user: person.account.user.clone(), response_url, nonce };
        Self { person, reach, at: signed.at() }
    }
}
