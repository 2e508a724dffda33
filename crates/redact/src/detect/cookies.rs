//! Values of cookies that keep a session (RFC 6265 §4).
//!
//! **Invariant:** names, attributes and short settings such as `theme=dark` stay.

use super::random::random;
use super::view::{Cover, Covers, Read, View, word};
use std::ops::Range;

/// Longest line of cookies that is looked at, in bytes; browsers send at most 4,096 a cookie.
const LONGEST: usize = 16 * 1024;

/// Parts of names of cookies that keep a session.
const SESSIONS: [&str; 9] = ["sess", "sid", "auth", "token", "jwt", "csrf", "xsrf", "login", "remember"];

/// Attributes, which are no cookies.
const ATTRIBUTES: [&str; 7] = ["path", "domain", "expires", "max-age", "samesite", "priority", "version"];

pub(super) fn cookie(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let before = view.behind(place.start);
    let header = before.last().is_none_or(|&byte| !word(byte)) || before.to_ascii_lowercase().ends_with(b"set-");
    if !header {
        return Ok(Covers::new());
    }
    // The trigger may have ended at the colon or at the quote before it.
    let end = if view.read(place.end - 1, place.end) == b":" { place.end - 1 } else { place.end };
    let quotes = |byte| matches!(byte, b'\\' | b'"' | b'\'');
    let colon = view.blanks(view.run(end, 16, quotes)?)?;
    if !matches!(view.byte(colon)?, Some(b':')) {
        return Ok(Covers::new());
    }
    let open = view.blanks(colon + 1)?;
    let start = view.run(open, 16, |byte| quotes(byte) || byte == b'[')?;
    pairs(view, start)
}

fn pairs(view: &View<'_>, start: usize) -> Read<Covers> {
    let mut covers = Covers::new();
    let mut at = start;
    while at - start < LONGEST {
        let name = view.run(at, 256, |byte| word(byte) || byte == b'.' || byte == b':')?;
        if name == at || view.byte(name)? != Some(b'=') {
            // `HttpOnly` and the like, or the end.
            if name > at && view.byte(name)? == Some(b';') {
                at = view.blanks(name + 1)?;
                continue;
            }
            break;
        }
        let end = view.run(name + 1, LONGEST, |byte| byte > b' ' && !matches!(byte, b';' | b'"' | b'\'' | b'\\'))?;
        let text = view.read(name + 1, end);
        if keeps_session(view.read(at, name), text) {
            covers.push(Cover::new(name + 1, end, "cookie"));
        }
        // An expiry date holds blanks.
        let semicolon = view.run(end, 64, |byte| byte == b' ' || byte == b':' || byte.is_ascii_alphanumeric())?;
        if view.byte(semicolon)? != Some(b';') {
            break;
        }
        at = view.blanks(semicolon + 1)?;
    }
    Ok(covers)
}

fn keeps_session(name: &[u8], value: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    if ATTRIBUTES.contains(&name.as_str()) || value.starts_with(b"[redacted:") || value.starts_with(b"$") {
        return false;
    }
    let told = SESSIONS.iter().any(|part| name.contains(part)) && value.len() >= 8;
    let plain = value.iter().all(|byte| *byte == b'*' || *byte == b'.');
    !plain && (told || random(value))
}
