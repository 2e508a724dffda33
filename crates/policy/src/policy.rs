//! The compiled policy: loaded whole or not at all.
//!
//! **Invariant:** a [`Policy`] exists only when both files are without a mistake; it never changes
//! afterwards, and answering needs nothing but its arguments.

use crate::catalog::{Catalog, Overrides};
use crate::engine::Engine;
use crate::floor::{Floor, Reach};
use crate::problems::{Mark, Problem, ProblemCode, Problems};
use crate::rbac::{OWNERS, Rbac, Reason};
use crate::reader::Reader;
use crate::{catalog_file, judge, rbac_file};
use countersign_command::Vocabulary;
use countersign_core::command::Command;
use countersign_core::digest::Digest;
use countersign_core::policy::{Canonical, Facts, Judgement, PolicyDigests, Request};
use countersign_core::quorum::Quorum;
use countersign_core::refusal::{Refusal, shown};
use std::collections::BTreeSet;
use std::fmt;

/// A file's name, for messages, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As people know it: `rbac.yaml`.
    pub name: String,
    /// All of it.
    pub text: String,
}

impl Source {
    /// A file's name and text.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// The two files people edit. The floor is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// rbac.yaml: who.
    pub rbac: Source,
    /// catalog.yaml: what and where.
    pub catalog: Source,
}

impl Sources {
    /// Digests of the bytes, whether or not they load.
    #[must_use]
    pub fn digests(&self) -> PolicyDigests {
        PolicyDigests { rbac: Digest::of(self.rbac.text.as_bytes()), catalog: Digest::of(self.catalog.text.as_bytes()) }
    }
}

/// rbac.yaml, catalog.yaml and the floor, ready to decide.
pub struct Policy {
    pub(crate) rbac: Rbac,
    pub(crate) catalog: Catalog,
    pub(crate) floor: Floor,
    pub(crate) engine: Engine,
    sources: Sources,
}

impl Policy {
    /// Reads and compiles both files.
    ///
    /// # Errors
    /// Every mistake of both files at once, in the order of the files.
    pub fn load(sources: Sources, overrides: &Overrides) -> Result<Self, Problems> {
        let floor = Floor::built_in().map_err(Problems::of)?;
        let mut catalog_reader = Reader::new(&sources.catalog.name, &sources.catalog.text);
        let catalog = catalog_file::read(&mut catalog_reader, &floor);
        let (catalog, unknown) = catalog.with(overrides);
        for name in unknown {
            let message = format!("an override names cluster `{}`, which is not here", shown(&name));
            catalog_reader.note(Mark::default(), ProblemCode::UnknownWord, message);
        }
        let mut rbac_reader = Reader::new(&sources.rbac.name, &sources.rbac.text);
        let known = catalog_file::known(&catalog);
        let rbac = rbac_file::read(&mut rbac_reader, &known);
        rbac_file::groups_by_case(&mut rbac_reader, &rbac, &owners(&catalog));
        production(&mut rbac_reader, &rbac, &catalog, &floor);
        let mut problems = catalog_reader.problems();
        problems.extend(rbac_reader.problems());
        if !problems.is_empty() {
            return Err(Problems::of(problems));
        }
        let engine = Engine::compile(&rbac).map_err(|error| {
            let whole = Mark::default();
            let problem = Problem::new(&sources.rbac.name, whole, ProblemCode::Empty, error.to_string());
            Problems::of(vec![problem])
        })?;
        Ok(Self { rbac, catalog, floor, engine, sources })
    }

    /// The same policy, with casbin asked about every line and not only about those that an index
    /// finds: what the index is compared with and measured against.
    #[must_use]
    pub fn without_index(self) -> Self {
        Self { engine: self.engine.whole(), ..self }
    }

    /// What there is, and where.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The names a grammar may use.
    #[must_use]
    pub const fn vocabulary(&self) -> &Vocabulary {
        &self.catalog.vocabulary
    }

    /// The files this was loaded from.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Whether the rule with this id wants the requester to say why.
    #[must_use]
    pub fn asks_for_reason(&self, rule: &str) -> bool {
        let found = self.rbac.approvals.iter().find(|approval| approval.id == rule);
        found.is_some_and(|approval| approval.reason == Reason::Required)
    }

    /// Quorums that can never be met by the people there are: `members` says how many active
    /// people are in a group, or `None` when the directory does not know the group.
    #[must_use]
    pub fn check_people(&self, members: &dyn Fn(&str) -> Option<usize>) -> Problems {
        let mut reader = Reader::new(&self.sources.rbac.name, &self.sources.rbac.text);
        for (id, quorum, at) in self.rbac.quorums() {
            for quorum in self.resolved(quorum) {
                for (code, message) in unmet(id, &quorum, members) {
                    reader.note(at, code, message);
                }
            }
        }
        Problems::of(reader.problems())
    }

    /// The quorum for each set of owners that the catalog has.
    pub(crate) fn resolved(&self, quorum: &Quorum) -> BTreeSet<Quorum> {
        self.catalog.places().map(|place| quorum.resolve(OWNERS, &place.owners)).collect()
    }
}

fn unmet(id: &str, quorum: &Quorum, members: &dyn Fn(&str) -> Option<usize>) -> Vec<(ProblemCode, String)> {
    let mut found = Vec::new();
    for clause in quorum.clauses() {
        let mut people = 0;
        for group in clause.any_of() {
            match members(group) {
                Some(count) => people += count,
                None => found.push((
                    ProblemCode::UnknownWord,
                    format!("rule `{id}`: the directory has no group `{}`", shown(group)),
                )),
            }
        }
        // Exactly enough is enough: somebody outside of the group may be the one who asks.
        if people < clause.count() {
            let groups: Vec<&str> = clause.any_of().iter().map(String::as_str).collect();
            let message = format!(
                "rule `{id}` wants {} of {}, and there are {people}: it can never be met",
                clause.count(),
                groups.join(" or "),
            );
            found.push((ProblemCode::Quorum, message));
        }
    }
    found
}

fn owners(catalog: &Catalog) -> BTreeSet<String> {
    catalog.places().flat_map(|place| &place.owners).cloned().collect()
}

/// Rules that ask fewer people in production than the floor does.
fn production(reader: &mut Reader<'_>, rbac: &Rbac, catalog: &Catalog, floor: &Floor) {
    use crate::catalog::Stage;
    let production: Vec<&String> =
        catalog.environments.iter().filter(|(_, env)| env.stage == Stage::Production).map(|(name, _)| name).collect();
    for rule in &rbac.approvals {
        let here = production.iter().find(|env| rule.selector.env.has(env));
        // What holds everywhere is about one verb, for which another rule may ask; the decision counts.
        let all = floor.approvals.iter().filter(|least| least.reach == Reach::Production);
        let least = all.filter(|least| least.selector.tiers.iter().any(|tier| rule.selector.has_tier(*tier)));
        let below = least.filter(|least| rule.quorum.people() < least.people).max_by_key(|least| least.people);
        if let (Some(env), Some(least)) = (here, below) {
            let message = format!("rule `{}` asks fewer people than the floor does in `{env}`", rule.id);
            let hint = format!(
                "`{}` wants at least {}; take `{env}` out of the rule's `env`, or name who agrees",
                least.id, least.people
            );
            reader.note_with_hint(rule.at, ProblemCode::Floor, message, hint);
        }
    }
}

impl countersign_core::policy::Policy for Policy {
    fn parse_again(&self, canonical: &Canonical<'_>) -> Result<Command, Box<Refusal>> {
        countersign_command::parse_again(canonical, &self.catalog.vocabulary)
    }

    fn judge(&self, request: &Request<'_>, facts: &Facts) -> Judgement {
        judge::judge(self, request, facts)
    }

    fn digests(&self) -> PolicyDigests {
        self.sources.digests()
    }
}

/// The digests say which policy it is; its rules would fill the screen.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("digests", &self.sources.digests()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
