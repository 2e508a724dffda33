//! Answers as GitHub gives them: JSON, lists in pages with a `Link`, refusals with a message.
//!
//! Source: GitHub Docs, "Using pagination in the REST API": 30 a page, at most 100, and addresses of the other pages.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

impl Answer {
    pub(super) const fn of(body: Value) -> Self {
        Self { code: 200, headers: Vec::new(), body }
    }

    pub(super) fn refused(code: u16, message: &str) -> Self {
        let body = json!({
            "message": message, "documentation_url": "https://docs.github.com/rest", "status": code.to_string(),
        });
        Self { code, headers: Vec::new(), body }
    }

    pub(super) fn not_found() -> Self {
        Self::refused(404, "Not Found")
    }

    pub(super) fn no_commit(text: &str) -> Self {
        Self::refused(422, &format!("No commit found for SHA: {text}"))
    }

    pub(super) fn with(mut self, header: &'static str, value: String) -> Self {
        self.headers.push((header, value));
        self
    }

    pub(super) fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (code, axum::Json(self.body)).into_response();
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The parameters behind a path.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    pub(super) fn of(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str, default: usize) -> usize {
        self.of(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(default)
    }

    /// The entries of the page that is asked for, and the `Link` to the next one.
    pub(super) fn page<T: Clone>(&self, address: &str, all: &[T]) -> (Vec<T>, Option<String>) {
        let (size, page) = (self.number("per_page", 30).min(100), self.number("page", 1));
        let from = size.saturating_mul(page - 1);
        let entries: Vec<T> = all.iter().skip(from).take(size).cloned().collect();
        let is_last = from + entries.len() >= all.len();
        let link = (!is_last).then(|| format!("<{address}?per_page={size}&page={}>; rel=\"next\"", page + 1));
        (entries, link)
    }
}
