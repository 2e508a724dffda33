//! `countersign audit search`.

use super::filters::Filters;
use super::log::Log;
use super::print;
use super::reader::Reader;
use super::report::visible;
use crate::installation::system_clock;
use crate::places::Purpose;
use countersign_audit::event::Event;
use countersign_audit::search::{Filter, Hit, newest};
use countersign_audit::story::harmless;
use countersign_core::warrant::Errand;
use std::fmt::Write as _;
use std::process::ExitCode;

/// What `countersign audit search` was asked for. Heartbeats and checkpoints are found only when
/// `--event` names them.
#[derive(Debug, clap::Args)]
pub struct Search {
    /// Prints the records as they are stored, a line each.
    #[arg(long)]
    json: bool,
    /// The newest so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// The newest on top.
    #[arg(long)]
    newest_first: bool,
    /// Which records.
    #[command(flatten)]
    filters: Filters,
    /// Where the log is.
    #[command(flatten)]
    log: Log,
    /// Who reads.
    #[command(flatten)]
    reader: Reader,
}

impl Search {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let filter = self.filters.at(system_clock().now());
        let filter = Filter { quiet: filter.events.is_empty(), ..filter };
        let reading = self.reader.open(&self.log).await?;
        let sink = self.log.sink(Purpose::Read).await?;
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut found = newest(sink.as_ref(), &filter, most).await?;
        let (total, shown) = (found.scanned.found, found.hits.len());
        let details = [("filter", filter.to_string()), ("found", total.to_string()), ("shown", shown.to_string())];
        reading.record("search", None, &details).await?;
        if self.newest_first {
            found.hits.reverse();
        }
        let text = if self.json { lines(&found.hits) } else { table(&found.hits) };
        print(&text)?;
        if total > u64::from(self.limit) {
            eprintln!("The newest {shown} of {total}; more with --limit, or all with `countersign audit export`.");
        }
        if found.scanned.unreadable > 0 {
            eprintln!("{} lines cannot be read by this version.", found.scanned.unreadable);
        }
        if shown == 0 {
            eprintln!(
                "Nothing fits: {}. ({} segments were searched.)",
                harmless(&filter.to_string()),
                found.scanned.segments
            );
        }
        reading.close().await?;
        Ok(if shown == 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }
}

fn lines(hits: &[Hit]) -> String {
    hits.iter().flat_map(|hit| [visible(&hit.line), "\n".to_owned()]).collect()
}

/// A table whose columns stand below each other, whatever the texts hold.
fn table(hits: &[Hit]) -> String {
    if hits.is_empty() {
        return String::new();
    }
    let head = ["WHEN", "EVENT", "WHO", "WHERE", "REQUEST", "WHAT"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(hits.iter().map(row)).collect();
    let width = |nth: usize| rows.iter().map(|row| row.get(nth).map_or(0, |cell| cell.chars().count())).max();
    let widths: Vec<usize> = (0..6).map(|nth| width(nth).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn row(hit: &Hit) -> [String; 6] {
    let event = &hit.record.event;
    let kind = match event.errand {
        Some(Errand::Preview) => format!("{} (preview)", event.kind.as_str()),
        Some(Errand::Run) | None => event.kind.as_str().to_owned(),
    };
    let scope = event.scope.clone().unwrap_or_default();
    let place: Vec<_> = [scope.env, scope.target, scope.namespace].into_iter().flatten().collect();
    let cells = [
        hit.record.at.to_string(),
        kind,
        who(event).unwrap_or_else(|| hit.record.writer.role().to_string()),
        place.join("/"),
        event.invocation.map_or_else(String::new, |id| id.short()),
        what(event),
    ];
    cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { harmless(&cell) })
}

fn who(event: &Event) -> Option<String> {
    let actor = event.actor.as_ref()?;
    let name = actor.name.clone().or_else(|| actor.principal.as_ref().map(ToString::to_string));
    name.or_else(|| actor.account.as_ref().map(ToString::to_string))
}

fn what(event: &Event) -> String {
    let refusal = event.refusal.as_ref().map(|refusal| format!("{}: {refusal}", refusal.code()));
    let ended = event.ending.as_ref().map(|ending| match event.exit {
        Some(exit) => format!("{ending}, exit {exit}"),
        None => ending.clone(),
    });
    let vote = event.ballots.first().map(|note| note.vote.as_str().to_owned());
    let argv = event.argv.as_ref().map(ToString::to_string);
    let typed = event.typed.as_ref().map(|typed| typed.text.clone());
    let details = || event.details.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    refusal.or(ended).or(argv).or(typed).or(vote).unwrap_or_else(details)
}

#[cfg(test)]
mod tests;
