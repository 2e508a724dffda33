//! How two lines compare.
//!
//! Source: coreutils 9.1, `sort.c` (fields, numbers, units) and its gnulib, `filevercmp.c` (versions);
//! a test compares with the real `sort` on random lines.

use countersign_command::filters::{By, Key, Order, Sort};
use std::cmp::Ordering;

/// By the keys, or by the whole line if there are none.
pub(super) fn by_keys(sort: &Sort, one: &[u8], other: &[u8]) -> Ordering {
    if sort.keys.is_empty() {
        return by_order(sort.order, one, other);
    }
    let orders = sort.keys.iter().map(|key| {
        let order = key.order.unwrap_or(sort.order);
        by_order(order, field(one, key, order, sort.separator), field(other, key, order, sort.separator))
    });
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The last resort: all bytes, the other way round if the whole `sort` is.
pub(super) fn by_bytes(sort: &Sort, one: &[u8], other: &[u8]) -> Ordering {
    turned(one.cmp(other), sort.order.reverse)
}

fn turned(order: Ordering, reverse: bool) -> Ordering {
    if reverse { order.reverse() } else { order }
}

fn by_order(order: Order, one: &[u8], other: &[u8]) -> Ordering {
    let (one, other) = if order.skip_blanks { (skipped(one), skipped(other)) } else { (one, other) };
    let found = match order.by {
        By::Bytes if order.fold => one.iter().map(u8::to_ascii_uppercase).cmp(other.iter().map(u8::to_ascii_uppercase)),
        By::Bytes => one.cmp(other),
        By::Numeric => numeric(one, other),
        By::Human => unit(one).cmp(&unit(other)).then_with(|| numeric(one, other)),
        By::Version if order.fold => version(&one.to_ascii_uppercase(), &other.to_ascii_uppercase()),
        By::Version => version(one, other),
    };
    turned(found, order.reverse)
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn skipped(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    text.get(blanks..).unwrap_or_default()
}

/// The fields of a key. Blanks belong to the field they stand before.
fn field<'a>(line: &'a [u8], key: &Key, order: Order, separator: Option<u8>) -> &'a [u8] {
    let from = behind(line, key.from.saturating_sub(1), separator, true);
    let to = key.to.map_or(line.len(), |to| behind(line, to, separator, false));
    let text = line.get(from..to.max(from)).unwrap_or_default();
    if order.skip_blanks { skipped(text) } else { text }
}

/// Where the given number of fields ends; with a separator, before or behind it.
fn behind(line: &[u8], fields: u32, separator: Option<u8>, past: bool) -> usize {
    let mut at = 0;
    for nth in 0..fields {
        let rest = line.get(at..).unwrap_or_default();
        at += if let Some(separator) = separator {
            let end = rest.iter().position(|byte| *byte == separator);
            let last = nth + 1 == fields;
            end.map_or(rest.len(), |end| end + usize::from(past || !last))
        } else {
            let text = skipped(rest);
            rest.len() - text.len() + text.iter().take_while(|byte| !is_blank(**byte)).count()
        };
    }
    at
}

/// A number as `sort -n` reads it: sign, digits before the point, digits behind it.
fn number(text: &[u8]) -> (bool, &[u8], &[u8]) {
    let text = skipped(text);
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at_checked(digits(text)).unwrap_or_default();
    let part = rest.strip_prefix(b".").map(|rest| rest.get(..digits(rest)).unwrap_or_default()).unwrap_or_default();
    let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
    let ends = part.iter().rposition(|byte| *byte != b'0').map_or(0, |at| at + 1);
    let (whole, part) = (whole.get(zeros..).unwrap_or_default(), part.get(..ends).unwrap_or_default());
    (negative && !(whole.is_empty() && part.is_empty()), whole, part)
}

fn numeric(one: &[u8], other: &[u8]) -> Ordering {
    let ((negative, whole, part), (negative2, whole2, part2)) = (number(one), number(other));
    let size = whole.len().cmp(&whole2.len()).then_with(|| whole.cmp(whole2)).then_with(|| part.cmp(part2));
    match (negative, negative2) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// The place of a number's unit, negative for a negative number; zero has none.
fn unit(text: &[u8]) -> i32 {
    let text = skipped(text);
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let rest = text.get(whole..).unwrap_or_default();
    let part = rest.strip_prefix(b".").map_or(0, |rest| 1 + digits(rest));
    let number = text.get(..whole + part).unwrap_or_default();
    if !number.iter().any(|byte| (b'1'..=b'9').contains(byte)) {
        return 0;
    }
    let place = match text.get(whole + part) {
        Some(b'K' | b'k') => 1,
        Some(byte) => b"MGTPEZY".iter().zip(2..).find(|(letter, _)| *letter == byte).map_or(0, |(_, place)| place),
        None => 0,
    };
    if negative { -place } else { place }
}

fn version(one: &[u8], other: &[u8]) -> Ordering {
    match (one, other) {
        ([], []) => return Ordering::Equal,
        ([], _) => return Ordering::Less,
        (_, []) => return Ordering::Greater,
        _ => {}
    }
    // Hidden names come first, and of them `.` and `..`.
    let hidden = |text: &[u8]| match text {
        b"." => 0,
        b".." => 1,
        [b'.', ..] => 2,
        _ => 3,
    };
    let by_kind = hidden(one).cmp(&hidden(other));
    if by_kind.is_ne() || hidden(one) < 2 {
        return by_kind;
    }
    let (short, short2) = (without_suffix(one), without_suffix(other));
    let first = parts(short, short2);
    if first.is_ne() || (short.len() == one.len() && short2.len() == other.len()) {
        return first;
    }
    parts(one, other)
}

/// Without extensions: a point, a letter or `~`, and letters, digits and `~`, as often as may be.
fn without_suffix(text: &[u8]) -> &[u8] {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'~';
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'~';
    let at = |at: usize| text.get(at).copied().unwrap_or(0);
    let (mut end, mut next) = (0, 0);
    while next < text.len() {
        if next + 1 < text.len() && at(next) == b'.' && begins(at(next + 1)) {
            next += 2;
            while next < text.len() && goes_on(at(next)) {
                next += 1;
            }
        } else {
            next += 1;
            end = next;
        }
    }
    text.get(..end).unwrap_or_default()
}

/// Digits by their number, everything else by its rank, in turn.
fn parts(mut one: &[u8], mut other: &[u8]) -> Ordering {
    let is_text = |text: &[u8]| text.first().is_some_and(|byte| !byte.is_ascii_digit());
    while !one.is_empty() || !other.is_empty() {
        while is_text(one) || is_text(other) {
            let by_rank = rank(one).cmp(&rank(other));
            if by_rank.is_ne() {
                return by_rank;
            }
            one = one.get(1..).unwrap_or_default();
            other = other.get(1..).unwrap_or_default();
        }
        let (digits, digits2) = (take_number(&mut one), take_number(&mut other));
        let by_number = digits.len().cmp(&digits2.len()).then_with(|| digits.cmp(digits2));
        if by_number.is_ne() {
            return by_number;
        }
    }
    Ordering::Equal
}

/// Takes the number a text begins with, without its leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits).unwrap_or_default();
    *text = rest;
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    number.get(zeros..).unwrap_or_default()
}

/// `~` before the end of a text, the end before digits, digits before letters, letters before the rest.
fn rank(text: &[u8]) -> i32 {
    match text.first() {
        None => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(b'~') => -2,
        Some(byte) => i32::from(*byte) + 256,
    }
}
