//! What a preview found: the objects a command would touch, and how.
//!
//! **Invariant:** objects and changes are sorted, so that the same effect has the same digest;
//! values of Secret kinds never appear. What changes by itself is shown and never compared.

use crate::certificate::Role;
use crate::digest::Digest;
use crate::id::InvocationId;
use crate::seal::{Sealable, Sealed, Sealer};
use serde::{Deserialize, Serialize};

/// The line of a preview's text behind which stands what changes by itself, for people to see.
pub const NOW: &str = "at this moment:";

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
    /// What that comes to at this moment, in the preview's own words: shown, and no part of what
    /// people agree to, for it changes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// What was kept for the run, and is to run exactly as it is: of `tf apply` the saved plan, of a
    /// plan of unreviewed code the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
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
        Self { v: 1, deployment, pool, invocation, objects, text, now: None, plan: None }
    }

    /// The same effect, of whose text what stands behind the line [`NOW`] is about this moment.
    #[must_use]
    pub fn split_at_now(mut self) -> Self {
        let parts = self.text.as_deref().and_then(|text| text.split_once(&format!("\n{NOW}\n")));
        if let Some((agreed, now)) = parts.map(|(agreed, now)| (format!("{agreed}\n"), now.to_owned())) {
            (self.text, self.now) = (Some(agreed), Some(now));
        }
        self
    }

    /// The same effect, whose run is bound to what was kept.
    #[must_use]
    pub fn with_plan(self, plan: Option<Digest>) -> Self {
        Self { plan, ..self }
    }

    /// Seals the effect with the worker's key.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Sealed<Self> {
        sealer.seal(self)
    }

    /// What is different now in what people agreed to; `None` when nothing is.
    #[must_use]
    pub fn drift(&self, fresh: &Self) -> Option<Drift> {
        if self.objects == fresh.objects && self.text == fresh.text && self.plan == fresh.plan {
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
        if self.plan != fresh.plan {
            lines.push("what was kept for the run is another".into());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Origin;
    use crate::time::Timestamp;

    #[test]
    fn what_changes_by_itself_is_no_drift() {
        let origin = Origin { deployment: "demo", front: "console", team: "demo", trigger: "1" };
        let id = InvocationId::derive(origin, Timestamp::from_millis(0));
        let found =
            |text: &str| Effect::new("demo".into(), "main".into(), id, Vec::new(), Some(text.into())).split_at_now();
        let one = found("hides X\nfor 2h\nat this moment:\n1 alert\n");
        assert_eq!((one.text.as_deref(), one.now.as_deref()), (Some("hides X\nfor 2h\n"), Some("1 alert\n")));
        assert_eq!(one.drift(&found("hides X\nfor 2h\nat this moment:\n")), None);
        assert!(one.drift(&found("hides X\nfor 4h\nat this moment:\n1 alert\n")).is_some());
        assert_eq!(found("  at this moment:\n").now, None);
    }

    #[test]
    fn p09_another_plan_is_drift_though_it_reads_the_same() {
        let origin = Origin { deployment: "demo", front: "console", team: "demo", trigger: "1" };
        let id = InvocationId::derive(origin, Timestamp::from_millis(0));
        let text = Some("1 to add".to_owned());
        let found = |plan: Option<&[u8]>| {
            Effect::new("demo".into(), "main".into(), id, Vec::new(), text.clone()).with_plan(plan.map(Digest::of))
        };
        let shown = found(Some(b"plan"));
        assert_eq!(shown.drift(&found(Some(b"plan"))), None);
        for other in [found(Some(b"plaN")), found(None)] {
            let Drift { lines } = shown.drift(&other).unwrap();
            assert_eq!(lines, ["what was kept for the run is another"]);
        }
        assert!(found(None).drift(&shown).is_some());
    }
}
