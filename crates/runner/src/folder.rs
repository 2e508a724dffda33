//! Private folders of the worker, and the host user ids that jobs run as.
//!
//! **Invariant:** a job's folder is made by us, 0700, under a name nobody could know, and is gone when its value is; a
//! user id belongs to one job at a time.

use rustix::fs::{AtFlags, CWD, FileType, Mode, mkdirat, statat};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The folder that holds the jobs' folders: ours alone. Others may pass through it, for at level `nested` a job's home
/// lies in it and belongs to the job's user; they cannot list it, and no name in it can be guessed.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder(PathBuf);

/// Why a folder cannot hold jobs' folders.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or looked at.
    #[error("the folder for running jobs `{}` cannot be used", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others could enter or replace it.
    #[error("the folder for running jobs `{}` is not a folder of the worker's own with mode 0711 or 0700", .0.display())]
    NotPrivate(PathBuf),
    /// A UNIX socket's name has at most 107 bytes (unix(7)).
    #[error("the path of the folder for running jobs `{}` is too long for a socket", .0.display())]
    TooLong(PathBuf),
}

impl RunFolder {
    /// Makes the folder if it is not there, and removes what a killed worker left in it.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { path: path.to_owned(), source };
        match std::fs::DirBuilder::new().mode(0o711).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
            _ => {}
        }
        let found = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| unusable(error.into()))?;
        let own = found.st_uid == rustix::process::geteuid().as_raw();
        let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        if !own || !is_folder || Mode::from_raw_mode(found.st_mode).bits() & 0o7766 != 0o700 {
            return Err(FolderError::NotPrivate(path.to_owned()));
        }
        // 32 digits, a slash on each side, and `proxy`.
        if path.as_os_str().len() + 39 > 107 || !path.is_absolute() {
            return Err(FolderError::TooLong(path.to_owned()));
        }
        for entry in std::fs::read_dir(path).map_err(unusable)? {
            let entry = entry.map_err(unusable)?;
            let name = entry.file_name();
            if is_job_name(&name.to_string_lossy()) || is_probe_name(&name.to_string_lossy()) {
                std::fs::remove_dir_all(entry.path()).map_err(unusable)?;
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// A path that nobody could know, for something that is made later.
    pub(crate) fn fresh(&self) -> io::Result<PathBuf> {
        let mut name = [0_u8; 16];
        getrandom::fill(&mut name).map_err(|_| io::Error::other("no randomness"))?;
        Ok(self.0.join(countersign_core::digest::hex(&name)))
    }

    /// A fresh folder for one job.
    pub(crate) fn job(&self) -> io::Result<JobFolder> {
        let path = self.fresh()?;
        // Fails if anything of that name is there, a link included.
        mkdirat(CWD, &path, Mode::RWXU)?;
        Ok(JobFolder(path))
    }
}

fn is_job_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the probe at start aims its attacks at; its number is a process's.
fn is_probe_name(name: &str) -> bool {
    name.strip_prefix("probe-").is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The folder of one job; removed with everything in it when dropped.
#[derive(Debug)]
pub(crate) struct JobFolder(PathBuf);

impl JobFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for JobFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::error!(error = %error, "The folder of a job could not be removed");
        }
    }
}

/// Host user ids for jobs, each lent to one job at a time.
#[derive(Debug, Clone)]
pub(crate) struct Uids(Arc<Mutex<Vec<u32>>>);

/// A lent user id; given back when dropped.
#[derive(Debug)]
pub(crate) struct Uid {
    pub(crate) number: u32,
    pool: Uids,
}

impl Uids {
    pub(crate) fn new(range: std::ops::Range<u32>) -> Self {
        Self(Arc::new(Mutex::new(range.rev().collect())))
    }

    /// A free one, if there is one.
    pub(crate) fn lend(&self) -> Option<Uid> {
        let number = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Uid { number, pool: self.clone() })
    }
}

impl Drop for Uid {
    fn drop(&mut self) {
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn p47_a_jobs_folder_is_private_and_gone_afterwards() {
        let base = tempfile::tempdir().unwrap();
        let run = RunFolder::open(&base.path().join("run")).unwrap();
        let job = run.job().unwrap();
        let path = job.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        std::fs::write(path.join("x"), "y").unwrap();
        symlink("/etc", path.join("link")).unwrap();
        drop(job);
        assert!(!path.exists() && Path::new("/etc/passwd").exists());
    }

    #[test]
    fn p47_a_folder_that_others_can_enter_or_a_link_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let open = base.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(RunFolder::open(&open), Err(FolderError::NotPrivate(_))));
        let link = base.path().join("link");
        symlink("/root", &link).unwrap();
        assert!(matches!(RunFolder::open(&link), Err(FolderError::NotPrivate(_))));
    }

    #[test]
    fn what_a_killed_worker_left_is_removed_at_start() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        std::mem::forget(RunFolder::open(&path).unwrap().job().unwrap());
        std::fs::create_dir_all(path.join("probe-283/open")).unwrap();
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
        RunFolder::open(&path).unwrap();
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn p19_two_jobs_never_share_a_user() {
        let uids = Uids::new(61_000..61_002);
        let (one, two) = (uids.lend().unwrap(), uids.lend().unwrap());
        assert!(one.number != two.number && uids.lend().is_none());
        drop(one);
        assert!(uids.lend().is_some());
    }
}
