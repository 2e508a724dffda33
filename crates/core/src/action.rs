//! What a command does, in the terms policy talks about: verb, resource, scope.

use crate::tier::{Reversibility, Sensitivity, Tier};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an action takes place. An absent part does not apply to the tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Environment from the catalog: `dev`, `staging`, `prod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Catalog name of the cluster, profile, project, stack, service or alertmanager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Kubernetes namespace; `*` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Cloud region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A resource string: `k8s/<cluster>/ns/<ns>/<kind.group>/<name>` and its siblings (design §5).
///
/// `*` as a whole part means "any": the target set is not known before running.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(String);

impl Resource {
    /// Joins parts with `/`. A part that holds `/` itself (a name cannot) has it replaced by `∕`,
    /// so that no part can pretend to be two.
    #[must_use]
    pub fn from_parts(parts: &[&str]) -> Self {
        Self(parts.iter().map(|part| part.replace('/', "\u{2215}")).collect::<Vec<_>>().join("/"))
    }

    /// The whole string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether some part is `*`.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.split('/').any(|part| part == "*")
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Verb, resources and scope of a parsed command, with the tier its grammar gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// `kubectl`, `aws`, …, or the name of a custom command.
    pub tool: String,
    /// `get`, `rollout restart`, `ec2 describe-instances`.
    pub verb: String,
    /// Where.
    pub scope: Scope,
    /// What it acts on; sorted, at least one.
    pub resources: Vec<Resource>,
    /// The grammar's tier, before catalog, modifiers and advice, which only raise it.
    pub tier: Tier,
    /// Whether the output may hold secret material.
    pub sensitivity: Sensitivity,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// Why the tier is what it is, a short phrase each: "deletes pods", "target set unknown".
    pub reasons: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_inside_a_name_does_not_make_two_parts() {
        let resource = Resource::from_parts(&["k8s", "prod", "ns", "web/ns/kube-system", "pods", "*"]);
        assert_eq!(resource.as_str().split('/').count(), 6);
        assert!(resource.is_open());
    }
}
