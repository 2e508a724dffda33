//! The keys of rbac.yaml.

use super::{Key, Shape, may, needs};

pub(super) const FILE: &[Key] = &[
    needs("version", Shape::Version, "The version of the language."),
    needs("roles", Shape::Named(&Shape::Object(ROLE)), "What a role may do; where is said by the bindings."),
    needs("bindings", Shape::List(&Shape::Object(BINDING)), "Who holds a role, and where."),
    may("deny", Shape::List(&Shape::Object(DENY)), "No role outweighs these."),
    may("protected", Shape::List(&Shape::Object(PROTECTED)), "No approval passes these."),
    may("sensitive", Shape::Object(SENSITIVE), "Who agrees to output that may hold secrets."),
    may("approvals", Shape::List(&Shape::Object(APPROVAL)), "Who must agree; all rules that match apply together."),
    may("freezes", Shape::List(&Shape::Object(FREEZE)), "While one is on nothing changes."),
    may("budgets", Shape::List(&Shape::Object(BUDGET)), "How often one person may have something run."),
    may("channels", Shape::List(&Shape::Object(CHANNEL)), "What a channel takes; everything else is refused there."),
];

const TOOL: Key = may("tool", Shape::Texts, "kubectl, aws, gcloud, tf, deploy, silence, the name of a command, or *.");
const VERB: Key = may("verb", Shape::Texts, "As typed: delete, rollout restart; or *.");
const TIERS: Key = may("tier", Shape::Tiers, "Matches exactly; list several.");
const ENV: Key = may("env", Shape::Texts, "Environments of the catalog, or *.");
const RESOURCE: Key = may("resource", Shape::Texts, "k8s/*/ns/kube-*; a pattern covers everything below it.");
const ID: Key = needs("id", Shape::Text, "Names the rule in answers, refusals and records.");
const WHY: Key = may("why", Shape::Text, "For whoever is refused, and for whoever reads the file.");
const PASS: Key = may("pass", Shape::Word(&["break-glass"]), "What passes it.");
const EXPIRES: Key = may("expires", Shape::Duration, "How long people have; 30m if it is left away.");

const ROLE: &[Key] = &[
    may("inherits", Shape::Texts, "Roles of which it has every permission."),
    may("allow", Shape::List(&Shape::Object(PERMISSION)), "What it permits."),
];

const PERMISSION: &[Key] = &[
    needs("tool", Shape::Texts, "kubectl, aws, gcloud, tf, deploy, silence, the name of a command, or *."),
    needs("tier", Shape::Tiers, "Matches exactly; list several."),
    VERB,
    RESOURCE,
];

const BINDING: &[Key] = &[
    may("group", Shape::Text, "A group of the directory, compared exactly."),
    may("subject", Shape::Text, "An SSO subject: issuer#subject."),
    needs("role", Shape::Text, "The role."),
    may("only", Shape::Object(&[TOOL, VERB, TIERS, ENV, RESOURCE]), "Narrows what the role gives."),
    may("env", Shape::Texts, "Narrows where; together with only.env."),
];

const DENY: &[Key] = &[
    ID,
    WHY,
    TOOL,
    VERB,
    TIERS,
    ENV,
    RESOURCE,
    may("unless_group", Shape::Texts, "Groups whose members it is not about."),
];

const PROTECTED: &[Key] = &[
    ID,
    WHY,
    TOOL,
    VERB,
    TIERS,
    ENV,
    needs("resource", Shape::Texts, "k8s/*/ns/kube-*; a pattern covers everything below it."),
    PASS,
];

const SENSITIVE: &[Key] = &[
    may("allow", Shape::Word(&["grant"]), "What allows it without anybody's agreement."),
    needs("or", Shape::Text, "Who agrees: 1 of sre."),
    EXPIRES,
];

const APPROVAL: &[Key] = &[
    ID,
    WHY,
    TOOL,
    VERB,
    needs("tier", Shape::Tiers, "Matches exactly; list several."),
    ENV,
    RESOURCE,
    needs("quorum", Shape::Text, "2 of sre and 1 of owners-of-target; none with a why."),
    EXPIRES,
    may("factor", Shape::Word(&["none", "step-up"]), "What each ballot must carry."),
    may("reason", Shape::Word(&["required", "optional"]), "Whether the requester must say why."),
];

const FREEZE: &[Key] = &[
    ID,
    WHY,
    TOOL,
    VERB,
    TIERS,
    ENV,
    RESOURCE,
    needs("from", Shape::Instant, "Its first moment: 2026-12-20T00:00Z."),
    needs("to", Shape::Instant, "The first moment after it."),
    PASS,
];

const UNITS: Shape = Shape::Whole(1, 10_000);

const BUDGET: &[Key] = &[
    may("id", Shape::Text, "Names the rule; without it, what it is about does."),
    WHY,
    may("role", Shape::Text, "What this role permits, to whoever holds it."),
    TOOL,
    VERB,
    TIERS,
    ENV,
    RESOURCE,
    may("per_minute", UNITS, "As many in a minute."),
    may("per_hour", UNITS, "As many in an hour."),
    may("per_day", UNITS, "As many in a day of UTC."),
];

const CHANNEL: &[Key] = &[
    may("id", Shape::Text, "Names the rule; without it, its channels do."),
    WHY,
    needs("channel", Shape::Texts, "The ids of channels."),
    TOOL,
    VERB,
    TIERS,
    ENV,
    RESOURCE,
    may("private", Shape::Word(&["required"]), "Nothing is taken unless the chat knows that the channel is private."),
];
