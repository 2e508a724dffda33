//! The audit log through its public boundary: contract of the stores, beginning, writing, tampering.

mod beginning;
mod contract;
mod fate;
mod reading;
mod tampering;
mod world;
mod writing;
