//! Reads case files.
//!
//! **Invariant:** what cannot be read is noted, and a file with a note has failed.

use crate::answer::{Asker, Decision, USUAL_TIME};
use crate::problems::{Mark, ProblemCode};
use crate::reader::{Fields, Reader};
use crate::selector::TIERS;
use crate::yaml::{Node, Value};
use countersign_core::channel::Channel;
use countersign_core::principal::{Principal, Standing, SubjectId};
use countersign_core::refusal::Code;
use countersign_core::tier::{Reversibility, Sensitivity, Tier};
use std::collections::BTreeSet;

/// One case.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) at: Mark,
    pub(super) note: String,
    pub(super) asker: Asker,
    pub(super) text: String,
    pub(super) want: Want,
}

/// What must come of it; what is left away is not compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Want {
    pub(super) decision: Option<Decision>,
    pub(super) tier: Option<Tier>,
    pub(super) refusal: Option<Code>,
    pub(super) rules: Option<BTreeSet<String>>,
    pub(super) quorums: Option<BTreeSet<String>>,
    pub(super) budgets: Option<BTreeSet<String>>,
    pub(super) sensitivity: Option<Sensitivity>,
    pub(super) reversibility: Option<Reversibility>,
    pub(super) env: Option<String>,
    pub(super) target: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) region: Option<String>,
    pub(super) resources: Option<BTreeSet<String>>,
    pub(super) argv: Option<String>,
}

const STANDINGS: [(&str, Standing); 4] = [
    ("active", Standing::Active),
    ("deactivated", Standing::Deactivated),
    ("guest", Standing::Guest),
    ("bot", Standing::Bot),
];

const SENSITIVITIES: [(&str, Sensitivity); 2] = [("plain", Sensitivity::Plain), ("sensitive", Sensitivity::Sensitive)];

const REVERSIBILITIES: [(&str, Reversibility); 3] = [
    ("none-needed", Reversibility::NoneNeeded),
    ("reversible", Reversibility::Reversible),
    ("irreversible", Reversibility::Irreversible),
];

/// The keys of a case.
pub const KEYS: [&str; 11] =
    ["note", "groups", "subject", "standing", "text", "texts", "attachment", "channel", "private", "now", "want"];

/// The keys of `want`.
pub const WANT_KEYS: [&str; 14] = [
    "decision",
    "tier",
    "refusal",
    "rule",
    "quorum",
    "budget",
    "sensitivity",
    "reversibility",
    "env",
    "target",
    "namespace",
    "region",
    "resource",
    "argv",
];

/// The cases of a file.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<Case> {
    let Some(root) = reader.document(&["cases"], &[]) else {
        return Vec::new();
    };
    let Some(fields) = reader.fields(&root, "the file", &["version", "cases"], &[]) else {
        return Vec::new();
    };
    let Some(node) = reader.required(&fields, "cases", "the file") else {
        return Vec::new();
    };
    reader.list(node, "`cases`").iter().filter_map(|item| case(reader, item)).flatten().collect()
}

/// One case, or as many as it has `texts`.
fn case(reader: &mut Reader<'_>, item: &Node) -> Option<Vec<Case>> {
    let fields = reader.fields(item, "a case", &KEYS, &[])?;
    let note = reader.required(&fields, "note", "a case")?;
    let note = reader.text(note, "`note`")?.to_owned();
    let groups = reader.required(&fields, "groups", "a case")?;
    let items = reader.list(groups, "`groups`");
    let groups = items.iter().filter_map(|item| reader.name(item, "a group").map(str::to_owned));
    let groups: BTreeSet<String> = groups.collect();
    let texts = texts(reader, &fields)?;
    let standing = fields.of("standing");
    let standing = standing.map(|node| reader.word(node, "standing", &STANDINGS));
    let id = match fields.of("subject") {
        Some(node) => subject(reader, node)?,
        None => SubjectId { iss: "case".to_owned(), sub: "somebody".to_owned() },
    };
    let now = fields.of("now").map(|node| reader.instant(node, "`now`"));
    let want = reader.required(&fields, "want", "a case")?;
    let channel = channel(reader, &fields)?;
    let first = Case {
        at: item.at,
        asker: Asker {
            principal: Principal {
                id,
                name: "Somebody".to_owned(),
                groups,
                standing: standing.map_or(Some(Standing::Active), |read| read)?,
                known_by: "case".to_owned(),
            },
            channel,
            attachment: fields
                .of("attachment")
                .map_or(Some(None), |node| typed(reader, node, "`attachment`").map(Some))?,
            now: now.map_or(Some(USUAL_TIME), |read| read)?,
        },
        text: String::new(),
        want: want_of(reader, want)?,
        note,
    };
    Some(texts.into_iter().map(|(at, text)| Case { at, text, ..first.clone() }).collect())
}

/// Where it is typed; `None` is a mistake. A channel is not known to be private unless the case says so.
#[expect(clippy::option_option, reason = "no channel, and one that could not be read, are two answers")]
fn channel(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Option<Channel>> {
    let private = match fields.of("private") {
        Some(node) => reader.boolean(node, "`private`")?,
        None => false,
    };
    let Some(node) = fields.of("channel") else {
        if let Some(node) = fields.of("private") {
            reader.note(node.at, ProblemCode::Missing, "`private` is about a `channel`");
        }
        return Some(None);
    };
    let id = reader.name(node, "`channel`")?;
    Some(Some(if private { Channel::private(id) } else { Channel::named(id) }))
}

fn subject(reader: &mut Reader<'_>, node: &Node) -> Option<SubjectId> {
    let text = reader.text(node, "`subject`")?;
    let Some((iss, sub)) = text.split_once('#') else {
        let hint = "write `issuer#subject`, as `https://idp.example#00u1`";
        reader.note_with_hint(node.at, ProblemCode::Value, "this is not an SSO subject", hint);
        return None;
    };
    Some(SubjectId { iss: iss.to_owned(), sub: sub.to_owned() })
}

/// The `text` of a case, or all of its `texts`, and where they stand.
fn texts(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Vec<(Mark, String)>> {
    let nodes: &[Node] = match fields.of("texts") {
        Some(several) => reader.one_or_more(several, "`texts`"),
        None => std::slice::from_ref(reader.required(fields, "text", "a case")?),
    };
    let mut found = Vec::new();
    for node in nodes {
        found.push((node.at, typed(reader, node, "`text`")?));
    }
    Some(found)
}

/// A text as people type it, which may hold every character there is.
fn typed(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    if let Value::Text(typed) = &node.value {
        return Some(typed.clone());
    }
    reader.text(node, what);
    None
}

fn want_of(reader: &mut Reader<'_>, node: &Node) -> Option<Want> {
    let fields = reader.fields(node, "`want`", &WANT_KEYS, &[])?;
    let decision = reader.required(&fields, "decision", "`want`")?;
    let mut want = Want { decision: Some(reader.word(decision, "decision", &Decision::WORDS)?), ..Want::default() };
    if let Some(node) = fields.of("tier") {
        want.tier = Some(reader.word(node, "tier", &TIERS)?);
    }
    if let Some(node) = fields.of("refusal") {
        let codes: Vec<(&str, Code)> = Code::ALL.iter().map(|code| (code.as_str(), *code)).collect();
        want.refusal = Some(reader.word(node, "refusal code", &codes)?);
    }
    if let Some(node) = fields.of("sensitivity") {
        want.sensitivity = Some(reader.word(node, "sensitivity", &SENSITIVITIES)?);
    }
    if let Some(node) = fields.of("reversibility") {
        want.reversibility = Some(reader.word(node, "reversibility", &REVERSIBILITIES)?);
    }
    let mut text = |key: &str| {
        let node = fields.of(key)?;
        reader.text(node, key).map(str::to_owned)
    };
    want.env = text("env");
    want.target = text("target");
    want.namespace = text("namespace");
    want.region = text("region");
    want.argv = text("argv");
    let mut texts = |key: &str| {
        let items = reader.one_or_more(fields.of(key)?, key);
        Some(items.iter().filter_map(|item| reader.text(item, key).map(str::to_owned)).collect())
    };
    want.rules = texts("rule");
    want.quorums = texts("quorum");
    want.budgets = texts("budget");
    want.resources = texts("resource");
    Some(want)
}
