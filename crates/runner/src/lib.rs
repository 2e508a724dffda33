//! Runs a recorded warrant in the jail: limits, egress proxy, redacted streaming.
//!
//! **Invariant:** what runs is the warrant's exact argv behind the absolute path of a program whose digest is known;
//! every byte that leaves here went through the redactor; nothing of a job is left when it has ended.

mod egress;
mod files;
mod folder;
mod hosts;
pub mod image;
pub mod kubernetes;
mod local;
mod material;
pub mod plans;
pub mod pod;
mod port;
mod problem;
pub mod program;
pub mod recipe;
pub mod service;
pub mod stack;
pub mod target;

pub use egress::OwnServices;
pub use files::FilesError;
pub use folder::FolderError;
pub use local::{Known, LocalJail, OpenError, Settings, Untrusted};
pub use port::{Exit, Narrower, Output, Ran, RunFault, Runner, StepOutput};
pub use problem::{Problem, Problems};
