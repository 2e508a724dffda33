//! Secrets out of a stream.
