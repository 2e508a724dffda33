//! `countersign policy diff`: what other files would change, for whom.
//!
//! **Invariant:** compares decisions, not texts; nothing is put in force.

use crate::check::source;
use anyhow::Context as _;
use countersign_policy::compare::compare;
use countersign_policy::{Overrides, Policy, Sources};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `countersign policy diff` was asked for.
///
/// A verb in an answer stands for all verbs of its tool and tier that no rule names.
/// Ends with 0 when nobody could tell the two apart, with 1 when somebody could, with 3 when it cannot be said.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The files in force: a folder with `rbac.yaml` and `catalog.yaml`, or an rbac.yaml.
    #[arg(value_name = "OLD", required_unless_present = "old_rbac")]
    pub old: Option<PathBuf>,
    /// The files that would take their place.
    #[arg(value_name = "NEW", required_unless_present = "new_rbac")]
    pub new: Option<PathBuf>,
    /// The rbac.yaml in force.
    #[arg(long, value_name = "FILE", conflicts_with = "old")]
    pub old_rbac: Option<PathBuf>,
    /// The catalog.yaml in force, where no folder has one.
    #[arg(long, value_name = "FILE", default_value = "catalog.yaml")]
    pub old_catalog: PathBuf,
    /// The rbac.yaml that would take its place.
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    pub new_rbac: Option<PathBuf>,
    /// The catalog.yaml that would take its place; the one in force when it is left away.
    #[arg(long, value_name = "FILE")]
    pub new_catalog: Option<PathBuf>,
    /// Answers with JSON.
    #[arg(long)]
    pub json: bool,
}

impl Diff {
    /// Compares.
    ///
    /// # Errors
    /// When a file cannot be read or has mistakes.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let old_catalog = Some(self.old_catalog.as_path());
        let new_catalog = self.new_catalog.as_deref().or(old_catalog);
        let old = policy(self.old.as_deref(), self.old_rbac.as_deref(), old_catalog)?;
        let new = policy(self.new.as_deref(), self.new_rbac.as_deref(), new_catalog)?;
        let found = compare(&old, &new);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
        } else {
            println!("{found}");
        }
        Ok(ExitCode::from(u8::from(!found.is_empty())))
    }
}

/// A folder's two files, or the files one by one.
fn policy(place: Option<&Path>, rbac: Option<&Path>, catalog: Option<&Path>) -> anyhow::Result<Policy> {
    let rbac = rbac.or(place).context("no rbac.yaml is named")?;
    let (rbac, own) = if rbac.is_dir() {
        (rbac.join("rbac.yaml"), Some(rbac.join("catalog.yaml")).filter(|path| path.is_file()))
    } else {
        (rbac.to_owned(), None)
    };
    let catalog = own.as_deref().or(catalog).context("no catalog.yaml is named")?;
    let sources = Sources { rbac: source(&rbac)?, catalog: source(catalog)? };
    Ok(Policy::load(sources, &Overrides::default())?)
}
