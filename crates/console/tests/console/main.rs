//! The console through its own front door: real requests, a gateway that holds state.

mod browser;
mod clicks;
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]
mod guards;
mod hostile;
mod world;
