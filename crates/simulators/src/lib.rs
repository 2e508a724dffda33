//! Stand-ins on loopback.
