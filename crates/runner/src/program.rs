//! The file that is executed: found by absolute path, known by digest.
//!
//! **Invariant:** a [`Program`] is a regular executable file that nobody but root and the worker's own user can change
//! or replace, it is no script and no dispatcher; the same holds for every file of the folders that belong to it.
//! Its digest is that of what was found, or there is none.

mod pinned;
mod tree;

use crate::files::{self, FilesError};
use crate::recipe::Candidate;
use countersign_core::digest::Digest;
use countersign_jail::{Level, Mount, MountKind};
pub(crate) use pinned::unchangeable;
use pinned::{Kind, Pinned};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tree::Tree;

/// A program that may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name it is asked for by.
    pub name: String,
    /// Where it stands inside the jail: the path of the recipe.
    pub path: PathBuf,
    /// The real file on the host, links resolved.
    pub file: PathBuf,
    /// Arguments before the decided ones: an interpreter's own, and what it runs.
    pub with: Vec<String>,
    run: Pinned,
    parts: Vec<Pinned>,
    trees: Vec<Tree>,
    digest: Arc<OnceLock<Digest>>,
}

/// Why a file does not run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not there, or cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder or a device.
    #[error("`{}` is not a regular file that can be executed", .0.display())]
    NotExecutable(PathBuf),
    /// Somebody else could put another program there.
    #[error("`{}` can be changed by others than root and the worker", .0.display())]
    Writable(PathBuf),
    /// What runs must be the program itself.
    #[error("`{}` is a script; name the program it starts", .0.display())]
    Script(PathBuf),
    /// What runs must be the program itself.
    #[error("`{}` is a dispatcher; name the program it starts", .0.display())]
    Dispatcher(PathBuf),
    /// A folder of a program that is not like the folder of a program.
    #[error("`{}` cannot be part of a program: {why}", path.display())]
    Tree {
        /// Which folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A pattern of its parts.
    #[error("its parts cannot be found: {0}")]
    Parts(String),
    /// The manifest does not know it.
    #[error("`{}` has the digest {digest}, which the manifest does not list", path.display())]
    NotInManifest {
        /// Which file.
        path: PathBuf,
        /// What it has.
        digest: Digest,
    },
    /// It is not the file that was found at start.
    #[error("`{}` has changed since the worker started", .0.display())]
    Changed(PathBuf),
    /// None of the candidates can be used.
    #[error("no candidate for `{name}` can be used: {}", reasons.join("; "))]
    NoCandidate {
        /// Which program.
        name: String,
        /// Why not, one sentence a candidate.
        reasons: Vec<String>,
    },
}

impl Program {
    /// The first candidate that can be used.
    ///
    /// # Errors
    /// [`ProgramError::NoCandidate`], with the reason of each.
    pub fn find(name: &str, candidates: &[Candidate], manifest: &[Digest]) -> Result<Self, ProgramError> {
        let mut reasons = Vec::new();
        for candidate in candidates {
            match Self::made_of(name, candidate, manifest) {
                Ok(program) => return Ok(program),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Err(ProgramError::NoCandidate { name: name.to_owned(), reasons })
    }

    /// This file and no other. Reads all of it.
    ///
    /// # Errors
    /// When it must not run.
    pub fn open(name: &str, path: &Path, manifest: &[Digest]) -> Result<Self, ProgramError> {
        Self::made_of(name, &Candidate::file(path.to_string_lossy()), manifest)
    }

    /// This candidate and no other. Reads its files; of its folders it notes what tells whether they change, and reads
    /// them if a manifest must have them.
    ///
    /// # Errors
    /// When it must not run.
    pub fn made_of(name: &str, candidate: &Candidate, manifest: &[Digest]) -> Result<Self, ProgramError> {
        let path = candidate.path();
        let (run, kind) = Pinned::open(&path)?;
        match kind {
            _ if !run.is_executable() => return Err(ProgramError::NotExecutable(path)),
            Kind::Script => return Err(ProgramError::Script(path)),
            Kind::Dispatcher => return Err(ProgramError::Dispatcher(path)),
            Kind::Program => {}
        }
        let filled = |text: &String| candidate.filled(text, &run.real);
        let all = |texts: &[String]| texts.iter().map(filled).collect::<Vec<_>>();
        let wrong = |error: FilesError| ProgramError::Parts(error.to_string());
        let entry = candidate.entry.as_ref().map(filled);
        let beside = files::expand(entry.as_slice(), &all(&candidate.files)).map_err(wrong)?;
        let parts: Result<Vec<_>, _> =
            beside.iter().map(|file| Pinned::open(&file.path).map(|(file, _)| file)).collect();
        let trees = files::expand(&all(&candidate.trees), &[]).map_err(wrong)?;
        let trees: Result<Vec<_>, _> = trees.iter().map(|tree| Tree::find(&tree.path)).collect();
        let with = candidate.with.iter().cloned().chain(entry).collect();
        let (name, file) = (name.to_owned(), run.real.clone());
        let this = Self { name, path, file, with, run, parts: parts?, trees: trees?, digest: Arc::default() };
        if manifest.is_empty() {
            return Ok(this);
        }
        let digest = this.digest()?;
        if manifest.contains(&digest) { Ok(this) } else { Err(ProgramError::NotInManifest { path: this.path, digest }) }
    }

    /// SHA-256 of its bytes; of a program with several parts, of a line for each: what it is, its digest, its path. The
    /// folders of a program are read once in a process, which takes a second or two.
    ///
    /// # Errors
    /// When a folder cannot be read, or is not as it was found.
    pub fn digest(&self) -> Result<Digest, ProgramError> {
        if let Some(known) = self.digest.get() {
            return Ok(*known);
        }
        let digest = if self.is_one_file() { self.run.digest } else { self.digest_of_all()? };
        Ok(*self.digest.get_or_init(|| digest))
    }

    fn digest_of_all(&self) -> Result<Digest, ProgramError> {
        let line = |what: &str, digest: Digest, path: &Path| format!("{what} {digest} {}\n", path.display());
        let mut text = line("run", self.run.digest, &self.path);
        text.extend(self.with.iter().map(|one| format!("with {one}\n")));
        text.extend(self.parts.iter().map(|part| line("file", part.digest, &part.path)));
        for tree in &self.trees {
            text.push_str(&line("tree", tree.digest()?, &tree.path));
        }
        Ok(Digest::of(text.as_bytes()))
    }

    /// Checks that it is still what was found. A file that looks changed is read again, for one with the same bytes is
    /// the same program; a folder that looks changed is another one.
    ///
    /// # Errors
    /// [`ProgramError::Changed`], or why it must not run any more.
    pub fn check(&self) -> Result<(), ProgramError> {
        self.run.check()?;
        self.parts.iter().try_for_each(Pinned::check)?;
        self.trees.iter().try_for_each(Tree::check)
    }

    /// Where it stands inside a jail of this level.
    #[must_use]
    pub(crate) fn inside(&self, level: Level) -> String {
        let named = match level {
            Level::Strict => return shown(&self.path),
            // An interpreter finds its parts from the name it is called by. The rules know the real file alone.
            Level::Nested | Level::Job | Level::None if !self.is_one_file() => &self.path,
            Level::Nested | Level::Job | Level::None => &self.file,
        };
        named.to_string_lossy().into_owned()
    }

    /// Its fixed arguments in a jail of this level.
    pub(crate) fn fixed(&self, level: Level) -> impl Iterator<Item = String> {
        let own_root = level == Level::Strict;
        self.with.iter().map(move |one| if own_root { shown(Path::new(one)) } else { one.clone() })
    }

    /// Everything it is made of, under the names that the recipe has.
    pub(crate) fn everything(&self) -> impl Iterator<Item = Mount> {
        let named = |path: &Path, real: &Path, kind| Mount {
            source: real.to_owned(),
            target: path.to_string_lossy().into_owned(),
            kind,
        };
        let trees = self.trees.iter().map(move |tree| named(&tree.path, &tree.real, MountKind::Dir));
        let parts = self.parts.iter().map(move |part| named(&part.path, &part.real, MountKind::File));
        trees.chain(parts).chain([named(&self.path, &self.file, MountKind::File)])
    }

    /// Everything it is made of, for a jail of this level, where it stands itself at `inside`.
    pub(crate) fn mounts(&self, level: Level, inside: &str) -> Vec<Mount> {
        let own_root = level == Level::Strict;
        let named = |path: &Path, real: &Path, kind| {
            let target = if own_root { shown(path) } else { real.to_string_lossy().into_owned() };
            Mount { source: real.to_owned(), target, kind }
        };
        let trees = self.trees.iter().map(|tree| named(&tree.path, &tree.real, MountKind::Dir));
        // What lies in a folder that is shown whole is there already.
        let alone = self.parts.iter().filter(|part| !self.trees.iter().any(|tree| tree.holds(&part.path, &part.real)));
        let parts = alone.map(|part| named(&part.path, &part.real, MountKind::File));
        let own = (!self.trees.iter().any(|tree| tree.holds(&self.path, &self.file))).then(|| {
            let target = if own_root { inside.to_owned() } else { self.file.to_string_lossy().into_owned() };
            Mount { source: self.file.clone(), target, kind: MountKind::File }
        });
        trees.chain(parts).chain(own).collect()
    }

    const fn is_one_file(&self) -> bool {
        self.with.is_empty() && self.parts.is_empty() && self.trees.is_empty()
    }
}

/// The private folder inside a strict jail.
pub(crate) const HOME: &str = "/home/job";

/// Folders of each job's own, which lie over the host's.
const OVERLAID: [&str; 2] = ["/tmp", HOME];

/// Where a path of the host stands in a root of the job's own.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if OVERLAID.iter().any(|own| path.starts_with(own)) { format!("/opt/countersign{text}") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn scripts_and_dispatchers_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let script = file(folder.path(), "script", b"#!/bin/sh\n");
        // The word lies across two pieces on purpose.
        let mut bytes = vec![0; pinned::PIECE - 8];
        bytes.extend(b"v1.32.4-dispatcher\0");
        let dispatcher = file(folder.path(), "dispatcher", &bytes);
        let real = file(folder.path(), "real", b"\x7fELF kubectl-dispatcher-free");
        let candidates =
            |paths: &[&PathBuf]| paths.iter().map(|path| Candidate::file(path.to_string_lossy())).collect::<Vec<_>>();
        let found = Program::find("kubectl", &candidates(&[&script, &dispatcher, &real]), &[]).unwrap();
        assert_eq!(
            (found.digest().unwrap(), found.path),
            (Digest::of(b"\x7fELF kubectl-dispatcher-free"), real.clone())
        );
        let error = Program::find("kubectl", &candidates(&[&script, &dispatcher]), &[]).unwrap_err().to_string();
        assert!(error.contains("is a script") && error.contains("is a dispatcher"), "{error}");
    }

    #[test]
    fn p59_a_program_that_changed_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "tool", b"one");
        let program = Program::open("tool", &path, &[]).unwrap();
        program.check().unwrap();
        let touched = fs::File::options().append(true).open(&path).unwrap();
        touched.set_modified(std::time::UNIX_EPOCH).unwrap();
        program.check().unwrap(); // the same bytes are the same program
        fs::write(&path, b"two").unwrap();
        assert!(matches!(program.check(), Err(ProgramError::Changed(_))));
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/usr/bin/true", &path).unwrap();
        assert!(program.check().is_err());
    }

    #[test]
    fn p59_a_program_that_others_can_change_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "tool", b"one");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o757)).unwrap();
        assert!(matches!(Program::open("tool", &path, &[]), Err(ProgramError::Writable(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Program::open("tool", &path, &[]), Err(ProgramError::Writable(_))));
    }

    #[test]
    fn p59_a_manifest_pins_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "tool", b"one");
        Program::open("tool", &path, &[Digest::of(b"one")]).unwrap();
        let error = Program::open("tool", &path, &[Digest::of(b"other")]).unwrap_err();
        assert!(matches!(error, ProgramError::NotInManifest { .. }));
    }
}
