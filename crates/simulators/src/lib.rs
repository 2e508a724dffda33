//! Stateful stand-ins on loopback for the systems Countersign talks to.
//!
//! Each one holds state and speaks the real protocol, so that the real client programs can be run against it in the
//! demo and in tests. **Invariant:** a stand-in listens on 127.0.0.1 alone, and only tests and the demo link it.

mod chance;
pub mod git;
pub mod github;
pub mod google;
pub mod kms;
pub mod kubernetes;
pub mod registry;
mod serve;
pub mod sigstore;
pub mod slack;
pub mod states;
mod tls;
pub mod vault;

pub use self::serve::StartError;
