//! The trust kernel of Countersign: what a decision is, and the evidence that it was taken.
//!
//! **Invariant:** pure values in, pure values out. No I/O, no async, no clock, no randomness.
//! Evidence types have private fields, one constructor, and neither `Clone` nor `Deserialize`:
//! whoever holds a [`Warrant`](warrant::Warrant) went through every step before it.

pub mod action;
pub mod advice;
pub mod ballot;
pub mod budget;
pub mod canonical;
pub mod certificate;
pub mod channel;
pub mod command;
pub mod control;
pub mod decision;
pub mod digest;
pub mod effect;
pub mod id;
pub mod input;
pub mod invocation;
pub mod job;
pub mod ongoing;
pub mod outcome;
pub mod policy;
pub mod principal;
pub mod quorum;
pub mod refusal;
pub mod revocation;
pub mod seal;
pub mod subject;
mod tally;
pub mod tier;
pub mod time;
pub mod warrant;
