//! Where a manifest is fetched from: a file of a catalogued repository at one commit.
//!
//! **Invariant:** a source has a name that can be catalogued, a whole commit id and a relative path
//! that stays inside; nothing in it can be an option, an address or a path of this host.

use crate::no::{Checked, no, quoted};
use countersign_core::refusal::{Code, Refusal};
use std::fmt;

/// `repo@commit:path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    repository: String,
    commit: String,
    path: String,
}

/// The longest path, in characters.
const LONGEST_PATH: usize = 500;

const FORM: &str = "put the manifest into a code block, or name it as REPOSITORY@COMMIT:PATH with all 40 digits";

impl Source {
    /// Reads the value of `--filename`.
    pub(crate) fn read(text: &str) -> Checked<Self> {
        let lower = text.trim_start().to_ascii_lowercase();
        if ["http:", "https:", "ftp:", "file:", "git:", "ssh:"].iter().any(|scheme| lower.starts_with(scheme)) {
            return Err(no(Code::WorkerFiles, format!("{} is an address", quoted(text)), FORM));
        }
        let parts = text.split_once('@').and_then(|(repository, rest)| {
            let (commit, path) = rest.split_once(':')?;
            Some((repository, commit, path))
        });
        let Some((repository, commit, path)) = parts else {
            return Err(no(Code::WorkerFiles, format!("{} is a file of the worker", quoted(text)), FORM));
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if repository.is_empty() || repository.starts_with('-') || !repository.chars().all(is_name) {
            return Err(wrong(format!("{} is no name of a repository", quoted(repository))));
        }
        // A branch or tag moves, and a shortened id can come to mean another commit.
        if commit.len() != 40 || !commit.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'a'..=b'f')) {
            return Err(wrong(format!("{} is not a whole commit id", quoted(commit))));
        }
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
        let inside = path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.starts_with('-'));
        if path.len() > LONGEST_PATH || !inside || !path.chars().all(is_path) {
            return Err(wrong(format!("{} is no path inside a repository", quoted(path))));
        }
        Ok(Self { repository: repository.to_owned(), commit: commit.to_owned(), path: path.to_owned() })
    }

    /// The repository's name in the catalog.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// All 40 digits of the commit's id, lower case.
    #[must_use]
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// The file, relative to the repository's root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

fn wrong(sentence: String) -> Box<Refusal> {
    no(Code::BadValue, sentence, FORM)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.repository, self.commit, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_source_names_one_file_of_one_commit() {
        let source = Source::read(&format!("manifests@{COMMIT}:web/deploy-1.yaml")).unwrap();
        assert_eq!((source.repository(), source.commit(), source.path()), ("manifests", COMMIT, "web/deploy-1.yaml"));
    }

    #[test]
    fn p31_nothing_else_is_a_source() {
        for (text, code) in [
            ("/etc/passwd".to_owned(), Code::WorkerFiles),
            ("-".to_owned(), Code::WorkerFiles),
            ("./x.yaml".to_owned(), Code::WorkerFiles),
            ("https://example.com/x.yaml".to_owned(), Code::WorkerFiles),
            (format!("HTTPS://a@{COMMIT}:x"), Code::WorkerFiles),
            ("manifests@main:x.yaml".to_owned(), Code::BadValue),
            (format!("manifests@{}:x.yaml", &COMMIT[..39]), Code::BadValue),
            (format!("manifests@{}:x.yaml", COMMIT.to_uppercase()), Code::BadValue),
            (format!("--upload-pack=x@{COMMIT}:x"), Code::BadValue),
            (format!("git://h/r@{COMMIT}:x"), Code::WorkerFiles),
            (format!("ext::sh@{COMMIT}:x"), Code::BadValue),
            (format!("m@{COMMIT}:../x"), Code::BadValue),
            (format!("m@{COMMIT}:a/../x"), Code::BadValue),
            (format!("m@{COMMIT}:/etc/passwd"), Code::BadValue),
            (format!("m@{COMMIT}:-x"), Code::BadValue),
            (format!("m@{COMMIT}:"), Code::BadValue),
            (format!("m@{COMMIT}:a b"), Code::BadValue),
            (format!("m@{COMMIT}:a:b"), Code::BadValue),
        ] {
            assert_eq!(Source::read(&text).unwrap_err().code(), code, "{text}");
        }
    }
}
