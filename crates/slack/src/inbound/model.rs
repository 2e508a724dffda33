//! Slack's payloads, as much of them as is used.
//!
//! **Invariant:** what is not used may be absent, null, or anything at all; what is used has one
//! meaning. In an app that is installed for a whole organisation, `team` is null.
//!
//! Nothing here can be printed: it holds what people typed, and ways to answer them.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A workspace or an organisation.
#[derive(Deserialize)]
pub(super) struct Place {
    id: Option<String>,
    /// A workspace tells its organisation, too.
    enterprise_id: Option<String>,
}

/// What an interaction says before it is known whether it is ours.
#[derive(Deserialize)]
pub(super) struct Claim {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) api_app_id: Option<String>,
    team: Option<Place>,
    enterprise: Option<Place>,
    pub(super) trigger_id: Option<String>,
}

impl Claim {
    pub(super) fn team(&self) -> Option<&str> {
        self.team.as_ref()?.id.as_deref()
    }

    pub(super) fn enterprise(&self) -> Option<&str> {
        let own = self.enterprise.as_ref().and_then(|enterprise| enterprise.id.as_deref());
        own.or_else(|| self.team.as_ref()?.enterprise_id.as_deref())
    }
}

/// Who did it.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) team_id: Option<String>,
}

/// A press of a button.
#[derive(Deserialize)]
pub(super) struct BlockActions {
    pub(super) user: User,
    pub(super) container: Option<Container>,
    /// What the person saw, at least if nobody wrote it anew meanwhile.
    pub(super) message: Option<Value>,
    pub(super) response_url: Option<String>,
    pub(super) trigger_id: Option<String>,
    pub(super) actions: Option<Vec<Action>>,
}

/// Where the button is.
#[derive(Deserialize)]
pub(super) struct Container {
    pub(super) channel_id: Option<String>,
    pub(super) message_ts: Option<String>,
    pub(super) thread_ts: Option<String>,
}

/// The button.
#[derive(Deserialize)]
pub(super) struct Action {
    pub(super) action_id: Option<String>,
    pub(super) value: Option<String>,
}

/// A modal that was sent off.
#[derive(Deserialize)]
pub(super) struct ViewSubmission {
    pub(super) user: User,
    pub(super) trigger_id: Option<String>,
    pub(super) view: View,
}

/// The modal.
#[derive(Deserialize)]
pub(super) struct View {
    pub(super) id: Option<String>,
    pub(super) callback_id: Option<String>,
    pub(super) private_metadata: Option<String>,
    pub(super) state: Option<ViewState>,
}

/// What was filled in.
#[derive(Deserialize, Default)]
pub(super) struct ViewState {
    values: Option<BTreeMap<String, BTreeMap<String, Element>>>,
}

#[derive(Deserialize)]
struct Element {
    value: Option<String>,
    files: Option<Vec<FileRef>>,
}

/// A file that came with something. Only its name is taken: what the file is, Slack is asked.
#[derive(Deserialize)]
pub(super) struct FileRef {
    id: Option<String>,
}

/// The names of files; one without a name has an empty one, so that it counts.
pub(super) fn names(files: Vec<FileRef>) -> Vec<String> {
    files.into_iter().map(|file| file.id.unwrap_or_default()).collect()
}

impl ViewState {
    /// Whether the modal has this block.
    pub(super) fn has(&self, block: &str) -> bool {
        self.values.as_ref().is_some_and(|values| values.contains_key(block))
    }

    /// What stands in a field.
    pub(super) fn text(&self, block: &str, action: &str) -> Option<&str> {
        self.values.as_ref()?.get(block)?.get(action)?.value.as_deref()
    }

    /// The names of the files that were given.
    pub(super) fn files(&mut self, block: &str, action: &str) -> Vec<String> {
        let element = self.values.as_mut().and_then(|values| values.get_mut(block)?.get_mut(action));
        names(element.and_then(|element| element.files.take()).unwrap_or_default())
    }
}

/// What comes to the events' address.
#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) challenge: Option<String>,
    pub(super) api_app_id: Option<String>,
    pub(super) team_id: Option<String>,
    pub(super) enterprise_id: Option<String>,
    pub(super) context_enterprise_id: Option<String>,
    pub(super) event_id: Option<String>,
    pub(super) authorizations: Option<Vec<Authorization>>,
    pub(super) event: Option<EventKind>,
}

impl Envelope {
    /// For which installation the event is delivered.
    pub(super) fn installation(&self) -> Option<&Authorization> {
        self.authorizations.as_ref()?.first()
    }
}

/// For which installation an event is delivered.
#[derive(Deserialize)]
pub(super) struct Authorization {
    pub(super) enterprise_id: Option<String>,
    pub(super) user_id: Option<String>,
}

/// What kind of event.
#[derive(Deserialize)]
pub(super) struct EventKind {
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// The envelope once more, for one kind of event.
#[derive(Deserialize)]
pub(super) struct WithMention {
    pub(super) event: Mention,
}

/// Somebody wrote to us in a channel or thread.
#[derive(Deserialize)]
pub(super) struct Mention {
    pub(super) user: Option<String>,
    pub(super) bot_id: Option<String>,
    pub(super) text: Option<String>,
    pub(super) channel: String,
    pub(super) ts: String,
    pub(super) thread_ts: Option<String>,
    pub(super) team: Option<String>,
    pub(super) user_team: Option<String>,
    pub(super) source_team: Option<String>,
    /// What is attached to this very message.
    pub(super) files: Option<Vec<FileRef>>,
}
