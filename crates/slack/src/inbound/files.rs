//! Files that come with a line: one text file, of the one who asks.
//!
//! **Invariant:** of what a payload says of a file only its id is taken; whose it is, how it is kept
//! and where, Slack is asked anew. Nothing is fetched for somebody who may not ask.

use super::account::is_id;
use super::desk::Desk;
use crate::api::{ApiError, File};
use countersign_chat::Membership;
use countersign_core::input::Input;
use countersign_core::refusal::{Code, Refusal};

/// What came with a line beside its text.
pub(super) enum Beside {
    /// Nothing.
    Nothing,
    /// What stood in a field of its own.
    Text(String),
    /// Files, by their ids; at least one.
    Files(Vec<String>),
}

impl Beside {
    pub(super) fn files(ids: Vec<String>) -> Self {
        if ids.is_empty() { Self::Nothing } else { Self::Files(ids) }
    }
}

type Brought<T> = Result<T, Box<Refusal>>;

impl Desk {
    /// The manifest that came with a line of `user`.
    pub(super) async fn brought(&self, beside: Beside, user: &str, membership: Membership) -> Brought<Option<String>> {
        match beside {
            Beside::Nothing => Ok(None),
            Beside::Text(text) => Ok(Some(text)),
            // They are refused for what they are; their files are left alone.
            Beside::Files(_) if membership != Membership::Full => Ok(None),
            Beside::Files(ids) => match ids.as_slice() {
                [id] => self.fetched(id, user).await.map(Some),
                many => Err(bad(
                    format!("{} files came with the command, and it takes one manifest", many.len()),
                    "Give one file; it may hold several documents, with `---` between them.",
                )
                .into()),
            },
        }
    }

    async fn fetched(&self, id: &str, user: &str) -> Brought<String> {
        if !is_id(id) {
            return Err(bad("Slack does not say which file came with the command", ATTACH).into());
        }
        let file = self.api.file(id).await.map_err(|error| unreadable(&error))?;
        may_be_read(&file, id, user)?;
        let bytes = self.api.content(&file, Input::MOST_BYTES).await.map_err(|error| unreadable(&error))?;
        text(bytes)
    }
}

/// What people read as the rule; the chapter on manifests says what it asks for.
const RULE: &str = "manifests/files";

const ATTACH: &str = "Give the text file itself, together with the command.";

/// Whether it is a text file of theirs. What Slack does not say is not taken for granted.
fn may_be_read(file: &File, id: &str, user: &str) -> Brought<()> {
    let is_visible = file.file_access.as_deref().is_none_or(|access| access == "visible");
    if file.id != id || !is_visible {
        return Err(unreadable(&ApiError::Refused("access_denied".into())).into());
    }
    if file.mode.as_deref() == Some("tombstone") {
        return Err(unreadable(&ApiError::Refused("file_deleted".into())).into());
    }
    if file.user.as_deref() != Some(user) {
        return Err(bad(
            "the file is somebody else's: a manifest comes from the one who asks",
            "Read it, and give a copy of your own together with the command.",
        )
        .into());
    }
    let is_kept = matches!(file.mode.as_deref(), Some("hosted" | "snippet"));
    if file.is_external != Some(false) || !is_kept {
        return Err(bad("the file is no text file that Slack keeps", ATTACH).into());
    }
    if file.size.is_some_and(|size| size > Input::MOST_BYTES as u64) {
        return Err(too_long().into());
    }
    Ok(())
}

/// The text of the file.
fn text(bytes: Vec<u8>) -> Brought<String> {
    let not_text = || bad("the file is not text in UTF-8", "Save it as UTF-8, and give it again.");
    let text = String::from_utf8(bytes).map_err(|_| not_text())?;
    // Notepad writes it, and it means nothing in UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let is_binary = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.contains(is_binary) { Err(not_text().into()) } else { Ok(text.to_owned()) }
}

/// A no of Slack, or of the client that asked it.
fn unreadable(error: &ApiError) -> Refusal {
    tracing::info!("A file could not be read: {error}");
    match error {
        ApiError::Refused(code) => match code.as_str() {
            "file_too_long" => too_long(),
            "file_not_found" | "file_deleted" | "http_404" | "http_410" => {
                bad("the file is not there, or was deleted meanwhile", ATTACH)
            }
            "foreign_file_address" => bad("the file is not kept by Slack", ATTACH),
            _ => bad(
                "Slack does not give the file to Countersign",
                "Put the manifest into a code block; if this stays, tell the operators: the app needs the scope files:read.",
            ),
        },
        ApiError::RateLimited { .. } | ApiError::NotAuthorised(_) | ApiError::Lost | ApiError::Unreachable => {
            Refusal::new(
                Code::ChatUnavailable,
                "the file could not be fetched from Slack, so nothing was started",
                "Ask again in a minute; if it stays, tell the operators.",
            )
        }
    }
}

fn too_long() -> Refusal {
    let sentence = format!("the file is longer than {} bytes, the most a manifest may have", Input::MOST_BYTES);
    Refusal::new(Code::TooLong, sentence, "Apply it in parts.").by_rule(RULE)
}

fn bad(sentence: impl Into<String>, hint: &str) -> Refusal {
    Refusal::new(Code::BadManifest, sentence, hint).by_rule(RULE)
}
