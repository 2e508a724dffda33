//! git, as every process of Countersign runs it.
//!
//! [`Program`] runs git for somebody who knows what they do; [`Repository`] is one that is only read: a branch's head,
//! a commit by its whole id, a file of it, a folder of it.
//!
//! **Invariant:** git is started in one place ([`environment`]), without a shell, with an environment of our own, and
//! with every setting off that could start another program; when a call is over, or given up, nothing of it runs any
//! more. **Deliberately absent:** work trees. Nothing is ever checked out, so that no filter, hook, submodule or
//! attribute of a repository means anything.

mod about;
mod commit;
mod environment;
mod export;
mod fetched;
mod program;
mod repository;
mod running;
mod settings;

pub use about::About;
pub use commit::{Commit, NotACommit};
pub use export::ExportError;
pub use fetched::{Fetched, FileError};
pub use program::Program;
pub use repository::{FetchError, Limits, Repository};
pub use running::{Answer, CallError, Running};
