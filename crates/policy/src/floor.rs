//! The floor: what no file may loosen, compiled in.
//!
//! **Invariant:** the text comes from `policies/floor.yaml` at build time and nowhere else; there
//! is no way to hand another one in.

use crate::catalog::{Raise, Stage};
use crate::pattern;
use crate::problems::{Problem, ProblemCode};
use crate::rbac::Protected;
use crate::reader::{Fields, Reader};
use crate::selector::{Known, Selector, Sight, TIERS, Words, selector};
use crate::yaml::Node;
use countersign_core::tier::Tier;
use std::collections::BTreeMap;

const TEXT: &str = include_str!("../../../policies/floor.yaml");

/// policies/floor.yaml.
#[derive(Debug, Clone, Default)]
pub(crate) struct Floor {
    production: Vec<String>,
    pub(crate) approvals: Vec<Least>,
    pub(crate) raises: Vec<Raise>,
    pub(crate) protected: Vec<Protected>,
    pub(crate) denied: Vec<Protected>,
    runners: BTreeMap<String, String>,
}

/// How many people must agree.
#[derive(Debug, Clone)]
pub(crate) struct Least {
    pub(crate) id: String,
    pub(crate) selector: Selector,
    pub(crate) people: usize,
    pub(crate) reach: Reach,
}

/// Where a rule of the floor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Production,
    Everywhere,
}

const REACHES: [(&str, Reach); 2] = [("production", Reach::Production), ("everywhere", Reach::Everywhere)];

impl Floor {
    /// The built-in floor.
    pub(crate) fn built_in() -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new("floor.yaml", TEXT);
        let floor = read(&mut reader);
        let problems = reader.problems();
        if problems.is_empty() { Ok(floor) } else { Err(problems) }
    }

    /// Whether an environment with this name must be production.
    pub(crate) fn names_production(&self, env: &str) -> bool {
        let env = env.to_ascii_lowercase();
        self.production.iter().any(|name| pattern::covers(name, &env))
    }

    /// Why this runner is never allowed.
    pub(crate) fn forbids_runner(&self, name: &str) -> Option<&str> {
        self.runners.get(name).map(String::as_str)
    }

    /// The highest tier that the floor gives to anything a selector is about.
    pub(crate) fn least_tier(&self, about: &Selector) -> Option<Tier> {
        let overlapping = self.raises.iter().filter(|raise| {
            raise.selector.tool.and(&about.tool).is_some()
                && raise.selector.verb.and(&about.verb).is_some()
                // An override of all verbs raises the reads too, which is no loosening.
                && about.verb != Words::Any
        });
        overlapping.map(|raise| raise.tier).max()
    }

    /// The rule that says never.
    pub(crate) fn denies(&self, sight: &Sight<'_>) -> Option<&Protected> {
        self.denied.iter().find(|rule| rule.selector.touches(sight))
    }

    /// The rule that wants most people to agree to this.
    pub(crate) fn least_people(&self, sight: &Sight<'_>, stage: Stage) -> Option<&Least> {
        let here = |least: &&Least| least.reach == Reach::Everywhere || stage == Stage::Production;
        let about = self.approvals.iter().filter(here).filter(|least| least.selector.touches(sight));
        about.max_by_key(|least| least.people)
    }
}

fn read(reader: &mut Reader<'_>) -> Floor {
    let sections = ["production", "approvals", "tiers", "protected", "denied", "runners"];
    let mut floor = Floor::default();
    let Some(root) = reader.document(&sections, &[]) else {
        return floor;
    };
    let mut known = vec!["version"];
    known.extend(sections);
    let Some(fields) = reader.fields(&root, "the floor", &known, &[]) else {
        return floor;
    };
    for section in sections {
        let Some(node) = reader.required(&fields, section, "the floor") else {
            continue;
        };
        for item in reader.list(node, section) {
            entry(reader, &mut floor, section, item);
        }
    }
    floor
}

fn entry(reader: &mut Reader<'_>, floor: &mut Floor, section: &str, item: &Node) {
    match section {
        "production" => floor.production.extend(reader.text(item, "a name").map(str::to_owned)),
        "approvals" => floor.approvals.extend(least(reader, item)),
        "tiers" => floor.raises.extend(raise(reader, item)),
        "protected" => floor.protected.extend(rule(reader, item)),
        "denied" => floor.denied.extend(rule(reader, item)),
        _ => floor.runners.extend(runners(reader, item)),
    }
}

fn text(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Option<String> {
    let node = reader.required(fields, key, "a rule of the floor")?;
    reader.text(node, key).map(str::to_owned)
}

fn least(reader: &mut Reader<'_>, node: &Node) -> Option<Least> {
    let what = "an approval";
    let fields = reader.fields(node, what, &["id", "tool", "verb", "tier", "people", "where"], &[])?;
    reader.required(&fields, "tier", what)?;
    let people = reader.required(&fields, "people", what)?;
    let reach = reader.required(&fields, "where", what)?;
    Some(Least {
        id: text(reader, &fields, "id")?,
        selector: selector(reader, &fields, &any_tool()),
        people: usize::try_from(reader.whole(people, "people", 1, 20)?).ok()?,
        reach: reader.word(reach, "where", &REACHES)?,
    })
}

/// The floor knows tools that a catalog may lack, so no word is unknown to it.
fn any_tool() -> Known {
    Known { tools: crate::catalog_file::TOOLS.into_iter().map(str::to_owned).collect(), ..Known::default() }
}

fn raise(reader: &mut Reader<'_>, node: &Node) -> Option<Raise> {
    let fields = reader.fields(node, "a tier", &["tool", "verb", "at_least"], &[])?;
    let selector = selector(reader, &fields, &any_tool());
    let tier = reader.required(&fields, "at_least", "a tier")?;
    let tier = reader.word(tier, "tier", &TIERS)?;
    let why = format!("the floor calls this {tier}");
    Some(Raise { selector, tier, why })
}

fn rule(reader: &mut Reader<'_>, node: &Node) -> Option<Protected> {
    let keys = ["id", "tool", "verb", "tier", "resource", "why"];
    let fields = reader.fields(node, "a rule", &keys, &[])?;
    let id = text(reader, &fields, "id")?;
    if !id.starts_with("floor-") {
        reader.note(fields.at, ProblemCode::Value, "ids of the floor begin with `floor-`");
    }
    Some(Protected {
        id,
        selector: selector(reader, &fields, &any_tool()),
        pass: None,
        why: text(reader, &fields, "why"),
    })
}

fn runners(reader: &mut Reader<'_>, node: &Node) -> Vec<(String, String)> {
    let Some(fields) = reader.fields(node, "runners", &["names", "why"], &[]) else {
        return Vec::new();
    };
    let why = text(reader, &fields, "why").unwrap_or_default();
    let names = reader.required(&fields, "names", "runners");
    let items = names.map(|node| reader.list(node, "names")).unwrap_or_default();
    let found = items.iter().filter_map(|item| reader.name(item, "a name"));
    found.map(|name| (name.to_owned(), why.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_floor_has_no_problem() {
        let floor = Floor::built_in().unwrap();
        assert!(floor.names_production("prod") && floor.names_production("Prod-EU"));
        assert!(!floor.names_production("products") && !floor.names_production("dev"));
        assert!(floor.forbids_runner("bash").is_some() && floor.forbids_runner("df").is_none());
        assert_eq!(floor.approvals.len(), 3);
    }
}
