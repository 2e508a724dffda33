//! YAML or JSON into trees whose nodes know where they stand.
//!
//! **Invariant:** no tree holds an anchor, an alias, a tag, a merge key or a key twice, and no text
//! in one can hide: all of them are refused where they stand.

use super::{bad, quoted, scalar};
use crate::no::Checked;
use countersign_core::refusal::{Refusal, is_deceptive};
use serde_yaml::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// How deep lists and maps may stand in each other. Kubernetes' own types need less than 30.
const DEEPEST: usize = 64;

/// Where something stands; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Mark,
    pub(crate) value: Value,
}

/// What JSON can say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A whole number that Kubernetes can take.
    Int(i128),
    /// Finite, and not a whole number that fits above.
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the text; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) at: Mark,
    pub(crate) text: String,
}

impl Node {
    /// The entries of a map; none of anything else.
    pub(crate) fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, written exactly so.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(own, _)| own.text == key).map(|(_, node)| node)
    }

    /// Its text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
        }
    }
}

/// The documents of a text; one that says nothing is left out.
pub(super) fn documents(text: &str) -> Checked<Vec<Node>> {
    if text.starts_with('\u{feff}') {
        let at = Mark { line: 1, column: 1 };
        return Err(bad(at, "the manifest begins with a byte order mark", "save it as UTF-8 without one"));
    }
    let mut options = Options::default();
    options.disallow_directives = true;
    options.flow_nesting_limit = DEEPEST;
    options.block_nesting_limit = DEEPEST;
    options.set_emit_comments(false);
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let why = error.info();
            bad(mark(error.marker()), format!("this is not YAML: {}", countersign_core::refusal::shown(&why)), FIX)
        })?;
        builder.take(as_written(event, text, span)?, span)?;
    }
    Ok(builder.documents)
}

/// Text as other readers read it, or a refusal where they do not agree.
fn as_written<'t>(event: Event<'t>, text: &str, span: Span) -> Checked<Event<'t>> {
    match event {
        Event::Scalar(value, style @ (ScalarStyle::Literal | ScalarStyle::Folded), anchored, tag) => {
            Ok(Event::Scalar(as_ended(&value, text, span).to_owned().into(), style, anchored, tag))
        }
        Event::Scalar(ref value, ScalarStyle::Plain, ..) => uninterrupted(value, text, span).map(|()| event),
        _ => Ok(event),
    }
}

/// A block that the manifest ends in, in a line without an end, has no line break at its end: kubectl adds none.
fn as_ended<'v>(value: &'v str, text: &str, span: Span) -> &'v str {
    let is_last = span.end.byte_offset().is_some_and(|end| end >= text.trim_end().len());
    if is_last && !text.trim_end_matches([' ', '\t']).ends_with(['\n', '\r']) {
        return value.strip_suffix('\n').unwrap_or(value);
    }
    value
}

/// Refuses text without quotes over several lines that has something else in between: some readers leave a comment out
/// there and go on, to others the text ends with it.
fn uninterrupted(value: &str, text: &str, span: Span) -> Checked<()> {
    if span.start.line() == span.end.line() {
        return Ok(());
    }
    let (start, end) = (span.start.byte_offset(), span.end.byte_offset());
    let written = start.zip(end).and_then(|(start, end)| text.get(start..end)).unwrap_or_default();
    let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    if solid(value) == solid(written) {
        return Ok(());
    }
    Err(bad(
        mark(&span.start),
        "a comment stands in the middle of a text",
        "put the comment elsewhere, or the text in quotes",
    ))
}

const FIX: &str = "correct the manifest and ask again";

fn mark(at: &Marker) -> Mark {
    Mark { line: at.line().max(1), column: at.col() + 1 }
}

/// A list or map that is not at its end yet.
enum Open {
    List(Mark, Vec<Node>),
    Map(Mark, Entries),
}

/// What a map has so far.
#[derive(Default)]
struct Entries {
    read: Vec<(Key, Node)>,
    /// The key that waits for its value.
    waiting: Option<Key>,
    /// The line of every key: a map of 256 KiB has too many to look through for each.
    lines: HashMap<String, usize>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    documents: Vec<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Checked<()> {
        let at = mark(&span.start);
        match event {
            Event::Alias(_) | Event::Anchor(..) | Event::UnresolvedAlias(_) => return Err(anchor(at)),
            Event::Scalar(_, _, anchored, _)
            | Event::SequenceStart(_, anchored, _)
            | Event::MappingStart(_, anchored, _)
                if anchored != 0 =>
            {
                return Err(anchor(at));
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => {
                return Err(bad(at, "tags are not allowed in a manifest", "leave the tag away"));
            }
            Event::Scalar(text, style, ..) => self.scalar(&text, style, at)?,
            Event::SequenceStart(..) => self.begin(Open::List(at, Vec::new()))?,
            Event::MappingStart(..) => self.begin(Open::Map(at, Entries::default()))?,
            Event::SequenceEnd | Event::MappingEnd => self.end(at)?,
            // Where a stream or document begins says nothing, and comments are not applied.
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, open: Open) -> Checked<()> {
        let at = match &open {
            Open::List(at, _) | Open::Map(at, ..) => *at,
        };
        if let Some(Open::Map(_, Entries { waiting: None, .. })) = self.open.last() {
            return Err(bad(at, "a list or map cannot be a key", FIX));
        }
        if self.open.len() >= DEEPEST {
            return Err(bad(at, "lists and maps stand too deep in each other", FIX));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self, at: Mark) -> Checked<()> {
        let node = match self.open.pop() {
            Some(Open::List(at, items)) => Node { at, value: Value::List(items) },
            Some(Open::Map(at, Entries { read, waiting: None, .. })) => Node { at, value: Value::Map(read) },
            Some(Open::Map(..)) | None => return Err(bad(at, "a key has no value", FIX)),
        };
        self.put(node);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Mark) -> Checked<()> {
        let is_plain = style == ScalarStyle::Plain;
        if let Some(Open::Map(_, Entries { waiting: waiting @ None, lines, .. })) = self.open.last_mut() {
            *waiting = Some(key(text, is_plain, at, lines)?);
            return Ok(());
        }
        let value = if is_plain { scalar::plain(text, at)? } else { Value::Text(text.to_owned()) };
        visible(text, at)?;
        self.put(Node { at, value });
        Ok(())
    }

    /// A finished value goes to the list or key that waits for it, or is a document.
    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries)) => entries.read.extend(entries.waiting.take().map(|key| (key, node))),
            None if node.value == Value::Null => {}
            None => self.documents.push(node),
        }
    }
}

fn key(text: &str, is_plain: bool, at: Mark, lines: &mut HashMap<String, usize>) -> Checked<Key> {
    if text == "<<" {
        return Err(bad(at, "`<<` would merge maps", "write every value where it belongs"));
    }
    if is_plain && !matches!(scalar::plain(text, at)?, Value::Text(_)) {
        return Err(bad(at, format!("the key {} is not text", quoted(text)), "put the key in quotes"));
    }
    if let Some(c) = text.chars().find(|c| is_deceptive(*c)) {
        return Err(hidden(c, at));
    }
    if let Some(first) = lines.insert(text.to_owned(), at.line) {
        let hint = format!("it was first written in line {first}; keep one of them");
        return Err(bad(at, format!("the key {} is there twice", quoted(text)), hint));
    }
    Ok(Key { at, text: text.to_owned() })
}

/// Text is shown to the people who agree, so that nothing of it may hide.
fn visible(text: &str, at: Mark) -> Checked<()> {
    match text.chars().find(|c| is_deceptive(*c) && !matches!(c, '\n' | '\t')) {
        Some(c) => Err(hidden(c, at)),
        None => Ok(()),
    }
}

fn hidden(c: char, at: Mark) -> Box<Refusal> {
    let sentence = format!("U+{:04X} can hide what is written here", u32::from(c));
    bad(at, sentence, "write the text without it")
}

fn anchor(at: Mark) -> Box<Refusal> {
    bad(at, "anchors and aliases are not allowed in a manifest", "write every value where it belongs")
}
