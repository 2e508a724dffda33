//! What a request is about: its target, its query and the representation it wants.
//!
//! **Invariant:** a path that is not exactly one of the known forms has no target.

use axum::extract::Query as UrlQuery;
use hyper::Uri;

use super::kinds::{self, Kind};
use super::status::Status;

/// A resource path, taken apart.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    /// `None` over all namespaces and for kinds outside any.
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Route {
    Health,
    Version,
    CoreVersions,
    Groups,
    Group(String),
    Resources { group: String, version: String },
    OpenApi(String),
    Resource(Target),
}

impl Route {
    /// Reads a path.
    pub(super) fn parse(path: &str) -> Result<Self, Status> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        match segments.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => Ok(Self::Health),
            ["version"] => Ok(Self::Version),
            ["openapi", rest @ ..] => Ok(Self::OpenApi(rest.join("/"))),
            ["api"] => Ok(Self::CoreVersions),
            ["api", version] => Ok(Self::Resources { group: String::new(), version: (*version).to_owned() }),
            ["api", version, rest @ ..] => target("", version, rest).map(Self::Resource),
            ["apis"] => Ok(Self::Groups),
            ["apis", group] => Ok(Self::Group((*group).to_owned())),
            ["apis", group, version] => {
                Ok(Self::Resources { group: (*group).to_owned(), version: (*version).to_owned() })
            }
            ["apis", group, version, rest @ ..] => target(group, version, rest).map(Self::Resource),
            _ => Err(Status::no_such_path()),
        }
    }
}

fn target(group: &str, version: &str, rest: &[&str]) -> Result<Target, Status> {
    let kind = |plural: &str| kinds::find(group, version, plural).ok_or_else(Status::no_such_path);
    let (kind, namespace, rest) = match rest {
        // A namespace's own subresource, before the namespaced kinds.
        ["namespaces", _, "status" | "finalize"] => (kind("namespaces")?, None, &rest[1..]),
        ["namespaces", namespace, plural, rest @ ..] => (kind(plural)?, Some((*namespace).to_owned()), rest),
        [plural, rest @ ..] => (kind(plural)?, None, rest),
        [] => return Err(Status::no_such_path()),
    };
    if namespace.is_some() && !kind.namespaced() {
        return Err(Status::no_such_path());
    }
    let (name, subresource) = match rest {
        [] => (None, None),
        [name] => (Some((*name).to_owned()), None),
        [name, subresource, tail @ ..]
            if kind.has_subresource(subresource) && (tail.is_empty() || *subresource == "proxy") =>
        {
            (Some((*name).to_owned()), Some((*subresource).to_owned()))
        }
        _ => return Err(Status::no_such_path()),
    };
    if name.is_some() && kind.namespaced() && namespace.is_none() {
        return Err(Status::no_such_path());
    }
    Ok(Target { kind, namespace, name, subresource })
}

/// A request's query.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a request.
    pub(super) fn parse(uri: &Uri) -> Result<Self, Status> {
        let pairs = UrlQuery::<Vec<(String, String)>>::try_from_uri(uri);
        pairs.map(|UrlQuery(pairs)| Self(pairs)).map_err(|_| Status::bad_request("the query cannot be read"))
    }

    /// The value of a key; the first counts, as for the real server.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of a key.
    pub(super) fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value == "true" || value == "1")
    }

    /// A number, or 400 when it is none.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        let Some(text) = self.value(key).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Status::bad_request(format!("{key}: `{text}` is not a number")))
    }
}

/// How much of each object a table carries along. Source: API reference, `includeObject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    Nothing,
    Metadata,
    Object,
}

/// The representation the client prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Objects,
    Metadata,
    Table { version: &'static str, include: Include },
}

impl Format {
    /// Picks from an `Accept` header; nothing acceptable is 406.
    pub(super) fn negotiate(accept: &str, query: &Query) -> Result<Self, Status> {
        let include = match query.value("includeObject") {
            Some("None") => Include::Nothing,
            Some("Object") => Include::Object,
            Some(_) | None => Include::Metadata,
        };
        if accept.is_empty() {
            return Ok(Self::Objects);
        }
        accept.split(',').find_map(|offer| Self::offered(offer, include)).ok_or_else(Status::not_acceptable)
    }

    fn offered(offer: &str, include: Include) -> Option<Self> {
        let mut parts = offer.split(';').map(str::trim);
        let media_type = parts.next()?;
        if !matches!(media_type, "application/json" | "application/*" | "*/*" | "text/plain") {
            return None;
        }
        let parameters: Vec<&str> = parts.filter(|part| !part.starts_with("q=")).collect();
        let has = |wanted: &str| parameters.contains(&wanted);
        if has("as=Table") {
            let version = if has("v=v1beta1") { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
            return Some(Self::Table { version, include });
        }
        if has("as=PartialObjectMetadata") || has("as=PartialObjectMetadataList") {
            return Some(Self::Metadata);
        }
        (!parameters.iter().any(|part| part.starts_with("as="))).then_some(Self::Objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target in one line: resource, namespace, name and subresource.
    fn resource(path: &str) -> Option<String> {
        let Ok(Route::Resource(target)) = Route::parse(path) else { return None };
        let or_dash = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        let (namespace, name, sub) = (or_dash(target.namespace), or_dash(target.name), or_dash(target.subresource));
        Some(format!("{} {namespace} {name} {sub}", target.kind.qualified()))
    }

    #[track_caller]
    fn leads(path: &str, target: Option<&str>) {
        assert_eq!(resource(path).as_deref(), target, "{path}");
    }

    #[test]
    fn paths() {
        leads("/api/v1/pods", Some("pods - - -"));
        leads("/api/v1/namespaces/web", Some("namespaces - web -"));
        leads("/api/v1/namespaces/web/status", Some("namespaces - web status"));
        leads("/api/v1/namespaces/web/pods/a/log", Some("pods web a log"));
        leads("/apis/apps/v1/namespaces/web/deployments/a/scale", Some("deployments.apps web a scale"));
        // A namespaced object needs its namespace, and a node is in none.
        leads("/api/v1/pods/a", None);
        leads("/api/v1/namespaces/web/nodes/a", None);
        leads("/api/v1/namespaces/web/pods/a/scale", None);
        leads("/api/v1/namespaces/web/pods/a/log/more", None);
        leads("/apis/apps/v2/deployments", None);
    }

    #[test]
    fn accept_headers() {
        let query = Query::default();
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let table = Format::Table { version: "meta.k8s.io/v1", include: Include::Metadata };
        assert_eq!(Format::negotiate(kubectl, &query).unwrap(), table);
        assert_eq!(Format::negotiate("application/json, */*", &query).unwrap(), Format::Objects);
        assert!(Format::negotiate("application/vnd.kubernetes.protobuf", &query).is_err());
    }
}
