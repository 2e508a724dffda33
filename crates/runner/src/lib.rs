//! Runs a recorded warrant.
