//! What was typed, asked of two policies.
//!
//! **Invariant:** every request is counted once: told, the same, or not replayed.

use countersign_core::principal::Principal;
use countersign_core::refusal::shown;
use countersign_core::time::Timestamp;
use countersign_policy::Policy;
use countersign_policy::answer::{Asker, understand};
use countersign_policy::shadow::beside;
use std::fmt;

/// What came of a replay.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    told: Vec<String>,
    same: usize,
    skipped: usize,
}

impl Replayed {
    /// Asks both about one request; the first of the two is in force.
    pub(super) fn add(
        &mut self,
        (live, next): (&Policy, &Policy),
        principal: &Principal,
        text: &str,
        at: Timestamp,
        id: &str,
    ) {
        let asker = Asker { principal: principal.clone(), channel: None, attachment: None, now: at };
        let Ok(command) = understand(live, &asker, text) else {
            self.skipped += 1;
            return;
        };
        match beside(live, next, &asker, &command) {
            None => self.same += 1,
            Some(found) => self.told.push(format!(
                "{at} {id} {} {}: `{}`: {} (in force: {})",
                shown(&principal.name),
                found.direction.as_str(),
                shown(text),
                found.shadow,
                found.live
            )),
        }
    }

    /// Counts what cannot be asked again.
    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Whether something would be treated otherwise.
    pub(super) fn differs(&self) -> bool {
        !self.told.is_empty()
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.told {
            writeln!(f, "{line}")?;
        }
        write!(
            f,
            "{} of {} requests would be treated otherwise; {} could not be replayed (a click, a question, a mistake in \
             the text, somebody who is not in the directory)",
            self.told.len(),
            self.told.len() + self.same,
            self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_policy::answer::USUAL_TIME;
    use countersign_policy::{Overrides, Source, Sources};

    const RBAC: &str = include_str!("../../../../rbac.yaml");
    const CATALOG: &str = include_str!("../../../../catalog.yaml");

    fn policy(rbac: String) -> Policy {
        let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", CATALOG) };
        Policy::load(sources, &Overrides::default()).unwrap()
    }

    #[test]
    fn what_would_be_treated_otherwise_is_told_and_everything_is_counted() {
        let live = policy(RBAC.to_owned());
        let next = policy(RBAC.replace("sre,          role: owner", "sre,          role: viewer"));
        let sre = Asker::in_groups(["sre"]).principal;
        let mut replayed = Replayed::default();
        for text in ["kubectl get pods", "kubectl scale deployment/api --replicas=2 -n web --apply", "kubectl gte pods"]
        {
            replayed.add((&live, &next), &sre, text, USUAL_TIME, "1a2b3c4d");
        }
        replayed.skip();
        assert!(replayed.differs());
        let told = replayed.to_string();
        assert!(told.contains("1a2b3c4d Somebody loses: `kubectl scale deployment/api --replicas=2 -n web --apply`: refused: not-allowed (in force: runs at once)"), "{told}");
        assert!(told.ends_with("1 of 2 requests would be treated otherwise; 2 could not be replayed (a click, a question, a mistake in the text, somebody who is not in the directory)"), "{told}");
    }
}
