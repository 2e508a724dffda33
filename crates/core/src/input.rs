//! Text that a command gets on standard input: a manifest.
//!
//! **Invariant:** at most [`Input::MOST_BYTES`], no NUL, and the digest is of exactly this text. The
//! decision names the digest; the text travels beside it and is compared with it wherever it
//! arrives.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A command's standard input and its digest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Input {
    text: String,
    digest: Digest,
}

/// Why a text cannot be a command's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// More than [`Input::MOST_BYTES`].
    #[error("it has {0} bytes, and {most} are the most", most = Input::MOST_BYTES)]
    TooLong(usize),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// A text has no NUL.
    #[error("it holds a NUL byte")]
    Nul,
}

impl Input {
    /// The longest input, in bytes: 256 KiB.
    pub const MOST_BYTES: usize = 256 * 1024;

    /// Checks the invariant and takes the digest.
    ///
    /// # Errors
    /// When the text is empty, too long or holds NUL.
    pub fn new(text: String) -> Result<Self, InputError> {
        match text.len() {
            0 => Err(InputError::Empty),
            length if length > Self::MOST_BYTES => Err(InputError::TooLong(length)),
            _ if text.contains('\0') => Err(InputError::Nul),
            _ => Ok(Self { digest: Digest::of(text.as_bytes()), text }),
        }
    }

    /// The exact text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the exact text.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// Whether a text that arrived is the one the decision names; none where it names none.
pub(crate) fn is_of(input: Option<&Input>, decided: Option<Digest>) -> bool {
    input.map(Input::digest) == decided
}

impl TryFrom<String> for Input {
    type Error = InputError;

    fn try_from(text: String) -> Result<Self, InputError> {
        Self::new(text)
    }
}

impl From<Input> for String {
    fn from(input: Input) -> Self {
        input.text
    }
}

/// Its digest alone: logs never hold a manifest.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({})", self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_some_text_of_bounded_length() {
        assert_eq!(Input::new(String::new()), Err(InputError::Empty));
        assert_eq!(Input::new("a\0b".into()), Err(InputError::Nul));
        assert!(Input::new("a".repeat(Input::MOST_BYTES)).is_ok());
        let long = "a".repeat(Input::MOST_BYTES + 1);
        assert_eq!(Input::new(long.clone()), Err(InputError::TooLong(Input::MOST_BYTES + 1)));
        assert!(serde_json::from_str::<Input>(&serde_json::to_string(&long).unwrap()).is_err());
    }

    #[test]
    fn it_does_not_print_itself() {
        assert!(!format!("{:?}", Input::new("password".into()).unwrap()).contains("password"));
    }
}
