//! The stacks of the catalog, as this worker may plan and apply them.
//!
//! **Invariant:** what the catalog gives a stack, its repository and who reviewed it is passed on by place: credentials
//! are read where they are used, by whoever uses them.

use super::HostError;
use countersign_policy::Catalog;
use countersign_policy::catalog::{Github, Reference, Repository, Review as Asked, Stack as Catalogued};
use countersign_runner::stack::{Review, Reviewer, Source, Stack};
use std::io;
use std::path::PathBuf;

/// Each stack whose files can be used. `read` reads what a reference leads to and is no secret.
pub(super) fn stacks(
    catalog: &Catalog,
    read: impl Fn(&Reference) -> io::Result<String>,
) -> Result<Vec<(String, Stack)>, HostError> {
    let mut all = Vec::new();
    for (name, one) in catalog.stacks() {
        let Some(repository) = catalog.repositories().get(&one.repository) else { continue };
        let Some((source, review)) = places(repository, one, &read) else {
            tracing::warn!(
                stack = name.as_str(),
                "What it needs cannot be read (a credential is `file:`), so nothing of it is planned"
            );
            continue;
        };
        let place = (one.grammar.branch.as_str(), one.folder.as_str());
        let stack = Stack::new(source, place, &one.hosts, review);
        all.push((name.clone(), stack.map_err(|wrong| HostError::Stack(name.clone(), wrong))?));
    }
    Ok(all)
}

fn places(
    repository: &Repository,
    stack: &Catalogued,
    read: &impl Fn(&Reference) -> io::Result<String>,
) -> Option<(Source, Review)> {
    let source = Source {
        address: repository.address.clone(),
        credential: file(repository.credential.as_ref()).ok()?,
        authorities: file(repository.ca.as_ref()).ok()?,
    };
    let review = match (stack.review, &repository.github) {
        (Asked::None, _) => Review::None,
        (Asked::Required, None) => Review::Required(None),
        (Asked::Required, Some(github)) => Review::Required(Some(reviewer(github, read)?)),
    };
    Some((source, review))
}

fn reviewer(github: &Github, read: &impl Fn(&Reference) -> io::Result<String>) -> Option<Reviewer> {
    Some(Reviewer {
        address: github.address.clone(),
        repository: github.repository.clone(),
        token: file(github.credential.as_ref()).ok()?,
        ca_pem: github.ca.as_ref().map(read).transpose().ok()?,
        checks: github.checks.clone(),
    })
}

/// A reference to something that lies in no file.
struct NotInAFile;

/// Where it lies, if there is one.
fn file(reference: Option<&Reference>) -> Result<Option<PathBuf>, NotInAFile> {
    match reference {
        None => Ok(None),
        Some(Reference::File(path)) => Ok(Some(PathBuf::from(path))),
        Some(Reference::Env(_)) => Err(NotInAFile),
    }
}
