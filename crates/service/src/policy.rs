//! The policy's files, and how others take their place while a process runs.
//!
//! **Invariant:** a change is on record before it is in force, and so is a change that is not
//! made; the last good policy stays.

use crate::config::PolicyFiles;
use crate::{metrics, telemetry};
use anyhow::Context as _;
use countersign_audit::event::{Event, Kind};
use countersign_audit::log::AuditLog;
use countersign_audit::writer::WriteError;
use countersign_core::policy::Policy as _;
use countersign_core::refusal::{Code, Refusal};
use countersign_policy::{LivePolicy, Overrides, Problems, Source, Sources};
use std::path::{Path, PathBuf};

/// Why other files are not in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The files have mistakes, or a case does not come out; that is on record.
    #[error("the new policy files have mistakes; the last good ones stay in force")]
    Mistakes(Problems),
    /// The change could not be recorded, so it was not made.
    #[error("the change of the policy could not be recorded, so it was not made")]
    Unwritten(#[source] WriteError),
    /// A file cannot be read.
    #[error("the policy files cannot be read; the last good ones stay in force")]
    Unreadable(#[source] anyhow::Error),
}

/// What a reload did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// Other files are in force.
    Changed,
    /// The files are those in force.
    Unchanged,
}

/// The files' texts as they are now.
///
/// # Errors
/// When one cannot be read.
pub fn read(files: &PolicyFiles) -> anyhow::Result<(Sources, Vec<Source>)> {
    let sources = Sources { rbac: source(&files.rbac)?, catalog: source(&files.catalog)? };
    let cases = files.cases.as_deref().map_or_else(|| Ok(Vec::new()), cases)?;
    Ok((sources, cases))
}

fn cases(folder: &Path) -> anyhow::Result<Vec<Source>> {
    let wrong = || format!("`{}` cannot be read", folder.display());
    let mut paths = std::fs::read_dir(folder)
        .with_context(wrong)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()
        .with_context(wrong)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    // A folder that lost its files would let everything pass.
    anyhow::ensure!(!paths.is_empty(), "`{}` holds no case (`*.yaml`)", folder.display());
    paths.iter().map(|path| source(path)).collect()
}

fn source(path: &Path) -> anyhow::Result<Source> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    Ok(Source::new(path.display().to_string(), text))
}

/// Puts the files as they are now in force.
///
/// # Errors
/// [`ReloadError`]; the last good policy stays.
pub async fn reload_files(policy: &LivePolicy, log: &AuditLog, files: &PolicyFiles) -> Result<Reloaded, ReloadError> {
    let files = files.clone();
    let read = tokio::task::spawn_blocking(move || read(&files)).await;
    match read.context("reading died").and_then(|read| read) {
        Ok((sources, cases)) => reload(policy, log, &sources, &cases, &Overrides::default()).await,
        Err(error) => {
            let nothing = Event::of(Kind::PolicyChanged).refusing(&refusal("the new policy files cannot be read"));
            log.record(nothing).await.map_err(ReloadError::Unwritten)?;
            Err(ReloadError::Unreadable(error))
        }
    }
}

/// Evaluates the shadow that the configuration names beside the policy in force, or none; what is
/// wrong with it is told and keeps nobody from working.
pub fn cast_shadow(policy: &LivePolicy, files: &PolicyFiles) {
    let Some(path) = &files.shadow else { return };
    match source(path).map(|rbac| policy.cast_shadow(Some(rbac))) {
        Ok(Ok(())) => tracing::info!(file = %path.display(), "A shadow is evaluated beside the policy in force"),
        Ok(Err(problems)) => tracing::error!("The shadow is not evaluated: {}", telemetry::chain(&problems)),
        Err(error) => tracing::error!("The shadow is not evaluated: {error:#}"),
    }
}

/// Puts the files as they are now in force, and tells operators how that went.
pub async fn reload_and_tell(policy: &LivePolicy, log: &AuditLog, files: &PolicyFiles) -> Option<Reloaded> {
    let outcome = reload_files(policy, log, files).await;
    cast_shadow(policy, files);
    match &outcome {
        Ok(Reloaded::Changed) => tracing::info!("Other policy files are in force"),
        Ok(Reloaded::Unchanged) => tracing::info!("The policy files are those in force"),
        Err(error) => {
            tracing::error!("{}", telemetry::chain(error));
            if let ReloadError::Mistakes(problems) = error {
                for problem in problems.all() {
                    let (line, column) = (problem.line(), problem.column());
                    tracing::error!(file = problem.file(), line, column, "{}", problem.message());
                }
            }
        }
    }
    metrics::reloaded(match &outcome {
        Ok(Reloaded::Changed) => "changed",
        Ok(Reloaded::Unchanged) => "unchanged",
        Err(_) => "refused",
    });
    outcome.ok()
}

/// Puts these files in force.
///
/// # Errors
/// [`ReloadError`]; the last good policy stays.
pub async fn reload(
    policy: &LivePolicy,
    log: &AuditLog,
    sources: &Sources,
    cases: &[Source],
    overrides: &Overrides,
) -> Result<Reloaded, ReloadError> {
    let (old, new) = (policy.current().digests(), sources.digests());
    if old == new {
        return Ok(Reloaded::Unchanged);
    }
    let event = Event::of(Kind::PolicyChanged)
        .detail("old-rbac", old.rbac.to_string())
        .detail("old-catalog", old.catalog.to_string())
        .detail("new-rbac", new.rbac.to_string())
        .detail("new-catalog", new.catalog.to_string());
    let (sources, cases, overrides) = (sources.clone(), cases.to_vec(), overrides.clone());
    // Thousands of cases take their time, and others are served meanwhile.
    let checked = tokio::task::spawn_blocking(move || LivePolicy::check(sources, &cases, &overrides)).await;
    match checked.context("checking died").map_err(ReloadError::Unreadable)? {
        Err(problems) => {
            let event = event.refusing(&refusal("the new policy files have mistakes"));
            log.record(event).await.map_err(ReloadError::Unwritten)?;
            Err(ReloadError::Mistakes(problems))
        }
        Ok(checked) => {
            log.record(event).await.map_err(ReloadError::Unwritten)?;
            policy.put(checked);
            Ok(Reloaded::Changed)
        }
    }
}

fn refusal(what: &str) -> Refusal {
    Refusal::new(
        Code::NoPolicy,
        format!("{what}; the last good ones stay in force"),
        "Mend them; `countersign check` and `countersign test` name every mistake.",
    )
}
