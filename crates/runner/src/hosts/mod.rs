//! Where a decided command of a cloud's own tool connects to.
//!
//! **Invariant:** exact hosts, each from a table and the decided argv; a service, group or region that no table knows
//! has none, and its command does not run.

pub(crate) mod aws;
pub(crate) mod gcloud;

use crate::target::HostPort;

/// The port of https.
const HTTPS: u16 = 443;

/// A name from a table, its places filled in, as a host and port; `None` if that is no name of a host.
fn https(name: &str) -> Option<HostPort> {
    format!("{name}:{HTTPS}").parse().ok()
}
