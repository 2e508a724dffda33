//! What tests see: messages as people read them, calls, deliveries, and waiting for any of it.
//!
//! **Invariant:** reading changes nothing.

use std::time::Duration;

use super::Slack;
use super::deliver::Delivery;
use super::state::{Author, Call, Message, State, View};

impl Slack {
    /// Every message that was ever there, also ephemeral and deleted ones, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.lock().messages.clone()
    }

    /// A message as it stands now.
    #[must_use]
    pub fn message(&self, channel: &str, ts: &str) -> Option<Message> {
        self.shared.lock().message(channel, ts).cloned()
    }

    /// The first messages of a channel's threads that everybody there sees (by name or id), oldest first.
    #[must_use]
    pub fn roots(&self, channel: &str) -> Vec<Message> {
        let state = self.shared.lock();
        let Some(channel) = state.channel(channel) else { return Vec::new() };
        let of = state.messages.iter().filter(|one| one.channel == channel.id && is_seen(one));
        of.filter(|one| one.thread_ts.is_none()).cloned().collect()
    }

    /// A message and its replies, oldest first.
    #[must_use]
    pub fn thread(&self, root: &Message) -> Vec<Message> {
        let state = self.shared.lock();
        let of = state.messages.iter().filter(|one| one.channel == root.channel && is_seen(one));
        of.filter(|one| one.root() == root.root()).cloned().collect()
    }

    /// A thread as a person reads it.
    #[must_use]
    pub fn thread_text(&self, root: &Message) -> String {
        let state = self.shared.lock();
        let of = state.messages.iter().filter(|one| one.channel == root.channel && is_seen(one));
        let of: Vec<String> = of.filter(|one| one.root() == root.root()).map(|one| line(&state, one)).collect();
        of.join("\n")
    }

    /// What only this person (by handle or id) sees, oldest first.
    #[must_use]
    pub fn only_for(&self, who: &str) -> Vec<Message> {
        let state = self.shared.lock();
        let Some(person) = state.person(who) else { return Vec::new() };
        let of = state.messages.iter().filter(|one| one.only_for.as_ref() == Some(&person.id) && !one.deleted);
        of.cloned().collect()
    }

    /// The direct conversation of the bot with somebody (by handle or id), oldest message first.
    #[must_use]
    pub fn direct(&self, who: &str) -> Vec<Message> {
        let state = self.shared.lock();
        let Some(person) = state.person(who) else { return Vec::new() };
        let id = State::direct_id(&person.id);
        state.messages.iter().filter(|one| one.channel == id && is_seen(one)).cloned().collect()
    }

    /// The modal on top of somebody's screen (by handle or id).
    #[must_use]
    pub fn screen(&self, who: &str) -> Option<View> {
        let state = self.shared.lock();
        let person = state.person(who)?;
        state.views.iter().rev().find(|one| one.open && one.user == person.id).cloned()
    }

    /// A modal, also one that is closed.
    #[must_use]
    pub fn view(&self, id: &str) -> Option<View> {
        self.shared.lock().views.iter().find(|one| one.id == id).cloned()
    }

    /// Every modal that was ever opened.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        self.shared.lock().views.clone()
    }

    /// Every call of the Web API and of a `response_url`, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// Every request that was sent to the app, in the order of their answers.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().deliveries.clone()
    }

    /// Everything everybody sees, one paragraph a message, in the order it was first said.
    #[must_use]
    pub fn transcript(&self) -> String {
        let state = self.shared.lock();
        let all: Vec<String> = state.messages.iter().filter(|one| !one.deleted).map(|one| line(&state, one)).collect();
        let open = state.views.iter().filter(|one| one.open);
        let open = open.map(|one| format!("[modal of {}] {}", one.user, one.read()));
        all.into_iter().chain(open).collect::<Vec<_>>().join("\n")
    }

    /// Waits until `find` finds something; looks after every change.
    ///
    /// # Errors
    /// The transcript, after `within`.
    pub async fn wait_for<T>(&self, within: Duration, find: impl Fn(&Self) -> Option<T>) -> Result<T, String> {
        let mut changed = self.shared.changed.subscribe();
        let looking = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = find(self) {
                    return found;
                }
                // The sender lives as long as this stand-in.
                drop(changed.changed().await);
            }
        };
        tokio::time::timeout(within, looking).await.map_err(|_| self.transcript())
    }
}

fn is_seen(message: &Message) -> bool {
    message.only_for.is_none() && !message.deleted
}

fn line(state: &State, message: &Message) -> String {
    let name = |id: &str| state.people.get(id).map_or_else(|| id.to_owned(), |one| one.name.clone());
    let author = match &message.author {
        Author::App => "app".to_owned(),
        Author::Slack => "Slack".to_owned(),
        Author::Person(id) => name(id),
    };
    let place = state.channels.get(&message.channel).map_or(message.channel.as_str(), |one| one.name.as_str());
    let reply = if message.thread_ts.is_some() { " >" } else { "" };
    let private = message.only_for.as_ref().map(|id| format!(" (only {})", name(id))).unwrap_or_default();
    let edits = if message.before.is_empty() { String::new() } else { format!(" (edited {})", message.before.len()) };
    format!("[{place}{reply} {author}{private}{edits}] {}", message.read())
}
