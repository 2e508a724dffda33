//! What the store said when it did not do what was asked.
//!
//! **Invariant:** a refusal names the permission it was about, so that whoever reads it knows what
//! to allow.

use crate::sink::{PutError, ReadError};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::io;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It answered, with an error.
    #[error("the store answers `{code}` ({status}) where `{permission}` is needed{}", said(.message))]
    Refused {
        /// The permission (IAM action) that the request needs.
        permission: &'static str,
        /// HTTP status; 0 when it is not known.
        status: u16,
        /// S3's error code; empty where an answer has none.
        code: String,
        /// What it said, shortened.
        message: String,
    },
    /// It did not answer, or not as S3 does.
    #[error("the store gives no answer to `{permission}`")]
    Silent {
        /// The permission (IAM action) that the request needs.
        permission: &'static str,
        /// Whether the connection broke, as one does that was left open for a while, and not the
        /// patience of whoever waited.
        broke: bool,
        /// How it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It answered without telling the time, so that nothing is known about its clock.
    #[error("the store's answer to `{permission}` has no date")]
    Undated {
        /// The permission (IAM action) that the request needs.
        permission: &'static str,
    },
}

/// Whether nobody took the connection, so that nothing was sent.
fn is_turned_away(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    std::iter::from_fn(|| {
        let this = next?;
        next = this.source();
        Some(this)
    })
    .filter_map(|one| one.downcast_ref::<io::Error>())
    .any(|one| one.kind() == io::ErrorKind::ConnectionRefused)
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl Trouble {
    /// Reads the client's error.
    pub(super) fn of<E>(permission: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let broke = match &error {
            SdkError::ServiceError(answer) => {
                return Self::Refused {
                    permission,
                    status: answer.raw().status().as_u16(),
                    code: answer.err().code().unwrap_or_default().to_owned(),
                    message: answer.err().message().unwrap_or_default().chars().take(200).collect(),
                };
            }
            SdkError::DispatchFailure(failure) => (failure.is_io() || failure.is_other()) && !is_turned_away(&error),
            SdkError::ResponseError(_) => true,
            // A kind the client learns later is no answer either.
            _ => false,
        };
        Self::Silent { permission, broke, source: Box::new(error) }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Refused { status, .. } => *status,
            Self::Silent { .. } | Self::Undated { .. } => 0,
        }
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&code.as_str()))
    }

    /// Whether the caller is known to the store and may not do this.
    pub(super) fn is_forbidden(&self) -> bool {
        // Answers to HEAD have no code. An unknown key or a wrong signature says nothing about what
        // the right one might do.
        matches!(self.status(), 403 | 405)
            && self.has_code(&["", "AccessDenied", "Forbidden", "MethodNotAllowed", "ObjectLocked"])
    }

    /// Whether the connection broke on the way, so that the answer may only have been lost.
    pub(super) const fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Silent { broke: true, .. })
    }

    /// Whether what was asked for does not exist.
    pub(super) fn is_absent(&self) -> bool {
        self.status() == 404 && !self.is_no_bucket()
    }

    pub(super) fn is_no_bucket(&self) -> bool {
        self.has_code(&["NoSuchBucket"])
    }

    /// Whether a setting is absent because the store or the bucket does not have such a thing.
    pub(super) fn is_not_offered(&self) -> bool {
        self.status() == 404 || self.status() == 501 || self.has_code(&["InvalidRequest", "MethodNotAllowed"])
    }

    pub(super) fn into_put_error(self) -> PutError {
        match self.status() {
            412 => PutError::Exists,
            _ if self.is_no_bucket() => PutError::Missing(io::Error::new(io::ErrorKind::NotFound, self)),
            507 => PutError::Full(io::Error::new(io::ErrorKind::StorageFull, self)),
            _ if self.has_code(&["QuotaExceeded"]) => {
                PutError::Full(io::Error::new(io::ErrorKind::QuotaExceeded, self))
            }
            // The own clock is wrong: it may be put right while this process runs.
            403 if !self.has_code(&["RequestTimeTooSkewed"]) => {
                PutError::ReadOnly(io::Error::new(io::ErrorKind::PermissionDenied, self))
            }
            _ => PutError::Unavailable(Box::new(self)),
        }
    }
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(Box::new(trouble))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Trouble {
        Trouble::Refused { permission: "s3:PutObject", status, code: code.into(), message: String::new() }
    }

    #[test]
    fn only_a_taken_name_is_taken() {
        assert!(matches!(refused(412, "PreconditionFailed").into_put_error(), PutError::Exists));
        // Another writer is at it: who wins is not known yet.
        for (status, code) in [(409, "ConditionalRequestConflict"), (500, "InternalError"), (503, "SlowDown")] {
            assert!(matches!(refused(status, code).into_put_error(), PutError::Unavailable(_)), "{code}");
        }
        assert!(matches!(refused(403, "AccessDenied").into_put_error(), PutError::ReadOnly(_)));
        assert!(matches!(refused(403, "RequestTimeTooSkewed").into_put_error(), PutError::Unavailable(_)));
        assert!(matches!(refused(404, "NoSuchBucket").into_put_error(), PutError::Missing(_)));
        assert!(matches!(refused(403, "QuotaExceeded").into_put_error(), PutError::Full(_)));
    }

    #[test]
    fn a_key_the_store_does_not_know_proves_nothing() {
        assert!(refused(403, "AccessDenied").is_forbidden());
        for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "RequestTimeTooSkewed"] {
            assert!(!refused(403, code).is_forbidden(), "{code}");
        }
    }

    #[test]
    fn a_refusal_reads_as_what_to_allow() {
        let text = refused(403, "AccessDenied").to_string();
        assert_eq!(text, "the store answers `AccessDenied` (403) where `s3:PutObject` is needed");
    }
}
