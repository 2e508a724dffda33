//! Every issuer against its stand-in: what is minted, when it ends, who takes it back, what is told.

mod aws;
mod clusters;
mod google;
mod telling;
mod vault;
mod world;
