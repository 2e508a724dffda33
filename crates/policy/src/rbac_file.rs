//! Reads rbac.yaml.
//!
//! **Invariant:** an [`Rbac`] leaves here only together with the mistakes found on the way; the
//! caller takes it when there are none.

use crate::problems::{Mark, ProblemCode};
use crate::rbac::{
    Approval, Binding, Deny, Freeze, Holder, OWNERS, Pass, Permission, Protected, Rbac, Reason, Role, SENSITIVE,
    Sensitive,
};
use crate::reader::{Fields, Reader};
use crate::selector::{KEYS, Known, Selector, selector};
use crate::yaml::Node;
use countersign_core::quorum::{Clause, Quorum};
use countersign_core::refusal::shown;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long people have when a rule does not say.
const DEFAULT_EXPIRES: Duration = Duration::from_mins(30);

/// Nobody remembers for longer what a card was about.
const LONGEST_EXPIRES: Duration = Duration::from_hours(24);

mod budgets;
mod channels;
mod roles;

const SECTIONS: [&str; 9] =
    ["roles", "bindings", "deny", "protected", "sensitive", "approvals", "freezes", "budgets", "channels"];

const NOT_YET: [(&str, &str); 2] =
    [("auto_approve", "nothing agrees by itself"), ("grants", "time-boxed elevation comes with step-up")];

const RULE_NOT_YET: [(&str, &str); 2] =
    [("ticket", "tickets are not connected"), ("replaces_quorum_of", "there are no grants")];

/// Keeps ids distinct over the whole file, and remembers where each stands.
#[derive(Debug, Default)]
struct Ids(BTreeMap<String, Mark>);

impl Ids {
    /// The id of a rule that may go without one; it is named by what it is about then.
    fn of(
        &mut self,
        reader: &mut Reader<'_>,
        fields: &Fields<'_>,
        what: &str,
        otherwise: impl FnOnce() -> String,
    ) -> Option<String> {
        let Some(node) = fields.of("id") else {
            let id = otherwise();
            if let Some(first) = self.0.insert(id.clone(), fields.at) {
                let message = format!("{what} of the same name stands in line {}", first.line);
                let hint = "take one of the two away, or give them an `id` each";
                reader.note_with_hint(fields.at, ProblemCode::Duplicate, message, hint);
            }
            return Some(id);
        };
        self.take(reader, node, fields.at)
    }

    /// An id that somebody wrote.
    fn take(&mut self, reader: &mut Reader<'_>, node: &Node, at: Mark) -> Option<String> {
        let id = reader.name(node, "the id of a rule")?;
        if self.0.insert(id.to_owned(), at).is_some() {
            let message = format!("the id `{}` names another rule too", shown(id));
            reader.note(node.at, ProblemCode::Duplicate, message);
        }
        if id.starts_with("floor-") {
            let message = format!("`{}` sounds like a rule of the floor", shown(id));
            reader.note(node.at, ProblemCode::Value, message);
        }
        Some(id.to_owned())
    }
}

pub(crate) fn read(reader: &mut Reader<'_>, known: &Known) -> Rbac {
    let Some(root) = reader.document(&SECTIONS, &NOT_YET) else {
        return Rbac::default();
    };
    let crate::yaml::Value::Map(entries) = &root.value else {
        return Rbac::default();
    };
    let section = |name: &str| entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node);
    let mut ids = Ids::default();
    let sensitive_at = section(SENSITIVE).map_or_else(Mark::default, |node| node.at);
    ids.0.insert(SENSITIVE.to_owned(), sensitive_at);
    for needed in ["roles", "bindings"] {
        if section(needed).is_none() {
            let message = format!("without `{needed}` nobody may do anything");
            reader.note(Mark::default(), ProblemCode::Missing, message);
        }
    }
    let mut places = BTreeMap::new();
    let roles = section("roles").map_or_else(BTreeMap::new, |node| roles::roles(reader, node, known, &mut places));
    let part = |name: &str| section(name).map(|node| (name.to_owned(), node));
    let rbac = Rbac {
        bindings: list(reader, part("bindings"), |reader, node, nth| binding(reader, node, nth, known, &roles)),
        denies: list(reader, part("deny"), |reader, node, _| deny(reader, node, known, &mut ids)),
        protected: list(reader, part("protected"), |reader, node, _| protected(reader, node, known, &mut ids)),
        sensitive: section("sensitive").and_then(|node| sensitive(reader, node)),
        approvals: list(reader, part("approvals"), |reader, node, _| approval(reader, node, known, &mut ids)),
        freezes: list(reader, part("freezes"), |reader, node, _| freeze(reader, node, known, &mut ids)),
        budgets: list(reader, part("budgets"), |reader, node, _| {
            budgets::budget(reader, node, known, &roles, &mut ids)
        }),
        channels: list(reader, part("channels"), |reader, node, _| channels::channel(reader, node, known, &mut ids)),
        roles,
        places: BTreeMap::new(),
    };
    places.extend(rbac.bindings.iter().map(|one| (one.id.clone(), one.at)));
    places.extend(ids.0);
    Rbac { places, ..rbac }
}

fn list<T>(
    reader: &mut Reader<'_>,
    section: Option<(String, &Node)>,
    mut one: impl FnMut(&mut Reader<'_>, &Node, usize) -> Option<T>,
) -> Vec<T> {
    let Some((name, node)) = section else {
        return Vec::new();
    };
    let items = reader.list(node, &format!("`{name}`"));
    let read = items.iter().enumerate();
    read.filter_map(|(nth, item)| one(reader, item, nth)).collect()
}

fn binding(
    reader: &mut Reader<'_>,
    node: &Node,
    nth: usize,
    known: &Known,
    roles: &BTreeMap<String, Role>,
) -> Option<Binding> {
    let keys = ["group", "subject", "role", "only", "env"];
    let fields = reader.fields(node, "a binding", &keys, &[])?;
    let holder = holder(reader, &fields);
    let role = reader.required(&fields, "role", "a binding")?;
    let name = reader.name(role, "the name of a role")?;
    roles::unknown_role(reader, role.at, name, roles.keys().map(String::as_str));
    let mut only = match fields.of("only") {
        Some(node) => {
            let fields = reader.fields(node, "`only`", &KEYS, &[])?;
            selector(reader, &fields, known)
        }
        None => Selector::default(),
    };
    if let Some(node) = fields.of("env") {
        let env = crate::selector::words(reader, node, "environment", Some(&known.environments));
        match only.env.and(&env) {
            Some(both) => only.env = both,
            None => nothing(reader, node.at, "`env` and `only.env` have no environment in common"),
        }
    }
    let binding = Binding { id: format!("bindings[{nth}]"), holder: holder?, role: name.to_owned(), only, at: node.at };
    let gives = roles
        .get(name)
        .is_none_or(|role| role.allow.is_empty() || role.allow.iter().any(|one| narrowed(one, &binding).is_some()));
    if !gives {
        let message = format!("role `{name}` permits nothing of what `only` selects");
        nothing(reader, node.at, &message);
    }
    Some(binding)
}

fn nothing(reader: &mut Reader<'_>, at: Mark, message: &str) {
    let hint = "a binding that gives nothing is a mistake; take it away or widen it";
    reader.note_with_hint(at, ProblemCode::Empty, message, hint);
}

/// What a permission is worth through a binding; resources are narrowed by both separately.
pub(crate) fn narrowed(permission: &Permission, binding: &Binding) -> Option<Selector> {
    let (a, b) = (&permission.selector, &binding.only);
    let tiers: BTreeSet<_> = if b.tiers.is_empty() {
        a.tiers.clone()
    } else if a.tiers.is_empty() {
        b.tiers.clone()
    } else {
        a.tiers.intersection(&b.tiers).copied().collect()
    };
    let empty = tiers.is_empty() && !(a.tiers.is_empty() && b.tiers.is_empty());
    (!empty).then_some(())?;
    Some(Selector {
        tool: a.tool.and(&b.tool)?,
        verb: a.verb.and(&b.verb)?,
        tiers,
        env: a.env.and(&b.env)?,
        resources: a.resources.clone(),
    })
}

fn holder(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Holder> {
    match (fields.of("group"), fields.of("subject")) {
        (Some(node), None) => {
            let name = reader.name(node, "the name of a group")?;
            Some(Holder::Group(name.to_owned()))
        }
        (None, Some(node)) => {
            let text = reader.text(node, "an SSO subject")?;
            let parts = text.split_once('#');
            if parts.is_none_or(|(iss, sub)| iss.is_empty() || sub.is_empty()) {
                let message = format!("`{}` is not an SSO subject", shown(text));
                let hint = "write `issuer#subject`, as `https://idp.example#00u1`; never a chat name";
                reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
                return None;
            }
            Some(Holder::Subject(text.to_owned()))
        }
        _ => {
            let message = "a binding names a `group` or a `subject`, one of the two";
            reader.note(fields.at, ProblemCode::Missing, message);
            None
        }
    }
}

/// The keys of a rule: its id, what it selects, and its own.
fn rule<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    what: &str,
    own: &[&'static str],
    ids: &mut Ids,
) -> Option<(Fields<'n>, String)> {
    let mut keys = vec!["id", "why"];
    keys.extend(KEYS);
    keys.extend(own);
    let fields = reader.fields(node, what, &keys, &RULE_NOT_YET)?;
    let node = reader.required(&fields, "id", what)?;
    let id = ids.take(reader, node, fields.at)?;
    Some((fields, id))
}

fn why(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    let text = reader.text(fields.of("why")?, "`why`")?;
    Some(text.to_owned())
}

fn pass(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Pass> {
    reader.word(fields.of("pass")?, "way to pass", &[("break-glass", Pass::BreakGlass)])
}

fn deny(reader: &mut Reader<'_>, node: &Node, known: &Known, ids: &mut Ids) -> Option<Deny> {
    let (fields, id) = rule(reader, node, "a deny rule", &["unless_group"], ids)?;
    let mut unless = BTreeSet::new();
    if let Some(node) = fields.of("unless_group") {
        for item in reader.one_or_more(node, "`unless_group`") {
            unless.extend(reader.name(item, "the name of a group").map(str::to_owned));
        }
    }
    Some(Deny { id, selector: selector(reader, &fields, known), unless, why: why(reader, &fields), at: node.at })
}

fn protected(reader: &mut Reader<'_>, node: &Node, known: &Known, ids: &mut Ids) -> Option<Protected> {
    let (fields, id) = rule(reader, node, "a protection", &["pass"], ids)?;
    reader.required(&fields, "resource", "a protection");
    Some(Protected {
        id,
        selector: selector(reader, &fields, known),
        pass: pass(reader, &fields),
        why: why(reader, &fields),
    })
}

fn sensitive(reader: &mut Reader<'_>, node: &Node) -> Option<Sensitive> {
    let fields = reader.fields(node, "`sensitive`", &["allow", "or", "expires"], &[])?;
    if let Some(node) = fields.of("allow") {
        reader.word(node, "way to allow secrets", &[("grant", ())]);
    }
    let node = reader.required(&fields, "or", "`sensitive`")?;
    let quorum = quorum(reader, node)?;
    if quorum.is_none() {
        let message = "secret material is never shown without somebody's agreement";
        let hint = "write who must agree, as `1 of sre`";
        reader.note_with_hint(node.at, ProblemCode::Floor, message, hint);
    }
    Some(Sensitive { quorum, expires: expires(reader, &fields), at: node.at })
}

fn approval(reader: &mut Reader<'_>, node: &Node, known: &Known, ids: &mut Ids) -> Option<Approval> {
    let own = ["quorum", "expires", "factor", "reason"];
    let (fields, id) = rule(reader, node, "an approval rule", &own, ids)?;
    factor(reader, &fields);
    let reasons = [("required", Reason::Required), ("optional", Reason::Optional)];
    let reason = fields.of("reason").and_then(|node| reader.word(node, "word for a reason", &reasons));
    reader.required(&fields, "tier", "an approval rule");
    // Read for its mistakes; the reason itself is for whoever reads the file.
    why(reader, &fields);
    let expires = expires(reader, &fields);
    let selector = selector(reader, &fields, known);
    let node = reader.required(&fields, "quorum", "an approval rule")?;
    let quorum = quorum(reader, node)?;
    if quorum.is_none() && fields.of("why").is_none() {
        let message = format!("rule `{id}` asks nobody and does not say why");
        let hint = "add `why:` with the reason that nobody needs to agree";
        reader.note_with_hint(node.at, ProblemCode::Missing, message, hint);
    }
    let reason = reason.unwrap_or(Reason::Optional);
    Some(Approval { id, selector, quorum, expires, reason, at: node.at })
}

fn factor(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    let Some(node) = fields.of("factor") else {
        return;
    };
    if reader.word(node, "factor", &[("none", false), ("step-up", true)]) == Some(true) {
        let message = "`factor: step-up` is not available yet";
        let hint = "the page for the second factor has not shipped; take the key away until it has";
        reader.note_with_hint(node.at, ProblemCode::NotAvailableYet, message, hint);
    }
}

fn expires(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Duration {
    let Some(node) = fields.of("expires") else {
        return DEFAULT_EXPIRES;
    };
    let read = reader.duration(node, "`expires`").unwrap_or(DEFAULT_EXPIRES);
    if read > LONGEST_EXPIRES {
        reader.note(node.at, ProblemCode::Value, "`expires` is at most a day, `24h`");
    }
    read
}

/// The quorum, with the mistake pointed at inside of the text.
fn quorum(reader: &mut Reader<'_>, node: &Node) -> Option<Quorum> {
    let text = reader.text(node, "a quorum")?;
    let quorum = match text.parse::<Quorum>() {
        Ok(quorum) => quorum,
        Err(wrong) => {
            let at = Mark {
                line: node.at.line,
                // A quoted text begins one character later than its node.
                column: node.at.column + wrong.column - 1 + usize::from(node.at.length > text.chars().count()),
                length: 1,
            };
            reader.note(at, ProblemCode::Quorum, wrong.to_string());
            return None;
        }
    };
    for group in quorum.clauses().iter().flat_map(Clause::any_of) {
        let near = group.starts_with("owner") && group.contains("target") && group != OWNERS;
        if near || group.starts_with("owners-of") && group != OWNERS {
            let message = format!("no group word `{}`", shown(group));
            let hint = format!("did you mean `{OWNERS}`?");
            reader.note_with_hint(node.at, ProblemCode::UnknownWord, message, hint);
        }
    }
    Some(quorum)
}

fn freeze(reader: &mut Reader<'_>, node: &Node, known: &Known, ids: &mut Ids) -> Option<Freeze> {
    let (fields, id) = rule(reader, node, "a freeze", &["from", "to", "pass"], ids)?;
    let pass = pass(reader, &fields);
    let why = why(reader, &fields);
    let selector = selector(reader, &fields, known);
    let from = reader.required(&fields, "from", "a freeze");
    let to = reader.required(&fields, "to", "a freeze");
    let from = reader.instant(from?, "`from`");
    let until = reader.instant(to?, "`to`");
    let (from, until) = (from?, until?);
    if from >= until {
        let message = format!("freeze `{id}` ends before it begins");
        reader.note(to?.at, ProblemCode::Empty, message);
    }
    Some(Freeze { id, selector, from, to: until, pass, why })
}

/// Group names of the file that differ from each other only in case; compared exactly, so one of
/// the two would silently mean nobody.
pub(crate) fn groups_by_case(reader: &mut Reader<'_>, rbac: &Rbac, owners: &BTreeSet<String>) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for owner in owners {
        seen.insert(owner.to_lowercase(), owner.clone());
    }
    let mut check = |reader: &mut Reader<'_>, at: Mark, group: &str| {
        let first = seen.entry(group.to_lowercase()).or_insert_with(|| group.to_owned());
        if first.as_str() != group {
            let message = format!("groups `{}` and `{}` differ only in case", shown(first), shown(group));
            let hint = "groups are compared exactly; write the directory's spelling everywhere";
            reader.note_with_hint(at, ProblemCode::UnknownWord, message, hint);
        }
    };
    for binding in &rbac.bindings {
        if let Holder::Group(group) = &binding.holder {
            check(reader, binding.at, group);
        }
    }
    for deny in &rbac.denies {
        for group in &deny.unless {
            check(reader, deny.at, group);
        }
    }
    for (_, quorum, at) in rbac.quorums() {
        for group in quorum.clauses().iter().flat_map(Clause::any_of) {
            check(reader, at, group);
        }
    }
}
