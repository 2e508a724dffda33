//! Notices and output.

use super::page::{Page, shortened};
use countersign_chat::output::Folded;
use countersign_chat::transcript::{Part, Told};
use countersign_chat::{Fold, Notice, Stream, words};
use countersign_core::refusal::Refusal;
use countersign_core::time::Timestamp;

/// Lines of one kind before the rest is summed up.
const LINES: usize = 40;

/// Bytes of an output's JSON; leaves room for what stands around the lines.
const OUTPUT: usize = 9_000;

/// Characters of an output line, and of one when there are too many.
const WIDE: usize = 2_400;
const NARROW: usize = 300;

/// A notice as a message.
#[must_use]
pub fn notice(it: &Notice, now: Timestamp) -> Page {
    let told = Told::of(it, now);
    let mut page = Page::message(first_line(&told));
    page.reserve(1, 400);
    parts(&mut page, &told.parts, LINES);
    page.release(1, 400);
    if page.is_cut() {
        page.small("There is more than fits here; the audit log has all of it.");
    }
    page
}

/// A refusal as a message.
#[must_use]
pub fn refusal(it: &Refusal, now: Timestamp) -> Page {
    notice(&Notice::Refused { refusal: it.clone(), typed: None }, now)
}

/// Output as a thread shows it: head, errors, tail, and how much is left out. Each line begins with
/// a mark of ours: `|` output, `!` errors, `~` what is not shown.
#[must_use]
pub fn output(fold: &Fold) -> Page {
    let mut page = Page::message("output");
    let folded = fold.lines();
    let all: Vec<String> = folded.iter().map(|one| marked(*one, WIDE)).collect();
    let lines = if all.iter().map(cost).sum::<usize>() <= OUTPUT { all } else { ends(&folded) };
    page.preformatted(&lines.join("\n"));
    page
}

/// A line behind its mark.
fn marked(one: Folded<'_>, most: usize) -> String {
    match one {
        Folded::Line(Stream::Out, text) => format!("| {}", shortened(&words::line(text), most)),
        Folded::Line(Stream::Err, text) => format!("! {}", shortened(&words::line(text), most)),
        Folded::Hidden(number) => hidden(number),
    }
}

fn hidden(number: u64) -> String {
    format!("~ {} not shown", words::count(number, "line", "lines"))
}

/// Bytes it takes within JSON, with its line end.
fn cost(line: &String) -> usize {
    serde_json::to_string(line).map_or(usize::MAX, |json| json.len())
}

/// A third for the beginning, the rest for the end: there stands what a person looks for.
fn ends(folded: &[Folded<'_>]) -> Vec<String> {
    let narrow: Vec<String> = folded.iter().map(|one| marked(*one, NARROW)).collect();
    let fitting = |lines: &mut dyn Iterator<Item = &String>, mut room: usize| {
        lines
            .take_while(|line| {
                let fits = cost(line) <= room;
                room = room.saturating_sub(cost(line));
                fits
            })
            .count()
    };
    let tail = fitting(&mut narrow.iter().rev(), OUTPUT * 2 / 3).min(narrow.len());
    let middle = narrow.len() - tail;
    let head = fitting(&mut narrow.iter().take(middle), OUTPUT / 3);
    let left_out = folded.iter().take(middle).skip(head).map(|one| match one {
        Folded::Line(..) => 1,
        Folded::Hidden(number) => *number,
    });
    let left_out: u64 = left_out.sum();
    let between = (left_out > 0).then(|| hidden(left_out));
    narrow.iter().take(head).cloned().chain(between).chain(narrow.iter().skip(middle).cloned()).collect()
}

fn first_line(told: &Told) -> &str {
    let head = told.parts.iter().find_map(|part| match part {
        Part::Head(text) => Some(text.as_str()),
        Part::Row(..) | Part::Entry(..) | Part::Quote(_) | Part::Pointed { .. } => None,
    });
    head.unwrap_or("Countersign")
}

/// A label as it stands by itself.
pub(super) fn named(label: &'static str) -> &'static str {
    match label.trim() {
        "filtered" => "Output through",
        "input" => "Standard input",
        label => label,
    }
}

/// Parts in order; lists and quotes each become one preformatted block.
pub(super) fn parts(page: &mut Page, parts: &[Part], most: usize) {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match part {
            Part::Quote(line) => lines.push(line.clone()),
            Part::Entry(what, does) => {
                // Under each other, so that neither has to be cut on a narrow screen.
                lines.extend([what.clone()].into_iter().filter(|what| !what.is_empty()));
                lines.extend([format!("    {does}")].into_iter().filter(|_| !does.is_empty()));
            }
            Part::Head(text) => {
                flush(page, &mut lines, most);
                page.row("", text);
            }
            Part::Row(label, says) => {
                flush(page, &mut lines, most);
                page.row(named(label), says);
            }
            Part::Pointed { text, caret } => {
                flush(page, &mut lines, most);
                page.preformatted(&format!("{text}\n{caret}"));
            }
        }
    }
    flush(page, &mut lines, most);
}

fn flush(page: &mut Page, lines: &mut Vec<String>, most: usize) {
    if lines.is_empty() {
        return;
    }
    let left_out = lines.len().saturating_sub(most);
    lines.truncate(most);
    page.preformatted(&lines.join("\n"));
    lines.clear();
    if left_out > 0 {
        let number = words::count(u64::try_from(left_out).unwrap_or(u64::MAX), "more line is", "more lines are");
        page.small(&format!("{number} not shown; the audit log has all of it"));
    }
}
