//! Reads nodes as what a key wants, and notes every mistake instead of stopping at the first.
//!
//! **Invariant:** a map is read only through [`Reader::fields`], which refuses unknown and
//! duplicate keys; nothing a file says is ever skipped.

use crate::problems::{Mark, Problem, ProblemCode};
use crate::yaml::{Key, Node, Value};
use countersign_core::refusal::{is_deceptive, shown};
use countersign_core::time::Timestamp;
use std::time::Duration;

/// Collects what is wrong with one file.
#[derive(Debug)]
pub struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

/// The entries of a map whose keys are all known and distinct.
#[derive(Debug, Clone)]
pub struct Fields<'n> {
    /// Where the map stands.
    pub at: Mark,
    entries: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a key, if it is there.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&'n Node> {
        let found = self.entries.iter().find(|(name, _)| *name == key);
        found.map(|(_, node)| *node)
    }
}

/// Keys that design knows and whose machinery has not shipped.
pub type NotYet = [(&'static str, &'static str)];

impl<'a> Reader<'a> {
    /// A reader of a file's text; the name is for messages.
    #[must_use]
    pub const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, problems: Vec::new() }
    }

    /// Everything that was noted.
    #[must_use]
    pub fn problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Notes a mistake.
    pub fn note(&mut self, at: Mark, code: ProblemCode, message: impl Into<String>) {
        self.push(Problem::new(self.file, at, code, message));
    }

    /// Notes a mistake and what to write instead.
    pub fn note_with_hint(&mut self, at: Mark, code: ProblemCode, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Problem::new(self.file, at, code, message).hint(hint));
    }

    fn push(&mut self, problem: Problem) {
        self.problems.push(problem.with_snippet(self.text));
    }

    /// The document's root, with `version: 1` checked; `None` ends the reading of this file.
    pub fn document(&mut self, keys: &[&'static str], not_yet: &NotYet) -> Option<Node> {
        let root = match crate::yaml::parse(self.file, self.text) {
            Ok(root) => root,
            Err(problem) => {
                self.push(problem);
                return None;
            }
        };
        let Value::Map(entries) = &root.value else {
            self.note_with_hint(
                root.at,
                ProblemCode::Shape,
                "the file is not a map of keys",
                "begin with `version: 1`",
            );
            return None;
        };
        match entries.iter().find(|(key, _)| key.text == "version") {
            Some((_, node)) if matches!(node.value, Value::Int(1)) => {}
            Some((_, node)) => {
                let at = node.at;
                self.note_with_hint(
                    at,
                    ProblemCode::Version,
                    "this version of the file is not known",
                    "write `version: 1`",
                );
            }
            None => self.note_with_hint(
                Mark::default(),
                ProblemCode::Version,
                "the file does not say its version",
                "write `version: 1` in the first line",
            ),
        }
        let mut known = vec!["version"];
        known.extend(keys);
        self.fields(&root, "the file", &known, not_yet)?;
        Some(root)
    }

    /// The entries of a map: only these keys, each at most once.
    pub fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        keys: &[&'static str],
        not_yet: &NotYet,
    ) -> Option<Fields<'n>> {
        let entries = self.map(node, what)?;
        let mut fields = Fields { at: node.at, entries: Vec::new() };
        for (key, item) in entries {
            if let Some((_, meaning)) = not_yet.iter().find(|(name, _)| *name == key.text) {
                self.note_with_hint(
                    key.at,
                    ProblemCode::NotAvailableYet,
                    format!("`{}` is not available yet", key.text),
                    format!("{meaning}; take the key away until it has shipped"),
                );
            } else if keys.contains(&key.text.as_str()) {
                fields.entries.push((&key.text, item));
            } else {
                let hint = suggestion(&key.text, keys.iter().copied(), "known keys");
                let message = format!("{what} has no key `{}`", shown(&key.text));
                self.note_with_hint(key.at, ProblemCode::UnknownKey, message, hint);
            }
        }
        Some(fields)
    }

    /// The entries of a map with free names as keys, in the order of the file. A key that is there
    /// twice is noted and read twice, so that the mistakes inside of both are found.
    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n Key, &'n Node)>> {
        let Value::Map(entries) = &node.value else {
            self.shape(node, what, "a map of keys");
            return None;
        };
        let mut seen: Vec<(&'n Key, &'n Node)> = Vec::new();
        for (key, item) in entries {
            if let Some((first, _)) = seen.iter().find(|(other, _)| other.text == key.text) {
                let line = first.at.line;
                self.note_with_hint(
                    key.at,
                    ProblemCode::Duplicate,
                    format!("`{}` is here twice", shown(&key.text)),
                    format!("it was first written in line {line}; keep one of them"),
                );
            }
            seen.push((key, item));
        }
        Some(seen)
    }

    /// The items of a list; anything else is a mistake.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            items
        } else {
            self.shape(node, what, "a list");
            &[]
        }
    }

    /// One item, or a list of them; an empty list is a mistake.
    pub fn one_or_more<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                self.note(node.at, ProblemCode::Empty, format!("{what} is an empty list"));
                &[]
            }
            Value::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    /// The value of a key that must be there.
    pub fn required<'n>(&mut self, fields: &Fields<'n>, key: &str, what: &str) -> Option<&'n Node> {
        let found = fields.of(key);
        if found.is_none() {
            let message = format!("{what} needs `{key}`");
            self.note(fields.at, ProblemCode::Missing, message);
        }
        found
    }

    /// Any text in one line without characters that deceive.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let Value::Text(text) = &node.value else {
            if matches!(node.value, Value::Bool(_) | Value::Int(_) | Value::Float) {
                let message = format!("{what} is text; this is a number or a boolean");
                self.note_with_hint(node.at, ProblemCode::Shape, message, "put it in quotes");
            } else {
                self.shape(node, what, "text");
            }
            return None;
        };
        if let Some(bad) = text.chars().find(|c| is_deceptive(*c)) {
            let message = format!("{what} holds {}", bad.escape_unicode());
            self.note(node.at, ProblemCode::Character, message);
            return None;
        }
        if text.trim().is_empty() || text.trim() != text {
            let message = format!("{what} is empty, or begins or ends with a space");
            self.note(node.at, ProblemCode::Value, message);
            return None;
        }
        Some(text)
    }

    /// A name: visible ASCII that separates nothing, so that no two names look alike.
    pub fn name<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.text(node, what)?;
        self.check_name(node.at, text, what).then_some(text)
    }

    /// Whether a text can be a name; notes it if not.
    pub fn check_name(&mut self, at: Mark, text: &str, what: &str) -> bool {
        let bad = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.:@/+=".contains(*c)));
        match bad {
            None if !text.is_empty() => true,
            Some(c) => {
                let message = format!("{what} holds `{}`", c.escape_debug());
                let hint = "names are letters and digits of ASCII and - _ . : @ / + =";
                self.note_with_hint(at, ProblemCode::Character, message, hint);
                false
            }
            None => {
                self.note(at, ProblemCode::Value, format!("{what} is empty"));
                false
            }
        }
    }

    /// Whether a text can be the id of a chat channel; notes it if not. A name, or an id in lower case, would be
    /// nobody's channel and narrow nothing.
    ///
    /// Source: Slack, "Conversations API": ids begin with `C`, `G` or `D`.
    pub fn check_channel(&mut self, at: Mark, text: &str) -> bool {
        let rest = text.strip_prefix(['C', 'G', 'D']).unwrap_or_default();
        let fits = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !fits {
            let message = format!("`{}` is not the id of a channel", shown(text));
            let hint = "write what the channel's details show, as `C0123456789`; names can change";
            self.note_with_hint(at, ProblemCode::Value, message, hint);
        }
        fits
    }

    /// One of these words.
    pub fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let hint = suggestion(text, words.iter().map(|(word, _)| *word), "known words");
            let message = format!("no {what} `{}`", shown(text));
            self.note_with_hint(node.at, ProblemCode::UnknownWord, message, hint);
        }
        found.map(|(_, value)| *value)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        self.shape(node, what, "true or false");
        None
    }

    /// A whole number within these bounds, both included.
    pub fn whole(&mut self, node: &Node, what: &str, min: i64, max: i64) -> Option<i64> {
        let Value::Int(value) = node.value else {
            self.shape(node, what, "a whole number");
            return None;
        };
        if value < min || value > max {
            let message = format!("{what} is {value}; it goes from {min} to {max}");
            self.note(node.at, ProblemCode::Value, message);
            return None;
        }
        Some(value)
    }

    /// `90s`, `30m`, `4h`, `1d`; at least a second.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let text = self.text(node, what)?;
        let parsed = duration(text);
        if parsed.is_none() {
            let message = format!("`{}` is not a duration", shown(text));
            let hint = "write for example `90s`, `30m`, `4h` or `1d`";
            self.note_with_hint(node.at, ProblemCode::Value, message, hint);
        }
        parsed
    }

    /// An instant with its offset from UTC.
    pub fn instant(&mut self, node: &Node, what: &str) -> Option<Timestamp> {
        let text = self.text(node, what)?;
        match text.parse::<Timestamp>() {
            Ok(at) => Some(at),
            Err(wrong) => {
                let hint = "write for example `2026-12-20T00:00Z`";
                self.note_with_hint(node.at, ProblemCode::Value, wrong.to_string(), hint);
                None
            }
        }
    }

    fn shape(&mut self, node: &Node, what: &str, wanted: &str) {
        let found = match &node.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "a whole number",
            Value::Float => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        let message = format!("{what} should be {wanted}, not {found}");
        self.note(node.at, ProblemCode::Shape, message);
    }
}

/// One whole number and one unit; several together are for parameters, not for rules.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let seconds = number.checked_mul(seconds)?;
    (1..=31_536_000).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// "did you mean `operator`?", or the whole list when nothing is near.
pub fn suggestion<'w>(word: &str, known: impl Iterator<Item = &'w str>, what: &str) -> String {
    let known: Vec<&str> = known.collect();
    let near = similar::get_close_matches(word, &known, 1, 0.6);
    let list = known.join(", ");
    match near.first() {
        Some(near) => format!("did you mean `{near}`? {what}: {list}"),
        None if known.is_empty() => format!("there are no {what}"),
        None => format!("{what}: {list}"),
    }
}
