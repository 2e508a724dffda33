//! Sealed jobs between processes.
