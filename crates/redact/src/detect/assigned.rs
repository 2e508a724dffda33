//! A name that says "secret", and the value behind it: `password=…`, `apiKey: "…"`, `--token …`.
//!
//! **Invariant:** only the value is hidden, and what stood in quotes stays in quotes.

use super::keys::{self, Kept};
use super::swallow::Swallow;
use super::values::{self, Name, Sign};
use super::view::{Cover, Covers, Read, View};
use super::yaml;
use std::ops::Range;

pub(super) fn assigned(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let (start, end) = keys::extent(view, place.start, place.end)?;
    // A marker of ours, a checksum, the name of a file.
    let before = [&b"[redacted:"[..], b"checksum/", b"hash/", b"from-file=", b"from-env-file="];
    if before.iter().any(|before| view.behind(start).ends_with(before)) {
        return Ok(Covers::new());
    }
    let Some(kept) = keys::kept(view.read(start, end)) else { return Ok(Covers::new()) };
    if is_part(view.behind(start)) {
        return Ok(Covers::new());
    }
    if view.before(start) == Some(b'<') && view.byte(end)? == Some(b'>') {
        return element(view, end + 1, kept);
    }
    let Some((name, value)) = sign(view, start, end, kept)? else { return Ok(Covers::new()) };
    if name.sign == Sign::Loose && matches!(view.byte(value)?, Some(b'|' | b'>')) {
        return yaml::block(view, start, value, kept.name);
    }
    values::hidden(view, value, name)
}

/// What stands between the name and its value, and where the value begins.
pub(super) fn sign(view: &View<'_>, start: usize, end: usize, kept: Kept) -> Read<Option<(Name, usize)>> {
    let slashes = view.run(end, 16, |byte| byte == b'\\')?;
    let quoted = match view.byte(slashes)? {
        Some(mark @ (b'"' | b'\'')) => Some((mark, slashes - end)),
        _ if slashes > end => return Ok(None),
        _ => None,
    };
    let mut at = if quoted.is_some() { slashes + 1 } else { end };
    let subscript = quoted.is_some() && view.byte(at)? == Some(b']');
    at += usize::from(subscript);
    let blanks = view.blanks(at)?;
    let first = begins_line(view, start);
    let json = !subscript && view.byte(blanks)? == Some(b':');
    let name = |sign| Name { kept, sign, first, quoted: quoted.filter(|_| json) };
    if view.says(blanks, "%3d")? {
        return Ok(Some((name(Sign::Tight), blanks + 3)));
    }
    let behind = match view.byte(blanks)? {
        Some(b'=') if view.byte(blanks + 1)? == Some(b'>') => blanks + 2,
        Some(b'=') if view.byte(blanks + 1)? == Some(b'=') => return Ok(None),
        // The path of a name in a program: `token::Lifetime`.
        Some(b':') if view.byte(blanks + 1)? == Some(b':') => return Ok(None),
        Some(b':') if view.byte(blanks + 1)? == Some(b'=') => blanks + 2,
        Some(b'=' | b':') => blanks + 1,
        Some(_)
            if blanks > at
                && quoted.is_none()
                && (is_option(view, start) || view.behind(start).ends_with(b"configure set ")) =>
        {
            return Ok(Some((name(Sign::Blank), blanks)));
        }
        Some(_) if blanks > at && quoted.is_none() && in_netrc(view, start) => {
            return Ok(Some((name(Sign::Tight), blanks)));
        }
        _ => return Ok(None),
    };
    let value = view.blanks(behind)?;
    let loose = value > behind && (view.byte(blanks)? == Some(b':') || blanks > at);
    if value > behind && !loose {
        // `password= ` has no value.
        return Ok(None);
    }
    Ok(Some((name(if loose { Sign::Loose } else { Sign::Tight }), value)))
}

/// `https://x-access-token:…@host`: the name is a user's, and what is behind it is found as the password of a URL. In
/// `{{resolve:…:SecretString:password}}` it is part of a reference.
fn is_part(behind: &[u8]) -> bool {
    let word = behind.rsplit(|byte| *byte <= b' ' || b"\"'".contains(byte)).next().unwrap_or_default();
    word.ends_with(b"://") || word.windows(2).any(|two| two == b"{{")
}

fn is_option(view: &View<'_>, start: usize) -> bool {
    view.read(start, start + 1) == b"-"
        && view.before(start).is_none_or(|before| before <= b' ' || b"\"'`[(".contains(&before))
}

/// `machine H login U password P` (netrc, in curl(1) and ftp(1)), on one line or several.
fn in_netrc(view: &View<'_>, start: usize) -> bool {
    let words: Vec<&[u8]> = view.behind(start).split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    matches!(
        words.as_slice(),
        [.., b"machine", _, b"login" | b"account", _] | [.., b"default", b"login", _] | [.., b"machine", _]
    )
}

/// Whether only blanks, a dash of a list, or `export` stand before on the line.
fn begins_line(view: &View<'_>, start: usize) -> bool {
    let Some(line) = view.line_behind(start) else { return false };
    let bare = line.trim_ascii();
    bare.iter().all(|&byte| byte == b'-' || byte == b'+' || byte == b'~') || bare == b"export" || bare == b"set"
}

/// `<password>…</password>`.
fn element(view: &View<'_>, start: usize, kept: Kept) -> Read<Covers> {
    let end = view.run(start, 4096, |byte| byte != b'<' && byte != b'\n')?;
    let text = view.read(start, end);
    let bare = text.trim_ascii();
    if view.byte(end)? != Some(b'<') || view.byte(end + 1)? != Some(b'/') {
        return Ok(Covers::new());
    }
    if bare.is_empty() || bare.starts_with(b"${") || bare.starts_with(b"[redacted:") || bare.starts_with(b"{{") {
        return Ok(Covers::new());
    }
    if kept.sure != keys::Sure::Whatever && !super::random::random(bare) {
        return Ok(Covers::new());
    }
    let then = (end - start >= 4096).then_some(Swallow::Run(|byte| byte != b'<' && byte != b'\n'));
    Ok(vec![Cover::new(start, end, kept.name).and_then(then)])
}
