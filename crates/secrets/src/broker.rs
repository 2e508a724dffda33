//! The port: who issues leases, and how issuing and revoking fail.
//!
//! **Invariant:** a lease is issued for an [`OnRecord`] and for nothing else: the decision, the
//! approvals, the fate and the intent are durable before the first credential exists.

use crate::lease::Lease;
use crate::reference::Reference;
use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::warrant::CredentialClass;
use std::collections::BTreeSet;
use std::fmt;

/// Issues and takes back leases.
#[async_trait]
pub trait Broker: Send + Sync + fmt::Debug {
    /// Issues a lease for a recorded command: for its target, its tier and its time alone.
    ///
    /// # Errors
    /// [`IssueError`]; no credential exists then, or one that [`sweep`](Self::sweep) finds by its
    /// handle.
    ///
    /// # Cancel safety
    /// A future dropped in between may leave a credential that nobody holds; its handle follows
    /// from the intent on record, so the next sweep revokes it.
    async fn issue(&self, on_record: &OnRecord) -> Result<Lease, IssueError>;

    /// Takes a lease back. Doing it twice, or after it ended by itself, is no error.
    ///
    /// # Errors
    /// [`RevokeError`] when the issuer could not be reached: the credential lives until its
    /// effective expiry, and a later sweep tries again.
    ///
    /// # Cancel safety
    /// May be dropped; the sweep finishes it.
    async fn revoke(&self, lease: Lease) -> Result<(), RevokeError>;

    /// Revokes every lease of this worker's pool whose handle is not in `live`: what dead
    /// processes left behind. Returns the handles it revoked.
    ///
    /// # Errors
    /// [`RevokeError`] of the first that could not be revoked; all others were tried.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    async fn sweep(&self, live: &BTreeSet<String>) -> Result<Vec<String>, RevokeError>;
}

/// Why there is no lease. Nothing may run then. No variant holds secret text.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The catalog has no credential of this class for the target.
    #[error("no `{class}` credential is configured for `{target}`", class = class.as_str())]
    NotConfigured {
        /// Catalog name of the target.
        target: String,
        /// What it would have to be able to do.
        class: CredentialClass,
    },
    /// The command names no target, and its tool needs a credential.
    #[error("the command names no target, and `{tool}` needs a credential")]
    NoTarget {
        /// Which tool.
        tool: String,
    },
    /// The reference leads nowhere: no such file or variable.
    #[error("`{0}` is missing")]
    Missing(Reference),
    /// The file cannot be read.
    #[error("`{reference}` cannot be read")]
    Unreadable {
        /// Where it should be.
        reference: Reference,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is one that others could read, replace or point elsewhere.
    #[error("`{reference}` is not private: {why}")]
    Exposed {
        /// Where it is.
        reference: Reference,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What the reference leads to is not a credential.
    #[error("`{reference}` is not a credential: {why}")]
    Malformed {
        /// Where it is.
        reference: Reference,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl IssueError {
    /// The answer to the person. Where credentials lie is not their business and not in it.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let sentence = match self {
            Self::NotConfigured { target, class } => {
                format!("there is no `{}` credential for `{}`", class.as_str(), shown(target))
            }
            Self::NoTarget { tool } => {
                format!("the command names no target, and `{}` needs a credential", shown(tool))
            }
            Self::Missing(_) | Self::Unreadable { .. } | Self::Exposed { .. } | Self::Malformed { .. } => {
                "the credential for this command could not be had".to_owned()
            }
        };
        Refusal::new(
            Code::CredentialUnavailable,
            sentence,
            "Nothing was started. Ask the owners of the target; the worker's log says what is missing.",
        )
    }
}

/// Why a lease may still live.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The issuer could not be reached, or refused.
    #[error("lease `{handle}` could not be revoked")]
    Unavailable {
        /// Which lease.
        handle: String,
        /// What the issuer said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
