//! Who a bearer token is, and what that account may do.
//!
//! **Invariant:** nothing is allowed that no rule of the account names; subresources have to be named themselves.

use serde_json::{Value, json};

use super::kinds::Kind;

/// The namespace the accounts live in.
pub(super) const ACCOUNT_NAMESPACE: &str = "countersign";

/// One thing an account may do. In every list `"*"` stands for all.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verbs: Vec<String>,
    /// API groups; `""` is the core group.
    pub groups: Vec<String>,
    /// Plurals, or `plural/subresource`, e.g. `pods/log`.
    pub resources: Vec<String>,
    /// Namespaces; `"*"` includes requests over all namespaces and objects outside any.
    pub namespaces: Vec<String>,
}

impl Rule {
    /// A rule from borrowed words.
    #[must_use]
    pub fn new(verbs: &[&str], groups: &[&str], resources: &[&str], namespaces: &[&str]) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self { verbs: owned(verbs), groups: owned(groups), resources: owned(resources), namespaces: owned(namespaces) }
    }
}

/// What a mutating request of an account does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// Requests change what they say they change.
    Real,
    /// Only requests with `dryRun=All` are admitted, as a validating admission policy holds a preview credential.
    DryRunOnly,
}

/// A service account with its rules.
#[derive(Debug, Clone)]
pub struct Account {
    /// Name in the `countersign` namespace; [`super::Cluster::token`] finds the token by it.
    pub name: String,
    /// What it may do.
    pub rules: Vec<Rule>,
    /// Whether it may do it for real.
    pub effects: Effects,
}

impl Account {
    /// The user name the server knows it by.
    #[must_use]
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{ACCOUNT_NAMESPACE}:{}", self.name)
    }

    /// The groups a service account is always in.
    pub(super) fn groups() -> Vec<String> {
        let own = format!("system:serviceaccounts:{ACCOUNT_NAMESPACE}");
        vec!["system:serviceaccounts".to_owned(), own, "system:authenticated".to_owned()]
    }

    /// True when a rule names the whole attempt.
    pub(super) fn may(&self, attempt: &Attempt<'_>) -> bool {
        self.rules.iter().any(|rule| {
            named(&rule.verbs, attempt.verb)
                && named(&rule.groups, attempt.group)
                && named(&rule.resources, &attempt.resource)
                && (rule.namespaces.iter().any(|one| one == "*")
                    || attempt.namespace.is_some_and(|wanted| rule.namespaces.iter().any(|one| one == wanted)))
        })
    }
}

fn named(list: &[String], word: &str) -> bool {
    list.iter().any(|one| one == "*" || one == word)
}

/// What a request asks to do, in the authorizer's terms.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) verb: &'a str,
    pub(super) group: &'a str,
    /// `pods` or `pods/log`.
    pub(super) resource: String,
    pub(super) namespace: Option<&'a str>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(verb: &'a str, kind: &'a Kind, subresource: Option<&str>, namespace: Option<&'a str>) -> Self {
        let resource = subresource.map_or_else(|| kind.plural.to_owned(), |sub| format!("{}/{sub}", kind.plural));
        Self { verb, group: kind.group, resource, namespace }
    }

    /// Why the answer is no, in the authorizer's words.
    pub(super) fn refusal(&self, user: &str) -> String {
        let Self { verb, group, resource, namespace } = self;
        let place =
            namespace.map_or_else(|| "at the cluster scope".to_owned(), |ns| format!("in the namespace \"{ns}\""));
        format!("User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {place}")
    }
}

/// Answers a `SelfSubjectAccessReview`.
pub(super) fn access_review(account: &Account, mut review: Value) -> Value {
    let asked = &review["spec"]["resourceAttributes"];
    let field = |name: &str| asked[name].as_str().unwrap_or_default();
    let (verb, group, namespace) = (field("verb"), field("group"), field("namespace"));
    let resource = match field("subresource") {
        "" => field("resource").to_owned(),
        sub => format!("{}/{sub}", field("resource")),
    };
    let namespace = (!namespace.is_empty()).then_some(namespace);
    let allowed = asked.is_object() && account.may(&Attempt { verb, group, resource, namespace });
    review["status"] = json!({"allowed": allowed});
    review
}

/// Answers a `SelfSubjectRulesReview` (`kubectl auth can-i --list`).
pub(super) fn rules_review(account: &Account, mut review: Value) -> Value {
    let namespace = review.pointer("/spec/namespace").and_then(Value::as_str).unwrap_or_default();
    let there = |rule: &&Rule| rule.namespaces.iter().any(|one| one == "*" || one == namespace);
    let rule = |rule: &Rule| json!({"verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources});
    let rules: Vec<Value> = account.rules.iter().filter(there).map(rule).collect();
    // What everybody who is somebody may ask.
    let open = json!({"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/openapi/*", "/version"]});
    review["status"] = json!({"resourceRules": rules, "nonResourceRules": [open], "incomplete": false});
    review
}

/// Answers a `SelfSubjectReview` (`kubectl auth whoami`).
pub(super) fn self_review(account: &Account, mut review: Value) -> Value {
    review["status"] = json!({"userInfo": {"username": account.user(), "groups": Account::groups()}});
    review
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(rule: Rule, verb: &str, resource: &str, namespace: Option<&str>) -> bool {
        let account = Account { name: "a".into(), rules: vec![rule], effects: Effects::Real };
        account.may(&Attempt { verb, group: "", resource: resource.into(), namespace })
    }

    #[test]
    fn a_rule_names_verb_resource_and_namespace() {
        let rule = || Rule::new(&["get"], &[""], &["pods"], &["web"]);
        assert!(may(rule(), "get", "pods", Some("web")));
        assert!(!may(rule(), "delete", "pods", Some("web")));
        assert!(!may(rule(), "get", "secrets", Some("web")));
        assert!(!may(rule(), "get", "pods", Some("payments")));
        assert!(!may(rule(), "get", "pods", None), "all namespaces is more than one of them");
        assert!(!may(rule(), "get", "pods/log", Some("web")), "a subresource has to be named");
    }
}
