//! The routes of the distribution specification.
//!
//! **Invariant:** who may is asked before what is there.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State as Extracted};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use serde_json::json;

use super::access::{self, Act};
use super::answer::{
    Answer, BAD_DIGEST, BAD_NAME, BAD_NUMBER, BAD_TAG, NO_BLOB, NO_MANIFEST, NO_REPOSITORY, NO_SUCH_PLACE, NO_UPLOAD,
    Refused, UNSUPPORTED, content_digest,
};
use super::store::{INDEX, is_digest, is_name, is_tag};
use super::{Habit, Recorded, Shared, State};
use crate::chance::uuid;

/// Largest request body in bytes.
const MAX_BODY_BYTES: usize = 16 << 20;

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(shared)
}

/// Where blobs are kept, if it is not the registry itself: a store that takes signed addresses and nothing else.
pub(super) fn storage(shared: Arc<Shared>) -> Router {
    Router::new().fallback(hand_out).with_state(shared)
}

async fn hand_out(Extracted(shared): Extracted<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let mut state = shared.lock();
    state.record("GET", &uri, &headers, true);
    // As S3: an address that is signed, or a header, and never both.
    if headers.contains_key(header::AUTHORIZATION) {
        return Answer::of(StatusCode::BAD_REQUEST).send();
    }
    let bytes = state.signed.get(uri.path().trim_start_matches('/')).cloned();
    match bytes {
        Some(bytes) => Answer::of(StatusCode::OK).body("application/octet-stream", state.blob_sent(bytes)).send(),
        None => Answer::of(StatusCode::FORBIDDEN).send(),
    }
}

async fn serve(
    Extracted(shared): Extracted<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut state = shared.lock();
    state.record(method.as_str(), &uri, &headers, false);
    let asked = Asked { method: &method, uri: &uri, headers: &headers, body: &body };
    let answer = asked.answer(&mut state, &shared).unwrap_or_else(|refused| refused);
    if method == Method::HEAD { answer.head().send() } else { answer.send() }
}

struct Asked<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl Asked<'_> {
    fn query(&self) -> Vec<(String, String)> {
        let query = self.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    fn find(&self, name: &str) -> Option<String> {
        self.query().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn answer(&self, state: &mut State, shared: &Shared) -> Result<Answer, Answer> {
        let path = self.uri.path();
        if path == "/token" {
            return Ok(access::give(&shared.settings.access, &mut state.tokens, self.headers, &self.query()));
        }
        let rest = path.strip_prefix("/v2").ok_or_else(|| Answer::from(NO_SUCH_PLACE))?;
        let act = if matches!(*self.method, Method::GET | Method::HEAD) { Act::Read } else { Act::Write };
        let (name, kind, reference) = split(rest);
        let realm = state.realm(&shared.url);
        access::check(&shared.settings.access, &state.tokens, self.headers, (act, name), &realm)?;
        if rest == "/" || rest.is_empty() {
            return Ok(Answer::of(StatusCode::OK).body("application/json", b"{}".to_vec()));
        }
        if !is_name(name) {
            return Err(BAD_NAME.into());
        }
        match (self.method.as_str(), kind) {
            ("GET" | "HEAD", "manifests") => self.manifest(state, name, reference).map_err(Answer::from),
            ("PUT", "manifests") => self.put_manifest(state, shared, name, reference).map_err(Answer::from),
            ("GET" | "HEAD", "blobs") => Self::blob(state, shared, name, reference).map_err(Answer::from),
            ("POST" | "PUT", "blobs") => self.upload(state, name, reference).map_err(Answer::from),
            ("GET", "tags") if reference == "list" => self.tags(state, shared, name).map_err(Answer::from),
            ("GET", "referrers") if shared.settings.referrers => {
                self.referrers(state, name, reference).map_err(Answer::from)
            }
            (_, "manifests" | "blobs" | "tags") => Err(UNSUPPORTED.into()),
            _ => Err(NO_SUCH_PLACE.into()),
        }
    }

    fn manifest(&self, state: &State, name: &str, reference: &str) -> Result<Answer, Refused> {
        if !is_digest(reference) && !is_tag(reference) {
            return Err(BAD_TAG);
        }
        let repository = state.repositories.get(name).ok_or(NO_REPOSITORY)?;
        let (digest, stored) = repository.manifest(reference).ok_or(NO_MANIFEST)?;
        let accepted = self.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let accepted = accepted
            .flat_map(|values| values.split(','))
            .map(|value| value.split(';').next().unwrap_or_default().trim());
        // A kind the client does not name is one it does not know.
        if !accepted.into_iter().any(|kind| kind == stored.kind || kind == "*/*") {
            return Err(NO_MANIFEST);
        }
        let said = match &state.habits {
            habits if habits.contains(&Habit::NoDigest) => None,
            habits if habits.contains(&Habit::OtherDigest) => Some(super::store::digest(b"other")),
            _ => Some(digest.to_owned()),
        };
        let answer = Answer::of(StatusCode::OK);
        let answer = answer.body(&stored.kind, state.manifest_sent(stored.bytes.clone()));
        Ok(match said {
            Some(said) => answer.with(content_digest(), said),
            None => answer,
        })
    }

    fn put_manifest(&self, state: &mut State, shared: &Shared, name: &str, reference: &str) -> Result<Answer, Refused> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let repository = state.repositories.entry(name.to_owned()).or_default();
        let (digest, subject) = repository.put_manifest(reference, kind, self.body.to_vec())?;
        let answer = Answer::of(StatusCode::CREATED)
            .with(header::LOCATION, format!("/v2/{name}/manifests/{digest}"))
            .with(content_digest(), digest);
        Ok(match subject.filter(|_| shared.settings.referrers) {
            Some(subject) => answer.with("oci-subject".parse().expect("it is a name"), subject),
            None => answer,
        })
    }

    fn blob(state: &mut State, shared: &Shared, name: &str, digest: &str) -> Result<Answer, Refused> {
        if !is_digest(digest) {
            return Err(BAD_DIGEST);
        }
        let repository = state.repositories.get(name).ok_or(NO_REPOSITORY)?;
        let bytes = repository.blobs.get(digest).ok_or(NO_BLOB)?.clone();
        if let Some(place) = state.blobs_at() {
            return Ok(Answer::of(StatusCode::TEMPORARY_REDIRECT).with(header::LOCATION, place));
        }
        if let Some(storage) = &shared.storage {
            let signature = uuid();
            let place = format!("{storage}/{signature}");
            state.signed.insert(signature, bytes);
            return Ok(Answer::of(StatusCode::TEMPORARY_REDIRECT).with(header::LOCATION, place));
        }
        let answer = Answer::of(StatusCode::OK).with(content_digest(), digest);
        Ok(answer.body("application/octet-stream", state.blob_sent(bytes)))
    }

    /// In one piece: `POST …/uploads/?digest=`, or a `POST` for a place and a `PUT` to it.
    fn upload(&self, state: &mut State, name: &str, reference: &str) -> Result<Answer, Refused> {
        let upload =
            reference.strip_prefix("uploads/").or((reference == "uploads").then_some("")).ok_or(NO_SUCH_PLACE)?;
        let wanted = self.find("digest");
        let repository = state.repositories.entry(name.to_owned()).or_default();
        match (self.method.as_str(), wanted) {
            ("POST", None) if upload.is_empty() => {
                let session = uuid();
                repository.uploads.insert(session.clone());
                let place = format!("/v2/{name}/blobs/uploads/{session}");
                Ok(Answer::of(StatusCode::ACCEPTED).with(header::LOCATION, place))
            }
            ("PUT", Some(_)) if !repository.uploads.remove(upload) => Err(NO_UPLOAD),
            ("PUT" | "POST", Some(wanted)) => {
                let digest = repository.put_blob(&wanted, self.body.to_vec())?;
                let place = format!("/v2/{name}/blobs/{digest}");
                Ok(Answer::of(StatusCode::CREATED).with(header::LOCATION, place).with(content_digest(), digest))
            }
            _ => Err(BAD_DIGEST),
        }
    }

    fn tags(&self, state: &State, shared: &Shared, name: &str) -> Result<Answer, Refused> {
        let repository = state.repositories.get(name).ok_or(NO_REPOSITORY)?;
        let asked = match self.find("n") {
            Some(number) => number.parse::<usize>().ok().filter(|number| *number > 0).ok_or(BAD_NUMBER)?,
            None => shared.settings.page,
        };
        let last = self.find("last").unwrap_or_default();
        let rest: Vec<&String> = repository.tags.keys().filter(|tag| **tag > last).collect();
        let page: Vec<&String> = rest.iter().take(asked.min(shared.settings.page)).copied().collect();
        let body = json!({ "name": name, "tags": page });
        let answer = Answer::of(StatusCode::OK).body("application/json", body.to_string().into_bytes());
        let more = page.len() < rest.len();
        let following = page.last().filter(|_| more).map(|last| format!("/v2/{name}/tags/list?last={last}&n={asked}"));
        Ok(match state.link_at().or(following) {
            Some(link) => answer.with(header::LINK, format!("<{link}>; rel=\"next\"")),
            None => answer,
        })
    }

    fn referrers(&self, state: &State, name: &str, subject: &str) -> Result<Answer, Refused> {
        if !is_digest(subject) {
            return Err(BAD_DIGEST);
        }
        let status =
            state.habits.iter().find_map(|it| if let Habit::NoReferrers(status) = it { Some(*status) } else { None });
        if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) {
            return Ok(Answer::of(status).with(header::LOCATION, "https://evil.example/"));
        }
        let wanted = self.find("artifactType");
        let repository = state.repositories.get(name).ok_or(NO_REPOSITORY)?;
        let index = repository.referrers(subject, wanted.as_deref());
        let answer = Answer::of(StatusCode::OK).body(INDEX, index.to_string().into_bytes());
        Ok(match wanted {
            Some(_) => answer.with("oci-filters-applied".parse().expect("it is a name"), "artifactType"),
            None => answer,
        })
    }
}

/// The repository, what of it, and which: a name may have slashes.
fn split(rest: &str) -> (&str, &str, &str) {
    for kind in ["manifests", "blobs", "tags", "referrers"] {
        if let Some((name, reference)) = rest.rsplit_once(&format!("/{kind}/")) {
            return (name.trim_start_matches('/'), kind, reference);
        }
    }
    ("", "", "")
}

impl State {
    fn record(&mut self, method: &str, uri: &Uri, headers: &HeaderMap, storage: bool) {
        let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let with_credential = headers.contains_key(header::AUTHORIZATION);
        self.requests.push(Recorded { method: method.to_owned(), path, with_credential, storage });
    }

    fn realm(&self, url: &str) -> String {
        let elsewhere =
            self.habits.iter().find_map(|habit| if let Habit::TokensAt(realm) = habit { Some(realm) } else { None });
        elsewhere.cloned().unwrap_or_else(|| format!("{url}/token"))
    }

    fn link_at(&self) -> Option<String> {
        self.habits.iter().find_map(|habit| if let Habit::NextPageAt(link) = habit { Some(link.clone()) } else { None })
    }

    fn blobs_at(&self) -> Option<String> {
        self.habits.iter().find_map(|habit| if let Habit::BlobsAt(place) = habit { Some(place.clone()) } else { None })
    }

    /// A blob as it goes over the wire, of the same length.
    fn blob_sent(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.habits.contains(&Habit::OtherBlobs) {
            for byte in &mut bytes {
                *byte ^= 1;
            }
        }
        bytes
    }

    /// A manifest as it goes over the wire, which stays JSON.
    fn manifest_sent(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.habits.contains(&Habit::OtherManifests) {
            bytes.push(b' ');
        }
        bytes
    }
}
