//! A file that is known by its digest.
//!
//! **Invariant:** nobody but root and the worker's own user can change or replace it, and its digest was computed when
//! it was found.

use super::ProgramError;
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
pub(super) const PIECE: usize = 256 * 1024;

/// A file, its digest, and what tells that it may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pinned {
    /// As the recipe names it.
    pub(super) path: PathBuf,
    /// With links resolved.
    pub(super) real: PathBuf,
    pub(super) digest: Digest,
    mode: u32,
    stamp: Stamp,
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Pinned {
    /// Reads all of it.
    pub(super) fn open(path: &Path) -> Result<(Self, Kind), ProgramError> {
        let unreadable = |source| ProgramError::Unreadable { path: path.to_owned(), source };
        let real = std::fs::canonicalize(path).map_err(unreadable)?;
        unchangeable(&real)?;
        let mut file = open(&real).map_err(unreadable)?;
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err(ProgramError::NotExecutable(path.to_owned()));
        }
        let Look { digest, kind } = look(&mut file).map_err(unreadable)?;
        let (path, stamp) = (path.to_owned(), Stamp::of(&meta));
        Ok((Self { path, real, digest, mode: meta.mode(), stamp }, kind))
    }

    pub(super) const fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }

    /// Checks that it is still the file that was found. Reads it again if anything about it changed.
    pub(super) fn check(&self) -> Result<(), ProgramError> {
        let changed = || ProgramError::Changed(self.path.clone());
        unchangeable(&self.real)?;
        if std::fs::canonicalize(&self.path).map_err(|_| changed())? != self.real {
            return Err(changed());
        }
        let mut file = open(&self.real).map_err(|_| changed())?;
        let meta = file.metadata().map_err(|_| changed())?;
        if Stamp::of(&meta) == self.stamp {
            return Ok(());
        }
        let executable = self.mode & 0o111 == 0 || meta.mode() & 0o111 != 0;
        match look(&mut file) {
            Ok(look) if look.digest == self.digest && executable => Ok(()),
            _ => Err(changed()),
        }
    }
}

impl Stamp {
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// SHA-256 of a file's bytes.
pub(super) fn digest_of(path: &Path) -> io::Result<Digest> {
    Ok(look(&mut open(path)?)?.digest)
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

/// What a file is, as far as its bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
