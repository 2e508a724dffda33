//! The host files a jail's root holds, from the patterns of a recipe.
//!
//! **Invariant:** what is mounted is a real file or folder that nobody but root and the worker can change; a link's
//! name is kept inside the jail, and what it leads to is what stands there.

use crate::program::{ProgramError, unchangeable};
use countersign_jail::{Level, Mount, MountKind};
use globset::GlobBuilder;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// More matches than this are a mistake in a pattern.
const MOST: usize = 256;

/// Why a list of files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A pattern that must match does not.
    #[error("`{0}` matches nothing on this host")]
    NoMatch(String),
    /// A pattern that matches too much.
    #[error("`{0}` matches more than {MOST} files")]
    TooMany(String),
    /// A folder cannot be listed, or a file not be looked at.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could put another file there.
    #[error("a file of the list must not be mounted")]
    Unsafe(#[source] ProgramError),
    /// Neither a regular file nor a folder.
    #[error("`{}` is neither a file nor a folder", .0.display())]
    Kind(PathBuf),
}

/// One match of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostFile {
    pub(crate) path: PathBuf,
    real: PathBuf,
    kind: MountKind,
}

impl HostFile {
    /// The mount; a level without a root of its own cannot rename, and needs no name but the real one.
    pub(crate) fn mount(&self, level: Level) -> Mount {
        let target = match level {
            Level::Strict => &self.path,
            Level::Nested | Level::Job | Level::None => &self.real,
        };
        Mount { source: self.real.clone(), target: target.to_string_lossy().into_owned(), kind: self.kind }
    }
}

/// Everything the patterns match, each path once.
pub(crate) fn expand(required: &[String], if_present: &[String]) -> Result<Vec<HostFile>, FilesError> {
    let mut found = BTreeMap::new();
    for pattern in required {
        let matches = matches(pattern)?;
        if matches.is_empty() {
            return Err(FilesError::NoMatch(pattern.clone()));
        }
        found.extend(matches.into_iter().map(|file| (file.path.clone(), file)));
    }
    for pattern in if_present {
        found.extend(matches(pattern)?.into_iter().map(|file| (file.path.clone(), file)));
    }
    Ok(found.into_values().collect())
}

fn matches(pattern: &str) -> Result<Vec<HostFile>, FilesError> {
    let mut paths = vec![PathBuf::from("/")];
    for part in Path::new(pattern).components() {
        let Component::Normal(part) = part else { continue };
        let part = part.to_string_lossy();
        let mut next = Vec::new();
        for path in paths {
            if part.contains(['*', '?', '[', '{']) {
                next.extend(entries(&path, &part)?);
            } else if path.join(part.as_ref()).exists() {
                next.push(path.join(part.as_ref()));
            }
        }
        paths = next;
        if paths.len() > MOST {
            return Err(FilesError::TooMany(pattern.to_owned()));
        }
    }
    paths.iter().map(|path| host_file(path)).collect()
}

fn entries(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, FilesError> {
    let unreadable = |source| FilesError::Unreadable { path: folder.to_owned(), source };
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let Ok(glob) = glob.map(|glob| glob.compile_matcher()) else { return Ok(Vec::new()) };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // A link that leads nowhere is no match.
        if glob.is_match(entry.file_name()) && entry.path().exists() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn host_file(path: &Path) -> Result<HostFile, FilesError> {
    let unreadable = |source| FilesError::Unreadable { path: path.to_owned(), source };
    let real = std::fs::canonicalize(path).map_err(unreadable)?;
    unchangeable(&real).map_err(FilesError::Unsafe)?;
    let meta = std::fs::symlink_metadata(&real).map_err(unreadable)?;
    let kind = match (meta.is_file(), meta.is_dir()) {
        (true, _) => MountKind::File,
        (_, true) => MountKind::Dir,
        _ => return Err(FilesError::Kind(path.to_owned())),
    };
    Ok(HostFile { path: path.to_owned(), real, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_its_name_and_the_real_file_is_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir(folder.join("real")).unwrap();
        std::fs::write(folder.join("real/lib.so.1.2"), "x").unwrap();
        std::os::unix::fs::symlink("real", folder.join("lib")).unwrap();
        std::os::unix::fs::symlink("lib.so.1.2", folder.join("real/lib.so.1")).unwrap();
        let pattern = format!("{}/l*b/lib.so.?", folder.display());
        let found = expand(&[pattern], &["/nowhere/*/x".into()]).unwrap();
        assert_eq!(found.len(), 1);
        let mount = found[0].mount(Level::Strict);
        assert_eq!(mount.source, folder.join("real/lib.so.1.2"));
        assert_eq!(mount.target, folder.join("lib/lib.so.1").to_string_lossy());
        assert_eq!(found[0].mount(Level::Nested).target, mount.source.to_string_lossy());
    }

    #[test]
    fn a_pattern_that_must_match_and_does_not_is_an_error() {
        assert!(matches!(expand(&["/nowhere/*".into()], &[]), Err(FilesError::NoMatch(_))));
    }
}
