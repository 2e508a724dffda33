//! The bot's token.
//!
//! **Invariant:** it is not printed, and whoever holds a copy sees its successor.

use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The bot's token; may be changed while the process runs, for another of the same installation.
#[derive(Clone)]
pub struct Token(Arc<RwLock<SecretString>>);

impl Token {
    /// A token, `xoxb-…`.
    #[must_use]
    pub fn new(token: SecretString) -> Self {
        Self(Arc::new(RwLock::new(token)))
    }

    /// Puts another in its place. Calls under way end with the old one.
    pub fn replace(&self, token: SecretString) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    pub(super) fn bearer(&self) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).expose_secret().to_owned()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}
