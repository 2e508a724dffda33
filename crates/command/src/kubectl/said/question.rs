//! Words that name no object: what may be done, and what a kind looks like.

use super::{Said, unexpected};
use crate::grammar::Parsed;
use crate::kubectl::does::Does;
use crate::kubectl::target::Objects;
use crate::no::{Checked, Pointing, no, quoted};
use crate::vocabulary::Reach;
use crate::words::Word;
use countersign_core::refusal::Code;

/// `auth can-i VERB [TYPE | TYPE/NAME | URL]`, `auth can-i --list`.
pub(super) fn asked(parsed: &Parsed<Does>) -> Checked<Said> {
    let words = parsed.positionals.as_slice();
    match (parsed.is_on("list"), words) {
        (true, [extra, ..]) => return Err(unexpected(extra, "`--list` asks about everything")),
        (true, []) | (false, [_] | [_, _]) => {}
        (false, []) => {
            return Err(no(
                Code::MissingValue,
                "`kubectl auth can-i` needs a verb",
                "write `kubectl auth can-i list pods`, or use `/countersign can-i` to ask about yourself",
            ));
        }
        (false, [_, _, extra, ..]) => {
            return Err(unexpected(extra, "`kubectl auth can-i` takes a verb and a resource"));
        }
    }
    for word in words {
        plain(word, "-_./:*", "a verb, a kind or a path")?;
    }
    let objects = Objects::Interface { name: "access", reach: Reach::Namespaced };
    Ok(Said { elements: words.iter().map(|word| word.text.clone()).collect(), ..objects.into() })
}

/// `explain TYPE[.FIELD…]`.
pub(super) fn field(parsed: &Parsed<Does>) -> Checked<Said> {
    match parsed.positionals.as_slice() {
        [word] => {
            plain(word, "-.", "a kind, or a field of one, as `pods.spec.containers`")?;
            Ok(Said { elements: vec![word.text.clone()], ..Objects::interface("kinds").into() })
        }
        [] => Err(no(Code::MissingTarget, "`kubectl explain` needs a kind", "write `kubectl explain pods`")),
        [_, extra, ..] => Err(unexpected(extra, "`kubectl explain` takes one kind")),
    }
}

fn plain(word: &Word, also: &str, what: &str) -> Checked<()> {
    let begins = word.text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/*".contains(c));
    if begins && word.text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c)) {
        return Ok(());
    }
    Err(no(Code::BadValue, format!("{} is not {what}", quoted(&word.text)), format!("write {what}")).over(word))
}
