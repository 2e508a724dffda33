//! Manifests of Kubernetes Secrets in YAML, wherever `kind` stands: kubectl prints keys in alphabetic order, so that
//! `data` comes first.
//!
//! **Invariant:** the values under `data` and `stringData` of a `kind: Secret` are hidden and nothing else of it; what is
//! no map of plain values, or of another kind, stays as it is.

use super::keys;
use super::swallow::Swallow;
use super::view::{Cover, Covers, LOOK_BEHIND, Read, View};
use std::ops::Range;

/// Most bytes of an object that are held: twice what a Kubernetes object may have (etcd, `--max-request-bytes`).
pub(super) const LONGEST: usize = 4 << 20;

pub(super) const NAME: &str = "kubernetes-secret";

/// The name of what is hidden because it went on and on.
pub(super) const LIMIT: &str = "over-limit";

/// `data:` or `stringData:` at the beginning of a line.
pub(super) fn data(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let (start, _) = keys::extent(view, place.start, place.end - 1)?;
    let key = view.read(start, place.end - 1);
    if key != b"data" && key != b"stringData" {
        return Ok(Covers::new());
    }
    let Some(column) = column(view, start) else { return Ok(Covers::new()) };
    let behind = view.blanks(place.end)?;
    if view.byte(behind)? == Some(b'{') {
        return flow(view, column, behind);
    }
    let object = Object { column, secret: None, keys: vec![key.to_vec()], early: true };
    let next = view.run(behind, 256, |byte| byte != b'\n')?;
    if view.read(behind, next).iter().any(|byte| !byte.is_ascii_whitespace() && *byte != b'#')
        && view.byte(behind)? != Some(b'#')
    {
        return Ok(Covers::new());
    }
    object.walk(view, place.end, next, true)
}

/// `kind: Secret`.
pub(super) fn kind(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let (start, _) = keys::extent(view, place.start, place.start + 4)?;
    let end = view.run(place.end, 256, |byte| byte != b'\n')?;
    let rest = view.read(place.end, end).trim_ascii();
    let only = rest.is_empty() || rest == b"\"" || rest == b"'" || rest.starts_with(b"#");
    if start != place.start || !only || !view.read(place.start, place.end).ends_with(b"Secret") {
        return Ok(Covers::new());
    }
    let Some(column) = column(view, start) else { return Ok(Covers::new()) };
    Object { column, secret: Some(true), keys: vec![b"kind".to_vec()], early: false }.walk(view, place.end, end, false)
}

/// The column of a key, when only blanks and dashes of lists stand before it.
fn column(view: &View<'_>, start: usize) -> Option<usize> {
    let line = view.line_behind(start)?;
    (line.iter().all(|&byte| byte == b' ' || byte == b'-') && line.len() < LOOK_BEHIND).then_some(line.len())
}

/// `data: {password: aHVudGVyMg==}`: a map on one line; everything in the braces goes.
fn flow(view: &View<'_>, column: usize, open: usize) -> Read<Covers> {
    let close = view.run(open + 1, 64 * 1024, |byte| byte != b'}' && byte != b'\n')?;
    if view.byte(close)? != Some(b'}') || view.read(open + 1, close).trim_ascii().is_empty() {
        return Ok(Covers::new());
    }
    if view.read(open, close).windows(10).any(|ten| ten == b"[redacted:") {
        return Ok(Covers::new());
    }
    let next = view.run(close, 256, |byte| byte != b'\n')?;
    let object = Object { column, secret: None, keys: vec![b"data".to_vec()], early: true };
    let decided = object.walk_with(view, open, next, false, vec![Cover::new(open + 1, close, NAME)])?;
    Ok(decided)
}

/// The same behind a `kind` that came first.
fn on_one_line(start: usize, text: &[u8]) -> Option<Cover> {
    let map = text.strip_prefix(b"stringData:").or_else(|| text.strip_prefix(b"data:"))?.trim_ascii_start();
    let inside = map.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let end = start + text.len() - 1;
    let hidden = inside.trim_ascii().is_empty() || is_marker(inside);
    (!hidden).then(|| Cover::new(end - inside.len(), end, NAME))
}

/// An object while it is read.
struct Object {
    /// Where its keys stand.
    column: usize,
    /// Whether it is a Secret, once that is known.
    secret: Option<bool>,
    /// Its keys so far that matter; one twice is another object.
    keys: Vec<Vec<u8>>,
    /// Whether it is enough to know the kind and to have seen these values.
    early: bool,
}

impl Object {
    fn walk(self, view: &View<'_>, from: usize, line_end: usize, in_data: bool) -> Read<Covers> {
        self.walk_with(view, from, line_end, in_data, Covers::new())
    }

    fn walk_with(
        mut self,
        view: &View<'_>,
        from: usize,
        line_end: usize,
        in_data: bool,
        covers: Covers,
    ) -> Read<Covers> {
        let mut data = Data { entries: None, open: Open::Hidden, covers };
        let (mut in_data, mut at) = (in_data, line_end + 1);
        loop {
            if at - from > LONGEST {
                return Ok(self.too_long(data, at, in_data));
            }
            if view.byte(at)?.is_none() {
                break;
            }
            let end = view.run(at, LONGEST, |byte| byte != b'\n')?;
            let line = view.read(at, end);
            let text = line.trim_ascii();
            let indent = line.len() - line.trim_ascii_start().len();
            if end - at >= LONGEST {
                if in_data && indent > self.column {
                    data.line(at, text, indent);
                }
                return Ok(self.too_long(data, end, in_data));
            }
            if text.is_empty() || (text.starts_with(b"#") && !in_data) {
            } else if indent < self.column || (indent == 0 && (text == b"---" || text == b"...")) {
                break;
            } else if indent == self.column && !text.starts_with(b"- ") {
                in_data = match self.sibling(text) {
                    Some(is_data) => is_data,
                    None => break,
                };
                data.entries = None;
                if self.secret == Some(true) {
                    data.covers.extend(on_one_line(at + indent, text));
                }
                if self.secret == Some(false) {
                    return Ok(Covers::new());
                }
                if self.secret == Some(true) && self.early && !in_data {
                    return Ok(data.covers);
                }
            } else if in_data && !data.line(at, text, indent) {
                return Ok(Covers::new());
            }
            at = end + 1;
        }
        Ok(if self.secret == Some(true) { data.covers } else { Covers::new() })
    }

    /// A key of the object: whether its values are those of a Secret. `None`: the object has ended.
    fn sibling(&mut self, text: &[u8]) -> Option<bool> {
        let colon = text.iter().position(|&byte| byte == b':')?;
        let (key, value) = text.split_at(colon);
        let key = key.trim_ascii();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if !matches!(key, b"kind" | b"data" | b"stringData") {
            return Some(false);
        }
        if self.keys.iter().any(|known| known == key) && (key == b"kind" || self.secret != Some(true)) {
            return None;
        }
        self.keys.push(key.to_vec());
        if key == b"kind" {
            let kind = value.split(|&byte| byte == b'#').next().unwrap_or_default().trim_ascii();
            self.secret = Some(matches!(kind, b"Secret" | b"\"Secret\"" | b"'Secret'"));
            return Some(false);
        }
        Some(value.is_empty() || value.starts_with(b"#"))
    }

    /// Nothing more can be held: hidden from the first value on, as far as the object goes.
    fn too_long(self, data: Data, end: usize, in_data: bool) -> Covers {
        if self.secret != Some(true) && !in_data {
            // What so long does not say what it is, is no object of Kubernetes; its values are hidden all the same.
            return data.covers;
        }
        let start = data.covers.first().map_or(end, |cover| cover.start);
        let indent = None;
        vec![Cover::new(start, end, LIMIT).and_then(Some(Swallow::Yaml { column: self.column, indent }))]
    }
}

/// What the last entry may go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Lines of a value that was begun: they are hidden with it.
    Value,
    /// Lines of a block, of which none was seen.
    Block,
    /// Nothing yet: a value, or a map, which a Secret does not have.
    Nothing,
    /// A marker of ours.
    Hidden,
}

/// The values under `data` while they are read.
struct Data {
    /// The column of its keys, once one was seen.
    entries: Option<usize>,
    open: Open,
    covers: Covers,
}

impl Data {
    /// Takes a line; whether it can belong to a map of plain values.
    fn line(&mut self, start: usize, text: &[u8], indent: usize) -> bool {
        let entries = *self.entries.get_or_insert(indent);
        let (first, end) = (start + indent, start + indent + text.len());
        if indent > entries {
            return self.more(first, end, text);
        }
        if indent < entries || text.starts_with(b"- ") {
            return false;
        }
        let Some(colon) = separator(text) else { return text.starts_with(b"#") };
        let value = text.get(colon + 1..).unwrap_or_default().trim_ascii_start();
        self.open = match value {
            b"" => Open::Nothing,
            b"\"\"" | b"''" | b"null" | b"~" => Open::Hidden,
            value if is_marker(value) => Open::Hidden,
            [b'|' | b'>', ..] => Open::Block,
            [mark @ (b'"' | b'\''), inside @ .., last] if mark == last => {
                self.covers.push(Cover::new(end - 1 - inside.len(), end - 1, NAME));
                Open::Hidden
            }
            value => {
                self.covers.push(Cover::new(end - value.len(), end, NAME));
                Open::Value
            }
        };
        true
    }

    /// A line that goes on with the value before.
    fn more(&mut self, start: usize, end: usize, text: &[u8]) -> bool {
        match self.open {
            Open::Hidden => {}
            Open::Nothing if separator(text).is_some() || text.starts_with(b"- ") => return false,
            Open::Nothing | Open::Block if is_marker(text) => self.open = Open::Hidden,
            Open::Nothing | Open::Block => {
                self.covers.push(Cover::new(start, end, NAME));
                self.open = Open::Value;
            }
            Open::Value => {
                if let Some(cover) = self.covers.last_mut() {
                    cover.end = end;
                }
            }
        }
        true
    }
}

/// The colon between a key and its value (YAML 1.2 §7.4.2).
fn separator(text: &[u8]) -> Option<usize> {
    let from = match text.first() {
        Some(mark @ (b'"' | b'\'')) => text.iter().skip(1).position(|byte| byte == mark)? + 2,
        _ => 0,
    };
    let rest = text.get(from..)?;
    let at = rest
        .iter()
        .enumerate()
        .position(|(nth, &byte)| byte == b':' && rest.get(nth + 1).is_none_or(|&next| next == b' ' || next == b'\t'))?;
    let key = rest.get(..at)?;
    key.iter().all(|byte| *byte > b' ').then_some(from + at)
}

/// Nothing but markers of ours.
pub(super) fn is_marker(value: &[u8]) -> bool {
    let bare = value.trim_ascii();
    let bare = match bare {
        [mark @ (b'"' | b'\''), inside @ .., last] if mark == last => inside,
        _ => bare,
    };
    bare.starts_with(b"[redacted:") && bare.ends_with(b"]")
}

/// The block of text behind a name that tells: `password: |` and the deeper lines after it.
pub(super) fn block(view: &View<'_>, key: usize, sign: usize, name: &'static str) -> Read<Covers> {
    const LONGEST: usize = 64 * 1024;
    let end = view.run(sign, 64, |byte| byte != b'\n')?;
    let indicators = view.read(sign, end).trim_ascii();
    let Some(column) = column(view, key) else { return Ok(Covers::new()) };
    if !indicators.iter().skip(1).all(|byte| byte.is_ascii_digit() || b"+-".contains(byte)) {
        return Ok(Covers::new());
    }
    let mut cover: Option<Cover> = None;
    let mut at = end + 1;
    while view.byte(at)?.is_some() {
        let stop = view.run(at, LONGEST, |byte| byte != b'\n')?;
        let line = view.read(at, stop);
        let text = line.trim_ascii();
        let first = at + line.len() - line.trim_ascii_start().len();
        if !text.is_empty() {
            if first - at <= column {
                break;
            }
            cover.get_or_insert_with(|| Cover::new(first, first, name)).end = first + text.len();
        }
        if stop - end > LONGEST {
            let start = cover.map_or(stop, |cover| cover.start);
            return Ok(vec![Cover::new(start, stop, name).and_then(Some(Swallow::Yaml { column, indent: None }))]);
        }
        at = stop + 1;
    }
    let cover = cover.filter(|cover| !is_marker(view.read(cover.start, cover.end)));
    Ok(cover.into_iter().collect())
}
