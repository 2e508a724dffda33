//! The chat vocabulary as a web page for the machine it runs on, with inbox and audit views.
//!
//! **Invariant:** the console decides nothing and believes no field about who somebody is: an
//! account comes from the session alone. Nothing foreign reaches a page except as a
//! `Shown`, which cannot hold a character that hides or reorders, and templates
//! escape that once more.
//!
//! Deliberately absent: a listen address that another machine could reach, and any way to
//! build a router without saying who may be who ([`Login`]).

mod assets;
mod audit;
mod card_view;
mod clicks;
mod form;
mod guard;
mod listen;
mod login;
mod pages;
mod session;
mod shown;
mod store;
mod views;

pub use audit::{
    AuditView, Brief, Chapter, Concern, Entry, Filter, Form, Index, Line, NotShown, Part, Progress, Reader, Slice,
    Step, Story, Verdict, Verification, VerifyView,
};
pub use listen::{Listen, ListenError};
pub use login::{Login, Person};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use countersign_chat::{Chat, Gate};
use countersign_core::digest::hex;
use countersign_core::time::Clock;
use std::fmt;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// The largest form that is read, in bytes: a manifest of 256 KiB, three bytes for each when they are escaped.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// Where random bytes come from: 256 bits a call.
pub type Random = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// The operating system's generator.
///
/// # Errors
/// When it cannot be read, which is tried once here so that later calls need not fail.
pub fn system_random() -> Result<Random, getrandom::Error> {
    getrandom::fill(&mut [0; 32])?;
    Ok(Arc::new(|| {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system's generator answered before and does not stop");
        bytes
    }))
}

/// What a console is made of.
pub struct Setup {
    /// Where it listens; always this machine alone.
    pub listen: Listen,
    /// Who may be who.
    pub login: Login,
    /// What can be typed, one a line, to try out.
    pub examples: Vec<String>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Random,
    /// Tasks that outlive a closed browser tab are joined here.
    pub tasks: TaskTracker,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("listen", &self.listen).field("login", &self.login).finish_non_exhaustive()
    }
}

/// The web front.
#[derive(Clone)]
pub struct Console {
    front: Arc<Front>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("listen", &self.front.listen).finish_non_exhaustive()
    }
}

/// What all requests share.
struct Front {
    listen: Listen,
    login: Login,
    examples: Vec<String>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    access: String,
    sessions: session::Sessions,
    threads: Arc<store::Threads>,
}

/// What a handler needs.
#[derive(Clone)]
struct Desk {
    front: Arc<Front>,
    gate: Arc<dyn Gate>,
    audit: Arc<dyn AuditView>,
}

impl Console {
    /// A console with a fresh access token and no thread yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let access = hex(&(setup.random)());
        let threads = Arc::new(store::Threads::new(setup.clock.clone()));
        let front = Front {
            listen: setup.listen,
            login: setup.login,
            examples: setup.examples,
            clock: setup.clock,
            tasks: setup.tasks,
            access,
            sessions: session::Sessions::new(setup.random),
            threads,
        };
        Self { front: Arc::new(front) }
    }

    /// The delivering half, for the gateway.
    #[must_use]
    pub fn chat(&self) -> Arc<dyn Chat> {
        self.front.threads.clone()
    }

    /// The address to open, access token included: print it to the person who started this and
    /// nowhere else.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/?token={}", self.front.listen.address(), self.front.access)
    }

    /// The receiving half: everything it serves.
    pub fn router(&self, gate: Arc<dyn Gate>, audit: Arc<dyn AuditView>) -> Router {
        let desk = Desk { front: self.front.clone(), gate, audit };
        let pages = Router::new()
            .route("/", get(pages::home))
            .route("/threads", get(pages::list))
            .route("/thread/{id}", get(pages::thread))
            .route("/thread/{id}/changes", get(pages::changes))
            .route("/thread/{id}/click", post(clicks::click))
            .route("/say", post(clicks::say))
            .route("/inbox", get(pages::inbox))
            .route("/audit", get(audit::pages::look))
            .route("/audit/status", get(audit::pages::status))
            .route("/audit/verify", post(audit::pages::verify))
            .route("/audit/story/{id}", get(audit::pages::story))
            .layer(from_fn(guard::person))
            .route("/who", get(pages::who).post(clicks::choose))
            .layer(from_fn_with_state(desk.clone(), guard::session));
        Router::new()
            .merge(assets::routes())
            .merge(pages)
            .fallback(pages::nothing_here)
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
            .layer(from_fn_with_state(desk.clone(), guard::origin))
            .layer(from_fn(guard::headers))
            .with_state(desk)
    }
}
