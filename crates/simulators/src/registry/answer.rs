//! Answers as registries give them, refusals included.
//!
//! Source: OCI distribution specification 1.1, "Error Codes".

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// A refusal: its status, code and words.
pub(super) type Refused = (StatusCode, &'static str, &'static str);

pub(super) const BAD_DIGEST: Refused =
    (StatusCode::BAD_REQUEST, "DIGEST_INVALID", "provided digest did not match uploaded content");
pub(super) const BAD_MANIFEST: Refused = (StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "manifest invalid");
pub(super) const BAD_NAME: Refused = (StatusCode::BAD_REQUEST, "NAME_INVALID", "invalid repository name");
pub(super) const BAD_NUMBER: Refused =
    (StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "invalid number of results requested");
pub(super) const BAD_TAG: Refused = (StatusCode::BAD_REQUEST, "TAG_INVALID", "manifest tag did not match URI");
pub(super) const DENIED: Refused = (StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied");
pub(super) const NO_BLOB: Refused = (StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry");
pub(super) const NO_BLOB_OF_MANIFEST: Refused =
    (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", "manifest references a blob unknown to registry");
pub(super) const NO_MANIFEST: Refused = (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown");
pub(super) const NO_REPOSITORY: Refused =
    (StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry");
pub(super) const NO_SUCH_PLACE: Refused = (StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing here");
pub(super) const NO_UPLOAD: Refused = (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
pub(super) const UNAUTHORIZED: Refused = (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
pub(super) const UNSUPPORTED: Refused = (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the operation is unsupported");

/// What is sent back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn of(status: StatusCode) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(self, kind: &str, body: Vec<u8>) -> Self {
        Self { body, ..self.with(header::CONTENT_TYPE, kind) }
    }

    /// The same without what it holds, as a HEAD is answered.
    pub(super) fn head(mut self) -> Self {
        let length = self.body.len().to_string();
        self.body.clear();
        self.with(header::CONTENT_LENGTH, length)
    }

    pub(super) fn send(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let version = HeaderValue::from_static("registry/2.0");
        response.headers_mut().insert("docker-distribution-api-version", version);
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("what the stand-in says fits into a header");
            response.headers_mut().append(name, value);
        }
        response
    }
}

impl From<Refused> for Answer {
    fn from((status, code, message): Refused) -> Self {
        let body = json!({ "errors": [{ "code": code, "message": message, "detail": null }] });
        Self::of(status).body("application/json", body.to_string().into_bytes())
    }
}

/// The header in which a registry names what it sends.
pub(super) fn content_digest() -> HeaderName {
    HeaderName::from_static("docker-content-digest")
}
