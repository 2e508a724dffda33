//! Names of things that must not be mixed up.

use crate::digest::Digest;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// Identity of one request: a UUID version 8 (RFC 9562 §5.8).
///
/// The first 48 bits are the signed request time in milliseconds, the rest a hash of where
/// the request came from, so that the same delivery twice meets the same fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InvocationId(uuid::Uuid);

/// Why a text is not an invocation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an invocation id (a UUID version 8)")]
pub struct NotAnInvocation(String);

/// Where a request came from; the fields name it uniquely.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Name of the installation.
    pub deployment: &'a str,
    /// `slack`, `console`, `cli`.
    pub front: &'a str,
    /// Workspace or tenant within the front.
    pub team: &'a str,
    /// Slack's `trigger_id`, or the nonce of a form.
    pub trigger: &'a str,
}

impl InvocationId {
    /// The id of the request that was signed at `at` and came from `origin`.
    #[must_use]
    pub fn derive(origin: Origin<'_>, at: Timestamp) -> Self {
        let mut hash = Sha256::new();
        for part in [origin.deployment, origin.front, origin.team, origin.trigger] {
            // Lengths are hashed too, so that no two origins run together.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let tail: [u8; 32] = hash.finalize().into();
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&tail[..10]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The last eight hex digits: what people say to each other. Never for a check.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.0.simple().to_string();
        text.get(24..).unwrap_or(&text).to_owned()
    }
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for InvocationId {
    type Err = NotAnInvocation;

    fn from_str(text: &str) -> Result<Self, NotAnInvocation> {
        let no = || NotAnInvocation(text.chars().take(80).collect());
        let id = uuid::Uuid::parse_str(text).map_err(|_| no())?;
        // One spelling only, so that an id can be part of a file name and of a key.
        if id.get_version_num() == 8 && id.to_string() == text { Ok(Self(id)) } else { Err(no()) }
    }
}

impl TryFrom<String> for InvocationId {
    type Error = NotAnInvocation;

    fn try_from(text: String) -> Result<Self, NotAnInvocation> {
        text.parse()
    }
}

impl From<InvocationId> for String {
    fn from(id: InvocationId) -> Self {
        id.to_string()
    }
}

/// 128 random bits minted in memory for one attempt to start; never read from queue or disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(String);

impl Attempt {
    /// From 16 random bytes of the caller's generator.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(crate::digest::hex(&bytes))
    }

    /// 32 lower-case hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names a signing key: the first 16 bytes of the SHA-256 of its public half, in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// The name of this ed25519 public key.
    #[must_use]
    pub fn of(public: &[u8; 32]) -> Self {
        Self(crate::digest::hex(&Digest::of(public).as_bytes()[..16]))
    }

    /// 32 lower-case hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(trigger: &str) -> Origin<'_> {
        Origin { deployment: "demo", front: "console", team: "t", trigger }
    }

    #[test]
    fn the_same_delivery_has_the_same_id_and_another_has_not() {
        let at = Timestamp::from_millis(1_795_222_800_004);
        let id = InvocationId::derive(origin("a"), at);
        assert_eq!(id, InvocationId::derive(origin("a"), at));
        assert_ne!(id, InvocationId::derive(origin("b"), at));
        assert_eq!(id.to_string().parse::<InvocationId>().unwrap(), id);
    }

    #[test]
    fn another_spelling_is_not_an_id() {
        let id = InvocationId::derive(origin("a"), Timestamp::from_millis(0)).to_string();
        assert!(id.to_uppercase().parse::<InvocationId>().is_err() || id.to_uppercase() == id);
        assert!(format!("{{{id}}}").parse::<InvocationId>().is_err());
        assert!("00000000-0000-4000-8000-000000000000".parse::<InvocationId>().is_err());
    }
}
