//! Runs of workflows, and what they made.

use crate::answers::{Artifact, Artifacts, WorkflowRun};
use crate::archive::{self, BadArchive};
use crate::client::{Client, Subject};
use crate::error::ForgeError;
use crate::words::{is_commit, shown};
use sha2::{Digest as _, Sha256};

const RUNS: Subject = Subject { what: "workflow runs", permission: "\"Actions\" (read)" };
/// Pages of artifacts of one name: one for each time the run was started again.
const ARTIFACT_PAGES: usize = 3;

/// A run of a workflow. Its words are made harmless to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// The workflow's file, such as `.github/workflows/release.yml`.
    pub workflow: String,
    /// The commit that it ran on.
    pub head_sha: String,
    /// The branch that it ran on: of [`Self::head_repository`], which may be anybody's fork.
    pub head_branch: Option<String>,
    /// Where that branch is, `owner/name`. `None` when it was deleted.
    pub head_repository: Option<String>,
    /// Whether that is this very repository.
    pub is_own: bool,
    /// Why it ran: `push`, `pull_request`, `workflow_dispatch`, ….
    pub event: String,
    /// Whether it has ended.
    pub is_completed: bool,
    /// How it ended: `success`, `failure`, ….
    pub conclusion: Option<String>,
    /// How often it was started.
    pub attempt: u64,
}

pub(crate) async fn run(client: &Client, id: u64) -> Result<Run, ForgeError> {
    let run: Option<WorkflowRun> = client.ask(RUNS, &["actions", "runs", &id.to_string()], &[]).await?;
    let run = run.ok_or(ForgeError::NoRun(id))?;
    let strange = |words: &str| Err(ForgeError::Strange("workflow runs", words.to_owned()));
    if run.id != id || run.repository.as_ref().is_some_and(|it| !client.repository().is(&it.full_name)) {
        return strange("it is about another run");
    }
    if !is_commit(&run.head_sha) {
        return strange("its head is not a commit");
    }
    let head_repository = run.head_repository.map(|it| it.full_name);
    Ok(Run {
        id,
        // A reusable one is told as `path@ref`.
        workflow: shown(run.path.split('@').next().unwrap_or_default()),
        head_sha: run.head_sha,
        head_branch: run.head_branch.as_deref().map(shown),
        is_own: head_repository.as_deref().is_some_and(|full| client.repository().is(full)),
        head_repository: head_repository.as_deref().map(shown),
        event: shown(&run.event),
        is_completed: run.status == "completed",
        conclusion: run.conclusion.as_deref().map(shown),
        attempt: run.run_attempt,
    })
}

pub(crate) async fn artifact(client: &Client, run: u64, name: &str) -> Result<Vec<(String, Vec<u8>)>, ForgeError> {
    let found = newest(client, run, name).await?;
    let gone = || ForgeError::ArtifactExpired { run, name: shown(name) };
    if found.expired {
        return Err(gone());
    }
    if usize::try_from(found.size_in_bytes).unwrap_or(usize::MAX) > archive::LARGEST {
        return Err(ForgeError::Archive(BadArchive::TooLarge));
    }
    let path = ["actions", "artifacts", &found.id.to_string(), "zip"];
    let zip = client.download(RUNS, &path, archive::LARGEST).await?.ok_or_else(gone)?;
    if found.digest.is_some_and(|digest| !is_digest_of(&digest, &zip)) {
        return Err(ForgeError::Archive(BadArchive::NotIt));
    }
    let files = tokio::task::spawn_blocking(move || archive::files(&zip)).await;
    let files = files.unwrap_or(Err(BadArchive::NotAnArchive));
    files.map_err(ForgeError::Archive)
}

/// Started again, a run makes another one of the same name.
async fn newest(client: &Client, run: u64, name: &str) -> Result<Artifact, ForgeError> {
    let path = ["actions", "runs", &run.to_string(), "artifacts"];
    let all = client.pages::<Artifacts>(RUNS, &path, &[("name", name)], ARTIFACT_PAGES).await?;
    let all = all.ok_or(ForgeError::NoRun(run))?;
    let found = all.into_iter().filter(|it| it.name == name).max_by_key(|it| it.id);
    found.ok_or_else(|| ForgeError::NoArtifact { run, name: shown(name) })
}

fn is_digest_of(digest: &str, bytes: &[u8]) -> bool {
    let hex = Sha256::digest(bytes).iter().fold(String::new(), |out, byte| out + &format!("{byte:02x}"));
    digest.strip_prefix("sha256:").is_some_and(|own| own.eq_ignore_ascii_case(&hex))
}
