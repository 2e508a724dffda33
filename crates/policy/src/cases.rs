//! Cases as data: who types what, and what must come of it.
//!
//! **Invariant:** a case that cannot be read has failed; nothing in a case file is skipped.
//!
//! ```yaml
//! version: 1
//! cases:
//!   - note: two people for a deletion in production
//!     groups: [sre]
//!     text: "/kubectl delete pod api -n web --context prod --apply"
//!     want: { tier: destructive, decision: pending, rule: prod-destructive, quorum: "2 of sre" }
//!   - note: many lines of which the same must come
//!     groups: [engineering]
//!     texts: [ "/kubectl get pods --context prod", "/kubectl get po --context prod" ]
//!     want: { decision: cleared, tier: read, sensitivity: plain }
//! ```

use crate::policy::{Policy, Source};
use crate::problems::{Mark, ProblemCode, Problems};
use crate::reader::{Fields, Reader};
use crate::selector::TIERS;
use crate::yaml::Node;
use countersign_command::{Context, Typed};
use countersign_core::command::Command;
use countersign_core::decision::DecisionBytes;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::invocation::{Invocation, Receipt, Received, Ruling};
use countersign_core::policy::Facts;
use countersign_core::principal::{Account, Principal, Standing, SubjectId};
use countersign_core::quorum::Quorum;
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::subject::Subject;
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// When a case happens that does not say: 2026-06-01T12:00:00Z, far from any holiday.
const USUAL_TIME: i64 = 1_780_315_200_000;

/// What came of a set of case files.
#[derive(Debug, Clone, Default)]
pub struct Report {
    passed: usize,
    failures: Problems,
    missing: Vec<String>,
}

impl Report {
    /// How many cases came out as they say.
    #[must_use]
    pub const fn passed(&self) -> usize {
        self.passed
    }

    /// The cases that did not, and the mistakes of the files.
    #[must_use]
    pub const fn failures(&self) -> &Problems {
        &self.failures
    }

    /// Catalog entries without a case that is allowed, or without one that is denied.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether every case passed and none is missing.
    #[must_use]
    pub const fn is_green(&self) -> bool {
        self.failures.is_empty() && self.missing.is_empty()
    }

    pub(crate) fn into_failures(self) -> Problems {
        self.failures
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.failures.all() {
            writeln!(f, "{failure}")?;
        }
        for missing in &self.missing {
            writeln!(f, "missing: {missing}")?;
        }
        let failed = self.failures.all().len();
        write!(f, "{} cases passed, {failed} failed, {} missing", self.passed, self.missing.len())
    }
}

/// Runs every case of these files against a policy.
#[must_use]
pub fn run(policy: &Policy, files: &[Source]) -> Report {
    let mut coverage = Coverage::of(policy);
    let mut passed = 0;
    let mut failures = Vec::new();
    for file in files {
        let mut reader = Reader::new(&file.name, &file.text);
        for case in read(&mut reader) {
            let got = outcome(policy, &case);
            coverage.add(&got);
            let differences = differences(&case.want, &got);
            if differences.is_empty() {
                passed += 1;
            } else {
                let message = format!("{}: {}", case.note, differences.join("; "));
                reader.note_with_hint(case.at, ProblemCode::Case, message, got.said);
            }
        }
        failures.extend(reader.problems());
    }
    Report { passed, failures: Problems::of(failures), missing: coverage.missing() }
}

/// One case.
#[derive(Debug, Clone)]
struct Case {
    at: Mark,
    note: String,
    principal: Principal,
    text: String,
    channel: Option<String>,
    now: Timestamp,
    want: Want,
}

/// What must come of it; what is left away is not compared.
#[derive(Debug, Clone, Default)]
struct Want {
    decision: Option<Decision>,
    tier: Option<Tier>,
    refusal: Option<Code>,
    rules: Option<BTreeSet<String>>,
    quorums: Option<BTreeSet<String>>,
    sensitivity: Option<Sensitivity>,
    reversibility: Option<Reversibility>,
    namespace: Option<String>,
    argv: Option<String>,
}

/// The four ways a request can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Cleared,
    Pending,
    Denied,
    Preview,
}

const DECISIONS: [(&str, Decision); 4] = [
    ("cleared", Decision::Cleared),
    ("pending", Decision::Pending),
    ("denied", Decision::Denied),
    ("preview", Decision::Preview),
];

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

fn word_of(decision: Decision) -> &'static str {
    DECISIONS.iter().find(|(_, one)| *one == decision).map_or("", |(word, _)| word)
}

fn read(reader: &mut Reader<'_>) -> Vec<Case> {
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
    let keys = ["note", "groups", "subject", "standing", "text", "texts", "channel", "now", "want"];
    let fields = reader.fields(item, "a case", &keys, &[])?;
    let note = reader.required(&fields, "note", "a case")?;
    let note = reader.text(note, "`note`")?.to_owned();
    let groups = reader.required(&fields, "groups", "a case")?;
    let items = reader.list(groups, "`groups`");
    let groups = items.iter().filter_map(|item| reader.name(item, "a group").map(str::to_owned));
    let groups: BTreeSet<String> = groups.collect();
    let texts = texts(reader, &fields)?;
    let standing = fields.of("standing");
    let standing = standing.map(|node| reader.word(node, "standing", &STANDINGS));
    let subject = fields.of("subject").map(|node| reader.text(node, "`subject`"));
    let (iss, sub) = match subject {
        Some(text) => text?.split_once('#')?,
        None => ("case", "somebody"),
    };
    let now = fields.of("now").map(|node| reader.instant(node, "`now`"));
    let want = reader.required(&fields, "want", "a case")?;
    let channel = fields.of("channel").map(|node| reader.name(node, "`channel`"));
    let first = Case {
        at: item.at,
        principal: Principal {
            id: SubjectId { iss: iss.to_owned(), sub: sub.to_owned() },
            name: "Somebody".to_owned(),
            groups,
            standing: standing.map_or(Some(Standing::Active), |read| read)?,
            known_by: "case".to_owned(),
        },
        text: String::new(),
        channel: channel.map_or(Some(None), |read| read.map(|name| Some(name.to_owned())))?,
        now: now.map_or(Some(Timestamp::from_millis(USUAL_TIME)), |read| read)?,
        want: want_of(reader, want)?,
        note,
    };
    Some(texts.into_iter().map(|(at, text)| Case { at, text, ..first.clone() }).collect())
}

/// The `text` of a case, or all of its `texts`, and where they stand.
fn texts(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Vec<(Mark, String)>> {
    let nodes: &[Node] = match fields.of("texts") {
        Some(several) => reader.list(several, "`texts`"),
        None => std::slice::from_ref(reader.required(fields, "text", "a case")?),
    };
    let mut found = Vec::new();
    for node in nodes {
        // Not `Reader::text`: what people type may hold every character there is.
        let crate::yaml::Value::Text(typed) = &node.value else {
            reader.text(node, "`text`");
            return None;
        };
        found.push((node.at, typed.clone()));
    }
    Some(found)
}

fn want_of(reader: &mut Reader<'_>, node: &Node) -> Option<Want> {
    let keys = ["decision", "tier", "refusal", "rule", "quorum", "sensitivity", "reversibility", "namespace", "argv"];
    let fields = reader.fields(node, "`want`", &keys, &[])?;
    let decision = reader.required(&fields, "decision", "`want`")?;
    let mut want = Want { decision: Some(reader.word(decision, "decision", &DECISIONS)?), ..Want::default() };
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
    want.namespace = text("namespace");
    want.argv = text("argv");
    let mut texts = |key: &str| {
        let items = reader.one_or_more(fields.of(key)?, key);
        Some(items.iter().filter_map(|item| reader.text(item, key).map(str::to_owned)).collect())
    };
    want.rules = texts("rule");
    want.quorums = texts("quorum");
    Some(want)
}

/// What came of a case, in the words it can ask for.
#[derive(Debug)]
struct Got {
    decision: Decision,
    tier: Option<Tier>,
    refusal: Option<Code>,
    rules: BTreeSet<String>,
    quorums: BTreeSet<String>,
    sensitivity: Option<Sensitivity>,
    reversibility: Option<Reversibility>,
    namespace: Option<String>,
    argv: Option<String>,
    /// What the person reads.
    said: String,
    /// The catalog entry it was about.
    entry: Option<String>,
}

fn outcome(policy: &Policy, case: &Case) -> Got {
    let command = match parse(policy, &case.text, case.channel.as_deref()) {
        Ok(command) => command,
        Err(refusal) => return no(&refusal, None),
    };
    let facts = Facts::new(case.now, [case.principal.clone()]);
    let (named, mode) = (entry(&command), command.mode());
    // The whole kernel is asked, so that a case cannot pass where its floor would say no.
    match received(case, command).decide(policy, &facts, &[]) {
        Ruling::Denied(denied) => no(&denied.refusal, named),
        Ruling::Pending(it) => yes(Decision::Pending, it.draft(), it.granted_by(), named),
        Ruling::Cleared(it) => {
            let decision = match mode {
                Mode::DryRun => Decision::Preview,
                Mode::Apply => Decision::Cleared,
            };
            yes(decision, it.decision(), it.granted_by(), named)
        }
    }
}

fn yes(decision: Decision, bytes: &DecisionBytes, granted_by: &[String], entry: Option<String>) -> Got {
    let decided = bytes.decision();
    let asked = decided.rules.iter().filter(|rule| rule.quorum != Quorum::none().to_string());
    Got {
        decision,
        tier: Some(decided.tier),
        refusal: None,
        rules: decided.rules.iter().map(|rule| rule.id.clone()).collect(),
        quorums: asked.map(|rule| rule.quorum.clone()).collect(),
        sensitivity: Some(decided.sensitive),
        reversibility: Some(decided.reversibility),
        namespace: decided.scope.namespace.clone(),
        argv: Some(decided.argv.to_string()),
        said: format!("it was allowed by {}", granted_by.join(", ")),
        entry,
    }
}

/// The request as a gateway would receive it.
fn received(case: &Case, command: Command) -> Invocation<Received> {
    let origin = Origin { deployment: "cases", front: "cases", team: "cases", trigger: &case.text };
    let receipt = Receipt {
        id: InvocationId::derive(origin, case.now),
        deployment: "cases".to_owned(),
        account: Account { front: "cases".to_owned(), team: "cases".to_owned(), user: "cases".to_owned() },
        thread: String::new(),
        channel: case.channel.clone(),
        typed: case.text.clone(),
        reason: None,
        at: case.now,
    };
    Invocation::receive(receipt, case.principal.clone(), Subject::Command(Box::new(command)))
}

fn no(refusal: &Refusal, entry: Option<String>) -> Got {
    Got {
        decision: Decision::Denied,
        tier: None,
        refusal: Some(refusal.code()),
        rules: refusal.rule().map(str::to_owned).into_iter().collect(),
        quorums: BTreeSet::new(),
        sensitivity: None,
        reversibility: None,
        namespace: None,
        argv: None,
        said: format!("{refusal}; {}", refusal.hint()),
        entry,
    }
}

/// A typed line as a command; Countersign's own questions are no commands.
pub(crate) fn parse(policy: &Policy, text: &str, channel: Option<&str>) -> Result<Command, Box<Refusal>> {
    let context = Context { channel: channel.map(str::to_owned) };
    match countersign_command::parse(text, &context, policy.vocabulary())? {
        Typed::Run { command, reason: _ } => Ok(command),
        Typed::Ask(_) => Err(Refusal::new(
            Code::EmptyCommand,
            format!("`{}` is a question to Countersign, not a command", shown(text)),
            "cases are about commands",
        )
        .into()),
    }
}

fn entry(command: &Command) -> Option<String> {
    let action = command.action();
    match command.tool() {
        countersign_core::command::Tool::Custom(name) => Some(format!("command `{name}`")),
        _ => action.scope.target.as_ref().map(|name| format!("cluster `{name}`")),
    }
}

fn differences(want: &Want, got: &Got) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, want: Option<String>, got: String| {
        if let Some(want) = want.filter(|want| *want != got) {
            found.push(format!("{what} is {got}, not {want}"));
        }
    };
    let list = |set: &BTreeSet<String>| match set.len() {
        0 => "none".to_owned(),
        _ => set.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    compare("decision", want.decision.map(|one| word_of(one).to_owned()), word_of(got.decision).to_owned());
    compare("tier", want.tier.map(|one| one.to_string()), got.tier.map_or("none".to_owned(), |one| one.to_string()));
    compare(
        "refusal",
        want.refusal.map(|one| one.to_string()),
        got.refusal.map_or("none".to_owned(), |one| one.to_string()),
    );
    compare("rule", want.rules.as_ref().map(list), list(&got.rules));
    compare("quorum", want.quorums.as_ref().map(list), list(&got.quorums));
    let none = || "none".to_owned();
    compare(
        "sensitivity",
        want.sensitivity.map(|one| one.to_string()),
        got.sensitivity.map_or_else(none, |one| one.to_string()),
    );
    compare(
        "reversibility",
        want.reversibility.map(|one| one.to_string()),
        got.reversibility.map_or_else(none, |one| one.to_string()),
    );
    compare("namespace", want.namespace.clone(), got.namespace.clone().unwrap_or_else(none));
    compare("argv", want.argv.clone(), got.argv.clone().unwrap_or_else(none));
    found
}

/// Which catalog entries were seen allowed, and which denied.
struct Coverage(BTreeMap<String, (bool, bool)>);

impl Coverage {
    fn of(policy: &Policy) -> Self {
        let clusters = policy.catalog.clusters.keys().map(|name| format!("cluster `{name}`"));
        let commands = policy.catalog.commands.keys().map(|name| format!("command `{name}`"));
        Self(clusters.chain(commands).map(|entry| (entry, (false, false))).collect())
    }

    fn add(&mut self, got: &Got) {
        let seen = got.entry.as_ref().and_then(|entry| self.0.get_mut(entry));
        if let Some((allowed, denied)) = seen {
            *allowed |= got.decision != Decision::Denied;
            *denied |= got.decision == Decision::Denied;
        }
    }

    fn missing(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (entry, (allowed, denied)) in &self.0 {
            if !allowed {
                found.push(format!("a case that allows {entry}"));
            }
            if !denied {
                found.push(format!("a case that denies {entry}"));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
