//! The sentences of a no: what was asked, which rule, what to do next.
//!
//! **Invariant:** every refusal of this crate names a rule, and foreign text in it is harmless.

use crate::floor::{Least, Reach};
use crate::rbac::{Channel, Deny, Freeze, Holder, Pass, Permission, Protected, Rbac};
use crate::rbac_file::narrowed;
use crate::selector::{Sight, Words};
use countersign_core::command::Command;
use countersign_core::principal::{Principal, Standing};
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::tier::Tier;
use countersign_core::warrant::CredentialClass;

use std::collections::{BTreeMap, BTreeSet};

/// The rule that decides when no line is about the request.
pub(crate) const DEFAULT_DENY: &str = "default-deny";

/// "`kubectl delete` in `prod`".
pub(crate) fn what(command: &Command) -> String {
    let action = command.action();
    let (tool, verb) = (shown(&action.tool), shown(&action.verb));
    let named = if tool == verb || verb.is_empty() { tool } else { format!("{tool} {verb}") };
    match &action.scope.env {
        Some(env) => format!("`{named}` in `{}`", shown(env)),
        None => format!("`{named}`"),
    }
}

/// "a read", "a change", "destructive": how a tier is said of a command.
const fn said(tier: Tier) -> &'static str {
    match tier {
        Tier::Read => "a read",
        Tier::Change => "a change",
        Tier::Destructive => "destructive",
    }
}

pub(crate) fn standing(principal: &Principal) -> Refusal {
    let name = shown(&principal.name);
    let (code, is) = match principal.standing {
        Standing::Active => (Code::UnknownAccount, "is not known"),
        Standing::Deactivated => (Code::Deactivated, "is no longer active"),
        Standing::Guest => (Code::NotAMember, "is a guest here"),
        Standing::Bot => (Code::NotAMember, "is a program"),
    };
    Refusal::new(
        code,
        format!("{name} {is}; only active members of the organisation may ask"),
        "ask somebody who works here to make the request",
    )
    .by_rule("floor-active-people")
}

pub(crate) fn unknown_target(command: &Command, known: &str) -> Refusal {
    Refusal::new(
        Code::UnknownTarget,
        format!("{} acts on something that is not in the catalog", what(command)),
        format!("the catalog has: {known}"),
    )
    .by_rule("floor-catalogued-targets")
}

pub(crate) fn floor(command: &Command, rule: &Protected) -> Refusal {
    let why = rule.why.as_deref().unwrap_or("it is never allowed");
    Refusal::new(
        Code::Floor,
        format!("{} is never allowed here: {why}", what(command)),
        "do this outside of chat, under your organisation's own change control",
    )
    .by_rule(&rule.id)
}

pub(crate) fn denied(command: &Command, rule: Option<&Deny>, id: &str) -> Refusal {
    let why = rule.and_then(|rule| rule.why.as_deref()).unwrap_or("a rule forbids it");
    let unless: Vec<String> =
        rule.into_iter().flat_map(|rule| &rule.unless).map(|group| format!("`{group}`")).collect();
    let hint = if unless.is_empty() {
        "no role outweighs a deny rule; ask whoever keeps rbac.yaml".to_owned()
    } else {
        format!("ask somebody in {}", unless.join(" or "))
    };
    Refusal::new(Code::Denied, format!("{} is denied: {why}", what(command)), hint).by_rule(id)
}

/// "`kubectl delete` in `prod` is destructive and needs role `owner`; you have `viewer`".
pub(crate) fn not_allowed(command: &Command, principal: &Principal, rbac: &Rbac, sight: &Sight<'_>) -> Refusal {
    let held = held(principal, rbac);
    let needed = needed(rbac, sight);
    let role = match &needed {
        Some(role) => format!(" and needs role `{role}`"),
        None => ", and no role permits it".to_owned(),
    };
    let roles: Vec<String> = held.iter().map(|role| format!("`{role}`")).collect();
    let holds = if roles.is_empty() { "no role".to_owned() } else { roles.join(" and ") };
    let partly = if needed.is_some_and(|role| held.contains(&role)) { ", but not for all of this" } else { "" };
    let sentence = format!("{} is {}{role}; you hold {holds}{partly}", what(command), said(sight.tier));
    let hint = match givers(rbac, sight).as_slice() {
        [] => "no group may do this; ask whoever keeps rbac.yaml".to_owned(),
        groups => format!("ask somebody in {} to make the request", groups.join(" or ")),
    };
    Refusal::new(Code::NotAllowed, sentence, hint).by_rule(DEFAULT_DENY)
}

/// Whether a binding is about this person.
pub(crate) fn is_held_by(holder: &Holder, principal: &Principal) -> bool {
    match holder {
        Holder::Group(group) => principal.groups.contains(group),
        Holder::Subject(subject) => *subject == principal.id.to_string(),
    }
}

fn held(principal: &Principal, rbac: &Rbac) -> BTreeSet<String> {
    let bindings = rbac.bindings.iter().filter(|binding| is_held_by(&binding.holder, principal));
    bindings.map(|binding| binding.role.clone()).collect()
}

/// The smallest role that permits the tool, the verb and the tier somewhere.
fn needed(rbac: &Rbac, sight: &Sight<'_>) -> Option<String> {
    let permits = rbac.roles.iter().filter(|(_, role)| {
        role.allow.iter().any(|one| {
            let it = &one.selector;
            it.tool.has(sight.tool) && it.verb.has(sight.verb) && it.has_tier(sight.tier)
        })
    });
    let smallest = permits.min_by_key(|(_, role)| (role.includes.len(), role.allow.len()));
    smallest.map(|(name, _)| name.clone())
}

/// Groups with a binding that could permit it.
fn givers(rbac: &Rbac, sight: &Sight<'_>) -> Vec<String> {
    // Many bindings share a few roles, so each role is looked through once.
    let roles: BTreeMap<&str, Vec<&Permission>> = rbac
        .roles
        .iter()
        .map(|(name, role)| (name.as_str(), role.allow.iter().filter(|one| one.selector.touches(sight)).collect()))
        .collect();
    let mut groups = BTreeSet::new();
    for binding in &rbac.bindings {
        let Holder::Group(group) = &binding.holder else {
            continue;
        };
        let mut narrow =
            roles.get(binding.role.as_str()).into_iter().flatten().filter_map(|one| narrowed(one, binding));
        if narrow.any(|selector| selector.touches(sight)) {
            groups.insert(format!("`{group}`"));
        }
    }
    groups.into_iter().collect()
}

pub(crate) fn broken(command: &Command) -> Refusal {
    Refusal::new(
        Code::NoPolicy,
        format!("{} could not be decided, so it is refused", what(command)),
        "tell whoever operates Countersign; the log of the program says what failed",
    )
    .by_rule(DEFAULT_DENY)
}

pub(crate) fn protected(command: &Command, rule: &Protected) -> Refusal {
    let touched = rule
        .selector
        .resources
        .iter()
        .find(|pattern| command.action().resources.iter().any(|resource| pattern.touches(resource)));
    let touched = touched.map_or_else(String::new, |pattern| format!(" (`{}`)", pattern.as_str()));
    let why = rule.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    let hint = match (open(command), rule.pass) {
        (true, _) => "name the namespace and the objects, so that it is clear what is not meant",
        (false, Some(Pass::BreakGlass)) => "this needs break-glass, which is not available yet; do it outside of chat",
        (false, None) => "no approval passes this; do it outside of chat",
    };
    let sentence = format!("{} touches what is protected{touched}{why}", what(command));
    Refusal::new(Code::Protected, sentence, hint).by_rule(&rule.id)
}

/// Whether it is a cluster's command that does not say in which namespace.
fn open(command: &Command) -> bool {
    let resources = &command.action().resources;
    let unsaid = |text: &str| text.starts_with("k8s/") && text.split('/').nth(3) == Some("*");
    resources.iter().any(|resource| unsaid(resource.as_str()))
}

pub(crate) fn frozen(command: &Command, rule: &Freeze) -> Refusal {
    let why = rule.why.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
    let sentence = format!("{} is frozen until {}{why}", what(command), rule.to);
    let hint = match rule.pass {
        Some(Pass::BreakGlass) => {
            "leave `--apply` away to see the effect; passing a freeze needs break-glass, which is not available yet"
        }
        None => "leave `--apply` away to see the effect, and ask again after the freeze",
    };
    Refusal::new(Code::Frozen, sentence, hint).by_rule(&rule.id)
}

/// The channel is for something else.
pub(crate) fn other_channel(command: &Command, rule: &Channel) -> Refusal {
    let envs = match &rule.only.env {
        Words::OneOf(envs) => format!(", which is for {}", quoted(envs)),
        Words::Any => String::new(),
    };
    let why = rule.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    Refusal::new(
        Code::WrongChannel,
        format!("{} is not taken in this channel{envs}{why}", what(command)),
        "ask in another channel, or write to Countersign directly",
    )
    .by_rule(&rule.id)
}

/// The front does not say that the channel is private.
pub(crate) fn private_channel(command: &Command, rule: &Channel) -> Refusal {
    let why = rule.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    Refusal::new(
        Code::WrongChannel,
        format!("{} is taken in this channel only while it is private, and that is not known{why}", what(command)),
        "ask with a slash command, which tells whether a channel is private; a mention does not",
    )
    .by_rule(&rule.id)
}

/// `a`, `b`.
fn quoted(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ")
}

pub(crate) fn no_approval_rule(command: &Command) -> Refusal {
    Refusal::new(
        Code::NoApprovalRule,
        format!("{} is destructive, and no approval rule covers it", what(command)),
        "add a rule under `approvals` in rbac.yaml; `quorum: none` with a `why` if nobody needs to agree",
    )
    .by_rule("floor-approval-rule")
}

pub(crate) fn too_few(command: &Command, least: &Least, tier: Tier) -> Refusal {
    let place = match least.reach {
        Reach::Production => " in production",
        Reach::Everywhere => "",
    };
    Refusal::new(
        Code::Floor,
        format!(
            "{} is {}{place}, which needs the agreement of {} or more, and no approval rule asks for it",
            what(command),
            said(tier),
            least.people
        ),
        "add a rule under `approvals` in rbac.yaml that covers it",
    )
    .by_rule(&least.id)
}

/// Nothing of this class can run against the target.
pub(crate) fn no_credential(command: &Command, class: CredentialClass) -> Refusal {
    let target = command.action().scope.target.as_deref().unwrap_or("it");
    Refusal::new(
        Code::CredentialUnavailable,
        format!("{} needs a `{}` credential, and `{}` has none", what(command), class.as_str(), shown(target)),
        "ask the platform team whether the catalog should name one under `credentials`",
    )
    .by_rule("catalog.credentials")
}

pub(crate) fn sensitive(command: &Command) -> Refusal {
    Refusal::new(
        Code::Denied,
        format!("{} may show secret material, and nobody is named who could agree to that", what(command)),
        "ask in a form that leaves the values out, or name a quorum under `sensitive` in rbac.yaml",
    )
    .by_rule("floor-sensitive")
}

pub(crate) fn no_isolation(command: &Command) -> Refusal {
    Refusal::new(
        Code::IsolationUnavailable,
        format!("{} changes something, and its entry asks for no isolation", what(command)),
        "give the entry in catalog.yaml an `isolation` level",
    )
    .by_rule("floor-isolation")
}
