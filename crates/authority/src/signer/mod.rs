//! Who holds a root key and signs with it: a file, Vault, a key management service.
//!
//! **Invariant:** an error names what failed and holds nothing that was sent or answered: no token,
//! no key, no body.

mod file;
mod kms;
mod vault;

pub use file::FileRoot;
pub use kms::{KmsCredentials, KmsRoot, KmsSettings};
pub use vault::{VaultLogin, VaultRoot, VaultSettings};

use async_trait::async_trait;
use countersign_audit::keys::KeyError;
use ed25519_dalek::VerifyingKey;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// For one question to a holder, all of it.
const DEADLINE: Duration = Duration::from_secs(15);

/// Holds a root key. What it answers is believed only by [`Root`](crate::root::Root), which
/// verifies each signature before it is used.
#[async_trait]
pub trait RootSigner: Send + Sync + fmt::Debug {
    /// The public half.
    ///
    /// # Errors
    /// [`SignError`].
    async fn public_key(&self) -> Result<VerifyingKey, SignError>;

    /// Signs this message, at most 4096 bytes, with ed25519 (RFC 8032, not prehashed).
    ///
    /// # Errors
    /// [`SignError`].
    ///
    /// # Cancel safety
    /// A signature nobody waits for changes nothing.
    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// Why there is no signature of the root key.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The file of the key.
    #[error("the root key is not in its file; if another place holds it, say which with --root")]
    File(#[source] KeyError),
    /// A setting that cannot be meant so.
    #[error("{0}")]
    Setting(String),
    /// Nobody answers there.
    #[error("{holder} cannot be reached: {why}")]
    Unreachable {
        /// Who was asked.
        holder: String,
        /// What the network or TLS said.
        why: String,
    },
    /// The token, role or access key is not taken.
    #[error("{holder} does not accept the login: it is wrong, expired or revoked")]
    Login {
        /// Who was asked.
        holder: String,
    },
    /// Policy does not let this login do this with the key.
    #[error("{holder} does not let this login {what} the key `{key}`; its policy decides that")]
    Denied {
        /// Who was asked.
        holder: String,
        /// `read`, `sign with`.
        what: &'static str,
        /// Name of the key there.
        key: String,
    },
    /// Vault is sealed.
    #[error("{holder} is sealed; unseal it and try again")]
    Sealed {
        /// Who was asked.
        holder: String,
    },
    /// No such key there.
    #[error("{holder} has no key `{key}`")]
    NoSuchKey {
        /// Who was asked.
        holder: String,
        /// Name of the key there.
        key: String,
    },
    /// It is no ed25519 key that signs.
    #[error("the key `{key}` of {holder} is no ed25519 signing key; make one of type {needed}")]
    WrongKind {
        /// Who was asked.
        holder: String,
        /// Name of the key there.
        key: String,
        /// What the holder calls the type that is needed.
        needed: &'static str,
    },
    /// It is disabled, or about to be deleted.
    #[error("the key `{key}` of {holder} is disabled or waits for its deletion")]
    Disabled {
        /// Who was asked.
        holder: String,
        /// Name of the key there.
        key: String,
    },
    /// Any other no.
    #[error("{holder} refused: {code}")]
    Refused {
        /// Who was asked.
        holder: String,
        /// Status or code, without the text that came with it.
        code: String,
    },
    /// What came back is not what the protocol says.
    #[error("the answer of {holder} cannot be read")]
    Unreadable {
        /// Who was asked.
        holder: String,
    },
    /// The signature does not verify.
    #[error("the signature that came back does not fit the root's public key; it was not used")]
    WrongSignature,
    /// The holder has another key than the installation's.
    #[error("the key there is not the one in `{0}`: it was rotated there, or --root names another one")]
    AnotherRoot(String),
}

/// What the operating system or TLS says about a connection that failed; nothing of a body can be in it.
fn network_cause(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            found = Some(io.to_string());
        }
        next = error.source();
    }
    found.unwrap_or_else(|| "no answer in time".to_owned())
}

/// `https://host[:port]`, or `http://` on this machine.
fn endpoint(text: &str) -> Result<reqwest::Url, SignError> {
    let no = || SignError::Setting("an address is `https://host[:port]`, or `http://` on this machine".to_owned());
    let url = reqwest::Url::parse(text).map_err(|_| no())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.path() == "/";
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" if plain && !host.is_empty() => Ok(url),
        "http" if plain && here => Ok(url),
        _ => Err(no()),
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in ["https://vault.example:8200", "http://127.0.0.1:8200/", "http://localhost:1", "http://[::1]:8200"]
        {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        let bad =
            ["http://vault.example", "http://127.0.0.1.example", "https://u:p@v", "https://v/p", "ftp://v", "", "v:1"];
        for bad in bad {
            let refused = endpoint(bad).unwrap_err().to_string();
            assert!(!refused.contains("u:p"), "{refused}");
        }
    }
}
