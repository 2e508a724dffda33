//! Finding records: filters, and the walk through the segments.
//!
//! **Invariant:** a line that is skipped unparsed could not have matched; memory holds a few
//! segments, what was found, and the ids of requests that are meant, never the log.

mod filter;
mod part;
mod scan;

pub use filter::Filter;
pub use part::{NotAnId, PartialId};
pub use scan::{Found, Hit, Scanned, newest, scan};
