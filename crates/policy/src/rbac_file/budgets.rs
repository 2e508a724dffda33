//! Reads `budgets`: how often one person may have something run.
//!
//! **Invariant:** a budget without an id is named by what it is about, so that what was spent stays
//! spent when lines change their places.

use super::{Ids, roles};
use crate::problems::ProblemCode;
use crate::rbac::{Budget, Role};
use crate::reader::{Fields, Reader};
use crate::selector::{KEYS, Known, Selector, Words, selector};
use crate::yaml::Node;
use countersign_core::budget::{self, MOST_UNITS, Per};
use countersign_core::refusal::shown;
use std::collections::BTreeMap;

const PERIODS: [(&str, Per); 3] = [("per_minute", Per::Minute), ("per_hour", Per::Hour), ("per_day", Per::Day)];

pub(super) fn budget(
    reader: &mut Reader<'_>,
    node: &Node,
    known: &Known,
    known_roles: &BTreeMap<String, Role>,
    ids: &mut Ids,
) -> Option<Budget> {
    let mut keys = vec!["id", "why", "role"];
    keys.extend(KEYS);
    keys.extend(PERIODS.map(|(key, _)| key));
    let fields = reader.fields(node, "a budget", &keys, &[])?;
    // Read for its mistakes; the reason itself is for whoever reads the file.
    super::why(reader, &fields);
    let selector = selector(reader, &fields, known);
    let role = fields.of("role").and_then(|node| {
        let name = reader.name(node, "the name of a role")?;
        roles::unknown_role(reader, node.at, name, known_roles.keys().map(String::as_str));
        Some(name.to_owned())
    });
    let (per, units) = period(reader, &fields)?;
    let rule = ids.of(reader, &fields, "a budget", || named(&selector, role.as_deref(), per))?;
    Some(Budget { is: budget::Budget { rule, units, per }, selector, role })
}

/// How many in which time; one of the three is there.
fn period(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<(Per, u32)> {
    let found: Vec<(&str, Per, &Node)> =
        PERIODS.iter().filter_map(|(key, per)| Some((*key, *per, fields.of(key)?))).collect();
    let [(key, per, node)] = found.as_slice() else {
        let message = "a budget has one of `per_minute`, `per_hour` and `per_day`";
        reader.note_with_hint(fields.at, ProblemCode::Missing, message, "two limits are two budgets");
        return None;
    };
    let units = reader.whole(node, &format!("`{key}`"), 0, i64::from(MOST_UNITS))?;
    if units == 0 {
        let hint = "write a rule under `deny`, which says why";
        reader.note_with_hint(node.at, ProblemCode::Value, format!("`{key}` is 0: that is a denial"), hint);
        return None;
    }
    Some((*per, u32::try_from(units).unwrap_or(MOST_UNITS)))
}

/// `budget:role=viewer:minute`, `budget:tier=destructive:env=prod:day`.
fn named(selector: &Selector, role: Option<&str>, per: Per) -> String {
    let words = |key: &str, words: &Words| match words {
        Words::Any => None,
        Words::OneOf(words) => Some((key.to_owned(), words.iter().cloned().collect::<Vec<_>>())),
    };
    let some = |key: &str, all: Vec<String>| (!all.is_empty()).then(|| (key.to_owned(), all));
    let parts = [
        role.map(|role| ("role".to_owned(), vec![role.to_owned()])),
        words("tool", &selector.tool),
        words("verb", &selector.verb),
        some("tier", selector.tiers.iter().map(ToString::to_string).collect()),
        words("env", &selector.env),
        some("resource", selector.resources.iter().map(|one| one.as_str().to_owned()).collect()),
    ];
    let parts = parts.into_iter().flatten().map(|(key, all)| format!("{key}={}", shown(&all.join(","))));
    let parts: Vec<String> = parts.chain([per.as_str().to_owned()]).collect();
    format!("budget:{}", parts.join(":"))
}
