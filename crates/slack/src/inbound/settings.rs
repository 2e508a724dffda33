//! Whom the front listens to, and how much it takes.

use super::signature::Secrets;
use std::collections::BTreeSet;

/// The largest body, in bytes. Slack's own largest payload carries a view of at most 250 KB.
const BODY_LIMIT: usize = 1024 * 1024;

/// How many names of deliveries are remembered at once. Two a request, each for eleven minutes:
/// about 200 requests a second without a pause, in at most 50 MB.
const ONCE_CAPACITY: usize = 1 << 18;

/// Whose requests count. A valid signature says "Slack, for this app" and no more: an app that is
/// installed elsewhere too gets everybody's requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The app's id, `A…`.
    pub app: String,
    /// Workspaces, `T…`.
    pub teams: BTreeSet<String>,
    /// Organisations, `E…`, for apps that are installed for a whole one.
    pub enterprises: BTreeSet<String>,
}

/// How the front is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose requests count.
    pub allowed: Allowed,
    /// What Slack signs with.
    pub secrets: Secrets,
    /// The largest body, in bytes; a larger one is refused before anything is computed over it.
    pub body_limit: usize,
    /// How many names of deliveries are remembered; a full memory refuses and never forgets.
    pub once_capacity: usize,
}

impl Settings {
    /// With a body of 1 MiB and room for 262,144 names of deliveries.
    #[must_use]
    pub const fn new(allowed: Allowed, secrets: Secrets) -> Self {
        Self { allowed, secrets, body_limit: BODY_LIMIT, once_capacity: ONCE_CAPACITY }
    }
}
