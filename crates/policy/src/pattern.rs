//! Resource patterns: `k8s/*/ns/kube-*` and everything below it.
//!
//! **Invariant:** a doubt never helps whoever asks. A permission *covers* a resource only when it
//! covers all that the resource could turn out to be; a protection *touches* it as soon as it
//! could turn out to be protected. Both read `*` inside a part only, never across `/`.

use countersign_core::action::Resource;

/// A pattern of rbac.yaml or of the floor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern(String);

/// Separates patterns in one column of casbin; no pattern may hold it.
pub(crate) const SEPARATOR: char = '|';

impl Pattern {
    /// Parts of visible ASCII between slashes; `*` anywhere in a part.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.split('/').any(str::is_empty) {
            return Err("a part between two slashes is empty".to_owned());
        }
        if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic() || *c == SEPARATOR) {
            return Err(format!("`{}` cannot be part of a resource", c.escape_debug()));
        }
        if text.contains("**") {
            return Err("`**` means no more than `*`: a pattern covers all below it".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn covers(&self, resource: &Resource) -> bool {
        covers(&self.0, resource.as_str())
    }

    pub(crate) fn touches(&self, resource: &Resource) -> bool {
        touches(&self.0, resource.as_str())
    }
}

/// Whether everything the resource could be lies below the pattern.
pub(crate) fn covers(pattern: &str, resource: &str) -> bool {
    let mut parts = resource.split('/');
    pattern.split('/').all(|wanted| match parts.next() {
        // "any" is covered by "any" alone, not by `web-*`.
        Some("*") => wanted == "*",
        Some(part) => wild(wanted, part),
        None => false,
    })
}

/// Whether something the resource could be lies below the pattern, or the pattern below it.
pub(crate) fn touches(pattern: &str, resource: &str) -> bool {
    let meets = |resource: &str| {
        pattern.split('/').zip(resource.split('/')).all(|(wanted, part)| part == "*" || wild(wanted, part))
    };
    meets(resource) || as_namespace(resource).is_some_and(|inside| meets(&inside))
}

/// `k8s/prod/cluster/namespaces/web` is everything in `k8s/prod/ns/web` as well: who deletes the
/// namespace deletes what is inside.
fn as_namespace(resource: &str) -> Option<String> {
    let parts: Vec<&str> = resource.split('/').collect();
    match parts.as_slice() {
        ["k8s", cluster, "cluster", "namespaces" | "*", name] => Some(format!("k8s/{cluster}/ns/{name}")),
        ["k8s", cluster, "cluster"] | ["k8s", cluster, "cluster", "namespaces" | "*"] => {
            Some(format!("k8s/{cluster}/ns/*"))
        }
        _ => None,
    }
}

/// Whether `*` in `pattern` can be filled so that it reads `text`. Linear in both lengths' product.
fn wild(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == c => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stops_at_a_slash_and_a_pattern_covers_all_below() {
        assert!(covers("k8s/*/ns/web", "k8s/prod/ns/web/pods/api"));
        assert!(covers("k8s/*/ns/web-*", "k8s/prod/ns/web-1/pods/api"));
        assert!(!covers("k8s/*/web", "k8s/prod/ns/web"));
        assert!(!covers("k8s/*/ns/web", "k8s/prod/ns/webshop/pods/api"));
        assert!(!covers("k8s/prod/ns/web/pods", "k8s/prod/ns/web"));
        assert!(wild("*", "") && wild("a*b*", "ab") && !wild("a*b", "abc") && wild("a*c", "abcbc"));
    }

    #[test]
    fn p39_an_open_resource_is_touched_and_never_covered() {
        let open = "k8s/prod/ns/*/pods/*";
        assert!(touches("k8s/*/ns/kube-*", open));
        assert!(!covers("k8s/*/ns/web", open));
        assert!(!covers("k8s/*/ns/w*", open));
        assert!(covers("k8s/*/ns/*", open));
        assert!(covers("*", open));
        assert!(!touches("k8s/*/ns/kube-*", "k8s/prod/ns/web/pods/*"));
    }

    #[test]
    fn p39_deleting_a_namespace_touches_what_is_inside() {
        assert!(touches("k8s/*/ns/kube-*", "k8s/prod/cluster/namespaces/kube-system"));
        assert!(touches("k8s/*/ns/kube-*", "k8s/prod/cluster/namespaces/*"));
        assert!(touches("k8s/*/ns/kube-system/secrets", "k8s/prod/cluster/namespaces/kube-system"));
        assert!(!touches("k8s/*/ns/kube-*", "k8s/prod/cluster/namespaces/web"));
        assert!(!touches("k8s/*/ns/kube-*", "k8s/prod/cluster/nodes/kube-1"));
    }

    #[test]
    fn what_is_above_a_protected_thing_touches_it() {
        assert!(touches("k8s/*/ns/web/pods/api", "k8s/prod/ns/web"));
    }

    #[test]
    fn odd_patterns_are_refused() {
        for bad in ["", "a//b", "/a", "a/", "a|b", "a b", "a\u{e4}", "a/**"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
