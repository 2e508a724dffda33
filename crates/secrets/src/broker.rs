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

    /// Revokes every lease of commands of this pool whose handle is not in `live`: what dead
    /// processes left behind. Returns the handles it revoked. What is younger than two minutes is
    /// left: its command may have begun after the living were counted.
    ///
    /// # Errors
    /// [`RevokeError`] of the first that could not be revoked; all others were tried.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    async fn sweep(&self, pool: &str, live: &BTreeSet<String>) -> Result<Vec<String>, RevokeError>;
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
    /// The issuer gave nothing.
    #[error("{issuer} issued nothing ({doing})")]
    NotIssued {
        /// Which issuer.
        issuer: &'static str,
        /// What it was asked for.
        doing: &'static str,
        /// What went wrong.
        #[source]
        fault: IssuerFault,
    },
    /// The worker is not set up for this issuer.
    #[error("this worker's countersign.yaml says nothing about {what}")]
    NoIssuer {
        /// What is missing there.
        what: String,
    },
    /// What was issued is not what the target takes.
    #[error("a {got} is no credential for {kind}")]
    Unfit {
        /// What the target is.
        kind: &'static str,
        /// What there is.
        got: &'static str,
    },
}

/// What went wrong at an issuer. Its own words stay behind: they may hold what it was sent, or
/// what it was about to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssuerFault {
    /// No connection, or none whose other end is believed.
    #[error("it cannot be reached")]
    Unreachable,
    /// It took the request and gave no answer in time.
    #[error("it did not answer in time")]
    Silent,
    /// It is sealed, or in maintenance (503).
    #[error("it is sealed or out of service")]
    OutOfService,
    /// It does not believe who asks (401, or a login that is refused).
    #[error("it does not accept this worker's own credential")]
    Login,
    /// It believes who asks, and they may not (403).
    #[error("it does not allow this worker to do that")]
    Denied,
    /// There is no such role, account or secret (404).
    #[error("it does not have what the catalog names")]
    Unknown,
    /// Another no.
    #[error("it refused with HTTP {0}")]
    Refused(u16),
    /// It broke.
    #[error("it failed with HTTP {0}")]
    Failed(u16),
    /// The answer is too long or of another form.
    #[error("its answer is not understood")]
    Unreadable,
    /// Address or authority cannot be used.
    #[error("its address or authority in the settings cannot be used")]
    Settings,
    /// It would end before the command may.
    #[error("what it issues ends before the command may")]
    TooShort,
}

impl IssuerFault {
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Login,
            403 => Self::Denied,
            404 => Self::Unknown,
            503 => Self::OutOfService,
            500..=599 => Self::Failed(status),
            _ => Self::Refused(status),
        }
    }

    /// By the kind of the error alone: its text is never read.
    pub(crate) fn of_network(error: &reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() { Self::Silent } else { Self::Unreachable }
    }
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
            Self::NotIssued { issuer, fault, .. } => {
                format!("the credential for this command could not be had from {issuer}: {fault}")
            }
            Self::Missing(_)
            | Self::Unreadable { .. }
            | Self::Exposed { .. }
            | Self::Malformed { .. }
            | Self::NoIssuer { .. }
            | Self::Unfit { .. } => "the credential for this command could not be had".to_owned(),
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
