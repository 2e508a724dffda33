//! The pages that only look.

use crate::Desk;
use crate::session::{Visit, Visitor};
use crate::shown::Shown;
use crate::views::{
    Changes, Frame, HomePage, InboxPage, ItemView, ListPart, ListView, PersonView, ProblemPage, SaidView, ThreadPage,
    ThreadView, WaitingPage, WhoPage,
};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use countersign_core::id::InvocationId;
use serde::Deserialize;

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    NoSession,
    ForeignHost,
    ForeignOrigin,
    Stale,
    NothingHere,
    Broken,
}

/// The page that says so.
pub(crate) fn problem(what: Problem) -> Response {
    let (status, title, says, next) = match what {
        Problem::NoSession => (
            StatusCode::UNAUTHORIZED,
            "No session",
            "This browser has no session here, or its session is from before the last start.",
            "Open the address that was printed when Countersign started; it ends in ?token=…",
        ),
        Problem::ForeignHost => (
            StatusCode::MISDIRECTED_REQUEST,
            "Wrong address",
            "This console answers under its own loopback address only.",
            "Open the address that was printed when Countersign started.",
        ),
        Problem::ForeignOrigin => (
            StatusCode::FORBIDDEN,
            "Came from elsewhere",
            "The request did not come from a page of this console, so nothing was done.",
            "Open the console itself and try again there.",
        ),
        Problem::Stale => (
            StatusCode::FORBIDDEN,
            "Out of date",
            "The form did not carry this session's token, so nothing was done.",
            "Go back, reload the page and try again.",
        ),
        Problem::NothingHere => {
            (StatusCode::NOT_FOUND, "Nothing here", "There is no such page.", "Start again from the chat page.")
        }
        Problem::Broken => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Broken",
            "The page could not be made. What was asked for goes on regardless.",
            "Reload; if it stays, look at the log of this process.",
        ),
    };
    let html = ProblemPage { title, says, next }.render().unwrap_or_else(|_| says.to_owned());
    (status, Html(html)).into_response()
}

/// A template as an answer.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "A page could not be rendered");
            problem(Problem::Broken)
        }
    }
}

pub(crate) fn redirect_home() -> Response {
    Redirect::to("/").into_response()
}

pub(crate) async fn nothing_here() -> Response {
    problem(Problem::NothingHere)
}

#[derive(Deserialize)]
pub(crate) struct Start {
    /// Put into the composer, not sent.
    r#type: Option<String>,
}

pub(crate) async fn home(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Query(start): Query<Start>,
) -> Response {
    let frame = Frame::of(&desk, &visitor, "chat", start.r#type);
    page(&HomePage { frame, list: ListView::of(&desk, &visitor, "") })
}

#[derive(Deserialize)]
pub(crate) struct ListSeen {
    v: Option<u64>,
    here: Option<String>,
}

/// The list again, if it changed.
pub(crate) async fn list(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Query(seen): Query<ListSeen>,
) -> Response {
    let list = ListView::of(&desk, &visitor, seen.here.as_deref().unwrap_or_default());
    if seen.v == Some(list.version) { StatusCode::NO_CONTENT.into_response() } else { page(&ListPart { list }) }
}

pub(crate) async fn thread(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(start): Query<Start>,
) -> Response {
    let Ok(id) = id.parse::<InvocationId>() else { return problem(Problem::NothingHere) };
    let frame = Frame::of(&desk, &visitor, "chat", start.r#type);
    let list = ListView::of(&desk, &visitor, &id.to_string());
    match desk.front.threads.find(id) {
        Some(found) => {
            let mut thread = ThreadView::of(&desk, &visitor, &found);
            thread.actions.nonce = desk.front.sessions.mint(&visitor);
            page(&ThreadPage { frame, list, thread, oob: false })
        }
        None => page(&WaitingPage { frame, list, id: id.to_string(), short: id.short() }),
    }
}

#[derive(Deserialize)]
pub(crate) struct ThreadSeen {
    card: Option<String>,
    log: Option<String>,
    act: Option<String>,
}

/// The parts of a thread that changed since the page was made; 204 when none did.
pub(crate) async fn changes(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(seen): Query<ThreadSeen>,
) -> Response {
    let Ok(id) = id.parse::<InvocationId>() else { return problem(Problem::NothingHere) };
    let Some(found) = desk.front.threads.find(id) else { return StatusCode::NO_CONTENT.into_response() };
    if seen.log.is_none() {
        // The page was made before there was a thread.
        return (StatusCode::OK, [(HeaderName::from_static("hx-refresh"), "true")]).into_response();
    }
    let mut thread = ThreadView::of(&desk, &visitor, &found);
    let said: Vec<SaidView> = desk.front.sessions.take_answers(&visitor).into_iter().map(SaidView::of).collect();
    let card_changed = seen.card.as_ref() != Some(&thread.tags.card);
    let log_changed = seen.log.as_ref() != Some(&thread.tags.log);
    let act_changed = seen.act.as_ref() != Some(&thread.tags.act);
    if !(card_changed || log_changed || act_changed) && said.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    if act_changed {
        thread.actions.nonce = desk.front.sessions.mint(&visitor);
    }
    page(&Changes { thread, said, card_changed, log_changed, act_changed, oob: true })
}

pub(crate) async fn inbox(State(desk): State<Desk>, Extension(visitor): Extension<Visitor>) -> Response {
    let frame = Frame::of(&desk, &visitor, "inbox", None);
    let Some(person) = desk.front.login.people().get(visitor.person) else { return redirect_home() };
    let now = desk.front.clock.now();
    let (_, all) = desk.front.threads.list(&person.account);
    let items = |keep: &dyn Fn(&crate::store::Summary) -> bool| -> Vec<ItemView> {
        all.iter().filter(|one| keep(one)).map(|one| ItemView::of(one, "", now)).collect()
    };
    let open = |one: &crate::store::Summary| one.state.is_none_or(|state| !state.is_final());
    let for_me = items(&|one| one.waits_for_me);
    let mine = items(&|one| one.mine && !one.waits_for_me && open(one));
    page(&InboxPage { frame, for_me, mine })
}

pub(crate) async fn who(State(desk): State<Desk>, Extension(visit): Extension<Visit>) -> Response {
    let people = desk.front.login.people().iter().enumerate().map(|(nth, person)| PersonView {
        nth,
        name: Shown::of(&person.name),
        role: Shown::of(&person.role),
        here: visit.person == Some(nth),
    });
    page(&WhoPage { csrf: visit.csrf, people: people.collect() })
}
