//! How the stand-in misbehaves, when it is told to.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

/// How a request is answered instead of truly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Habit {
    /// Truly, after all.
    Serves,
    /// Not at all: the connection stays, and nothing comes.
    Silent,
    /// With this status, these headers and this body.
    Answers {
        /// The status.
        code: u16,
        /// Headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// With 200 and a body of so many bytes, which has no end that makes sense.
    Huge(u64),
}

impl Habit {
    /// With 200 and this JSON.
    #[must_use]
    pub fn says(body: &serde_json::Value) -> Self {
        Self::Answers { code: 200, headers: Vec::new(), body: body.to_string() }
    }

    /// With this status and a page for people, as a broken proxy does.
    #[must_use]
    pub fn fails(code: u16) -> Self {
        let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
        Self::Answers { code, headers, body: "<html><body>Unicorn!</body></html>".to_owned() }
    }

    /// With this status to another place.
    #[must_use]
    pub fn redirects(code: u16, to: &str) -> Self {
        Self::Answers { code, headers: vec![("location".to_owned(), to.to_owned())], body: String::new() }
    }

    /// The answer; none for one that serves.
    pub(super) async fn answer(self) -> Option<Response> {
        match self {
            Self::Serves => None,
            Self::Silent => std::future::pending().await,
            Self::Answers { code, headers, body } => {
                let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = (code, body).into_response();
                for (name, value) in headers {
                    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                        response.headers_mut().insert(name, value);
                    }
                }
                Some(response)
            }
            Self::Huge(bytes) => {
                const CHUNK: u64 = 64 << 10;
                let chunk = Bytes::from(vec![b'['; 64 << 10]);
                let chunks = (0..bytes.div_ceil(CHUNK)).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
                Some(Body::from_stream(stream::iter(chunks)).into_response())
            }
        }
    }
}
