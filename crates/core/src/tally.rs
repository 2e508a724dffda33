//! Counting ballots: the same function for the gateway that asks and the worker that doubts.
//!
//! **Invariant:** a ballot counts only if its seal opens for this invocation, it names exactly
//! this decision, and the counter's own directory knows the voter as an active human other
//! than the requester.

use crate::ballot::{Ballot, Vote};
use crate::decision::{Decision, DecisionBytes};
use crate::policy::Facts;
use crate::principal::{Principal, SubjectId};
use crate::quorum::{Filling, Quorum};
use crate::refusal::{Code, Refusal, shown};
use crate::seal::{Sealed, Verifier};
use std::collections::BTreeSet;

/// What the ballots come to.
#[derive(Debug)]
pub(crate) struct Count {
    /// Each rule and how far its quorum is filled.
    pub(crate) rules: Vec<(String, Quorum, Filling)>,
    /// Which of the ballots given were believed, by position.
    pub(crate) believed: Vec<usize>,
    rejected: Option<(String, Option<String>)>,
    confirmed: bool,
}

impl Count {
    /// Whether every rule's quorum is filled.
    pub(crate) fn is_complete(&self) -> bool {
        self.rules.iter().all(|(_, _, filling)| filling.is_complete())
    }

    /// Whether the requester has confirmed.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// The no that beats every yes.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let (who, why) = self.rejected.as_ref()?;
        let because = why.as_ref().map_or(String::new(), |why| format!(": {}", shown(why)));
        Some(Refusal::new(
            Code::Rejected,
            format!("{} rejected this{because}", shown(who)),
            "Talk to them, then ask again as a new request.",
        ))
    }

    /// The first rule that is not filled, in words.
    pub(crate) fn missing(&self) -> Option<String> {
        let (id, quorum, filling) = self.rules.iter().find(|(_, _, filling)| !filling.is_complete())?;
        Some(format!("rule `{id}` needs {quorum}; {} of {} agreed", filling.filled(), quorum.people()))
    }
}

/// The rules a decision names, parsed.
pub(crate) fn rules_of(decision: &Decision) -> Result<Vec<(String, Quorum)>, Box<Refusal>> {
    let parse = |rule: &crate::decision::RuleDoc| match (rule.factor.as_str(), rule.quorum.parse::<Quorum>()) {
        ("none", Ok(quorum)) => Ok((rule.id.clone(), quorum)),
        _ => Err(Box::new(Refusal::new(
            Code::NotAvailableYet,
            format!("rule `{}` asks for something this version does not know", shown(&rule.id)),
            "Bring gateway and worker to the same version.",
        ))),
    };
    decision.rules.iter().map(parse).collect()
}

/// Counts. `ballots` may come from anywhere; what does not hold is left out.
pub(crate) fn count(
    decision: &DecisionBytes,
    rules: &[(String, Quorum)],
    ballots: &[Sealed<Ballot>],
    verifier: &Verifier,
    facts: &Facts,
) -> Count {
    let doc = decision.decision();
    let mut approvers: Vec<&Principal> = Vec::new();
    let mut seen: BTreeSet<SubjectId> = BTreeSet::new();
    let mut rejected = None;
    let mut confirmed = false;
    let mut believed = Vec::new();
    for (nth, sealed) in ballots.iter().enumerate() {
        let Some(ballot) = valid(sealed, decision, verifier, facts) else {
            continue;
        };
        let Some(voter) = facts.person(&ballot.voter) else {
            continue;
        };
        believed.push(nth);
        let requester = ballot.voter == doc.requester;
        match ballot.vote {
            Vote::Reject => {
                rejected = rejected.or(Some((voter.name.clone(), ballot.reason.clone())));
            }
            Vote::Confirm => confirmed |= requester && voter.is_active_human(),
            Vote::Approve if requester || !voter.is_active_human() => {}
            Vote::Approve => {
                if seen.insert(ballot.voter.clone()) {
                    approvers.push(voter);
                }
            }
        }
    }
    let rules = rules.iter().map(|(id, quorum)| (id.clone(), quorum.clone(), quorum.fill(&approvers))).collect();
    Count { rules, believed, rejected, confirmed }
}

fn valid(sealed: &Sealed<Ballot>, decision: &DecisionBytes, verifier: &Verifier, facts: &Facts) -> Option<Ballot> {
    let ballot = sealed.open(verifier, decision.decision().invocation, facts.now()).ok()?;
    let on_time = ballot.at < decision.decision().expires_at;
    (ballot.v == 1 && ballot.decision == decision.digest() && on_time).then_some(ballot)
}
