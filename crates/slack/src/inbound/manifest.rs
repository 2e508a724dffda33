//! The window that asks for a manifest.
//!
//! **Invariant:** the window continues a line of the person who submits it, whatever its metadata
//! says: who asks comes from the submission, and a line that was changed on the way is another line
//! of the same person.

use super::account::is_id;
use super::commands::Line;
use super::desk::{Deed, Desk};
use super::files::Beside;
use crate::render::{self, Files};
use countersign_chat::{Answer, Notice, ThreadId};
use countersign_core::channel::Channel;
use countersign_core::refusal::{Code, Refusal};
use serde::{Deserialize, Serialize};

/// Slack's limit for `private_metadata`, in characters, with room for what is escaped.
const LONGEST_METADATA: usize = 2_900;

/// What Slack says to a window it does not want; its trigger is not spent by that.
const UNWANTED: [&str; 3] = ["missing_scope", "invalid_arguments", "invalid_blocks"];

/// A line that waits for its manifest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<ThreadId>,
}

/// Whether a manifest is all that the line lacks.
pub(super) fn is_manifest_missing(answer: &Answer, line: &str) -> bool {
    let refusal = match answer {
        Answer::Said(Notice::Refused { refusal, .. }) | Answer::Refused(refusal) => refusal,
        Answer::Said(_) | Answer::Accepted { .. } | Answer::Whole(_) => return false,
    };
    match refusal.code() {
        Code::MissingManifest => true,
        Code::WorkerFiles => is_standard_input(refusal, line),
        _ => false,
    }
}

/// Whether it points at `-f -`: kubectl's own way to say that the manifest comes with the command.
fn is_standard_input(refusal: &Refusal, line: &str) -> bool {
    let Some(place) = refusal.place() else { return false };
    let pointed: String = line.chars().skip(place.column - 1).collect();
    let mut words = pointed.split_whitespace();
    match words.next() {
        Some("-f" | "--filename") => words.next() == Some("-"),
        Some("-f-" | "-f=-" | "--filename=-") => true,
        _ => false,
    }
}

const HOW_TO_ATTACH: &str = "Ask again with the manifest in the same message: one text file attached to it, or a code \
                             block behind the command. Files of other messages are not looked at. Or name a file as -f \
                             REPOSITORY@COMMIT:PATH.";

/// The same no, with what helps where no window can be opened.
pub(super) fn with_way_to_attach(answer: Answer) -> Answer {
    let better = |refusal: Refusal| {
        let new = Refusal::new(refusal.code(), refusal.to_string(), HOW_TO_ATTACH);
        let new = refusal.rule().into_iter().fold(new, Refusal::by_rule);
        refusal.place().into_iter().fold(new, |new, place| new.at(place.column, place.length))
    };
    match answer {
        Answer::Refused(refusal) => Answer::Refused(better(refusal)),
        Answer::Said(Notice::Refused { refusal, typed }) => {
            Answer::Said(Notice::Refused { refusal: better(refusal), typed })
        }
        other => other,
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
    pub(super) fn continued(deed: Deed, metadata: &str, beside: Beside) -> Option<Self> {
        let Waiting { text, channel, thread } = serde_json::from_str(metadata).ok()?;
        let channel = channel.filter(|channel| is_id(&channel.id));
        Some(Self { deed, channel, thread, text, beside, trigger: None })
    }
}

impl Desk {
    /// Opens the window; whether it is open.
    pub(super) async fn ask_manifest(&self, trigger: &str, metadata: &str) -> bool {
        let mut opened = self.api.open_view(trigger, &render::manifest(metadata, Files::Taken)).await;
        if opened.as_ref().is_err_and(|error| error.is_one_of(&UNWANTED)) {
            tracing::warn!("Slack opens no window that takes files; does the app have the scope files:read?");
            opened = self.api.open_view(trigger, &render::manifest(metadata, Files::NotTaken)).await;
        }
        match opened {
            Ok(_) => true,
            Err(error) => {
                tracing::info!("The window for a manifest could not be opened: {error}");
                false
            }
        }
    }
}
