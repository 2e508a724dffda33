//! `countersign test`: the cases that say what the policy must decide.
//!
//! **Invariant:** a run that could not read everything it was pointed at is no run, and ends with 3.

use crate::check::{Files, source};
use anyhow::Context as _;
use countersign_policy::cases::{self, Report};
use countersign_policy::{Overrides, Policy, Source};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `countersign test` was asked for.
///
/// Ends with 0 when every case came out as it says and every entry of the catalog has one that is
/// allowed and one that is denied, with 1 when not, with 3 when the files could not be read or the
/// policy has mistakes.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// The two files.
    #[command(flatten)]
    pub files: Files,
    /// The folder of case files, or one of them.
    #[arg(long, value_name = "PATH", default_value = "policies/tests")]
    pub cases: PathBuf,
    /// Runs the cases whose file, note or text holds this; entries without a case are then no failure.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Names the rules of rbac.yaml that decided in no case.
    #[arg(long)]
    pub coverage: bool,
    /// Fails when a rule of rbac.yaml decided in no case.
    #[arg(long, conflicts_with = "filter")]
    pub require_coverage: bool,
}

impl Test {
    /// Runs the cases.
    ///
    /// # Errors
    /// When a file cannot be read, or the policy has mistakes.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let policy = Policy::load(self.files.sources()?, &Overrides::default())?;
        let files = case_files(&self.cases)?;
        let report = cases::run_some(&policy, &files, self.filter.as_deref());
        anyhow::ensure!(
            report.passed() > 0 || !report.failures().is_empty(),
            "no case was run: `{}` holds none{}",
            self.cases.display(),
            if self.filter.is_some() { " that the filter names" } else { "" }
        );
        let fails = self.tell(&report, files.len());
        Ok(ExitCode::from(u8::from(fails)))
    }

    /// Prints what came of it; whether it is a failure.
    fn tell(&self, report: &Report, files: usize) -> bool {
        if !report.failures().is_empty() {
            eprintln!("{}\n", report.failures());
        }
        let mut fails = !report.failures().is_empty();
        if self.filter.is_none() {
            for entry in report.missing() {
                eprintln!("no case: {entry}");
                fails = true;
            }
        }
        let uncovered = report.coverage().uncovered();
        if self.coverage || self.require_coverage {
            for rule in &uncovered {
                eprintln!("{}: `{}` decided in no case", rule.place, rule.rule);
            }
            fails |= self.require_coverage && !uncovered.is_empty();
        }
        let rules = report.coverage().rules();
        println!(
            "{} cases of {files} files passed, {} failed; {} of {rules} rules decided in some case",
            report.passed(),
            report.failures().all().len(),
            rules - uncovered.len(),
        );
        fails
    }
}

/// The case files of a folder in the order of their names, or the one file.
///
/// # Errors
/// When one cannot be read.
pub fn case_files(path: &Path) -> anyhow::Result<Vec<Source>> {
    if path.is_file() {
        return Ok(vec![source(path)?]);
    }
    let unread = || format!("`{}` cannot be read", path.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).with_context(unread)? {
        paths.push(entry.with_context(unread)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    paths.iter().map(|path| source(path)).collect()
}
