//! The Kubernetes stand-in, spoken to by the real kubectl.
//!
//! `COUNTERSIGN_KUBECTL` names the binary; without it the ones that packages install are tried, and having none of them
//! fails the tests. Run the suite again with the variable at an old binary to see that that one works too.

mod applying;
mod asking;
mod changing;
mod nodes;
mod reading;
mod refusals;
mod rollouts;
mod streams;
mod tokens;
mod world;
