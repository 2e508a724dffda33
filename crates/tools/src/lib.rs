//! What runs in the jail that is not somebody else's binary: the filters after `|`, and the drivers of commands that
//! are ours.
//!
//! **Invariant:** filters are pure but for their standard streams: no file, no network, no environment, no clock, no
//! program. Drivers read one file and speak to one target. Both belong to the side that runs; what decides never links
//! them.

pub mod driver;
pub mod filters;
mod program;

pub use program::{MARKER, enter_if_asked};
