//! Takes pasted secrets out of a file's text before anything of it is shown.
//!
//! **Invariant:** line numbers stay; whatever stands behind a key that names a secret and is no
//! reference is gone, and so is whatever looks like a token, wherever it stands.

use super::SecretReference;
use countersign_redact::refuse_secrets;
use std::borrow::Cow;

/// Stands in the place of what was taken out. It is no reference, so it is a mistake as well.
const GONE: &str = "REMOVED";

/// Words in a key that somebody would put a secret behind, known here or not.
const TELLING: [&str; 6] = ["password", "secret", "token", "passwd", "credential", "_key"];

/// And one that is telling alone, and not as a part of another: `keys` are folders.
const TELLING_ALONE: &str = "key";

/// The text without secrets, for messages.
pub(super) fn masked(text: &str) -> String {
    let mut depth = None;
    let line = |line| masked_line(line, &mut depth);
    let lines: Vec<Cow<'_, str>> = text.lines().map(line).collect();
    lines.join("\n") + "\n"
}

/// One line; `depth` is the indentation of a key whose secret goes on in the next lines.
fn masked_line<'t>(line: &'t str, depth: &mut Option<usize>) -> Cow<'t, str> {
    let indent = line.len() - line.trim_start().len();
    if depth.is_some_and(|depth| indent > depth || line.trim().is_empty()) {
        return Cow::Owned(format!("{}# {GONE}", " ".repeat(indent)));
    }
    let (line, open) = behind_keys(line);
    *depth = open.then_some(indent);
    without_tokens(line)
}

/// A line whose secrets are gone, and whether more of them follow in the next.
fn behind_keys(line: &str) -> (Cow<'_, str>, bool) {
    let mut from = 0;
    while let Some((at, key)) = next_key(line, from) {
        let after = at + key.len();
        let rest = line.get(after..).unwrap_or_default();
        let Some(value) = rest.trim_start_matches(['"', '\'', ' ']).strip_prefix(':') else {
            from = after;
            continue;
        };
        let word = value.trim_start().trim_start_matches(['"', '\'']);
        let word = word.split([',', '}', '"', '\'', ' ', '#']).next().unwrap_or_default();
        // The key of a certificate is named by its path, which has what base64 has not.
        let is_path = key == TELLING_ALONE && word.starts_with('/') && word.contains(['.', '-', '_']);
        if SecretReference::parse(word).is_some() || is_path || value.trim_start().starts_with(['{', '[', '#']) {
            from = after;
            continue;
        }
        let open = value.trim().is_empty() || value.trim_start().starts_with(['|', '>', '"', '\'', '&', '!']);
        let kept = line.len() - value.len();
        return (Cow::Owned(format!("{} {GONE}", line.get(..kept).unwrap_or_default())), open);
    }
    (Cow::Borrowed(line), false)
}

/// The next word of a key that names a secret: where it begins, and the rest of the key's name.
fn next_key(line: &str, from: usize) -> Option<(usize, &str)> {
    let lower = line.to_ascii_lowercase();
    let tail = lower.get(from..)?;
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let alone = tail.match_indices(TELLING_ALONE).map(|(at, _)| at).find(|at| {
        let before = lower.get(..from + at).and_then(|text| text.chars().next_back());
        let after = tail.get(at + TELLING_ALONE.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_in_word) && !after.is_some_and(is_in_word)
    });
    let at = TELLING.iter().filter_map(|word| tail.find(word)).chain(alone).min()? + from;
    let rest = line.get(at..)?;
    let end = rest.find(|c| !is_in_word(c)).unwrap_or(rest.len());
    Some((at, rest.get(..end)?))
}

fn without_tokens(line: Cow<'_, str>) -> Cow<'_, str> {
    let Some(found) = refuse_secrets(&line) else { return line };
    let kept: String = line.chars().take(found.column - 1).collect();
    Cow::Owned(format!("{kept}{GONE}"))
}
