//! Finds and removes secrets: known ones in a stream, unknown ones in typed text.
//!
//! **Invariant:** pure. Bytes go in and come out; what a redactor gives back depends on the bytes
//! alone, never on how they were cut into chunks. It is the last net, never a reason to allow.

mod encode;
mod patterns;
mod stream;
mod typed;
mod wrap;

pub use patterns::{NotASecret, Patterns, SHORTEST};
pub use stream::{Counts, Redactor};
pub use typed::{Found, TokenKind, refuse_secrets};
