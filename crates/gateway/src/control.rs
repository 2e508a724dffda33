//! Stopping all changes from chat.
//!
//! **Invariant:** a freeze holds from the moment the store has it, whoever can be told. It is never
//! lifted from here: that needs a key no gateway has.

use crate::Gateway;
use crate::receive::Asker;
use crate::records;
use countersign_audit::event::Actor;
use countersign_chat::notice::Row;
use countersign_chat::{Answer, Notice};
use countersign_core::control::Freeze;
use countersign_core::decision::Decision;
use countersign_core::refusal::{Code, Refusal, shown};

impl Gateway {
    /// `/countersign freeze ENV WHY`.
    pub(crate) async fn freeze(&self, asker: &Asker, env: Option<String>, why: String) -> Answer {
        match self.try_freeze(asker, env, why).await {
            Ok(answer) => answer,
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    async fn try_freeze(&self, asker: &Asker, env: Option<String>, why: String) -> Result<Answer, Box<Refusal>> {
        let parts = self.parts();
        self.may_freeze(asker, env.as_deref())?;
        let of = |epoch| Freeze {
            v: 1,
            deployment: parts.deployment.clone(),
            epoch,
            invocation: asker.id,
            env: env.clone(),
            why: why.clone(),
            by: asker.principal.name.clone(),
            at: parts.clock.now(),
        };
        let epoch = self.control().add(|epoch| of(epoch).seal(&parts.sealer)).await.map_err(|error| {
            tracing::error!("A freeze could not be written: {error}");
            Box::new(Refusal::new(
                Code::AuditUnavailable,
                "the freeze could not be written, so it does not hold",
                "Type it again; if it stays, an operator can stop changes with `countersign freeze`.",
            ))
        })?;
        if let Err(error) = parts.queue.hint_control().await {
            tracing::warn!("Workers will notice a freeze a second later: {error}");
        }
        let freeze = of(epoch);
        let by = Actor::person(&asker.principal, Some(&asker.typed.account));
        let recorded = parts.log.record(records::record_freeze(&freeze, by)).await;
        let mut rows = vec![told(&freeze)];
        if let Err(error) = recorded {
            tracing::error!("A freeze is on and not on record: {error}");
            rows.push(Row::new("note", "it holds, and could not be put on record: tell the operators"));
        }
        rows.push(Row::new("what runs", "changes that run are stopped now; reading goes on"));
        rows.push(Row::new("to lift it", format!("an operator, on the command line: countersign lift {epoch}")));
        Ok(Answer::Said(Notice::Listed { title: "Changes are frozen".into(), rows }))
    }

    /// Owners of something there, and whom an approval rule for it asks.
    fn may_freeze(&self, asker: &Asker, env: Option<&str>) -> Result<(), Box<Refusal>> {
        let policy = self.parts().policy.current();
        if let Some(env) = env
            && !policy.catalog().environments().contains_key(env)
        {
            let known: Vec<&str> = policy.catalog().environments().keys().map(String::as_str).collect();
            return Err(Box::new(Refusal::new(
                Code::UnknownTarget,
                format!("there is no environment `{}`", shown(env)),
                format!("Say one of {}, or `everywhere`.", known.join(", ")),
            )));
        }
        if !policy.stewards(env).is_disjoint(&asker.principal.groups) {
            return Ok(());
        }
        Err(Box::new(Refusal::new(
            Code::NotAllowed,
            "only owners of something there, and people whom an approval rule asks, can stop changes",
            "Ask one of them, or an operator.",
        )))
    }

    /// `/countersign freeze`: which are on.
    pub(crate) async fn freezes(&self) -> Answer {
        let known = self.control().look().await;
        let mut rows: Vec<Row> = self.control().freezes().iter().map(told).collect();
        if let Err(error) = known {
            rows.push(Row::new("note", format!("the store does not answer, so there may be more: {error}")));
        }
        let title = if rows.is_empty() { "Nothing is frozen" } else { "Freezes" };
        Answer::Said(Notice::Listed { title: title.into(), rows })
    }

    /// Whether a change would be stopped. Only a courtesy: the worker asks the store itself.
    pub(crate) async fn frozen(&self, decision: &Decision) -> Option<Refusal> {
        if !crate::asking::changes(decision) {
            return None;
        }
        if let Err(error) = self.control().look().await {
            tracing::warn!("It cannot be read whether changes are frozen: {error}");
        }
        self.control().frozen(decision.scope.env.as_deref()).map(|freeze| freeze.refusal())
    }
}

fn told(freeze: &Freeze) -> Row {
    let place = freeze.env.as_deref().unwrap_or("everywhere");
    Row::new(
        format!("{} {place}", freeze.epoch),
        format!("{}, by {} at {}", freeze.why, freeze.by, freeze.at.clock_time()),
    )
}
