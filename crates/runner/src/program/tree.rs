//! A folder that belongs to a program, with everything in it.
//!
//! **Invariant:** nobody but root and the worker's own user can change any of it, and nothing in it was written or
//! replaced between when it was found and when it was read for its digest.

use super::ProgramError;
use super::pinned::{Stamp, digest_of, unchangeable};
use countersign_core::digest::Digest;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// More entries than this are no folder of a program. The Cloud SDK has some 33,000.
const MOST: usize = 200_000;

/// A folder and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// As the recipe names it.
    pub(super) path: PathBuf,
    /// With links resolved.
    pub(super) real: PathBuf,
    /// Over what changes when anything in it is written or replaced.
    stamps: Digest,
}

/// What each folder came to when it was read last in this process: a folder that looks the same is not read again.
static READ: Mutex<BTreeMap<PathBuf, (Digest, Digest)>> = Mutex::new(BTreeMap::new());

impl Tree {
    /// Looks at everything in it, and reads nothing.
    pub(super) fn find(path: &Path) -> Result<Self, ProgramError> {
        let unreadable = |source| ProgramError::Unreadable { path: path.to_owned(), source };
        let real = std::fs::canonicalize(path).map_err(unreadable)?;
        unchangeable(&real)?;
        let stamps = stamps(&walk(&real)?);
        Ok(Self { path: path.to_owned(), real, stamps })
    }

    /// Checks that nothing in it was written or replaced since it was found.
    pub(super) fn check(&self) -> Result<(), ProgramError> {
        unchangeable(&self.real)?;
        let real = std::fs::canonicalize(&self.path).map_err(|_| self.changed())?;
        if real == self.real && stamps(&walk(&self.real)?) == self.stamps {
            return Ok(());
        }
        Err(self.changed())
    }

    /// SHA-256 over a line for each entry, sorted by path: the path, a NUL, `d` or `f` or `l` with the mode in octal, a
    /// NUL, and of a file its SHA-256, of a link where it leads. Reads every file, once in each process.
    pub(super) fn digest(&self) -> Result<Digest, ProgramError> {
        let known = READ.lock().unwrap_or_else(PoisonError::into_inner).get(&self.real).copied();
        let digest = match known {
            Some((before, digest)) if before == self.stamps => digest,
            _ => digest(&self.real, &walk(&self.real)?)?,
        };
        // What was read is what was found.
        self.check()?;
        READ.lock().unwrap_or_else(PoisonError::into_inner).insert(self.real.clone(), (self.stamps, digest));
        Ok(digest)
    }

    fn changed(&self) -> ProgramError {
        ProgramError::Changed(self.path.clone())
    }

    /// Whether this file of that name is shown with the folder.
    pub(super) fn holds(&self, path: &Path, real: &Path) -> bool {
        let below = |of: &Path, folder: &Path| of.strip_prefix(folder).ok().map(Path::to_owned);
        let inside = below(path, &self.path);
        inside.is_some() && inside == below(real, &self.real)
    }
}

/// Everything below a folder, by its path in it; links are not followed.
fn walk(root: &Path) -> Result<BTreeMap<PathBuf, Metadata>, ProgramError> {
    let own = rustix::process::geteuid().as_raw();
    let wrong = |path: &Path, why| ProgramError::Tree { path: path.to_owned(), why };
    let mut entries = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let at = root.join(&folder);
        let unreadable = |source| ProgramError::Unreadable { path: at.clone(), source };
        for entry in std::fs::read_dir(&at).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let meta = entry.metadata().map_err(unreadable)?;
            let (path, kind) = (folder.join(entry.file_name()), meta.file_type());
            // A link's own mode says nothing (symlink(7)).
            if (meta.uid() != 0 && meta.uid() != own) || (!kind.is_symlink() && meta.mode() & 0o022 != 0) {
                return Err(ProgramError::Writable(entry.path()));
            }
            if kind.is_dir() {
                folders.push(path.clone());
            } else if !kind.is_file() && !kind.is_symlink() {
                return Err(wrong(&entry.path(), "it holds what is neither a file nor a folder nor a link"));
            }
            entries.insert(path, meta);
            if entries.len() > MOST {
                return Err(wrong(root, "it holds more than a program does"));
            }
        }
    }
    Ok(entries)
}

fn stamps(entries: &BTreeMap<PathBuf, Metadata>) -> Digest {
    let lines = entries.iter().map(|(path, meta)| format!("{}\0{:?}\n", path.display(), Stamp::of(meta)));
    Digest::of(lines.collect::<String>().as_bytes())
}

fn digest(root: &Path, entries: &BTreeMap<PathBuf, Metadata>) -> Result<Digest, ProgramError> {
    let mut lines = String::new();
    for (path, meta) in entries {
        let at = root.join(path);
        let line = line(&at, meta).map_err(|source| ProgramError::Unreadable { path: at.clone(), source })?;
        let _ = writeln!(lines, "{}\0{line}", path.display());
    }
    Ok(Digest::of(lines.as_bytes()))
}

fn line(at: &Path, meta: &Metadata) -> io::Result<String> {
    let (kind, mode) = (meta.file_type(), meta.mode() & 0o7777);
    if kind.is_symlink() {
        return Ok(format!("l\0{}", std::fs::read_link(at)?.display()));
    }
    if kind.is_dir() {
        return Ok(format!("d{mode:o}\0"));
    }
    Ok(format!("f{mode:o}\0{}", digest_of(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("lib");
        fs::create_dir_all(root.join("inner")).unwrap();
        fs::write(root.join("inner/one.py"), "1").unwrap();
        fs::write(root.join("two.py"), "2").unwrap();
        symlink("inner/one.py", root.join("link")).unwrap();
        (folder, root)
    }

    #[track_caller]
    fn changes(what: impl FnOnce(&Path)) {
        let (_folder, root) = tree();
        let found = Tree::find(&root).unwrap();
        let digest = found.digest().unwrap();
        found.check().unwrap();
        what(&root);
        assert!(found.check().is_err() && found.digest().is_err());
        let now = Tree::find(&root).and_then(|now| now.digest());
        assert!(now.is_err() || now.is_ok_and(|now| now != digest));
    }

    #[test]
    fn p59_whatever_changes_in_a_folder_of_a_program_ends_its_use() {
        changes(|root| fs::write(root.join("inner/one.py"), "x").unwrap());
        changes(|root| fs::write(root.join("inner/new.py"), "").unwrap());
        changes(|root| fs::remove_file(root.join("two.py")).unwrap());
        changes(|root| fs::rename(root.join("two.py"), root.join("three.py")).unwrap());
        changes(|root| fs::set_permissions(root.join("two.py"), fs::Permissions::from_mode(0o755)).unwrap());
        changes(|root| fs::set_permissions(root.join("inner"), fs::Permissions::from_mode(0o777)).unwrap());
        changes(|root| {
            fs::remove_file(root.join("link")).unwrap();
            symlink("two.py", root.join("link")).unwrap();
        });
    }

    #[test]
    fn the_same_bytes_are_the_same_folder() {
        let (_one, here) = tree();
        let (_other, there) = tree();
        let digest = |root: &Path| Tree::find(root).unwrap().digest().unwrap();
        assert_eq!(digest(&here), digest(&there));
        fs::write(here.join("two.py"), "2").unwrap();
        assert_eq!(digest(&here), digest(&there));
    }

    #[test]
    fn what_is_no_file_of_a_program_is_refused() {
        let (_folder, root) = tree();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        assert!(matches!(Tree::find(&root), Err(ProgramError::Tree { .. })));
    }
}
