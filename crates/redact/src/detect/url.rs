//! Secrets in URLs: passwords, signatures, webhooks.
//!
//! **Invariant:** of a URL only the secret part is hidden, so that one still sees where it leads.

use super::view::{Cover, Covers, Read, View};
use std::ops::Range;

/// Longest authority that is looked at, in bytes.
const LONGEST: usize = 2048;

/// `scheme://user:password@host` (RFC 3986 §3.2.1); a slash may be escaped as in JSON.
pub(super) fn password(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    if !view.before(place.start).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(Covers::new());
    }
    let belongs = |byte: u8| byte > b' ' && byte != 0x7f && !b"/?#\"'<>`\\|".contains(&byte);
    let end = view.run(place.end, LONGEST, belongs)?;
    let authority = view.read(place.end, end);
    let Some(at) = authority.iter().rposition(|&byte| byte == b'@') else { return Ok(Covers::new()) };
    let (userinfo, host) = authority.split_at(at);
    let Some(colon) = userinfo.iter().position(|&byte| byte == b':') else { return Ok(Covers::new()) };
    let password = userinfo.get(colon + 1..).unwrap_or_default();
    // An image by its digest is written alike: `docker-pullable://name:tag@sha256:…`.
    if harmless(password) || host.starts_with(b"@sha256:") || host.starts_with(b"@sha512:") || host.len() < 2 {
        return Ok(Covers::new());
    }
    let start = place.end + colon + 1;
    Ok(vec![Cover::new(start, place.end + at, "url-password")])
}

/// A variable, a mask, a placeholder, or a marker of ours.
fn harmless(text: &[u8]) -> bool {
    let framed = |open: u8, close: u8| text.first() == Some(&open) && text.last() == Some(&close);
    text.is_empty()
        || text.starts_with(b"$")
        || text.starts_with(b"%24%7B")
        || text.windows(10).any(|ten| ten == b"[redacted:")
        || text.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.'))
        || framed(b'{', b'}')
        || framed(b'[', b']')
        || framed(b'(', b')')
        || text == b"password"
        || text == b"pass"
}

/// Signatures of presigned URLs: AWS, Google, Azure.
pub(super) fn signature(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let behind = view.behind(place.start).to_ascii_lowercase();
    let named =
        [&b"?"[..], b"&", b";", b"%26", b"%3f", b"\\u0026", b"x-amz-", b"x-goog-", b"&amp;", b"accesssignature="]
            .iter()
            .any(|before| behind.ends_with(before));
    if !named {
        return Ok(Covers::new());
    }
    let end = view.run(place.end, LONGEST, |byte| byte.is_ascii_alphanumeric() || b"%+/=-_.~".contains(&byte))?;
    if end - place.end < 20 {
        return Ok(Covers::new());
    }
    Ok(vec![Cover::new(place.end, end, "url-signature")])
}

/// A webhook's URL is its own password: what stands behind the host, or behind the last number.
pub(super) fn webhook(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let one_part = view.read(place.start, place.end).ends_with(b"bot");
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"-_@:".contains(&byte) || (byte == b'/' && !one_part);
    let end = view.run(place.end, LONGEST, belongs)?;
    let path = view.read(place.end, end);
    let kind = [&b"services/"[..], b"workflows/", b"triggers/"].into_iter().find(|kind| path.starts_with(kind));
    let skipped = kind.map_or(0, <[u8]>::len);
    if path.len() < skipped + 24 {
        return Ok(Covers::new());
    }
    Ok(vec![Cover::new(place.end + skipped, end, "webhook")])
}
