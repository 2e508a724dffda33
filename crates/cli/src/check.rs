//! `countersign check` and `countersign test`: the two files people edit, before they are live.

use anyhow::Context as _;
use countersign_identity::StaticDirectory;
use countersign_policy::{Overrides, Policy, Source, Sources, cases};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the files are.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// Who may do what, and who must agree.
    #[arg(long, value_name = "FILE", default_value = "rbac.yaml")]
    pub rbac: PathBuf,
    /// What there is, and where.
    #[arg(long, value_name = "FILE", default_value = "catalog.yaml")]
    pub catalog: PathBuf,
}

/// What `countersign check` was asked for.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The two files.
    #[command(flatten)]
    pub files: Files,
    /// The directory file, if there is one: quorums that nobody can meet are mistakes too.
    #[arg(long, value_name = "FILE")]
    pub people: Option<PathBuf>,
}

/// What `countersign test` was asked for.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// The two files.
    #[command(flatten)]
    pub files: Files,
    /// The folder of case files.
    #[arg(long, value_name = "DIR", default_value = "policies/tests")]
    pub cases: PathBuf,
}

impl Files {
    fn sources(&self) -> anyhow::Result<Sources> {
        Ok(Sources { rbac: source(&self.rbac)?, catalog: source(&self.catalog)? })
    }
}

fn source(path: &Path) -> anyhow::Result<Source> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    Ok(Source::new(path.display().to_string(), text))
}

impl Check {
    /// Names every mistake in the files; 0 when there is none, 1 otherwise.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let people = self.people.map(StaticDirectory::new);
        let mut wrong = false;
        if let Some(Err(problems)) = people.as_ref().map(StaticDirectory::check) {
            eprintln!("{problems}");
            wrong = true;
        }
        match Policy::load(self.files.sources()?, &Overrides::default()) {
            Err(problems) => {
                eprintln!("{problems}");
                wrong = true;
            }
            Ok(policy) => {
                let everybody = people.and_then(|people| people.everybody().ok());
                if let Some(everybody) = everybody {
                    let members = |group: &str| {
                        let known = everybody.iter().any(|(one, _)| one.groups.contains(group));
                        let active =
                            everybody.iter().filter(|(one, _)| one.is_active_human() && one.groups.contains(group));
                        known.then(|| active.count())
                    };
                    let unmet = policy.check_people(&members);
                    if !unmet.is_empty() {
                        eprintln!("{unmet}");
                        wrong = true;
                    }
                }
            }
        }
        if wrong {
            return Ok(ExitCode::from(1));
        }
        println!("The files are right.");
        Ok(ExitCode::SUCCESS)
    }
}

impl Test {
    /// Runs the cases; 0 when all pass and every entry has some, 1 otherwise.
    ///
    /// # Errors
    /// When a file cannot be read, or the policy has mistakes.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let policy = Policy::load(self.files.sources()?, &Overrides::default())?;
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&self.cases)
            .with_context(|| format!("`{}` cannot be read", self.cases.display()))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
            .collect();
        paths.sort();
        let files = paths.iter().map(|path| source(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let report = cases::run(&policy, &files);
        if !report.failures().is_empty() {
            eprintln!("{}", report.failures());
        }
        for entry in report.missing() {
            eprintln!("no case: {entry}");
        }
        println!("{} cases passed", report.passed());
        Ok(if report.is_green() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}
