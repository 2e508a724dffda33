//! Permission to run once.
//!
//! **Invariant:** a [`Warrant`] comes out of `decide_again` and out of nothing else; it is
//! neither `Clone` nor `Deserialize`, and whoever records it consumes it.
//!
//! ```compile_fail
//! # use countersign_core::warrant::Warrant;
//! fn keep_one(warrant: Warrant) -> (Warrant, Warrant) { (warrant.clone(), warrant) }
//! ```
//!
//! ```
//! # use countersign_core::warrant::Warrant;
//! fn pass_on(warrant: Warrant) -> Warrant { warrant }
//! ```
//!
//! ```compile_fail
//! # use countersign_core::warrant::Warrant;
//! fn from_the_wire(text: &str) -> Warrant { serde_json::from_str(text).unwrap() }
//! ```
//!
//! ```
//! # use countersign_core::id::Attempt;
//! fn from_the_wire(text: &str) -> Attempt { serde_json::from_str(text).unwrap() }
//! ```

use crate::budget::Budget;
use crate::command::{Argv, Command, EffectForm, Tool};
use crate::decision::DecisionBytes;
use crate::digest::Digest;
use crate::effect::Effect;
use crate::id::InvocationId;
use crate::input::Input;
use crate::job::{Again, only_looks};
use crate::policy::{Allowance, PolicyDigests};
use crate::principal::Principal;
use crate::quorum::{Filling, Quorum};
use crate::refusal::{Code, Refusal, shown};
use crate::tier::{Mode, Sensitivity, Tier};
use serde::{Deserialize, Serialize};

/// What a warrant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Errand {
    /// Find the effect; change nothing.
    Preview,
    /// Do what was decided.
    Run,
}

/// Which credential a run gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialClass {
    /// Can read what is not secret.
    Read,
    /// Can read what is secret.
    Sensitive,
    /// Can dry-run.
    Preview,
    /// Can change.
    Change,
    /// Can delete.
    Destructive,
}

impl CredentialClass {
    /// The word used in catalog.yaml and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Sensitive => "sensitive",
            Self::Preview => "preview",
            Self::Change => "change",
            Self::Destructive => "destructive",
        }
    }
}

/// The argument by which a step says that it reads its objects from standard input.
///
/// Source: `kubectl apply --help`, "-f, --filename"; `-` is standard input.
pub const READS_INPUT: &str = "--filename=-";

/// The verbs of Terraform that plan, of what is reviewed and of anything else.
const PLANS: [&str; 2] = ["plan", "plan ref"];

/// A job the worker decided again: permission to run it once, when it is on record.
#[derive(Debug)]
pub struct Warrant {
    errand: Errand,
    decision: DecisionBytes,
    command: Command,
    allowance: Allowance,
    requester: Principal,
    policy: PolicyDigests,
    sealed: String,
    rests_on: RestsOn,
    effect: Option<Shown>,
}

/// The effect that people agreed to.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Its seal, verbatim.
    pub(crate) sealed: String,
    /// What it keeps for the run.
    pub(crate) plan: Option<Digest>,
    /// Its words.
    pub(crate) text: Option<String>,
}

/// The agreement behind a warrant.
#[derive(Debug, Clone, Default)]
pub(crate) struct RestsOn {
    /// The sealed ballots that were believed, verbatim.
    pub(crate) ballots: Vec<String>,
    /// Each rule and who fills its quorum.
    pub(crate) filled: Vec<(String, Quorum, Filling)>,
}

impl Warrant {
    pub(crate) fn new(
        errand: Errand,
        decision: DecisionBytes,
        again: Again,
        policy: PolicyDigests,
        sealed: String,
        rests_on: RestsOn,
        effect: Option<Shown>,
    ) -> Self {
        let Again { command, allowance, requester } = again;
        Self { errand, decision, command, allowance, requester, policy, sealed, rests_on, effect }
    }

    /// Which request.
    #[must_use]
    pub const fn invocation(&self) -> InvocationId {
        self.decision.decision().invocation
    }

    /// What it is for.
    #[must_use]
    pub const fn errand(&self) -> Errand {
        self.errand
    }

    /// The decision's exact bytes.
    #[must_use]
    pub const fn decision(&self) -> &DecisionBytes {
        &self.decision
    }

    /// The command as the worker understands it.
    #[must_use]
    pub const fn command(&self) -> &Command {
        &self.command
    }

    /// Of which budgets it takes a unit before it runs. A look at the effect takes none: the command
    /// takes its own when it runs.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        if self.is_dry() { &[] } else { &self.allowance.budgets }
    }

    /// The worker's own answer.
    #[must_use]
    pub const fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Who asked, as the worker's directory knows them.
    #[must_use]
    pub const fn requester(&self) -> &Principal {
        &self.requester
    }

    /// Digests of the worker's own policy files.
    #[must_use]
    pub const fn policy(&self) -> &PolicyDigests {
        &self.policy
    }

    /// The seal it came in, verbatim.
    #[must_use]
    pub fn sealed(&self) -> &str {
        &self.sealed
    }

    /// The sealed ballots it rests on, verbatim.
    #[must_use]
    pub fn ballots(&self) -> &[String] {
        &self.rests_on.ballots
    }

    /// Each rule, the decision's and the worker's own, and who fills its quorum.
    #[must_use]
    pub fn filled(&self) -> &[(String, Quorum, Filling)] {
        &self.rests_on.filled
    }

    /// The sealed effect it rests on, verbatim.
    #[must_use]
    pub fn effect(&self) -> Option<&str> {
        self.effect.as_ref().map(|shown| shown.sealed.as_str())
    }

    /// Digest of what was kept for the run when people agreed; what runs is that, or nothing.
    #[must_use]
    pub fn plan(&self) -> Option<Digest> {
        self.effect.as_ref().and_then(|shown| shown.plan)
    }

    /// The words that people agreed to, of a tool whose effect is words: what runs can hold itself
    /// against them.
    #[must_use]
    pub fn agreed(&self) -> Option<&str> {
        self.effect.as_ref().and_then(|shown| shown.text.as_deref())
    }

    /// Whether what runs is a look at the effect and not the effect.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.errand == Errand::Preview || self.command.mode() == Mode::DryRun
    }

    /// What is to be run, one after the other: the command, or the steps of its preview.
    #[must_use]
    pub fn steps(&self) -> Vec<Argv> {
        match (self.is_dry(), self.command.preview()) {
            (true, Some(plan)) => plan.steps.clone(),
            (true, None) => Vec::new(),
            (false, _) => vec![self.command.argv().clone()],
        }
    }

    /// What one of [`steps`](Self::steps) gets on standard input: the command's input, for a step
    /// that reads its objects from there.
    #[must_use]
    pub fn input_of(&self, step: &Argv) -> Option<&Input> {
        let reads = step.arguments().iter().any(|element| element == READS_INPUT);
        self.command.stdin().filter(|_| reads)
    }

    /// How the output of a preview's steps is read; `None` when the command itself runs.
    #[must_use]
    pub fn effect_form(&self) -> Option<EffectForm> {
        self.is_dry().then(|| self.command.preview().map(|plan| plan.form)).flatten()
    }

    /// Which credential it gets. A plan only reads, whoever had to agree to it: code that nobody
    /// reviewed runs with nothing that could change.
    #[must_use]
    pub fn credential(&self) -> CredentialClass {
        if self.is_dry() {
            return CredentialClass::Preview;
        }
        if *self.command.tool() == Tool::Tf && PLANS.contains(&self.command.action().verb.as_str()) {
            return CredentialClass::Read;
        }
        match (self.allowance.tier, self.allowance.sensitivity) {
            (Tier::Read, Sensitivity::Plain) => CredentialClass::Read,
            (Tier::Read, Sensitivity::Sensitive) => CredentialClass::Sensitive,
            (Tier::Change, _) => CredentialClass::Change,
            (Tier::Destructive, _) => CredentialClass::Destructive,
        }
    }

    /// Whether the one create-only fate object must be won before it runs. Only plain reads
    /// that nobody had to agree to, and previews, go without.
    #[must_use]
    pub fn needs_fate(&self) -> bool {
        self.errand == Errand::Run && !only_looks(self.decision.decision(), self.rests_on.ballots.len())
    }

    /// A second warrant for looking again at the effect before it is caused.
    fn preview_again(&self) -> Self {
        Self {
            errand: Errand::Preview,
            decision: self.decision.clone(),
            command: self.command.clone(),
            allowance: self.allowance.clone(),
            requester: self.requester.clone(),
            policy: self.policy.clone(),
            sealed: self.sealed.clone(),
            rests_on: self.rests_on.clone(),
            effect: self.effect.clone(),
        }
    }
}

/// What deciding again came to.
#[derive(Debug)]
pub enum Checked {
    /// It may be recorded and run.
    Ready(Warrant),
    /// People agreed to an effect: look again first.
    Compare(Undrifted),
}

/// A warrant that waits for a fresh look at its effect.
#[derive(Debug)]
pub struct Undrifted {
    warrant: Warrant,
    approved: Effect,
}

impl Undrifted {
    pub(crate) const fn new(warrant: Warrant, approved: Effect) -> Self {
        Self { warrant, approved }
    }

    /// A warrant for the fresh look; it changes nothing.
    #[must_use]
    pub fn look_again(&self) -> Warrant {
        self.warrant.preview_again()
    }

    /// What people agreed to.
    #[must_use]
    pub const fn approved(&self) -> &Effect {
        &self.approved
    }

    /// Goes on only if the effect is still the one that was agreed to.
    ///
    /// # Errors
    /// `drifted`, with the difference.
    pub fn compare(self, fresh: &Effect) -> Result<Warrant, Box<Refusal>> {
        match self.approved.drift(fresh) {
            None => Ok(self.warrant),
            Some(drift) => {
                let mut lines: Vec<String> = drift.lines.iter().take(5).map(|line| shown(line)).collect();
                if drift.lines.len() > lines.len() {
                    lines.push(format!("and {} more", drift.lines.len() - lines.len()));
                }
                Err(Box::new(Refusal::new(
                    Code::Drifted,
                    format!("the effect is no longer the one that was approved: {}", lines.join(" | ")),
                    "Ask again: the approvers will see the new effect.",
                )))
            }
        }
    }
}
