//! The window that asks for a manifest.
//!
//! **Invariant:** the window continues a line of the person who submits it, whatever its metadata
//! says: who asks comes from the submission, and a line that was changed on the way is another line
//! of the same person.

use super::account::is_id;
use super::commands::Line;
use super::desk::{Deed, Desk};
use crate::render;
use countersign_chat::{Answer, Notice, ThreadId};
use countersign_core::refusal::Code;
use serde::{Deserialize, Serialize};

/// Slack's limit for `private_metadata`, in characters, with room for what is escaped.
const LONGEST_METADATA: usize = 2_900;

/// A line that waits for its manifest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<ThreadId>,
}

/// Whether a manifest is all that the line lacks.
pub(super) fn is_manifest_missing(answer: &Answer) -> bool {
    match answer {
        Answer::Said(Notice::Refused { refusal, .. }) | Answer::Refused(refusal) => {
            refusal.code() == Code::MissingManifest
        }
        Answer::Said(_) | Answer::Accepted { .. } | Answer::Whole(_) => false,
    }
}

impl Line {
    /// The line for the window's metadata, if it is short enough.
    pub(super) fn as_metadata(&self) -> Option<String> {
        let (text, channel, thread) = (self.text.clone(), self.channel.clone(), self.thread.clone());
        let text = serde_json::to_string(&Waiting { text, channel, thread }).ok()?;
        (text.chars().count() <= LONGEST_METADATA).then_some(text)
    }

    /// The line again, with what was filled in.
    pub(super) fn continued(deed: Deed, metadata: &str, manifest: String) -> Option<Self> {
        let Waiting { text, channel, thread } = serde_json::from_str(metadata).ok()?;
        let channel = channel.filter(|id| is_id(id));
        Some(Self { deed, channel, thread, text, manifest: Some(manifest), trigger: None })
    }
}

impl Desk {
    /// Opens the window; whether it is open.
    pub(super) async fn ask_manifest(&self, trigger: &str, metadata: &str) -> bool {
        match self.api.open_view(trigger, &render::manifest(metadata)).await {
            Ok(_) => true,
            Err(error) => {
                tracing::info!("The window for a manifest could not be opened: {error}");
                false
            }
        }
    }
}
