//! Claims, verifies, records, runs.
