//! `countersign policy schema`: JSON Schemas for editors.

use countersign_policy::schema::{File, schema};
use std::process::ExitCode;

/// What `countersign policy schema` was asked for.
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Of which file.
    #[arg(value_name = "FILE", value_parser = ["rbac", "catalog", "cases"])]
    pub file: String,
}

impl Schema {
    /// Prints it.
    ///
    /// # Errors
    /// When the file has no schema.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let file = File::ALL.into_iter().find(|file| file.name() == self.file);
        let file = file.ok_or_else(|| anyhow::anyhow!("`{}` has no schema", self.file))?;
        print!("{}", schema(file));
        Ok(ExitCode::SUCCESS)
    }
}
