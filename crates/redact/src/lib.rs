//! Finds and removes secrets in a stream, known and unknown ones, and finds them in typed text.
//!
//! **Invariant:** pure. Bytes go in and come out; what a redactor gives back depends on the bytes
//! alone, never on how they were cut into chunks. It is the last net, never a reason to allow.

mod detect;
mod encode;
mod known;
mod patterns;
mod stream;
mod typed;
mod unescape;
mod wrap;

pub use patterns::{NotASecret, Patterns, SHORTEST};
pub use stream::{Counts, Redactor};
pub use typed::{Found, TokenKind, refuse_secrets};
