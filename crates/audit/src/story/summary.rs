//! A story in a few lines: who asked for what and where, who agreed, what ran, how it ended.
//!
//! **Invariant:** from the records alone, in their order; what they do not say is not guessed.

use super::telling::{Line, Lines, Part, ended, harmless, place, who};
use crate::event::Kind;
use crate::record::Record;
use countersign_core::ballot::Vote;
use countersign_core::warrant::Errand;

/// The story in a few lines, from the records alone.
pub(super) fn summary(records: &[Record]) -> Vec<Line> {
    let mut lines = Lines::default();
    if let Some(record) = records.iter().find(|record| record.event.typed.is_some()) {
        let by = record.event.actor.as_ref().map_or_else(|| "somebody".into(), who);
        lines.add("asked", format!("by {by} at {}", record.at));
        lines.code("typed", record.event.typed.as_ref().map(|typed| harmless(&typed.text)).unwrap_or_default());
    }
    if let Some(event) = records.iter().map(|record| &record.event).rev().find(|event| event.decision.is_some()) {
        let argv = event.argv.as_ref().map(ToString::to_string).unwrap_or_default();
        lines.code("command", harmless(&argv));
        lines.add("where", event.scope.as_ref().map(place).unwrap_or_default());
        let tier = event.tier.map(|tier| tier.to_string()).unwrap_or_default();
        let rules: Vec<_> = event.rules.iter().map(|rule| format!("{} ({})", rule.quorum, rule.id)).collect();
        let needed =
            if rules.is_empty() { "nobody had to agree".into() } else { format!("needed {}", rules.join(", ")) };
        lines.add("tier", harmless(&format!("{tier}; {needed}")));
    }
    for record in records {
        steps(record, &mut lines);
    }
    lines.0
}

/// A record's line of the summary, if it moved the request on.
fn steps(record: &Record, lines: &mut Lines) {
    let (event, at) = (&record.event, record.at);
    let preview = event.errand == Some(Errand::Preview);
    match Part::of(event.kind) {
        Part::Agreed => {
            for note in event.ballots.iter().filter(|_| event.kind == Kind::Ballot) {
                let said = match note.vote {
                    Vote::Approve => "agreed",
                    Vote::Reject => "said no",
                    Vote::Confirm => "confirmed",
                };
                lines.add(said, format!("{} at {at}", harmless(&note.voter.to_string())));
            }
        }
        Part::Ran if event.kind == Kind::Intent => {
            let name = if preview { "previewed" } else { "started" };
            lines.add(name, format!("by {} at {at}", record.writer));
        }
        Part::CameOut => {
            let ended = event.ending.as_ref().map(|ending| ended(event, ending));
            let refused = event.refusal.as_ref().map(|no| format!("{}: {}", no.code(), harmless(&no.to_string())));
            let what = ended.or(refused).unwrap_or_else(|| event.kind.as_str().to_owned());
            let name = if preview { "saw" } else { "came out" };
            lines.add(name, format!("{what} at {at}"));
        }
        Part::Asked | Part::Shown | Part::Ran | Part::Read | Part::Other => {}
    }
}
