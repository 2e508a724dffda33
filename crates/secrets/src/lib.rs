//! Leases: credentials issued for one recorded command, and taken back.
//!
//! **Invariant:** no credential exists before the intent is on record; each is for one tier of
//! one target; none appears in `Debug`, in an error or in a log.

pub mod broker;
pub mod fixed;
pub mod lease;
pub mod reference;

pub use broker::{Broker, IssueError, RevokeError};
pub use fixed::{Recipe, StaticBroker, StaticConfig, WallLimits};
pub use lease::{Expiry, Lease, Material};
pub use reference::{NotAReference, Reference};
