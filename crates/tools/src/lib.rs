//! What runs in the jail that is not somebody else's binary: the filters after `|`.
//!
//! **Invariant:** pure but for its standard streams: no file, no network, no environment, no clock,
//! no program. It belongs to the side that runs; what decides never links it.

pub mod filters;
mod program;

pub use program::{MARKER, enter_if_asked};
