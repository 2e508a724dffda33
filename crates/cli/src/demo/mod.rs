//! `countersign demo`: everything on this machine, with simulated clusters and the real kubectl.

pub mod audit_page;
pub mod own_cluster;
pub mod serve;
pub mod tour;
pub mod world;
