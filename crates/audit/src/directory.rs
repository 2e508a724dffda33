//! A folder as a create-only store.
//!
//! **Invariant:** a file gets its final name by `link(2)` after its content is on disk, so that a
//! torn file never has the name of an object, and two writers never share one. No symbolic link
//! is followed below the folder, nor as the folder.

use crate::sink::{Entry, Inventory, Kept, Key, Object, PutError, ReadError, Sink, Stored};
use async_trait::async_trait;
use countersign_core::time::{Clock, Timestamp};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of this machine or of a mounted file system.
///
/// It has no clock of its own: the time of an object is what the given clock said when it was
/// stored, kept as the file's modification time.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
    clock: Arc<dyn Clock>,
}

/// Why a folder is not taken as a store.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It cannot be written.
    #[error("the folder `{0}` cannot be written")]
    Unwritable(String, #[source] PutError),
    /// Of eight who created the same file not exactly one was told that it had.
    #[error("the file system of `{folder}` let {winners} of 8 writers create the same file; it must be exactly one")]
    NotExclusive {
        /// Which folder.
        folder: String,
        /// How many were told so.
        winners: usize,
    },
}

/// Begins the name of a file that is still being written.
const UNFINISHED: &str = ".unfinished-";

impl Directory {
    /// Takes an existing folder, after eight writers raced there for one file.
    ///
    /// # Errors
    /// When it is missing, a link, or not writable, or creation is not exclusive there.
    pub fn open(root: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, DirectoryError> {
        let it = Self { root: root.into(), clock };
        let folder = || it.root.display().to_string();
        let name = format!("{UNFINISHED}probe-{}", uuid::Uuid::new_v4());
        let tries: Vec<_> = std::thread::scope(|scope| {
            let one = || scope.spawn(|| it.create(&[], &name, b"probe"));
            let racers: Vec<_> = (0..8).map(|_| one()).collect();
            racers.into_iter().map(|racer| racer.join().expect("creating a file does not panic")).collect()
        });
        let winners = tries.iter().filter(|outcome| outcome.is_ok()).count();
        if let Some(error) =
            tries.into_iter().find_map(|outcome| outcome.err().filter(|e| !matches!(e, PutError::Exists)))
        {
            return Err(DirectoryError::Unwritable(folder(), error));
        }
        if winners != 1 {
            return Err(DirectoryError::NotExclusive { folder: folder(), winners });
        }
        let removed = open_folder(&it.root).and_then(|root| rustix::fs::unlinkat(root, &name, AtFlags::empty()));
        removed.map_err(|errno| DirectoryError::Unwritable(folder(), put_error(errno)))?;
        Ok(it)
    }

    /// A folder that is only read: nothing is tried out, so that a copy on read-only media will do.
    ///
    /// # Errors
    /// When it is missing or a link.
    pub fn look(root: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, ReadError> {
        let it = Self { root: root.into(), clock };
        open_folder(&it.root).map(|_| ()).map_err(unreadable)?;
        Ok(it)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn create(&self, folders: &[&str], name: &str, bytes: &[u8]) -> Result<Stored, PutError> {
        let at = self.clock.now();
        let mut folder = open_folder(&self.root).map_err(put_error)?;
        for part in folders {
            folder = enter_or_make(&folder, part).map_err(put_error)?;
        }
        if rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(PutError::Exists);
        }
        let unfinished = format!("{UNFINISHED}{}", uuid::Uuid::new_v4());
        let outcome = write_whole(&folder, &unfinished, bytes, at)
            .and_then(|()| rustix::fs::linkat(&folder, &unfinished, &folder, name, AtFlags::empty()));
        // A leftover of a crash has no object's name; removing our own may fail without harm.
        let _ = rustix::fs::unlinkat(&folder, &unfinished, AtFlags::empty());
        outcome.and_then(|()| rustix::fs::fsync(&folder)).map_err(put_error)?;
        Ok(Stored { at })
    }

    fn fetch(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        let (folders, name) = split(key);
        let opened = open_folder(&self.root).and_then(|root| {
            let folder = folders.iter().try_fold(root, |folder, part| enter(&folder, *part))?;
            rustix::fs::openat(
                &folder,
                name,
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK,
                Mode::empty(),
            )
        });
        let file = match opened {
            Ok(file) => file,
            // A missing root is an outage; a missing object is an answer.
            Err(Errno::NOENT) if open_folder(&self.root).is_ok() => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => return Err(ReadError::NotPlain(key.to_string())),
            Err(errno) => return Err(unreadable(errno)),
        };
        let stat = rustix::fs::fstat(&file).map_err(unreadable)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(ReadError::NotPlain(key.to_string()));
        }
        let mut bytes = Vec::new();
        File::from(file).read_to_end(&mut bytes).map_err(|error| ReadError::Unavailable(Box::new(error)))?;
        let millis = i64::try_from(stat.st_mtime_nsec).unwrap_or(0) / 1_000_000;
        let at = Timestamp::from_millis(stat.st_mtime.saturating_mul(1000).saturating_add(millis));
        Ok(Some(Object { bytes, at, kept: Kept::NotApplicable }))
    }

    fn walk(&self, prefix: &str) -> Result<Vec<Entry>, ReadError> {
        let mut found = Vec::new();
        let root = open_folder(&self.root).map_err(unreadable)?;
        visit(&root, "", prefix, &mut found).map_err(unreadable)?;
        found.sort_by(|one: &Entry, other| one.name.cmp(&other.name));
        Ok(found)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        let it = self.clone();
        tokio::task::spawn_blocking(move || work(&it)).await
    }
}

#[async_trait]
impl Sink for Directory {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        let key = key.clone();
        let put = move |it: &Self| {
            let (folders, name) = split(&key);
            it.create(&folders, name, &bytes)
        };
        self.blocking(put).await.map_err(|error| PutError::Unavailable(Box::new(error)))?
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        let key = key.clone();
        let read = self.blocking(move |it| it.fetch(&key)).await;
        read.map_err(|error| ReadError::Unavailable(Box::new(error)))?
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        let prefix = prefix.to_owned();
        let entries = self.blocking(move |it| it.walk(&prefix)).await;
        let entries = entries.map_err(|error| ReadError::Unavailable(Box::new(error)))??;
        Ok(Inventory { entries, irregular: Vec::new() })
    }
}

fn split(key: &Key) -> (Vec<&str>, &str) {
    let mut parts: Vec<&str> = key.as_str().split('/').collect();
    let name = parts.pop().unwrap_or_default();
    (parts, name)
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The folder is opened anew each time, so that one that went away and came back is found again.
fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, FOLDER, Mode::empty())
}

fn enter(folder: &OwnedFd, part: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, part, FOLDER, Mode::empty())
}

fn enter_or_make(folder: &OwnedFd, part: &str) -> Result<OwnedFd, Errno> {
    match enter(folder, part) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    match rustix::fs::mkdirat(folder, part, Mode::from_raw_mode(0o750)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    rustix::fs::fsync(folder)?;
    enter(folder, part)
}

fn write_whole(folder: &OwnedFd, name: &str, bytes: &[u8], at: Timestamp) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o440))?;
    let mut file = File::from(fd);
    let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    file.write_all(bytes).map_err(errno)?;
    let stamp =
        Timespec { tv_sec: at.as_millis().div_euclid(1000), tv_nsec: at.as_millis().rem_euclid(1000) * 1_000_000 };
    rustix::fs::futimens(file.as_fd(), &Timestamps { last_access: stamp, last_modification: stamp })?;
    file.sync_all().map_err(errno)
}

fn visit(folder: &OwnedFd, path: &str, prefix: &str, found: &mut Vec<Entry>) -> Result<(), Errno> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        // A name that is no text is listed as well as it can be, and looked at as it is.
        let exact = entry.file_name();
        let name = exact.to_string_lossy().into_owned();
        if name == "." || name == ".." || name.starts_with(UNFINISHED) {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let below = format!("{path}/");
        match enter(folder, exact) {
            Ok(inner) => {
                if below.starts_with(prefix) || prefix.starts_with(&below) {
                    visit(&inner, &path, prefix, found)?;
                }
            }
            // A link, a device or a plain file: listed by its name, so that a stranger is seen.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                if path.starts_with(prefix) {
                    let size = match rustix::fs::statat(folder, exact, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(stat) => u64::try_from(stat.st_size).unwrap_or(0),
                        Err(Errno::NOENT) => continue,
                        Err(errno) => return Err(errno),
                    };
                    found.push(Entry { name: path, version: None, size });
                }
            }
            // It was removed meanwhile.
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn put_error(errno: Errno) -> PutError {
    let source = std::io::Error::from(errno);
    match errno {
        Errno::EXIST => PutError::Exists,
        Errno::NOSPC | Errno::DQUOT => PutError::Full(source),
        Errno::ROFS | Errno::ACCESS | Errno::PERM => PutError::ReadOnly(source),
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => PutError::Missing(source),
        _ => PutError::Unavailable(Box::new(source)),
    }
}

fn unreadable(errno: Errno) -> ReadError {
    ReadError::Unavailable(Box::new(std::io::Error::from(errno)))
}
