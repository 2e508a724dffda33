//! Ann, who asks, and Bob and Cho, who agree or do not. They see what Slack shows them, and try again what did not
//! answer.

use crate::chance::Chance;
use crate::plan::{Request, What, Wish};
use crate::rig::{PATIENCE, channel};
use countersign_chat::State;
use countersign_core::ballot::Vote;
use countersign_simulators::slack::{App, Author, Message, Slack};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// How long a person looks at a card that does not change before clicking again.
const LOOKS: Duration = Duration::from_secs(4);

/// How long somebody waits for a thread before going home: nothing is lost, others see to it at the end.
const WAITS: Duration = Duration::from_secs(20);

/// Every state a card can say.
const STATES: [State; 13] = [
    State::Previewing,
    State::Asking,
    State::Cleared,
    State::Queued,
    State::Running,
    State::Done { exit: 0 },
    State::TimedOut,
    State::Refused,
    State::Rejected,
    State::Cancelled,
    State::Expired,
    State::Drifted,
    State::Unknown,
];

/// The world as people see it.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) slack: &'a Slack,
    pub(crate) doors: &'a [App; 2],
    pub(crate) hands: &'a Hands,
}

/// Nobody fills in two windows at once.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    bob: Mutex<()>,
    cho: Mutex<()>,
}

impl Hands {
    async fn of(&self, who: &str) -> MutexGuard<'_, ()> {
        if who == "bob" { self.bob.lock().await } else { self.cho.lock().await }
    }
}

impl Site<'_> {
    /// Slack's load balancer sends what comes next to one gateway or the other.
    fn balance(self, chance: &mut Chance) {
        self.slack.connect(self.doors[chance.below(2)].clone());
    }

    /// The card of a request, if its thread is there.
    pub(crate) fn card(self, request: &Request) -> Option<Message> {
        let roots = self.slack.roots(&channel(request.nth));
        let named = |one: &Message| {
            let text = format!("{} {}", one.now.text, one.read());
            text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == request.mark)
        };
        roots.into_iter().find(|one| one.author == Author::App && named(one))
    }

    /// Types it and sees to it that it ends as wished, as far as that is possible.
    pub(crate) async fn drive(self, mut request: Request, mut chance: Chance) -> Request {
        self.balance(&mut chance);
        let sent = self.slack.command("ann", &channel(request.nth), "/kubectl", &request.text).await;
        request.acknowledged = sent.outcome.is_acknowledged();
        if self.slack.wait_for(WAITS, |_| self.card(&request)).await.is_ok() {
            let _ = tokio::time::timeout(WAITS, self.see_to(&mut request, &mut chance)).await;
        }
        request
    }

    /// Acts on the card until it is over.
    pub(crate) async fn see_to(self, request: &mut Request, chance: &mut Chance) {
        let mut turn = chance.below(2);
        loop {
            let Some(card) = self.card(request) else { return };
            match shown(&card) {
                Some(state) if state.is_final() => return,
                Some(State::Asking) => {
                    turn += 1;
                    self.act(request, &card, ["bob", "cho"][turn % 2], chance).await;
                }
                _ => {}
            }
            let (edits, place) = (card.before.len(), (card.channel.clone(), card.ts.clone()));
            let changed = |slack: &Slack| slack.message(&place.0, &place.1).filter(|one| one.before.len() != edits);
            let _ = self.slack.wait_for(LOOKS, changed).await;
        }
    }

    async fn act(self, request: &mut Request, card: &Message, who: &'static str, chance: &mut Chance) {
        // A label needs somebody of sre; Cho is none.
        let who = if request.what == What::Change { "bob" } else { who };
        let _hands = self.hands.of(who).await;
        self.balance(chance);
        match request.wish {
            Wish::Cancel => {
                request.clicked("ann", Vote::Reject);
                self.click(card, "ann", "cancel").await;
            }
            Wish::Reject => {
                request.clicked(who, Vote::Reject);
                self.click(card, who, "reject").await;
                self.submit(request, who).await;
            }
            Wish::Run => {
                request.clicked(who, Vote::Approve);
                if !self.click(card, who, "approve").await {
                    self.click(card, who, "show-whole").await;
                    self.submit(request, who).await;
                }
            }
        }
    }

    /// `false` when there is no such button.
    async fn click(self, card: &Message, who: &str, action: &str) -> bool {
        let offered = card.buttons().iter().any(|(id, _)| id == action);
        if offered {
            self.slack.click(who, card, action).await;
        }
        offered
    }

    /// Fills in and sends the modal that the click opened, if it comes.
    async fn submit(self, request: &Request, who: &str) {
        let open = |slack: &Slack| slack.screen(who).filter(countersign_simulators::slack::View::can_be_submitted);
        let Ok(view) = self.slack.wait_for(LOOKS, open).await else { return self.close(who).await };
        let values: Vec<(String, String)> =
            view.fields().into_iter().map(|(block, ..)| (block, request.mark.clone())).collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(block, value)| (block.as_str(), value.as_str())).collect();
        self.slack.submit(&view, &values).await;
        self.close(who).await;
    }

    /// Closes whatever is still on the screen.
    async fn close(self, who: &str) {
        while let Some(view) = self.slack.screen(who) {
            self.slack.close(&view).await;
        }
    }

    /// Every request comes to an end: what nobody saw to is cancelled by Ann or agreed to by the others.
    pub(crate) async fn settle(self, requests: &mut [Request], seed: u64) {
        let all = requests.iter_mut().map(|request| async move {
            let is_told = |site: Self| site.card(request).as_ref().and_then(shown).is_some();
            if !is_told(self) {
                return;
            }
            let mut chance = Chance::new(seed ^ request.nth as u64);
            let seen = tokio::time::timeout(PATIENCE, self.see_to(request, &mut chance)).await;
            assert!(seen.is_ok(), "`{}` does not end:\n{}\n{}", request.text, self.thread(request), self.last());
        });
        futures_util::future::join_all(all).await;
    }

    /// What was clicked and typed last, and how it was answered.
    fn last(self) -> String {
        let all = self.slack.deliveries();
        let last = all.iter().rev().take(6).map(|one| format!("{} {}: {:?}", one.user, one.what, one.outcome));
        let only = ["ann", "bob", "cho"].map(|who| self.slack.only_for(who).pop().map(|one| one.read()));
        format!("{}\nsaid in private: {only:#?}", last.collect::<Vec<_>>().join("\n"))
    }

    /// A request's thread, for people.
    pub(crate) fn thread(self, request: &Request) -> String {
        self.card(request).map_or_else(|| "no thread".to_owned(), |card| self.slack.thread_text(&card))
    }
}

/// What a card says, or nothing while it says only that the line was received.
pub(crate) fn shown(card: &Message) -> Option<State> {
    let text = &card.now.text;
    let said = STATES.into_iter().find(|state| text.starts_with(&format!("{}: ", state.phrase())));
    said.or_else(|| text.starts_with("failed with exit code ").then_some(State::Done { exit: 1 }))
}
