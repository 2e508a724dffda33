//! What Slack puts into the requests it sends.
//!
//! **Invariant:** every field that Slack documents for a request is there, and in the shape of an installation for a
//! whole organisation when it is one (`team` is `null`, `enterprise` is not). Sources: Slack, "Slash commands" (the
//! payload), "Block actions payload", "View submission payload", "The Events API".

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::seed::{Channel, Kind, Person, Workspace};
use super::state::{Message, State, View};

/// The verification token that nobody should use any more.
const TOKEN: &str = "gIkuvaNzQIHg97ATvDxqgjtO";

/// The form of a slash command.
pub(super) fn command(
    state: &State,
    (person, channel): (&Person, &Channel),
    (command, text): (&str, &str),
    (trigger, response_url): (&str, &str),
) -> Vec<u8> {
    let workspace = state.workspace(&channel.team);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", TOKEN).append_pair("team_id", &channel.team);
    form.append_pair("team_domain", workspace.map_or("", |it| &it.domain));
    if let Some(enterprise) = workspace.and_then(|it| it.enterprise.as_deref()) {
        form.append_pair("enterprise_id", enterprise).append_pair("enterprise_name", "Acme");
    }
    let name = match channel.kind {
        Kind::Public => channel.name.as_str(),
        Kind::Private => "privategroup",
        Kind::Direct => "directmessage",
    };
    form.append_pair("channel_id", &channel.id).append_pair("channel_name", name);
    form.append_pair("user_id", &person.id).append_pair("user_name", &person.name);
    form.append_pair("command", command).append_pair("text", text).append_pair("api_app_id", &state.app);
    let org_wide = workspace.is_some_and(|it| it.org_wide);
    form.append_pair("is_enterprise_install", if org_wide { "true" } else { "false" });
    form.append_pair("response_url", response_url).append_pair("trigger_id", trigger);
    form.finish().into_bytes()
}

/// The form around an interaction.
pub(super) fn payload(payload: &Value) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish().into_bytes()
}

/// What all interactions have in common.
fn interaction(state: &State, kind: &str, person: &Person, workspace: &Workspace) -> Map<String, Value> {
    let mut team = json!({"id": workspace.id, "domain": workspace.domain});
    let mut enterprise = Value::Null;
    if let Some(id) = &workspace.enterprise {
        team["enterprise_id"] = id.clone().into();
        team["enterprise_name"] = "Acme".into();
        enterprise = json!({"id": id, "name": "Acme"});
    }
    if workspace.org_wide {
        team = Value::Null;
    }
    let user = json!({"id": person.id, "username": person.name, "name": person.name, "team_id": person.team});
    let mut fields = Map::new();
    fields.insert("type".into(), kind.into());
    fields.insert("team".into(), team);
    fields.insert("user".into(), user);
    fields.insert("api_app_id".into(), state.app.clone().into());
    fields.insert("token".into(), TOKEN.into());
    fields.insert("enterprise".into(), enterprise);
    fields.insert("is_enterprise_install".into(), workspace.org_wide.into());
    fields
}

/// A click on an element of a message.
pub(super) fn click(
    state: &State,
    (person, workspace): (&Person, &Workspace),
    (message, block_id, element): (&Message, &str, &Value),
    (trigger, response_url): (&str, &str),
    now: Timestamp,
) -> Value {
    let mut fields = interaction(state, "block_actions", person, workspace);
    let ephemeral = message.only_for.is_some();
    let mut container = json!({"type": "message", "message_ts": message.ts, "channel_id": message.channel,
        "is_ephemeral": ephemeral});
    if let Some(thread) = &message.thread_ts {
        container["thread_ts"] = thread.clone().into();
    }
    let name = state.channels.get(&message.channel).map_or("", |it| it.name.as_str());
    let mut action = element.clone();
    action["block_id"] = block_id.into();
    action["action_ts"] = format!("{}.{:06}", now.as_second(), state.next % 1_000_000).into();
    for key in ["confirm", "accessibility_label", "url"] {
        action.as_object_mut().map(|it| it.remove(key));
    }
    fields.insert("container".into(), container);
    fields.insert("trigger_id".into(), trigger.into());
    fields.insert("channel".into(), json!({"id": message.channel, "name": name}));
    if !ephemeral {
        // The message of an ephemeral click is not sent.
        fields.insert("message".into(), super::api::shown(message, false));
    }
    fields.insert("state".into(), json!({"values": {}}));
    fields.insert("response_url".into(), response_url.into());
    fields.insert("actions".into(), json!([action]));
    Value::Object(fields)
}

/// What was filled in, by block id.
#[derive(Clone, Copy)]
pub(super) struct Filled<'a> {
    pub(super) values: &'a [(&'a str, &'a str)],
    /// The ids of files.
    pub(super) files: &'a [(&'a str, &'a [&'a str])],
}

/// A modal that was submitted.
pub(super) fn submission(
    state: &State,
    (person, workspace): (&Person, &Workspace),
    (view, Filled { values, files }): (&View, Filled<'_>),
    trigger: &str,
) -> Value {
    let mut fields = interaction(state, "view_submission", person, workspace);
    let mut shown = super::views::shown(state, workspace, view);
    let mut filled = Map::new();
    for (block, action, kind) in view.fields() {
        if kind == "file_input" {
            let given = files.iter().find(|(known, _)| *known == block).map_or(&[][..], |(_, ids)| *ids);
            let ids: Vec<String> = given.iter().map(ToString::to_string).collect();
            let given = super::files::objects(state, &ids);
            filled.insert(block, json!({ action: {"type": kind, "files": given} }));
            continue;
        }
        let value = values.iter().find(|(known, _)| *known == block).map(|(_, value)| *value);
        filled.insert(block, json!({ action: {"type": kind, "value": value.filter(|value| !value.is_empty())} }));
    }
    shown["state"] = json!({ "values": filled });
    fields.insert("trigger_id".into(), trigger.into());
    fields.insert("view".into(), shown);
    fields.insert("response_urls".into(), json!([]));
    Value::Object(fields)
}

/// A modal that was closed without submitting.
pub(super) fn closed(state: &State, (person, workspace): (&Person, &Workspace), view: &View) -> Value {
    let mut fields = interaction(state, "view_closed", person, workspace);
    fields.insert("view".into(), super::views::shown(state, workspace, view));
    fields.insert("is_cleared".into(), false.into());
    Value::Object(fields)
}

/// An event in its envelope.
pub(super) fn event(state: &State, workspace: &Workspace, event: Value, id: &str, now: Timestamp) -> Vec<u8> {
    let shared = state.channels.get(event["channel"].as_str().unwrap_or_default()).is_some_and(|it| it.ext_shared);
    let mut body = json!({"token": TOKEN, "team_id": workspace.id, "api_app_id": state.app, "event": event,
        "type": "event_callback", "event_id": id, "event_time": now.as_second(),
        "authorizations": [{"enterprise_id": workspace.enterprise, "team_id": workspace.id, "user_id": "U0BOT00001",
            "is_bot": true, "is_enterprise_install": workspace.org_wide}],
        "is_ext_shared_channel": shared, "event_context": "4-eyJldCI6ImFwcF9tZW50aW9uIn0"});
    if let Some(enterprise) = &workspace.enterprise {
        body["enterprise_id"] = enterprise.clone().into();
    }
    body.to_string().into_bytes()
}

/// Slack's question whether the address is the app's, and the answer it expects.
pub(super) fn url_verification(challenge: &str) -> Vec<u8> {
    json!({"token": TOKEN, "challenge": challenge, "type": "url_verification"}).to_string().into_bytes()
}

/// Slack's look at a command's certificate.
pub(super) fn ssl_check() -> Vec<u8> {
    format!("ssl_check=1&token={TOKEN}").into_bytes()
}
