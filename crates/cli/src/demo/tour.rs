//! `demo --tour`: a scripted walk without a browser.
//!
//! **Invariant:** each step says what it promises before it is taken, and the tour ends well only
//! if every one came out so.

use crate::demo::world::World;
use crate::recorder::{Recorder, Thread};
use anyhow::{Context as _, bail};
use countersign_audit::verify::Conclusion;
use countersign_chat::{Answer, Button, Clicked, Gate as _, Inbound, Notice, State, Typed, transcript};
use countersign_core::id::InvocationId;
use countersign_core::principal::Account;
use countersign_core::refusal::Code;
use countersign_core::time::Clock;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// How long a step may take on a slow machine before the tour gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A walk through a world, printed as people read it.
pub struct Tour<'a, W> {
    world: &'a World,
    chat: Arc<Recorder>,
    clock: Arc<dyn Clock>,
    out: W,
    typed: u32,
    steps: u32,
}

impl<W> std::fmt::Debug for Tour<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tour").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// The account of one of the demo's people.
#[must_use]
pub fn account(who: &str) -> Account {
    Account { front: "console".into(), team: "demo".into(), user: who.into() }
}

impl<'a, W: Write> Tour<'a, W> {
    /// A tour that prints to `out`. The world must have been started with this recorder.
    pub fn new(world: &'a World, chat: Arc<Recorder>, clock: Arc<dyn Clock>, out: W) -> Self {
        Self { world, chat, clock, out, typed: 0, steps: 0 }
    }

    /// Takes every step; returns how many there were.
    ///
    /// # Errors
    /// At the first step that did not come out as promised, with the thread as it was.
    pub async fn walk(mut self) -> anyhow::Result<u32> {
        self.read().await?;
        self.refusal().await?;
        self.preview().await?;
        self.approval().await?;
        if self.world.has_kubectl() {
            self.kubectl().await?;
        } else {
            self.say("No kubectl on this machine: the second half of the tour needs one (apt-get install kubernetes-client).")?;
        }
        self.verify().await?;
        Ok(self.steps)
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        self.step("A developer looks at something: it runs at once, nobody is asked")?;
        let thread = self.ask("dee", "/disk-usage path=/tmp").await?;
        self.ended(&thread, State::Done { exit: 0 }).await
    }

    async fn refusal(&mut self) -> anyhow::Result<()> {
        self.step(
            "The same developer asks for something destructive in production: a no, with the rule and the way forward",
        )?;
        self.refused("dee", "/restart-report service=checkout --apply", Code::NotAllowed).await?;
        self.step("A command with a typing mistake: the no points at it")?;
        self.refused("dee", "/disk-usage path=/tmpp", Code::BadValue).await
    }

    async fn preview(&mut self) -> anyhow::Result<()> {
        self.step("Without --apply nothing changes: an SRE sees what would happen")?;
        let thread = self.ask("ann", "/restart-report service=checkout").await?;
        self.ended(&thread, State::Done { exit: 0 }).await
    }

    async fn approval(&mut self) -> anyhow::Result<()> {
        self.step("With --apply two other people must agree, and the requester is not one of them")?;
        let thread = self.ask("ann", "/restart-report service=checkout cause=failover --apply").await?;
        self.asking(&thread).await?;
        self.not_counted("ann", &thread, Code::RequesterCannotApprove).await?;
        self.not_counted("dee", &thread, Code::ApproverNotEligible).await?;
        self.approves("bob", &thread).await?;
        self.approves("cho", &thread).await?;
        self.ended(&thread, State::Done { exit: 0 }).await
    }

    async fn kubectl(&mut self) -> anyhow::Result<()> {
        self.step("The real kubectl, in a real jail, with a credential that can only read")?;
        let thread = self.ask("dee", "/kubectl get pods -n payments --context prod").await?;
        self.ended(&thread, State::Done { exit: 0 }).await?;
        self.step("What a pod's deletion would do, found out by a dry run with a credential that cannot write")?;
        let thread = self.ask("ann", "/kubectl delete pod api-7f -n payments --context prod").await?;
        self.ended(&thread, State::Done { exit: 0 }).await?;
        self.pod_is(true)?;
        self.step("The deletion itself: two people see exactly this command and exactly this pod, and agree")?;
        let thread = self.ask("ann", "/kubectl delete pod api-7f -n payments --context prod --apply").await?;
        self.asking(&thread).await?;
        self.approves("bob", &thread).await?;
        self.pod_is(true)?;
        self.approves("cho", &thread).await?;
        self.ended(&thread, State::Done { exit: 0 }).await?;
        self.pod_is(false)?;
        self.step("Protected namespaces stay protected, whoever asks")?;
        let text = "/kubectl delete pod coredns-0 -n kube-system --context prod --apply";
        self.refused("ann", text, Code::Protected).await
    }

    fn pod_is(&mut self, there: bool) -> anyhow::Result<()> {
        let prod = self.world.clusters.get("prod").context("the demo has a cluster prod")?;
        let found = prod.object("pods", Some("payments"), "api-7f").is_some();
        if found != there {
            bail!("the pod api-7f should {}be there", if there { "" } else { "not " });
        }
        self.say(if there {
            "(The pod api-7f is still there.)"
        } else {
            "(The pod api-7f is gone; its deployment has made another.)"
        })
    }

    async fn verify(&mut self) -> anyhow::Result<()> {
        self.step("An outsider checks the log: every record in place, every run with its intent, fate and outcome")?;
        let places = &self.world.installation.places;
        let anchors = [places.anchors.clone()];
        let report = crate::audit::verify(places, &anchors, &places.keys.join("root.pub"), "demo").await?;
        self.say(&report.to_string())?;
        match report.conclusion() {
            Conclusion::Sound => Ok(()),
            Conclusion::Incomplete | Conclusion::Broken => bail!("the log does not verify"),
        }
    }

    /// Types as in chat and waits for the thread.
    async fn ask(&mut self, who: &str, text: &str) -> anyhow::Result<InvocationId> {
        match self.types(who, text).await? {
            Answer::Accepted { invocation } => Ok(invocation),
            other => bail!("`{text}` should have been accepted; the answer was:\n{}", self.answer(&other)),
        }
    }

    async fn refused(&mut self, who: &str, text: &str, code: Code) -> anyhow::Result<()> {
        let answer = self.types(who, text).await?;
        let told = self.answer(&answer);
        self.say(&told)?;
        match answer {
            Answer::Refused(refusal) | Answer::Said(Notice::Refused { refusal, .. }) if refusal.code() == code => {
                Ok(())
            }
            _ => bail!("`{text}` should have been refused with `{code}`"),
        }
    }

    async fn types(&mut self, who: &str, text: &str) -> anyhow::Result<Answer> {
        self.typed += 1;
        self.say(&format!("{who}> {text}"))?;
        let typed = Typed {
            account: account(who),
            membership: countersign_chat::Membership::Full,
            channel: None,
            thread: None,
            text: text.to_owned(),
            manifest: None,
            nonce: format!("tour-{}", self.typed),
            at: self.clock.now(),
        };
        Ok(self.world.installation.gateway.receive(Inbound::Typed(typed)).await)
    }

    async fn asking(&mut self, id: &InvocationId) -> anyhow::Result<()> {
        let is = |thread: &Thread| {
            thread.states.last() == Some(&State::Asking) || thread.states.last().is_some_and(|s| s.is_final())
        };
        let thread = self.wait(id, "people are asked", is).await?;
        if thread.states.last() != Some(&State::Asking) {
            bail!("people should have been asked; the thread is:\n{}", self.chat.transcript(&thread));
        }
        let shown = self.chat.transcript(&thread);
        self.say(&shown)
    }

    async fn not_counted(&mut self, who: &str, id: &InvocationId, code: Code) -> anyhow::Result<()> {
        match self.clicks(who, id, Button::Approve).await? {
            Answer::Said(Notice::NotCounted { why }) if why.code() == code => Ok(()),
            other => bail!("{who}'s approval should not have counted (`{code}`): {}", self.answer(&other)),
        }
    }

    async fn approves(&mut self, who: &str, id: &InvocationId) -> anyhow::Result<()> {
        match self.clicks(who, id, Button::ShowWhole).await? {
            Answer::Whole(_) => {}
            other => bail!("{who} should have seen the whole command: {}", self.answer(&other)),
        }
        match self.clicks(who, id, Button::Approve).await? {
            Answer::Said(Notice::Voted { .. }) => Ok(()),
            other => bail!("{who}'s approval should have counted: {}", self.answer(&other)),
        }
    }

    async fn clicks(&mut self, who: &str, id: &InvocationId, button: Button) -> anyhow::Result<Answer> {
        self.typed += 1;
        self.say(&format!("{who} presses “{}”", button.choice().label()))?;
        let decision = self.chat.thread(*id).and_then(|thread| thread.card).and_then(|card| card.decision);
        let clicked = Clicked {
            account: account(who),
            membership: countersign_chat::Membership::Full,
            thread: None,
            invocation: *id,
            decision,
            button,
            nonce: format!("tour-{}", self.typed),
            at: self.clock.now(),
        };
        let answer = self.world.installation.gateway.receive(Inbound::Clicked(clicked)).await;
        if !matches!(answer, Answer::Whole(_)) {
            let told = self.answer(&answer);
            self.say(&told)?;
        }
        Ok(answer)
    }

    /// Waits for the end, prints the thread, and checks how it ended.
    async fn ended(&mut self, id: &InvocationId, state: State) -> anyhow::Result<()> {
        let is =
            |thread: &Thread| thread.card.as_ref().is_some_and(|card| card.state.is_final()) && !thread.said.is_empty();
        let thread = self.wait(id, "it ends", is).await?;
        let shown = self.chat.transcript(&thread);
        self.say(&shown)?;
        match thread.card.map(|card| card.state) {
            Some(found) if found == state => Ok(()),
            found => bail!("it should have ended as {state:?} and ended as {found:?}"),
        }
    }

    async fn wait(&self, id: &InvocationId, what: &str, is: impl Fn(&Thread) -> bool) -> anyhow::Result<Thread> {
        self.chat.wait(*id, PATIENCE, is).await.map_err(|thread| {
            let shown = thread.map_or_else(|| "there is none".into(), |thread| self.chat.transcript(&thread));
            anyhow::anyhow!("waited {PATIENCE:?} until {what}; the thread is:\n{shown}")
        })
    }

    fn answer(&self, answer: &Answer) -> String {
        let now = self.clock.now();
        match answer {
            Answer::Accepted { invocation } => format!("accepted as {}", invocation.short()),
            Answer::Said(notice) => transcript::notice(notice, now),
            Answer::Whole(card) => transcript::card(card, now),
            Answer::Refused(refusal) => {
                transcript::notice(&Notice::Refused { refusal: refusal.clone(), typed: None }, now)
            }
        }
    }

    fn step(&mut self, promise: &str) -> anyhow::Result<()> {
        self.steps += 1;
        writeln!(self.out, "\n━━ {}. {promise}\n", self.steps)?;
        Ok(())
    }

    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{}", text.trim_end())?;
        Ok(())
    }
}
