//! The policy decision point, as the trust kernel sees it.
//!
//! **Invariant:** a [`Policy`] answers from values; it never reads a clock, a file or a network,
//! so that gateway and worker can each ask their own and compare.

use crate::action::Scope;
use crate::budget::Budget;
use crate::channel::Channel;
use crate::command::{Argv, Command, Tool};
use crate::digest::Digest;
use crate::input::Input;
use crate::principal::{Principal, SubjectId};
use crate::quorum::Quorum;
use crate::refusal::Refusal;
use crate::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the decision depends on besides the request, read by whoever decides from its own sources.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    now: Option<Timestamp>,
    people: BTreeMap<SubjectId, Principal>,
}

impl Facts {
    /// Facts as of `now`, knowing these people and nobody else.
    #[must_use]
    pub fn new(now: Timestamp, people: impl IntoIterator<Item = Principal>) -> Self {
        Self { now: Some(now), people: people.into_iter().map(|one| (one.id.clone(), one)).collect() }
    }

    /// The deciding process's own time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        // Facts without a time are later than every expiry: absence is never permission.
        self.now.unwrap_or(Timestamp::from_millis(i64::MAX))
    }

    /// The person, as the deciding process's own directory knows them.
    #[must_use]
    pub fn person(&self, id: &SubjectId) -> Option<&Principal> {
        self.people.get(id)
    }
}

/// What is asked of a policy.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks, as the deciding process's own directory knows them.
    pub principal: &'a Principal,
    /// What they ask for.
    pub command: &'a Command,
    /// Where it was typed, if the front has channels. It can only narrow.
    pub channel: Option<&'a Channel>,
    /// Advice can raise the tier to this one; it can do nothing else.
    pub at_least: Tier,
}

/// A second factor that a rule may demand of its approvers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// The click is enough.
    None,
    /// A passkey or a fresh login outside chat.
    StepUp,
}

impl Factor {
    /// The word used in files, records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StepUp => "step-up",
        }
    }
}

/// One approval rule that must be met. All rules of a decision apply together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The id in rbac.yaml.
    pub id: String,
    /// Distinct humans, never the requester; names of groups, `owners-of-target` resolved.
    pub quorum: Quorum,
    /// What each of their ballots must carry.
    pub factor: Factor,
    /// How long they have.
    pub expires: Duration,
}

/// Whether the requester must confirm what the preview found, as their explicit apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// `--apply` was typed, or nothing changes.
    NotNeeded,
    /// `tf apply`, `deploy`, `silence`.
    Required,
}

/// A yes, with everything it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The effective tier: grammar, catalog, modifiers and advice, the highest of all.
    pub tier: Tier,
    /// Whether output may hold secrets.
    pub sensitivity: Sensitivity,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// Which isolation level the command must run in.
    pub isolation: Isolation,
    /// Which pool of workers may run it.
    pub pool: String,
    /// Which rules gave the right: ids of rbac.yaml.
    pub granted_by: Vec<String>,
    /// Why the tier is what it is.
    pub reasons: Vec<String>,
    /// Which approvals it needs; none means it is cleared at once.
    pub rules: Vec<Rule>,
    /// Whether the requester confirms.
    pub confirmation: Confirmation,
    /// Whose units the command takes when it runs: of each budget one.
    pub budgets: Vec<Budget>,
}

/// A policy's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// No, and why.
    Denied(Refusal),
    /// Yes, under these conditions.
    Allowed(Allowance),
}

/// Digests of what decided, for the record; not part of the decision bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDigests {
    /// SHA-256 of rbac.yaml's bytes.
    pub rbac: Digest,
    /// SHA-256 of catalog.yaml's bytes.
    pub catalog: Digest,
}

/// A canonical argv that came out of a seal, to be understood again from scratch.
#[derive(Debug, Clone, Copy)]
pub struct Canonical<'a> {
    /// Which tool.
    pub tool: &'a Tool,
    /// Exact argv.
    pub argv: &'a Argv,
    /// Apply, or only show.
    pub mode: Mode,
    /// Where; a cluster is not part of kubectl's argv.
    pub scope: &'a Scope,
    /// What goes to standard input.
    pub stdin: Option<&'a Input>,
    /// Filters over the output.
    pub filters: &'a [Argv],
}

impl<'a> Canonical<'a> {
    /// What would be sealed of a command.
    #[must_use]
    pub fn of(command: &'a Command) -> Self {
        Self {
            tool: command.tool(),
            argv: command.argv(),
            mode: command.mode(),
            scope: &command.action().scope,
            stdin: command.stdin(),
            filters: &command.parts().filters,
        }
    }
}

/// Decides from rbac.yaml, catalog.yaml and the floor.
pub trait Policy: Send + Sync + std::fmt::Debug {
    /// Parses a canonical argv again, with this policy's own catalog.
    ///
    /// # Errors
    /// A refusal when the grammar or the catalog does not know it.
    fn parse_again(&self, canonical: &Canonical<'_>) -> Result<Command, Box<Refusal>>;

    /// May this person do this, and who must agree?
    fn judge(&self, request: &Request<'_>, facts: &Facts) -> Judgement;

    /// What decided.
    fn digests(&self) -> PolicyDigests;
}
