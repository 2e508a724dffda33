//! What a preview found: the objects a command would touch, and how.
//!
//! **Invariant:** objects and changes are sorted, so that the same effect has the same digest;
//! values of Secret kinds never appear.

use crate::certificate::Role;
use crate::id::InvocationId;
use crate::seal::{Sealable, Sealed, Sealer};
use serde::{Deserialize, Serialize};

/// One value that would change. JSON texts; an absent side did not or would not exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// JSON pointer (RFC 6901).
    pub path: String,
    /// Before, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// After, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// One object that would be touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touched {
    /// `delete`, `scale`, `label`, …
    pub verb: String,
    /// `pods`, `deployments.apps`.
    pub kind: String,
    /// Namespace; absent for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// The API server's uid: another object of the same name is another effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// What would change in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// An effect (wire format v1), sealed by the worker that found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// The worker's pool.
    pub pool: String,
    /// Which request.
    pub invocation: InvocationId,
    /// The objects; sorted by [`Effect::new`].
    pub objects: Vec<Touched>,
    /// For tools without objects: the preview's own words, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// How a fresh effect differs from the one that was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// One line for each difference, for people.
    pub lines: Vec<String>,
}

impl Effect {
    /// An effect with its objects sorted.
    #[must_use]
    pub fn new(
        deployment: String,
        pool: String,
        invocation: InvocationId,
        mut objects: Vec<Touched>,
        text: Option<String>,
    ) -> Self {
        for object in &mut objects {
            object.changes.sort();
        }
        objects.sort();
        Self { v: 1, deployment, pool, invocation, objects, text }
    }

    /// Seals the effect with the worker's key.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Sealed<Self> {
        sealer.seal(self)
    }

    /// What is different now; `None` when nothing is.
    #[must_use]
    pub fn drift(&self, fresh: &Self) -> Option<Drift> {
        if self.objects == fresh.objects && self.text == fresh.text {
            return None;
        }
        let gone =
            self.objects.iter().filter(|old| !fresh.objects.contains(old)).map(|old| format!("- {}", old.line()));
        let came =
            fresh.objects.iter().filter(|new| !self.objects.contains(new)).map(|new| format!("+ {}", new.line()));
        let mut lines: Vec<String> = gone.chain(came).collect();
        if self.text != fresh.text {
            lines.push("the preview's text is different".into());
        }
        Some(Drift { lines })
    }
}

impl Touched {
    /// One line for people: `delete pods api-7f (namespace payments, uid 1c…)`.
    #[must_use]
    pub fn line(&self) -> String {
        let namespace = self.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}"));
        let uid = self.uid.as_ref().map(|uid| format!(" (uid {uid})"));
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        let changes = self
            .changes
            .iter()
            .map(|change| format!("; {}: {} -> {}", change.path, side(&change.old), side(&change.new)));
        let head = format!("{} {} {}", self.verb, self.kind, self.name);
        std::iter::once(head).chain(namespace).chain(uid).chain(changes).collect()
    }
}

impl Sealable for Effect {
    const PURPOSE: &'static str = "countersign/effect/v1";
    const ROLES: &'static [Role] = &[Role::Worker];

    fn invocation(&self) -> InvocationId {
        self.invocation
    }

    fn pool(&self) -> Option<&str> {
        Some(&self.pool)
    }
}
