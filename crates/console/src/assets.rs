//! The files that are served as they are, compiled in.

use crate::Desk;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

/// htmx 2.0.11 (0BSD), unchanged; see `assets/README.md`.
pub(crate) const HTMX: &str = include_str!("../assets/htmx.min.js");
const STYLE: &str = include_str!("../assets/console.css");
const ICON: &str = include_str!("../assets/icon.svg");

/// Needs no session: there is nothing in them that is not public.
pub(crate) fn routes() -> Router<Desk> {
    let file =
        |kind: &'static str, text: &'static str| get(async move || ([(CONTENT_TYPE, kind)], text).into_response());
    Router::new()
        .route("/assets/htmx.min.js", file("text/javascript; charset=utf-8", HTMX))
        .route("/assets/console.css", file("text/css; charset=utf-8", STYLE))
        .route("/assets/icon.svg", file("image/svg+xml", ICON))
}
