//! One package for everything that tests more than one crate.
//!
//! `house` keeps the workspace in order: layering, licences, names. `scenarios` read like a
//! thread. `attacks` are named after the properties they hold.
