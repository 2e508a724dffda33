//! Windows that were sent off: a yes after the whole was read, or a no with its reason.
//!
//! **Invariant:** what the window says is checked against the gateway's present card; the window
//! itself is never believed. Slack is answered within three seconds; a later answer goes into the
//! same window.

use super::account::{Home, Person};
use super::answer::{Reach, Reply, note};
use super::clicks::{Click, Target, unknown};
use super::commands::Line;
use super::desk::{Deed, Desk};
use super::files::Beside;
use super::metrics::{Cause, Kind, Outcome};
use super::model::{View, ViewState, ViewSubmission};
use super::signature::Signed;
use super::window::notice_of;
use crate::api::OpenedView;
use crate::render::{
    self, FILE_ACTION, FILE_BLOCK, MANIFEST_ACTION, MANIFEST_BLOCK, NAME_ACTION, NAME_BLOCK, Purpose, REASON_ACTION,
    REASON_BLOCK,
};
use countersign_chat::{Answer, Button, Card, Membership, Notice};
use countersign_core::refusal::Refusal;
use countersign_core::time::Timestamp;
use serde_json::json;
use slack_morphism::prelude::{SlackView, ValueStruct as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Slack waits three seconds, the way there and back included.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// The longest reason, in characters; the modal says so too.
const LONGEST_REASON: usize = 500;

/// What a field's error may say, in characters.
const LONGEST_ERROR: usize = 600;

const UNDECIDED: &str = "Still being decided: the answer comes here, and the thread shows what became of it.";

/// What became of a submission.
enum Verdict {
    /// It counts; the window closes.
    Counted(Notice),
    /// It does not, and this field says why.
    Wrong { block: &'static str, says: String },
    /// The window says why.
    Said(Notice),
}

impl Desk {
    pub(super) async fn submitted(
        self: &Arc<Self>,
        submission: ViewSubmission,
        home: Home<'_>,
        signed: &Signed,
        began: Duration,
    ) -> Result<Reply, Cause> {
        let user = &submission.user;
        let person = Person::new(&user.id, user.team_id.as_deref(), home, &self.settings.allowed)?;
        let deed = Deed::new(person, None, submission.trigger_id.as_deref(), signed);
        let view = submission.view;
        let purpose = view.callback_id.as_deref().and_then(Purpose::of_word);
        if purpose == Some(Purpose::Manifest) {
            let verdict = self.manifest_submitted(deed, view, began).await;
            return Ok(verdict.reply(Outcome::Taken, self.clock.now()));
        }
        let target = view.private_metadata.as_deref().and_then(Target::parse);
        let (purpose, target) = match (purpose, target) {
            (Some(Purpose::Read), _) => return Ok(Reply::empty(Kind::Submission, Outcome::Ignored)),
            (Some(purpose), Some(target)) => (purpose, target),
            _ => return Ok(Verdict::Said(unknown()).reply(Outcome::Unknown, self.clock.now())),
        };
        let click = Click { deed, target, thread: None };
        let (desk, state) = (Arc::clone(self), view.state.unwrap_or_default());
        let reach = click.deed.reach.clone();
        let decide = async move {
            match purpose {
                Purpose::Approve => desk.submit_yes(&click, &state).await,
                Purpose::Reject => desk.submit_no(&click, &state).await,
                Purpose::Read | Purpose::Manifest => Verdict::Said(unknown()),
            }
        };
        let verdict = self.within_patience(decide, reach, view.id, began).await;
        Ok(verdict.reply(Outcome::Taken, self.clock.now()))
    }

    /// The line of the window goes on with the manifest that was filled in.
    async fn manifest_submitted(self: &Arc<Self>, deed: Deed, view: View, began: Duration) -> Verdict {
        let mut state = view.state.unwrap_or_default();
        let files = state.files(FILE_BLOCK, FILE_ACTION);
        let typed = state.text(MANIFEST_BLOCK, MANIFEST_ACTION).filter(|text| !text.trim().is_empty());
        let (beside, block) = match (typed, files.is_empty()) {
            (Some(text), true) => (Beside::Text(text.to_owned()), MANIFEST_BLOCK),
            (None, false) => (Beside::files(files), FILE_BLOCK),
            (Some(_), false) => {
                return Verdict::Wrong { block: FILE_BLOCK, says: "Two manifests: give one of them.".to_owned() };
            }
            (None, true) => {
                return Verdict::Wrong { block: MANIFEST_BLOCK, says: "There is nothing to apply.".to_owned() };
            }
        };
        let (desk, reach) = (Arc::clone(self), deed.reach.clone());
        let metadata = view.private_metadata.unwrap_or_default();
        let Some(line) = Line::continued(deed, &metadata, beside) else {
            return Verdict::Said(unknown());
        };
        let decide = async move { counted(desk.asked(line).await, block, &state) };
        self.within_patience(decide, reach, view.id, began).await
    }

    /// Decides on a task of its own, and waits for it as long as Slack does.
    async fn within_patience(
        self: &Arc<Self>,
        decide: impl Future<Output = Verdict> + Send + 'static,
        reach: Reach,
        window: Option<String>,
        began: Duration,
    ) -> Verdict {
        let (send, mut receive) = oneshot::channel();
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Err(late) = send.send(decide.await) {
                desk.tell_late(&reach, window, late).await;
            }
        });
        let left = PATIENCE.saturating_sub(self.clock.boottime().saturating_sub(began));
        if let Ok(Ok(verdict)) = tokio::time::timeout(left, &mut receive).await {
            return verdict;
        }
        // From here on the task finds nobody waiting; what it sent just now is not lost.
        receive.close();
        receive.try_recv().unwrap_or_else(|_| Verdict::Said(note(UNDECIDED)))
    }

    /// A yes, after the name was typed where one is asked for.
    async fn submit_yes(&self, click: &Click, state: &ViewState) -> Verdict {
        let membership = self.membership_now(&click.deed.person).await;
        if membership == Membership::Full {
            let look = click.says(Button::ShowWhole, membership, "/look");
            match self.gate.receive(look).await {
                Answer::Whole(card) => {
                    if let Some(verdict) = self.is_short_of(&card, state) {
                        return verdict;
                    }
                }
                other => return not_counted(other, NAME_BLOCK, state),
            }
        }
        let answer = self.gate.receive(click.says(Button::Approve, membership, "")).await;
        counted(answer, NAME_BLOCK, state)
    }

    /// What the present card asks for and the window does not give.
    fn is_short_of(&self, card: &Card, state: &ViewState) -> Option<Verdict> {
        if !offers_approval(&render::whole(card, self.clock.now())) {
            let text = "This cannot be approved here any more. Look at the card in its thread.";
            return Some(Verdict::Said(note(text)));
        }
        let name = render::name_to_type(card)?;
        let typed = state.text(NAME_BLOCK, NAME_ACTION).unwrap_or_default();
        if typed.trim_matches(' ') == name {
            return None;
        }
        let says = "This is not the name that is asked for. Type it exactly as it stands above.".to_owned();
        if state.has(NAME_BLOCK) {
            return Some(Verdict::Wrong { block: NAME_BLOCK, says });
        }
        Some(Verdict::Said(note("The request is not what this window showed. Open it again from its card.")))
    }

    async fn submit_no(&self, click: &Click, state: &ViewState) -> Verdict {
        let reason = state.text(REASON_BLOCK, REASON_ACTION).unwrap_or_default().trim();
        let says = match reason.chars().count() {
            0 => "A no needs a reason: the requester reads it.",
            length if length > LONGEST_REASON => "At most 500 characters.",
            _ => {
                let membership = self.membership_now(&click.deed.person).await;
                let button = Button::Reject { reason: Some(reason.to_owned()) };
                return counted(self.gate.receive(click.says(button, membership, "")).await, REASON_BLOCK, state);
            }
        };
        Verdict::Wrong { block: REASON_BLOCK, says: says.to_owned() }
    }

    /// Slack has its answer; the person gets theirs in the window, or in a direct conversation.
    async fn tell_late(&self, reach: &Reach, window: Option<String>, verdict: Verdict) {
        let notice = match verdict {
            Verdict::Counted(notice) | Verdict::Said(notice) => notice,
            Verdict::Wrong { says, .. } => note(&says),
        };
        if let Some(id) = window {
            let view = render::said(&notice, self.clock.now());
            match self.api.update_view(&OpenedView { id, hash: None }, &view).await {
                Ok(()) => return,
                Err(error) => tracing::info!("A late answer goes to a direct conversation: {error}"),
            }
        }
        self.tell_notice(reach, &notice).await;
    }
}

impl Verdict {
    fn reply(self, outcome: Outcome, now: Timestamp) -> Reply {
        let body = match self {
            Self::Counted(_) => json!({ "response_action": "clear" }),
            Self::Wrong { block, says } => json!({ "response_action": "errors", "errors": { block: says } }),
            Self::Said(notice) => json!({ "response_action": "update", "view": render::said(&notice, now) }),
        };
        Reply::json(Kind::Submission, outcome, body)
    }
}

/// Whether the gateway took it.
fn counted(answer: Answer, block: &'static str, state: &ViewState) -> Verdict {
    match answer {
        Answer::Accepted { .. } | Answer::Said(Notice::Voted { .. }) => Verdict::Counted(notice_of(answer)),
        other => not_counted(other, block, state),
    }
}

/// A no of the gateway, beside the field where the window has one.
fn not_counted(answer: Answer, block: &'static str, state: &ViewState) -> Verdict {
    let why = match &answer {
        Answer::Refused(why) | Answer::Said(Notice::NotCounted { why } | Notice::Refused { refusal: why, .. }) => why,
        Answer::Said(_) | Answer::Accepted { .. } | Answer::Whole(_) => return Verdict::Said(notice_of(answer)),
    };
    if state.has(block) {
        return Verdict::Wrong { block, says: sentence(why) };
    }
    Verdict::Said(notice_of(answer))
}

/// What, which rule, and what next, as plain text.
fn sentence(why: &Refusal) -> String {
    let rule = why.rule().map(|rule| format!(" (rule {rule})")).unwrap_or_default();
    let text = format!("{why}{rule}. {}", why.hint());
    text.chars().take(LONGEST_ERROR).collect()
}

/// Whether this window, made from the present card, lets anybody approve.
fn offers_approval(view: &SlackView) -> bool {
    match view {
        SlackView::Modal(modal) => modal.callback_id.as_ref().is_some_and(|id| id.value() == Purpose::Approve.as_str()),
        SlackView::Home(_) => false,
    }
}
