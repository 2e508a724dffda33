//! The gateway: receives, decides, collects approvals, seals and reports.
//!
//! **Invariant:** it holds no credential for a catalogued target and no way to run anything; what
//! it wants to happen it seals into a job, and a worker that doubts it decides again. No "no" is
//! told to a person before it is written, and no ballot counts before its record is durable.
//!
//! Any number of gateways serve one installation. Each takes what comes to it; one of them watches
//! over a request, tells its thread and clears it. When that one is gone, another takes over.

mod asking;
mod cancel;
mod clocks;
mod control;
mod expiry;
mod farewell;
mod find_out;
mod follow;
mod glance;
pub mod installed;
mod line;
mod manifest;
mod own;
mod receive;
mod reconcile;
mod records;
mod shadow;
mod sweep;
mod unattended;
mod undo;
mod view;
mod vote;
mod watch;

use async_trait::async_trait;
use countersign_audit::control::ControlLog;
use countersign_audit::log::AuditLog;
use countersign_chat::{Answer, Chat, ChatError, Gate, Inbound, Notice, ThreadId, Typed};
use countersign_core::id::InvocationId;
use countersign_core::refusal::Refusal;
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::time::Clock;
use countersign_identity::Directory;
use countersign_policy::LivePolicy;
use countersign_queue::Queue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use view::View;

/// What a gateway is made of.
pub struct Parts {
    /// Name of the installation.
    pub deployment: String,
    /// Wall clock and boot clock.
    pub clock: Arc<dyn Clock>,
    /// The policy in force, and the catalog.
    pub policy: Arc<LivePolicy>,
    /// Who people are.
    pub directory: Arc<dyn Directory>,
    /// Between this process and the workers. Never believed.
    pub queue: Arc<dyn Queue>,
    /// This process's writer.
    pub log: AuditLog,
    /// Where people are told.
    pub chat: Arc<dyn Chat>,
    /// Seals requests, ballots, previews and jobs.
    pub sealer: Arc<Sealer>,
    /// Opens what comes back.
    pub verifier: Verifier,
    /// Every task of the gateway is joined through it.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

/// A running gateway; cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    /// Which freezes are on, as the fate store says.
    control: ControlLog,
    /// What people look at, by invocation. Rebuilt from sealed records after a restart.
    views: Mutex<BTreeMap<InvocationId, View>>,
    /// Which invocations a task follows.
    followed: Mutex<BTreeSet<InvocationId>>,
}

impl Gateway {
    /// Starts sweeping, which takes up first what no gateway looks after.
    #[must_use]
    pub fn start(parts: Parts) -> Self {
        let control = parts.log.control();
        let gateway = Self(Arc::new(Inner { parts, control, views: Mutex::default(), followed: Mutex::default() }));
        let sweeper = gateway.clone();
        gateway.0.parts.tasks.spawn(async move { sweeper.sweep().await });
        gateway
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    fn control(&self) -> &ControlLog {
        &self.0.control
    }

    /// What is shown of an invocation, changed in place. The lock is never held across an await.
    fn with_view<T>(&self, id: InvocationId, change: impl FnOnce(&mut View) -> T) -> Option<T> {
        let mut views = self.0.views.lock().unwrap_or_else(PoisonError::into_inner);
        views.get_mut(&id).map(change)
    }

    fn put_view(&self, id: InvocationId, view: View) {
        self.0.views.lock().unwrap_or_else(PoisonError::into_inner).insert(id, view);
    }

    fn drop_view(&self, id: InvocationId) {
        self.0.views.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Shows the card as it stands when its turn comes.
    async fn show(&self, id: InvocationId) -> Result<(), ChatError> {
        let Some(turn) = self.with_view(id, |view| view.showing.clone()) else { return Ok(()) };
        let _turn = turn.lock().await;
        let Some((thread, card)) = self.with_view(id, |view| (view.thread.clone(), view.card())) else { return Ok(()) };
        let shown = self.parts().chat.show(&thread, card).await;
        self.with_view(id, |view| view.trouble.unshown = farewell::is_away(&shown));
        if let Err(error) = &shown {
            tracing::warn!(invocation.id = %id, "The card could not be shown: {error}");
        }
        shown
    }

    /// Says something in the invocation's thread. A chat that cannot be reached loses nothing but
    /// sight; what must be heard is said in a [farewell](crate::farewell).
    async fn say(&self, id: InvocationId, notice: Notice) {
        if let Some(thread) = self.with_view(id, |view| view.thread.clone()) {
            self.say_in(id, &thread, notice).await;
        }
    }

    async fn say_in(&self, id: InvocationId, thread: &ThreadId, notice: Notice) {
        if let Err(error) = self.parts().chat.post(thread, notice).await {
            tracing::warn!(invocation.id = %id, "The thread could not be written: {error}");
        }
    }
}

#[async_trait]
impl Gate for Gateway {
    async fn receive(&self, inbound: Inbound) -> Answer {
        match inbound {
            Inbound::Typed(typed) => Box::pin(self.typed(typed)).await,
            Inbound::Clicked(clicked) => self.clicked(clicked).await,
        }
    }

    async fn refuse(&self, typed: Typed, why: Refusal) -> Answer {
        Box::pin(self.typed_without(typed, why)).await
    }
}
