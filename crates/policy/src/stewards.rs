//! Who answers for a target: its owners, and whoever would be asked about changes there.
//!
//! **Invariant:** it is about stopping alone. Nobody can start or allow anything by being named here.

use crate::judge::entry;
use crate::policy::Policy;
use crate::rbac::OWNERS;
use countersign_core::action::Scope;
use countersign_core::command::Tool;
use std::collections::BTreeSet;

impl Policy {
    /// The groups that own what a command of this tool and scope is about; empty when the catalog no
    /// longer has it.
    #[must_use]
    pub fn owners_of(&self, tool: &Tool, scope: &Scope) -> BTreeSet<String> {
        entry(&self.catalog, tool, scope).map(|(place, _)| place.owners.clone()).unwrap_or_default()
    }

    /// The groups that may stop all changes in an environment, or everywhere: owners of something in
    /// it, and those whom an approval rule for it asks.
    #[must_use]
    pub fn stewards(&self, env: Option<&str>) -> BTreeSet<String> {
        let places = self.catalog.places().filter(|place| env.is_none_or(|env| place.env == env));
        let owners: BTreeSet<String> = places.flat_map(|place| place.owners.iter().cloned()).collect();
        let mut groups = owners.clone();
        let rules = self.rbac.approvals.iter();
        for rule in rules.filter(|rule| env.is_none_or(|env| rule.selector.env.has(env))) {
            let quorum = rule.quorum.resolve(OWNERS, &owners);
            groups.extend(quorum.clauses().iter().flat_map(|clause| clause.any_of().iter().cloned()));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use crate::{Overrides, Policy, Source, Sources};
    use countersign_core::action::Scope;
    use countersign_core::command::Tool;

    fn shipped() -> Policy {
        let rbac = Source::new("rbac.yaml", include_str!("../../../rbac.yaml"));
        let catalog = Source::new("catalog.yaml", include_str!("../../../catalog.yaml"));
        Policy::load(Sources { rbac, catalog }, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn who_answers_for_one_environment_does_not_answer_for_another() {
        let (policy, groups) = (shipped(), |env| shipped().stewards(env));
        let cluster = policy.catalog().clusters().values().find(|one| one.place.env == "prod").unwrap();
        let scope = Scope { target: Some(cluster.name.clone()), ..Scope::default() };
        assert_eq!(policy.owners_of(&Tool::Kubectl, &scope), cluster.place.owners);
        assert!(policy.owners_of(&Tool::Custom("unheard-of".into()), &scope).is_empty());
        assert!(groups(Some("prod")).is_superset(&cluster.place.owners) && groups(Some("prod")).contains("sre"));
        // Owners of a sandbox are asked about nothing in production.
        assert!(groups(Some("dev")).contains("engineering") && !groups(Some("prod")).contains("engineering"));
        assert!(groups(None).is_superset(&groups(Some("prod"))));
    }
}
