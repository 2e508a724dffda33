//! Code blocks of a line: what they held before Slack wrote it down.
//!
//! **Invariant:** outside of code blocks nothing changes: the grammar undoes there what chat does to
//! a line. Inside, the three entities and the brackets around addresses are taken back, once.
//!
//! Source: Slack, "Formatting text for app surfaces" (escaping, and links in the text of messages).

/// The line with its code blocks as they were typed.
pub(super) fn restored(text: &str) -> String {
    let pieces = text.split("```").enumerate();
    let restored: Vec<String> =
        pieces.map(|(nth, piece)| if nth % 2 == 1 { inside(piece) } else { piece.to_owned() }).collect();
    restored.join("```")
}

fn inside(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (taken, stands_for) = one(from);
        out.push_str(stands_for);
        rest = from.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// What the text begins with: how many bytes, and what they stand for.
fn one(text: &str) -> (usize, &str) {
    for (entity, stands_for) in [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        if text.starts_with(entity) {
            return (entity.len(), stands_for);
        }
    }
    let link = text.strip_prefix('<').and_then(|inner| inner.split_once('>')).map(|(inner, _)| inner);
    match link.and_then(|inner| Some((inner, typed(inner)?))) {
        Some((inner, typed)) => (inner.len() + 2, typed),
        None => (1, text.get(..1).unwrap_or_default()),
    }
}

/// What was typed where Slack made a link. One whose label is another address is left as it is,
/// so that the reader of the manifest sees both.
fn typed(link: &str) -> Option<&str> {
    let (address, label) = match link.split_once('|') {
        Some((address, label)) => (address, Some(label)),
        None => (link, None),
    };
    let bare = ["http://", "https://", "mailto:"].into_iter().find_map(|scheme| address.strip_prefix(scheme))?;
    match label {
        None => Some(address.strip_prefix("mailto:").unwrap_or(address)),
        Some(label) => (label == address || label == bare).then_some(label),
    }
}

#[cfg(test)]
mod tests {
    use super::restored;

    #[test]
    fn a_block_is_what_was_typed_and_the_line_is_left_alone() {
        for (text, want) in [
            ("a &lt; b ```x: a &amp;&amp; b &lt; c``` d &gt; e", "a &lt; b ```x: a && b < c``` d &gt; e"),
            ("```&amp;lt;```", "```&lt;```"),
            ("```u: <https://a.example/b>```", "```u: https://a.example/b```"),
            ("```h: <http://a.example|a.example>```", "```h: a.example```"),
            ("```m: <mailto:a@b.example|a@b.example>```", "```m: a@b.example```"),
            // Two addresses in one: nobody decides for the reader.
            ("```u: <http://evil.example|good.example>```", "```u: <http://evil.example|good.example>```"),
            ("```a <b> & c <```", "```a <b> & c <```"),
            ("<https://a.example> &amp;", "<https://a.example> &amp;"),
            ("no end ```&lt;", "no end ```<"),
        ] {
            assert_eq!(restored(text), want, "{text}");
        }
    }
}
