//! Looking at an effect: before people are asked, and again before it is caused.
//!
//! **Invariant:** a look has its own intent, its own lease and its own outcome on record, and
//! runs with the preview credential, which cannot write.

use crate::Worker;
use crate::effect::{Owner, Printed, read};
use crate::job::Settled;
use crate::run::{Done, Halt, Show, chain};
use crate::stopping::Stopping;
use countersign_audit::event::SealKind;
use countersign_core::command::{Command, EffectForm};
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::job::Preview;
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::seal::Sealed;
use countersign_core::warrant::{Errand, Warrant};
use countersign_queue::{Claim, Paper};

impl Worker {
    /// The dry run before people are asked.
    pub(crate) async fn preview(&self, claim: &Claim, sealed: &Sealed<Preview>, stopping: &Stopping) -> Settled {
        let parts = self.parts();
        let id = claim.key.invocation;
        if let Err(settled) = self.clocks_agree(id).await {
            return settled;
        }
        let open = match sealed.open_preview(&parts.verifier, id, parts.clock.now()) {
            Ok(open) => open,
            Err(error) => return self.bad_seal(claim, SealKind::Preview, sealed, &error).await,
        };
        let facts = match self.known(open.draft(), &[]).await {
            Ok(facts) => facts,
            Err(settled) => return settled,
        };
        let warrant = match open.decide_again(parts.policy.current().as_ref(), &facts, &parts.pool) {
            Ok(warrant) => warrant,
            Err(refusal) => return self.refuse(id, *refusal).await,
        };
        match self.effect_of(claim, warrant, stopping).await {
            Ok(effect) => {
                let posted = parts.queue.post(id, &parts.pool, Paper::Effect(effect.seal(&parts.sealer))).await;
                posted.map_or(Settled::GiveBack, |_| Settled::Finish)
            }
            Err(refusal) if refusal.code() == Code::AuditUnavailable => Settled::GiveBack,
            Err(refusal) => self.refuse(id, *refusal).await,
        }
    }

    /// Runs the steps of a look and reads the effect out of them.
    pub(crate) async fn effect_of(
        &self,
        claim: &Claim,
        warrant: Warrant,
        stopping: &Stopping,
    ) -> Result<Effect, Box<Refusal>> {
        let id = warrant.invocation();
        let form = warrant.effect_form();
        let command = warrant.command().clone();
        let mut done = match self.execute(claim, warrant, stopping, Show::Silent).await {
            Ok(done) => done,
            Err(Halt::NotRun(refusal) | Halt::Owing(refusal)) => return Err(Box::new(refusal)),
            Err(Halt::Begin(error)) => {
                let refusal = Refusal::new(
                    Code::AuditUnavailable,
                    format!("the look at its effect could not be recorded: {}", chain(&error)),
                    "Ask again in a minute; if it stays, tell the operators.",
                );
                if let Some(attempt) = error.owes() {
                    self.owe(id, refusal.clone(), attempt.clone(), Errand::Preview).await;
                }
                return Err(Box::new(refusal));
            }
        };
        let found = self.read_effect(id, &done, form, &command);
        let sealed = self.outcome_of(id, &done).seal(&self.parts().sealer);
        // Of a look nobody but this process can tell the end.
        if !self.close_entry(id, &mut done.entry, &sealed, &done.ended).await {
            tracing::error!(invocation.id = %id, "A look at an effect ended unrecorded");
        }
        found
    }

    /// The effect in what the steps printed; a step that failed is the answer instead.
    pub(crate) fn read_effect(
        &self,
        id: InvocationId,
        done: &Done,
        form: Option<EffectForm>,
        command: &Command,
    ) -> Result<Effect, Box<Refusal>> {
        let steps = &done.exit.steps;
        if done.exit.ending != Ending::Ran {
            let notes = done.exit.notes.join("; ");
            return Err(Box::new(failed(&format!("it was stopped ({}) {notes}", done.exit.ending.as_str()))));
        }
        if let Some(bad) = steps.iter().find(|step| step.code != 0) {
            return Err(Box::new(failed(&last_line(&bad.stderr).unwrap_or_else(|| format!("exit code {}", bad.code)))));
        }
        let Some(form) = form else { return Err(Box::new(failed("the command has no preview"))) };
        let texts: Result<Vec<&str>, _> = steps.iter().map(|step| std::str::from_utf8(&step.stdout)).collect();
        let texts = texts.map_err(|_| Box::new(failed("it printed something that is not text")))?;
        let printed: Vec<Printed<'_>> = texts.into_iter().map(|stdout| Printed { stdout }).collect();
        let owner =
            Owner { deployment: self.parts().deployment.clone(), pool: self.parts().pool.clone(), invocation: id };
        let found = read(form, command, &printed, owner).map_err(|error| Box::new(failed(&chain(&error))))?;
        Ok(found.with_plan(done.exit.plan))
    }
}

fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(shown)
}

fn failed(why: &str) -> Refusal {
    Refusal::new(
        Code::PreviewFailed,
        format!("its effect could not be found out: {why}"),
        "Check the target; what cannot be previewed is not asked for.",
    )
}
