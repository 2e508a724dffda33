//! A folder of plans: one of the worker's host, or one that all workers of the pool mount.
//!
//! **Invariant:** folder and files are the worker's alone (0700, 0600); a plan gets its name by `link(2)` after its
//! content is on disk, so that a torn one never has it and two never share it; no symbolic link is followed.

use super::sealed::{BEGINNING, LARGEST_OBJECT};
use super::{PlanError, is_plan_name};
use countersign_core::time::Timestamp;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Begins the name of a file that is still being written.
const UNFINISHED: &str = ".unfinished-";

/// A write that takes longer has ended with its worker.
const LONGEST_WRITE: Duration = Duration::from_hours(1);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder of plans.
#[derive(Debug, Clone)]
pub(super) struct FolderPlace(PathBuf);

impl FolderPlace {
    pub(super) fn open(path: &Path) -> Result<Self, PlanError> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(wrong(path, &format!("it cannot be made ({errno})"))),
        }
        let it = Self(path.to_owned());
        it.root()?;
        Ok(it)
    }

    /// Looked at anew each time: it may be a mount that went away, and came back as somebody else's.
    fn root(&self) -> Result<OwnedFd, PlanError> {
        let path = &self.0;
        let folder = match rustix::fs::openat(CWD, path, FOLDER, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::LOOP | Errno::NOTDIR) => return Err(wrong(path, "it is not a folder, or a link")),
            Err(errno) => return Err(unavailable(errno)),
        };
        if is_private(&folder).map_err(unavailable)? {
            Ok(folder)
        } else {
            Err(wrong(path, "it is not the worker's own with mode 0700"))
        }
    }

    /// The pool's part. `None` while nothing was saved.
    fn enter(&self, pool: &str) -> Result<Option<OwnedFd>, PlanError> {
        let path = || self.0.join(pool);
        match rustix::fs::openat(&self.root()?, pool, FOLDER, Mode::empty()) {
            Ok(folder) if is_private(&folder).map_err(unavailable)? => Ok(Some(folder)),
            Ok(_) => Err(wrong(&path(), "it is not the worker's own with mode 0700")),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(wrong(&path(), "it is not a folder, or a link")),
            Err(errno) => Err(unavailable(errno)),
        }
    }

    fn enter_or_make(&self, pool: &str) -> Result<OwnedFd, PlanError> {
        if let Some(folder) = self.enter(pool)? {
            return Ok(folder);
        }
        let root = self.root()?;
        match rustix::fs::mkdirat(&root, pool, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(unavailable(errno)),
        }
        rustix::fs::fsync(&root).map_err(unavailable)?;
        self.enter(pool)?.ok_or_else(|| unavailable(Errno::NOENT))
    }

    pub(super) async fn put(&self, pool: String, name: String, object: Vec<u8>) -> Result<(), PlanError> {
        let put = move |it: &Self| {
            let folder = it.enter_or_make(&pool)?;
            let mut random = [0_u8; 16];
            getrandom::fill(&mut random).map_err(|_| PlanError::Unavailable("no randomness".into()))?;
            let unfinished = format!("{UNFINISHED}{}", countersign_core::digest::hex(&random));
            let outcome = write_whole(&folder, &unfinished, &object)
                .and_then(|()| rustix::fs::linkat(&folder, &unfinished, &folder, &name, AtFlags::empty()));
            // It has its name now, or is of no use; what a crash leaves is removed by `tidy`.
            let _ = rustix::fs::unlinkat(&folder, &unfinished, AtFlags::empty());
            match outcome.and_then(|()| rustix::fs::fsync(&folder)) {
                Ok(()) => Ok(()),
                Err(Errno::EXIST) => Err(PlanError::Exists),
                Err(errno) => Err(unavailable(errno)),
            }
        };
        self.blocking(put).await
    }

    pub(super) async fn get(&self, pool: String, name: String) -> Result<Vec<u8>, PlanError> {
        self.blocking(move |it| {
            let object = it.read(&pool, &name, LARGEST_OBJECT + 1)?;
            if object.len() > LARGEST_OBJECT { Err(PlanError::Changed) } else { Ok(object) }
        })
        .await
    }

    pub(super) async fn beginning(&self, pool: String, name: String) -> Result<Vec<u8>, PlanError> {
        self.blocking(move |it| it.read(&pool, &name, BEGINNING)).await
    }

    pub(super) async fn remove(&self, pool: String, name: String) -> Result<(), PlanError> {
        let remove = move |it: &Self| {
            let Some(folder) = it.enter(&pool)? else { return Ok(()) };
            match rustix::fs::unlinkat(&folder, &name, AtFlags::empty()) {
                Ok(()) => rustix::fs::fsync(&folder).map_err(unavailable),
                Err(Errno::NOENT) => Ok(()),
                Err(errno) => Err(unavailable(errno)),
            }
        };
        self.blocking(remove).await
    }

    /// Removes what a crash left half written, once nobody can still be writing it.
    pub(super) async fn tidy(&self, pool: String, now: Timestamp) -> Result<(), PlanError> {
        self.blocking(move |it| {
            let Some(folder) = it.enter(&pool)? else { return Ok(()) };
            for entry in Dir::read_from(&folder).map_err(unavailable)? {
                let entry = entry.map_err(unavailable)?;
                let name = entry.file_name();
                if !name.to_bytes().starts_with(UNFINISHED.as_bytes()) {
                    continue;
                }
                let Ok(stat) = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
                let written = Timestamp::from_millis(stat.st_mtime.saturating_mul(1_000));
                if now.since(written) > LONGEST_WRITE {
                    let _ = rustix::fs::unlinkat(&folder, name, AtFlags::empty());
                }
            }
            Ok(())
        })
        .await
    }

    /// Names of plans.
    pub(super) async fn list(&self, pool: String) -> Result<Vec<String>, PlanError> {
        self.blocking(move |it| {
            let Some(folder) = it.enter(&pool)? else { return Ok(Vec::new()) };
            let mut names = Vec::new();
            for entry in Dir::read_from(&folder).map_err(unavailable)? {
                let entry = entry.map_err(unavailable)?;
                if let Ok(name) = entry.file_name().to_str()
                    && is_plan_name(name)
                {
                    names.push(name.to_owned());
                }
            }
            names.sort();
            Ok(names)
        })
        .await
    }

    fn read(&self, pool: &str, name: &str, most: usize) -> Result<Vec<u8>, PlanError> {
        let folder = self.enter(pool)?.ok_or(PlanError::Missing)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(PlanError::Missing),
            // A link is not what was saved.
            Err(Errno::LOOP) => return Err(PlanError::Changed),
            Err(errno) => return Err(unavailable(errno)),
        };
        let stat = rustix::fs::fstat(&file).map_err(unavailable)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(PlanError::Changed);
        }
        let mut object = Vec::new();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let read = File::from(file).take(most).read_to_end(&mut object);
        read.map_err(|error| PlanError::Unavailable(Box::new(error)))?;
        Ok(object)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, PlanError> + Send + 'static,
    ) -> Result<T, PlanError> {
        let it = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&it)).await;
        done.map_err(|error| PlanError::Unavailable(Box::new(error)))?
    }
}

fn is_private(folder: &OwnedFd) -> Result<bool, Errno> {
    let stat = rustix::fs::fstat(folder)?;
    let own = stat.st_uid == rustix::process::geteuid().as_raw();
    Ok(own && Mode::from_raw_mode(stat.st_mode).bits() & 0o7777 == 0o700)
}

fn write_whole(folder: &OwnedFd, name: &str, bytes: &[u8]) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    file.write_all(bytes).map_err(errno)?;
    file.sync_all().map_err(errno)
}

fn wrong(path: &Path, why: &str) -> PlanError {
    PlanError::Settings { place: format!("`{}`", path.display()), why: why.to_owned() }
}

fn unavailable(errno: Errno) -> PlanError {
    PlanError::Unavailable(Box::new(std::io::Error::from(errno)))
}
