//! Errors as the API server words them: a `Status` object with a code, a reason and a message kubectl prints.

use serde_json::{Value, json};

use super::kinds::Kind;

/// A refused request.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Status {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: json!({}) }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = json!({"name": name, "group": kind.group, "kind": kind.plural});
        self
    }

    /// 401: no token, or one nobody issued.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403 with the authorizer's or admission's sentence.
    pub(super) fn forbidden(kind: &Kind, name: Option<&str>, why: &str) -> Self {
        let subject = name.map_or_else(|| kind.qualified(), |name| format!("{} \"{name}\"", kind.qualified()));
        let message = format!("{subject} is forbidden: {why}");
        Self::new(403, "Forbidden", message).about(kind, name.unwrap_or_default())
    }

    /// 403 for a user that is somebody else's name.
    pub(super) fn impersonation(user: &str, wanted: &str) -> Self {
        let message = format!(
            "users \"{wanted}\" is forbidden: User \"{user}\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
        );
        Self::new(403, "Forbidden", message)
    }

    /// 404 for one object.
    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified())).about(kind, name)
    }

    /// 404 for a path that is no resource.
    pub(super) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 405.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 406: no representation the client accepts.
    pub(super) fn not_acceptable() -> Self {
        Self::new(406, "NotAcceptable", "only the following media types are accepted: application/json")
    }

    /// 409 on create.
    pub(super) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.qualified())).about(kind, name)
    }

    /// 409 on update or delete.
    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// 409 on a server-side apply: the fields others hold.
    pub(super) fn apply_conflict(fields: &[(String, String)]) -> Self {
        let one = |(manager, field): &(String, String)| format!("conflict with \"{manager}\": {field}");
        let told: Vec<String> = fields.iter().map(one).collect();
        let plural = if fields.len() == 1 { "conflict" } else { "conflicts" };
        let message = format!("Apply failed with {} {plural}: {}", fields.len(), told.join(", "));
        let mut status = Self::new(409, "Conflict", message);
        let causes = fields.iter().map(|(manager, field)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with \"{manager}\""), "field": field})
        });
        status.details = json!({"causes": causes.collect::<Vec<_>>()});
        status
    }

    /// 410: the watch or the list token is too old.
    pub(super) fn expired(message: &str) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 413.
    pub(super) fn too_large() -> Self {
        Self::new(413, "RequestEntityTooLarge", "the request body is larger than 3145728 bytes")
    }

    /// 415.
    pub(super) fn unsupported_media_type(found: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml; found {found}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 422 for one field.
    pub(super) fn invalid(kind: &Kind, name: &str, field: &str, problem: &str) -> Self {
        let message = format!("{} \"{name}\" is invalid: {field}: {problem}", kind.qualified_kind());
        let mut status = Self::new(422, "Invalid", message);
        let cause = json!({"reason": "FieldValueInvalid", "message": problem, "field": field});
        status.details = json!({"name": name, "group": kind.group, "kind": kind.kind, "causes": [cause]});
        status
    }

    /// 429: an eviction that a disruption budget forbids for now. Source: Kubernetes, "API-initiated Eviction".
    pub(super) fn disruption(why: &str) -> Self {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let mut status = Self::new(429, "TooManyRequests", message);
        status.details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        status
    }

    /// 501: what needs a kubelet, which this stand-in has not.
    pub(super) fn no_kubelet(what: &str) -> Self {
        Self::new(501, "NotImplemented", format!("{what} needs a kubelet, and this cluster has none"))
    }

    /// The body to send.
    pub(super) fn body(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details, "code": self.code,
        })
    }
}

/// The body of a deletion that is done.
pub(super) fn deleted(kind: &Kind, name: &str, uid: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": name, "group": kind.group, "kind": kind.plural, "uid": uid},
    })
}
