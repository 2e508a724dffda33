//! Whether a git ref is one of those a catalog names.
//!
//! **Invariant:** a pattern is compared with the whole ref, character by character; `*` stands for any characters but
//! `/`, also none, and nothing else is special. A ref git itself would refuse matches nothing.

/// Whether `name` is what `pattern` describes: `refs/tags/v*` is every tag that begins with a v and has no slash.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    well_formed(name) && matches_part(pattern.as_bytes(), name.as_bytes())
}

/// What git allows in the name of a ref, as far as it could be mistaken for another one.
///
/// Source: git-check-ref-format(1).
fn well_formed(name: &str) -> bool {
    let odd = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
    name.starts_with("refs/")
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(odd)
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.'))
}

/// Backtracks to the last star alone, so that no pattern takes longer than its length times that of the name.
fn matches_part(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(at), name.get(read)) {
            (Some(b'*'), _) => {
                star = Some((at, read));
                at += 1;
            }
            (Some(expected), Some(found)) if expected == found => {
                at += 1;
                read += 1;
            }
            (None, None) => return true,
            _ => match star {
                Some((place, taken)) if name.get(taken).is_some_and(|byte| *byte != b'/') => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    read = taken + 1;
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_without_a_star_is_itself_alone() {
        assert!(matches("refs/heads/main", "refs/heads/main"));
        for other in ["refs/heads/main2", "refs/heads/mai", "refs/heads/main/x", "Refs/heads/main", "refs/tags/main"] {
            assert!(!matches("refs/heads/main", other), "{other}");
        }
    }

    #[test]
    fn a_star_stops_at_a_slash() {
        assert!(matches("refs/tags/*", "refs/tags/v1.2.3"));
        assert!(matches("refs/tags/v*", "refs/tags/v"));
        assert!(matches("refs/heads/release-*-x", "refs/heads/release-1-x-x"));
        assert!(matches("refs/heads/*/fix", "refs/heads/a/fix"));
        for other in ["refs/tags/a/b", "refs/heads/x", "refs/tags/", "refs/pull/1/merge"] {
            assert!(!matches("refs/tags/*", other), "{other}");
        }
        assert!(!matches("refs/heads/*", "refs/heads/a/fix"));
        assert!(!matches("*", "refs/heads/main"));
    }

    #[test]
    fn a_pattern_that_passes_a_slash_must_not_fall_back_to_an_earlier_star() {
        assert!(!matches("refs/*/v*x", "refs/tags/v/x"));
        assert!(matches("refs/*/*", "refs/tags/v1"));
    }

    #[test]
    fn what_git_refuses_is_no_ref() {
        for odd in
            ["refs/tags/../heads/x", "refs/tags/..", "refs/tags/a b", "refs/tags/a\n", "refs/tags/.a", "refs/tags/*"]
        {
            assert!(!matches("refs/tags/*", odd), "{odd}");
        }
    }

    /// The definition, said directly: slow, and obviously right.
    fn defined(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], rest) => rest.is_empty(),
            ([b'*', after @ ..], rest) => {
                defined(after, rest) || matches!(rest, [first, more @ ..] if *first != b'/' && defined(pattern, more))
            }
            ([expected, after @ ..], [found, rest @ ..]) => expected == found && defined(after, rest),
            (_, []) => false,
        }
    }

    fn all(letters: [u8; 3]) -> Vec<Vec<u8>> {
        let mut texts = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..5 {
            let longer: Vec<_> =
                texts[from..].iter().flat_map(|text| letters.map(|letter| [&text[..], &[letter]].concat())).collect();
            from = texts.len();
            texts.extend(longer);
        }
        texts
    }

    #[test]
    fn every_short_pattern_matches_what_the_definition_says() {
        let names = all(*b"ab/");
        for pattern in all(*b"a/*") {
            for name in &names {
                assert_eq!(matches_part(&pattern, name), defined(&pattern, name), "{pattern:?} {name:?}");
            }
        }
    }
}
