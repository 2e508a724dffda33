//! Names and values that stand side by side: `name: DB_PASSWORD` and, in the next line, `value: …`; or, of a parameter,
//! its type and its value.
//!
//! **Invariant:** as for what is assigned: only the value is hidden.

use super::assigned::sign;
use super::keys::{self, Kept, Sure};
use super::swallow::Swallow;
use super::values;
use super::view::{Cover, Covers, Read, View};
use std::ops::Range;

/// What the name of the name is called, in small letters: Kubernetes, ECS, `CloudFormation`, Beanstalk.
const NAMES: [&str; 7] = ["name", "key", "parameterkey", "optionname", "variable", "outputkey", "envname"];

/// And the name of the value.
const VALUES: [&str; 5] = ["value", "parametervalue", "outputvalue", "default", "stringvalue"];

/// Between both, at most so many blanks and line ends.
const APART: usize = 200;

/// Longest column that is held, in bytes.
const LONGEST: usize = 16 * 1024;

pub(super) fn listed(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let (start, end) = keys::extent(view, place.start, place.end)?;
    if !is_named(view.line_behind(start).unwrap_or_default(), &NAMES) {
        return Ok(Covers::new());
    }
    let Some(kept) = keys::kept(view.read(start, end)) else { return Ok(Covers::new()) };
    value_beside(view, end, kept)
}

/// `SecureString`, the type of a parameter whose value is kept encrypted (AWS Systems Manager, "Parameter"): in JSON and
/// YAML the value is the next key, in text the next column.
pub(super) fn secure(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let kept = Kept { name: "secret", sure: Sure::Whatever };
    if is_named(view.line_behind(place.start).unwrap_or_default(), &["type"]) {
        return value_beside(view, place.end, kept);
    }
    if view.before(place.start) != Some(b'\t') || view.byte(place.end)? != Some(b'\t') {
        return Ok(Covers::new());
    }
    let start = place.end + 1;
    let end = view.run(start, LONGEST, |byte| !matches!(byte, b'\t' | b'\n' | b'\r'))?;
    let shown = end == start || super::yaml::is_marker(view.read(start, end));
    let then = (end - start == LONGEST).then_some(Swallow::Line);
    Ok(if shown { Covers::new() } else { vec![Cover::new(start, end, kept.name).and_then(then)] })
}

/// The value under the key behind this place, if it is one for values.
fn value_beside(view: &View<'_>, end: usize, kept: Kept) -> Read<Covers> {
    let quotes = |byte| matches!(byte, b'\\' | b'"' | b'\'');
    let behind = view.run(end, 16, quotes)?;
    let next =
        view.run(behind, APART, |byte| byte.is_ascii_whitespace() || byte == b',' || byte == b'\\' || byte == b'n')?;
    let slashed = view.read(behind, next).contains(&b'n') && !view.read(behind, next).contains(&b'\\');
    if next == behind || slashed {
        return Ok(Covers::new());
    }
    let key = view.run(next, 8, quotes)?;
    let (first, last) = (key, view.run(key, 24, |byte| byte.is_ascii_alphabetic())?);
    let word = String::from_utf8_lossy(view.read(first, last)).to_ascii_lowercase();
    if !VALUES.contains(&word.as_str()) {
        return Ok(Covers::new());
    }
    match sign(view, first, last, kept)? {
        Some((name, value)) => values::hidden(view, value, name),
        None => Ok(Covers::new()),
    }
}

/// Whether the line ends with one of these keys: `- name: "`.
fn is_named(line: &[u8], keys: &[&str]) -> bool {
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    let text = text.trim_end_matches(['"', '\'', '\\']).trim_end();
    let Some(text) = text.strip_suffix(':').or_else(|| text.strip_suffix('=')) else { return false };
    let text = text.trim_end().trim_end_matches(['"', '\'', '\\']);
    keys.iter().any(|name| {
        text.strip_suffix(name).is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}
