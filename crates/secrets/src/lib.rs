//! Leases: credentials issued for one recorded command, and taken back.
//!
//! **Invariant:** no credential exists before the intent is on record; each is for one tier of
//! one target; none appears in `Debug`, in an error or in a log.

pub mod broker;
pub mod catalogued;
pub mod fixed;
pub mod issuers;
pub mod lease;
pub mod recipe;
pub mod reference;
pub mod target;
pub mod vault;

mod access_token;
mod assume_role;
mod http;
mod need;
mod read;
mod sigv4;
#[cfg(test)]
mod tests;
mod token_request;

pub use broker::{Broker, IssueError, IssuerFault, RevokeError};
pub use catalogued::CatalogBroker;
pub use fixed::{StaticBroker, StaticConfig, WallLimits};
pub use issuers::{IssuerSettings, Issuers};
pub use lease::{Expiry, Impersonation, Issued, Lease, Material, VARIABLES};
pub use recipe::{AccessToken, AssumeRole, Engine, Mint, Place, Recipe, TokenRequest, VaultRole};
pub use reference::{NotAReference, Reference};
pub use target::{TargetKey, TargetKind};
pub use vault::{Vault, VaultLogin, VaultSettings};
