//! Foreign words, made harmless to show.

pub(crate) use countersign_core::refusal::shown;

/// The first line, made harmless.
pub(crate) fn first_line(text: &str) -> String {
    shown(text.lines().next().unwrap_or_default().trim())
}

/// Whether a text is a whole commit id: 40 or 64 hex digits in lower case.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The beginning of a commit id, as people read it.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_invisible_and_no_quote_gets_through() {
        assert_eq!(shown("a`b\u{202e}c\n"), "a\\u{60}b\\u{202e}c\\u{a}");
        assert_eq!(first_line("title\nbody"), "title");
        assert_eq!(shown(&"x".repeat(300)).chars().count(), 201);
    }

    #[test]
    fn a_commit_is_written_whole_and_in_one_way() {
        assert!(is_commit(&"0a".repeat(20)) && is_commit(&"0a".repeat(32)));
        for bad in ["", "main", "0a0a", &"0A".repeat(20), &"0g".repeat(20), &format!("{}\n", "0a".repeat(20))] {
            assert!(!is_commit(bad), "{bad}");
        }
    }
}
