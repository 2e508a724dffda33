//! Requests in the shapes of Slack's documentation ("Implementing slash commands", "Block actions
//! payload", "View submission payload", "The Events API"), with our names in them.

use crate::world::{APP, ENTERPRISE, TEAM};
use serde_json::{Value, json};

pub(crate) const RESPONSE_URL: &str =
    "https://hooks.slack.com/actions/T0ACME0001/397700885554/96rGlfmibIGlgcZRskXaIFfN";
pub(crate) const CHANNEL: &str = "C0OPS00001";
pub(crate) const CARD: &str = "1795222790.000200";

/// How the app is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installed {
    /// In one workspace.
    Workspace,
    /// In one workspace of an organisation.
    InOrganisation,
    /// For a whole organisation.
    OrgWide,
}

pub(crate) const ALL: [Installed; 3] = [Installed::Workspace, Installed::InOrganisation, Installed::OrgWide];

/// A form of these fields.
pub(crate) fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish().into_bytes()
}

/// A slash command's fields.
pub(crate) fn command<'a>(trigger: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("token", "gIkuvaNzQIHg97ATvDxqgjtO"),
        ("team_id", TEAM),
        ("team_domain", "acme"),
        ("channel_id", CHANNEL),
        ("channel_name", "ops"),
        ("user_id", "U0ANN00001"),
        ("user_name", "ann"),
        ("command", "/kubectl"),
        ("text", text),
        ("api_app_id", APP),
        ("is_enterprise_install", "false"),
        ("response_url", RESPONSE_URL),
        ("trigger_id", trigger),
    ]
}

/// The same with another value, or without the field.
pub(crate) fn changed<'a>(
    mut fields: Vec<(&'a str, &'a str)>,
    name: &'a str,
    value: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    fields.retain(|(known, _)| *known != name);
    fields.extend(value.map(|value| (name, value)));
    fields
}

/// The form around an interaction.
pub(crate) fn payload(payload: &Value) -> Vec<u8> {
    form(&[("payload", &payload.to_string())])
}

fn home(installed: Installed) -> (Value, Value) {
    let organisation = json!({ "id": ENTERPRISE, "name": "Acme" });
    match installed {
        Installed::Workspace => (json!({ "id": TEAM, "domain": "acme" }), Value::Null),
        Installed::InOrganisation => (
            json!({ "id": TEAM, "domain": "acme", "enterprise_id": ENTERPRISE, "enterprise_name": "Acme" }),
            organisation,
        ),
        Installed::OrgWide => (Value::Null, organisation),
    }
}

fn interaction(kind: &str, user: &str, installed: Installed) -> Value {
    let (team, enterprise) = home(installed);
    // In an organisation the person's own workspace need not be on any list.
    let own = if installed == Installed::Workspace { TEAM } else { "T0OTHER001" };
    json!({
        "type": kind,
        "user": { "id": user, "username": "somebody", "name": "somebody", "team_id": own },
        "api_app_id": APP,
        "token": "Shh_its_a_seekrit",
        "team": team,
        "enterprise": enterprise,
        "is_enterprise_install": installed == Installed::OrgWide,
    })
}

/// A press of a button of a card.
pub(crate) fn click(installed: Installed, user: &str, trigger: &str, (action, value): (&str, &str)) -> Value {
    let mut it = interaction("block_actions", user, installed);
    it["container"] = json!({ "type": "message", "message_ts": CARD, "channel_id": CHANNEL, "is_ephemeral": false });
    it["trigger_id"] = trigger.into();
    it["channel"] = json!({ "id": CHANNEL, "name": "ops" });
    it["message"] = json!({
        "bot_id": "B0CS000001", "type": "message", "user": "U0CS000001", "ts": CARD, "app_id": APP, "text": "the card",
        "blocks": [{ "type": "section", "block_id": "b", "text": { "type": "mrkdwn", "text": "kubectl" } }],
    });
    it["state"] = json!({ "values": {} });
    it["response_url"] = RESPONSE_URL.into();
    it["actions"] = json!([{
        "action_id": action, "block_id": "=qXel", "value": value, "type": "button", "action_ts": "1795222799.948334",
        "text": { "type": "plain_text", "text": "Press", "emoji": true },
    }]);
    it
}

/// A window that was sent off. `values` by block and element.
pub(crate) fn submission(
    installed: Installed,
    user: &str,
    trigger: &str,
    (purpose, metadata): (&str, &str),
    values: Value,
) -> Value {
    let mut it = interaction("view_submission", user, installed);
    it["trigger_id"] = trigger.into();
    it["view"] = json!({
        "id": "VNHU13V36", "team_id": TEAM, "type": "modal", "blocks": [], "private_metadata": metadata,
        "callback_id": purpose, "state": { "values": values }, "hash": "156663117.cd33ad1f", "clear_on_close": false,
        "notify_on_close": false, "close": null, "submit": null, "previous_view_id": null, "root_view_id": "VNHU13V36",
        "app_id": APP, "external_id": "", "app_installed_team_id": TEAM, "bot_id": "B0CS000001",
    });
    it["response_urls"] = json!([]);
    it
}

pub(crate) fn typed_name(name: &str) -> Value {
    json!({ "name": { "name-typed": { "type": "plain_text_input", "value": name } } })
}

pub(crate) fn typed_reason(reason: Option<&str>) -> Value {
    json!({ "reason": { "reason-typed": { "type": "plain_text_input", "value": reason } } })
}

/// An interaction that has no consequences here, as sparse as Slack's own examples.
pub(crate) fn sparse(kind: &str, installed: Installed) -> Value {
    let (team, enterprise) = home(installed);
    json!({
        "type": kind, "token": "XXXXXXXXXXXXX", "action_ts": "1581106241.371594", "team": team,
        "enterprise": enterprise, "is_enterprise_install": installed == Installed::OrgWide,
        "user": { "id": "U0ANN00001", "username": "ann", "team_id": TEAM }, "callback_id": "shortcut_create_task",
        "trigger_id": format!("944799105734.773906753841.38b5894552bdd4a780554ee59d1f3638.{kind}.{installed:?}"),
    })
}

/// An event in its envelope.
pub(crate) fn event(installed: Installed, event_id: &str, event: Value) -> Value {
    let mut it = json!({
        "token": "XXYYZZ", "team_id": TEAM, "context_team_id": TEAM, "context_enterprise_id": null, "api_app_id": APP,
        "event": event, "type": "event_callback", "event_id": event_id, "event_time": 1_795_222_799,
        "authorizations": [{
            "enterprise_id": null, "team_id": TEAM, "user_id": "U0CS000001", "is_bot": true,
            "is_enterprise_install": installed == Installed::OrgWide,
        }],
        "is_ext_shared_channel": false, "event_context": "4-eyJldCI6ImFwcF9tZW50aW9uIn0",
    });
    if installed != Installed::Workspace {
        it["enterprise_id"] = ENTERPRISE.into();
        it["authorizations"][0]["enterprise_id"] = ENTERPRISE.into();
    }
    if installed == Installed::OrgWide {
        it["authorizations"][0]["team_id"] = Value::Null;
    }
    it
}

/// Somebody writes to us in a thread.
pub(crate) fn mention(user: &str, ts: &str, text: &str) -> Value {
    json!({
        "type": "app_mention", "user": user, "text": text, "ts": ts, "channel": CHANNEL, "event_ts": ts,
        "thread_ts": "1795222700.000100", "team": TEAM, "client_msg_id": "0f3e2d1c", "blocks": [],
    })
}
