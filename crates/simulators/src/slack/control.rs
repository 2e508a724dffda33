//! What a test changes: who is there, what goes wrong, which secrets hold.
//!
//! **Invariant:** every change takes effect with the next call or delivery, never for one that was made.

use serde_json::Value;

use super::Slack;
use super::api::{self, Arguments, Form};
use super::fault::Fault;
use super::seed::{Channel, Person, Workspace};

impl Slack {
    /// What goes wrong with the next calls of a method (`response_url` for those); each fault is spent by one call.
    pub fn script(&self, method: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.lock().scripted.entry(method.to_owned()).or_default().extend(faults);
    }

    /// Whether Slack is gone: every connection to it breaks before anything takes place.
    pub fn away(&self, away: bool) {
        self.shared.lock().away = away;
    }

    /// Whether Slack's ordinary rate limits hold; they do unless told otherwise.
    pub fn limited(&self, limited: bool) {
        self.shared.lock().limited = limited;
    }

    /// The secret that signs now.
    #[must_use]
    pub fn signing_secret(&self) -> String {
        self.shared.lock().signing_secret.clone()
    }

    /// Another secret signs from now on.
    pub fn rotate_signing_secret(&self, secret: &str) {
        secret.clone_into(&mut self.shared.lock().signing_secret);
    }

    /// The bot's token in a workspace.
    ///
    /// # Panics
    /// When there is no such workspace.
    #[must_use]
    pub fn token(&self, team: &str) -> String {
        let state = self.shared.lock();
        state.workspace(team).unwrap_or_else(|| panic!("`{team}` is no workspace")).token.clone()
    }

    /// The token of a workspace no longer holds.
    pub fn revoke_token(&self, team: &str) {
        let token = self.token(team);
        self.shared.lock().revoked.push(token);
    }

    /// A workspace gets another token; the old one no longer holds.
    pub fn replace_token(&self, team: &str, token: &str) {
        self.revoke_token(team);
        self.change_workspace(team, |it| token.clone_into(&mut it.token));
        self.shared.lock().revoked.retain(|revoked| revoked != token);
    }

    /// Changes a workspace, e.g. its scopes.
    pub fn change_workspace(&self, team: &str, change: impl FnOnce(&mut Workspace)) {
        if let Some(found) = self.shared.lock().workspaces.iter_mut().find(|one| one.id == team) {
            change(found);
        }
    }

    /// Changes somebody (by handle or id), e.g. their standing.
    ///
    /// # Panics
    /// When there is no such person.
    pub fn change_person(&self, who: &str, change: impl FnOnce(&mut Person)) {
        let mut state = self.shared.lock();
        let id = state.person(who).unwrap_or_else(|| panic!("nobody is called `{who}`")).id.clone();
        if let Some(found) = state.people.get_mut(&id) {
            change(found);
        }
    }

    /// Changes a channel (by name or id), e.g. whether the bot is in it.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn change_channel(&self, which: &str, change: impl FnOnce(&mut Channel)) {
        let mut state = self.shared.lock();
        let id = state.channel(which).unwrap_or_else(|| panic!("no channel is called `{which}`")).id.clone();
        if let Some(found) = state.channels.get_mut(&id) {
            change(found);
        }
    }

    /// Adds somebody.
    pub fn add_person(&self, person: Person) {
        self.shared.lock().people.insert(person.id.clone(), person);
    }

    /// Adds a channel.
    pub fn add_channel(&self, channel: Channel) {
        self.shared.lock().channels.insert(channel.id.clone(), channel);
    }

    /// A channel (by name or id).
    #[must_use]
    pub fn channel(&self, which: &str) -> Option<Channel> {
        self.shared.lock().channel(which).cloned()
    }

    /// A call of the Web API by whoever holds `token`, e.g. a thief; rate limits and faults are left out.
    #[must_use]
    pub fn call_as(&self, token: &str, method: &str, arguments: &Value) -> Value {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let values = arguments.as_object().cloned().unwrap_or_default();
        let done = api::workspace_of(&state, Some(token))
            .and_then(|it| api::call(&mut state, method, it, &Arguments { form: Form::Json, values }, now));
        drop(state);
        self.shared.ring();
        done.unwrap_or_else(|no| no.body())
    }
}
