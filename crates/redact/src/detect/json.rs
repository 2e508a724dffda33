//! Manifests of Kubernetes Secrets in JSON, wherever `kind` stands, also written inside a string of another manifest, as
//! `kubectl.kubernetes.io/last-applied-configuration` is.
//!
//! **Invariant:** what is hidden stays a string, so that JSON stays JSON; what is no object of plain strings, or of
//! another kind, stays as it is.

use super::swallow::{Json, Quote, Swallow, quote};
use super::view::{Cover, Covers, Read, View};
use super::yaml::{LIMIT, LONGEST, NAME};
use std::ops::Range;

/// Deeper objects are nobody's manifest, and reading one from each level would take too long.
const DEEPEST: usize = 64;

/// `"data"` or `"stringData"`, as a key.
pub(super) fn data(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let Some((walk, at)) = Walk::begin(view, &place, &[b"data", b"stringData"])? else { return Ok(Covers::new()) };
    walk.read_data(at)
}

/// `"kind": "Secret"`.
pub(super) fn kind(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let Some((mut walk, at)) = Walk::begin(view, &place, &[b"kind"])? else { return Ok(Covers::new()) };
    let Some((text, behind)) = walk.string(at)? else { return Ok(Covers::new()) };
    if view.read(text.start, text.end) != b"Secret" {
        return Ok(Covers::new());
    }
    walk.secret = Some(true);
    walk.siblings(behind, false)
}

/// How the reading of an object came out.
enum Step {
    /// Goes on here.
    At(usize),
    /// Is no such thing.
    Not,
    /// Ends here, as far as it matters.
    End,
    /// More than can be held.
    TooLong(usize),
}

/// An object while it is read.
struct Walk<'v, 'b> {
    view: &'v View<'b>,
    mark: u8,
    /// Backslashes before each quote.
    backslashes: usize,
    begun: usize,
    /// Keys of the object that matter, as they come.
    seen: Vec<&'b [u8]>,
    secret: Option<bool>,
    covers: Covers,
    /// Where the object under `data` begins, while it is being read.
    in_data: bool,
    in_string: bool,
    depth: usize,
}

impl<'v, 'b> Walk<'v, 'b> {
    /// Around a trigger that is the whole of one of these keys; also where its value begins.
    fn begin(view: &'v View<'b>, place: &Range<usize>, keys: &[&[u8]]) -> Read<Option<(Self, usize)>> {
        let name = place.end - 1;
        let behind = view.behind(name);
        let letters = behind.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let start = name - letters;
        let Some(mark @ (b'"' | b'\'')) = view.before(start) else { return Ok(None) };
        let before = view.behind(start - 1);
        let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\').count();
        let slashes = view.run(name, 16, |byte| byte == b'\\')?;
        let closed = slashes - name == backslashes && view.byte(slashes)? == Some(mark);
        if !closed || !keys.contains(&view.read(start, name)) {
            return Ok(None);
        }
        let begun = place.start;
        let walk = Self {
            view,
            mark,
            backslashes,
            begun,
            seen: vec![view.read(start, name)],
            secret: None,
            covers: Covers::new(),
            in_data: false,
            in_string: false,
            depth: 0,
        };
        let colon = walk.space(slashes + 1)?;
        if view.byte(colon)? != Some(b':') {
            return Ok(None);
        }
        let value = walk.space(colon + 1)?;
        Ok(Some((walk, value)))
    }

    fn read_data(mut self, at: usize) -> Read<Covers> {
        match self.plain_strings(at)? {
            Step::Not | Step::End => Ok(Covers::new()),
            Step::TooLong(at) => Ok(self.too_long(at)),
            Step::At(behind) => self.siblings(behind, true),
        }
    }

    /// Behind blanks, also as they are written inside a string.
    fn space(&self, from: usize) -> Read<usize> {
        let mut at = from;
        while at - from < 4096 {
            match self.view.byte(at)? {
                Some(byte) if byte.is_ascii_whitespace() => at += 1,
                Some(b'\\') if self.backslashes > 0 => {
                    let letter = self.view.run(at, 16, |byte| byte == b'\\')?;
                    if letter - at > self.backslashes || !matches!(self.view.byte(letter)?, Some(b'n' | b'r' | b't')) {
                        break;
                    }
                    at = letter + 1;
                }
                _ => break,
            }
        }
        Ok(at)
    }

    /// The inside of the string that begins here, and where it is over.
    fn string(&mut self, from: usize) -> Read<Option<(Range<usize>, usize)>> {
        let open = self.view.run(from, self.backslashes, |byte| byte == b'\\')?;
        if open - from != self.backslashes || self.view.byte(open)? != Some(self.mark) {
            return Ok(None);
        }
        let (start, mut at, mut run) = (open + 1, open + 1, 0);
        loop {
            if at - self.begun > LONGEST {
                self.in_string = true;
                return Ok(Some((start..at, at)));
            }
            match self.view.byte(at)? {
                None | Some(b'\n' | b'\r') => return Ok(None),
                Some(b'\\') => run += 1,
                Some(byte) if byte == self.mark => match quote(self.backslashes, run) {
                    Quote::Plain => return Ok(Some((start..at - self.backslashes, at + 1))),
                    Quote::Escaped => run = 0,
                    Quote::Outer => return Ok(None),
                },
                Some(_) => run = 0,
            }
            at += 1;
        }
    }

    /// An object of strings: plans to hide them.
    fn plain_strings(&mut self, from: usize) -> Read<Step> {
        if self.view.byte(from)? != Some(b'{') {
            return Ok(Step::Not);
        }
        self.in_data = true;
        let mut at = self.space(from + 1)?;
        while self.view.byte(at)? != Some(b'}') {
            let Some((_, behind)) = self.string(at)? else { return Ok(Step::Not) };
            if self.in_string {
                return Ok(Step::TooLong(behind));
            }
            let colon = self.space(behind)?;
            if self.view.byte(colon)? != Some(b':') {
                return Ok(Step::Not);
            }
            let value = self.space(colon + 1)?;
            at = if self.view.says(value, "null")? {
                value + 4
            } else {
                let Some((text, behind)) = self.string(value)? else { return Ok(Step::Not) };
                let shown = self.view.read(text.start, text.end);
                if !shown.is_empty() && !super::yaml::is_marker(shown) {
                    self.covers.push(Cover::new(text.start, text.end, NAME));
                }
                behind
            };
            if self.in_string || at - self.begun > LONGEST {
                return Ok(Step::TooLong(at));
            }
            at = self.space(at)?;
            match self.view.byte(at)? {
                Some(b',') => at = self.space(at + 1)?,
                Some(b'}') => {}
                _ => return Ok(Step::Not),
            }
        }
        self.in_data = false;
        Ok(Step::At(at + 1))
    }

    /// The rest of the object around. `early`: it is enough to know the kind.
    fn siblings(mut self, from: usize, early: bool) -> Read<Covers> {
        let mut at = from;
        loop {
            at = self.space(at)?;
            if at - self.begun > LONGEST {
                return Ok(self.too_long(at));
            }
            match self.view.byte(at)? {
                Some(b'{' | b'[') if self.depth < DEEPEST => {
                    self.depth += 1;
                    at += 1;
                }
                Some(b'}' | b']') => {
                    let Some(depth) = self.depth.checked_sub(1) else { break };
                    self.depth = depth;
                    at += 1;
                }
                Some(byte) if byte == self.mark || byte == b'\\' => {
                    let Some((text, behind)) = self.string(at)? else { break };
                    if self.in_string {
                        return Ok(self.too_long(behind));
                    }
                    at = match self.entry(text, behind)? {
                        Step::At(at) => at,
                        Step::Not => return Ok(Covers::new()),
                        Step::End => break,
                        Step::TooLong(at) => return Ok(self.too_long(at)),
                    };
                    if early && self.secret == Some(true) {
                        return Ok(self.covers);
                    }
                }
                Some(byte) if byte.is_ascii_alphanumeric() || b",:+-.".contains(&byte) => at += 1,
                None | Some(_) => break,
            }
        }
        Ok(if self.secret == Some(true) { self.covers } else { Covers::new() })
    }

    /// A string of the object around, which may be a key that matters.
    fn entry(&mut self, text: Range<usize>, behind: usize) -> Read<Step> {
        let key = self.view.read(text.start, text.end);
        if self.depth > 0 || !matches!(key, b"kind" | b"data" | b"stringData") {
            return Ok(Step::At(behind));
        }
        let colon = self.space(behind)?;
        if self.view.byte(colon)? != Some(b':') {
            return Ok(Step::At(behind));
        }
        let value = self.space(colon + 1)?;
        // One twice is no manifest, and reading on from each would take too long.
        if self.seen.contains(&key) && (key == b"kind" || self.secret != Some(true)) {
            return Ok(Step::End);
        }
        self.seen.push(key);
        if key != b"kind" {
            return Ok(match self.plain_strings(value)? {
                Step::Not if self.secret == Some(true) => Step::At(value),
                read => read,
            });
        }
        let Some((kind, behind)) = self.string(value)? else { return Ok(Step::Not) };
        self.secret = Some(self.view.read(kind.start, kind.end) == b"Secret");
        Ok(if self.secret == Some(true) { Step::At(behind) } else { Step::Not })
    }

    /// Nothing more can be held.
    fn too_long(self, at: usize) -> Covers {
        if self.secret != Some(true) && !self.in_data {
            // What so long does not say what it is, is no object of Kubernetes; its values are hidden all the same.
            return self.covers;
        }
        let start = self.covers.first().map_or(at, |cover| cover.start.min(at));
        let json = Json {
            quote: self.mark,
            backslashes: self.backslashes,
            depth: self.depth + usize::from(self.in_data),
            in_string: self.in_string,
            run: 0,
        };
        vec![Cover::new(start, at, LIMIT).and_then(Some(Swallow::Json(json)))]
    }
}
