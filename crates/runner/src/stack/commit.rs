//! Which commit, and what is in it.
//!
//! **Invariant:** a name becomes a commit once; everything after that is about the commit's whole id.

use super::Stack;
use super::refused;
use crate::port::RunFault;
use countersign_core::effect::NOW;
use countersign_core::refusal::shown;
use countersign_git::{Commit, Fetched};
use std::collections::{BTreeMap, BTreeSet};

/// Of more files the rest is counted.
const MOST_FILES: usize = 200;

/// Where the stack's branch is.
pub(super) async fn head(stack: &Stack) -> Result<Commit, RunFault> {
    stack.source().repository().head(stack.branch()).await.map_err(|error| refused::fetch(&error))
}

/// The commit of a revision: its whole id, or the branch of that name.
pub(super) async fn of(stack: &Stack, revision: &str) -> Result<Commit, RunFault> {
    if let Ok(commit) = revision.parse() {
        return Ok(commit);
    }
    stack.source().repository().head(revision).await.map_err(|error| refused::fetch(&error))
}

pub(super) async fn fetch(stack: &Stack, commit: &Commit) -> Result<Fetched, RunFault> {
    stack.source().repository().fetch(commit).await.map_err(|error| refused::fetch(&error))
}

/// Who made the commit; and which files are different on the branch, which may move by itself.
pub(super) async fn difference(stack: &Stack, commit: &Fetched) -> Result<Vec<String>, RunFault> {
    let unread = |error| refused::fetch(&countersign_git::FetchError::Call(error));
    let about = commit.about().await.map_err(unread)?;
    let mut lines = vec![
        format!("author: {}", shown(&about.author)),
        format!("subject: {}", shown(&about.subject)),
        format!(
            "its code runs while it is planned, with what the role that plans `{}` can read",
            shown(stack.branch())
        ),
        NOW.to_owned(),
    ];
    let branch = head(stack).await?;
    if branch == *commit.commit() {
        lines.push(format!("it is what `{}` is at", shown(stack.branch())));
        return Ok(lines);
    }
    let other = fetch(stack, &branch).await?;
    let (old, new) = (other.files().await.map_err(unread)?, commit.files().await.map_err(unread)?);
    lines.push(format!("files that differ from `{}` at {}:", shown(stack.branch()), refused::short(branch.as_str())));
    lines.extend(changed(&old, &new));
    Ok(lines)
}

fn changed(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ: Vec<String> = paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| {
            let sign = match (old.contains_key(path), new.contains_key(path)) {
                (false, _) => '+',
                (_, false) => '-',
                _ => '~',
            };
            format!("  {sign} {}", shown(path))
        })
        .collect();
    if differ.is_empty() {
        return vec!["  none".to_owned()];
    }
    let more = differ.len().saturating_sub(MOST_FILES);
    let more = (more > 0).then(|| format!("  … and {more} more"));
    differ.into_iter().take(MOST_FILES).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_what_becomes_of_them() {
        let of =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(path, it)| ((*path).to_owned(), (*it).to_owned())).collect();
        let old = of(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let new = of(&[("a", "1"), ("b", "2"), ("d\u{202e}", "1")]);
        assert_eq!(changed(&old, &new), ["  ~ b", "  - c", "  + d\\u{202e}"]);
        assert_eq!(changed(&old, &old), ["  none"]);
    }
}
