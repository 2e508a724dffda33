//! What somebody who writes policy asks the two files.

pub mod asked;
pub mod batch;
pub mod diff;
pub mod document;
pub mod explain;
mod replay;
pub mod schema;
pub mod shadow;
pub mod test;
pub mod who;

use std::process::ExitCode;

/// Questions about the files as a whole.
#[derive(Debug, clap::Subcommand)]
pub enum Policy {
    /// Says what other files would change, for whom.
    Diff(diff::Diff),
    /// Replays what was typed under another rbac.yaml and says what would have come of it.
    Shadow(Box<shadow::Shadow>),
    /// Prints the JSON Schema of a file, for editors.
    Schema(schema::Schema),
}

impl Policy {
    /// Answers.
    ///
    /// # Errors
    /// With a text for the person who asked.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Diff(diff) => diff.run(),
            Self::Shadow(shadow) => Box::pin(shadow.run()).await,
            Self::Schema(schema) => schema.run(),
        }
    }
}
