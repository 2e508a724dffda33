//! What the stand-in remembers, and waiting for it to change.
//!
//! **Invariant:** messages are never removed, only marked; every edit keeps what stood there before.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use super::deliver::Delivery;
use super::fault::Fault;
use super::files::File;
use super::limits::Limits;
use super::seed::{Channel, Kind, Person, Workspace};
use super::{App, Clock};

/// An acknowledgement that takes longer is none. Source: Slack, "Confirming receipt" (3,000 ms).
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3);

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The app, with its bot token.
    App,
    /// Slack itself: what a person is told when a command fails.
    Slack,
    /// A person.
    Person(String),
}

/// What a message said at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// The text, or the fallback beside blocks.
    pub text: String,
    /// The blocks; `Value::Null` when there are none.
    pub blocks: Value,
}

/// A message, and what it said before.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Where.
    pub channel: String,
    /// Its name in that channel: seconds, a point, six digits.
    pub ts: String,
    /// The thread's first message, for a reply.
    pub thread_ts: Option<String>,
    /// Who wrote it.
    pub author: Author,
    /// The one person who sees it.
    pub only_for: Option<String>,
    /// What it says now.
    pub now: Content,
    /// What it said before, oldest first.
    pub before: Vec<Content>,
    /// The ids of the files that are attached to it.
    pub files: Vec<String>,
    /// `{event_type, event_payload}`.
    pub metadata: Option<Value>,
    /// Whether its author or a `response_url` took it away.
    pub deleted: bool,
}

impl Message {
    /// A message that was just written, for everybody.
    pub(super) fn written(channel: &str, ts: &str, author: Author, now: Content) -> Self {
        Self {
            channel: channel.to_owned(),
            ts: ts.to_owned(),
            thread_ts: None,
            author,
            only_for: None,
            now,
            before: Vec::new(),
            files: Vec::new(),
            metadata: None,
            deleted: false,
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn read(&self) -> String {
        let blocks = super::text::read(&self.now.blocks);
        if blocks.is_empty() { self.now.text.clone() } else { blocks }
    }

    /// The `action_id`s of its buttons and the label of each.
    #[must_use]
    pub fn buttons(&self) -> Vec<(String, String)> {
        let label = |it: &Value| it["text"]["text"].as_str().unwrap_or_default().to_owned();
        let actions = super::text::actions(&self.now.blocks);
        actions.iter().map(|(_, it)| (it["action_id"].as_str().unwrap_or_default().to_owned(), label(it))).collect()
    }

    /// Everything in it that Slack would read as mrkdwn, the notification text of a message without blocks included.
    #[must_use]
    pub fn mrkdwn(&self) -> Vec<String> {
        let mut found = Vec::new();
        super::text::mrkdwn(&self.now.blocks, &mut found);
        // The fallback notifies people, so a mention in it does too.
        found.push(self.now.text.clone());
        found
    }

    /// The first message of its thread: itself, unless it is a reply.
    #[must_use]
    pub fn root(&self) -> &str {
        self.thread_ts.as_deref().unwrap_or(&self.ts)
    }
}

/// A modal that somebody has open.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// `V…`.
    pub id: String,
    /// Whose screen it is on.
    pub user: String,
    /// Changes with every update.
    pub hash: String,
    /// The lowest view of its stack.
    pub root: String,
    /// The one under it.
    pub previous: Option<String>,
    /// What the app sent.
    pub view: Value,
    /// Errors shown at its inputs after a submission, by block id.
    pub errors: BTreeMap<String, String>,
    /// Whether it is still on the screen.
    pub open: bool,
    /// How often it was changed.
    pub updates: usize,
}

impl View {
    /// As a person reads it.
    #[must_use]
    pub fn read(&self) -> String {
        let title = self.view["title"]["text"].as_str().unwrap_or_default();
        let errors = self.errors.iter().map(|(block, error)| format!("! {block}: {error}"));
        let label = |key: &str| self.view[key]["text"].as_str().map(|label| format!("[{label}]"));
        let all = [title.to_owned(), super::text::read(&self.view["blocks"])].into_iter();
        all.chain(errors).chain(label("submit")).chain(label("close")).collect::<Vec<_>>().join("\n")
    }

    /// Everything in it that Slack would read as mrkdwn.
    #[must_use]
    pub fn mrkdwn(&self) -> Vec<String> {
        let mut found = Vec::new();
        super::text::mrkdwn(&self.view, &mut found);
        found
    }

    /// Block id, action id and type of each input, in order.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String, String)> {
        let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |it: &Value| (name(&it["block_id"]), name(&it["element"]["action_id"]), name(&it["element"]["type"]));
        self.inputs().map(of).collect()
    }

    fn inputs(&self) -> impl Iterator<Item = &Value> {
        self.view["blocks"].as_array().into_iter().flatten().filter(|block| block["type"] == "input")
    }

    /// What Slack's client itself says to these values and files, by block id.
    pub(super) fn complaint(&self, values: &[(&str, &str)], files: &[(&str, Vec<&File>)]) -> Option<String> {
        self.inputs().find_map(|block| {
            let id = block["block_id"].as_str().unwrap_or_default();
            if block["element"]["type"] == "file_input" {
                let given = files.iter().find(|(known, _)| *known == id).map_or(&[][..], |(_, files)| files.as_slice());
                return complaint_of_files(block, given).map(|why| format!("{id}: {why}"));
            }
            let length = values.iter().find(|(known, _)| *known == id).map_or(0, |(_, value)| value.chars().count());
            let bound = |key: &str| block["element"][key].as_u64().and_then(|it| usize::try_from(it).ok());
            if length == 0 {
                return (block["optional"] != true).then(|| format!("{id}: Please complete this required field."));
            }
            let wrong = bound("max_length").is_some_and(|most| length > most)
                || bound("min_length").is_some_and(|least| length < least);
            wrong.then(|| format!("{id}: {length} characters"))
        })
    }

    /// Whether it can be submitted.
    #[must_use]
    pub fn can_be_submitted(&self) -> bool {
        self.view.get("submit").is_some_and(|submit| !submit.is_null()) && self.view["submit_disabled"] != true
    }
}

fn complaint_of_files(block: &Value, given: &[&File]) -> Option<String> {
    if given.is_empty() {
        return (block["optional"] != true).then(|| "Please complete this required field.".to_owned());
    }
    let most = block["element"]["max_files"].as_u64().unwrap_or(10);
    if given.len() as u64 > most {
        return Some(format!("{} files", given.len()));
    }
    given.iter().find_map(|file| file.complaint(&block["element"]["filetypes"]))
}

/// One call of the Web API, of a file's address or of a `response_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `chat.postMessage`, …, `files-pri` or `response_url`.
    pub method: String,
    /// The channel it named, if any.
    pub channel: Option<String>,
    /// `ok`, Slack's error code, `ratelimited`, or what was done to it (`lost`, `dropped`, `500`).
    pub outcome: String,
    /// When, by the stand-in's clock.
    pub at: Timestamp,
}

/// What a `trigger_id` stands for.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) user: String,
    pub(super) at: Timestamp,
    pub(super) exchanged: bool,
    /// The modal it comes from, if it does.
    pub(super) view: Option<String>,
}

/// What a `response_url` stands for.
#[derive(Debug, Clone)]
pub(super) struct ResponseUrl {
    pub(super) user: String,
    pub(super) channel: String,
    pub(super) thread_ts: Option<String>,
    /// The message that was clicked.
    pub(super) message: Option<String>,
    pub(super) at: Timestamp,
    pub(super) uses: u32,
}

impl ResponseUrl {
    pub(super) fn new(user: &str, channel: &str, at: Timestamp) -> Self {
        Self { user: user.to_owned(), channel: channel.to_owned(), thread_ts: None, message: None, at, uses: 0 }
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    pub(super) app: String,
    pub(super) app_at: Option<App>,
    pub(super) patience: Duration,
    pub(super) signing_secret: String,
    /// Where `response_url`s lead.
    pub(super) address: SocketAddr,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) workspaces: Vec<Workspace>,
    pub(super) revoked: Vec<String>,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) messages: Vec<Message>,
    pub(super) files: BTreeMap<String, File>,
    pub(super) views: Vec<View>,
    pub(super) triggers: BTreeMap<String, Trigger>,
    pub(super) response_urls: BTreeMap<String, ResponseUrl>,
    pub(super) calls: Vec<Call>,
    pub(super) scripted: BTreeMap<String, VecDeque<Fault>>,
    pub(super) away: bool,
    pub(super) limited: bool,
    pub(super) limits: Limits,
    pub(super) next: u64,
    last_ts: (i64, u32),
}

impl State {
    pub(super) fn new(seed: super::seed::Seed, address: SocketAddr) -> Self {
        Self {
            app: seed.app,
            app_at: None,
            patience: ACKNOWLEDGED_WITHIN,
            address,
            deliveries: Vec::new(),
            signing_secret: seed.signing_secret,
            workspaces: seed.workspaces,
            revoked: Vec::new(),
            people: seed.people.into_iter().map(|one| (one.id.clone(), one)).collect(),
            channels: seed.channels.into_iter().map(|one| (one.id.clone(), one)).collect(),
            messages: Vec::new(),
            files: BTreeMap::new(),
            views: Vec::new(),
            triggers: BTreeMap::new(),
            response_urls: BTreeMap::new(),
            calls: Vec::new(),
            scripted: BTreeMap::new(),
            away: false,
            limited: true,
            limits: Limits::default(),
            next: 0,
            last_ts: (0, 0),
        }
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A message's name: the time, and never the same twice.
    pub(super) fn ts(&mut self, now: Timestamp) -> String {
        let second = now.as_second().max(self.last_ts.0);
        let nth = if second == self.last_ts.0 { self.last_ts.1 + 1 } else { 1 };
        self.last_ts = (second, nth);
        format!("{second}.{nth:06}")
    }

    pub(super) fn workspace(&self, id: &str) -> Option<&Workspace> {
        self.workspaces.iter().find(|one| one.id == id)
    }

    /// Somebody, by id or by handle.
    pub(super) fn person(&self, who: &str) -> Option<&Person> {
        self.people.get(who).or_else(|| self.people.values().find(|one| one.name == who))
    }

    /// A conversation, by id or by name.
    pub(super) fn channel(&self, which: &str) -> Option<&Channel> {
        self.channels.get(which).or_else(|| self.channels.values().find(|one| one.name == which))
    }

    /// A `response_url` for what `user` just did.
    pub(super) fn response_url(&mut self, url: ResponseUrl) -> String {
        let id = format!("{}/{:032x}", url.user, self.number());
        let address = self.address;
        self.response_urls.insert(id.clone(), url);
        format!("http://{address}/response/{id}")
    }

    pub(super) fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|one| one.channel == channel && one.ts == ts && !one.deleted)
    }

    pub(super) fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|one| one.channel == channel && one.ts == ts && !one.deleted)
    }

    pub(super) fn view_mut(&mut self, id: &str) -> Option<&mut View> {
        self.views.iter_mut().find(|one| one.id == id && one.open)
    }

    /// What the direct conversation of the bot with `user` is called.
    pub(super) fn direct_id(user: &str) -> String {
        format!("D{}", user.get(1..).unwrap_or_default())
    }

    /// The direct conversation of the bot with `user`, made when it is not there yet.
    pub(super) fn direct(&mut self, user: &str) -> Option<String> {
        let team = self.people.get(user)?.team.clone();
        let id = Self::direct_id(user);
        self.channels.entry(id.clone()).or_insert_with(|| Channel {
            id: id.clone(),
            name: user.to_owned(),
            team,
            kind: Kind::Direct,
            members: [user.to_owned()].into(),
            bot_in: true,
            archived: false,
            ext_shared: false,
        });
        Some(id)
    }

    pub(super) fn trigger(&mut self, user: &str, view: Option<&str>, now: Timestamp) -> String {
        let number = self.number();
        let id = format!("{}.{number}.{number:032x}", now.as_millisecond());
        let trigger = Trigger { user: user.to_owned(), at: now, exchanged: false, view: view.map(str::to_owned) };
        self.triggers.insert(id.clone(), trigger);
        id
    }
}

/// The state behind its lock, and a bell that rings at every change.
pub(super) struct Shared {
    state: Mutex<State>,
    clock: Clock,
    pub(super) changed: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(state: State, clock: Clock) -> Self {
        Self { state: Mutex::new(state), clock, changed: watch::Sender::new(0) }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Nothing panics while it is held, and a test that did is over anyway.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ring(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
