//! Notices taken apart into harmless lines, so that every front says the same words.
//!
//! **Invariant:** each text in a [`Part`] went through [`words::line`]; a front adds its own
//! markup's escaping and nothing else.

use super::{effect_summary, ended, ending, found_effect, pointed};
use crate::notice::{Finished, Notice, PendingItem, Progress, Row};
use crate::words;
use countersign_core::ballot::Vote;
use countersign_core::outcome::Ending;
use countersign_core::refusal::Refusal;
use countersign_core::time::Timestamp;
use std::time::Duration;

/// Columns of the labels.
const LABEL: usize = 12;

/// One piece of what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The sentence it begins with.
    Head(String),
    /// One of our labels and what belongs to it; an empty label continues the one above.
    Row(&'static str, String),
    /// A row of a list: what to type, and what it does.
    Entry(String, String),
    /// A foreign line; its spaces count.
    Quote(String),
    /// What was typed, and the line that points into it.
    Pointed {
        /// The typed text.
        text: String,
        /// Spaces and carets.
        caret: String,
    },
}

/// Everything that is said at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// In order.
    pub parts: Vec<Part>,
}

impl Told {
    pub(super) fn head(&mut self, sentence: &str) {
        self.parts.push(Part::Head(words::line(sentence)));
    }

    pub(super) fn row(&mut self, label: &'static str, says: &str) {
        self.parts.push(Part::Row(label, words::line(says)));
    }

    pub(super) fn optional(&mut self, label: &'static str, says: Option<&str>) {
        if let Some(says) = says {
            self.row(label, says);
        }
    }

    pub(super) fn rows(&mut self, label: &'static str, all: &[String]) {
        for (nth, says) in all.iter().enumerate() {
            self.row(if nth == 0 { label } else { "" }, says);
        }
    }

    fn table(&mut self, rows: &[Row]) {
        let entries = rows.iter().map(|row| Part::Entry(words::line(&row.label), words::line(&row.says)));
        self.parts.extend(entries);
    }

    fn quotes<'a>(&mut self, lines: impl Iterator<Item = &'a String>) {
        self.parts.extend(lines.map(|line| Part::Quote(words::line(line))));
    }

    /// Plain text, aligned, a line feed after each line.
    #[must_use]
    pub fn text(&self) -> String {
        const WIDEST: usize = 44;
        let width = |part: &Part| match part {
            Part::Entry(label, _) => label.chars().count(),
            Part::Head(_) | Part::Row(..) | Part::Quote(_) | Part::Pointed { .. } => 0,
        };
        let widest = self.parts.iter().map(width).max().unwrap_or(0).min(WIDEST);
        let mut out = String::new();
        for part in &self.parts {
            let line = match part {
                Part::Head(sentence) => sentence.clone(),
                Part::Row(label, says) => format!("  {label:<LABEL$}{says}"),
                Part::Entry(label, says) => format!("  {label:<widest$}  {says}"),
                Part::Quote(line) => format!("  | {line}"),
                Part::Pointed { text, caret } => format!("    {text}\n    {caret}"),
            };
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// A notice as plain text.
#[must_use]
pub fn notice(it: &Notice, now: Timestamp) -> String {
    Told::of(it, now).text()
}

/// A no with its rule, the way forward, and the place in what was typed.
fn refusal(page: &mut Told, it: &Refusal, typed: Option<&str>) {
    page.head(&format!("Refused: {}", ended(&words::line(&it.to_string()))));
    if let (Some(typed), Some(place)) = (typed, it.place()) {
        let (text, caret) = pointed(typed, place);
        page.parts.push(Part::Pointed { text, caret });
    }
    let rule = it.rule().map_or(String::new(), |rule| format!("rule {rule}, "));
    page.row("Why", &format!("{rule}code {}", it.code()));
    page.row("Next", it.hint());
}

impl Told {
    /// A notice, taken apart.
    #[must_use]
    pub fn of(it: &Notice, now: Timestamp) -> Self {
        let mut page = Self::default();
        match it {
            Notice::Received { invocation } => {
                page.head(&format!("Received as request {}. What happens next is told here.", invocation.short()));
            }
            Notice::Refused { refusal: why, typed } => refusal(&mut page, why, typed.as_deref()),
            Notice::NotCounted { why } => {
                page.head("Your click changed nothing.");
                refusal(&mut page, why, None);
            }
            Notice::Help { rows } => {
                page.head("What you can type:");
                page.table(rows);
            }
            Notice::Listed { title, rows } => {
                page.head(title);
                page.table(rows);
            }
            Notice::Pending { items } => pending(&mut page, items, now),
            Notice::PreviewReady { effect } => {
                page.head(&format!("Preview ready: {}.", effect_summary(effect)));
                page.quotes(found_effect(effect).iter().skip(1));
            }
            Notice::Agreed { who, progress } => page.head(&format!("{who} agreed. {}", still_needed(progress))),
            Notice::Voted { vote, progress } => page.head(&voted(*vote, progress)),
            Notice::Confirmed { who } => page.head(&format!("{who} confirmed what the preview found.")),
            Notice::Rejected { who, reason } => rejected(&mut page, who, reason.as_deref()),
            Notice::Running { worker, isolation } => {
                page.head(&format!("Running on worker {worker}, isolation {isolation}."));
            }
            Notice::Finished(it) => finished(&mut page, it),
            Notice::Drifted { lines } => drifted(&mut page, lines),
            Notice::UnknownOutcome { find_out } => unknown(&mut page, find_out),
            Notice::InLine { behind, position } => in_line(&mut page, behind.as_deref(), *position),
            Notice::NobodyThere { pool, seen, until } => nobody_there(&mut page, pool, *seen, (*until, now)),
            Notice::SilenceEnds { at, left, again } => silence_ends(&mut page, *left, &words::instant(*at, now), again),
            Notice::TimeRunsOut { left } => page.head(&format!(
                "Most of its time is used: it is ended in {} unless it is done by then.",
                words::duration(*left)
            )),
            Notice::Reconciled { who, happened, note } => reconciled(&mut page, who, *happened, note.as_deref()),
            Notice::Cancelled { who, was_running } => cancelled(&mut page, who, *was_running),
            Notice::Expired { at } => {
                page.head(&format!("Nobody decided in time; it expired at {}. Nothing ran.", words::instant(*at, now)));
                page.row("Next", "Ask again if you still need it.");
            }
            Notice::Fault { reference, may_have_started } => {
                page.head(&format!("Something broke on our side, reference {reference}."));
                page.row("Next", after_fault(*may_have_started));
            }
        }
        page
    }
}

const fn after_fault(may_have_started: bool) -> &'static str {
    if may_have_started {
        "It may have started. Look at the target before you repeat anything, and pass on the reference."
    } else {
        "Nothing ran. Try again; if it stays, pass on the reference."
    }
}

fn pending(page: &mut Told, items: &[PendingItem], now: Timestamp) {
    if items.is_empty() {
        page.head("Nothing waits.");
        return;
    }
    let number = u64::try_from(items.len()).unwrap_or(u64::MAX);
    page.head(&format!("{} for people:", words::count(number, "request waits", "requests wait")));
    for item in items {
        page.parts.push(Part::Entry(item.invocation.short(), words::line(&item.command)));
        let until = words::deadline(item.expires_at, now);
        let rest = format!("asked by {}; {}; expires {until}", item.requester, item.waits_for);
        page.parts.push(Part::Entry(String::new(), words::line(&rest)));
    }
}

/// What the voter reads.
fn voted(vote: Vote, progress: &[Progress]) -> String {
    match vote {
        Vote::Approve => format!("Your approval counts. {}", still_needed(progress)),
        Vote::Reject => "Your no is final. Nothing will run.".into(),
        Vote::Confirm => format!("You confirmed. {}", still_needed(progress)),
    }
}

fn still_needed(progress: &[Progress]) -> String {
    let missing: Vec<String> = progress
        .iter()
        .filter(|one| one.agreed < one.needed)
        .map(|one| format!("{} has {} of {}", one.rule, one.agreed, one.needed))
        .collect();
    if missing.is_empty() { "Nobody else is needed.".into() } else { format!("Still open: {}.", missing.join("; ")) }
}

fn rejected(page: &mut Told, who: &str, reason: Option<&str>) {
    page.head(&format!("{who} rejected this. Nothing ran."));
    page.optional("Reason", reason);
    page.row("Next", "Talk to them, then ask again as a new request.");
}

fn finished(page: &mut Told, it: &Finished) {
    page.head(&ended(&capital(&format!("{}, after {}", ending(it.ending, it.exit), words::duration(it.duration)))));
    if it.hidden_lines > 0 {
        let lines = words::count(it.hidden_lines, "line is", "lines are");
        page.row("Output", &format!("{lines} not shown here; `logs` has them all"));
    }
    if it.redactions > 0 {
        page.row("Secrets", &format!("{} removed from the output", it.redactions));
    }
    for note in &it.notes {
        page.row("Note", note);
    }
    if matches!(it.ending, Ending::TimedOut | Ending::Cancelled) {
        page.row("Next", "Part of it may have happened. Look at the target before you repeat it.");
    }
}

fn drifted(page: &mut Told, lines: &[String]) {
    page.head("Nothing ran: what it would do now is no longer what was approved.");
    page.quotes(lines.iter());
    page.row("Next", "Ask again. The new request shows the new effect.");
}

fn unknown(page: &mut Told, find_out: &[String]) {
    page.head("Outcome unknown: it started, and nobody saw the end. It will not be started again.");
    for (nth, way) in find_out.iter().enumerate() {
        page.row(if nth == 0 { "Find out" } else { "" }, way);
    }
    page.row("Next", "Look before you repeat it: it may have happened.");
}

fn in_line(page: &mut Told, behind: Option<&str>, position: u32) {
    let ahead = u64::from(position.saturating_sub(1));
    let others = if ahead == 0 {
        "It is next.".into()
    } else {
        format!("{} first.", words::count(ahead, "other goes", "others go"))
    };
    match behind {
        Some(behind) => page.head(&format!("Waits: {behind} is changing the same target. {others}")),
        None => page.head(&format!("Waits for its turn at this target. {others}")),
    }
}

fn nobody_there(page: &mut Told, pool: &str, seen: Option<Timestamp>, (until, now): (Timestamp, Timestamp)) {
    let pool = words::line(pool);
    let last = seen.map_or_else(String::new, |at| format!(" since {}", words::instant(at, now)));
    page.head(&format!("Waits: no worker of pool {pool} was heard of{last}. Nothing has started."));
    page.row("Until", &format!("{}; it runs if one comes before", words::deadline(until, now)));
    page.row(
        "Next",
        &format!("Tell the operators: start a worker with `pools: [{pool}]`, or correct `pool:` of the target."),
    );
}

fn silence_ends(page: &mut Told, left: Option<Duration>, at: &str, again: &str) {
    match left {
        Some(left) => page.head(&format!("This silence is to end at {at}, in {}.", words::duration(left))),
        None => page.head(&format!("This silence was to end at {at}.")),
    }
    page.row("Known", "its time as it was agreed to; not what was changed in Alertmanager itself");
    let then = if left.is_some() { "To keep it longer" } else { "To silence it again" };
    page.row("Next", &format!("{then}: {}", words::line(again)));
}

fn reconciled(page: &mut Told, who: &str, happened: bool, note: Option<&str>) {
    let what = if happened { "it happened" } else { "it did not happen" };
    page.head(&format!("{who} looked, and says that {what}. That is on record."));
    page.optional("Found", note);
}

fn cancelled(page: &mut Told, who: &str, was_running: bool) {
    if was_running {
        page.head(&format!("{who} cancelled this while it ran."));
        page.row("Next", "Part of it may have happened. Look at the target before you repeat it.");
    } else {
        page.head(&format!("{who} cancelled this. Nothing ran."));
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]
mod tests;
