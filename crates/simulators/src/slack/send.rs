//! What people do in Slack, and the requests the app gets for it.
//!
//! **Invariant:** a person does what Slack's client would let them do; what was answered takes effect as it does
//! there. A slash command and a click are sent once, whatever comes back; an event up to four times.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Slack;
use super::deliver::{Delivery, Door, Outcome, Outgoing, exchange};
use super::fields;
use super::modals;
use super::response::{content_of, say};
use super::seed::{Channel, Person, Workspace};
use super::state::{Author, Content, Message, ResponseUrl, State, View};

/// Why an event is sent again. Source: Slack, "The Events API", "Retries".
const RETRIES: [&str; 3] = ["1", "2", "3"];

/// Who and where, looked up once.
struct Scene {
    person: Person,
    workspace: Workspace,
}

/// What is to be sent, and for whom.
struct Prepared {
    user: String,
    what: String,
    trigger: Option<String>,
    sent: Outgoing,
}

fn scene(state: &State, who: &str, team: Option<&str>) -> Scene {
    let person = state.person(who).unwrap_or_else(|| panic!("nobody is called `{who}`")).clone();
    let team = team.unwrap_or(&person.team);
    let workspace = state.workspace(team).unwrap_or_else(|| panic!("`{team}` is no workspace")).clone();
    Scene { person, workspace }
}

fn place(state: &State, which: &str) -> Channel {
    state.channel(which).unwrap_or_else(|| panic!("no channel is called `{which}`")).clone()
}

impl Slack {
    /// Somebody (by handle or id) types a slash command in a channel (by name or id).
    ///
    /// # Panics
    /// When there is no such person or channel.
    pub async fn command(&self, who: &str, channel: &str, command: &str, text: &str) -> Delivery {
        let prepared = self.prepare_command(who, channel, command, text);
        let (user, channel) = (prepared.user.clone(), place(&self.shared.lock(), channel).id);
        self.finish(prepared, |state, outcome, now| {
            let no = |why: &str| format!("{command} failed with the error \"{why}\"");
            let trouble = match outcome.trouble() {
                Some(trouble) => Some(trouble),
                None => said(state, (&channel, &user), outcome, now).err(),
            };
            let told = trouble.map(no)?;
            slackbot(state, &channel, &user, &told, now);
            Some(told)
        })
        .await
    }

    /// The same request as [`Slack::command`] would send, without sending it.
    ///
    /// # Panics
    /// When there is no such person or channel.
    #[must_use]
    pub fn compose(&self, who: &str, channel: &str, command: &str, text: &str) -> Outgoing {
        self.prepare_command(who, channel, command, text).sent
    }

    fn prepare_command(&self, who: &str, channel: &str, command: &str, text: &str) -> Prepared {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let (Scene { person, .. }, channel) = (scene(&state, who, None), place(&state, channel));
        let trigger = state.trigger(&person.id, None, now);
        let url = ResponseUrl::new(&person.id, &channel.id, now);
        let url = state.response_url(url);
        let body = fields::command(&state, (&person, &channel), (command, text), (&trigger, &url));
        let sent = Outgoing::signed(Door::Commands, body, &state.signing_secret, now);
        Prepared { user: person.id, what: format!("{command} {text}"), trigger: Some(trigger), sent }
    }

    /// Somebody clicks an element of a message as it stands now.
    ///
    /// # Panics
    /// When there is no such person, message or element.
    pub async fn click(&self, who: &str, message: &Message, action_id: &str) -> Delivery {
        let prepared = self.prepare_click(who, message, action_id);
        self.finish(prepared, |_, outcome, _| {
            outcome.trouble().map(|_| "This app is not responding. Try again later.".to_owned())
        })
        .await
    }

    /// The same request as [`Slack::click`] would send, without sending it. It takes the message as given, also one
    /// that says something else by now.
    ///
    /// # Panics
    /// When there is no such person or element.
    #[must_use]
    pub fn compose_click(&self, who: &str, message: &Message, action_id: &str) -> Outgoing {
        self.prepare_click(who, message, action_id).sent
    }

    fn prepare_click(&self, who: &str, message: &Message, action_id: &str) -> Prepared {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let team = state.channels.get(&message.channel).map(|one| one.team.clone());
        let Scene { person, workspace } = scene(&state, who, team.as_deref());
        let found = super::text::actions(&message.now.blocks);
        let found = found.into_iter().find(|(_, element)| element["action_id"] == action_id);
        let (block, element) =
            found.unwrap_or_else(|| panic!("nothing here is called `{action_id}`:\n{}", message.read()));
        let trigger = state.trigger(&person.id, None, now);
        let url = ResponseUrl {
            thread_ts: message.thread_ts.clone(),
            message: Some(message.ts.clone()),
            ..ResponseUrl::new(&person.id, &message.channel, now)
        };
        let url = state.response_url(url);
        let payload = fields::click(&state, (&person, &workspace), (message, &block, &element), (&trigger, &url), now);
        let sent = Outgoing::signed(Door::Interactions, fields::payload(&payload), &state.signing_secret, now);
        Prepared { user: person.id, what: format!("click {action_id}"), trigger: Some(trigger), sent }
    }

    /// Somebody submits a modal on their screen, with values by block id. Slack's client sends nothing while a field
    /// that must be filled in is empty or too long: that is [`Outcome::NotSent`].
    ///
    /// # Panics
    /// When the modal is not open, or has no submit button.
    pub async fn submit(&self, view: &View, values: &[(&str, &str)]) -> Delivery {
        self.submit_with(view, values, &[]).await
    }

    /// The same with files, by block id and by their own ids.
    ///
    /// # Panics
    /// When the modal is not open or has no submit button, or there is no such file.
    pub async fn submit_with(&self, view: &View, values: &[(&str, &str)], files: &[(&str, &[&str])]) -> Delivery {
        let (prepared, complaint) = self.prepare_submission(view, values, files);
        if let Some(complaint) = complaint {
            let now = self.shared.now();
            return self.record(prepared, now, std::time::Duration::ZERO, Outcome::NotSent, |_, _, _| Some(complaint));
        }
        self.finish(prepared, |state, outcome, _| modals::answered(state, &view.id, outcome)).await
    }

    /// The same request as [`Slack::submit`] would send, without sending it and without the client's own checks.
    ///
    /// # Panics
    /// When the modal is not open, or has no submit button.
    #[must_use]
    pub fn compose_submission(&self, view: &View, values: &[(&str, &str)]) -> Outgoing {
        self.prepare_submission(view, values, &[]).0.sent
    }

    /// The same with files, by block id and by their own ids.
    ///
    /// # Panics
    /// When the modal is not open or has no submit button, or there is no such file.
    #[must_use]
    pub fn compose_submission_with(&self, view: &View, values: &[(&str, &str)], files: &[(&str, &[&str])]) -> Outgoing {
        self.prepare_submission(view, values, files).0.sent
    }

    fn prepare_submission(
        &self,
        view: &View,
        values: &[(&str, &str)],
        files: &[(&str, &[&str])],
    ) -> (Prepared, Option<String>) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let Scene { person, workspace } = scene(&state, &view.user, None);
        let trigger = state.trigger(&person.id, Some(&view.id), now);
        let open = state.view_mut(&view.id).unwrap_or_else(|| panic!("`{}` is not open", view.id));
        assert!(open.can_be_submitted(), "there is no submit button:\n{}", open.read());
        open.errors.clear();
        let open = open.clone();
        for (_, ids) in files {
            state.give(ids);
        }
        let payload =
            fields::submission(&state, (&person, &workspace), (&open, fields::Filled { values, files }), &trigger);
        let known = |ids: &[&str]| ids.iter().filter_map(|id| state.files.get(*id)).collect::<Vec<_>>();
        let files: Vec<_> = files.iter().map(|(block, ids)| (*block, known(ids))).collect();
        let complaint = open.complaint(values, &files);
        let sent = Outgoing::signed(Door::Interactions, fields::payload(&payload), &state.signing_secret, now);
        let what = format!("submit {}", open.view["callback_id"].as_str().unwrap_or_default());
        (Prepared { user: person.id, what, trigger: Some(trigger), sent }, complaint)
    }

    /// Somebody closes a modal. The app is told only when it asked to be.
    pub async fn close(&self, view: &View) -> Option<Delivery> {
        let prepared = {
            let now = self.shared.now();
            let mut state = self.shared.lock();
            super::views::close(&mut state, &view.id, false);
            if view.view["notify_on_close"] != true {
                return None;
            }
            let Scene { person, workspace } = scene(&state, &view.user, None);
            let payload = fields::closed(&state, (&person, &workspace), view);
            let sent = Outgoing::signed(Door::Interactions, fields::payload(&payload), &state.signing_secret, now);
            Prepared { user: person.id, what: "close".into(), trigger: None, sent }
        };
        Some(self.finish(prepared, |_, _, _| None).await)
    }

    /// Somebody writes a message, which is no command.
    ///
    /// # Panics
    /// When there is no such person or channel.
    #[must_use]
    pub fn says(&self, who: &str, channel: &str, thread_ts: Option<&str>, text: &str) -> Message {
        self.says_with(who, channel, thread_ts, text, &[])
    }

    /// The same with files attached, by their ids.
    ///
    /// # Panics
    /// When there is no such person, channel or file.
    pub fn says_with(&self, who: &str, channel: &str, thread_ts: Option<&str>, text: &str, files: &[&str]) -> Message {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let (person, channel) = (scene(&state, who, None).person, place(&state, channel));
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let ts = state.ts(now);
        let message =
            Message::written(&channel.id, &ts, Author::Person(person.id), Content { text, blocks: Value::Null });
        let files = state.share(files, &channel.id);
        let message = Message { thread_ts: thread_ts.map(str::to_owned), files, ..message };
        state.messages.push(message.clone());
        drop(state);
        self.shared.ring();
        message
    }

    /// Somebody mentions the app, in a thread or not; up to four deliveries of the event, until one is taken. The waits
    /// between them (none, a minute, five minutes) are left out.
    ///
    /// # Panics
    /// When there is no such person or channel.
    pub async fn mention(&self, who: &str, channel: &str, thread_ts: Option<&str>, text: &str) -> Vec<Delivery> {
        self.announce(&self.mentions(who, channel, thread_ts, text, &[])).await
    }

    /// Somebody writes a message that mentions the app, with files attached; the app is not told yet.
    ///
    /// # Panics
    /// When there is no such person, channel or file.
    #[must_use]
    pub fn mentions(&self, who: &str, channel: &str, thread_ts: Option<&str>, text: &str, files: &[&str]) -> Message {
        let mut message = self.says_with(who, channel, thread_ts, text, files);
        message.now.text = format!("<@U0BOT00001> {}", message.now.text);
        if let Some(written) = self.shared.lock().message_mut(&message.channel, &message.ts) {
            written.now.text.clone_from(&message.now.text);
        }
        message
    }

    /// The app is told of a message that mentions it.
    pub async fn announce(&self, message: &Message) -> Vec<Delivery> {
        let Author::Person(user) = &message.author else { return Vec::new() };
        let mut event = json!({"type": "app_mention", "user": user, "text": message.now.text, "ts": message.ts,
            "channel": message.channel, "event_ts": message.ts});
        if let Some(thread) = &message.thread_ts {
            event["thread_ts"] = thread.clone().into();
        }
        if !message.files.is_empty() {
            event["files"] = super::files::told(&self.shared.lock(), message);
            event["upload"] = false.into();
            event["display_as_bot"] = false.into();
        }
        let team = self.shared.lock().channels.get(&message.channel).map(|one| one.team.clone()).unwrap_or_default();
        self.event(&team, user, event).await
    }

    /// Any event of a workspace, e.g. `{"type": "tokens_revoked", …}`; up to four deliveries, until one is taken.
    ///
    /// # Panics
    /// When there is no such workspace.
    pub async fn event(&self, team: &str, user: &str, event: Value) -> Vec<Delivery> {
        let now = self.shared.now();
        let body = {
            let mut state = self.shared.lock();
            let workspace = state.workspace(team).unwrap_or_else(|| panic!("`{team}` is no workspace")).clone();
            let id = format!("Ev{:09}", state.number());
            fields::event(&state, &workspace, event.clone(), &id, now)
        };
        let mut deliveries: Vec<Delivery> = Vec::new();
        for nth in std::iter::once(None).chain(RETRIES.map(Some)) {
            let mut sent = self.sign(Door::Events, body.clone());
            if let (Some(nth), Some(last)) = (nth, deliveries.last()) {
                let reason = match last.outcome {
                    Outcome::TimedOut => "http_timeout",
                    Outcome::Unreachable | Outcome::NotSent => "connection_failed",
                    Outcome::Answered { .. } => "http_error",
                };
                sent = sent.with_header("x-slack-retry-num", nth).with_header("x-slack-retry-reason", reason);
            }
            let what = format!("event {}", event["type"].as_str().unwrap_or_default());
            let prepared = Prepared { user: user.to_owned(), what, trigger: None, sent };
            let delivery = self.finish(prepared, |_, outcome, _| outcome.trouble().map(str::to_owned)).await;
            let taken = delivery.told.is_none();
            deliveries.push(delivery);
            if taken {
                break;
            }
        }
        deliveries
    }

    /// Slack asks whether the events' address is the app's; the answer must hold `challenge`.
    pub async fn url_verification(&self, challenge: &str) -> Delivery {
        self.deliver(self.sign(Door::Events, fields::url_verification(challenge))).await
    }

    /// Slack looks at the certificate of the commands' address.
    pub async fn ssl_check(&self) -> Delivery {
        self.deliver(self.sign(Door::Commands, fields::ssl_check())).await
    }

    /// Signs a body with the present secret, now.
    #[must_use]
    pub fn sign(&self, door: Door, body: Vec<u8>) -> Outgoing {
        let now = self.shared.now();
        self.sign_with(door, body, &self.signing_secret(), now)
    }

    /// Signs a body with any secret, at any time.
    #[must_use]
    pub fn sign_with(&self, door: Door, body: Vec<u8>, secret: &str, at: Timestamp) -> Outgoing {
        Outgoing::signed(door, body, secret, at)
    }

    /// Sends exactly this: what was composed and edited, or what was sent before. The answer changes nothing here.
    pub async fn deliver(&self, sent: Outgoing) -> Delivery {
        let prepared = Prepared { user: String::new(), what: "delivered as given".into(), trigger: None, sent };
        self.finish(prepared, |_, _, _| None).await
    }

    /// Sends, lets the answer take effect, and remembers.
    async fn finish(
        &self,
        prepared: Prepared,
        effect: impl FnOnce(&mut State, &Outcome, Timestamp) -> Option<String>,
    ) -> Delivery {
        let (url, patience) = {
            let state = self.shared.lock();
            let url = state.app_at.as_ref().map(|app| match prepared.sent.door {
                Door::Commands => app.commands.clone(),
                Door::Interactions => app.interactions.clone(),
                Door::Events => app.events.clone(),
            });
            (url, state.patience)
        };
        let (at, began) = (self.shared.now(), tokio::time::Instant::now());
        let outcome = exchange(url.as_deref(), &prepared.sent, patience).await;
        self.record(prepared, at, began.elapsed(), outcome, effect)
    }

    fn record(
        &self,
        prepared: Prepared,
        at: Timestamp,
        took: std::time::Duration,
        outcome: Outcome,
        effect: impl FnOnce(&mut State, &Outcome, Timestamp) -> Option<String>,
    ) -> Delivery {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let told = effect(&mut state, &outcome, now);
        let number = state.deliveries.len() as u64 + 1;
        let Prepared { user, what, trigger, sent } = prepared;
        let delivery = Delivery { number, user, what, sent, trigger, at, took, outcome, told };
        state.deliveries.push(delivery.clone());
        drop(state);
        self.shared.ring();
        delivery
    }
}

/// The message in the answer to a command, if there is one.
fn said(
    state: &mut State,
    (channel, user): (&str, &str),
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), &'static str> {
    let Outcome::Answered { content_type, body, .. } = outcome else { return Ok(()) };
    if body.trim().is_empty() {
        return Ok(());
    }
    if !content_type.starts_with("application/json") {
        let content = Content { text: body.clone(), blocks: Value::Null };
        say(state, channel, None, Some(user.to_owned()), content, now);
        return Ok(());
    }
    let body: Value = serde_json::from_str(body).map_err(|_| "invalid_command_response")?;
    let in_channel = body["response_type"] == "in_channel";
    if in_channel && body.as_object().is_some_and(|it| it.len() == 1) {
        return Ok(());
    }
    let content = content_of(&body).map_err(|(_, code)| code)?;
    say(state, channel, None, Some(user.to_owned()).filter(|_| !in_channel), content, now);
    Ok(())
}

/// Slack itself tells one person that something went wrong.
fn slackbot(state: &mut State, channel: &str, user: &str, text: &str, now: Timestamp) {
    let ts = state.ts(now);
    let content = Content { text: text.to_owned(), blocks: Value::Null };
    let message = Message::written(channel, &ts, Author::Slack, content);
    state.messages.push(Message { only_for: Some(user.to_owned()), ..message });
}
