//! The audit log to look at: newest records, the story of a request, verification.
//!
//! **Invariant:** the console only looks. Whoever implements [`AuditView`] records that somebody
//! did, where policy asks for it.

use crate::Desk;
use crate::pages::{page, redirect_home};
use crate::session::Visitor;
use crate::shown::Shown;
use crate::views::{AuditPage, AuditRowView, Frame, VerdictView};
use async_trait::async_trait;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;

/// Rows on the page.
const MOST_ROWS: usize = 200;

/// One record, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// The record's event: `intent`, `ballot`, `refused`.
    pub event: String,
    /// Who did it.
    pub who: String,
    /// What, in one line.
    pub what: String,
    /// Which request, if it belongs to one.
    pub invocation: Option<InvocationId>,
}

/// What one side of verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Holds,
    /// Not so; the findings say where.
    Broken,
    /// Cannot be told from here.
    NotKnown,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyView {
    /// Whether every record is as it was written.
    pub integrity: Verdict,
    /// Whether every record that was written is there.
    pub completeness: Verdict,
    /// Records read.
    pub records: u64,
    /// Each finding in a line.
    pub says: Vec<String>,
}

/// Looks into the audit log.
#[async_trait]
pub trait AuditView: Send + Sync {
    /// The newest records, newest first, at most so many.
    async fn recent(&self, most: usize) -> Vec<AuditRow>;

    /// Verifies what there is.
    async fn verify(&self) -> VerifyView;

    /// Everything about one request, in lines; `None` when the log does not know it.
    async fn story(&self, id: InvocationId) -> Option<String>;
}

fn blank(desk: &Desk, visitor: &Visitor) -> AuditPage {
    let frame = Frame::of(desk, visitor, "audit", None);
    AuditPage { frame, rows: Vec::new(), verified: None, story: None }
}

async fn rows(desk: &Desk) -> Vec<AuditRowView> {
    desk.audit.recent(MOST_ROWS).await.iter().map(AuditRowView::of).collect()
}

pub(crate) async fn recent(State(desk): State<Desk>, Extension(visitor): Extension<Visitor>) -> Response {
    let rows = rows(&desk).await;
    page(&AuditPage { rows, ..blank(&desk, &visitor) })
}

pub(crate) async fn verify(State(desk): State<Desk>, Extension(visitor): Extension<Visitor>) -> Response {
    let found = desk.audit.verify().await;
    let says = found.says.iter().map(Shown::of).collect();
    let verified = Some((found.records, VerdictView::both(&found), says));
    let rows = rows(&desk).await;
    page(&AuditPage { rows, verified, ..blank(&desk, &visitor) })
}

pub(crate) async fn story(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = id.parse::<InvocationId>() else { return redirect_home() };
    let text = desk.audit.story(id).await.unwrap_or_else(|| "The audit log does not know this request.".into());
    let story = Some((id.to_string(), Shown::lines(&text)));
    page(&AuditPage { story, ..blank(&desk, &visitor) })
}
