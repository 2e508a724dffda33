//! The Web API: who may call what, and what each method does.
//!
//! **Invariant:** a call is refused before anything takes place in this order: rate limit, token, scope, arguments.
//! Source: Slack, the page of each method.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::blocks::{self, Bad};
use super::files;
use super::seed::{Channel, Kind, Workspace};
use super::state::{Author, Content, Message, State};
use super::text;

/// Characters of text after which Slack cuts. Source: Slack, "Truncating content".
const TEXT: usize = 40_000;

/// A no, in Slack's words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct No {
    pub(super) code: &'static str,
    messages: Vec<String>,
    more: Map<String, Value>,
}

impl No {
    pub(super) fn body(&self) -> Value {
        let mut body = self.more.clone();
        body.insert("ok".into(), false.into());
        body.insert("error".into(), self.code.into());
        if !self.messages.is_empty() {
            body.insert("response_metadata".into(), json!({ "messages": self.messages }));
        }
        Value::Object(body)
    }
}

impl From<Bad> for No {
    fn from(bad: Bad) -> Self {
        Self { code: bad.code, messages: bad.messages, more: Map::new() }
    }
}

pub(super) fn no(code: &'static str) -> No {
    No { code, messages: Vec::new(), more: Map::new() }
}

fn invalid(what: &str) -> No {
    No { code: "invalid_arguments", messages: vec![what.to_owned()], more: Map::new() }
}

/// How the arguments came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A query or a form: objects are JSON texts.
    Fields,
    /// One JSON object.
    Json,
}

/// The arguments of a call.
#[derive(Debug, Clone)]
pub(super) struct Arguments {
    pub(super) form: Form,
    pub(super) values: Map<String, Value>,
}

impl Arguments {
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.values.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) if self.form == Form::Json => Some(self.values[key].to_string()),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                None
            }
        }
    }

    fn flag(&self, key: &str) -> bool {
        matches!(self.text(key).as_deref(), Some("true" | "1"))
    }

    /// An object or a list: as it is in JSON, as a JSON text in a form (and, as Slack takes it, in JSON as well).
    fn structure(&self, key: &str, code: &'static str) -> Result<Option<Value>, No> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| no(code)),
            Some(value) => Ok(Some(value.clone())),
        }
    }
}

/// A call that was let in.
struct Call<'a> {
    state: &'a mut State,
    workspace: Workspace,
    arguments: &'a Arguments,
    now: Timestamp,
}

/// The workspace a token belongs to.
pub(super) fn workspace_of(state: &State, token: Option<&str>) -> Result<Workspace, No> {
    let token = token.ok_or_else(|| no("not_authed"))?;
    if state.revoked.iter().any(|revoked| revoked == token) {
        return Err(no("token_revoked"));
    }
    state.workspaces.iter().find(|one| one.token == token).cloned().ok_or_else(|| no("invalid_auth"))
}

/// Does `method`, or says no.
pub(super) fn call(
    state: &mut State,
    method: &str,
    workspace: Workspace,
    arguments: &Arguments,
    now: Timestamp,
) -> Result<Value, No> {
    // These take a query or a form only. Source: "Content types" on their pages.
    if arguments.form == Form::Json && matches!(method, "users.info" | "chat.getPermalink" | "files.info") {
        return Err(invalid("this method takes a form, not JSON"));
    }
    let mut call = Call { state, workspace, arguments, now };
    match method {
        "auth.test" => Ok(call.auth_test()),
        "chat.postMessage" => call.post_message(),
        "chat.update" => call.update(),
        "chat.postEphemeral" => call.post_ephemeral(),
        "chat.getPermalink" => call.permalink(),
        "conversations.open" => call.open_conversation(),
        "conversations.info" => call.conversation(),
        "conversations.history" => call.history(),
        "conversations.replies" => call.replies(),
        "users.info" => call.user(),
        "files.info" => call.file(),
        "views.open" => call.view(super::views::Place::Root),
        "views.push" => call.view(super::views::Place::OnTop),
        "views.update" => call.update_view(),
        _ => Err(no("unknown_method")),
    }
}

impl Call<'_> {
    fn scope(&self, needed: &'static str) -> Result<(), No> {
        if self.workspace.scopes.contains(needed) {
            return Ok(());
        }
        let provided: Vec<&str> = self.workspace.scopes.iter().map(String::as_str).collect();
        let more = json!({"needed": needed, "provided": provided.join(",")});
        Err(No { more: more.as_object().cloned().unwrap_or_default(), ..no("missing_scope") })
    }

    fn required(&self, key: &str) -> Result<String, No> {
        self.arguments.text(key).ok_or_else(|| invalid(&format!("missing required field: {key}")))
    }

    fn auth_test(&self) -> Value {
        let it = &self.workspace;
        json!({"ok": true, "url": format!("https://{}.slack.com/", it.domain), "team": it.domain, "user": "countersign",
            "team_id": it.id, "user_id": "U0BOT00001", "bot_id": "B0BOT00001",
            "enterprise_id": it.enterprise, "is_enterprise_install": it.org_wide})
    }

    /// A channel the bot can see.
    fn channel(&mut self, id: &str) -> Result<Channel, No> {
        // A person's id stands for the direct conversation with them. Source: chat.postMessage, argument `channel`.
        let direct = if self.state.people.contains_key(id) { self.state.direct(id) } else { None };
        let id = direct.unwrap_or_else(|| id.to_owned());
        let found = self.state.channels.get(&id).filter(|one| one.team == self.workspace.id);
        let found = found.filter(|one| one.kind == Kind::Public || one.bot_in);
        found.cloned().ok_or_else(|| no("channel_not_found"))
    }

    /// A channel the bot may write to.
    fn writable(&mut self, id: &str) -> Result<Channel, No> {
        let channel = self.channel(id)?;
        if channel.archived {
            return Err(no("is_archived"));
        }
        let public = channel.kind == Kind::Public && self.workspace.scopes.contains("chat:write.public");
        if channel.bot_in || public { Ok(channel) } else { Err(no("not_in_channel")) }
    }

    /// What a message is to say, within every limit.
    fn content(&mut self) -> Result<Content, No> {
        let mut blocks = self.arguments.structure("blocks", "invalid_blocks_format")?.unwrap_or(Value::Null);
        let text = self.arguments.text("text").unwrap_or_default();
        let empty = blocks.as_array().is_none_or(Vec::is_empty);
        if empty && text.is_empty() {
            return Err(no("no_text"));
        }
        if !blocks.is_null() {
            blocks::message(&blocks)?;
            text::name(&mut blocks, self.state.number());
        }
        Ok(Content { text, blocks: if empty { Value::Null } else { blocks } })
    }

    fn metadata(&self) -> Result<Option<Value>, No> {
        let metadata = self.arguments.structure("metadata", "invalid_metadata_format")?;
        match &metadata {
            Some(it) if !it["event_type"].is_string() || !it["event_payload"].is_object() => {
                Err(no("invalid_metadata_format"))
            }
            Some(_) | None => Ok(metadata),
        }
    }

    fn post_message(&mut self) -> Result<Value, No> {
        self.scope("chat:write")?;
        let channel = self.required("channel").map_err(|_| no("channel_not_found"))?;
        let channel = self.writable(&channel)?;
        let mut content = self.content()?;
        content.text = content.text.chars().take(TEXT).collect();
        let metadata = self.metadata()?;
        let thread_ts = self.arguments.text("thread_ts");
        if let Some(thread) = &thread_ts
            && self.state.message(&channel.id, thread).is_none()
        {
            return Err(no("thread_not_found"));
        }
        let ts = self.state.ts(self.now);
        let message = Message::written(&channel.id, &ts, Author::App, content);
        let message = Message { thread_ts, metadata, ..message };
        let shown = shown(&message, false);
        self.state.messages.push(message);
        Ok(json!({"ok": true, "channel": channel.id, "ts": ts, "message": shown}))
    }

    fn update(&mut self) -> Result<Value, No> {
        self.scope("chat:write")?;
        let (channel, ts) = (self.required("channel")?, self.required("ts")?);
        // Unlike posting, this takes no person's id. Source: chat.update, argument `channel`.
        if self.state.people.contains_key(&channel) {
            return Err(no("channel_not_found"));
        }
        let channel = self.channel(&channel)?;
        let content = self.content()?;
        if content.text.chars().count() > TEXT {
            return Err(no("msg_too_long"));
        }
        let metadata = self.metadata()?;
        let found = self.state.message_mut(&channel.id, &ts).filter(|one| one.only_for.is_none());
        let message = found.ok_or_else(|| no("message_not_found"))?;
        if message.author != Author::App {
            return Err(no("cant_update_message"));
        }
        let before = std::mem::replace(&mut message.now, content);
        message.before.push(before);
        if metadata.is_some() {
            message.metadata = metadata;
        }
        let text = message.now.text.clone();
        let shown = shown(message, false);
        Ok(json!({"ok": true, "channel": channel.id, "ts": ts, "text": text, "message": shown}))
    }

    fn post_ephemeral(&mut self) -> Result<Value, No> {
        self.scope("chat:write")?;
        let (channel, user) = (self.required("channel")?, self.required("user")?);
        let channel = self.writable(&channel)?;
        if !channel.members.contains(&user) {
            return Err(no("user_not_in_channel"));
        }
        let content = self.content()?;
        let ts = self.state.ts(self.now);
        let message = Message::written(&channel.id, &ts, Author::App, content);
        let thread_ts = self.arguments.text("thread_ts");
        self.state.messages.push(Message { thread_ts, only_for: Some(user), ..message });
        Ok(json!({"ok": true, "message_ts": ts}))
    }

    fn permalink(&mut self) -> Result<Value, No> {
        let (channel, ts) = (self.required("channel")?, self.required("message_ts")?);
        let channel = self.channel(&channel)?;
        let found = self.state.message(&channel.id, &ts).ok_or_else(|| no("message_not_found"))?;
        let (digits, domain) = (found.ts.replace('.', ""), &self.workspace.domain);
        let link = format!("https://{domain}.slack.com/archives/{}/p{digits}", channel.id);
        Ok(json!({"ok": true, "channel": channel.id, "permalink": link}))
    }

    fn open_conversation(&mut self) -> Result<Value, No> {
        self.scope("im:write")?;
        let users = self.required("users").map_err(|_| no("users_list_not_supplied"))?;
        let person = self.state.people.get(&users).cloned().ok_or_else(|| no("user_not_found"))?;
        if person.team != self.workspace.id {
            return Err(no("user_not_visible"));
        }
        match person.standing {
            super::Standing::Deactivated => return Err(no("user_disabled")),
            super::Standing::Bot => return Err(no("cannot_dm_bot")),
            super::Standing::Full
            | super::Standing::Guest
            | super::Standing::SingleChannelGuest
            | super::Standing::Stranger
            | super::Standing::Unconfirmed => {}
        }
        let id = self.state.direct(&users).ok_or_else(|| no("user_not_found"))?;
        let mut channel = json!({"id": id});
        if self.arguments.flag("return_im") {
            channel["is_im"] = true.into();
            channel["user"] = users.into();
        }
        Ok(json!({"ok": true, "channel": channel}))
    }

    fn conversation(&mut self) -> Result<Value, No> {
        let id = self.required("channel")?;
        let it = self.channel(&id)?;
        self.scope(per_kind(it.kind, ["channels:read", "groups:read", "im:read"]))?;
        let (im, private) = (it.kind == Kind::Direct, it.kind == Kind::Private);
        let mut channel = json!({"id": it.id, "created": 1_700_000_000, "is_archived": it.archived, "is_im": im,
            "is_channel": it.kind == Kind::Public, "is_group": private, "is_mpim": false, "is_private": private || im,
            "is_member": it.bot_in, "is_shared": it.ext_shared, "is_ext_shared": it.ext_shared,
            "is_org_shared": false, "is_general": false, "is_pending_ext_shared": false, "pending_shared": [],
            "creator": "U0ADMIN001", "unlinked": 0, "context_team_id": it.team,
            "topic": {"value": "", "creator": "", "last_set": 0}, "purpose": {"value": "", "creator": "", "last_set": 0},
            "shared_team_ids": [it.team], "previous_names": []});
        if im {
            channel["user"] = it.name.into();
        } else {
            channel["name"] = it.name.clone().into();
            channel["name_normalized"] = it.name.into();
        }
        Ok(json!({"ok": true, "channel": channel}))
    }

    /// Messages of a channel the bot is in, as the two reading methods give them.
    fn readable(&mut self) -> Result<Channel, No> {
        let id = self.required("channel")?;
        let channel = self.channel(&id)?;
        self.scope(per_kind(channel.kind, ["channels:history", "groups:history", "im:history"]))?;
        if channel.bot_in { Ok(channel) } else { Err(no("not_in_channel")) }
    }

    fn page(&self, mut found: Vec<&Message>) -> Value {
        let limit = self.arguments.text("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100_usize);
        let oldest = self.arguments.text("oldest").unwrap_or_default();
        let inclusive = self.arguments.flag("inclusive");
        found.retain(|one| one.ts > oldest || (inclusive && one.ts == oldest));
        let from = self.arguments.text("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize);
        let end = (from + limit).min(found.len());
        let whole = self.arguments.flag("include_all_metadata");
        let with_files = |one: &&Message| {
            let mut shown = shown(one, whole);
            if !one.files.is_empty() {
                shown["files"] = files::objects(self.state, &one.files);
            }
            shown
        };
        let page: Vec<Value> = found.get(from..end).unwrap_or_default().iter().map(with_files).collect();
        let more = end < found.len();
        let next = if more { end.to_string() } else { String::new() };
        json!({"ok": true, "messages": page, "has_more": more, "response_metadata": {"next_cursor": next}})
    }

    fn history(&mut self) -> Result<Value, No> {
        let channel = self.readable()?;
        let of = self.state.messages.iter().filter(|one| one.channel == channel.id && is_public(one));
        let found: Vec<&Message> = of.filter(|one| one.thread_ts.is_none()).collect();
        // Newest first. Source: conversations.history, "Response".
        Ok(self.page(found.into_iter().rev().collect()))
    }

    fn replies(&mut self) -> Result<Value, No> {
        let channel = self.readable()?;
        let ts = self.required("ts")?;
        let found = self.state.message(&channel.id, &ts).ok_or_else(|| no("thread_not_found"))?;
        let root = found.root().to_owned();
        let of = self.state.messages.iter().filter(|one| one.channel == channel.id && is_public(one));
        Ok(self.page(of.filter(|one| one.root() == root).collect()))
    }

    fn user(&mut self) -> Result<Value, No> {
        self.scope("users:read")?;
        let id = self.required("user")?;
        let person = self.state.people.get(&id).ok_or_else(|| no("user_not_found"))?;
        let stranger = person.standing == super::Standing::Stranger;
        if person.team != self.workspace.id && !stranger {
            return Err(no("user_not_visible"));
        }
        let user = super::people::shown(person, &self.workspace);
        Ok(json!({"ok": true, "user": user}))
    }

    fn file(&self) -> Result<Value, No> {
        self.scope(files::SCOPE)?;
        files::info(self.state, &self.workspace, &self.required("file")?)
    }

    fn view(&mut self, place: super::views::Place) -> Result<Value, No> {
        let view = self.view_argument()?;
        let trigger = self.required("trigger_id").map_err(|_| no("invalid_trigger_id"))?;
        let view = super::views::open(self.state, &trigger, view, place, self.now)?;
        Ok(json!({"ok": true, "view": super::views::shown(self.state, &self.workspace, &view)}))
    }

    fn update_view(&mut self) -> Result<Value, No> {
        let view = self.view_argument()?;
        let name = (self.arguments.text("view_id"), self.arguments.text("external_id"));
        let hash = self.arguments.text("hash");
        let view = super::views::update(self.state, name, hash.as_deref(), view)?;
        Ok(json!({"ok": true, "view": super::views::shown(self.state, &self.workspace, &view)}))
    }

    fn view_argument(&self) -> Result<Value, No> {
        let view = self.arguments.structure("view", "invalid_arguments")?;
        let view = view.ok_or_else(|| invalid("missing required field: view"))?;
        blocks::modal(&view)?;
        if blocks::takes_files(&view) {
            // That the scope is needed is documented; under which code its absence is told, is not.
            self.scope(files::SCOPE)?;
        }
        Ok(view)
    }
}

fn is_public(message: &Message) -> bool {
    message.only_for.is_none() && !message.deleted
}

fn per_kind(kind: Kind, [public, private, direct]: [&'static str; 3]) -> &'static str {
    match kind {
        Kind::Public => public,
        Kind::Private => private,
        Kind::Direct => direct,
    }
}

/// A message as the API and interactions show it.
pub(super) fn shown(message: &Message, metadata: bool) -> Value {
    let mut shown = json!({"type": "message", "ts": message.ts, "text": message.now.text});
    match &message.author {
        Author::App => {
            shown["bot_id"] = "B0BOT00001".into();
            shown["user"] = "U0BOT00001".into();
            shown["app_id"] = "A0COUNTER1".into();
        }
        Author::Slack => shown["user"] = "USLACKBOT".into(),
        Author::Person(id) => shown["user"] = id.clone().into(),
    }
    if !message.now.blocks.is_null() {
        shown["blocks"] = message.now.blocks.clone();
    }
    if let Some(thread) = &message.thread_ts {
        shown["thread_ts"] = thread.clone().into();
    }
    if !message.before.is_empty() {
        shown["edited"] = json!({"user": "B0BOT00001", "ts": message.ts});
    }
    if let Some(it) = message.metadata.as_ref().filter(|_| metadata) {
        shown["metadata"] = it.clone();
    }
    shown
}

/// Fields of a form or a query. The last of a name wins, as in PHP.
pub(super) fn fields(text: &[u8]) -> Map<String, Value> {
    let pairs: BTreeMap<String, String> = form_urlencoded::parse(text).into_owned().collect();
    pairs.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
}
