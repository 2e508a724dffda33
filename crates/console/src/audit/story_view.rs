//! A story as its page lays it out.
//!
//! **Invariant:** no line is left out: what was said before, and what only machines compare, is in a
//! fold; what does not verify never is.

use super::Reader;
use super::story::{Chapter, Form, Line, Part, Story};
use crate::shown::Shown;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use std::collections::BTreeSet;

/// One line of a story.
pub(crate) struct LineView {
    pub(crate) name: Shown,
    pub(crate) values: Vec<Shown>,
    pub(crate) kind: &'static str,
}

/// One record of a story.
pub(crate) struct ChapterView {
    pub(crate) time: String,
    pub(crate) exactly: String,
    pub(crate) event: Shown,
    pub(crate) place: Shown,
    pub(crate) lines: Vec<LineView>,
    pub(crate) fold: Vec<LineView>,
}

/// One part of a story.
pub(crate) struct PartView {
    pub(crate) heading: &'static str,
    pub(crate) chapters: Vec<ChapterView>,
}

/// One request's story.
pub(crate) struct StoryView {
    pub(crate) id: String,
    pub(crate) short: String,
    pub(crate) summary: Vec<LineView>,
    pub(crate) parts: Vec<PartView>,
    pub(crate) records: usize,
    pub(crate) broken: usize,
    pub(crate) unreadable: u64,
    pub(crate) has_thread: bool,
    pub(crate) reader: Shown,
    pub(crate) made: String,
}

/// Names of lines that people compare and do not read.
const MACHINE: [&str; 9] =
    ["seal", "decision", "policy", "binary", "fate", "attempt", "certificate", "typed digest", "profile"];

impl StoryView {
    pub(crate) fn of(id: InvocationId, it: &Story, has_thread: bool, (reader, now): (&Reader, Timestamp)) -> Self {
        let lines = || it.chapters.iter().flat_map(|chapter| &chapter.lines);
        let mut told = BTreeSet::new();
        let parts = Part::ALL.iter().map(|part| PartView {
            heading: part.heading(),
            chapters: it
                .chapters
                .iter()
                .filter(|chapter| chapter.part == *part)
                .map(|chapter| ChapterView::of(chapter, &mut told))
                .collect(),
        });
        Self {
            id: id.to_string(),
            short: id.short(),
            summary: it.summary.iter().map(LineView::of).collect(),
            parts: parts.filter(|part| !part.chapters.is_empty()).collect(),
            records: it.chapters.len(),
            broken: lines().filter(|line| line.form == Form::Bad).count(),
            unreadable: it.unreadable,
            has_thread,
            reader: Shown::of(&reader.name),
            made: now.to_string(),
        }
    }
}

impl ChapterView {
    /// `told` holds what stood on the page before: said again it goes into the fold.
    fn of<'a>(it: &'a Chapter, told: &mut BTreeSet<(&'a str, &'a str)>) -> Self {
        let (mut lines, mut fold): (Vec<LineView>, Vec<LineView>) = (Vec::new(), Vec::new());
        let mut before = BTreeSet::new();
        for line in &it.lines {
            let key = (line.name.as_str(), line.value.as_str());
            let is_machine = line.form == Form::Fold || MACHINE.contains(&line.name.as_str());
            let is_again = told.contains(&key) && line.name != "who";
            before.insert(key);
            let place = if line.form != Form::Bad && (is_machine || is_again) { &mut fold } else { &mut lines };
            match place.last_mut() {
                // One name for a block of lines: a diff, an output.
                Some(last) if last.name == Shown::of(&line.name) && last.kind == kind(line.form) => {
                    last.values.push(Shown::of(&line.value));
                }
                _ => place.push(LineView::of(line)),
            }
        }
        told.append(&mut before);
        let exactly = it.at.to_string();
        Self {
            time: exactly.get(..19).unwrap_or_default().replace('T', " "),
            exactly,
            event: Shown::of(&it.event),
            place: Shown::of(&it.place),
            lines,
            fold,
        }
    }
}

impl LineView {
    fn of(it: &Line) -> Self {
        Self { name: Shown::of(&it.name), values: vec![Shown::of(&it.value)], kind: kind(it.form) }
    }
}

const fn kind(form: Form) -> &'static str {
    match form {
        Form::Plain => "words",
        Form::Code | Form::Fold => "code",
        Form::Minus => "code minus",
        Form::Plus => "code plus",
        Form::Bad => "code broken",
    }
}
