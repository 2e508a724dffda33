//! The forms that say something to the gateway.
//!
//! **Invariant:** who says it comes from the session; a form counts once; what was handed to the
//! gateway is finished even when the browser goes away.

use crate::Desk;
use crate::form::Checked;
use crate::pages::redirect_home;
use crate::session::{Retype, Said, Spent, Visit, Visitor};
use crate::views::tone_of;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use countersign_chat::transcript::Told;
use countersign_chat::{Answer, Button, Choice, Clicked, Inbound, Membership, Notice, Row, ThreadId, Typed};
use countersign_core::id::InvocationId;
use countersign_core::principal::Account;
use countersign_core::refusal::{Code, Refusal};
use serde::Deserialize;
use std::time::Duration;

/// How long a page waits for the gateway before it shows itself without the answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
pub(crate) struct Chosen {
    person: String,
}

/// Plays another person.
pub(crate) async fn choose(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    Checked(chosen): Checked<Chosen>,
) -> Response {
    let nth = chosen.person.parse::<usize>().ok().filter(|nth| *nth < desk.front.login.people().len());
    match nth {
        Some(nth) => {
            desk.front.sessions.become_person(&visit.key, nth);
            redirect_home()
        }
        None => Redirect::to("/who").into_response(),
    }
}

#[derive(Deserialize)]
pub(crate) struct Line {
    nonce: String,
    text: String,
    #[serde(default)]
    manifest: String,
    #[serde(default)]
    thread: String,
}

/// Something typed into the composer.
pub(crate) async fn say(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Checked(line): Checked<Line>,
) -> Response {
    let thread = line.thread.parse::<InvocationId>().ok();
    let back = thread.map_or_else(|| "/".to_owned(), |id| format!("/thread/{id}"));
    let account = match admit(&desk, &visitor, &line.nonce, &back) {
        Ok(account) => account,
        Err(elsewhere) => return *elsewhere,
    };
    let retype = Retype { text: line.text.clone(), manifest: line.manifest.clone() };
    let typed = Typed {
        account,
        membership: Membership::Full,
        channel: None,
        thread: thread.map(|id| ThreadId::new(id.to_string())),
        text: line.text,
        manifest: Some(line.manifest).filter(|manifest| !manifest.trim().is_empty()),
        nonce: line.nonce.clone(),
        at: desk.front.clock.now(),
    };
    deliver(desk, visitor, Inbound::Typed(typed), line.nonce, back, Some(retype)).await
}

#[derive(Deserialize)]
pub(crate) struct Click {
    nonce: String,
    button: String,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    reason: String,
}

/// A button of a card.
pub(crate) async fn click(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Checked(click): Checked<Click>,
) -> Response {
    let (Ok(invocation), Some(choice)) = (id.parse::<InvocationId>(), Choice::of_word(&click.button)) else {
        tell(&desk, &visitor, unknown_button());
        return redirect_home();
    };
    let back = format!("/thread/{invocation}");
    let account = match admit(&desk, &visitor, &click.nonce, &back) {
        Ok(account) => account,
        Err(elsewhere) => return *elsewhere,
    };
    let decision = click.decision.parse().ok();
    if choice == Choice::Approve && !may_approve(&desk, &visitor, invocation) {
        tell(&desk, &visitor, full_view_first());
        return Redirect::to(&back).into_response();
    }
    let reason = Some(click.reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    let button = match choice {
        Choice::Approve => Button::Approve,
        Choice::Reject => Button::Reject { reason },
        Choice::Confirm => Button::Confirm,
        Choice::Cancel => Button::Cancel,
        Choice::ShowWhole => Button::ShowWhole,
        Choice::Undo => Button::Undo,
    };
    let nonce = click.nonce;
    let clicked = Clicked {
        account,
        membership: Membership::Full,
        thread: None,
        invocation,
        decision,
        button,
        nonce: nonce.clone(),
        at: desk.front.clock.now(),
    };
    deliver(desk, visitor, Inbound::Clicked(clicked), nonce, back, None).await
}

/// Whether what had to be opened was. A request that is not known here is the gateway's to answer.
fn may_approve(desk: &Desk, visitor: &Visitor, invocation: InvocationId) -> bool {
    let card = desk.front.threads.find(invocation).and_then(|thread| thread.card);
    card.is_none_or(|card| !card.must_be_opened() || desk.front.sessions.has_opened(visitor, invocation, card.decision))
}

/// The account of a form's first arrival, or where to go instead.
fn admit(desk: &Desk, visitor: &Visitor, nonce: &str, back: &str) -> Result<Account, Box<Response>> {
    let go = |place: &str| Err(Box::new(Redirect::to(place).into_response()));
    match desk.front.sessions.spend(visitor, nonce) {
        Spent::First => match desk.front.login.people().get(visitor.person) {
            Some(person) => Ok(person.account.clone()),
            None => go("/who"),
        },
        Spent::Again(place) => {
            tell(desk, visitor, note("The same form arrived twice and counted once."));
            go(place.as_deref().unwrap_or(back))
        }
        Spent::OtherPerson => {
            tell(
                desk,
                visitor,
                note("Nothing was sent: the page was another person's. Look again, as who you are now."),
            );
            go(back)
        }
        Spent::Unknown => {
            tell(desk, visitor, note("Nothing was sent: the page was too old. Here it is again."));
            go(back)
        }
    }
}

/// Hands it to the gateway on a task of its own, keeps the answer for the person, and goes on to
/// where the answer is.
async fn deliver(
    desk: Desk,
    visitor: Visitor,
    inbound: Inbound,
    nonce: String,
    back: String,
    typed: Option<Retype>,
) -> Response {
    let tasks = desk.front.tasks.clone();
    let fallback = back.clone();
    let task = tasks.spawn(async move {
        let answer = desk.gate.receive(inbound).await;
        let place = keep(&desk, &visitor, answer, back, typed);
        desk.front.sessions.leads_to(&visitor, &nonce, &place);
        place
    });
    let place = match tokio::time::timeout(PATIENCE, task).await {
        Ok(Ok(place)) => place,
        // Too slow, or gone wrong: the page shows what there is, and the answer when it comes.
        Ok(Err(_)) | Err(_) => fallback,
    };
    Redirect::to(&place).into_response()
}

/// Keeps the answer for the person's next page; says which page that is.
fn keep(desk: &Desk, visitor: &Visitor, answer: Answer, back: String, typed: Option<Retype>) -> String {
    match answer {
        Answer::Accepted { invocation } => format!("/thread/{invocation}"),
        Answer::Said(notice) => {
            tell(desk, visitor, (notice, typed));
            back
        }
        Answer::Refused(refusal) => {
            let notice = match &typed {
                Some(typed) => Notice::refused(refusal, &typed.text),
                None => Notice::NotCounted { why: refusal },
            };
            tell(desk, visitor, (notice, typed));
            back
        }
        Answer::Whole(card) => {
            if let Some(decision) = card.decision {
                desk.front.sessions.note_opened(visitor, card.invocation, decision);
            }
            format!("{back}#whole")
        }
    }
}

fn tell(desk: &Desk, visitor: &Visitor, (notice, typed): (Notice, Option<Retype>)) {
    let told = Told::of(&notice, desk.front.clock.now());
    // A text in which a secret was found is not put back either.
    let retype = match &notice {
        Notice::Refused { refusal, .. } if refusal.code() != Code::SecretInCommand => typed,
        _ => None,
    };
    desk.front.sessions.answer(visitor, Said { tone: tone_of(&notice), told, retype });
}

fn note(title: &str) -> (Notice, Option<Retype>) {
    (Notice::Listed { title: title.to_owned(), rows: Vec::<Row>::new() }, None)
}

fn full_view_first() -> (Notice, Option<Retype>) {
    let why = Refusal::new(
        Code::FullViewFirst,
        "the whole command must be opened before it can be approved",
        "Press \u{201c}Show the whole command\u{201d}, read it, then approve.",
    );
    (Notice::NotCounted { why }, None)
}

fn unknown_button() -> (Notice, Option<Retype>) {
    let why = Refusal::new(Code::UnknownButton, "this button belongs to nothing that is known", "Ask again.");
    (Notice::NotCounted { why }, None)
}
