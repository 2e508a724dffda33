//! From a request to a ruling.
//!
//! **Invariant:** the kernel's own floor holds whatever the policy answers: a tier is never
//! lowered, a destructive action never goes without an approval rule, no isolation is for
//! reads only.

use super::{Cleared, Invocation, Pending, Received};
use crate::advice::Advice;
use crate::channel::Channel;
use crate::command::Command;
use crate::decision::{Decision, DecisionBytes, RuleDoc};
use crate::input::Input;
use crate::policy::{Allowance, Confirmation, Factor, Facts, Judgement, Policy, Request};
use crate::principal::{Standing, SubjectId};
use crate::refusal::{Code, Refusal, shown};
use crate::subject::Subject;
use crate::tier::{Isolation, Mode, Tier};
use crate::time::Timestamp;
use std::time::Duration;

/// How long a decision that needs nobody's agreement may wait for a worker.
const UNATTENDED_EXPIRY: Duration = Duration::from_mins(10);

/// The policy's answer, as a state.
#[derive(Debug)]
pub enum Ruling {
    /// It may become a job now.
    Cleared(Invocation<Cleared>),
    /// People must agree, or the requester confirm.
    Pending(Invocation<Pending>),
    /// No.
    Denied(Denied),
}

/// A request that ended with a no.
#[derive(Debug)]
pub struct Denied {
    /// The request, for the record.
    pub invocation: Invocation<Received>,
    /// Why, and what to do next.
    pub refusal: Refusal,
}

impl Invocation<Received> {
    /// Asks the policy, with the deciding process's own facts. Advice can only make it stricter.
    #[must_use]
    pub fn decide(self, policy: &dyn Policy, facts: &Facts, advice: &[Advice]) -> Ruling {
        let Subject::Command(command) = self.subject() else {
            let what = self.subject().kind();
            let refusal = Refusal::new(
                Code::NotAvailableYet,
                format!("requests of the kind `{what}` are not available yet"),
                "Ask for the command itself.",
            );
            return Ruling::Denied(Denied { invocation: self, refusal });
        };
        let command = command.as_ref().clone();
        let judged = judge(policy, facts, &self.requester, &command, self.receipt.channel.as_ref(), advice);
        match judged {
            Err(refusal) => Ruling::Denied(Denied { invocation: self, refusal: *refusal }),
            Ok(allowance) => self.rule(&command, &allowance, facts.now()),
        }
    }

    fn rule(self, command: &Command, allowance: &Allowance, now: Timestamp) -> Ruling {
        let asks = allowance.rules.iter().any(|rule| !rule.quorum.is_none());
        let confirms = allowance.confirmation == Confirmation::Required;
        let draft = draft(&self, command, allowance, now);
        let it = self.allowed(command, allowance);
        if asks || confirms {
            let has_preview = command.preview().is_some();
            let confirmation = allowance.confirmation;
            Ruling::Pending(it.into_state(|_| Pending { draft, confirmation, has_preview }))
        } else {
            Ruling::Cleared(it.into_state(|_| Cleared { decision: draft, filled: Vec::new() }))
        }
    }
}

/// The policy's answer about a command, held to the kernel's floor. Used by gateway and worker.
pub(crate) fn judge(
    policy: &dyn Policy,
    facts: &Facts,
    requester: &SubjectId,
    command: &Command,
    channel: Option<&Channel>,
    advice: &[Advice],
) -> Result<Allowance, Box<Refusal>> {
    let principal = facts.person(requester).ok_or_else(|| Box::new(unknown(requester)))?;
    if !principal.is_active_human() {
        let code = match principal.standing {
            Standing::Deactivated => Code::Deactivated,
            Standing::Active | Standing::Guest | Standing::Bot => Code::NotAMember,
        };
        let sentence = format!("{} is not an active member of this organisation", shown(&principal.name));
        let refusal = Refusal::new(code, sentence, "Ask an administrator of the directory.");
        return Err(Box::new(refusal.by_rule("floor-active-people")));
    }
    let at_least = advice.iter().fold(command.action().tier, |tier, one| one.at_least(tier));
    match policy.judge(&Request { principal, command, channel, at_least }, facts) {
        Judgement::Denied(refusal) => Err(Box::new(refusal)),
        Judgement::Allowed(allowance) => floor(command, at_least, allowance),
    }
}

/// What holds whatever a policy says.
fn floor(command: &Command, at_least: Tier, allowance: Allowance) -> Result<Allowance, Box<Refusal>> {
    let no = |rule: &str, sentence: String, hint: &str| {
        Err(Box::new(Refusal::new(Code::Floor, sentence, hint).by_rule(rule.to_owned())))
    };
    if allowance.tier < at_least || allowance.sensitivity < command.action().sensitivity {
        return no(
            "floor.never-lower",
            "the policy lowers a tier, which nothing may".into(),
            "Tell the platform team.",
        );
    }
    if allowance.tier == Tier::Destructive && command.mode() == Mode::Apply && allowance.rules.is_empty() {
        let verb = &command.action().verb;
        return Err(Box::new(
            Refusal::new(
                Code::NoApprovalRule,
                format!("`{} {verb}` is destructive and no approval rule covers it", command.tool()),
                "Ask the platform team for a rule under `approvals` in rbac.yaml; `quorum: none` must be written out.",
            )
            .by_rule("floor.destructive-needs-a-rule"),
        ));
    }
    if allowance.isolation == Isolation::None && allowance.tier != Tier::Read {
        return no(
            "floor.no-isolation-reads-only",
            "without isolation only reads may run".into(),
            "Use a worker with isolation level strict.",
        );
    }
    if allowance.rules.iter().any(|rule| rule.factor == Factor::StepUp) {
        return Err(Box::new(Refusal::new(
            Code::NotAvailableYet,
            "this needs approvals with a second factor, which are not available yet",
            "Run it the way you did before Countersign, or ask the platform team.",
        )));
    }
    Ok(allowance)
}

fn unknown(requester: &SubjectId) -> Refusal {
    Refusal::new(
        Code::UnknownAccount,
        format!("the directory does not know `{}`", shown(&requester.to_string())),
        "Ask an administrator of the directory.",
    )
}

/// The decision as it stands before its effect is known.
fn draft(it: &Invocation<Received>, command: &Command, allowance: &Allowance, now: Timestamp) -> DecisionBytes {
    let parts = command.parts();
    let patience = allowance.rules.iter().filter(|rule| !rule.quorum.is_none()).map(|rule| rule.expires).min();
    DecisionBytes::make(Decision {
        v: 1,
        deployment: it.receipt.deployment.clone(),
        pool: allowance.pool.clone(),
        invocation: it.receipt.id,
        subject: it.subject().kind().to_owned(),
        requester: it.requester.clone(),
        tool: parts.tool.clone(),
        argv: parts.argv.clone(),
        stdin: parts.stdin.as_ref().map(Input::digest),
        filters: parts.filters.clone(),
        mode: parts.mode,
        scope: parts.action.scope.clone(),
        channel: it.receipt.channel.clone(),
        resources: parts.action.resources.clone(),
        tier: allowance.tier,
        sensitive: allowance.sensitivity,
        reversibility: allowance.reversibility,
        isolation: allowance.isolation,
        effect: None,
        rules: allowance.rules.iter().map(rule_doc).collect(),
        expires_at: now.plus(patience.unwrap_or(UNATTENDED_EXPIRY)),
    })
}

fn rule_doc(rule: &crate::policy::Rule) -> RuleDoc {
    RuleDoc { id: rule.id.clone(), quorum: rule.quorum.to_string(), factor: rule.factor.as_str().to_owned() }
}
