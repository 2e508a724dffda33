//! One request: who asks, may they, and what is the answer.
//!
//! **Invariant:** authentication, then authorization, then the request itself, then admission; whatever the answer, the
//! request is on the record.

mod apply;
mod measures;
mod object_verbs;
mod subresources;
mod validation;

pub(super) use self::object_verbs::{insert, write};

use std::cell::RefCell;
use std::sync::Arc;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Recorded;
use super::discovery;
use super::fields::{self, Unknown};
use super::kinds::{self, Kind, Life};
use super::openapi;
use super::ownership::Manager;
use super::protobuf;
use super::rbac::{self, Account, Attempt, Effects};
use super::reply::{self, Body};
use super::request::{Format, Query, Route, Target};
use super::schema;
use super::state::{Handle, Keep};
use super::status::Status;
use super::versions;

/// What every request is answered from.
pub(super) struct Api {
    pub(super) shared: Handle,
    pub(super) stop: CancellationToken,
}

/// An authorized request about a resource.
struct Call<'a> {
    api: &'a Api,
    account: &'a Account,
    target: &'a Target,
    query: &'a Query,
    format: Format,
    media_type: &'a str,
    body: &'a [u8],
    keep: Keep,
    /// The same as far as admission knows.
    admitted: Keep,
    unknown: Unknown,
    /// Who sets fields with this request.
    manager: Manager,
    /// What the client is told besides the answer.
    warnings: RefCell<Vec<String>>,
}

/// Answers a request and records it.
pub(super) fn answer(api: &Arc<Api>, head: &Parts, body: &Bytes) -> Response<Body> {
    let mut record = Recorded {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: read_body(header(&head.headers, &CONTENT_TYPE), body).unwrap_or_default(),
        account: None,
        user: None,
        dry_run: false,
        code: 0,
    };
    let response = respond(api, head, body, &mut record).unwrap_or_else(|status| reply::refusal(&status));
    record.code = response.status().as_u16();
    api.shared.lock().requests.push(record);
    response
}

fn respond(api: &Api, head: &Parts, body: &Bytes, record: &mut Recorded) -> Result<Response<Body>, Status> {
    let query = Query::parse(&head.uri)?;
    let accept = header(&head.headers, &ACCEPT);
    let route = Route::parse(head.uri.path());
    match &route {
        Ok(Route::Health) => return Ok(reply::typed(200, "text/plain", "ok")),
        Ok(Route::Version) => return Ok(reply::json(200, &discovery::version())),
        Ok(_) | Err(_) => {}
    }
    let account = authenticate(api, &head.headers)?;
    record.account = Some(account.name.clone());
    record.user = Some(account.user());
    if let Some(wanted) = head.headers.get("impersonate-user") {
        return Err(Status::impersonation(&account.user(), wanted.to_str().unwrap_or_default()));
    }
    match route? {
        Route::Health => Ok(reply::typed(200, "text/plain", "ok")),
        Route::Version => Ok(reply::json(200, &discovery::version())),
        Route::CoreVersions => Ok(discovered(&discovery::core(accept))),
        Route::Groups => Ok(discovered(&discovery::groups(accept))),
        Route::Group(name) => Ok(reply::json(200, &discovery::group(&name)?)),
        Route::Resources { group, version } => Ok(reply::json(200, &discovery::resources(&group, &version)?)),
        Route::OpenApi(path) => openapi::document(&path, accept),
        Route::Resource(target) => {
            let (keep, admitted) = keep(&query, &target, head, body)?;
            record.dry_run = keep == Keep::DryRun;
            authorize(&account, &head.method, &target, &query)?;
            let format = Format::negotiate(accept, &query)?;
            let media_type = header(&head.headers, &CONTENT_TYPE);
            let unknown = Unknown::parse(query.value("fieldValidation"))?;
            let manager = manager(&query, &head.headers);
            let (account, target, query, warnings) = (&account, &target, &query, RefCell::default());
            let call = Call {
                api,
                account,
                target,
                query,
                format,
                media_type,
                body,
                keep,
                admitted,
                unknown,
                manager,
                warnings,
            };
            let response = call.run(&head.method)?;
            Ok(reply::warned(response, &call.warnings.take()))
        }
    }
}

fn discovered(answer: &discovery::Answer) -> Response<Body> {
    reply::typed(200, &answer.content_type, answer.body.to_string())
}

fn header<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn authenticate(api: &Api, headers: &HeaderMap) -> Result<Account, Status> {
    let token = header(headers, &AUTHORIZATION).strip_prefix("Bearer ").ok_or_else(Status::unauthorized)?;
    let now = api.shared.now();
    let state = api.shared.lock();
    state.tokens.account(token.trim(), &state.store, now).cloned().ok_or_else(Status::unauthorized)
}

/// The field manager a request names, or else the first word of its user agent.
fn manager(query: &Query, headers: &HeaderMap) -> Manager {
    let agent = header(headers, &USER_AGENT).split('/').next().unwrap_or_default();
    let name = query.value("fieldManager").filter(|name| !name.is_empty()).unwrap_or(agent);
    let applies = header(headers, &CONTENT_TYPE).starts_with(apply::MEDIA_TYPE);
    Manager { name: name.to_owned(), operation: if applies { "Apply" } else { "Update" } }
}

/// Whether the request is a dry run, and whether admission knows it.
///
/// A dry run is asked for in the query, in a deletion's options, or in the deletion's options inside an eviction; the last
/// of which the API server hands to no admission policy. Source: the API server's `EvictionREST`.
fn keep(query: &Query, target: &Target, head: &Parts, body: &[u8]) -> Result<(Keep, Keep), Status> {
    let mut asked: Vec<String> = query.values("dryRun").map(str::to_owned).filter(|value| !value.is_empty()).collect();
    let evicts = target.subresource.as_deref() == Some("eviction");
    let mut inside = Vec::new();
    if (head.method == Method::DELETE || evicts) && !body.is_empty() {
        let options = object_body(header(&head.headers, &CONTENT_TYPE), body)?;
        let listed = if evicts { &options["deleteOptions"]["dryRun"] } else { &options["dryRun"] };
        let listed = listed.as_array().into_iter().flatten();
        let listed = listed.map(|value| value.as_str().unwrap_or_default().to_owned());
        if evicts { inside.extend(listed) } else { asked.extend(listed) }
    }
    let known = dry_run(&asked)?;
    let inside = dry_run(&inside)?;
    Ok((if inside == Keep::DryRun { inside } else { known }, known))
}

/// Any value but `All` is refused.
fn dry_run(asked: &[String]) -> Result<Keep, Status> {
    match asked.iter().find(|value| *value != "All") {
        Some(other) => {
            Err(Status::bad_request(format!("dryRun: Unsupported value: \"{other}\": supported values: \"All\"")))
        }
        None if asked.is_empty() => Ok(Keep::Yes),
        None => Ok(Keep::DryRun),
    }
}

/// Reads a body that has to be one object.
fn object_body(media_type: &str, body: &[u8]) -> Result<Value, Status> {
    let object = read_body(media_type, body);
    if object.is_none() && media_type.starts_with(protobuf::MEDIA_TYPE) {
        return Err(Status::unsupported_media_type(media_type));
    }
    object.filter(Value::is_object).ok_or_else(|| Status::bad_request("the body of the request is not a JSON object"))
}

fn read_body(media_type: &str, body: &[u8]) -> Option<Value> {
    if media_type.starts_with(protobuf::MEDIA_TYPE) {
        protobuf::decode(body)
    } else {
        serde_json::from_slice(body).ok()
    }
}

/// The verb a request is authorized as. Source: Kubernetes, "Authorization", request verbs.
fn verb(method: &Method, target: &Target, query: &Query) -> Result<&'static str, Status> {
    let one = target.name.is_some();
    match *method {
        Method::GET if one => Ok("get"),
        Method::GET if query.flag("watch") => Ok("watch"),
        Method::GET => Ok("list"),
        Method::POST => Ok("create"),
        Method::PUT => Ok("update"),
        Method::PATCH => Ok("patch"),
        Method::DELETE if one => Ok("delete"),
        Method::DELETE => Ok("deletecollection"),
        _ => Err(Status::method_not_allowed()),
    }
}

fn authorize(account: &Account, method: &Method, target: &Target, query: &Query) -> Result<(), Status> {
    // Asking what one may do is open to everybody who is somebody.
    if target.kind.life == Life::Answered {
        return Ok(());
    }
    let itself = target.name.as_deref().filter(|_| target.kind.kind == "Namespace");
    let namespace = target.namespace.as_deref().or(itself);
    let attempt = Attempt::new(verb(method, target, query)?, target.kind, target.subresource.as_deref(), namespace);
    if account.may(&attempt) {
        return Ok(());
    }
    Err(Status::forbidden(target.kind, target.name.as_deref(), &attempt.refusal(&account.user())))
}

impl Call<'_> {
    fn run(&self, method: &Method) -> Result<Response<Body>, Status> {
        match self.kind().life {
            Life::Answered => return self.review(method),
            Life::Measured => return self.measure(method),
            Life::Kept => {}
        }
        match self.target.subresource.as_deref() {
            Some(subresource) => self.subresource(subresource, method),
            None => self.object(method),
        }
    }

    fn review(&self, method: &Method) -> Result<Response<Body>, Status> {
        if method != Method::POST {
            return Err(Status::method_not_allowed());
        }
        let review = self.json_body()?;
        let answer = match self.target.kind.kind {
            "SelfSubjectAccessReview" => rbac::access_review(self.account, review),
            "SelfSubjectRulesReview" => rbac::rules_review(self.account, review),
            _ => rbac::self_review(self.account, review),
        };
        Ok(reply::json(201, &answer))
    }

    fn kind(&self) -> &'static Kind {
        self.target.kind
    }

    /// The kind in the version its objects are stored in.
    fn stored_kind(&self) -> &'static Kind {
        kinds::find_stored(self.kind().group, self.kind().plural)
    }

    fn namespace(&self) -> &str {
        self.target.namespace.as_deref().unwrap_or_default()
    }

    fn name(&self) -> Result<&str, Status> {
        self.target.name.as_deref().ok_or_else(Status::method_not_allowed)
    }

    fn json_body(&self) -> Result<Value, Status> {
        object_body(self.media_type, self.body)
    }

    /// The object in the body, with only fields its kind has.
    fn typed_body(&self) -> Result<Value, Status> {
        let mut object = self.json_body()?;
        let kind = self.kind();
        let refuse = |why: String| {
            let (kind, version) = (kind.kind, kind.version);
            Status::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
        };
        self.known_fields(&mut object, refuse)?;
        Ok(versions::to_stored(kind, object))
    }

    /// Drops fields the kind does not have; `refuse` words what is wrong when they are not to be dropped.
    fn known_fields(&self, object: &mut Value, refuse: impl Fn(String) -> Status) -> Result<(), Status> {
        let Some(message) = schema::of_kind(self.kind()) else { return Ok(()) };
        let unknown = fields::prune(object, message).map_err(&refuse)?;
        let told: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
        match self.unknown {
            Unknown::Refused if !told.is_empty() => Err(refuse(format!("strict decoding error: {}", told.join(", ")))),
            Unknown::Warned => {
                self.warnings.borrow_mut().extend(told);
                Ok(())
            }
            Unknown::Refused | Unknown::Dropped => Ok(()),
        }
    }

    /// Admission: a dry-run-only account's request must be one. The sentence is a validating admission policy's.
    fn admit(&self, name: &str) -> Result<(), Status> {
        if self.account.effects == Effects::Real || self.admitted == Keep::DryRun {
            return Ok(());
        }
        let policy = "countersign-preview-dry-run-only";
        let why = format!(
            "ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request: this credential may only send requests with dryRun=All"
        );
        Err(Status::forbidden(self.kind(), Some(name), &why))
    }

    /// One object in the version and representation asked for.
    fn show(&self, code: u16, object: &Value) -> Response<Body> {
        let object = &versions::to_served(self.kind(), object.clone());
        let body = match self.format {
            Format::Objects => object.clone(),
            Format::Metadata => super::table::partial(object),
            Format::Table { version, include } => {
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let now = self.api.shared.now();
                super::table::render(self.kind(), std::slice::from_ref(object), metadata, version, include, now)
            }
        };
        reply::json(code, &body)
    }
}
