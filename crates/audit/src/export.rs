//! The log for other programs: the exact lines, or a table.
//!
//! **Invariant:** a table's columns keep their names and places, new ones come at the end; no cell
//! is taken for a formula, and nothing in one can hide.

use crate::record::Record;
use crate::search::Hit;
use countersign_core::refusal::is_deceptive;
use std::fmt;
use std::io::{self, Write};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line a record, byte for byte as it is stored.
    Ndjson,
    /// Comma-separated values (RFC 4180) with a line of names.
    Csv,
}

/// The columns of a table, in order.
pub const COLUMNS: [&str; 43] = [
    "at",
    "writer",
    "seq",
    "event",
    "invocation",
    "errand",
    "actor_kind",
    "principal",
    "name",
    "account",
    "on_behalf_of",
    "known_by",
    "typed",
    "reason",
    "command",
    "mode",
    "env",
    "target",
    "namespace",
    "region",
    "resources",
    "tier",
    "sensitivity",
    "reversibility",
    "isolation",
    "granted_by",
    "rules",
    "ballots",
    "decision",
    "refusal_code",
    "refusal",
    "refusal_rule",
    "pool",
    "ticket",
    "ending",
    "exit",
    "duration_ms",
    "output",
    "output_bytes",
    "redactions",
    "attempt",
    "policy",
    "details",
];

/// Writes records one after the other.
pub struct Exporter<W: Write> {
    out: Out<W>,
}

enum Out<W: Write> {
    Ndjson(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> fmt::Debug for Exporter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl<W: Write> Exporter<W> {
    /// Begins; a table gets its line of names.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(format: Format, to: W) -> io::Result<Self> {
        let out = match format {
            Format::Ndjson => Out::Ndjson(to),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(to);
                table.write_record(COLUMNS)?;
                Out::Csv(Box::new(table))
            }
        };
        Ok(Self { out })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, hit: &Hit) -> io::Result<()> {
        match &mut self.out {
            Out::Ndjson(out) => writeln!(out, "{}", hit.line),
            Out::Csv(table) => Ok(table.write_record(row(&hit.record).map(|cell| safe(&cell)))?),
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        match self.out {
            Out::Ndjson(mut out) => out.flush(),
            Out::Csv(mut table) => table.flush(),
        }
    }
}

/// A cell that no spreadsheet takes for a formula, and in which nothing hides.
///
/// Source: OWASP, "CSV Injection": a cell that begins with `=`, `+`, `-`, `@`, tab or carriage
/// return may be run. Full-width forms and leading spaces are taken for the same by some.
fn safe(cell: &str) -> String {
    let shown: String = cell
        .chars()
        .flat_map(|c| if is_deceptive(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    let dangerous = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    if shown.trim_start().starts_with(dangerous) { format!("'{shown}") } else { shown }
}

fn row(record: &Record) -> [String; COLUMNS.len()] {
    let event = &record.event;
    let text = |value: Option<String>| value.unwrap_or_default();
    let scope = event.scope.clone().unwrap_or_default();
    let actor = event.actor.as_ref();
    let output = event.output.as_ref();
    let refusal = event.refusal.as_ref();
    let list = |values: Vec<String>| values.join("; ");
    [
        record.at.to_string(),
        record.writer.to_string(),
        record.seq.to_string(),
        event.kind.as_str().to_owned(),
        text(event.invocation.map(|id| id.to_string())),
        text(event.errand.map(|errand| word(&errand))),
        text(actor.map(|actor| word(&actor.kind))),
        text(actor.and_then(|actor| actor.principal.as_ref()).map(ToString::to_string)),
        text(actor.and_then(|actor| actor.name.clone())),
        text(actor.and_then(|actor| actor.account.as_ref()).map(ToString::to_string)),
        text(actor.and_then(|actor| actor.on_behalf_of.as_ref()).map(ToString::to_string)),
        text(actor.and_then(|actor| actor.known_by.clone())),
        text(event.typed.as_ref().map(|typed| typed.text.clone())),
        text(event.why.clone()),
        text(event.argv.as_ref().map(ToString::to_string)),
        text(event.mode.map(|mode| mode.to_string())),
        text(scope.env),
        text(scope.target),
        text(scope.namespace),
        text(scope.region),
        list(event.resources.iter().map(ToString::to_string).collect()),
        text(event.tier.map(|tier| tier.to_string())),
        text(event.sensitivity.map(|one| one.to_string())),
        text(event.reversibility.map(|one| one.to_string())),
        text(event.isolation.map(|one| one.to_string())),
        list(event.granted_by.clone()),
        list(event.rules.iter().map(|rule| format!("{}: {}", rule.id, rule.quorum)).collect()),
        list(event.ballots.iter().map(|ballot| format!("{} {}", ballot.vote.as_str(), ballot.voter)).collect()),
        text(event.decision.as_ref().map(|decision| decision.digest.to_string())),
        text(refusal.map(|refusal| refusal.code().to_string())),
        text(refusal.map(ToString::to_string)),
        text(refusal.and_then(|refusal| refusal.rule()).map(str::to_owned)),
        text(event.pool.clone()),
        text(event.ticket.clone()),
        text(event.ending.clone()),
        text(event.exit.map(|exit| exit.to_string())),
        text(event.duration_ms.map(|ms| ms.to_string())),
        text(output.and_then(|output| output.object.clone())),
        text(output.map(|output| output.bytes.to_string())),
        text(output.map(|output| output.redactions.to_string())),
        text(event.attempt.as_ref().map(|attempt| attempt.as_str().to_owned())),
        text(event.policy.as_ref().map(|policy| format!("rbac {} catalog {}", policy.rbac, policy.catalog))),
        list(event.details.iter().map(|(name, value)| format!("{name}={value}")).collect()),
    ]
}

/// The word a unit variant has in records.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "＝1"] {
            assert_eq!(safe(bad), format!("'{bad}"));
        }
        assert_eq!(safe("\t=1"), "\\u{9}=1");
        assert_eq!(safe("\u{202e}=1\r\n"), "\\u{202e}=1\\u{d}\\u{a}");
        assert_eq!(safe("kubectl get pods -n web"), "kubectl get pods -n web");
    }
}
