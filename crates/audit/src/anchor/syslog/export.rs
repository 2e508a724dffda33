//! Heads out of a file that a syslog host wrote.
//!
//! **Invariant:** of the file only our elements are believed to be anything, whatever stands around
//! them; of several contents under one name none hides another.

use super::message::{ELEMENT, Element, MAX_ELEMENT_BYTES};
use crate::anchor::Heads;
use crate::layout;
use crate::sink::ReadError;
use async_trait::async_trait;
use countersign_core::digest::Digest;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How much of the file is looked at in one go.
const BLOCK_BYTES: usize = 1 << 20;

/// A file that a syslog host wrote, in whatever form of line.
#[derive(Debug, Clone)]
pub struct SyslogFile {
    path: PathBuf,
    deployment: String,
    index: Arc<Mutex<Option<Arc<Index>>>>,
}

/// Where in the file the contents of each name stand: offset and digest of the note.
type Index = BTreeMap<String, Vec<(u64, Digest)>>;

impl SyslogFile {
    /// The heads of this installation in a file. The file is read when it is asked for names.
    #[must_use]
    pub fn new(path: &Path, deployment: &str) -> Self {
        Self { path: path.to_owned(), deployment: deployment.to_owned(), index: Arc::default() }
    }

    fn scan(&self) -> io::Result<Arc<Index>> {
        let mut index = Index::new();
        let mut file = File::open(&self.path)?;
        let mut block = Vec::new();
        let mut begins = 0_u64;
        loop {
            let before = block.len();
            let wanted = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
            let ended = file.by_ref().take(wanted).read_to_end(&mut block)? == 0;
            // What begins too near to the end of the block is looked at with the next one.
            let until = if ended { block.len() } else { block.len().saturating_sub(MAX_ELEMENT_BYTES) };
            self.elements(&block, until, begins, &mut index);
            if ended {
                return Ok(Arc::new(index));
            }
            debug_assert!(block.len() > before, "a block that ended nothing grew");
            block.drain(..until);
            begins += u64::try_from(until).unwrap_or(u64::MAX);
        }
    }

    /// Notes every element of ours that begins before `until`.
    fn elements(&self, block: &[u8], until: usize, begins: u64, index: &mut Index) {
        let mut from = 0;
        while let Some(at) = marker(block, from).filter(|at| *at < until) {
            from = at + ELEMENT.len();
            let element = block.get(from..).and_then(Element::read);
            let Some(element) = element.filter(|one| one.deployment == self.deployment) else { continue };
            if !element.key.starts_with(layout::HEADS) {
                continue;
            }
            let digest = Digest::of(&element.note);
            let contents = index.entry(element.key).or_default();
            if !contents.iter().any(|(_, known)| *known == digest) {
                contents.push((begins + u64::try_from(from).unwrap_or(u64::MAX), digest));
            }
        }
    }

    fn known(&self) -> io::Result<Arc<Index>> {
        let known = self.index.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        known.map_or_else(|| self.fresh(), Ok)
    }

    fn fresh(&self) -> io::Result<Arc<Index>> {
        let index = self.scan()?;
        *self.index.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(index.clone());
        Ok(index)
    }

    fn read(&self, name: &str) -> io::Result<Vec<Vec<u8>>> {
        let index = self.known()?;
        let mut file = File::open(&self.path)?;
        let mut notes = Vec::new();
        for (offset, digest) in index.get(name).into_iter().flatten() {
            file.seek(SeekFrom::Start(*offset))?;
            let mut window = Vec::new();
            file.by_ref().take(u64::try_from(MAX_ELEMENT_BYTES).unwrap_or(u64::MAX)).read_to_end(&mut window)?;
            let note = Element::read(&window).map(|element| element.note);
            notes.extend(note.filter(|note| Digest::of(note) == *digest));
        }
        Ok(notes)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let it = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&it)).await;
        done.map_err(|error| ReadError::Unavailable(Box::new(error)))?
            .map_err(|error| ReadError::Unavailable(Box::new(error)))
    }
}

#[async_trait]
impl Heads for SyslogFile {
    async fn names(&self) -> Result<Vec<String>, ReadError> {
        let index = self.blocking(Self::fresh).await?;
        Ok(index.keys().cloned().collect())
    }

    async fn head(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.heads(name).await?.into_iter().next())
    }

    async fn heads(&self, name: &str) -> Result<Vec<Vec<u8>>, ReadError> {
        let name = name.to_owned();
        self.blocking(move |it| it.read(&name)).await
    }
}

/// Where our element's name stands next.
fn marker(block: &[u8], from: usize) -> Option<usize> {
    let name = ELEMENT.as_bytes();
    let before = ELEMENT.find('@').unwrap_or(0);
    let mut from = from + before;
    // Few lines hold an `@`, so that this is one pass for it.
    loop {
        let at = from + block.get(from..)?.iter().position(|byte| *byte == b'@')?;
        if block.get(at - before..).is_some_and(|rest| rest.starts_with(name)) {
            return Some(at - before);
        }
        from = at + 1;
    }
}
