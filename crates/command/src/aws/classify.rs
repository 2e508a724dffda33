//! How dangerous an operation is.
//!
//! **Invariant:** the access level gives a tier and everything else only raises it, with the few
//! exceptions of [`KNOWN`], each with its reason; what nobody knows has the highest tier.

use super::known::KNOWN;
use super::read::Said;
use super::table::{Access, Argument, Operation};
use super::{documented, raises, secrets};
use crate::vocabulary::Threshold;
use countersign_core::tier::{Reversibility, Sensitivity, Tier};

/// What policy needs to know besides verb and resource.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) tier: Tier,
    pub(super) sensitivity: Sensitivity,
    pub(super) reversibility: Reversibility,
    pub(super) reasons: Vec<String>,
}

/// Verbs that take something away or interrupt it.
const DESTRUCTIVE: &[&str] = &[
    "abort",
    "cancel",
    "clear",
    "close",
    "deactivate",
    "deauthorize",
    "decline",
    "decrease",
    "delete",
    "deprecate",
    "deprovision",
    "deregister",
    "destroy",
    "detach",
    "disable",
    "disassociate",
    "discard",
    "disconnect",
    "dismiss",
    "dispose",
    "dissociate",
    "drain",
    "evict",
    "expire",
    "failover",
    "flush",
    "forget",
    "halt",
    "kill",
    "leave",
    "purge",
    "redact",
    "reject",
    "release",
    "remove",
    "reset",
    "revoke",
    "shutdown",
    "stop",
    "suspend",
    "terminate",
    "unassign",
    "undeploy",
    "ungroup",
    "uninstall",
    "unlink",
    "unpeer",
    "unregister",
    "unshare",
    "unsubscribe",
    "wipe",
    "withdraw",
];

/// Of those, verbs whose effect another command takes back.
const REVERSIBLE: &[&str] = &[
    "deactivate",
    "decline",
    "deregister",
    "detach",
    "disable",
    "disassociate",
    "disconnect",
    "dissociate",
    "drain",
    "failover",
    "remove",
    "revoke",
    "stop",
    "suspend",
    "unassign",
    "ungroup",
    "unlink",
    "unpeer",
    "unregister",
    "unshare",
    "unsubscribe",
];

/// Verbs that start something which cannot be called back.
const FINAL: &[&str] = &["execute", "invoke", "notify", "publish", "run-scheduled", "send"];

/// Words before a verb that say who or how many, and not what.
const BEFORE_THE_VERB: &[&str] = &["admin", "batch", "bulk", "force", "schedule", "start", "transact"];

/// Verbs of operations that change nothing although their name does not begin with `get`, `list` or
/// `describe`. An operation that its access level calls a read and whose verb is not among them is a
/// change: it starts, pays for or consumes something.
const READING: &[&str] = &[
    "admin-get",
    "admin-list",
    "analyze",
    "autocomplete",
    "batch-check",
    "batch-describe",
    "batch-detect",
    "batch-get",
    "batch-is",
    "batch-list",
    "calculate",
    "carrier",
    "check",
    "classify",
    "compare",
    "contains",
    "count",
    "describe",
    "detect",
    "discover",
    "domain",
    "download",
    "estimate",
    "evaluate",
    "export",
    "filter",
    "forecast",
    "generate-query",
    "geocode",
    "get",
    "head",
    "infer",
    "is",
    "list",
    "lookup",
    "optimize-waypoints",
    "phone-number-validate",
    "predict",
    "preview",
    "probe",
    "query",
    "recognize",
    "render",
    "resolve",
    "retrieve",
    "reverse",
    "scan",
    "search",
    "select",
    "simulate",
    "snap",
    "suggest",
    "test",
    "transact-get",
    "translate",
    "validate",
    "verify",
    "view",
    "wait",
];

/// Classifies an operation with its options.
pub(super) fn classify(operation: &Operation, said: &Said, thresholds: &[Threshold]) -> Class {
    let name = operation.full_name();
    let (mut tier, why) = base(operation, &name, said);
    let mut reasons = vec![why];
    if tier > Tier::Read {
        for (raised, reason) in raises::raises(operation, said, thresholds) {
            tier = tier.max(raised);
            reasons.push(reason);
        }
    }
    let secret = secrets::reason(&name, said).or_else(|| of_a_file(operation));
    reasons.extend(secret.map(|why| format!("output may hold {why}")));
    let sensitivity = secret.map_or(Sensitivity::Plain, |_| Sensitivity::Sensitive);
    Class { tier, sensitivity, reversibility: reversibility(operation, tier), reasons }
}

/// What an operation would have written into a file is whatever somebody once stored.
fn of_a_file(operation: &Operation) -> Option<&'static str> {
    let stored = operation.argument == Argument::File && operation.access != Access::Write;
    stored.then_some("whatever was stored")
}

fn base(operation: &Operation, name: &str, said: &Said) -> (Tier, String) {
    if let Some((tier, why)) = statement(name, said) {
        return (tier, why.to_owned());
    }
    let known = KNOWN.binary_search_by(|(known, ..)| (*known).cmp(name)).ok();
    if let Some((_, tier, why)) = known.and_then(|at| KNOWN.get(at)) {
        return (*tier, (*why).to_owned());
    }
    if documented::is_read(name) {
        return (Tier::Read, "reads".to_owned());
    }
    let destructive = destructive_verb(&operation.name);
    match (operation.access, destructive) {
        (Access::Unknown, _) => (Tier::Destructive, "its access level is unknown".to_owned()),
        (Access::Permissions, _) => (Tier::Destructive, "manages permissions".to_owned()),
        (Access::Read, None) if reads(&operation.name) => (Tier::Read, "reads".to_owned()),
        (_, Some(verb)) => (Tier::Destructive, format!("its verb is `{verb}`")),
        (Access::Read, None) => (Tier::Change, "reads, and starts or consumes something".to_owned()),
        (Access::Write, None) if permits(&operation.name) => (Tier::Destructive, "says who may do what".to_owned()),
        (Access::Tag, None) => (Tier::Change, "tags".to_owned()),
        (Access::Write, None) => (Tier::Change, "writes".to_owned()),
    }
}

/// `PartiQL` is what its first word says.
fn statement(name: &str, said: &Said) -> Option<(Tier, &'static str)> {
    match name {
        "dynamodb execute-statement" => {
            let first = said.value("statement")?.split_whitespace().next()?.to_ascii_lowercase();
            Some(match first.as_str() {
                "select" => (Tier::Read, "reads items"),
                "insert" | "update" => (Tier::Change, "writes items"),
                _ => (Tier::Destructive, "deletes items"),
            })
        }
        "dynamodb batch-execute-statement" | "dynamodb execute-transaction" => {
            Some((Tier::Destructive, "may delete items"))
        }
        "timestream-query query" => {
            let first = said.value("query-string")?.split_whitespace().next()?.to_ascii_lowercase();
            let reads = ["select", "show", "describe", "explain", "with"].contains(&first.as_str());
            Some(if reads { (Tier::Read, "reads rows") } else { (Tier::Change, "may write what it finds to a bucket") })
        }
        "athena start-query-execution" => {
            let first = said.value("query-string")?.split_whitespace().next()?.to_ascii_lowercase();
            let reads = ["select", "show", "describe", "explain", "with"].contains(&first.as_str());
            reads.then_some((Tier::Change, "reads rows, pays for it and writes them to a bucket"))
        }
        _ => None,
    }
}

/// Whether a name begins with one of these words.
pub(super) fn begins(name: &str, verbs: &[&'static str]) -> Option<&'static str> {
    let is_verb =
        |verb: &&&str| name.strip_prefix(**verb).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ' ']));
    verbs.iter().find(is_verb).copied()
}

/// How operations end that say who may do what, although their access level is to write. Source: the
/// policy that each takes.
const OF_PERMISSIONS: &[&str] = &[
    "-access-entry",
    "-access-policy",
    "-application-policy",
    "-channel-policy",
    "-cluster-policy",
    "-contact-policy",
    "-destination-policy",
    "-endpoint-policy",
    "-group-policy",
    "-permissions",
    "-permissions-policy",
    "-project-policy",
    "-public-sharing-settings",
    "-resource-policy",
    "-resource-policy-statement",
    "-sink-policy",
];

fn permits(name: &str) -> bool {
    OF_PERMISSIONS.iter().any(|end| name.ends_with(end))
}

fn reads(name: &str) -> bool {
    begins(name, READING).is_some()
}

/// The verb that takes away, also behind `batch-` and `admin-`; `deletion` anywhere.
fn destructive_verb(name: &str) -> Option<&'static str> {
    let mut rest = name;
    loop {
        if let Some(verb) = begins(rest, DESTRUCTIVE) {
            return Some(verb);
        }
        match begins(rest, BEFORE_THE_VERB).and_then(|word| rest.strip_prefix(word)?.strip_prefix('-')) {
            Some(behind) => rest = behind,
            None => return None.or_else(|| (!reads(name) && name.contains("deletion")).then_some("delete")),
        }
    }
}

fn reversibility(operation: &Operation, tier: Tier) -> Reversibility {
    if tier == Tier::Read {
        return Reversibility::NoneNeeded;
    }
    let verb = destructive_verb(&operation.name);
    let lost = verb.is_some_and(|verb| !REVERSIBLE.contains(&verb));
    let last = begins(&operation.name, FINAL).is_some() || operation.access == Access::Unknown && verb.is_none();
    if lost || last { Reversibility::Irreversible } else { Reversibility::Reversible }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::table;

    /// A verb that changes things is never a read, whatever the sources say of it.
    #[test]
    fn p13_no_operation_that_changes_is_a_read() {
        let changing = [
            "add",
            "associate",
            "attach",
            "authorize",
            "copy",
            "create",
            "delete",
            "deregister",
            "detach",
            "disable",
            "enable",
            "import",
            "modify",
            "put",
            "reboot",
            "register",
            "remove",
            "restore",
            "revoke",
            "run",
            "send",
            "set",
            "start",
            "tag",
            "terminate",
            "untag",
            "update",
            "upload",
        ];
        let said = Said::default();
        for service in table::services() {
            for operation in service.operations().filter_map(|name| service.operation(name)) {
                let class = classify(&operation, &said, &[]);
                let name = operation.full_name();
                let known = KNOWN.iter().any(|(known, ..)| *known == name);
                if class.tier == Tier::Read && !known {
                    assert_eq!(begins(&operation.name, &changing), None, "{name}");
                    let is_read = operation.access == Access::Read || documented::is_read(&name);
                    assert!(is_read, "{name}");
                }
            }
        }
    }
}
