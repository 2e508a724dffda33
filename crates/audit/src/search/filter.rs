//! Which records are meant.

use super::PartialId;
use crate::event::{Actor, Event, Kind};
use crate::record::Record;
use countersign_core::id::InvocationId;
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
use std::fmt;

/// Which records are meant; all that is given must fit, and an empty filter means every record.
///
/// Environment, target, namespace, tool and tier are the request's: a ballot fits when the request
/// it is about does, although its own record does not repeat them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who acted: the subject, issuer and subject, the name, or the account.
    pub who: Option<String>,
    /// One of these kinds; empty means any.
    pub events: Vec<Kind>,
    /// Leaves out what processes write every minute when nothing happens.
    pub quiet: bool,
    /// Which request.
    pub invocation: Option<PartialId>,
    /// The request's environment.
    pub env: Option<String>,
    /// The request's target: a cluster, a profile.
    pub target: Option<String>,
    /// The request's namespace.
    pub namespace: Option<String>,
    /// The request's tool or custom command.
    pub tool: Option<String>,
    /// The request's tier.
    pub tier: Option<Tier>,
    /// How it ended: `ran`, `not-run`, `cancelled`, `timed-out`, `unknown`.
    pub ending: Option<String>,
    /// The code of the refusal.
    pub refusal: Option<String>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// Part of what was typed or of the command, in any case.
    pub text: Option<String>,
}

impl Filter {
    /// Whether this record fits, apart from what is [the request's](Self::fits_request).
    #[must_use]
    pub fn fits_record(&self, record: &Record) -> bool {
        let event = &record.event;
        self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
            && (self.events.is_empty() || self.events.contains(&event.kind))
            && !(self.quiet && matches!(event.kind, Kind::Heartbeat | Kind::Checkpoint))
            && self.invocation.as_ref().is_none_or(|part| event.invocation.is_some_and(|id| part.means(id)))
            && self.who.as_ref().is_none_or(|who| event.actor.as_ref().is_some_and(|actor| is_named(actor, who)))
            && self.ending.as_ref().is_none_or(|ending| event.ending.as_ref() == Some(ending))
            && self
                .refusal
                .as_ref()
                .is_none_or(|code| event.refusal.as_ref().is_some_and(|no| no.code().as_str() == code))
            && self.text.as_ref().is_none_or(|text| says(event, text))
    }

    /// Whether the record says what is asked of the request: a record that says nothing about it
    /// may belong to a request another of whose records does.
    #[must_use]
    pub fn fits_request(&self, event: &Event) -> bool {
        let scope = event.scope.clone().unwrap_or_default();
        let same = |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        let tool = event.argv.as_ref().and_then(|argv| argv.elements().first());
        same(&self.env, scope.env.as_ref())
            && same(&self.target, scope.target.as_ref())
            && same(&self.namespace, scope.namespace.as_ref())
            && same(&self.tool, tool)
            && self.tier.is_none_or(|tier| event.tier == Some(tier))
    }

    /// Whether something is asked of the request, so that the log has to be read twice.
    #[must_use]
    pub const fn asks_for_requests(&self) -> bool {
        self.env.is_some()
            || self.target.is_some()
            || self.namespace.is_some()
            || self.tool.is_some()
            || self.tier.is_some()
    }

    /// Whether both fit, when `request` tells whether the record's request does.
    pub(super) fn fits(&self, record: &Record, request: impl FnOnce(InvocationId) -> bool) -> bool {
        self.fits_record(record)
            && (!self.asks_for_requests()
                || record.event.invocation.map_or_else(|| self.fits_request(&record.event), request))
    }

    /// Texts a line must hold to fit, as JSON spells them; see [`may_hold`].
    pub(super) fn needles(&self) -> Vec<String> {
        let whole = [&self.ending, &self.refusal].into_iter().flatten().map(|text| format!("\"{text}\""));
        let event = match self.events.as_slice() {
            [one] => Some(format!("\"{}\"", one.as_str())),
            _ => None,
        };
        let id = self.invocation.as_ref().and_then(PartialId::whole).map(|id| id.to_string());
        let field = self.who.as_ref().map(|_| "\"actor\"".to_owned());
        whole.chain(event).chain(id).chain(field).filter(|needle| is_plain(needle)).collect()
    }

    /// As [`needles`](Self::needles), for what is asked of the request.
    pub(super) fn request_needles(&self) -> Vec<String> {
        let texts = [&self.env, &self.target, &self.namespace, &self.tool].into_iter().flatten();
        let texts = texts.map(|text| format!("\"{text}\""));
        let tier = self.tier.map(|tier| format!("\"{tier}\""));
        texts.chain(tier).filter(|needle| is_plain(needle)).collect()
    }
}

/// Whether JSON has no other way to spell it but `\u`: not even `/` is so.
fn is_plain(needle: &str) -> bool {
    let inner = needle.trim_matches('"');
    !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:@ #*+=".contains(&byte))
}

/// Whether a line can hold this text somewhere in its fields. The log itself writes `\u` only for
/// control characters; a line with one is parsed.
pub(super) fn may_hold(line: &str, needle: &str) -> bool {
    line.contains(needle) || line.contains("\\u")
}

fn is_named(actor: &Actor, who: &str) -> bool {
    let subjects = [&actor.principal, &actor.on_behalf_of].into_iter().flatten();
    let mut subjects = subjects.map(|id| id.sub == who || id.to_string() == who);
    let account = actor.account.as_ref().is_some_and(|account| account.user == who || account.to_string() == who);
    subjects.any(|same| same) || account || actor.name.as_deref() == Some(who)
}

fn says(event: &Event, text: &str) -> bool {
    let text = text.to_lowercase();
    let typed = event.typed.as_ref().is_some_and(|typed| typed.text.to_lowercase().contains(&text));
    typed || event.argv.as_ref().is_some_and(|argv| argv.to_string().to_lowercase().contains(&text))
}

/// What was asked for, as it stands in the record of the reading: `env=prod who=ann`.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: Vec<_> = self.events.iter().map(|kind| kind.as_str()).collect();
        let parts = [
            ("who", self.who.clone()),
            ("event", (!events.is_empty()).then(|| events.join(","))),
            ("invocation", self.invocation.as_ref().map(ToString::to_string)),
            ("env", self.env.clone()),
            ("target", self.target.clone()),
            ("namespace", self.namespace.clone()),
            ("tool", self.tool.clone()),
            ("tier", self.tier.map(|tier| tier.to_string())),
            ("ending", self.ending.clone()),
            ("refusal", self.refusal.clone()),
            ("since", self.since.map(|at| at.to_string())),
            ("until", self.until.map(|at| at.to_string())),
            ("text", self.text.clone()),
        ];
        let given: Vec<_> =
            parts.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}"))).collect();
        f.write_str(if given.is_empty() { "everything" } else { "" })?;
        f.write_str(&given.join(" "))
    }
}
