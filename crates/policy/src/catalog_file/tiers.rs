//! Reads what raises a tier in catalog.yaml: overrides by verb, and numbers of objects.
//!
//! **Invariant:** an override that says less than the floor or the entry itself is a mistake.

use crate::catalog::{Catalog, Raise};
use crate::floor::Floor;
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::selector::{Known, TIERS, selector};
use crate::yaml::Node;
use countersign_command::vocabulary::Threshold;

pub(super) fn thresholds(reader: &mut Reader<'_>, node: &Node) -> Vec<Threshold> {
    let mut found = Vec::new();
    for item in reader.list(node, "`thresholds`") {
        let Some(fields) = reader.fields(item, "a threshold", &["objects", "tier"], &[]) else {
            continue;
        };
        let objects = reader.required(&fields, "objects", "a threshold");
        let objects = objects.and_then(|node| reader.whole(node, "`objects`", 1, 1_000_000));
        let tier = reader.required(&fields, "tier", "a threshold");
        let tier = tier.and_then(|node| reader.word(node, "tier", &TIERS));
        if let (Some(objects), Some(tier)) = (objects, tier) {
            let objects = usize::try_from(objects).unwrap_or(1);
            found.push(Threshold { objects, tier });
        }
    }
    found
}

pub(super) fn raises(
    reader: &mut Reader<'_>,
    node: &Node,
    known: &Known,
    catalog: &Catalog,
    floor: &Floor,
) -> Vec<Raise> {
    let mut found = Vec::new();
    for item in reader.list(node, "`tiers`") {
        let keys = ["tool", "verb", "env", "resource", "at_least", "why"];
        let Some(fields) = reader.fields(item, "a tier override", &keys, &[]) else {
            continue;
        };
        reader.required(&fields, "tool", "a tier override");
        let selector = selector(reader, &fields, known);
        let tier = reader.required(&fields, "at_least", "a tier override");
        let tier = tier.and_then(|node| reader.word(node, "tier", &TIERS));
        let why = reader.required(&fields, "why", "a tier override");
        let why = why.and_then(|node| reader.text(node, "`why`"));
        let (Some(tier), Some(why)) = (tier, why) else {
            continue;
        };
        let own = catalog.commands.iter().filter(|(name, _)| selector.tool.has(name));
        let highest = own.map(|(_, one)| one.grammar.tier).max();
        let below = floor.least_tier(&selector).max(highest).filter(|least| tier < *least);
        if let Some(least) = below {
            let message = format!("the override says {tier}, and it is {least} already");
            let hint = "an override can only raise a tier";
            reader.note_with_hint(item.at, ProblemCode::Floor, message, hint);
        }
        found.push(Raise { selector, tier, why: why.to_owned() });
    }
    found
}
