//! A gateway that holds state.

use crate::world::{START, TEAM};
use async_trait::async_trait;
use countersign_chat::{
    Answer, Button, Card, Clicked, EffectView, Gate, Inbound, Membership, Notice, Progress, RuleProgress, State,
    ThreadId, Typed, WholeView,
};
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

pub(crate) fn id(trigger: &str) -> InvocationId {
    InvocationId::derive(Origin { deployment: "test", front: "slack", team: TEAM, trigger }, START)
}

/// One request as the gateway knows it.
struct Known {
    thread: ThreadId,
    card: Card,
    shown_to: BTreeSet<String>,
    ballots: BTreeMap<String, Vote>,
}

/// Holds what was asked and said, and refuses what is late, foreign, copied or changed.
pub(crate) struct Office {
    received: Mutex<Vec<Inbound>>,
    refused: Mutex<Vec<(Typed, Refusal)>>,
    known: Mutex<Vec<Known>>,
    doors: tokio::sync::watch::Sender<bool>,
}

impl Office {
    pub(crate) fn new() -> Self {
        let doors = tokio::sync::watch::Sender::new(true);
        Self { received: Mutex::default(), refused: Mutex::default(), known: Mutex::default(), doors }
    }

    pub(crate) fn typed(&self) -> Vec<Typed> {
        let all = self.received.lock().unwrap();
        let typed =
            all.iter().filter_map(|one| if let Inbound::Typed(typed) = one { Some(typed.clone()) } else { None });
        typed.collect()
    }

    /// Lines whose manifest could not be brought.
    pub(crate) fn refused(&self) -> Vec<(Typed, Refusal)> {
        self.refused.lock().unwrap().clone()
    }

    pub(crate) fn clicked(&self) -> Vec<Clicked> {
        let all = self.received.lock().unwrap();
        let all = all.iter().filter_map(|one| if let Inbound::Clicked(it) = one { Some(it.clone()) } else { None });
        all.collect()
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.received.lock().unwrap().is_empty()
    }

    /// Puts a request there whose card is the message `ts` of `channel`.
    pub(crate) fn ask(&self, channel: &str, ts: &str, card: Card) {
        let thread = ThreadId::new(format!("{channel}/{ts}"));
        let known = Known { thread, card, shown_to: BTreeSet::new(), ballots: BTreeMap::new() };
        self.known.lock().unwrap().push(known);
    }

    pub(crate) fn change(&self, invocation: InvocationId, act: impl FnOnce(&mut Card)) {
        let mut known = self.known.lock().unwrap();
        act(&mut known.iter_mut().find(|one| one.card.invocation == invocation).unwrap().card);
    }

    /// Who voted what.
    pub(crate) fn ballots(&self, invocation: InvocationId) -> Vec<(String, Vote)> {
        let known = self.known.lock().unwrap();
        let one = known.iter().find(|one| one.card.invocation == invocation).unwrap();
        one.ballots.iter().map(|(who, vote)| (who.clone(), *vote)).collect()
    }

    pub(crate) fn shown_to(&self, invocation: InvocationId) -> Vec<String> {
        let known = self.known.lock().unwrap();
        known.iter().find(|one| one.card.invocation == invocation).unwrap().shown_to.iter().cloned().collect()
    }

    /// Nobody is answered until it opens again.
    pub(crate) fn close(&self) {
        self.doors.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.doors.send_replace(true);
    }

    fn judge(&self, click: &Clicked) -> Result<Answer, Refusal> {
        let no = |code, sentence: &str| Err(Refusal::new(code, sentence, "Ask again."));
        if click.membership != Membership::Full {
            return no(Code::NotAMember, &format!("the chat says that this is {}", click.membership.phrase()));
        }
        let mut known = self.known.lock().unwrap();
        let Some(one) = known.iter_mut().find(|one| one.card.invocation == click.invocation) else {
            return no(Code::UnknownButton, "this request is no longer known");
        };
        if click.decision.is_some_and(|decision| Some(decision) != one.card.decision) {
            return no(Code::DecisionChanged, "this card shows another decision");
        }
        if click.thread.as_ref().is_some_and(|thread| *thread != one.thread) {
            return no(Code::UnknownButton, "this card is a copy");
        }
        if one.card.state != State::Asking {
            return no(Code::AlreadyDecided, "this is decided already");
        }
        let who = click.account.to_string();
        let vote = match &click.button {
            Button::ShowWhole => {
                one.shown_to.insert(who);
                return Ok(Answer::Whole(Box::new(one.card.clone())));
            }
            Button::Cancel => {
                one.card.state = State::Cancelled;
                return Ok(Answer::Said(Notice::Cancelled { who: "Ann".into(), was_running: false }));
            }
            Button::Undo => return no(Code::UnknownButton, "there is nothing to take back"),
            Button::Approve if one.card.must_be_opened() && !one.shown_to.contains(&who) => {
                return no(Code::FullViewFirst, "look at the whole first");
            }
            Button::Approve => Vote::Approve,
            Button::Confirm => Vote::Confirm,
            Button::Reject { .. } => {
                one.card.state = State::Rejected;
                Vote::Reject
            }
        };
        if one.ballots.insert(who, vote).is_some() {
            return no(Code::AlreadyVoted, "you have said this before; it counts once");
        }
        let progress = vec![Progress { rule: "prod".into(), agreed: one.ballots.len(), needed: 2 }];
        Ok(Answer::Said(Notice::Voted { vote, progress }))
    }
}

#[async_trait]
impl Gate for Office {
    async fn receive(&self, inbound: Inbound) -> Answer {
        self.received.lock().unwrap().push(inbound.clone());
        self.doors.subscribe().wait_for(|open| *open).await.unwrap();
        match inbound {
            Inbound::Typed(typed) if typed.membership != Membership::Full => {
                Answer::Refused(Refusal::new(Code::NotAMember, "you are no member", "Ask a member."))
            }
            Inbound::Typed(typed) if typed.text.contains("nonsense") => {
                let refusal = Refusal::new(Code::UnknownVerb, "there is no such verb", "See `/countersign help`.");
                Answer::Said(Notice::refused(refusal, &typed.text))
            }
            Inbound::Typed(typed)
                if ["-f", "--filename"].iter().any(|flag| typed.text.contains(flag)) && typed.manifest.is_none() =>
            {
                let column =
                    typed.text.split(" -f").next().unwrap().split(" --filename").next().unwrap().chars().count() + 2;
                let why = Refusal::new(Code::WorkerFiles, "this is a file of the worker", "Add a manifest.");
                Answer::Said(Notice::refused(why.at(column, 2), &typed.text))
            }
            Inbound::Typed(typed)
                if typed.text.contains("kubectl apply") && typed.manifest.is_none() && !typed.text.contains("```") =>
            {
                let refusal = Refusal::new(Code::MissingManifest, "`kubectl apply` needs a manifest", "Add one.");
                Answer::Said(Notice::refused(refusal, &typed.text))
            }
            Inbound::Typed(typed) if typed.manifest.as_deref().is_some_and(|text| text.contains("kind: Widget")) => {
                let refusal = Refusal::new(Code::UnknownKind, "the catalog knows no kind `Widget`", "Catalogue it.");
                Answer::Said(Notice::refused(refusal, &typed.text))
            }
            Inbound::Typed(typed) => Answer::Accepted { invocation: id(&typed.nonce) },
            Inbound::Clicked(click) => match self.judge(&click) {
                Ok(answer) => answer,
                Err(why) => Answer::Said(Notice::NotCounted { why }),
            },
        }
    }

    async fn refuse(&self, typed: Typed, why: Refusal) -> Answer {
        self.refused.lock().unwrap().push((typed.clone(), why.clone()));
        Answer::Said(Notice::refused(why, &typed.text))
    }
}

/// A short change: Approve stands on the card itself.
pub(crate) fn short(trigger: &str) -> Card {
    let argv = ["kubectl", "scale", "deployment", "api", "--replicas=3"].map(ToString::to_string).to_vec();
    Card {
        invocation: id(trigger),
        state: State::Asking,
        argv: Argv::new(argv).unwrap(),
        stdin: None,
        input: None,
        filters: Vec::new(),
        mode: Mode::Apply,
        scope: Scope {
            env: Some("prod".into()),
            target: Some("prod-eu".into()),
            namespace: Some("payments".into()),
            region: None,
        },
        resources: vec![Resource::from_parts(&["k8s", "prod-eu", "ns", "payments", "deployments", "api"])],
        tier: Tier::Change,
        reasons: vec!["changes a deployment".into()],
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::Reversible,
        isolation: Isolation::Strict,
        pool: "prod-write".into(),
        requester: "Ann".into(),
        reason: None,
        ticket: None,
        effect: EffectView::NoPreview,
        rules: vec![RuleProgress {
            id: "prod".into(),
            quorum: "2 of sre".into(),
            needed: 2,
            agreed: Vec::new(),
            factor: "none".into(),
        }],
        ballots: Vec::new(),
        expires_at: Some(START.plus(Duration::from_mins(12))),
        last_runs: Vec::new(),
        decision: Some(Digest::of(trigger.as_bytes())),
        whole_view: WholeView::NotNeeded,
        buttons: vec![
            countersign_chat::Choice::ShowWhole,
            countersign_chat::Choice::Approve,
            countersign_chat::Choice::Confirm,
            countersign_chat::Choice::Reject,
            countersign_chat::Choice::Cancel,
        ],
    }
}

/// A destructive one: the whole comes first, and the name is typed.
pub(crate) fn destructive(trigger: &str) -> Card {
    let argv = ["kubectl", "delete", "deployment", "api"].map(ToString::to_string).to_vec();
    Card {
        argv: Argv::new(argv).unwrap(),
        tier: Tier::Destructive,
        reversibility: Reversibility::Irreversible,
        whole_view: WholeView::Required,
        ..short(trigger)
    }
}

/// What stands on a card's buttons.
pub(crate) fn value(card: &Card) -> String {
    format!("{}:{}", card.invocation, card.decision.unwrap())
}
