//! `countersign audit`, as people run it: the program itself, its answers and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod installation;
mod reading;
mod verifying;
