//! What a credential is for: an entry of the catalog, by its section and its name.
//!
//! **Invariant:** the section follows from the command's tool alone, so that the cluster `dev`
//! never answers for the profile `dev`.

use countersign_core::action::Scope;
use countersign_core::command::Tool;
use countersign_core::warrant::Warrant;
use std::fmt;

/// A section of catalog.yaml whose entries have credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// A Kubernetes cluster.
    Cluster,
    /// An AWS account.
    Profile,
    /// A Google Cloud project.
    Project,
    /// A Terraform stack.
    Stack,
    /// A service in one environment.
    Service,
    /// An Alertmanager.
    Alertmanager,
}

impl TargetKind {
    /// The kind of target that a tool's commands act on. A custom command's target is a cluster.
    #[must_use]
    pub const fn of(tool: &Tool) -> Self {
        match tool {
            Tool::Kubectl | Tool::Custom(_) => Self::Cluster,
            Tool::Aws => Self::Profile,
            Tool::Gcloud => Self::Project,
            Tool::Tf => Self::Stack,
            Tool::Deploy => Self::Service,
            Tool::Silence => Self::Alertmanager,
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Profile => "profile",
            Self::Project => "project",
            Self::Stack => "stack",
            Self::Service => "service",
            Self::Alertmanager => "alertmanager",
        }
    }
}

/// An entry of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetKey {
    /// Its section.
    pub kind: TargetKind,
    /// Its name; of a service `<name>/<environment>`, which is what has a cluster.
    pub name: String,
}

impl TargetKey {
    /// The entry of this name in this section.
    #[must_use]
    pub fn new(kind: TargetKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The cluster of this name.
    #[must_use]
    pub fn cluster(name: impl Into<String>) -> Self {
        Self::new(TargetKind::Cluster, name)
    }

    /// A service in an environment.
    #[must_use]
    pub fn service(name: &str, env: &str) -> Self {
        Self::new(TargetKind::Service, format!("{name}/{env}"))
    }

    /// What the warrant's command acts on; `None` when it names no target.
    #[must_use]
    pub fn of(warrant: &Warrant) -> Option<Self> {
        Self::in_scope(warrant.command().tool(), &warrant.decision().decision().scope)
    }

    /// What a command of this tool acts on in this scope.
    #[must_use]
    pub fn in_scope(tool: &Tool, scope: &Scope) -> Option<Self> {
        let kind = TargetKind::of(tool);
        let name = scope.target.as_deref()?;
        match kind {
            TargetKind::Service => Some(Self::service(name, scope.env.as_deref()?)),
            TargetKind::Cluster
            | TargetKind::Profile
            | TargetKind::Project
            | TargetKind::Stack
            | TargetKind::Alertmanager => Some(Self::new(kind, name)),
        }
    }
}

impl fmt::Display for TargetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(target: Option<&str>, env: Option<&str>) -> Scope {
        Scope { target: target.map(str::to_owned), env: env.map(str::to_owned), ..Scope::default() }
    }

    #[test]
    fn a_cluster_and_a_profile_of_one_name_are_two_targets() {
        let dev = scope(Some("dev"), Some("dev"));
        let of = |tool| TargetKey::in_scope(&tool, &dev).unwrap().to_string();
        let all = [Tool::Kubectl, Tool::Aws, Tool::Gcloud, Tool::Tf, Tool::Deploy, Tool::Silence].map(of);
        assert_eq!(
            all,
            ["cluster dev", "profile dev", "project dev", "stack dev", "service dev/dev", "alertmanager dev"]
        );
    }

    #[test]
    fn a_command_without_a_target_has_none() {
        assert_eq!(TargetKey::in_scope(&Tool::Kubectl, &scope(None, Some("dev"))), None);
        assert_eq!(TargetKey::in_scope(&Tool::Deploy, &scope(Some("shop"), None)), None, "which of its clusters?");
    }
}
