//! Events: lines typed to us in threads, and what happens to the app itself.
//!
//! **Invariant:** a message is one command, however often and under whatever ids it is told of: its
//! name and its time, not those of the delivery, make the request.

use super::account::{Home, Person, is_id, is_ts};
use super::answer::{Reach, Reply};
use super::commands::Line;
use super::desk::{Deed, Desk};
use super::files::Beside;
use super::metrics::{Cause, DISCONNECTED, Kind, Outcome};
use super::model::{Envelope, Mention, WithMention, names};
use super::once::Name;
use super::signature::Signed;
use crate::threads::Place;
use countersign_core::channel::Channel;
use countersign_core::time::Timestamp;
use std::sync::Arc;

/// Longer than any challenge of Slack's, in bytes.
const LONGEST_CHALLENGE: usize = 512;

impl Desk {
    pub(super) fn told(self: &Arc<Self>, signed: &Signed) -> Result<Reply, Cause> {
        let envelope: Envelope = serde_json::from_slice(signed.body()).map_err(|_| Cause::Malformed)?;
        if envelope.kind == "url_verification" {
            // Names no workspace, and may name no app: its signature is what it proves.
            let challenge =
                envelope.challenge.filter(|text| text.len() <= LONGEST_CHALLENGE).ok_or(Cause::Malformed)?;
            return Ok(Reply::text(Kind::Verification, Outcome::Answered, challenge));
        }
        let home = home_of(&envelope);
        self.settings.allowed.admit(envelope.api_app_id.as_deref(), home)?;
        let kind = kind_of(&envelope);
        let mut names: Vec<Name> = envelope.event_id.as_deref().map(Name::of_event).into_iter().collect();
        let mention = if kind == Kind::Mention { Some(mention(signed)?) } else { None };
        names.extend(mention.as_ref().map(|it| Name::of_message(&it.channel, &it.ts)));
        if !self.is_new(signed, &names)? {
            return Ok(Reply::empty(kind, Outcome::Again));
        }
        if let Some(mention) = mention {
            return self.mentioned(mention, &envelope, home, signed);
        }
        if kind == Kind::Lifecycle {
            ::metrics::counter!(DISCONNECTED).increment(1);
            tracing::error!("Slack says that the app was uninstalled or its tokens revoked: nobody can be answered");
        }
        if kind == Kind::RateLimited {
            tracing::warn!("Slack holds events back, because there were too many");
        }
        Ok(Reply::empty(kind, Outcome::Ignored))
    }

    fn mentioned(
        self: &Arc<Self>,
        mention: Mention,
        envelope: &Envelope,
        home: Home<'_>,
        signed: &Signed,
    ) -> Result<Reply, Cause> {
        let Some(user) = mention.user.as_deref().filter(|_| mention.bot_id.is_none()) else {
            // Programs cannot ask; to answer them would begin a conversation among programs.
            return Ok(Reply::empty(Kind::Mention, Outcome::Ignored));
        };
        let allowed = &self.settings.allowed;
        let person = Person::new(user, None, home, allowed)?;
        let teams = [&mention.team, &mention.user_team, &mention.source_team];
        let of = |team: &String| Person::new(user, Some(team), home, allowed).is_ok_and(|person| person.is_outsider);
        let is_outsider = teams.into_iter().flatten().any(of);
        let person = Person { is_outsider, ..person };
        let nonce = format!("message/{}/{}", mention.channel, mention.ts);
        let reach = Reach { user: user.to_owned(), response_url: None, nonce };
        let at = instant(&mention.ts).unwrap_or(signed.at());
        let bot = envelope.installation().and_then(|one| one.user_id.as_deref());
        let text = after_mention(mention.text.as_deref().unwrap_or_default(), bot).to_owned();
        let thread = Some(mention.thread_ts.unwrap_or_else(|| mention.ts.clone()));
        let thread = Some(Place { channel: mention.channel.clone(), card: None, thread }.id());
        let deed = Deed { person, reach, at };
        // A mention does not say who else can read the channel.
        let channel = Channel::named(mention.channel);
        let beside = Beside::files(names(mention.files.unwrap_or_default()));
        self.bring(Line { deed, channel: Some(channel), thread, text, beside, trigger: None });
        Ok(Reply::empty(Kind::Mention, Outcome::Taken))
    }
}

/// The workspace that is told; the organisation stands in one of three places.
fn home_of(envelope: &Envelope) -> Home<'_> {
    let installed = || envelope.installation().and_then(|one| one.enterprise_id.as_deref());
    let enterprise = envelope.enterprise_id.as_deref().or(envelope.context_enterprise_id.as_deref());
    Home::new(envelope.team_id.as_deref(), enterprise.or_else(installed))
}

fn kind_of(envelope: &Envelope) -> Kind {
    match (envelope.kind.as_str(), envelope.event.as_ref().map(|event| event.kind.as_str())) {
        ("app_rate_limited", _) => Kind::RateLimited,
        ("event_callback", Some("app_mention")) => Kind::Mention,
        ("event_callback", Some("app_uninstalled" | "tokens_revoked")) => Kind::Lifecycle,
        ("event_callback", Some("user_change")) => Kind::UserChange,
        _ => Kind::OtherEvent,
    }
}

/// The message, whose ids become part of names.
fn mention(signed: &Signed) -> Result<Mention, Cause> {
    let told: WithMention = serde_json::from_slice(signed.body()).map_err(|_| Cause::Malformed)?;
    let mention = told.event;
    let thread = mention.thread_ts.as_deref();
    let fits = is_id(&mention.channel) && is_ts(&mention.ts) && thread.is_none_or(is_ts);
    if fits { Ok(mention) } else { Err(Cause::Malformed) }
}

/// What follows our name at the beginning. A line that begins otherwise is left as it is, and the
/// grammar says that it begins with no command.
fn after_mention<'a>(text: &'a str, bot: Option<&str>) -> &'a str {
    let begun = text.trim_start().strip_prefix("<@").and_then(|rest| rest.split_once('>'));
    let Some((name, rest)) = begun else { return text };
    let id = name.split_once('|').map_or(name, |(id, _)| id);
    if is_id(id) && bot.is_none_or(|bot| bot == id) { rest.trim_start() } else { text }
}

/// A message's name begins with the second it was written in, by Slack's clock.
fn instant(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.')?;
    let millis = micros.get(..3).and_then(|digits| digits.parse::<i64>().ok()).unwrap_or_default();
    Some(Timestamp::from_millis(seconds.parse::<i64>().ok()?.saturating_mul(1_000).saturating_add(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_name_is_taken_off_once_and_others_are_not() {
        let cases = [
            ("<@U0BOT> kubectl get pods", "kubectl get pods"),
            ("  <@U0BOT|countersign>  kubectl get pods", "kubectl get pods"),
            ("<@U0BOT>\u{a0}kubectl get pods", "kubectl get pods"),
            ("<@U0BOT> <@U0BOT> x", "<@U0BOT> x"),
            ("<@U0ANN> kubectl get pods", "<@U0ANN> kubectl get pods"),
            ("please <@U0BOT> x", "please <@U0BOT> x"),
            ("<@U0BOT", "<@U0BOT"),
            ("<@U0BOT>", ""),
            ("", ""),
        ];
        for (text, want) in cases {
            assert_eq!(after_mention(text, Some("U0BOT")), want, "{text}");
        }
    }

    #[test]
    fn a_message_has_one_time() {
        assert_eq!(instant("1531420618.000200").map(Timestamp::as_millis), Some(1_531_420_618_000));
        assert_eq!(instant("1531420618.123456").map(Timestamp::as_millis), Some(1_531_420_618_123));
        assert_eq!(
            instant("999999999999.9").map(Timestamp::as_millis),
            Some(Timestamp::from_millis(i64::MAX).as_millis())
        );
    }
}
