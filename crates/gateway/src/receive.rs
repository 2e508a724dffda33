//! From typed text to a ruling.

use crate::Gateway;
use crate::records::unwritten;
use crate::view::View;
use countersign_chat::{Answer, EffectView, NewThread, Notice, State, ThreadId, Typed};
use countersign_core::command::Command;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::invocation::{Cleared, Invocation, Pending, Receipt, Ruling};
use countersign_core::policy::Facts;
use countersign_core::principal::Principal;
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::subject::Subject;
use std::time::Duration;

/// How long a delivery is remembered. Longer than any front repeats one.
const REMEMBERED: Duration = Duration::from_hours(24);

/// Where a command was typed and by whom, once both are known.
pub(crate) struct Asker {
    pub(crate) typed: Typed,
    pub(crate) principal: Principal,
    pub(crate) id: InvocationId,
}

impl Gateway {
    pub(crate) async fn typed(&self, typed: Typed) -> Answer {
        let parts = self.parts();
        let account = &typed.account;
        let origin =
            Origin { deployment: &parts.deployment, front: &account.front, team: &account.team, trigger: &typed.nonce };
        let id = InvocationId::derive(origin, typed.at);
        match parts
            .queue
            .first_time(&format!("typed/{id}"), parts.clock.now().plus(REMEMBERED), parts.clock.now())
            .await
        {
            Ok(true) => {}
            Ok(false) => return Answer::Accepted { invocation: id },
            Err(error) => return Answer::Refused(error.refusal()),
        }
        let principal = match self.member(&typed.account).await {
            Ok(principal) => principal,
            Err(refusal) => return self.refuse_stranger(id, &typed, *refusal).await,
        };
        Box::pin(self.understood(Asker { typed, principal, id })).await
    }

    /// Who an account belongs to, if they may ask or agree at all.
    pub(crate) async fn member(
        &self,
        account: &countersign_core::principal::Account,
    ) -> Result<Principal, Box<Refusal>> {
        let principal = self.parts().directory.resolve(account).await?;
        if principal.is_active_human() {
            return Ok(principal);
        }
        Err(Box::new(Refusal::new(
            Code::NotAMember,
            format!("{} is not an active member of this organisation", shown(&principal.name)),
            "Only active members can ask or agree; an administrator of the directory can tell more.",
        )))
    }

    async fn refuse_stranger(&self, id: InvocationId, typed: &Typed, refusal: Refusal) -> Answer {
        let event = self.record_stranger(id, typed, &refusal);
        if let Err(error) = self.parts().log.record(event).await {
            return Answer::Refused(unwritten(&error));
        }
        Answer::Refused(refusal)
    }

    async fn understood(&self, asker: Asker) -> Answer {
        let policy = self.parts().policy.current();
        let context = countersign_command::Context { channel: asker.typed.channel.clone() };
        match countersign_command::parse(&asker.typed.text, &context, policy.vocabulary()) {
            Err(refusal) => self.refused(&asker, *refusal).await,
            Ok(countersign_command::Typed::Ask(ask)) => self.answer(&asker, ask).await,
            Ok(countersign_command::Typed::Run { command, reason }) => {
                Box::pin(self.asked_to_run(asker, command, reason)).await
            }
        }
    }

    /// Records a no and tells only the one who asked.
    pub(crate) async fn refused(&self, asker: &Asker, refusal: Refusal) -> Answer {
        let event = self.record_refused(asker, &refusal);
        if let Err(error) = self.parts().log.record(event).await {
            return Answer::Refused(unwritten(&error));
        }
        Answer::Said(Notice::refused(refusal, &asker.typed.text))
    }

    async fn asked_to_run(&self, asker: Asker, command: Command, reason: Option<String>) -> Answer {
        let parts = self.parts();
        let receipt = Receipt {
            id: asker.id,
            deployment: parts.deployment.clone(),
            account: asker.typed.account.clone(),
            thread: String::new(),
            channel: asker.typed.channel.clone(),
            typed: asker.typed.text.clone(),
            reason,
            at: asker.typed.at,
        };
        if let Err(error) = parts.log.record(self.record_received(&asker, &command)).await {
            return Answer::Refused(unwritten(&error));
        }
        let facts = Facts::new(parts.clock.now(), [asker.principal.clone()]);
        let policy = parts.policy.current();
        let it = Invocation::receive(receipt, asker.principal.clone(), Subject::Command(Box::new(command)));
        match it.decide(policy.as_ref(), &facts, &[]) {
            Ruling::Denied(denied) => self.refused(&asker, denied.refusal).await,
            Ruling::Pending(it) if it.receipt().reason.is_none() && needs_reason(&policy, &it) => {
                self.refused(&asker, reason_missing()).await
            }
            Ruling::Cleared(it) => self.cleared_at_once(&asker, it).await,
            Ruling::Pending(it) => self.pending(&asker, it).await,
        }
    }

    async fn open_thread(&self, asker: &Asker, title: String) -> Result<ThreadId, Answer> {
        let new = NewThread {
            invocation: asker.id,
            account: asker.typed.account.clone(),
            requester: asker.principal.name.clone(),
            channel: asker.typed.channel.clone(),
            within: asker.typed.thread.clone(),
            title,
        };
        self.parts().chat.open(new).await.map_err(|error| {
            tracing::warn!(invocation.id = %asker.id, "No thread could be opened: {error}");
            Answer::Refused(Refusal::new(
                Code::QueueUnavailable,
                "no thread could be opened, so nothing was started",
                "Ask again in a minute.",
            ))
        })
    }

    async fn cleared_at_once(&self, asker: &Asker, it: Invocation<Cleared>) -> Answer {
        let thread = match self.open_thread(asker, it.decision().decision().argv.to_string()).await {
            Ok(thread) => thread,
            Err(answer) => return answer,
        };
        let it = it.in_thread(thread.as_str());
        let view = View::new(
            thread,
            it.receipt().clone(),
            asker.principal.name.clone(),
            it.decision().clone(),
            it.reasons().to_vec(),
            State::Queued,
        );
        self.put_view(asker.id, view);
        if let Err(refusal) = self.dispatch(it).await {
            self.drop_view(asker.id);
            return Answer::Refused(*refusal);
        }
        self.show(asker.id).await;
        self.follow(asker.id);
        Answer::Accepted { invocation: asker.id }
    }

    async fn pending(&self, asker: &Asker, it: Invocation<Pending>) -> Answer {
        let thread = match self.open_thread(asker, it.draft().decision().argv.to_string()).await {
            Ok(thread) => thread,
            Err(answer) => return answer,
        };
        let it = it.in_thread(thread.as_str());
        let state = if it.has_preview() { State::Previewing } else { State::Asking };
        let mut view = View::new(
            thread,
            it.receipt().clone(),
            asker.principal.name.clone(),
            it.draft().clone(),
            it.reasons().to_vec(),
            state,
        );
        view.effect = if it.has_preview() { EffectView::Awaited } else { EffectView::NoPreview };
        self.put_view(asker.id, view);
        let id = asker.id;
        if let Err(refusal) = self.ask_for_effect(it).await {
            self.drop_view(id);
            return Answer::Refused(*refusal);
        }
        self.show(id).await;
        self.follow(id);
        Answer::Accepted { invocation: id }
    }
}

/// Whether a rule of the decision wants to know why.
fn needs_reason(policy: &countersign_policy::Policy, it: &Invocation<Pending>) -> bool {
    it.draft().decision().rules.iter().any(|rule| policy.asks_for_reason(&rule.id))
}

fn reason_missing() -> Refusal {
    Refusal::new(Code::MissingValue, "the people who must agree want to know why", "Ask again with --reason \"…\".")
}
