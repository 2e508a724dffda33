//! The files of an archive, in memory.
//!
//! **Invariant:** nothing is written, so that no name in an archive is ever a path; a name that would climb is refused
//! all the same. What an archive says of its own sizes is not believed: entries, bytes and their ratio are bounded while
//! it is read.

use crate::words::shown;
use std::io::{Cursor, Read as _};
use zip::ZipArchive;

/// No archive is larger, in bytes.
pub(crate) const LARGEST: usize = 64 << 20;
/// No archive has more files.
const MOST_FILES: usize = 100;
/// All files together, in bytes.
const LARGEST_WHOLE: usize = 128 << 20;
/// How much larger a file is than it is in the archive. DEFLATE cannot do more than a thousandfold; what people build
/// stays far below a hundredfold.
const LARGEST_RATIO: usize = 200;
/// Files below this size may have any ratio: a kilobyte of spaces is no bomb.
const SMALL: usize = 1 << 20;

/// Why an archive is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadArchive {
    /// It is none, or is broken.
    #[error("it is not a zip archive, or a broken one")]
    NotAnArchive,
    /// Its bytes have another SHA-256 than GitHub says.
    #[error("it is not the one that GitHub names")]
    NotIt,
    /// It has too many bytes, before or after unpacking.
    #[error("it is larger than 64 MiB, or 128 MiB unpacked")]
    TooLarge,
    /// It has too many files.
    #[error("it has more than 100 files")]
    TooMany,
    /// It unpacks to much more than it is.
    #[error("it unpacks to more than 200 times its size")]
    Bomb,
    /// The name of a file climbs, is absolute, or is not text.
    #[error("the name `{0}` in it is not a plain one")]
    Name(String),
    /// An entry is a link, or is encrypted.
    #[error("`{0}` in it is not a plain file")]
    NotAFile(String),
}

pub(crate) fn files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, BadArchive> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| BadArchive::NotAnArchive)?;
    if archive.len() > MOST_FILES {
        return Err(BadArchive::TooMany);
    }
    let (mut files, mut whole) = (Vec::new(), 0);
    for nth in 0..archive.len() {
        let entry = archive.by_index(nth).map_err(|_| BadArchive::NotAnArchive)?;
        let name = entry.name().map_err(|_| BadArchive::Name("not text".to_owned()))?.into_owned();
        if !is_plain(&name) {
            return Err(BadArchive::Name(shown(&name)));
        }
        if entry.is_dir() {
            continue;
        }
        if entry.is_symlink() || entry.encrypted() || !entry.is_file() {
            return Err(BadArchive::NotAFile(shown(&name)));
        }
        let packed = usize::try_from(entry.compressed_size()).unwrap_or(usize::MAX);
        let most = packed.saturating_mul(LARGEST_RATIO).max(SMALL);
        let left = LARGEST_WHOLE - whole;
        let mut content = Vec::new();
        let bound = u64::try_from(most.min(left)).unwrap_or(u64::MAX).saturating_add(1);
        entry.take(bound).read_to_end(&mut content).map_err(|_| BadArchive::NotAnArchive)?;
        if content.len() > left {
            return Err(BadArchive::TooLarge);
        }
        if content.len() > most {
            return Err(BadArchive::Bomb);
        }
        whole += content.len();
        files.push((name, content));
    }
    Ok(files)
}

fn is_plain(name: &str) -> bool {
    let parts = name.strip_suffix('/').unwrap_or(name).split('/');
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':']) && shown(part) == part;
    name.len() <= 200 && parts.into_iter().all(is_part)
}
