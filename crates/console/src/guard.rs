//! What every request passes before a handler sees it.
//!
//! **Invariant:** only this machine's own pages can act: the `Host` is ours (no DNS rebinding), a
//! request that changes something comes from our own origin, and there is no session without the
//! access token that was printed at the start.

use crate::Desk;
use crate::pages::{Problem, problem};
use crate::session::{Visit, Visitor, same};
use axum::extract::{Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

/// Nothing but our own files; no inline script or style, no eval, no frame.
///
/// Source: Content Security Policy Level 3 (W3C).
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Sets the headers of every answer, errors included.
///
/// The referrer policy is `same-origin`: under `no-referrer` a browser sends `Origin: null` with
/// a form (Fetch standard, "append a request `Origin` header"), and our own check would refuse it.
/// To other sites both send nothing.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let all: [(HeaderName, &'static str); 8] = [
        (CONTENT_SECURITY_POLICY, CSP),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ];
    for (name, value) in all {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Refuses a foreign `Host`, and a foreign origin where something would change.
pub(crate) async fn origin(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let listen = &desk.front.listen;
    if !text(headers, &HOST).is_some_and(|host| listen.is_host(host)) {
        return problem(Problem::ForeignHost);
    }
    let only_looks = matches!(*request.method(), Method::GET | Method::HEAD);
    let own = text(headers, &ORIGIN).is_some_and(|origin| listen.is_origin(origin));
    // Source: W3C Fetch Metadata. Absent in old browsers; the origin and the form's token stand alone then.
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let near = matches!(site, None | Some(b"same-origin" | b"none"));
    if only_looks || (own && near) { next.run(request).await } else { problem(Problem::ForeignOrigin) }
}

#[derive(Deserialize)]
struct Arrival {
    token: Option<String>,
}

/// Finds the session, or opens one for whoever brings the access token.
pub(crate) async fn session(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let arrival = Query::<Arrival>::try_from_uri(request.uri()).ok().and_then(|Query(it)| it.token);
    if let Some(token) = arrival.filter(|_| request.method() == Method::GET) {
        return if same(&token, &desk.front.access) { enter(&desk) } else { problem(Problem::NoSession) };
    }
    let name = cookie_name(&desk);
    let found = cookies(request.headers()).find(|(one, _)| *one == name);
    match found.and_then(|(_, key)| desk.front.sessions.find(key)) {
        Some(visit) => {
            request.extensions_mut().insert(visit);
            next.run(request).await
        }
        None => problem(Problem::NoSession),
    }
}

/// Cookies are shared by all ports of a host, so the name says which one it belongs to.
fn cookie_name(desk: &Desk) -> String {
    format!("countersign-{}", desk.front.listen.address().port())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Sets the cookie and drops the token from the address bar and the history. Always to the start
/// page: a path taken from the request could be read as another host.
fn enter(desk: &Desk) -> Response {
    let key = desk.front.sessions.open();
    let cookie = format!("{}={key}; HttpOnly; SameSite=Strict; Path=/", cookie_name(desk));
    (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())]).into_response()
}

/// Sends a session without a person to the picker.
pub(crate) async fn person(mut request: Request, next: Next) -> Response {
    let Some(visit) = request.extensions().get::<Visit>().cloned() else {
        return problem(Problem::NoSession);
    };
    match visit.person {
        Some(person) => {
            request.extensions_mut().insert(Visitor { key: visit.key, csrf: visit.csrf, person });
            next.run(request).await
        }
        None => Redirect::to("/who").into_response(),
    }
}
