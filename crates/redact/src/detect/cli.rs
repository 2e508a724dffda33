//! Passwords where programs take them by position: options of one letter, `.pgpass`.
//!
//! **Invariant:** only what the program itself takes for a password is hidden.

use super::view::{Cover, Covers, Read, View};
use std::ops::Range;

/// Longest command line that is looked at, in bytes.
const LONGEST: usize = 512;

/// How a program takes its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// `-p PASSWORD` or `-pPASSWORD`.
    Word(&'static [u8]),
    /// `-pPASSWORD` alone; a blank behind the letter means something else.
    Glued(&'static [u8]),
    /// `-u USER:PASSWORD`.
    Pair,
    /// `'PASSWORD'`, right here.
    Here,
    /// `PASSWORD`, right here.
    Next,
}

fn takes(program: &[u8]) -> Takes {
    match program.to_ascii_lowercase().as_slice() {
        b"curl " => Takes::Pair,
        b"redis-cli " => Takes::Word(b"-a"),
        b"identified by " | b"password '" => Takes::Here,
        b"requirepass " | b"masterauth " => Takes::Next,
        b"ldapsearch " | b"ldapmodify " => Takes::Word(b"-w"),
        program if program.starts_with(b"mysql") => Takes::Glued(b"-p"),
        _ => Takes::Word(b"-p"),
    }
}

pub(super) fn flags(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let takes = takes(view.read(place.start, place.end));
    if view.before(place.start).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Ok(Covers::new());
    }
    if takes == Takes::Here {
        // SQL is written in capitals; in a sentence the quotes mean something else.
        let sql = view.read(place.start, place.end);
        let start = place.end - usize::from(sql.ends_with(b"'"));
        if sql.ends_with(b"'") && !sql.starts_with(b"PASSWORD") {
            return Ok(Covers::new());
        }
        return Ok(word(view, start)?.map(|word| quoted(view, word)).unwrap_or_default());
    }
    if takes == Takes::Next {
        return Ok(plain(view, word(view, place.end)?).into_iter().collect());
    }
    let mut at = place.end;
    while at - place.end < LONGEST {
        let start = view.blanks(at)?;
        let Some((first, last, next)) = word(view, start)? else { break };
        let text = view.read(first, last);
        let value = match takes {
            Takes::Pair if matches!(text, b"-u" | b"--user" | b"-U" | b"--proxy-user") => {
                pair(view, word(view, view.blanks(next)?)?)
            }
            Takes::Pair if text.starts_with(b"-u") => pair(view, Some((first + 2, last, next))),
            Takes::Pair if text.starts_with(b"--user=") => pair(view, Some((first + 7, last, next))),
            Takes::Word(flag) if text == flag => plain(view, word(view, view.blanks(next)?)?),
            Takes::Word(flag) if text.starts_with(flag) => plain(view, Some((first + flag.len(), last, next))),
            Takes::Glued(flag) if text.starts_with(flag) => {
                let quote = usize::from(matches!(text.get(flag.len()), Some(b'\'' | b'"')));
                plain(view, Some((first + flag.len() + quote, last, next)))
            }
            _ => {
                at = next;
                continue;
            }
        };
        return Ok(value.into_iter().collect());
    }
    Ok(Covers::new())
}

/// First and behind-last byte of a word without its quotes, and where it ends.
type Word = (usize, usize, usize);

fn word(view: &View<'_>, start: usize) -> Read<Option<Word>> {
    Ok(match view.byte(start)? {
        None | Some(b'\n' | b'\r' | b'|' | b';' | b'"' | b'`') if view.byte(start)? != Some(b'"') => None,
        Some(mark @ (b'"' | b'\'')) => {
            let end = view.run(start + 1, LONGEST, |byte| byte != mark && byte != b'\n')?;
            Some((start + 1, end, end + 1))
        }
        _ => {
            let end = view.run(start, LONGEST, |byte| byte > b' ' && byte != b'"' && byte != b'`')?;
            let last = end - usize::from(view.read(start, end).ends_with(b"'"));
            (end > start).then_some((start, last, end))
        }
    })
}

fn harmless(text: &[u8]) -> bool {
    text.len() < 3
        || text.starts_with(b"$")
        || text.starts_with(b"<")
        || text.starts_with(b"-")
        || text.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X'))
        || text.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
        || text.windows(10).any(|ten| ten == b"[redacted:")
}

fn plain(view: &View<'_>, word: Option<Word>) -> Option<Cover> {
    let (start, end, _) = word?;
    (!harmless(view.read(start, end))).then(|| Cover::new(start, end, "password"))
}

fn pair(view: &View<'_>, word: Option<Word>) -> Option<Cover> {
    let (start, end, next) = word?;
    let colon = view.read(start, end).iter().position(|&byte| byte == b':')?;
    plain(view, Some((start + colon + 1, end, next)))
}

fn quoted(view: &View<'_>, (start, end, next): Word) -> Covers {
    let quoted = matches!(view.before(start), Some(b'\'' | b'"'));
    plain(view, Some((start, end, next))).filter(|_| quoted).into_iter().collect()
}

/// `host:port:database:user:password` (`PostgreSQL`, "The Password File").
pub(super) fn pgpass(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let Some(host) = view.line_behind(place.start) else { return Ok(Covers::new()) };
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_*/".contains(byte);
    if host.is_empty() || !host.iter().all(is_host) {
        return Ok(Covers::new());
    }
    let field = |byte: u8| byte > b' ' && byte != b':';
    let database = view.run(place.end, 128, field)?;
    if database == place.end || view.byte(database)? != Some(b':') {
        return Ok(Covers::new());
    }
    let user = view.run(database + 1, 128, field)?;
    if user == database + 1 || view.byte(user)? != Some(b':') {
        return Ok(Covers::new());
    }
    let end = view.run(user + 1, LONGEST, |byte| byte >= b' ')?;
    Ok(plain(view, Some((user + 1, end, end))).into_iter().collect())
}
