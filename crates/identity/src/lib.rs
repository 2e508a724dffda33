//! Chat account to principal.
