//! A record in short, for the list of requests.

use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::record::Record;
use countersign_console::{Brief, Step};
use countersign_core::outcome::Ending;
use countersign_core::warrant::Errand;

/// Characters of a record's own line; its request and its story have the whole.
const LONGEST: usize = 300;

pub(super) fn of(record: &Record) -> Brief {
    let event = &record.event;
    let scope = event.scope.clone().unwrap_or_default();
    let target: Vec<String> = [scope.target, scope.namespace].into_iter().flatten().collect();
    Brief {
        at: record.at,
        event: event.kind.as_str().to_owned(),
        is_preview: event.errand == Some(Errand::Preview),
        who: event.actor.as_ref().map_or_else(|| record.writer.role().as_str().to_owned(), called),
        names: event.actor.as_ref().map(names).unwrap_or_default(),
        what: what(event).chars().take(LONGEST).collect(),
        place: format!("{} #{}", record.writer, record.seq),
        invocation: event.invocation,
        step: step(event),
        typed: event.typed.as_ref().map(|typed| typed.text.clone()),
        command: event.argv.as_ref().map(ToString::to_string),
        env: scope.env,
        target: (!target.is_empty()).then(|| target.join("/")),
        tier: event.tier,
    }
}

fn called(actor: &Actor) -> String {
    let principal = || actor.principal.as_ref().map(ToString::to_string);
    let account = || actor.account.as_ref().map(ToString::to_string);
    actor.name.clone().or_else(principal).or_else(account).unwrap_or_else(|| "somebody unknown".into())
}

fn names(actor: &Actor) -> String {
    let subjects = [&actor.principal, &actor.on_behalf_of].into_iter().flatten().map(ToString::to_string);
    let account = actor.account.as_ref().map(ToString::to_string);
    let all: Vec<String> = subjects.chain(account).chain(actor.name.clone()).collect();
    all.join("\n").to_lowercase()
}

/// A click that did not count is not about how the request stands.
fn is_about_a_click(event: &Event) -> bool {
    event.details.contains_key("button")
}

fn step(event: &Event) -> Step {
    match event.kind {
        Kind::Received => Step::Received,
        Kind::Decided | Kind::Previewed => Step::Decided,
        Kind::Asked => Step::Asked,
        Kind::Cleared => Step::Cleared,
        Kind::Intent => Step::Started,
        Kind::Refused | Kind::Expired | Kind::Cancelled if is_about_a_click(event) => Step::Beside,
        Kind::Refused => {
            Step::Refused(event.refusal.as_ref().map(|no| no.code().as_str().to_owned()).unwrap_or_default())
        }
        Kind::Expired => Step::Expired,
        Kind::Cancelled => Step::Cancelled,
        Kind::Outcome => Step::Ended(ending(event), event.exit),
        Kind::Ballot
        | Kind::Reconciled
        | Kind::Lease
        | Kind::Grant
        | Kind::BreakGlass
        | Kind::Freeze
        | Kind::Link
        | Kind::PolicyChanged
        | Kind::LogRead
        | Kind::WriterOpened
        | Kind::WriterClosed
        | Kind::Checkpoint
        | Kind::Heartbeat => Step::Beside,
    }
}

/// A word of a later version is not understood, so nobody here knows how it ended.
fn ending(event: &Event) -> Ending {
    let all = [Ending::Ran, Ending::NotRun, Ending::Cancelled, Ending::TimedOut, Ending::Unknown];
    let word = event.ending.as_deref().unwrap_or_default();
    all.into_iter().find(|one| one.as_str() == word).unwrap_or(Ending::Unknown)
}

fn what(event: &Event) -> String {
    let refused = || event.refusal.as_ref().map(|refusal| format!("{}: {refusal}", refusal.code()));
    let ended = || {
        let exit = event.exit.map(|exit| format!(", exit {exit}")).unwrap_or_default();
        event.ending.as_ref().map(|ending| format!("{ending}{exit}"))
    };
    let voted = || event.ballots.first().map(|note| note.vote.as_str().to_owned());
    let needed = || {
        let rules: Vec<&str> = event.rules.iter().map(|rule| rule.quorum.as_str()).collect();
        (event.kind == Kind::Asked && !rules.is_empty()).then(|| format!("needs {}", rules.join(" and ")))
    };
    let typed = || event.typed.as_ref().map(|typed| typed.text.clone());
    let argv = || event.argv.as_ref().map(ToString::to_string);
    let details = || {
        let all: Vec<String> = event.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.join(" ")
    };
    let first = refused().or_else(ended).or_else(voted).or_else(needed);
    first.or_else(typed).or_else(argv).unwrap_or_else(details)
}
