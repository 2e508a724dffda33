//! What a commit is, and which files it has: by git alone, without writing one of them.
//!
//! **Invariant:** names and words in it are foreign; whoever shows them makes them harmless.

use crate::fetched::Fetched;
use crate::running::{CallError, MAX_ANSWER_BYTES};
use std::collections::BTreeMap;

/// Who made a commit, and what they wrote first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Name and address, as the commit has them; nobody vouches for either.
    pub author: String,
    /// The first line of the message.
    pub subject: String,
}

impl Fetched {
    /// What the commit says about itself.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// A dropped future ends git.
    pub async fn about(&self) -> Result<About, CallError> {
        let out = self.answer(&["cat-file", "commit", self.commit().as_str()]).await?;
        let text = String::from_utf8_lossy(&out);
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let author = head.lines().find_map(|line| line.strip_prefix("author ")).unwrap_or_default();
        // `Ann <ann@example.com> 1795222800 +0000`
        let author = author.rsplit_once('>').map_or(author.to_owned(), |(name, _)| format!("{name}>"));
        let subject = message.lines().next().unwrap_or_default().to_owned();
        Ok(About { author, subject })
    }

    /// Every path with what stands there: mode and object, so that equal ones are equal files.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// A dropped future ends git.
    pub async fn files(&self) -> Result<BTreeMap<String, String>, CallError> {
        let out = self.answer(&["ls-tree", "-r", "-z", "--full-tree", self.commit().as_str()]).await?;
        let lines = out.split(|byte| *byte == 0).filter(|line| !line.is_empty());
        let entry = |line: &[u8]| {
            let line = String::from_utf8_lossy(line).into_owned();
            line.split_once('\t').map(|(what, path)| (path.to_owned(), what.to_owned()))
        };
        Ok(lines.filter_map(entry).collect())
    }

    async fn answer(&self, words: &[&str]) -> Result<Vec<u8>, CallError> {
        let running = self.git(words)?;
        running.ended_within(self.limits().deadline, &[], MAX_ANSWER_BYTES).await?.good("git")
    }
}
