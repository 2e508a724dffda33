//! Chat account to principal, and what the directory says of people.
//!
//! **Invariant:** whoever is not found is nobody; a directory that cannot be read knows nobody.
//! Absence is never permission.

pub mod file;
pub mod port;

pub use file::{Problem, Problems, StaticDirectory};
pub use port::Directory;
