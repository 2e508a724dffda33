//! What the forge makes of GitHub, held against a stand-in that was written from GitHub's documentation.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod answers;
mod checks;
mod commits;
mod review;
mod runs;
mod world;
