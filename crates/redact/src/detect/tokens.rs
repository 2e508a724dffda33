//! Tokens that can be told by themselves: vendors' formats, JSON web tokens, hashes of passwords.
//!
//! **Invariant:** a whole word is hidden, never a part of one.

use super::random::mixed;
use super::shapes::{ENDLESS, Shape};
use super::swallow::Swallow;
use super::view::{Cover, Covers, Read, View, word};
use crate::typed::TokenKind;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::ops::Range;

/// Longest token that is held, in bytes.
const LONGEST: usize = 16 * 1024;

pub(super) fn shaped(view: &View<'_>, place: Range<usize>, shape: &'static Shape) -> Read<Covers> {
    let exact = view.read(place.start, place.end) == shape.prefix.as_bytes();
    if !exact || !view.begins_word(place.start) {
        return Ok(Covers::new());
    }
    let end = view.run(place.end, LONGEST, shape.alphabet)?;
    let tail = view.read(place.end, end);
    // A dot or a dash at the end belongs to the sentence.
    let kept = tail.iter().rev().take_while(|&&byte| matches!(byte, b'.' | b'-')).count();
    let tail = tail.get(..tail.len() - kept).unwrap_or_default();
    let endless = end - place.end == LONGEST && shape.most == ENDLESS;
    if tail.len() < shape.least || tail.len() > shape.most || !(shape.check)(tail) {
        return Ok(Covers::new());
    }
    let then = endless.then_some(Swallow::Run(shape.alphabet));
    let end = if endless { end } else { place.end + tail.len() };
    let mut covers = vec![Cover::new(place.start, end, shape.kind.name()).and_then(then)];
    if shape.kind == TokenKind::AwsAccessKey && !endless {
        covers.extend(aws_secret(view, end)?);
    }
    Ok(covers)
}

/// The secret of an AWS access key: forty characters, close behind its id.
fn aws_secret(view: &View<'_>, from: usize) -> Read<Option<Cover>> {
    const LENGTH: usize = 40;
    const CLOSE: usize = 100;
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let mut at = from;
    while at - from < CLOSE {
        match view.byte(at)? {
            None => break,
            Some(byte) if belongs(byte) => {
                let end = view.run(at, LENGTH + 1, belongs)?;
                let text = view.read(at, end);
                if text.len() == LENGTH && mixed(text) {
                    return Ok(Some(Cover::new(at, end, "aws-secret-key")));
                }
                at = view.run(end, CLOSE, belongs)?;
            }
            Some(_) => at += 1,
        }
    }
    Ok(None)
}

/// Three or five parts of base64url, the first an object with `alg` or `enc` (RFC 7515 §7.1, RFC 7516 §7.1).
pub(super) fn jwt(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let dotted = |byte| word(byte) || byte == b'.';
    if view.read(place.start, place.end) != b"eyJ" || !view.begins_word(place.start) {
        return Ok(Covers::new());
    }
    let dot = view.run(place.end, LONGEST, word)?;
    if view.byte(dot)? != Some(b'.') || !is_header(view.read(place.start, dot)) {
        return Ok(Covers::new());
    }
    let claims = view.run(dot + 1, LONGEST, word)?;
    if claims == dot + 1 || (claims - dot <= LONGEST && view.byte(claims)? != Some(b'.')) {
        return Ok(Covers::new());
    }
    let end = view.run(claims, LONGEST, dotted)?;
    let then = (end - claims == LONGEST).then_some(Swallow::Run(|byte| word(byte) || byte == b'.'));
    Ok(vec![Cover::new(place.start, end, TokenKind::Jwt.name()).and_then(then)])
}

fn is_header(text: &[u8]) -> bool {
    // Enough of it to see the name, whatever comes behind.
    let whole = text.len().min(400) / 4 * 4;
    let text = if text.len() <= 400 { text } else { text.get(..whole).unwrap_or_default() };
    let Ok(json) = URL_SAFE_NO_PAD.decode(text) else { return false };
    json.windows(5).any(|five| five == b"\"alg\"" || five == b"\"enc\"")
}

/// `<fourteen>.atlasv1.<sixty>`: Terraform Cloud. What stands before the mark may have been given back already, and is
/// worth nothing alone.
pub(super) fn terraform_cloud(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let before = view.behind(place.start).iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let end = view.run(place.end, LONGEST, |byte| word(byte) || byte == b'=')?;
    if before < 10 || end - place.end < 40 {
        return Ok(Covers::new());
    }
    Ok(vec![Cover::new(place.end, end, "terraform-token")])
}

/// `<number of the bot>:AA…` (Telegram, "Authorizing your bot"). The number is no secret.
pub(super) fn telegram(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let digits = view.behind(place.start).iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let start = place.start + 1;
    let end = view.run(start, 64, word)?;
    let bot = (8..=10).contains(&digits) && view.begins_word(place.start - digits);
    let exact = view.read(place.start, place.end) == b":AA" && end - start == 35;
    Ok(if bot && exact { vec![Cover::new(start, end, TokenKind::ApiKey.name())] } else { Covers::new() })
}

/// Hashes as crypt(5), htpasswd(1), argon2 and LDAP write them.
pub(super) fn password_hash(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    if view.before(place.start).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'\\') {
        return Ok(Covers::new());
    }
    let belongs = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'$' | b'=' | b',' | b'+' | b'-' | b'}' | b'_')
    };
    let end = view.run(place.end, 1024, belongs)?;
    let end = end - usize::from(view.read(place.end, end).ends_with(b","));
    let tail = view.read(place.end, end);
    let longest = tail.split(|&byte| byte == b'$' || byte == b'}').map(<[u8]>::len).max().unwrap_or(0);
    if tail.len() < 24 || longest < 20 {
        return Ok(Covers::new());
    }
    Ok(vec![Cover::new(place.start, end, "password-hash")])
}
