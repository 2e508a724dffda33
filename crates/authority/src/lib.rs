//! The installation's root key: what it certifies and revokes, and where it is kept.
//!
//! **Invariant:** the root key signs certificates and revocations and nothing else, and no process
//! that serves people or runs commands links this crate.

pub mod certify;
pub mod folder;
pub mod founding;
pub mod publish;
pub mod revoke;
pub mod root;
pub mod rotate;
pub mod show;
pub mod signer;
pub mod spec;
