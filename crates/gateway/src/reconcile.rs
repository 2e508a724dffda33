//! A person says how a run ended that nobody saw the end of.
//!
//! **Invariant:** the outcome on record stays `unknown`: what is added is who looked, when, and what
//! they found. Whoever asked does not say it alone where somebody else had to agree.

use crate::Gateway;
use crate::receive::Asker;
use crate::records;
use crate::vote::{eligible, unknown};
use countersign_audit::event::Actor;
use countersign_audit::fate::{FateDoc, Verdict};
use countersign_chat::{Answer, Notice};
use countersign_command::Reference;
use countersign_core::decision::DecisionBytes;
use countersign_core::id::InvocationId;
use countersign_core::invocation::Resumed;
use countersign_core::outcome::Ending;
use countersign_core::principal::Principal;
use countersign_core::refusal::{Code, Refusal};
use countersign_queue::Papers;

impl Gateway {
    /// `/countersign reconcile ID happened|did-not NOTE`.
    pub(crate) async fn reconcile(
        &self,
        asker: &Asker,
        which: &Reference,
        happened: bool,
        note: Option<String>,
    ) -> Answer {
        match self.try_reconcile(asker, which, happened, note).await {
            Ok(answer) => answer,
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    async fn try_reconcile(
        &self,
        asker: &Asker,
        which: &Reference,
        happened: bool,
        note: Option<String>,
    ) -> Result<Answer, Box<Refusal>> {
        let (id, papers) = self.find_any(which).await?;
        let resumed = self.resumed(id, &papers).ok_or_else(|| Box::new(unknown()))?;
        let (decision, thread) = match &resumed {
            Resumed::Pending(_) => return Err(Box::new(not_unknown("it has not started"))),
            Resumed::Asked(it) => (it.decision(), it.receipt().thread.clone()),
            Resumed::Cleared(it) => (it.decision(), it.receipt().thread.clone()),
        };
        self.is_unknown(id, decision, &papers).await?;
        self.may_reconcile(&resumed, decision, &asker.principal)?;
        let by = Actor::person(&asker.principal, Some(&asker.typed.account));
        let record = records::record_reconciled(id, by, happened, note.clone());
        self.parts().log.record(record).await.map_err(|error| Box::new(records::unwritten(&error)))?;
        let notice = Notice::Reconciled { who: asker.principal.name.clone(), happened, note };
        self.say_in(id, &countersign_chat::ThreadId::new(thread), notice.clone()).await;
        Ok(Answer::Said(notice))
    }

    /// A request that is open, or one that is over, by its whole id.
    async fn find_any(&self, which: &Reference) -> Result<(InvocationId, Papers), Box<Refusal>> {
        let Ok(id) = which.as_str().parse::<InvocationId>() else { return self.find(which).await };
        let papers = self.parts().queue.papers(id).await;
        Ok((id, papers.map_err(|error| Box::new(error.refusal()))?))
    }

    /// The fate store knows: an outcome that says so, or a start long ago and nothing since.
    async fn is_unknown(
        &self,
        id: InvocationId,
        decision: &DecisionBytes,
        papers: &Papers,
    ) -> Result<(), Box<Refusal>> {
        let log = &self.parts().log;
        let away = |error: countersign_audit::fate::FateError| {
            tracing::warn!(invocation.id = %id, "Fate does not answer: {error}");
            Box::new(Refusal::new(
                Code::AuditUnavailable,
                "it cannot be read how it ended",
                "Type it again in a minute; if it stays, tell the operators.",
            ))
        };
        let pool = &decision.decision().pool;
        let sealed = log.outcome_of(pool, id).await.map_err(away)?;
        if let Some(outcome) = self.believed(id, sealed.as_ref().or(papers.outcome.as_ref()), decision) {
            return match outcome.ending {
                Ending::Unknown => Ok(()),
                ending => Err(Box::new(not_unknown(&format!("it ended as `{}`", ending.as_str())))),
            };
        }
        let found = log.fate().look(pool, id).await.map_err(away)?;
        let verdict =
            found.and_then(|found| FateDoc::read(found.winner.as_bytes(), pool, id).ok()).map(|doc| doc.verdict);
        match verdict {
            Some(Verdict::Start { .. }) if self.is_overdue(decision) => Ok(()),
            Some(Verdict::Start { .. }) => Err(Box::new(not_unknown("it may still run"))),
            Some(Verdict::Closed { .. }) => Err(Box::new(not_unknown("it was closed, and nothing ran"))),
            None => Err(Box::new(not_unknown("it has not started"))),
        }
    }

    fn may_reconcile(&self, resumed: &Resumed, decision: &DecisionBytes, who: &Principal) -> Result<(), Box<Refusal>> {
        let decision = decision.decision();
        let asked = matches!(resumed, Resumed::Asked(asked) if eligible(asked, who).is_ok());
        let owners = self.parts().policy.current().owners_of(&decision.tool, &decision.scope);
        let needs_others = decision.rules.iter().any(|rule| rule.quorum != "none");
        let own = decision.requester == who.id;
        if (asked || !owners.is_disjoint(&who.groups)) && !(own && needs_others) {
            return Ok(());
        }
        Err(Box::new(Refusal::new(
            Code::ApproverNotEligible,
            "only somebody who may approve it, or an owner of the target, can say how it ended, and not who asked for it",
            "Ask one of them to look.",
        )))
    }
}

fn not_unknown(why: &str) -> Refusal {
    Refusal::new(
        Code::AlreadyDecided,
        format!("there is nothing to reconcile: {why}"),
        "Only requests whose outcome is unknown are reconciled.",
    )
}
