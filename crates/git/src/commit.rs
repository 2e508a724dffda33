//! The whole id of a commit.
//!
//! **Invariant:** 40 lower-case hexadecimal digits: it cannot be an option, a name that moves, or a short form that can
//! come to mean another commit.

use std::fmt;
use std::str::FromStr;

/// A commit, by all digits of its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit(String);

/// What is not the whole id of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a commit is named by all 40 digits of its id, in lower case")]
pub struct NotACommit;

/// Digits of an id (SHA-1, which the servers of catalogued repositories use).
const DIGITS: usize = 40;

impl Commit {
    /// All digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Commit {
    type Err = NotACommit;

    fn from_str(text: &str) -> Result<Self, NotACommit> {
        let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        let is_one = text.len() == DIGITS && text.bytes().all(is_digit);
        if is_one { Ok(Self(text.to_owned())) } else { Err(NotACommit) }
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_all_of_its_digits() {
        let whole = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(whole.parse::<Commit>().unwrap().to_string(), whole);
        let upper = whole.to_uppercase();
        for other in ["", "main", "HEAD", "--upload-pack=x", &whole[..39], &upper, &format!("{whole}0")] {
            assert_eq!(other.parse::<Commit>(), Err(NotACommit), "{other}");
        }
    }
}
