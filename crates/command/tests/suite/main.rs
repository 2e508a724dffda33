//! The crate from outside: what typed lines become.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its texts so")]

mod aws;
mod common;
mod custom;
mod deploy;
mod filters;
mod gcloud;
mod kubectl;
mod manifest;
mod props;
mod sentences;
mod silence;
mod tf;
mod typed;
