//! What stands behind a name: where it begins and ends, and whether it is a secret at all.
//!
//! **Invariant:** placeholders, references, states and words of a sentence are no secrets; what is longer than can be
//! held is hidden to its end.

use super::keys::{Kept, Sure, key_byte};
use super::random::{looks_like_place, no_name, random, shuffled, uuid};
use super::swallow::{Quote, Swallow, quote};
use super::view::{Cover, Read, View};

/// Longest value that is held, in bytes.
const LONGEST: usize = 16 * 1024;

/// What stands between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// `=` and no blank behind it, or the like: the value is one word.
    Tight,
    /// `: ` or ` = `: the value may be the rest of the line.
    Loose,
    /// A blank, behind the name of an option.
    Blank,
}

/// Who names the value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) kept: Kept,
    pub(super) sign: Sign,
    /// Whether the name stands at the beginning of its line.
    pub(super) first: bool,
    /// Quote around the name and backslashes before it, as in JSON.
    pub(super) quoted: Option<(u8, usize)>,
}

/// A value from its first byte to behind its last, and what comes behind it.
#[derive(Debug, Clone, Copy)]
struct Value {
    start: usize,
    end: usize,
    behind: usize,
    in_quotes: bool,
    then: Option<Swallow>,
}

/// What to hide of the value that begins here.
pub(super) fn hidden(view: &View<'_>, from: usize, name: Name) -> Read<Vec<Cover>> {
    let mut covers = Vec::new();
    let mut from = from;
    // A plan of terraform shows the old value, an arrow, and the new one.
    for _ in 0..2 {
        let value = value(view, from, name)?;
        let Some(value) = value else { break };
        covers.extend(cover(view, value, name));
        if (!value.in_quotes && name.quoted.is_none()) || value.then.is_some() {
            break;
        }
        let arrow = view.blanks(value.behind)?;
        if !view.says(arrow, "->")? {
            break;
        }
        from = view.blanks(arrow + 2)?;
    }
    Ok(covers)
}

fn value(view: &View<'_>, from: usize, name: Name) -> Read<Option<Value>> {
    // Bytes literals and tags: `b"..."`, `!!str ...`.
    let tagged = if view.says(from, "!!")? { view.blanks(view.run(from, 16, |byte| byte > b' ')?)? } else { from };
    let slashes = view.run(tagged, 16, |byte| byte == b'\\')?;
    Ok(match view.byte(slashes)? {
        Some(mark @ (b'"' | b'\'' | b'`')) => Some(in_quotes(view, slashes + 1, mark, slashes - tagged)?),
        _ if slashes > tagged => None,
        Some(_) if name.sign == Sign::Loose && name.quoted.is_none() => line(view, tagged, name.first)?,
        Some(_) => Some(one_word(view, tagged)?),
        None => None,
    })
}

/// Inside quotes, to the one that closes or the end of the line.
fn in_quotes(view: &View<'_>, start: usize, mark: u8, backslashes: usize) -> Read<Value> {
    let (mut at, mut run) = (start, 0);
    loop {
        let value = |end| Value { start, end, behind: end + backslashes + 1, in_quotes: true, then: None };
        if at - start > LONGEST {
            let then = Some(Swallow::Quoted { quote: mark, backslashes, run });
            return Ok(Value { then, ..value(at) });
        }
        match view.byte(at)? {
            None | Some(b'\n') => return Ok(value(at)),
            Some(b'\\') => run += 1,
            // A quote is doubled in YAML and SQL.
            Some(byte) if byte == mark && mark == b'\'' && run == 0 && view.byte(at + 1)? == Some(mark) => at += 1,
            Some(byte) if byte == mark => match quote(backslashes, run) {
                Quote::Escaped => run = 0,
                Quote::Plain | Quote::Outer => return Ok(value(at - run.min(backslashes))),
            },
            Some(_) => run = 0,
        }
        at += 1;
    }
}

/// To the next blank, quote or sign that ends a word.
fn one_word(view: &View<'_>, start: usize) -> Read<Value> {
    let mut at = start;
    loop {
        let value = |end| Value { start, end, behind: end, in_quotes: false, then: None };
        if at - start > LONGEST {
            let then = Some(Swallow::Run(|byte| byte > b' ' && !b"\"'`<>|\\".contains(&byte)));
            return Ok(Value { then, ..value(at) });
        }
        let ends = match view.byte(at)? {
            None => true,
            Some(byte) if byte <= b' ' || b"\"'`<>|".contains(&byte) || byte == 0x7f => true,
            Some(b'\\') => matches!(view.byte(at + 1)?, None | Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\' | b'\n')),
            Some(b',' | b';' | b'&') => at > start && another_follows(view, at + 1)?,
            Some(_) => false,
        };
        if ends {
            return Ok(value(without_closing(view, start, at)));
        }
        at += 1;
    }
}

/// Whether the sign before this place separates: a blank, the end, or another name with its value follows.
fn another_follows(view: &View<'_>, at: usize) -> Read<bool> {
    Ok(match view.byte(at)? {
        None => true,
        Some(byte) if byte <= b' ' || b"\"'}])".contains(&byte) => true,
        Some(_) => {
            let spaced = |byte| key_byte(byte) || byte == b' ' || byte == b'%';
            let end = view.run(at, 40, spaced)?;
            end > at && matches!(view.byte(end)?, Some(b'=' | b':'))
        }
    })
}

/// Without brackets that close what was opened before the value, and without the sign that ends a sentence.
fn without_closing(view: &View<'_>, start: usize, end: usize) -> usize {
    let mut end = end;
    while let Some((last, rest)) = view.read(start, end).split_last() {
        let opens = match last {
            b')' => b'(',
            b']' => b'[',
            b'}' => b'{',
            b',' | b';' | b'.' => 0,
            _ => break,
        };
        if opens != 0 && rest.contains(&opens) {
            break;
        }
        end -= 1;
    }
    end
}

/// The rest of the line, or of it the word that is no word of a sentence.
fn line(view: &View<'_>, start: usize, first: bool) -> Read<Option<Value>> {
    if matches!(view.byte(start)?, Some(b'|' | b'>')) {
        return Ok(None);
    }
    let mut end = start;
    while end - start <= LONGEST {
        match view.byte(end)? {
            // An end, or the line stands inside a string, or an object of a line goes on.
            None | Some(b'\n' | b'\r' | 0x1b | b'"' | b'`') => break,
            Some(b'#') if view.before(end).is_some_and(|before| before == b' ') => break,
            Some(b'\\') if matches!(view.byte(end + 1)?, Some(b'n' | b'r')) => break,
            Some(_) => end += 1,
        }
    }
    let then = (end - start > LONGEST).then_some(Swallow::Line);
    let text = view.read(start, end);
    let trimmed = text.trim_ascii_end();
    let trimmed = trimmed.strip_suffix(b",").unwrap_or(trimmed);
    let word = trimmed.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    if then.is_some() {
        return Ok(Some(Value { start, end, behind: end, in_quotes: false, then }));
    }
    if word.len() == trimmed.len() {
        let end = without_closing(view, start, start + without_sign(word));
        return Ok(Some(Value { start, end, behind: end, in_quotes: false, then }));
    }
    if plain_word(word) || told_instead(trimmed) {
        return Ok(None);
    }
    // Other names and their values may follow on the line; in a file of settings none do.
    let others = trimmed.get(word.len()..).unwrap_or_default().iter().any(|byte| b"=:\"'{}[]<>".contains(byte));
    let end = start + if first && !others { trimmed.len() } else { without_sign(word) };
    Ok(Some(Value { start, end, behind: end, in_quotes: false, then: None }))
}

/// Without the sign behind a word, and without the quote that was opened before its name.
fn without_sign(word: &[u8]) -> usize {
    let bare = word.strip_suffix(b",").or_else(|| word.strip_suffix(b";")).unwrap_or(word);
    bare.strip_suffix(b"'").filter(|rest| !rest.contains(&b'\'')).unwrap_or(bare).len()
}

/// A word of a sentence, or of a program.
fn plain_word(word: &[u8]) -> bool {
    let mut bare = word;
    while let Some((last, rest)) = bare.split_last()
        && b",.;:!?)".contains(last)
    {
        bare = rest;
    }
    bare.iter().all(|byte| byte.is_ascii_alphabetic() || b"'-".contains(byte)) && !word.is_empty()
}

/// `<set to the key …>`, `(sensitive value)`, `16 bytes`.
fn told_instead(text: &[u8]) -> bool {
    let framed = (text.starts_with(b"<") && text.contains(&b'>')) || (text.starts_with(b"(") && text.contains(&b')'));
    // A tag of YAML: `!Ref DBPassword`, `!vault |`.
    let tagged = text.starts_with(b"!") && text.get(1).is_some_and(u8::is_ascii_alphabetic);
    framed || tagged || text.strip_suffix(b" bytes").is_some_and(|count| count.iter().all(u8::is_ascii_digit))
}

/// Hides the value when it is a secret.
fn cover(view: &View<'_>, value: Value, name: Name) -> Option<Cover> {
    let text = view.read(value.start, value.end);
    if value.then.is_none() && !is_secret(text, name, value.in_quotes) {
        return None;
    }
    let mut cover = Cover::new(value.start, value.end, name.kept.name).and_then(value.then);
    // A bare number in JSON, whose place only a string can take.
    if let (Some((mark, backslashes)), false) = (name.quoted, value.in_quotes) {
        cover.around = format!("{}{}", "\\".repeat(backslashes), char::from(mark));
    }
    Some(cover)
}

fn is_secret(text: &[u8], name: Name, in_quotes: bool) -> bool {
    if harmless(text) {
        return false;
    }
    if !in_quotes && (expression(text) || (name.sign == Sign::Blank && is_placeholder_word(text))) {
        return false;
    }
    match name.kept.sure {
        Sure::IfUuid => uuid(text),
        Sure::IfRandom => random(text),
        Sure::UnlessWord => text.len() >= 3 && !plain_word(text) && !text.iter().all(u8::is_ascii_digit),
        Sure::UnlessName => random(text) || no_name(text),
        Sure::Whatever => {
            let tight_word = name.sign == Sign::Tight && !in_quotes && name.quoted.is_none() && text.len() < 3;
            text.len() >= 3
                && !tight_word
                && !(looks_like_place(text)
                    && (text.starts_with(b"/") || text.starts_with(b".") || text.starts_with(b"~")))
        }
    }
}

/// What is said about a secret instead of saying it.
const STATES: &[&str] = &[
    "true",
    "false",
    "null",
    "nil",
    "none",
    "undefined",
    "yes",
    "no",
    "on",
    "off",
    "required",
    "optional",
    "enabled",
    "disabled",
    "redacted",
    "masked",
    "hidden",
    "sensitive",
    "omitted",
    "expired",
    "invalid",
    "incorrect",
    "missing",
    "unset",
    "set",
    "changed",
    "unchanged",
    "rotated",
    "valid",
    "unknown",
    "empty",
    "encrypted",
    "generated",
    "present",
    "absent",
    "configured",
    "created",
    "updated",
    "deleted",
    "removed",
    "provided",
    "prompt",
    "auto",
    "default",
    "n/a",
    "string",
    "str",
    "object",
    "bytes",
    "integer",
    "int",
    "bool",
    "boolean",
    "any",
    "opaque",
    "never",
    "always",
    "authentication",
    "accepted",
    "rejected",
    "failed",
    "failure",
    "ok",
    "success",
    "wrong",
    "mismatch",
    "bearer",
    "insert",
    "file",
    "env",
    "stdin",
    "not",
    "text",
    "varchar",
    "char",
    "secretstr",
    "not set",
    "not-set",
    "notset",
    "secret",
    "token",
    "username",
    "data+omitted",
];

/// Whether the text only stands for a secret: a state, a placeholder, a reference, a mask, a marker of ours.
fn harmless(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let Some((&first, rest)) = text.split_first() else { return true };
    let last = rest.last().copied().unwrap_or(first);
    let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
    let state = STATES.contains(&lower.trim_end_matches(['.', ',', '!', ';', ':']));
    let masked = text.iter().all(|byte| *byte == first)
        || text.iter().map(|byte| usize::from(*byte == b'*')).sum::<usize>() * 2 >= text.len();
    let framed = matches!((first, last), (b'<', b'>') | (b'(', b')') | (b'[', b']') | (b'%', b'%'))
        || (first == b'{' && last == b'}' && !text.contains(&b':'));
    let reference = text.starts_with(b"${")
        || text.starts_with(b"$(")
        || text.starts_with(b"{{")
        || (first == b'$' && !rest.is_empty() && rest.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_'))
        || [
            "env:",
            "file:",
            "vault:",
            "ssm:",
            "secretsmanager:",
            "secretref:",
            "ref+",
            "op://",
            "arn:",
            "sha256:",
            "sha512-",
        ]
        .iter()
        .any(|scheme| lower.starts_with(scheme));
    let dots = lower.ends_with("...") || lower.ends_with('…');
    let x = text.len() > 3 && lower.bytes().all(|byte| byte == b'x' || byte == b'-');
    state || masked || framed || reference || dots || x || lower.contains("[redacted:")
}

/// A call, or the name of a variable of a program: `var.db_password`, `os.environ[…]`, `get_password()`.
fn expression(text: &[u8]) -> bool {
    let identifier = |part: &[u8]| {
        part.first().is_some_and(u8::is_ascii_alphabetic)
            && !shuffled(part)
            && part.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_' || *byte == b'-')
    };
    let end = text.iter().position(|byte| b"([".contains(byte)).unwrap_or(text.len());
    let called = text.get(end) == Some(&b'(') && text.ends_with(b")");
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'.' || *byte == b':';
    if called && end > 0 && text.iter().take(end).all(name) {
        return true;
    }
    let parts: Vec<&[u8]> = text.get(..end).unwrap_or_default().split(|&byte| byte == b'.').collect();
    let names = parts.iter().all(|part| identifier(part));
    names && (end < text.len() || (parts.len() > 1 && text.len() > 6))
}

/// What stands for the value in a help text: `--password string`.
fn is_placeholder_word(text: &[u8]) -> bool {
    let capitals = text.iter().all(|byte| byte.is_ascii_uppercase() || b"_-".contains(byte));
    let plain = text.iter().all(u8::is_ascii_lowercase) && text.len() < 8;
    let words: [&[u8]; 6] = [b"string", b"strings", b"stringArray", b"value", b"password", b"and"];
    capitals || words.contains(&text) || text.first().is_some_and(|&byte| byte == b'-') || (plain && text.len() < 5)
}
