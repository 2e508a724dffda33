//! The file that is executed: found by absolute path, known by digest.
//!
//! **Invariant:** a [`Program`] is a regular executable file that nobody but root and the worker's own user can change
//! or replace, it is no script and no dispatcher, and its digest was computed when it was found.

use countersign_core::digest::Digest;
use rustix::fs::{CWD, Mode, OFlags, openat, statat};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The Cloud SDK's `kubectl` picks and executes another binary; its version string ends so.
const DISPATCHER: &[u8] = b"-dispatcher";

/// Read in pieces of this size; a kubectl has some 50 MiB.
const PIECE: usize = 256 * 1024;

/// A program that may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name it is asked for by.
    pub name: String,
    /// Where it stands inside the jail: the path of the recipe.
    pub path: PathBuf,
    /// The real file on the host, links resolved.
    pub file: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    stamp: Stamp,
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
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
    pub fn find(name: &str, candidates: &[PathBuf], manifest: &[Digest]) -> Result<Self, ProgramError> {
        let mut reasons = Vec::new();
        for path in candidates {
            match Self::open(name, path, manifest) {
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
        let unreadable = |source| ProgramError::Unreadable { path: path.to_owned(), source };
        let real = std::fs::canonicalize(path).map_err(unreadable)?;
        unchangeable(&real)?;
        let mut file = open(&real).map_err(unreadable)?;
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() || meta.mode() & 0o111 == 0 {
            return Err(ProgramError::NotExecutable(path.to_owned()));
        }
        let look = look(&mut file).map_err(unreadable)?;
        match look.kind {
            Kind::Script => return Err(ProgramError::Script(path.to_owned())),
            Kind::Dispatcher => return Err(ProgramError::Dispatcher(path.to_owned())),
            Kind::Program => {}
        }
        if !manifest.is_empty() && !manifest.contains(&look.digest) {
            return Err(ProgramError::NotInManifest { path: path.to_owned(), digest: look.digest });
        }
        let (name, path) = (name.to_owned(), path.to_owned());
        Ok(Self { name, path, file: real, digest: look.digest, stamp: Stamp::of(&meta) })
    }

    /// Checks that it is still the file that was found. Reads it again if anything about it changed: a replaced file
    /// with the same bytes is the same program.
    ///
    /// # Errors
    /// [`ProgramError::Changed`], or why it must not run any more.
    pub fn check(&self) -> Result<(), ProgramError> {
        let changed = || ProgramError::Changed(self.path.clone());
        unchangeable(&self.file)?;
        if std::fs::canonicalize(&self.path).map_err(|_| changed())? != self.file {
            return Err(changed());
        }
        let mut file = open(&self.file).map_err(|_| changed())?;
        let meta = file.metadata().map_err(|_| changed())?;
        if Stamp::of(&meta) == self.stamp {
            return Ok(());
        }
        match look(&mut file) {
            Ok(look) if look.digest == self.digest && meta.mode() & 0o111 != 0 => Ok(()),
            _ => Err(changed()),
        }
    }
}

impl Stamp {
    fn of(meta: &std::fs::Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Without following links, and without waiting for the other end of a pipe that somebody put there.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    Ok(File::from(openat(CWD, path, flags, Mode::empty())?))
}

/// Neither the file nor a folder above it may be writable by others; a sticky folder keeps others from replacing.
pub(crate) fn unchangeable(real: &Path) -> Result<(), ProgramError> {
    let own = rustix::process::geteuid().as_raw();
    for (nth, path) in real.ancestors().enumerate() {
        let found = statat(CWD, path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
        let found = found.map_err(|error| ProgramError::Unreadable { path: path.to_owned(), source: error.into() })?;
        let mode = Mode::from_raw_mode(found.st_mode);
        let owned = found.st_uid == 0 || found.st_uid == own;
        let open_to_others = mode.intersects(Mode::WGRP | Mode::WOTH);
        let sticky = nth > 0 && mode.contains(Mode::SVTX);
        if !owned || (open_to_others && !sticky) {
            return Err(ProgramError::Writable(path.to_owned()));
        }
    }
    Ok(())
}

enum Kind {
    Program,
    Script,
    Dispatcher,
}

struct Look {
    digest: Digest,
    kind: Kind,
}

fn look(file: &mut File) -> io::Result<Look> {
    let mut hash = Sha256::new();
    let mut kind = None;
    // What is searched for may lie across two pieces, so the end of each is kept before the next.
    let mut window: Vec<u8> = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            let digest = Digest::from_bytes(hash.finalize().into());
            return Ok(Look { digest, kind: kind.unwrap_or(Kind::Program) });
        }
        let fresh = &piece[..read];
        hash.update(fresh);
        if window.is_empty() && fresh.starts_with(b"#!") {
            kind = Some(Kind::Script);
        }
        let kept = window.len().saturating_sub(DISPATCHER.len());
        window.drain(..kept);
        window.extend_from_slice(fresh);
        if kind.is_none() && is_dispatcher(&window) {
            kind = Some(Kind::Dispatcher);
        }
    }
}

/// A version string such as `v1.32.4-dispatcher`: digits right before the word.
fn is_dispatcher(window: &[u8]) -> bool {
    let mut rest = window;
    while let Some(dash) = rest.iter().position(|byte| *byte == b'-') {
        let digit = dash.checked_sub(1).and_then(|before| rest.get(before)).is_some_and(u8::is_ascii_digit);
        if digit && rest[dash..].starts_with(DISPATCHER) {
            return true;
        }
        rest = &rest[dash + 1..];
    }
    false
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
        let mut bytes = vec![0; PIECE - 8];
        bytes.extend(b"v1.32.4-dispatcher\0");
        let dispatcher = file(folder.path(), "dispatcher", &bytes);
        let real = file(folder.path(), "real", b"\x7fELF kubectl-dispatcher-free");
        let found = Program::find("kubectl", &[script.clone(), dispatcher.clone(), real.clone()], &[]).unwrap();
        assert_eq!((found.path, found.digest), (real.clone(), Digest::of(b"\x7fELF kubectl-dispatcher-free")));
        let error = Program::find("kubectl", &[script, dispatcher], &[]).unwrap_err().to_string();
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
