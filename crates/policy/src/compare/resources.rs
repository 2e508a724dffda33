//! Resources that rules tell apart: one nothing is special about, one for each pattern, open ones.
//!
//! **Invariant:** every resource is the target's own, in the form its tool has.

use super::acts::Target;
use crate::pattern::Pattern;
use countersign_core::action::Resource;
use countersign_core::command::Tool;
use std::collections::BTreeSet;

/// What a probe is about besides the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Special {
    /// How it is told: the resource, or how many there are; none for the usual one.
    pub(super) told: Option<String>,
    pub(super) resources: Vec<Resource>,
}

/// The usual resource of a target first, then the special ones.
pub(super) fn of<'p>(
    target: &Target,
    patterns: impl Iterator<Item = &'p Pattern>,
    counts: &BTreeSet<usize>,
) -> Vec<Special> {
    let usual: Vec<&str> = target.usual.iter().map(String::as_str).collect();
    let mut found = vec![Special { told: None, resources: vec![Resource::from_parts(&usual)] }];
    let mut seen = BTreeSet::new();
    let from_patterns =
        patterns.filter_map(|pattern| Some((format!("`{}`", pattern.as_str()), instance(pattern.as_str(), target)?)));
    for (told, resource) in from_patterns.chain(open(target)) {
        if seen.insert(resource.clone()) {
            found.push(Special { told: Some(told), resources: vec![resource] });
        }
    }
    if target.tool == Tool::Kubectl {
        found.extend(counts.iter().map(|count| many(&usual, *count)));
    }
    found
}

/// All of a namespace, everything, and what lies in no namespace.
fn open(target: &Target) -> Vec<(String, Resource)> {
    let name = target.scope.target.as_deref().unwrap_or_default();
    if target.tool != Tool::Kubectl {
        return Vec::new();
    }
    let forms: [(&str, &[&str]); 3] = [
        ("all namespaces", &["k8s", name, "ns", "*", "pods", "*"]),
        ("a node", &["k8s", name, "cluster", "nodes", "node-1"]),
        ("everything outside of namespaces", &["k8s", name, "cluster", "*", "*"]),
    ];
    forms.iter().map(|(told, parts)| ((*told).to_owned(), Resource::from_parts(parts))).collect()
}

/// So many objects.
fn many(usual: &[&str], count: usize) -> Special {
    let name = |nth: usize| {
        let mut parts: Vec<String> = usual.iter().map(|part| (*part).to_owned()).collect();
        if let Some(last) = parts.last_mut() {
            *last = format!("{last}-{nth}");
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Resource::from_parts(&parts)
    };
    Special { told: Some(format!("{count} objects")), resources: (0..count).map(name).collect() }
}

/// A resource of the target that the pattern covers; none when the pattern is about something else.
fn instance(pattern: &str, target: &Target) -> Option<Resource> {
    let wanted: Vec<&str> = pattern.split('/').collect();
    let usual: Vec<&str> = match (wanted.get(2), target.tool == Tool::Kubectl) {
        (Some(&"cluster"), true) => {
            vec!["k8s", target.scope.target.as_deref()?, "cluster", "nodes", "node-1"]
        }
        _ => target.usual.iter().map(String::as_str).collect(),
    };
    if wanted.len() > usual.len() {
        return None;
    }
    let mut parts: Vec<String> = usual.iter().map(|part| (*part).to_owned()).collect();
    for (nth, (part, wanted)) in parts.iter_mut().zip(&wanted).enumerate() {
        // The kind of resource and the target's own name are given; what is below may be chosen.
        let fixed = nth < 2 || (target.tool == Tool::Deploy && nth == 2);
        if fixed {
            crate::pattern::covers(wanted, part).then_some(())?;
        } else if *wanted != "*" {
            *part = wanted.replace('*', "x");
        }
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Some(Resource::from_parts(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::action::Scope;

    fn prod() -> Target {
        Target {
            tool: Tool::Kubectl,
            scope: Scope { target: Some("prod".to_owned()), ..Scope::default() },
            usual: ["k8s", "prod", "ns", "web", "deployments.apps", "api"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn a_pattern_has_an_instance_in_the_targets_it_is_about() {
        let of = |pattern: &str| instance(pattern, &prod()).map(|resource| resource.to_string());
        assert_eq!(of("k8s/*/ns/kube-*").as_deref(), Some("k8s/prod/ns/kube-x/deployments.apps/api"));
        assert_eq!(of("k8s/prod/ns/*/secrets").as_deref(), Some("k8s/prod/ns/web/secrets/api"));
        assert_eq!(of("k8s/pr*/cluster/nodes").as_deref(), Some("k8s/prod/cluster/nodes/node-1"));
        assert_eq!(of("k8s/dev/ns/web"), None);
        assert_eq!(of("aws/*/*/iam"), None);
    }
}
