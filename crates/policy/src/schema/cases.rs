//! The keys of case files.

use super::{Key, Shape, TIER, may, needs};

pub(super) const FILE: &[Key] = &[
    needs("version", Shape::Version, "The version of the language."),
    needs("cases", Shape::List(&Shape::Object(CASE)), "The cases."),
];

const CASE: &[Key] = &[
    needs("note", Shape::Text, "What it shows, for whoever reads a failure."),
    needs("groups", Shape::List(&Shape::Text), "The groups of whoever types; may be none."),
    may("subject", Shape::Text, "issuer#subject, for bindings that name one."),
    may("standing", Shape::Word(&["active", "deactivated", "guest", "bot"]), "What the directory says of them."),
    may("text", Shape::Text, "The line."),
    may("texts", Shape::List(&Shape::Text), "Many lines of which the same must come."),
    may("attachment", Shape::Text, "The manifest that comes with it."),
    may("channel", Shape::Text, "The chat channel's id."),
    may("private", Shape::Bool, "Whether the chat knows that the channel is private."),
    may("now", Shape::Instant, "When; a plain day in June if it is left away."),
    needs("want", Shape::Object(WANT), "What must come of it; what is left away is not compared."),
];

const WANT: &[Key] = &[
    needs("decision", Shape::Word(&["cleared", "preview", "pending", "denied"]), "Which way it goes."),
    may("tier", TIER, "The effective tier."),
    may("refusal", Shape::Text, "The code of the refusal."),
    may("rule", Shape::Texts, "All rules that ask for agreement, or the one that refuses."),
    may("quorum", Shape::Texts, "All quorums that somebody must fill."),
    may("budget", Shape::Texts, "All budgets of which it takes a unit; none for none."),
    may("sensitivity", Shape::Word(&["plain", "sensitive"]), "Whether output may hold secrets."),
    may("reversibility", Shape::Word(&["none-needed", "reversible", "irreversible"]), "Whether it can be taken back."),
    may("env", Shape::Text, "The environment."),
    may("target", Shape::Text, "The entry of the catalog."),
    may("namespace", Shape::Text, "The namespace; * for all."),
    may("region", Shape::Text, "The region."),
    may("resource", Shape::Texts, "All resources."),
    may("argv", Shape::Text, "The canonical argv, as it is shown."),
];
