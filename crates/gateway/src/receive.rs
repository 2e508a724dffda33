//! From typed text to a ruling.

use crate::Gateway;
use crate::manifest;
use crate::records::unwritten;
use crate::view::View;
use countersign_chat::{Answer, EffectView, Membership, NewThread, Notice, State, ThreadId, Typed};
use countersign_command::Attachment;
use countersign_core::command::Command;
use countersign_core::decision::{Decision, DecisionBytes};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::invocation::{Cleared, Invocation, Pending, Receipt, Ruling};
use countersign_core::policy::Facts;
use countersign_core::principal::{Account, Principal};
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::subject::Subject;
use countersign_queue::Paper;
use std::time::Duration;

/// How long a delivery is remembered. Longer than any front repeats one.
const REMEMBERED: Duration = Duration::from_hours(24);

/// People read in the acknowledgement: no thread within so long, nothing was started.
const PROMISED: Duration = Duration::from_mins(1);

/// Where a command was typed and by whom, once both are known.
pub(crate) struct Asker {
    pub(crate) typed: Typed,
    pub(crate) principal: Principal,
    pub(crate) id: InvocationId,
    /// What came with the line, or why it cannot be taken.
    pub(crate) manifest: Result<Option<Attachment>, Box<Refusal>>,
}

impl Gateway {
    pub(crate) async fn typed(&self, typed: Typed) -> Answer {
        let (typed, manifest) = manifest::apart(typed);
        self.came(typed, manifest).await
    }

    /// A line whose manifest could not be brought, and why.
    pub(crate) async fn typed_without(&self, typed: Typed, why: Refusal) -> Answer {
        let (typed, _) = manifest::apart(typed);
        self.came(typed, Err(Box::new(why))).await
    }

    async fn came(&self, typed: Typed, manifest: Result<Option<Attachment>, Box<Refusal>>) -> Answer {
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
        let principal = match self.member(&typed.account, typed.membership).await {
            Ok(principal) => principal,
            Err(refusal) => return self.refuse_stranger(id, &typed, *refusal).await,
        };
        Box::pin(self.understood(Asker { typed, principal, id, manifest })).await
    }

    /// Who an account belongs to, if they may ask or agree at all.
    pub(crate) async fn member(&self, account: &Account, membership: Membership) -> Result<Principal, Box<Refusal>> {
        if membership != Membership::Full {
            return Err(Box::new(Refusal::new(
                Code::NotAMember,
                format!("the chat says that this is {}", membership.phrase()),
                "Only full members of this organisation can ask or agree.",
            )));
        }
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
        let attachment = match self.attachment(&asker, &policy).await {
            Ok(attachment) => attachment,
            Err(refusal) => return self.refused(&asker, *refusal).await,
        };
        let channel = asker.typed.channel.clone().map(|channel| channel.id);
        let context = countersign_command::Context { channel, attachment };
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
        self.beside_shadow(&asker, &command, facts.now());
        let it = Invocation::receive(receipt, asker.principal.clone(), Subject::Command(Box::new(command)));
        let ruling = it.decide(policy.as_ref(), &facts, &[]);
        if let Some(decision) = decision_of(&ruling)
            && let Some(refusal) = self.frozen(decision).await
        {
            return self.refused(&asker, refusal).await;
        }
        if let Some(refusal) = self.spent(&asker, &ruling).await {
            return self.refused(&asker, refusal).await;
        }
        match ruling {
            Ruling::Denied(denied) => self.refused(&asker, denied.refusal).await,
            Ruling::Pending(it) if it.receipt().reason.is_none() && needs_reason(&policy, &it) => {
                self.refused(&asker, reason_missing()).await
            }
            Ruling::Cleared(it) => Box::pin(self.cleared_at_once(&asker, it)).await,
            Ruling::Pending(it) => Box::pin(self.pending(&asker, it)).await,
        }
    }

    /// A budget that can be seen to be spent, before anybody is bothered. The worker counts: what cannot be
    /// seen here is no reason to refuse.
    async fn spent(&self, asker: &Asker, ruling: &Ruling) -> Option<Refusal> {
        let budgets = match ruling {
            Ruling::Denied(_) => return None,
            Ruling::Pending(it) => it.budgets(),
            Ruling::Cleared(it) => it.budgets(),
        };
        match self.parts().log.spent(budgets, &asker.principal.id, asker.id).await {
            Ok(refusal) => refusal,
            Err(error) => {
                tracing::warn!(invocation.id = %asker.id, "It cannot be seen whether a budget is spent: {error}");
                None
            }
        }
    }

    /// Opens the thread, unless the person was told meanwhile that nothing will start.
    async fn open_thread(&self, asker: &Asker, title: String) -> Result<ThreadId, Answer> {
        if self.parts().clock.now().since(asker.typed.at) > PROMISED {
            let late = Refusal::new(
                Code::ReceivedTooLate,
                "this took more than a minute to come through, so nothing was started",
                "Ask again.",
            );
            return Err(self.refused(asker, late).await);
        }
        let new = NewThread {
            invocation: asker.id,
            account: asker.typed.account.clone(),
            requester: asker.principal.name.clone(),
            channel: asker.typed.channel.clone().map(|channel| channel.id),
            within: asker.typed.thread.clone(),
            title,
        };
        match self.parts().chat.open(new).await {
            Ok(thread) => Ok(thread),
            Err(error) => {
                tracing::warn!(invocation.id = %asker.id, "No thread could be opened: {error}");
                let refusal = Refusal::new(
                    Code::ChatUnavailable,
                    "no thread could be opened, so nothing was started",
                    "Ask again in a minute; if it stays, tell the operators.",
                );
                Err(self.refused(asker, refusal).await)
            }
        }
    }

    async fn cleared_at_once(&self, asker: &Asker, it: Invocation<Cleared>) -> Answer {
        let thread = match self.open_thread(asker, it.decision().decision().argv.to_string()).await {
            Ok(thread) => thread,
            Err(answer) => return answer,
        };
        let it = it.in_thread(thread.as_str());
        let decision = it.decision().clone();
        self.begin_view(asker, thread, &it, decision, State::Queued).await;
        let pool = it.decision().decision().pool.clone();
        if let Err(refusal) = self.keep_and_dispatch(it).await {
            return self.given_up(asker.id, &pool, *refusal).await;
        }
        drop(self.show(asker.id).await);
        self.follow(asker.id);
        Answer::Accepted { invocation: asker.id }
    }

    /// What only looks is kept as well, so that its answer survives this gateway.
    async fn keep_and_dispatch(&self, it: Invocation<Cleared>) -> Result<(), Box<Refusal>> {
        let parts = self.parts();
        let pool = &it.decision().decision().pool;
        let kept = parts.queue.post(it.id(), pool, Paper::Asked(it.record(&parts.sealer))).await;
        kept.map_err(|error| Box::new(error.refusal()))?;
        self.dispatch(it).await
    }

    async fn pending(&self, asker: &Asker, it: Invocation<Pending>) -> Answer {
        if let Err(refusal) = self.clocks_agree().await {
            return self.refused(asker, *refusal).await;
        }
        let thread = match self.open_thread(asker, it.draft().decision().argv.to_string()).await {
            Ok(thread) => thread,
            Err(answer) => return answer,
        };
        let it = it.in_thread(thread.as_str());
        let (id, pool) = (asker.id, it.draft().decision().pool.clone());
        let state = if it.has_preview() { State::Previewing } else { State::Asking };
        let draft = it.draft().clone();
        self.begin_view(asker, thread, &it, draft, state).await;
        let effect = if it.has_preview() { EffectView::Awaited } else { EffectView::NoPreview };
        self.with_view(id, |view| view.effect = effect);
        if let Err(refusal) = self.ask_for_effect(it).await {
            return self.given_up(id, &pool, *refusal).await;
        }
        drop(self.show(id).await);
        self.follow(id);
        Answer::Accepted { invocation: id }
    }

    /// From here on this gateway looks after the request.
    async fn begin_view<S>(
        &self,
        asker: &Asker,
        thread: ThreadId,
        it: &Invocation<S>,
        decision: DecisionBytes,
        state: State,
    ) {
        let reasons = it.reasons().to_vec();
        let view = View::new(thread, it.receipt().clone(), asker.principal.name.clone(), decision, reasons, state);
        self.put_view(asker.id, View { input: it.input().cloned(), ..view });
        // Before it is on the board, so that no sweeper takes it for abandoned.
        self.watch(asker.id).await;
    }

    /// It could not be brought on its way. Part of it may be in the queue: its fate is closed, so
    /// that what the person reads stays true.
    async fn given_up(&self, id: InvocationId, pool: &str, refusal: Refusal) -> Answer {
        self.end(id, pool, refusal.clone()).await;
        if self.with_view(id, |_| ()).is_some() {
            // It is not told yet, or fate does not answer either and the no is still to be written.
            self.follow(id);
        }
        Answer::Refused(refusal)
    }
}

/// What was decided, unless it was no.
fn decision_of(ruling: &Ruling) -> Option<&Decision> {
    match ruling {
        Ruling::Denied(_) => None,
        Ruling::Pending(it) => Some(it.draft().decision()),
        Ruling::Cleared(it) => Some(it.decision().decision()),
    }
}

/// Whether a rule of the decision wants to know why.
fn needs_reason(policy: &countersign_policy::Policy, it: &Invocation<Pending>) -> bool {
    it.draft().decision().rules.iter().any(|rule| policy.asks_for_reason(&rule.id))
}

fn reason_missing() -> Refusal {
    Refusal::new(Code::MissingValue, "the people who must agree want to know why", "Ask again with --reason \"…\".")
}
