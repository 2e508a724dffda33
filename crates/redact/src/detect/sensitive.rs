//! Values that say of themselves that they are sensitive: `terraform output -json` and states.
//!
//! **Invariant:** only a value in quotes, close behind `"sensitive": true` and before its object ends.

use super::view::{Cover, Covers, Read, View};
use std::ops::Range;

/// Most bytes between both.
const APART: usize = 512;

/// Longest value that is held, in bytes.
const LONGEST: usize = 64 * 1024;

pub(super) fn output(view: &View<'_>, place: Range<usize>) -> Read<Covers> {
    let colon = view.blanks(place.end)?;
    let value = view.blanks(colon + 1)?;
    if view.byte(colon)? != Some(b':') || !view.says(value, "true")? {
        return Ok(Covers::new());
    }
    let mut at = value + 4;
    while at - place.end < APART {
        match view.byte(at)? {
            None | Some(b'}') => break,
            Some(b'"') if view.says(at, "\"value\"")? => return string(view, at + 7),
            Some(_) => at += 1,
        }
    }
    Ok(Covers::new())
}

fn string(view: &View<'_>, end: usize) -> Read<Covers> {
    let colon = view.blanks(end)?;
    let open = view.blanks(colon + 1)?;
    if view.byte(colon)? != Some(b':') || view.byte(open)? != Some(b'"') {
        return Ok(Covers::new());
    }
    let (start, mut at) = (open + 1, open + 1);
    while at - start < LONGEST {
        match view.byte(at)? {
            None | Some(b'"' | b'\n') => break,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
    let text = view.read(start, at);
    let hidden = text.is_empty() || super::yaml::is_marker(text);
    let then =
        (at - start >= LONGEST).then_some(super::swallow::Swallow::Quoted { quote: b'"', backslashes: 0, run: 0 });
    Ok(if hidden { Covers::new() } else { vec![Cover::new(start, at, "sensitive").and_then(then)] })
}
