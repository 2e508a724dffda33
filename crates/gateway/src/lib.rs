//! Receives, decides, collects approvals.
