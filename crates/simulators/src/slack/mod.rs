//! A Slack on loopback: the Web API an app calls, and the requests Slack sends to an app.
//!
//! It checks what Slack checks (tokens, scopes, blocks, limits, triggers) and refuses in Slack's words, signs what it
//! sends, and remembers everything. Times come from the caller's clock. **Invariant:** it is written from Slack's
//! documentation alone and knows nothing of the app it talks to. Deliberately absent: Socket Mode, files of the app's
//! own, user groups, streaming, reactions, and the waits between the tries of an event.

mod api;
mod blocks;
mod control;
mod deliver;
mod fault;
mod fields;
mod files;
mod limits;
mod modals;
mod people;
mod reading;
mod response;
mod seed;
mod send;
mod server;
mod state;
mod text;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::deliver::{Delivery, Door, Outcome, Outgoing};
pub use self::fault::Fault;
pub use self::files::{File, Serve};
pub use self::seed::{Channel, Kind, Person, Seed, Standing, Workspace, id};
pub use self::state::{Author, Call, Content, Message, View};
pub use crate::serve::StartError;

use self::state::{Shared, State};
use crate::serve::{Port, Running};

/// Tells the time; signatures, triggers, rate limits and message names come from it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where the app listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Slash commands go here.
    pub commands: String,
    /// Clicks and modals go here.
    pub interactions: String,
    /// Events go here.
    pub events: String,
}

impl App {
    /// The usual paths below one address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn at(address: &str) -> Self {
        let address = address.trim_end_matches('/');
        let below = |path: &str| format!("{address}/slack/{path}");
        Self { commands: below("commands"), interactions: below("interactions"), events: below("events") }
    }
}

/// A running stand-in. Dropping it stops it; [`Slack::stop`] also waits for the end.
#[derive(Debug)]
pub struct Slack {
    shared: Arc<Shared>,
    running: Running,
}

impl Slack {
    /// Starts on a free port of 127.0.0.1. Its tasks run on `tasks` and end when `stop` is cancelled. It knows no app
    /// until [`Slack::connect`].
    ///
    /// # Errors
    /// [`StartError`]: no port.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(
        seed: Seed,
        clock: Clock,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let port = Port::plain(&stop).await?;
        let shared = Arc::new(Shared::new(State::new(seed, port.address()), clock));
        let (serves, stop) = (Arc::clone(&shared), port.stopping());
        let running = port.serve_each(tasks, move |wire| server::serve(wire, Arc::clone(&serves), stop.clone()));
        Ok(Self { shared, running })
    }

    /// Stops listening, ends every connection and waits until they have ended.
    ///
    /// # Cancel safety
    /// The stop is given at the first poll; dropping the future only stops the waiting.
    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// The address of the Web API, `http://127.0.0.1:PORT/api`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api", self.running.url())
    }

    /// Where the app is from now on. It may move, and be gone: what is sent then fails as it fails with Slack.
    pub fn connect(&self, app: App) {
        self.shared.lock().app_at = Some(app);
    }

    /// How long an acknowledgement is awaited; 3 s unless told otherwise.
    pub fn acknowledge_within(&self, patience: Duration) {
        self.shared.lock().patience = patience;
    }
}
