//! `countersign check`: the two files people edit, before they are live.

use anyhow::Context as _;
use countersign_core::principal::Principal;
use countersign_identity::StaticDirectory;
use countersign_policy::lint::lint;
use countersign_policy::{Overrides, Policy, Problems, Source, Sources};
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
    /// Makes warnings mistakes.
    #[arg(long)]
    pub strict: bool,
}

impl Files {
    /// Their names and texts.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn sources(&self) -> anyhow::Result<Sources> {
        Ok(Sources { rbac: source(&self.rbac)?, catalog: source(&self.catalog)? })
    }
}

/// A file's name and text.
///
/// # Errors
/// When it cannot be read.
pub fn source(path: &Path) -> anyhow::Result<Source> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    Ok(Source::new(path.display().to_string(), text))
}

impl Check {
    /// Names every mistake in the files, and what is probably not meant; 0 when there is no mistake,
    /// 1 otherwise.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let people = self.people.as_ref().map(StaticDirectory::new);
        let mut mistakes = Told::default();
        let mut warnings = Told::default();
        if let Some(Err(problems)) = people.as_ref().map(StaticDirectory::check) {
            mistakes.tell(problems.to_string());
        }
        match Policy::load(self.files.sources()?, &Overrides::default()) {
            Err(problems) => mistakes.tell(problems.to_string()),
            Ok(policy) => {
                let everybody = people.and_then(|people| people.everybody().ok());
                let everybody: Option<Vec<Principal>> =
                    everybody.map(|people| people.into_iter().map(|(one, _)| one).collect());
                if let Some(everybody) = &everybody {
                    mistakes.tell_any(&unmet(&policy, everybody));
                }
                warnings.tell_any(&lint(&policy, everybody.as_deref()));
            }
        }
        if warnings.any {
            eprintln!("These are warnings{}.", if self.strict { ", and --strict makes them mistakes" } else { "" });
        }
        if mistakes.any || (self.strict && warnings.any) {
            return Ok(ExitCode::from(1));
        }
        println!("The files are right.");
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether something was told.
#[derive(Debug, Default)]
struct Told {
    any: bool,
}

impl Told {
    fn tell(&mut self, text: String) {
        eprintln!("{text}");
        self.any = true;
    }

    fn tell_any(&mut self, problems: &Problems) {
        if !problems.is_empty() {
            self.tell(problems.to_string());
        }
    }
}

/// Quorums that the people there are can never meet.
fn unmet(policy: &Policy, everybody: &[Principal]) -> Problems {
    policy.check_people(&|group| {
        let known = everybody.iter().any(|one| one.groups.contains(group));
        let active = everybody.iter().filter(|one| one.is_active_human() && one.groups.contains(group));
        known.then(|| active.count())
    })
}
