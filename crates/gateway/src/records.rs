//! What the gateway writes to the log: one function an event, so that an auditor can read here
//! what each record holds.

use crate::Gateway;
use crate::receive::Asker;
use countersign_audit::event::{Actor, BallotNote, Event, Kind, SealKind, Typed as TypedNote};
use countersign_audit::fate::Reason;
use countersign_audit::writer::WriteError;
use countersign_chat::Typed;
use countersign_core::ballot::Ballot;
use countersign_core::command::Command;
use countersign_core::control::Freeze;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Asked, Cleared, Invocation, Pending};
use countersign_core::policy::Policy as _;
use countersign_core::principal::Principal;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealed;

/// Stands in the record for a text that must not be in it.
const WITHHELD: &str = "(withheld: it holds a secret)";

impl Gateway {
    fn typed_note(&self, text: &str, withheld: bool) -> TypedNote {
        let shown = if withheld { WITHHELD.to_owned() } else { text.to_owned() };
        TypedNote { text: shown, digest: self.parts().log.keyed_digest(text.as_bytes()) }
    }

    /// Somebody the directory does not know, or who may not ask.
    pub(crate) fn record_stranger(&self, id: InvocationId, typed: &Typed, refusal: &Refusal) -> Event {
        let secret = countersign_redact::refuse_secrets(&typed.text).is_some();
        let event = Event::about(Kind::Refused, id).by(Actor::stranger(&typed.account)).refusing(refusal);
        Event { typed: Some(self.typed_note(&typed.text, secret)), ..event }
    }

    /// Understood: what somebody asked for.
    pub(crate) fn record_received(&self, asker: &Asker, command: &Command) -> Event {
        let action = command.action();
        let event =
            Event::about(Kind::Received, asker.id).by(Actor::person(&asker.principal, Some(&asker.typed.account)));
        Event {
            typed: Some(self.typed_note(&asker.typed.text, false)),
            argv: Some(command.argv().clone()),
            mode: Some(command.mode()),
            scope: Some(action.scope.clone()),
            resources: action.resources.clone(),
            ..event
        }
    }

    /// A no to a known person.
    pub(crate) fn record_refused(&self, asker: &Asker, refusal: &Refusal) -> Event {
        let secret = refusal.code() == Code::SecretInCommand;
        let event = Event::about(Kind::Refused, asker.id)
            .by(Actor::person(&asker.principal, Some(&asker.typed.account)))
            .refusing(refusal);
        Event { typed: Some(self.typed_note(&asker.typed.text, secret)), ..event }
    }

    /// Allowed if people agree.
    pub(crate) fn record_decided(&self, it: &Invocation<Pending>) -> Event {
        let event = Event::about(Kind::Decided, it.id()).deciding(it.draft());
        Event {
            granted_by: it.granted_by().to_vec(),
            reasons: it.reasons().to_vec(),
            why: it.receipt().reason.clone(),
            policy: Some(self.parts().policy.current().digests()),
            ..event
        }
    }

    /// Nothing more is needed.
    pub(crate) fn record_cleared(&self, it: &Invocation<Cleared>) -> Event {
        let event = Event::about(Kind::Cleared, it.id()).deciding(it.decision());
        Event {
            granted_by: it.granted_by().to_vec(),
            reasons: it.reasons().to_vec(),
            why: it.receipt().reason.clone(),
            policy: Some(self.parts().policy.current().digests()),
            ..event
        }
    }
}

/// The decision bytes exist and people are asked.
pub(crate) fn record_asked(it: &Invocation<Asked>, effect: Option<&Sealed<Effect>>) -> Event {
    let event = Event::about(Kind::Asked, it.id()).deciding(it.decision());
    let event = Event { granted_by: it.granted_by().to_vec(), reasons: it.reasons().to_vec(), ..event };
    match effect {
        Some(effect) => event.seal(SealKind::Effect, effect),
        None => event,
    }
}

/// A ballot, before it counts.
pub(crate) fn record_ballot(ballot: &Ballot, sealed: &Sealed<Ballot>, voter: &Principal) -> Event {
    let note = BallotNote { voter: ballot.voter.clone(), vote: ballot.vote, slots: Vec::new() };
    let event = Event::about(Kind::Ballot, ballot.invocation).by(Actor::person(voter, Some(&ballot.account)));
    Event { ballots: vec![note], why: ballot.reason.clone(), ..event }
        .detail("decision", ballot.decision.to_string())
        .seal(SealKind::Ballot, sealed)
}

/// A click that did not count, with the reason.
pub(crate) fn record_click(id: InvocationId, who: Actor, button: &str, refusal: &Refusal) -> Event {
    Event::about(Kind::Refused, id).by(who).refusing(refusal).detail("button", button)
}

/// A no after people were asked; its fate is written.
pub(crate) fn record_ended(id: InvocationId, refusal: &Refusal, who: Option<Actor>) -> Event {
    let kind = match refusal.code() {
        Code::Expired => Kind::Expired,
        Code::Cancelled => Kind::Cancelled,
        _ => Kind::Refused,
    };
    Event { actor: who, ..Event::about(kind, id).refusing(refusal) }
}

/// Somebody stops what runs. How that went is the worker's outcome.
pub(crate) fn record_stopped(id: InvocationId, who: Actor) -> Event {
    Event::about(Kind::Cancelled, id).by(who).detail("while", "running")
}

/// Changes are stopped from here on.
pub(crate) fn record_freeze(freeze: &Freeze, who: Actor) -> Event {
    let event = Event::about(Kind::Freeze, freeze.invocation).by(who);
    let place = freeze.env.clone().unwrap_or_else(|| "everywhere".to_owned());
    Event { why: Some(freeze.why.clone()), ..event }.detail("freeze", freeze.epoch.to_string()).detail("where", place)
}

/// A person found out how a run ended that nobody saw the end of.
pub(crate) fn record_reconciled(id: InvocationId, who: Actor, happened: bool, note: Option<String>) -> Event {
    let event = Event::about(Kind::Reconciled, id).by(who).detail("happened", if happened { "yes" } else { "no" });
    Event { why: note, ..event }
}

/// The answer when a record could not be made durable.
pub(crate) fn unwritten(error: &WriteError) -> Refusal {
    tracing::error!("A record could not be written, so nothing was started: {error}");
    Refusal::new(
        Code::AuditUnavailable,
        "the audit log cannot be written, so nothing was started",
        "Ask again in a minute; if it stays, tell the operators.",
    )
}

/// The fate's word for a refusal.
pub(crate) fn reason_of(refusal: &Refusal) -> Reason {
    match refusal.code() {
        Code::Rejected => Reason::Rejected,
        Code::Cancelled => Reason::Cancelled,
        Code::Expired => Reason::Expired,
        Code::Frozen => Reason::Frozen,
        Code::Drifted => Reason::Drifted,
        _ => Reason::Refused,
    }
}
