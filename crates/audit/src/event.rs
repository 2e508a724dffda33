//! What a record says: the kinds of events and their fields.
//!
//! **Invariant:** absent means omitted; no field holds a float, a boolean, or an unredacted text.

use crate::schema;
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::certificate::Certificate;
use countersign_core::command::Argv;
use countersign_core::decision::{DecisionBytes, RuleDoc};
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::policy::PolicyDigests;
use countersign_core::principal::{Account, Principal, SubjectId};
use countersign_core::refusal::Refusal;
use countersign_core::seal::Sealed;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A request came.
    Received,
    /// It was refused; nothing runs.
    Refused,
    /// The policy answered.
    Decided,
    /// The effect was found.
    Previewed,
    /// People were asked.
    Asked,
    /// Somebody voted.
    Ballot,
    /// Everybody needed has agreed.
    Cleared,
    /// A worker is about to run it.
    Intent,
    /// How it ended.
    Outcome,
    /// Its time was over.
    Expired,
    /// Somebody cancelled it.
    Cancelled,
    /// A credential was issued or revoked.
    Lease,
    /// Somebody got a role for a while.
    Grant,
    /// Somebody acted against a protection.
    BreakGlass,
    /// Changes were stopped or allowed again.
    Freeze,
    /// A chat account was linked to a person.
    Link,
    /// A policy file changed.
    PolicyChanged,
    /// Somebody read the log.
    LogRead,
    /// A process opened its stream.
    WriterOpened,
    /// A process closed its stream.
    WriterClosed,
    /// The head, after something was written.
    Checkpoint,
    /// The head, after nothing was.
    Heartbeat,
    /// A person found out how a run ended that nobody saw the end of.
    Reconciled,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 23] = [
        Self::Received,
        Self::Refused,
        Self::Decided,
        Self::Previewed,
        Self::Asked,
        Self::Ballot,
        Self::Cleared,
        Self::Intent,
        Self::Outcome,
        Self::Expired,
        Self::Cancelled,
        Self::Lease,
        Self::Grant,
        Self::BreakGlass,
        Self::Freeze,
        Self::Link,
        Self::PolicyChanged,
        Self::LogRead,
        Self::WriterOpened,
        Self::WriterClosed,
        Self::Checkpoint,
        Self::Heartbeat,
        Self::Reconciled,
    ];

    /// The word in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Refused => "refused",
            Self::Decided => "decided",
            Self::Previewed => "previewed",
            Self::Asked => "asked",
            Self::Ballot => "ballot",
            Self::Cleared => "cleared",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Reconciled => "reconciled",
            Self::Lease => "lease",
            Self::Grant => "grant",
            Self::BreakGlass => "break-glass",
            Self::Freeze => "freeze",
            Self::Link => "link",
            Self::PolicyChanged => "policy-changed",
            Self::LogRead => "log-read",
            Self::WriterOpened => "writer-opened",
            Self::WriterClosed => "writer-closed",
            Self::Checkpoint => "checkpoint",
            Self::Heartbeat => "heartbeat",
        }
    }
}

/// What kind of actor acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// A human.
    Person,
    /// A program that acts for one.
    Agent,
    /// A rule.
    Policy,
}

/// Who acted, and how we know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// For whom an agent acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Subject>")]
    pub on_behalf_of: Option<SubjectId>,
    /// From which chat account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Account>")]
    pub account: Option<Account>,
    /// Who it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Subject>")]
    pub principal: Option<SubjectId>,
    /// What people call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How we know: the directory and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_by: Option<String>,
}

impl Actor {
    /// A person the directory knows, speaking from an account.
    #[must_use]
    pub fn person(principal: &Principal, account: Option<&Account>) -> Self {
        Self {
            kind: ActorKind::Person,
            on_behalf_of: None,
            account: account.cloned(),
            principal: Some(principal.id.clone()),
            name: Some(principal.name.clone()),
            known_by: Some(principal.known_by.clone()),
        }
    }

    /// An account that belongs to nobody we know.
    #[must_use]
    pub fn stranger(account: &Account) -> Self {
        Self {
            kind: ActorKind::Person,
            on_behalf_of: None,
            account: Some(account.clone()),
            principal: None,
            name: None,
            known_by: None,
        }
    }
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    /// With secrets removed.
    pub text: String,
    /// Keyed digest of the text as it came.
    #[schemars(with = "schema::Digest")]
    pub digest: Digest,
}

/// The decision, verbatim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionCopy {
    /// SHA-256 of the text: the digest on the card.
    #[schemars(with = "schema::Digest")]
    pub digest: Digest,
    /// The exact bytes.
    pub text: String,
}

/// A ballot, and which slots of which quorum it fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BallotNote {
    /// Who.
    #[schemars(with = "schema::Subject")]
    pub voter: SubjectId,
    /// What they said.
    #[schemars(with = "schema::Vote")]
    pub vote: Vote,
    /// The slots it fills, `<rule id>: <part of the quorum>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<String>,
}

/// A credential that was issued or revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseNote {
    /// Our name for it, as in the intent.
    pub id: String,
    /// Who issued it: `static`, `token-request`, `vault`, `assume-role`, `access-token`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// The issuer's name for it, a token's `jti` or a lease of Vault: the join key to the target's
    /// own audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_as: Option<String>,
    /// When it was to end.
    #[schemars(with = "schema::Instant")]
    pub nominal_expiry: Timestamp,
    /// When it ends in fact; issuers have floors.
    #[schemars(with = "schema::Instant")]
    pub effective_expiry: Timestamp,
}

/// What a command printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputNote {
    /// The object that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Keyed digest of the redacted output.
    #[schemars(with = "schema::Digest")]
    pub digest: Digest,
    /// Bytes of redacted output.
    pub bytes: u64,
    /// How many secrets were removed.
    pub redactions: u64,
}

/// What a sealed document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SealKind {
    /// A cleared command.
    Job,
    /// A dry run.
    Preview,
    /// What is kept while people are asked.
    Asked,
    /// A vote.
    Ballot,
    /// What a preview found.
    Effect,
    /// How a run ended.
    Outcome,
}

impl SealKind {
    /// The word in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Preview => "preview",
            Self::Asked => "asked",
            Self::Ballot => "ballot",
            Self::Effect => "effect",
            Self::Outcome => "outcome",
        }
    }
}

/// A sealed document, verbatim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SealedCopy {
    /// What it is.
    pub kind: SealKind,
    /// Bytes, signature and certificate, as they travelled.
    pub text: String,
}

/// How far the writer's stream was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadNote {
    /// Records so far.
    pub size: u64,
    /// Digest of the last line.
    #[schemars(with = "schema::Digest")]
    pub root: Digest,
}

/// What a record says. Begin with [`Event::of`] and fill what applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What happened.
    #[serde(rename = "event")]
    pub kind: Kind,
    /// Which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Invocation>")]
    pub invocation: Option<InvocationId>,
    /// Which attempt to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Attempt>")]
    pub attempt: Option<Attempt>,
    /// Whether a run or a look at its effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Errand>")]
    pub errand: Option<Errand>,
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// What was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<Typed>,
    /// Why, in the actor's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Canonical argv.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Argv>")]
    pub argv: Option<Argv>,
    /// Apply, or only show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Mode>")]
    pub mode: Option<Mode>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Scope>")]
    pub scope: Option<Scope>,
    /// On what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub resources: Vec<Resource>,
    /// The effective tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Tier>")]
    pub tier: Option<Tier>,
    /// Why the tier is what it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Whether output may hold secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Sensitivity>")]
    pub sensitivity: Option<Sensitivity>,
    /// Whether it can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Reversibility>")]
    pub reversibility: Option<Reversibility>,
    /// The isolation level it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Isolation>")]
    pub isolation: Option<Isolation>,
    /// Rules that gave the right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub granted_by: Vec<String>,
    /// Approval rules that had to be met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schema::Rule>")]
    pub rules: Vec<RuleDoc>,
    /// Digests of the policy files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Policy>")]
    pub policy: Option<PolicyDigests>,
    /// SHA-256 of the running binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Digest>")]
    pub binary: Option<Digest>,
    /// SHA-256 of the isolation profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Digest>")]
    pub profile: Option<Digest>,
    /// The decision, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionCopy>,
    /// The ballots and the slots they fill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ballots: Vec<BallotNote>,
    /// What advisers said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,
    /// The no, and the way forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Refusal>")]
    pub refusal: Option<Refusal>,
    /// Name of the pool of workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<LeaseNote>,
    /// The ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How it ended: `ran`, `not-run`, `cancelled`, `timed-out`, `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<String>,
    /// Exit code, or 128 + signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u32>,
    /// How long it ran, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What it printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputNote>,
    /// The fate, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// Sealed documents, verbatim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedCopy>,
    /// The writer's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Certificate>")]
    pub certificate: Option<Certificate>,
    /// How far the stream was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadNote>,
    /// Anything else that belongs to the kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl Event {
    /// An event of this kind that says nothing else yet.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            invocation: None,
            attempt: None,
            errand: None,
            actor: None,
            typed: None,
            why: None,
            argv: None,
            mode: None,
            scope: None,
            resources: Vec::new(),
            tier: None,
            reasons: Vec::new(),
            sensitivity: None,
            reversibility: None,
            isolation: None,
            granted_by: Vec::new(),
            rules: Vec::new(),
            policy: None,
            binary: None,
            profile: None,
            decision: None,
            ballots: Vec::new(),
            advice: Vec::new(),
            refusal: None,
            pool: None,
            leases: Vec::new(),
            ticket: None,
            ending: None,
            exit: None,
            duration_ms: None,
            output: None,
            fate: None,
            sealed: Vec::new(),
            certificate: None,
            head: None,
            details: BTreeMap::new(),
        }
    }

    /// An event of this kind about a request.
    #[must_use]
    pub fn about(kind: Kind, invocation: InvocationId) -> Self {
        Self { invocation: Some(invocation), ..Self::of(kind) }
    }

    /// Who acted.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// The decision, verbatim, and what it says in fields that can be searched.
    #[must_use]
    pub fn deciding(mut self, bytes: &DecisionBytes) -> Self {
        let decision = bytes.decision();
        self.invocation = Some(decision.invocation);
        self.argv = Some(decision.argv.clone());
        self.mode = Some(decision.mode);
        self.scope = Some(decision.scope.clone());
        self.resources.clone_from(&decision.resources);
        self.tier = Some(decision.tier);
        self.sensitivity = Some(decision.sensitive);
        self.reversibility = Some(decision.reversibility);
        self.isolation = Some(decision.isolation);
        self.rules.clone_from(&decision.rules);
        self.pool = Some(decision.pool.clone());
        self.decision = Some(DecisionCopy { digest: bytes.digest(), text: bytes.text().to_owned() });
        self
    }

    /// The no.
    #[must_use]
    pub fn refusing(mut self, refusal: &Refusal) -> Self {
        self.refusal = Some(refusal.clone());
        self
    }

    /// A sealed document, verbatim.
    #[must_use]
    pub fn seal<T>(self, kind: SealKind, sealed: &Sealed<T>) -> Self {
        let text = serde_json::to_string(sealed).expect("a seal is made of strings");
        self.seal_text(kind, text)
    }

    /// A sealed document that is text already.
    #[must_use]
    pub fn seal_text(mut self, kind: SealKind, text: impl Into<String>) -> Self {
        self.sealed.push(SealedCopy { kind, text: text.into() });
        self
    }

    /// Anything else that belongs to the kind.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }
}
