//! Sealed work for a worker: a job, or the dry run that comes before it.
//!
//! **Invariant:** an opened job is not yet permission; [`OpenJob::decide_again`] is the only way
//! from it to a [`Warrant`](crate::warrant::Warrant).

use crate::ballot::Ballot;
use crate::certificate::Role;
use crate::command::Command;
use crate::decision::{Decision, DecisionBytes};
use crate::digest::Digest;
use crate::effect::Effect;
use crate::id::InvocationId;
use crate::input::{self, Input};
use crate::invocation::{expired, judge};
use crate::policy::{Allowance, Canonical, Confirmation, Facts, Policy};
use crate::principal::Principal;
use crate::quorum::{Filling, Quorum};
use crate::refusal::{Code, Refusal, shown};
use crate::seal::{SealError, Sealable, Sealed, Verifier};
use crate::tally;
use crate::tier::Mode;
use crate::time::Timestamp;
use crate::warrant::{Checked, Errand, RestsOn, Shown, Undrifted, Warrant};
use serde::{Deserialize, Serialize};

/// A cleared command for a worker (wire format v1). Made only by `Invocation<Cleared>`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    v: u32,
    decision: DecisionBytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
    expires_at: Timestamp,
}

impl Job {
    pub(crate) const fn new(decision: DecisionBytes, input: Option<Input>, expires_at: Timestamp) -> Self {
        Self { v: 1, decision, input, expires_at }
    }
}

impl Sealable for Job {
    const PURPOSE: &'static str = "countersign/job/v1";
    const ROLES: &'static [Role] = &[Role::Gateway];

    fn invocation(&self) -> InvocationId {
        self.decision.decision().invocation
    }
}

/// A dry run for a worker (wire format v1). Made only by `Invocation<Pending>`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    v: u32,
    draft: DecisionBytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
}

impl Preview {
    pub(crate) const fn new(draft: DecisionBytes, input: Option<Input>) -> Self {
        Self { v: 1, draft, input }
    }
}

impl Sealable for Preview {
    const PURPOSE: &'static str = "countersign/preview/v1";
    const ROLES: &'static [Role] = &[Role::Gateway];

    fn invocation(&self) -> InvocationId {
        self.draft.decision().invocation
    }
}

/// A job whose seal was opened: its bytes are the gateway's. Nothing is permitted yet.
#[derive(Debug)]
pub struct OpenJob {
    job: Job,
    sealed: String,
}

/// A dry run whose seal was opened. Nothing is permitted yet.
#[derive(Debug)]
pub struct OpenPreview {
    preview: Preview,
    sealed: String,
}

impl Sealed<Job> {
    /// Opens the seal of a job that was fetched as `id`.
    ///
    /// # Errors
    /// [`SealError`]; the job is to be recorded as refused and dropped.
    pub fn open_job(&self, verifier: &Verifier, id: InvocationId, now: Timestamp) -> Result<OpenJob, SealError> {
        let job = self.open(verifier, id, now)?;
        check(job.v, job.decision.decision(), job.expires_at, verifier, now)?;
        Ok(OpenJob { job, sealed: wire(self) })
    }
}

impl Sealed<Preview> {
    /// Opens the seal of a dry run that was fetched as `id`.
    ///
    /// # Errors
    /// [`SealError`]; the dry run is to be recorded as refused and dropped.
    pub fn open_preview(
        &self,
        verifier: &Verifier,
        id: InvocationId,
        now: Timestamp,
    ) -> Result<OpenPreview, SealError> {
        let preview = self.open(verifier, id, now)?;
        let decision = preview.draft.decision();
        check(preview.v, decision, decision.expires_at, verifier, now)?;
        Ok(OpenPreview { preview, sealed: wire(self) })
    }
}

fn wire<T>(sealed: &Sealed<T>) -> String {
    serde_json::to_string(sealed).expect("a seal is made of strings")
}

fn check(
    v: u32,
    decision: &Decision,
    expires_at: Timestamp,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<(), SealError> {
    if v != 1 {
        return Err(SealError::Unreadable);
    }
    if decision.deployment != verifier.deployment() {
        return Err(SealError::Inconsistent("another deployment's decision"));
    }
    if expires_at > decision.expires_at {
        return Err(SealError::Inconsistent("the job outlives its decision"));
    }
    if now >= expires_at { Err(SealError::Expired(expires_at)) } else { Ok(()) }
}

impl OpenPreview {
    /// The draft as the gateway decided it.
    #[must_use]
    pub const fn draft(&self) -> &DecisionBytes {
        &self.preview.draft
    }

    /// Decides the dry run again with the worker's own policy and directory. It needs the role
    /// for the real tier, and nobody's agreement.
    ///
    /// # Errors
    /// A refusal when the worker's own answer is no, or is about something else.
    pub fn decide_again(self, policy: &dyn Policy, facts: &Facts, pool: &str) -> Result<Warrant, Box<Refusal>> {
        let again = again(&self.preview.draft, self.preview.input.as_ref(), policy, facts, pool)?;
        Ok(Warrant::new(
            Errand::Preview,
            self.preview.draft,
            again,
            policy.digests(),
            self.sealed,
            RestsOn::default(),
            None,
        ))
    }
}

impl OpenJob {
    /// The decision as the gateway made it.
    #[must_use]
    pub const fn decision(&self) -> &DecisionBytes {
        &self.job.decision
    }

    /// When the job is void.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.job.expires_at
    }

    /// Decides again with the worker's own policy and directory, and counts the ballots itself.
    ///
    /// # Errors
    /// A refusal when the worker's own answer is no, is about something else, or asks for more
    /// than the ballots give.
    pub fn decide_again(
        self,
        policy: &dyn Policy,
        facts: &Facts,
        ballots: &[Sealed<Ballot>],
        effect: Option<&Sealed<Effect>>,
        verifier: &Verifier,
        pool: &str,
    ) -> Result<Checked, Box<Refusal>> {
        if facts.now() >= self.job.expires_at {
            return Err(Box::new(expired(self.job.expires_at)));
        }
        let decision = self.job.decision;
        let again = again(&decision, self.job.input.as_ref(), policy, facts, pool)?;
        let agreed = agreed(&decision, &again.allowance, ballots, verifier, facts)?;
        let approved = approved_effect(&decision, effect, verifier, facts.now())?;
        if approved.is_none() && agreed.was_asked && again.command.preview().is_some() {
            return Err(Box::new(changed("no effect was shown to the people who agreed")));
        }
        // Only what was believed goes on record: whoever writes the queue must not write there.
        let believed = agreed.ballots.iter().filter_map(|nth| ballots.get(*nth)).map(wire).collect();
        let rests_on = RestsOn { ballots: believed, filled: agreed.filled };
        let shown = approved.as_ref().zip(effect);
        let of = |(approved, sealed): (&Effect, &Sealed<Effect>)| {
            let (plan, text) = (approved.plan, approved.text.clone());
            Shown { sealed: wire(sealed), plan, text }
        };
        let shown = shown.map(of);
        let warrant = Warrant::new(Errand::Run, decision, again, policy.digests(), self.sealed, rests_on, shown);
        Ok(match approved {
            Some(approved) => Checked::Compare(Undrifted::new(warrant, approved)),
            None => Checked::Ready(warrant),
        })
    }
}

/// The worker's own understanding and answer.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) command: Command,
    pub(crate) allowance: Allowance,
    pub(crate) requester: Principal,
}

fn again(
    bytes: &DecisionBytes,
    input: Option<&Input>,
    policy: &dyn Policy,
    facts: &Facts,
    pool: &str,
) -> Result<Again, Box<Refusal>> {
    let decision = bytes.decision();
    if decision.pool != pool {
        return Err(Box::new(Refusal::new(
            Code::WrongPool,
            format!("the job is for pool `{}`, this worker is of `{}`", shown(&decision.pool), shown(pool)),
            "Check `pool:` of the target in catalog.yaml on gateway and worker.",
        )));
    }
    if decision.subject != "command" {
        return Err(Box::new(changed("the decision is not about a command")));
    }
    if !input::is_of(input, decision.stdin) {
        return Err(Box::new(changed("the text for standard input is not the one that was decided about")));
    }
    let command = policy.parse_again(&Canonical {
        tool: &decision.tool,
        argv: &decision.argv,
        mode: decision.mode,
        scope: &decision.scope,
        stdin: input,
        filters: &decision.filters,
    })?;
    same_command(decision, &command)?;
    let allowance = judge(policy, facts, &decision.requester, &command, decision.channel.as_ref(), &[])?;
    same_ruling(decision, &allowance)?;
    let requester = facts.person(&decision.requester).cloned();
    let requester = requester.ok_or_else(|| Box::new(changed("the requester is unknown here")))?;
    Ok(Again { command, allowance, requester })
}

fn same_command(decision: &Decision, command: &Command) -> Result<(), Box<Refusal>> {
    let parts = command.parts();
    let same = [
        ("argv", parts.argv == decision.argv),
        ("mode", parts.mode == decision.mode),
        ("scope", parts.action.scope == decision.scope),
        ("resources", parts.action.resources == decision.resources),
        ("standard input", input::is_of(parts.stdin.as_ref(), decision.stdin)),
        ("filters", parts.filters == decision.filters),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(Box::new(changed(&format!("the worker reads another {what} out of it")))),
        None => Ok(()),
    }
}

fn same_ruling(decision: &Decision, own: &Allowance) -> Result<(), Box<Refusal>> {
    let same = [
        ("tier", own.tier == decision.tier),
        ("sensitivity", own.sensitivity == decision.sensitive),
        ("isolation level", own.isolation == decision.isolation),
        ("pool", own.pool == decision.pool),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(Box::new(changed(&format!("the worker's own policy gives it another {what}")))),
        None => Ok(()),
    }
}

fn changed(what: &str) -> Refusal {
    Refusal::new(
        Code::CommandChanged,
        format!("what would run is not what was decided: {what}"),
        "Ask again; if it happens again, compare the policy files of gateway and worker.",
    )
}

/// Whether people had to agree, and did: by the decision's rules and by the worker's own.
fn agreed(
    bytes: &DecisionBytes,
    own: &Allowance,
    ballots: &[Sealed<Ballot>],
    verifier: &Verifier,
    facts: &Facts,
) -> Result<Agreed, Box<Refusal>> {
    let mut rules = tally::rules_of(bytes.decision())?;
    let more = own.rules.iter().map(|rule| (rule.id.clone(), rule.quorum.clone()));
    rules.extend(more.collect::<Vec<(String, Quorum)>>());
    let count = tally::count(bytes, &rules, ballots, verifier, facts);
    if let Some(refusal) = count.refusal() {
        return Err(Box::new(refusal));
    }
    let unconfirmed = own.confirmation == Confirmation::Required && !count.is_confirmed();
    if let Some(missing) = count.missing().or_else(|| unconfirmed.then(|| "the requester has not confirmed".into())) {
        return Err(Box::new(Refusal::new(
            Code::MoreApprovalNeeded,
            format!("the worker does not find the agreement it needs: {missing}"),
            "Ask again; the people who agree must hold their groups until the command starts.",
        )));
    }
    let was_asked = rules.iter().any(|(_, quorum)| !quorum.is_none()) || own.confirmation == Confirmation::Required;
    let ballots = if was_asked { count.believed } else { Vec::new() };
    Ok(Agreed { was_asked, ballots, filled: count.rules })
}

/// What the ballots came to at the worker.
struct Agreed {
    was_asked: bool,
    /// Positions of the ballots that were believed.
    ballots: Vec<usize>,
    filled: Vec<(String, Quorum, Filling)>,
}

/// The effect people agreed to, if the decision has one.
fn approved_effect(
    bytes: &DecisionBytes,
    effect: Option<&Sealed<Effect>>,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Option<Effect>, Box<Refusal>> {
    let Some(digest): Option<Digest> = bytes.decision().effect else {
        return Ok(None);
    };
    let sealed = effect.ok_or_else(|| Box::new(changed("the effect that was approved is missing")))?;
    let opened = sealed.open(verifier, bytes.decision().invocation, now);
    match opened {
        Ok(opened) if sealed.digest() == digest && opened.pool == bytes.decision().pool => Ok(Some(opened)),
        _ => Err(Box::new(changed("the effect is not the one that was approved"))),
    }
}

/// Whether the whole of it only looks: such a command may skip fate and be retried.
pub(crate) fn only_looks(decision: &Decision, ballots: usize) -> bool {
    use crate::tier::{Sensitivity, Tier};
    decision.tier == Tier::Read
        && decision.sensitive == Sensitivity::Plain
        && decision.mode == Mode::Apply
        && ballots == 0
}
