//! Reading the log back: searching, telling, exporting, its published form.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod documented;
mod exported;
mod golden;
mod sample;
mod schema;
mod searched;
mod told;
#[path = "../audit/world.rs"]
#[expect(dead_code, reason = "these tests need a part of that world")]
mod world;
