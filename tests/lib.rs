//! One package for everything that tests more than one crate.
