//! Credentials in headers: `Authorization: Bearer …`, `Basic …`, and so on (RFC 9110 §11.6).
//!
//! **Invariant:** the scheme stays, the credential goes; parameters that are no credential stay.

use super::random::random;
use super::swallow::Swallow;
use super::view::{Cover, Covers, Read, View};
use std::ops::Range;

const NAME: &str = "authorization";

/// Longest credential that is held, in bytes.
const LONGEST: usize = 16 * 1024;

/// Schemes whose credential is one word (IANA, "HTTP Authentication Schemes", and what vendors add).
const SCHEMES: [&str; 13] = [
    "bearer",
    "basic",
    "token",
    "negotiate",
    "ntlm",
    "apikey",
    "api-key",
    "key",
    "genie-key",
    "dpop",
    "oauth",
    "jwt",
    "ssws",
];

/// Schemes with parameters, and the parameters that are secret.
const PARAMETERS: [&str; 5] = ["response", "signature", "oauth_signature", "mac", "token"];

pub(super) fn authorization(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let Some(start) = value(view, place.end)? else { return Ok(Covers::new()) };
    let end = view.run(start, 24, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')?;
    let scheme = String::from_utf8_lossy(view.read(start, end)).to_ascii_lowercase();
    let behind = view.blanks(end)?;
    if behind > end && SCHEMES.contains(&scheme.as_str()) {
        return credential(view, behind, |text| !placeholder(text));
    }
    if behind > end && (scheme == "digest" || scheme.starts_with("aws4-") || scheme == "hawk" || scheme == "oauth") {
        return parameters(view, behind);
    }
    credential(view, start, random)
}

/// `Bearer …` without the name of a header.
pub(super) fn bearer(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    if !view.begins_word(place.start) {
        return Ok(Covers::new());
    }
    let start = view.blanks(place.end)?;
    credential(view, start, |text| text.len() >= 12 && random(text))
}

/// Where the value of the header begins; `None` when this is no header.
fn value(view: &View<'_>, end: usize) -> Read<Option<usize>> {
    let quotes = |byte| matches!(byte, b'\\' | b'"' | b'\'');
    let at = view.blanks(view.run(end, 16, quotes)?)?;
    let sign = match view.byte(at)? {
        Some(b'=') if view.byte(at + 1)? == Some(b'>') => at + 2,
        Some(b':') if view.byte(at + 1)? == Some(b':') => return Ok(None),
        Some(b':' | b'=' | b',') => at + 1,
        _ => return Ok(None),
    };
    let value = view.blanks(sign)?;
    // A list of one, as Go and Python print headers.
    let open = view.run(value, 4, |byte| matches!(byte, b'[' | b'{'))?;
    Ok(Some(view.run(open, 16, quotes)?))
}

const fn belongs(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | b'\\' | b';' | b')' | b'}')
}

fn credential(view: &View<'_>, start: usize, is_secret: impl Fn(&[u8]) -> bool) -> Read<Covers> {
    let end = view.run(start, LONGEST, belongs)?;
    let text = view.read(start, end);
    let text = text.strip_suffix(b"]").filter(|rest| !rest.contains(&b'[')).unwrap_or(text);
    if text.windows(10).any(|ten| ten == b"[redacted:") || !is_secret(text) {
        return Ok(Covers::new());
    }
    let then = (end - start == LONGEST).then_some(Swallow::Run(belongs));
    Ok(vec![Cover::new(start, start + text.len(), NAME).and_then(then)])
}

fn placeholder(text: &[u8]) -> bool {
    text.len() < 4
        || text.starts_with(b"$")
        || text.starts_with(b"{")
        || text.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'-'))
        || matches!(text, b"token" | b"auth" | b"authentication" | b"authorization" | b"tokens" | b"realm" | b"error")
        || text.starts_with(b"realm=")
}

/// `Digest username="…", response="…"`.
fn parameters(view: &View<'_>, start: usize) -> Read<Covers> {
    let mut covers = Covers::new();
    let mut at = start;
    while at - start < 4096 {
        match view.byte(at)? {
            None | Some(b'\n' | b'\r') => break,
            Some(byte) if byte.is_ascii_alphabetic() => {
                let end = view.run(at, 40, |byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')?;
                let name = String::from_utf8_lossy(view.read(at, end)).to_ascii_lowercase();
                at = end;
                if view.byte(end)? == Some(b'=') && PARAMETERS.contains(&name.as_str()) {
                    let first = view.run(end + 1, 16, |byte| matches!(byte, b'\\' | b'"'))?;
                    at = view.run(first, 4096, belongs)?;
                    let text = view.read(first, at);
                    if text.len() >= 8 && !text.starts_with(b"[redacted:") {
                        covers.push(Cover::new(first, at, NAME));
                    }
                }
            }
            Some(_) => at += 1,
        }
    }
    Ok(covers)
}
