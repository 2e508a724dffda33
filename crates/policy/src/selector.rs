//! Which actions a rule is about: tool, verb, tier, environment, resource.
//!
//! **Invariant:** a part that is left away selects everything; an empty selection cannot be written.

use crate::pattern::Pattern;
use crate::problems::{Mark, ProblemCode};
use crate::reader::{Fields, Reader, suggestion};
use crate::yaml::Node;
use countersign_core::action::Resource;
use countersign_core::refusal::shown;
use countersign_core::tier::Tier;
use std::collections::BTreeSet;

/// Any word, or one of these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Words {
    #[default]
    Any,
    OneOf(BTreeSet<String>),
}

impl Words {
    pub(crate) fn has(&self, word: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(words) => words.contains(word),
        }
    }

    /// What both select; `None` when that is nothing.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, both) | (both, Self::Any) => Some(both.clone()),
            (Self::OneOf(a), Self::OneOf(b)) => {
                let both: BTreeSet<String> = a.intersection(b).cloned().collect();
                (!both.is_empty()).then_some(Self::OneOf(both))
            }
        }
    }
}

/// What a rule selects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selector {
    pub(crate) tool: Words,
    pub(crate) verb: Words,
    /// Empty means every tier.
    pub(crate) tiers: BTreeSet<Tier>,
    pub(crate) env: Words,
    /// Empty means every resource; otherwise one of these patterns.
    pub(crate) resources: Vec<Pattern>,
}

/// What of an action a rule looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) tool: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) tier: Tier,
    pub(crate) env: Option<&'a str>,
    pub(crate) resources: &'a [Resource],
}

impl Selector {
    pub(crate) fn has_tier(&self, tier: Tier) -> bool {
        self.tiers.is_empty() || self.tiers.contains(&tier)
    }

    /// Whether the rule could be about this: an unknown environment and an open resource are
    /// taken for whatever the rule is about.
    pub(crate) fn touches(&self, sight: &Sight<'_>) -> bool {
        self.tool.has(sight.tool)
            && self.verb.has(sight.verb)
            && self.has_tier(sight.tier)
            && sight.env.is_none_or(|env| self.env.has(env))
            && self.touches_resources(sight.resources)
    }

    /// Whether the rule is about all that this resource could turn out to be.
    pub(crate) fn covers(&self, resource: &Resource) -> bool {
        self.resources.is_empty() || self.resources.iter().any(|pattern| pattern.covers(resource))
    }

    /// Whether all of this is what the rule is about: an unknown environment is not.
    pub(crate) fn takes(&self, sight: &Sight<'_>) -> bool {
        let env = match (&self.env, sight.env) {
            (Words::Any, _) => true,
            (Words::OneOf(_), None) => false,
            (words @ Words::OneOf(_), Some(env)) => words.has(env),
        };
        env && self.tool.has(sight.tool)
            && self.verb.has(sight.verb)
            && self.has_tier(sight.tier)
            && sight.resources.iter().all(|resource| self.covers(resource))
    }

    fn touches_resources(&self, resources: &[Resource]) -> bool {
        let one = |resource| self.resources.iter().any(|pattern| pattern.touches(resource));
        self.resources.is_empty() || resources.iter().any(one)
    }
}

/// Words that may stand in a selector, from the catalog.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) tools: BTreeSet<String>,
    pub(crate) environments: BTreeSet<String>,
}

/// Every key a selector can have.
pub(crate) const KEYS: [&str; 5] = ["tool", "verb", "tier", "env", "resource"];

/// The tiers and their words.
pub(crate) const TIERS: [(&str, Tier); 3] =
    [("read", Tier::Read), ("change", Tier::Change), ("destructive", Tier::Destructive)];

/// Reads the selector among a rule's keys. Whatever is wrong is noted; what is left is what could
/// be read, and the caller throws it away with the rest because a file with a problem never loads.
pub(crate) fn selector(reader: &mut Reader<'_>, fields: &Fields<'_>, known: &Known) -> Selector {
    Selector {
        tool: fields.of("tool").map_or(Words::Any, |node| words(reader, node, "tool", Some(&known.tools))),
        verb: fields.of("verb").map_or(Words::Any, |node| verbs(reader, node)),
        tiers: fields.of("tier").map_or_else(BTreeSet::new, |node| tiers(reader, node)),
        env: fields.of("env").map_or(Words::Any, |node| words(reader, node, "environment", Some(&known.environments))),
        resources: fields.of("resource").map_or_else(Vec::new, |node| patterns(reader, node)),
    }
}

/// `"*"`, a word, or a list of words.
pub(crate) fn words(reader: &mut Reader<'_>, node: &Node, what: &str, known: Option<&BTreeSet<String>>) -> Words {
    let mut found = BTreeSet::new();
    let mut any = false;
    for item in reader.one_or_more(node, what) {
        if matches!(&item.value, crate::yaml::Value::Text(text) if text == "*") {
            any = true;
            continue;
        }
        let Some(name) = reader.name(item, what) else {
            continue;
        };
        if let Some(known) = known.filter(|known| !known.contains(name)) {
            let list = format!("known {what}s");
            let hint = suggestion(name, known.iter().map(String::as_str), &list);
            let message = format!("no {what} `{}`", shown(name));
            reader.note_with_hint(item.at, ProblemCode::UnknownWord, message, hint);
        }
        if !found.insert(name.to_owned()) {
            twice(reader, item.at, name);
        }
    }
    if any { Words::Any } else { Words::OneOf(found) }
}

fn twice(reader: &mut Reader<'_>, at: Mark, name: &str) {
    reader.note(at, ProblemCode::Duplicate, format!("`{}` is here twice", shown(name)));
}

/// Verbs can be two words, as `rollout restart`.
fn verbs(reader: &mut Reader<'_>, node: &Node) -> Words {
    let mut found = BTreeSet::new();
    for item in reader.one_or_more(node, "verb") {
        let Some(verb) = reader.text(item, "verb") else {
            continue;
        };
        if verb == "*" {
            return Words::Any;
        }
        let plain = verb
            .split(' ')
            .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_:.".contains(c)));
        if !plain {
            let message = format!("`{}` is not a verb", shown(verb));
            reader.note(item.at, ProblemCode::Value, message);
        }
        found.insert(verb.to_owned());
    }
    Words::OneOf(found)
}

/// A tier or a list of tiers; `tier` matches exactly.
pub(crate) fn tiers(reader: &mut Reader<'_>, node: &Node) -> BTreeSet<Tier> {
    let mut found = BTreeSet::new();
    for item in reader.one_or_more(node, "tier") {
        if let Some(tier) = reader.word(item, "tier", &TIERS)
            && !found.insert(tier)
        {
            twice(reader, item.at, tier.as_str());
        }
    }
    found
}

fn patterns(reader: &mut Reader<'_>, node: &Node) -> Vec<Pattern> {
    let mut found = Vec::new();
    for item in reader.one_or_more(node, "resource") {
        let Some(text) = reader.text(item, "resource") else {
            continue;
        };
        match Pattern::parse(text) {
            Ok(pattern) => found.push(pattern),
            Err(why) => {
                let message = format!("`{}` is not a resource: {why}", shown(text));
                let hint = "write for example `k8s/*/ns/kube-*`";
                reader.note_with_hint(item.at, ProblemCode::Value, message, hint);
            }
        }
        first_part(reader, item, text);
    }
    found
}

/// The first part says what kind of thing it is; a typing mistake there would protect nothing.
fn first_part(reader: &mut Reader<'_>, item: &Node, text: &str) {
    const FIRST: [&str; 8] = ["k8s", "aws", "gcp", "tf", "svc", "am", "custom", "*"];
    let first = text.split('/').next().unwrap_or_default();
    if !FIRST.contains(&first) {
        let hint = suggestion(first, FIRST.into_iter(), "resources begin with");
        let message = format!("no resource begins with `{}`", shown(first));
        reader.note_with_hint(item.at, ProblemCode::UnknownWord, message, hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_environment_is_whichever_the_rule_is_about() {
        let rule = Selector { env: Words::OneOf(BTreeSet::from(["prod".to_owned()])), ..Selector::default() };
        let sight = |env| Sight { tool: "kubectl", verb: "get", tier: Tier::Read, env, resources: &[] };
        assert!(rule.touches(&sight(None)));
        assert!(rule.touches(&sight(Some("prod"))));
        assert!(!rule.touches(&sight(Some("dev"))));
    }
}
