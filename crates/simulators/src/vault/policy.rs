//! Policies: what a token may do on which paths.
//!
//! **Invariant:** what no rule names is denied, and `deny` wins.
//!
//! Source: Vault documentation, "Policies": capabilities, `*` at the end, `+` for a segment, priority of rules.

use std::collections::BTreeMap;

/// What may be done on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// POST or PUT to what does not exist yet.
    Create,
    /// GET.
    Read,
    /// POST or PUT.
    Update,
    /// DELETE.
    Delete,
    /// LIST.
    List,
    /// Nothing, whatever else says so.
    Deny,
}

/// A rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    path: String,
    capabilities: Vec<Capability>,
}

impl Rule {
    /// A rule for a path below `/v1/`; `+` stands for one segment, `*` at the end for anything.
    #[must_use]
    pub fn new(path: &str, capabilities: &[Capability]) -> Self {
        Self { path: path.to_owned(), capabilities: capabilities.to_vec() }
    }

    fn matches(&self, path: &str) -> bool {
        let (pattern, open) = match self.path.strip_suffix('*') {
            Some(pattern) => (pattern, true),
            None => (self.path.as_str(), false),
        };
        if !pattern.contains('+') {
            return if open { path.starts_with(pattern) } else { path == pattern };
        }
        let (wanted, given): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
        let last = wanted.len().saturating_sub(1);
        let fits = |(at, part): (usize, &&str)| match given.get(at) {
            Some(given) => *part == "+" || part == given || (open && at == last && given.starts_with(*part)),
            None => false,
        };
        wanted.iter().enumerate().all(fits) && (open || wanted.len() == given.len())
    }

    /// Exact paths come before open ones, longer before shorter, and fewer `+` before more.
    fn priority(&self) -> (bool, usize, std::cmp::Reverse<usize>) {
        let first_wildcard = self.path.find(['+', '*']).unwrap_or(self.path.len());
        (!self.path.ends_with('*'), first_wildcard, std::cmp::Reverse(self.path.matches('+').count()))
    }
}

/// All policies by name.
#[derive(Debug, Default)]
pub(super) struct Policies(BTreeMap<String, Vec<Rule>>);

impl Policies {
    pub(super) fn write(&mut self, name: &str, rules: Vec<Rule>) {
        self.0.insert(name.to_owned(), rules);
    }

    /// Whether a token with these policies may do this.
    pub(super) fn allow(&self, names: &[String], path: &str, wanted: Capability) -> bool {
        if names.iter().any(|name| name == "root") {
            return true;
        }
        let rules: Vec<&Rule> =
            names.iter().filter_map(|name| self.0.get(name)).flatten().filter(|rule| rule.matches(path)).collect();
        let Some(best) = rules.iter().map(|rule| rule.priority()).max() else { return false };
        let mut capabilities = rules.iter().filter(|rule| rule.priority() == best).flat_map(|rule| &rule.capabilities);
        capabilities.clone().all(|it| *it != Capability::Deny) && capabilities.any(|it| *it == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(rules: &[(&str, &[Capability])], path: &str) -> bool {
        let mut policies = Policies::default();
        policies.write("p", rules.iter().map(|(path, capabilities)| Rule::new(path, capabilities)).collect());
        policies.allow(&["p".to_owned()], path, Capability::Update)
    }

    #[test]
    fn what_no_rule_names_is_denied_and_the_most_exact_rule_decides() {
        use Capability::{Deny, Read, Update};
        assert!(!may(&[], "transit/sign/root"));
        assert!(may(&[("transit/sign/root", &[Update])], "transit/sign/root"));
        assert!(!may(&[("transit/sign/root", &[Read])], "transit/sign/root"));
        assert!(may(&[("transit/*", &[Update])], "transit/sign/root"));
        assert!(may(&[("transit/+/root", &[Update])], "transit/sign/root"));
        assert!(!may(&[("transit/+/root", &[Update])], "transit/sign/root/sha2-256"));
        assert!(!may(&[("transit/*", &[Update]), ("transit/sign/root", &[Deny])], "transit/sign/root"));
        assert!(may(&[("transit/*", &[Deny]), ("transit/sign/root", &[Update])], "transit/sign/root"));
    }
}
