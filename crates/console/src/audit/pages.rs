//! The pages about the log.
//!
//! **Invariant:** a page an auditor asked for is on record before it is made; the poll of a running
//! verification shows nothing of the log, and is not.

use super::asked::Fields;
use super::story_view::StoryView;
use super::views::{AuditPage, FormView, MissingPage, StoryPage, TimelineView, VerifyPart, VerifyStatus};
use super::{Filter, NotShown, Reader};
use crate::Desk;
use crate::form::Checked;
use crate::pages::{Problem, page, problem};
use crate::session::Visitor;
use crate::views::Frame;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use countersign_core::id::InvocationId;
use serde::Deserialize;

fn reader(desk: &Desk, visitor: &Visitor) -> Option<Reader> {
    let person = desk.front.login.people().get(visitor.person)?;
    Some(Reader { account: person.account.clone(), name: person.name.clone() })
}

fn frame(desk: &Desk, visitor: &Visitor) -> Frame {
    Frame::of(desk, visitor, "audit", None)
}

/// What was asked, a page at a time, and how the log stands.
pub(crate) async fn look(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Query(fields): Query<Fields>,
) -> Response {
    let Some(reader) = reader(&desk, &visitor) else { return problem(Problem::NoSession) };
    let wanted = fields.page.parse::<usize>().unwrap_or(1).max(1) - 1;
    let found = match Filter::read(&fields) {
        Ok(filter) => desk.audit.look(&reader, &filter, wanted).await.map_err(|why| why.to_string()),
        Err(mistake) => Err(mistake),
    };
    let now = desk.front.clock.now();
    let (timeline, problem, envs) = match found {
        Ok(slice) => {
            // Whoever may see the log sees how it stands; the first one to look has it checked.
            if desk.audit.verification() == super::Verification::default() {
                desk.audit.verify();
            }
            let envs = slice.envs.clone();
            (Some(TimelineView::of(slice, &fields, now)), None, envs)
        }
        Err(says) => (None, Some(says), Vec::new()),
    };
    let status = timeline.as_ref().map(|_| VerifyStatus::of(desk.audit.verification(), &visitor.csrf, now));
    let form = FormView::of(&fields, envs);
    let problem = problem.map(crate::shown::Shown::of);
    page(&AuditPage { frame: frame(&desk, &visitor), status, form, timeline, problem })
}

#[derive(Deserialize)]
pub(crate) struct Again {}

/// Has the log checked again. A script swaps the part in place; without one the page comes back.
pub(crate) async fn verify(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Checked(Again {}): Checked<Again>,
) -> Response {
    desk.audit.verify();
    if headers.contains_key("hx-request") { part(&desk, &visitor) } else { Redirect::to("/audit").into_response() }
}

/// How the log stands, for the poll of a page.
pub(crate) async fn status(State(desk): State<Desk>, Extension(visitor): Extension<Visitor>) -> Response {
    part(&desk, &visitor)
}

fn part(desk: &Desk, visitor: &Visitor) -> Response {
    let status = VerifyStatus::of(desk.audit.verification(), &visitor.csrf, desk.front.clock.now());
    page(&VerifyPart { status })
}

/// One request's story.
pub(crate) async fn story(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = id.parse::<InvocationId>() else { return problem(Problem::NothingHere) };
    let Some(reader) = reader(&desk, &visitor) else { return problem(Problem::NoSession) };
    let (status, says) = match desk.audit.story(&reader, id).await {
        Ok(Some(story)) => {
            let has_thread = desk.front.threads.find(id).is_some();
            let story = StoryView::of(id, &story, has_thread, (&reader, desk.front.clock.now()));
            return page(&StoryPage { frame: frame(&desk, &visitor), story });
        }
        Ok(None) => (StatusCode::NOT_FOUND, "The audit log does not know this request.".to_owned()),
        Err(why @ NotShown::NotYou(_)) => (StatusCode::FORBIDDEN, why.to_string()),
        Err(why @ (NotShown::Unrecorded(_) | NotShown::Unreadable(_))) => {
            (StatusCode::SERVICE_UNAVAILABLE, why.to_string())
        }
    };
    let says = crate::shown::Shown::of(says);
    (status, page(&MissingPage { frame: frame(&desk, &visitor), short: id.short(), says })).into_response()
}
