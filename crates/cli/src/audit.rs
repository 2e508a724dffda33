//! `countersign audit`: what an outsider can check, with the store and the public root key.

use crate::installation::{Places, system_clock};
use anyhow::Context as _;
use countersign_audit::directory::Directory;
use countersign_audit::keys;
use countersign_audit::sink::Sink;
use countersign_audit::story;
use countersign_audit::verify::{Conclusion, Evidence, Report};
use countersign_core::id::InvocationId;
use countersign_core::seal::Verifier;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `countersign audit` was asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Audit {
    /// Says whether the log is what was written (integrity) and whether all of it is there
    /// (completeness). Ends with 0 when it is, 1 when something is missing, 2 when something was
    /// changed, 3 when it cannot be read.
    Verify {
        /// Where the log is.
        #[command(flatten)]
        log: Log,
        /// Prints the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tells one request's whole story: who asked, what was decided, who agreed, what ran, what came out.
    Show {
        /// The request's id.
        id: InvocationId,
        /// Where the log is.
        #[command(flatten)]
        log: Log,
    },
}

/// Where a log is.
#[derive(Debug, clap::Args)]
pub struct Log {
    /// The data folder of an installation; the other options default to places in it.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// The folder of the log.
    #[arg(long, value_name = "DIR")]
    pub audit: Option<PathBuf>,
    /// The folder of fates and outcomes.
    #[arg(long, value_name = "DIR")]
    pub fate: Option<PathBuf>,
    /// A second place where heads are kept; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub anchors: Vec<PathBuf>,
    /// The public root key. Take it from somebody who is not the log's writer.
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The installation's name.
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub deployment: String,
}

impl Audit {
    /// Does what was asked.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify { log, json } => {
                let report = log.verify().await?;
                println!("{}", if json { report.to_json() } else { report.to_string().trim_end().to_owned() });
                Ok(ExitCode::from(match report.conclusion() {
                    Conclusion::Sound => 0,
                    Conclusion::Incomplete => 1,
                    Conclusion::Broken => 2,
                }))
            }
            Self::Show { id, log } => {
                let store = open(&log.places().audit)?;
                let story = story::show(&store, id).await?;
                if story.records.is_empty() {
                    println!("The log has nothing about {id}.");
                    return Ok(ExitCode::from(1));
                }
                println!("{}", story.to_string().trim_end());
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Log {
    fn places(&self) -> Places {
        let below = Places::below(&self.data);
        Places {
            audit: self.audit.clone().unwrap_or(below.audit.clone()),
            fate: self.fate.clone().unwrap_or(below.fate.clone()),
            ..below
        }
    }

    async fn verify(&self) -> anyhow::Result<Report> {
        let places = self.places();
        let root = self.root.clone().unwrap_or_else(|| places.keys.join("root.pub"));
        let anchors = if self.anchors.is_empty() { vec![places.anchors.clone()] } else { self.anchors.clone() };
        verify(&places, &anchors, &root, &self.deployment).await
    }
}

/// Verifies a log in folders.
///
/// # Errors
/// When a folder or the root key cannot be read: nothing is known then.
pub async fn verify(places: &Places, anchors: &[PathBuf], root: &Path, deployment: &str) -> anyhow::Result<Report> {
    let clock = system_clock();
    let store = open(&places.audit)?;
    let fate = open(&places.fate)?;
    let anchors = anchors.iter().map(|path| open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let anchors: Vec<&dyn Sink> = anchors.iter().map(|store| store as &dyn Sink).collect();
    let verifier = Verifier::new(keys::load_root(root)?, deployment);
    let evidence =
        Evidence { sink: &store, anchors: &anchors, fate: Some(&fate), verifier: &verifier, now: clock.now() };
    Ok(countersign_audit::verify::verify(&evidence).await?)
}

/// Opens a folder that is there; a verifier makes none.
pub(crate) fn open(path: &Path) -> anyhow::Result<Directory> {
    anyhow::ensure!(path.is_dir(), "`{}` is not a folder; say with --data where the log is", path.display());
    Directory::open(path, system_clock()).with_context(|| format!("`{}` cannot be read", path.display()))
}
