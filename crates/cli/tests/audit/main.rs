//! `countersign audit`, as people run it: the program itself, its answers and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod buckets;
mod installation;
mod reading;
mod stopping;
// Its clients are aws_sdk_s3 over aws_smithy_http_client.
#[path = "../../../audit/tests/servers/mod.rs"]
mod servers;
mod verifying;
