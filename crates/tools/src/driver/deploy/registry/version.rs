//! Which tag is the newest.
//!
//! **Invariant:** only tags that are a semantic version, with or without a `v` before it, are compared; a release comes
//! after every pre-release, also of a higher number: nobody gets one who did not name it while there is a release.
//!
//! Source: Semantic Versioning 2.0.0, sections 2, 9 and 11.

use std::cmp::Ordering;

/// The version that a tag names. It is ordered as people would choose, the best one last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    is_release: bool,
    numbers: [u64; 3],
    before: Vec<Identifier>,
}

/// A part of what stands behind the hyphen of a pre-release.
#[derive(Debug, PartialEq, Eq)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    pub(super) fn of(tag: &str) -> Option<Self> {
        let text = tag.strip_prefix('v').unwrap_or(tag);
        let (numbers, before) = match text.split_once('-') {
            Some((numbers, before)) => (numbers, Some(before)),
            None => (text, None),
        };
        let mut parts = numbers.split('.').map(number);
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        if parts.next().is_some() {
            return None;
        }
        let before: Vec<Identifier> = match before {
            Some(text) => text.split('.').map(Identifier::of).collect::<Option<_>>()?,
            None => Vec::new(),
        };
        Some(Self { is_release: before.is_empty(), numbers, before })
    }
}

impl Identifier {
    fn of(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return number(text).map(Self::Number);
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain.then(|| Self::Word(text.to_owned()))
    }
}

impl Ord for Identifier {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(another)) => one.cmp(another),
            (Self::Word(one), Self::Word(another)) => one.cmp(another),
            (Self::Number(_), Self::Word(_)) => Ordering::Less,
            (Self::Word(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Identifier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Digits without a zero before them.
fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if plain && !padded { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of the specification's section 11, and releases after all of it.
    #[test]
    fn tags_are_ordered_as_versions() {
        let order = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "2.0.0-rc.1",
            "0.9.0",
            "v1.0.0",
            "1.2.9",
            "1.2.10",
            "v1.10.0",
            "10.0.0",
        ];
        for pair in order.windows(2) {
            assert!(Version::of(pair[0]).unwrap() < Version::of(pair[1]).unwrap(), "{pair:?}");
        }
        assert_eq!(Version::of("v1.2.3"), Version::of("1.2.3"));
    }

    #[test]
    fn what_is_no_version_has_none() {
        for odd in [
            "latest",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "V1.2.3",
            "vv1.2.3",
            "1.2.x",
            "",
            "99999999999999999999.0.0",
        ] {
            assert_eq!(Version::of(odd), None, "{odd}");
        }
    }
}
