//! What makes any change of aws more than its access level and verb say.
//!
//! **Invariant:** data with a reason each, and it only raises.

use super::classify::begins;
use super::read::Said;
use super::table::Operation;
use super::values;
use crate::custom::is_zero;
use crate::vocabulary::Threshold;
use countersign_core::tier::Tier;

/// Options that select targets by what they are, and not by name.
const SELECTORS: &[&str] = &["filter", "filters", "tag-filters", "on-premises-instance-tag-filters", "ec2-tag-filters"];

/// Options that open something to everybody, or change who may do what.
pub(super) const PERMITTING: &[&str] = &[
    "access-policies",
    "acl",
    "create-volume-permission",
    "grant-full-control",
    "grant-read",
    "grant-read-acp",
    "grant-write",
    "grant-write-acp",
    "grants",
    "launch-permission",
    "load-permission",
    "publicly-accessible",
    "user-groups",
];

/// Words inside a value that open something to everybody or take something away: where, which, why.
/// Operations whose values do so otherwise, such as routes, are not among them.
const TELLING: &[(&str, &[&str], &str)] = &[
    ("apigateway update-rest-api", &["/policy"], "says who may do what"),
    ("ec2 authorize-", EVERYWHERE, TO_EVERYBODY),
    ("ec2 create-network-acl-entry", EVERYWHERE, TO_EVERYBODY),
    ("ec2 modify-security-group-rules", EVERYWHERE, TO_EVERYBODY),
    ("ec2 replace-network-acl-entry", EVERYWHERE, TO_EVERYBODY),
    ("eks update-cluster-config", EVERYWHERE, TO_EVERYBODY),
    ("eks update-nodegroup-config", &["desiredSize=0", "desiredSize\":0", "desiredSize\": 0"], NOTHING_LEFT),
    ("dynamodb batch-write-item", &["DeleteRequest"], "deletes items"),
    ("dynamodb transact-write-items", &["Delete"], "deletes items"),
    ("lambda create-function-url-config", &["NONE"], TO_EVERYBODY),
    ("lambda update-function-url-config", &["NONE"], TO_EVERYBODY),
    ("redshift authorize-cluster-security-group-ingress", EVERYWHERE, TO_EVERYBODY),
    ("route53 change-resource-record-sets", &["DELETE"], "deletes records"),
    ("s3api put-bucket-lifecycle", &["Expiration", "NoncurrentVersionExpiration"], "deletes objects as they age"),
    ("wafv2 update-ip-set", EVERYWHERE, TO_EVERYBODY),
];

/// Every address, whatever stands before it.
const EVERYWHERE: &[&str] = &["/0"];
const NOTHING_LEFT: &str = "leaves nothing running";
const TO_EVERYBODY: &str = "opens it to everybody";

/// Options with a role that the operation hands on, so that it acts with the rights of that role.
const ROLES: &[&str] = &[
    "execution-role-arn",
    "iam-instance-profile",
    "iam-role",
    "job-role-arn",
    "role",
    "role-arn",
    "service-role",
    "service-role-arn",
    "task-role-arn",
];

/// Options that say how much runs.
const CAPACITIES: &[&str] =
    &["desired-capacity", "desired-count", "desired-instances", "max-size", "reserved-concurrent-executions"];

/// Options by which a machine that is there runs a program: operation, option, why.
const ENTRIES: &[(&str, &str, &str)] = &[("ec2 modify-instance-attribute", "user-data", "runs it as root")];

/// What is noticed about a mutation, and the least tier it has then.
pub(super) fn raises<'s>(
    operation: &'s Operation,
    said: &'s Said,
    thresholds: &'s [Threshold],
) -> impl Iterator<Item = (Tier, String)> + 's {
    let selected = SELECTORS.iter().filter(|name| said.is_on(name)).map(|name| format!("`--{name}`"));
    let targets = said.values("targets").iter().any(|target| target.text.contains("Key"));
    let selected = selected.chain(targets.then(|| "`--targets` by key".to_owned()));
    let selected = selected.map(|by| (Tier::Destructive, format!("target set unknown before it runs: {by}")));
    let permits = PERMITTING.iter().filter(|name| said.is_on(name));
    let permits = permits.map(|name| (Tier::Destructive, format!("`--{name}` says who may do what")));
    let nothing = said.given.is_empty() && said.places.is_empty() && !operation.options.is_empty();
    let nothing = (nothing && !creates(&operation.name)).then(|| (Tier::Destructive, "names no target".to_owned()));
    let most = said.given.iter().map(|given| values::count(said.values(given.option.name))).max().unwrap_or(0);
    let many = thresholds.iter().filter(move |one| most >= one.objects);
    let many = many.map(move |one| (one.tier, format!("{most} at once")));
    let roles = ROLES.iter().filter(|name| said.is_on(name));
    let roles = roles.map(|name| (Tier::Change, format!("acts with the role of `--{name}`")));
    let shrinks = !creates(&operation.name);
    let empty = CAPACITIES.iter().filter(move |name| shrinks && said.value(name).is_some_and(is_zero));
    let empty = empty.map(|name| (Tier::Destructive, format!("`--{name}` {NOTHING_LEFT}")));
    let entries = ENTRIES.iter().filter(|(name, option, _)| *name == operation.full_name() && said.is_on(option));
    let entries = entries.map(|(_, option, why)| (Tier::Destructive, format!("`--{option}`: {why}")));
    let selected = selected.chain(empty).chain(entries);
    selected.chain(permits).chain(nothing).chain(many).chain(roles).chain(telling(operation, said))
}

fn telling(operation: &Operation, said: &Said) -> Option<(Tier, String)> {
    let name = operation.full_name();
    let (_, words, why) = TELLING.iter().find(|(known, ..)| name.starts_with(known))?;
    let mut values = said.given.iter().flat_map(|given| said.values(given.option.name));
    let tells = values.any(|value| {
        let text = values::unescaped(&value.text);
        words.iter().any(|word| text.match_indices(word).any(|(at, _)| ends(text.get(at + word.len()..))))
    });
    tells.then(|| (Tier::Destructive, (*why).to_owned()))
}

/// Whether no letter or digit follows.
fn ends(rest: Option<&str>) -> bool {
    rest.is_none_or(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn creates(name: &str) -> bool {
    begins(name, &["allocate", "create", "register", "request", "run", "put", "import", "purchase"]).is_some()
}
