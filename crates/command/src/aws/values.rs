//! What aws-cli would do with a value before it sends it.
//!
//! **Invariant:** no value makes aws-cli read a file or fetch an address. Sources: aws-cli 1.45.11,
//! `paramfile.py` (a whole value), `shorthand.py` (`key@=`), `argprocess.py` (bodies are paths).

use super::table::{Kind, Opt};
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::Code;

/// How a value begins that stands for the content of something else.
const SCHEMES: [&str; 4] = ["file://", "fileb://", "http://", "https://"];

/// Refuses values that are not themselves.
pub(super) fn check(option: Opt, values: &[Word], word: &Word) -> Checked<()> {
    if option.kind == Kind::File {
        return Err(no(
            Code::WorkerFiles,
            format!("`--{}` names a file of the machine that aws-cli runs on", option.name),
            "files do not pass through chat: put it into a bucket, and name that where the operation can",
        )
        .over(word));
    }
    let is_json = is_json(values);
    for value in values {
        if option.kind != Kind::Verbatim {
            no_file(value)?;
        }
        not_another_place(option, value)?;
        if option.kind.is_read_apart() && !is_json && reads_a_part(&value.text) {
            return Err(no(
                Code::WorkerFiles,
                format!("`@=` in `--{}` reads a part of the value from a file", option.name),
                "write the value itself after `=`, or all of it as JSON",
            )
            .over(value));
        }
    }
    let reads_json = option.kind.is_structured() || (option.kind == Kind::Values && is_json);
    if reads_json && is_json {
        return values.iter().try_for_each(|value| json(option, value).map(|_| ()));
    }
    Ok(())
}

/// `key@=file://…` of the shorthand, in which whitespace may stand before the `=`.
fn reads_a_part(text: &str) -> bool {
    text.split('@').skip(1).any(|behind| behind.trim_start().starts_with('='))
}

/// Refuses names that a path drops: botocore leaves them as they are when it puts names into a path,
/// so that `lambda get-alias --name ..` would ask for the function.
fn not_another_place(option: Opt, value: &Word) -> Checked<()> {
    if option.kind.is_structured() || !matches!(value.text.as_str(), "." | "..") {
        return Ok(());
    }
    Err(no(
        Code::BadValue,
        format!("{} in `--{}` names nothing: in a path it means another place", quoted(&value.text), option.name),
        "write the name itself",
    )
    .over(value))
}

/// Refuses a value that aws-cli would replace by what it finds there.
pub(super) fn no_file(value: &Word) -> Checked<()> {
    let begins = |scheme: &&&str| value.text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    match SCHEMES.iter().find(begins) {
        None => Ok(()),
        Some(scheme) if scheme.starts_with("file") => Err(no(
            Code::WorkerFiles,
            format!("a value that begins with `{scheme}` is read from a file of the worker"),
            "write the value itself",
        )
        .over(value)),
        Some(scheme) => Err(no(
            Code::WorkerFiles,
            format!("a value that begins with `{scheme}` is fetched from there by aws-cli 1"),
            "where the option takes a list, write it as JSON: '[\"https://…\"]'",
        )
        .over(value)),
    }
}

/// aws-cli looks at the first value to tell JSON from its shorthand.
fn is_json(values: &[Word]) -> bool {
    values.first().is_some_and(|first| first.text.trim_start().starts_with(['[', '{']))
}

fn json(option: Opt, value: &Word) -> Checked<serde_json::Value> {
    serde_json::from_str(&value.text).map_err(|fault| {
        no(
            Code::BadValue,
            format!("{} of `--{}` is no JSON", quoted(&shortened(&value.text)), option.name),
            format!("put it in single quotes, and mind line {} column {}", fault.line(), fault.column()),
        )
        .over(value)
    })
}

fn shortened(text: &str) -> String {
    let head: String = text.chars().take(40).collect();
    if head.len() < text.len() { format!("{head}…") } else { head }
}

/// JSON as it reads without escapes; anything else as it is.
pub(super) fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    let escaped = text.contains('\\').then(|| serde_json::from_str::<serde_json::Value>(text).ok()).flatten();
    escaped.map_or(text.into(), |json| json.to_string().into())
}

/// How many things a list names: `a b`, or `["a","b"]`.
pub(super) fn count(values: &[Word]) -> usize {
    match values {
        [one] if is_json(values) => match serde_json::from_str(&one.text) {
            Ok(serde_json::Value::Array(items)) => items.len(),
            Ok(_) | Err(_) => 1,
        },
        _ => values.len(),
    }
}
