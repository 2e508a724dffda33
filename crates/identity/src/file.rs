//! A directory in one file, for a small team and for trying out.
//!
//! **Invariant:** the file is read anew at each question, so that a removed right is gone at
//! once; a file with a mistake knows nobody. There is no last good version of people.

mod read;

use crate::port::Directory;
use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_core::principal::{Account, Principal, SubjectId};
use countersign_core::refusal::{Code, Refusal, shown};
use std::fmt;
use std::path::{Path, PathBuf};

/// A mistake in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {says}")]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// In characters, from 1.
    pub column: u64,
    /// What is wrong, in words.
    pub says: String,
}

/// Every mistake in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// People from a YAML file.
#[derive(Debug, Clone)]
pub struct StaticDirectory {
    path: PathBuf,
}

/// What one reading of the file gave.
pub(crate) struct People(pub(crate) Vec<(Principal, Vec<Account>)>);

impl StaticDirectory {
    /// A directory over this file. It is read when somebody asks.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Everybody in the file, with their chat accounts.
    ///
    /// # Errors
    /// A refusal when the file cannot be read or has a mistake.
    pub fn everybody(&self) -> Result<Vec<(Principal, Vec<Account>)>, Box<Refusal>> {
        self.read().map(|people| people.0)
    }

    /// Every mistake in the file.
    ///
    /// # Errors
    /// [`Problems`], also when the file cannot be read at all.
    pub fn check(&self) -> Result<(), Problems> {
        let name = self.path.display().to_string();
        let text = std::fs::read_to_string(&self.path).map_err(|error| {
            Problems(vec![Problem {
                file: name.clone(),
                line: 1,
                column: 1,
                says: format!("it cannot be read: {error}"),
            }])
        })?;
        read::people(&name, &text, "check").map(drop)
    }

    fn read(&self) -> Result<People, Box<Refusal>> {
        let name = file_name(&self.path);
        let unavailable = |why: String| {
            Box::new(Refusal::new(
                Code::DirectoryUnavailable,
                format!("the directory cannot be read, so nobody is known: {why}"),
                "Tell the operators; `countersign check` names the mistake.",
            ))
        };
        let text = std::fs::read_to_string(&self.path).map_err(|error| unavailable(error.kind().to_string()))?;
        let known_by = format!("file:{name}@{}", Digest::of(text.as_bytes()));
        read::people(&name, &text, &known_by).map_err(|problems| {
            let first = problems.0.first().map_or_else(String::new, Problem::to_string);
            unavailable(shown(&first))
        })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "people".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[async_trait]
impl Directory for StaticDirectory {
    async fn resolve(&self, account: &Account) -> Result<Principal, Box<Refusal>> {
        let people = self.read()?.0;
        let found = people.into_iter().find(|(_, accounts)| accounts.contains(account));
        found.map(|(principal, _)| principal).ok_or_else(|| {
            Box::new(Refusal::new(
                Code::UnknownAccount,
                format!("the account `{}` belongs to nobody in the directory", shown(&account.to_string())),
                "Ask an administrator of the directory to link it to you.",
            ))
        })
    }

    async fn people(&self, ids: &[SubjectId]) -> Result<Vec<Principal>, Box<Refusal>> {
        let people = self.read()?.0.into_iter().map(|(principal, _)| principal);
        Ok(people.filter(|principal| ids.contains(&principal.id)).collect())
    }

    async fn group_size(&self, group: &str) -> Option<usize> {
        let people = self.read().ok()?.0;
        let known = people.iter().any(|(principal, _)| principal.groups.contains(group));
        let members = people.iter().filter(|(one, _)| one.is_active_human() && one.groups.contains(group));
        known.then(|| members.count())
    }
}

#[cfg(test)]
mod tests;
