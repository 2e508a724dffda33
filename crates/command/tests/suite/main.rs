//! The crate from outside: what typed lines become.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its texts so")]

mod common;
mod custom;
mod kubectl;
mod props;
