//! `countersign audit`: what an outsider can check, with the store and the public root key.
//!
//! **Invariant:** what a record says is printed only after the reading is on record, or was asked
//! for without; nothing printed can change how a terminal reads what stands around it.

mod export;
mod filters;
pub(crate) mod log;
pub(crate) mod reader;
mod report;
mod search;
mod show;
mod verify;

pub use log::Log;
pub use verify::verify;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// What `countersign audit` was asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Audit {
    /// Says whether the log is what was written (integrity) and whether all of it is there
    /// (completeness). Ends with 0 when it is, 1 when something is missing, 2 when something was
    /// changed, 3 when it cannot be read or was asked wrongly.
    Verify(verify::Verify),
    /// Finds records: who did what, where, and how it ended. Ends with 0 when some were found, 1
    /// when none were. The reading is itself a record.
    Search(search::Search),
    /// Tells one request's whole story: who asked, what was decided and shown, who agreed, what ran,
    /// what came out. The reading is itself a record.
    Show(show::Show),
    /// Writes records for other programs: the exact lines, or a table. The reading is itself a record.
    Export(export::Export),
    /// Prints the JSON Schema of records, or of the verification's report.
    Schema(Schema),
}

/// What `countersign audit schema` was asked for.
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// The schema of `verify --json` instead.
    #[arg(long)]
    report: bool,
}

impl Audit {
    /// Does what was asked.
    ///
    /// # Errors
    /// When the log cannot be read, or the reading cannot be recorded.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify(verify) => verify.run().await,
            Self::Search(search) => search.run().await,
            Self::Show(show) => show.run().await,
            Self::Export(export) => export.run().await,
            Self::Schema(Schema { report }) => {
                let schema =
                    if report { countersign_audit::schema::report() } else { countersign_audit::schema::record() };
                print(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Opens a folder that is there; a verifier makes none.
pub(crate) fn open(path: &Path) -> anyhow::Result<countersign_audit::directory::Directory> {
    crate::places::directory(path, crate::places::Purpose::Read)
}

/// Prints a text; that nobody reads it any more is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    forgiven(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Whoever closed the other end of a pipe has read enough.
fn forgiven(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
