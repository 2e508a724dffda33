//! Foreign text on its way into a page.
//!
//! **Invariant:** a [`Shown`] is one line without control, bidi or invisible characters. Templates
//! take foreign text in no other form, and escape it for HTML.

use countersign_chat::words;
use std::fmt;

/// Harmless text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shown(String);

impl Shown {
    pub(crate) fn of(text: impl AsRef<str>) -> Self {
        Self(words::line(text.as_ref()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first characters, for lists where the whole is one step away.
    pub(crate) fn start(text: &str, characters: usize) -> Self {
        let line = words::line(text);
        match line.char_indices().nth(characters) {
            Some((at, _)) => Self(format!("{}…", line.get(..at).unwrap_or_default())),
            None => Self(line),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
