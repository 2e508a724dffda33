//! Who asks, where and when, and in which words.
//!
//! **Invariant:** nobody has a group that was not named.

use anyhow::Context as _;
use countersign_core::channel::Channel;
use countersign_core::principal::{Principal, Standing, SubjectId};
use countersign_core::time::Timestamp;
use countersign_policy::answer::{Asker, USUAL_TIME};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Who is meant to ask.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Who {
    /// The groups of whoever asks, with commas between them.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    pub groups: Vec<String>,
    /// The SSO subject of whoever asks, `ISSUER#SUBJECT`, for bindings that name one.
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Option<String>,
    /// The chat channel's id.
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// The chat knows that the channel is private.
    #[arg(long, requires = "channel")]
    pub private: bool,
    /// A file with the manifest that comes with the line, as a code block does in chat.
    #[arg(long, value_name = "FILE")]
    pub attachment: Option<PathBuf>,
    /// The time it is asked at, for freezes; a plain day in June when it is left away.
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
}

impl Who {
    /// As the policy is asked.
    ///
    /// # Errors
    /// When the subject or the time cannot be read.
    pub fn asker(&self) -> anyhow::Result<Asker> {
        let now = match &self.now {
            Some(text) => instant(text)?,
            None => USUAL_TIME,
        };
        let id = match &self.subject {
            Some(text) => subject(text)?,
            None => SubjectId { iss: "nobody".to_owned(), sub: "in-particular".to_owned() },
        };
        let attachment = self.attachment.as_deref().map(read).transpose()?;
        let asker = asker(
            id,
            self.groups.iter().cloned().collect(),
            self.channel.as_deref().map(|id| channel(id, self.private)),
            now,
        );
        Ok(Asker { attachment, ..asker })
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))
}

/// A channel, and whether the chat knows it to be private.
#[must_use]
pub fn channel(id: &str, private: bool) -> Channel {
    if private { Channel::private(id) } else { Channel::named(id) }
}

/// Somebody active with these groups.
#[must_use]
pub fn asker(id: SubjectId, groups: BTreeSet<String>, channel: Option<Channel>, now: Timestamp) -> Asker {
    let principal = Principal {
        name: id.to_string(),
        id,
        groups,
        standing: Standing::Active,
        known_by: "the command line".to_owned(),
    };
    Asker { principal, channel, attachment: None, now }
}

/// `issuer#subject`.
///
/// # Errors
/// When it is something else.
pub fn subject(text: &str) -> anyhow::Result<SubjectId> {
    let parts = text.split_once('#').filter(|(iss, sub)| !iss.is_empty() && !sub.is_empty());
    let (iss, sub) = parts.with_context(|| format!("`{text}` is not an SSO subject; write `ISSUER#SUBJECT`"))?;
    Ok(SubjectId { iss: iss.to_owned(), sub: sub.to_owned() })
}

/// `2026-12-20T00:00Z`.
///
/// # Errors
/// When it is something else.
pub fn instant(text: &str) -> anyhow::Result<Timestamp> {
    text.parse().with_context(|| format!("`{text}` is not a time; write for example `2026-12-20T00:00Z`"))
}

/// The words of a command line as the line that would be typed in chat. One word is the whole line;
/// of several, those that a shell took the quotes from get quotes again.
#[must_use]
pub fn line(words: &[String]) -> String {
    match words {
        [whole] => whole.clone(),
        _ => words.iter().map(|word| word_of(word)).collect::<Vec<_>>().join(" "),
    }
}

fn word_of(word: &str) -> String {
    // A filter's bar is one word of its own, and means itself.
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+~".contains(c);
    if word == "|" || (!word.is_empty() && word.chars().all(plain)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_words_become_the_line_that_was_meant() {
        let words = |words: &[&str]| line(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["kubectl get pods -n 'a b'"]), "kubectl get pods -n 'a b'");
        assert_eq!(words(&["kubectl", "annotate", "pod", "a", "b=c d"]), "kubectl annotate pod a 'b=c d'");
        assert_eq!(words(&["kubectl", "get", "pods", "|", "grep", "it's"]), "kubectl get pods | grep 'it'\\''s'");
        assert_eq!(words(&["echo", ""]), "echo ''");
    }
}
