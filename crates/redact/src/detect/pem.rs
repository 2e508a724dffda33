//! Private keys in text: PEM (RFC 7468), OpenSSH, PGP (RFC 9580), SSH2 (RFC 4716), `PuTTY`.
//!
//! **Invariant:** of a key that was begun nothing is let through: it is hidden to its end, or as far as it looks like
//! one. Certificates and public keys are no secrets.

use super::swallow::Swallow;
use super::view::{Cover, Covers, Read, View, base64};
use std::ops::Range;

/// An end farther away than this, in bytes, is not waited for; the longest RSA keys in use have 13 KiB.
const FAR: usize = 16 * 1024;

const NAME: &str = "private-key";

pub(super) fn key(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let label = view.run(place.end, 80, |byte| byte != b'-' && byte != b'\n' && byte != b'\\')?;
    if !contains(view.read(place.end, label), b"PRIVATE KEY") || view.byte(label)? != Some(b'-') {
        return Ok(Covers::new());
    }
    let body = view.run(label, 5, |byte| byte == b'-')?;
    if let Some(end) = end(view, body)? {
        return Ok(vec![Cover::new(place.start, end, NAME)]);
    }
    let (end, then) = as_far_as_it_goes(view, body)?;
    Ok(vec![Cover::new(place.start, end, NAME).and_then(then)])
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// Behind `-----END … KEY…-----`, if it is near and no other begins before.
fn end(view: &View<'_>, body: usize) -> Read<Option<usize>> {
    let mut at = body;
    while at - body < FAR {
        match view.byte(at)? {
            None => return Ok(None),
            Some(b'-') if view.says(at, "-----END ")? || view.says(at, "---- END ")? => {
                let label = view.run(at + 5, 80, |byte| byte != b'-' && byte != b'\n')?;
                return Ok(Some(view.run(label, 5, |byte| byte == b'-')?));
            }
            Some(b'-') if view.says(at, "-----BEGIN ")? => return Ok(None),
            Some(_) => at += 1,
        }
    }
    Ok(None)
}

/// As far as lines follow that belong to a key: base64, headers before it, nothing else.
fn as_far_as_it_goes(view: &View<'_>, body: usize) -> Read<(usize, Option<Swallow>)> {
    let (mut end, mut at, mut headers) = (body, body, true);
    while at - body < FAR {
        let (line, next) = line(view, at)?;
        let text = bare(view.read(at, line));
        let header = headers && is_header(text);
        let belongs = text.is_empty()
            || header
            || text.split(|&byte| byte == b' ').all(|word| {
                !word.is_empty()
                    && word.iter().all(|&byte| base64(byte))
                    && (word.len() >= 16 || text.len() == word.len())
            });
        // A short word alone may be the last line of a key, or the first of what follows one that was cut.
        if !belongs {
            return Ok((end, None));
        }
        headers = headers && (text.is_empty() || header);
        if !text.is_empty() {
            end = line;
        }
        if next == line {
            return Ok((end, None));
        }
        at = next;
    }
    Ok((at, Some(Swallow::Pem { dashes: 0, label: false })))
}

/// Where the line ends, and where the next begins; `\n` as written in JSON ends one, too.
fn line(view: &View<'_>, start: usize) -> Read<(usize, usize)> {
    let mut at = start;
    while at - start < FAR {
        match view.byte(at)? {
            None | Some(b'"' | b'\'' | b'`') => return Ok((at, at)),
            Some(b'\n') => return Ok((at, at + 1)),
            Some(b'\\') => {
                let letter = view.run(at, 16, |byte| byte == b'\\')?;
                return match view.byte(letter)? {
                    Some(b'n' | b'r') => Ok((at, letter + 1)),
                    _ => Ok((at, at)),
                };
            }
            Some(_) => at += 1,
        }
    }
    Ok((at, at + 1))
}

/// Without what quotes, indents or compares a line.
fn bare(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    let sign = text.first().is_some_and(|byte| matches!(byte, b'>' | b'|' | b'#' | b'*'));
    text.get(usize::from(sign)..).unwrap_or_default().trim_ascii()
}

/// `Proc-Type: 4,ENCRYPTED`, `Comment: …` (RFC 1421 §4.6).
fn is_header(text: &[u8]) -> bool {
    let name = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    name > 2 && name < 32 && text.get(name..name + 2) == Some(b": ")
}

/// `Private-Lines: 14` and as many lines (`PuTTY`, "PPK file format").
pub(super) fn putty(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let number = view.blanks(place.end)?;
    let digits = view.run(number, 4, |byte| byte.is_ascii_digit())?;
    let count: usize = String::from_utf8_lossy(view.read(number, digits)).parse().unwrap_or(0);
    let (first, next) = line(view, digits)?;
    if count == 0 || next == first {
        return Ok(Covers::new());
    }
    let (mut at, mut end) = (next, next);
    for _ in 0..count.min(400) {
        let (stop, next) = line(view, at)?;
        let text = bare(view.read(at, stop));
        if text.is_empty() || !text.iter().all(|&byte| base64(byte)) {
            break;
        }
        (end, at) = (stop, next);
        if next == stop {
            break;
        }
    }
    Ok(if end > next { vec![Cover::new(next, end, NAME)] } else { Covers::new() })
}
