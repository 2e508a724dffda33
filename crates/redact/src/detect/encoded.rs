//! Secrets inside base64: keys as a kubeconfig keeps them, credentials for registries.
//!
//! **Invariant:** base64 of anything else stays as it is.

use super::random::mixed;
use super::swallow::Swallow;
use super::view::{Cover, Covers, Read, View, base64, word};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::ops::Range;

/// Takes base64 with and without padding, and ends that were cut.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Longest run of base64 that is held, in bytes.
const LONGEST: usize = 64 * 1024;

/// `-----BEGIN …` in base64: a secret if it is a private key.
pub(super) fn pem(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    if view.read(place.start, place.end) != b"LS0tLS1CRUdJTi" {
        return Ok(Covers::new());
    }
    let label = view.run(place.start, 72, base64)?;
    let begun = view.read(place.start, label).split(|&byte| byte == b'=').next().unwrap_or_default();
    let whole = begun.get(..begun.len() / 4 * 4).unwrap_or_default();
    let text = LENIENT.decode(whole).unwrap_or_default();
    if !text.windows(11).any(|window| window == b"PRIVATE KEY") {
        return Ok(Covers::new());
    }
    run(view, place, "private-key")
}

/// What else of base64 tells itself: what follows is hidden.
pub(super) fn rest(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let text = view.read(place.start, place.end);
    let auths = text == b"eyJhdXRocyI6";
    let key = matches!(text, b"UFJJVkFURSBLRV" | b"BSSVZBVEUgS0VZ" | b"QUklWQVRFIEtFW");
    if !auths && !key {
        return Ok(Covers::new());
    }
    run(view, place, if auths { "docker-auth" } else { "private-key" })
}

/// The run of base64 that begins here, also when it is wrapped into lines.
fn run(view: &View<'_>, place: Range<usize>, name: &'static str) -> Read<Covers> {
    let mut end = view.run(place.end, LONGEST, base64)?;
    while end - place.start < LONGEST {
        let Some(next) = continued(view, end)? else { break };
        end = view.run(next, LONGEST, base64)?;
    }
    if end - place.end < 16 {
        return Ok(Covers::new());
    }
    let then =
        (end - place.start >= LONGEST).then_some(Swallow::Run(|byte| base64(byte) || byte.is_ascii_whitespace()));
    Ok(vec![Cover::new(place.start, end, name).and_then(then)])
}

/// Where the next line of a wrapped run begins: one of base64 alone, that is no word.
fn continued(view: &View<'_>, end: usize) -> Read<Option<usize>> {
    let slashes = view.run(end, 16, |byte| byte == b'\\')?;
    let newline = match view.byte(slashes)? {
        Some(b'n') if slashes > end => slashes + 1,
        Some(b'\n') => slashes + 1,
        Some(b'\r') if view.byte(slashes + 1)? == Some(b'\n') => slashes + 2,
        _ => return Ok(None),
    };
    let start = view.run(newline, 256, |byte| byte == b' ' || byte == b'\t')?;
    let stop = view.run(start, LONGEST, base64)?;
    let alone = matches!(view.byte(stop)?, None | Some(b'\n' | b'\r' | b'\\' | b'"' | b'\''));
    let text = view.read(start, stop);
    let wrapped = text.len() >= 40 || (text.ends_with(b"=") && text.len() > 3) || mixed(text);
    Ok((alone && wrapped).then_some(start))
}

/// `"auth": "…"` of a Docker configuration: base64 of `user:password`.
pub(super) fn docker_auth(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    // `_auth=` of npm stands behind the registry's name.
    let npm = view.read(place.start, place.start + 1) == b"_";
    if !npm && view.before(place.start).is_some_and(word) {
        return Ok(Covers::new());
    }
    let name = place.start + "auth".len();
    let marks = |byte| matches!(byte, b'\\' | b'"' | b'\'');
    let colon = if npm { place.end - 1 } else { view.blanks(view.run(name, 16, marks)?)? };
    if !npm && view.byte(colon)? != Some(b':') {
        return Ok(Covers::new());
    }
    let start = view.run(view.blanks(colon + 1)?, 16, marks)?;
    let end = view.run(start, 8192, base64)?;
    let text = view.read(start, end);
    let decoded = LENIENT.decode(text).unwrap_or_default();
    let pair = decoded.iter().position(|&byte| byte == b':').is_some_and(|at| at > 0 && at + 1 < decoded.len());
    let printable = decoded.iter().all(|byte| *byte >= b' ' && *byte != 0x7f);
    if text.len() < 8 || !pair || !printable {
        return Ok(Covers::new());
    }
    Ok(vec![Cover::new(start, end, "docker-auth")])
}
