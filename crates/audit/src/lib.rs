//! The audit log: what was asked, decided and run, written so that a later change shows.
//!
//! **Invariant:** nothing runs before its fate and its intent are durable, and
//! [`OnRecord`](on_record::OnRecord) is the only evidence of that.

pub mod anchor;
pub mod begin;
mod budget;
pub mod clock;
pub mod control;
pub mod directory;
pub mod event;
pub mod export;
pub mod fate;
pub mod head;
pub mod keys;
pub mod layout;
pub mod log;
pub mod on_record;
pub mod record;
pub mod s3;
pub mod schema;
pub mod search;
pub mod sink;
pub mod story;
pub mod testing;
pub mod verify;
pub mod writer;
