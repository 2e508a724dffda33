//! Slash commands.
//!
//! **Invariant:** the text goes on exactly as it was typed; what it means is the grammar's business.

use super::account::{Home, Person, is_id};
use super::answer::{Reply, page_of};
use super::block::restored;
use super::desk::{Deed, Desk};
use super::files::Beside;
use super::form::Form;
use super::manifest::{is_manifest_missing, with_way_to_attach};
use super::metrics::{Cause, Kind, Outcome};
use super::once::Name;
use super::signature::Signed;
use countersign_chat::{Answer, Inbound, ThreadId, Typed};
use countersign_core::channel::Channel;
use std::sync::Arc;

/// Read by the one who typed, at once, and true whatever happens to this process afterwards.
const RECEIVED: &str = "Received. No thread within a minute means nothing was started: ask again.";

/// What Slack calls a channel whose name it keeps from commands: one that is private, and a direct message.
///
/// Source: payloads of slash commands; "Slash commands" shows the field and names no values.
const UNNAMED: [&str; 2] = ["privategroup", "directmessage"];

/// The channel of a slash command, whose whole body is signed.
fn channel(id: &str, name: Option<&str>) -> Channel {
    if name.is_some_and(|name| UNNAMED.contains(&name)) { Channel::private(id) } else { Channel::named(id) }
}

/// A line somebody typed.
pub(super) struct Line {
    pub(super) deed: Deed,
    pub(super) channel: Option<Channel>,
    pub(super) thread: Option<ThreadId>,
    pub(super) text: String,
    /// What came with it.
    pub(super) beside: Beside,
    /// What opens a window, for three seconds.
    pub(super) trigger: Option<String>,
}

impl Desk {
    pub(super) fn commanded(self: &Arc<Self>, signed: &Signed) -> Result<Reply, Cause> {
        let form = Form::parse(signed.body())?;
        if form.text("ssl_check") == Some("1") {
            return Ok(Reply::empty(Kind::SslCheck, Outcome::Answered));
        }
        let home = Home::new(form.text("team_id"), form.text("enterprise_id"));
        self.settings.allowed.admit(form.text("api_app_id"), home)?;
        let trigger: Vec<Name> = form.text("trigger_id").map(Name::of_trigger).into_iter().collect();
        if !self.is_new(signed, &trigger)? {
            return Ok(Reply::empty(Kind::Command, Outcome::Again));
        }
        let line = self.line(&form, home, signed)?;
        self.bring(line);
        let body = serde_json::json!({ "response_type": "ephemeral", "text": RECEIVED });
        Ok(Reply::json(Kind::Command, Outcome::Taken, body))
    }

    fn line(&self, form: &Form, home: Home<'_>, signed: &Signed) -> Result<Line, Cause> {
        let user = form.text("user_id").ok_or(Cause::Malformed)?;
        let person = Person::new(user, None, home, &self.settings.allowed)?;
        let command = form.text("command").filter(|command| command.starts_with('/')).ok_or(Cause::Malformed)?;
        let text = match form.text("text") {
            Some(rest) => format!("{command} {rest}"),
            None => command.to_owned(),
        };
        let channel = form.text("channel_id").filter(|id| is_id(id)).map(|id| channel(id, form.text("channel_name")));
        let response_url = form.text("response_url").map(str::to_owned);
        let deed = Deed::new(person, response_url, form.text("trigger_id"), signed);
        let trigger = form.text("trigger_id").map(str::to_owned);
        Ok(Line { deed, channel, thread: None, text, beside: Beside::Nothing, trigger })
    }

    /// Brings a line to the gateway; its answer.
    pub(super) async fn asked(&self, line: Line) -> Answer {
        let Line { deed, channel, thread, text, beside, trigger: _ } = line;
        let Deed { person, reach, at } = deed;
        let membership = self.membership(&person).await;
        let brought = self.brought(beside, &person.account.user, membership).await;
        let (account, text, nonce) = (person.account, restored(&text), reach.nonce);
        let typed = Typed { account, membership, channel, thread, text, manifest: None, nonce, at };
        match brought {
            Ok(manifest) => self.gate.receive(Inbound::Typed(Typed { manifest, ..typed })).await,
            Err(why) => self.gate.refuse(typed, *why).await,
        }
    }

    /// Brings a line to the gateway, on a task that outlives the request.
    pub(super) fn bring(self: &Arc<Self>, line: Line) {
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            let reach = line.deed.reach.clone();
            let (trigger, text, is_message) = (line.trigger.clone(), line.text.clone(), line.thread.is_some());
            let asks = line.as_metadata();
            let mut answer = desk.asked(line).await;
            if is_manifest_missing(&answer, &text) {
                match (trigger, asks) {
                    (Some(trigger), Some(asks)) if desk.ask_manifest(&trigger, &asks).await => return,
                    // A message opens no window; a file can be attached to it.
                    _ if is_message => answer = with_way_to_attach(answer),
                    _ => {}
                }
            }
            if let Some(page) = page_of(&answer, desk.clock.now()) {
                desk.tell(&reach, &page).await;
            }
        });
    }
}
