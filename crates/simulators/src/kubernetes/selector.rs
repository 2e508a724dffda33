//! Label and field selectors.
//!
//! **Invariant:** a selector that cannot be read is an error, never a selector that matches everything.

use serde_json::Value;

use super::kinds::Kind;
use super::object;
use super::request::Query;
use super::status::Status;

/// Both selectors of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    labels: Vec<(String, Need)>,
    fields: Vec<(String, Need)>,
}

#[derive(Debug, Clone)]
enum Need {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

/// Fields every kind can be selected by, and the further ones of some kinds.
const FIELDS: &[(&str, &[&str])] = &[
    ("", &["metadata.name", "metadata.namespace"]),
    ("Pod", &["spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"]),
    ("Secret", &["type"]),
    ("Namespace", &["status.phase"]),
    ("Node", &["spec.unschedulable"]),
    ("Job", &["status.successful"]),
    ("ReplicaSet", &["status.replicas"]),
    (
        "Event",
        &[
            "involvedObject.apiVersion",
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.fieldPath",
            "reason",
            "type",
        ],
    ),
];

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    pub(super) fn parse(query: &Query, kind: &Kind) -> Result<Self, Status> {
        let labels = terms(query.value("labelSelector").unwrap_or_default()).into_iter().map(|term| label_term(&term));
        let fields =
            terms(query.value("fieldSelector").unwrap_or_default()).into_iter().map(|term| field_term(&term, kind));
        Ok(Self { labels: labels.collect::<Result<_, _>>()?, fields: fields.collect::<Result<_, _>>()? })
    }

    /// True when the object meets every term.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = self.labels.iter().all(|(key, need)| need.met(object::label(object, key)));
        let fields = self.fields.iter().all(|(path, need)| {
            let pointer = format!("/{}", path.replace('.', "/"));
            let text = match object.pointer(&pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => {
                    if path == "spec.unschedulable" {
                        "false".to_owned()
                    } else {
                        String::new()
                    }
                }
                Some(other) => other.to_string(),
            };
            need.met(Some(&text))
        });
        labels && fields
    }
}

impl Need {
    fn met(&self, value: Option<&str>) -> bool {
        match self {
            Self::In(wanted) => value.is_some_and(|value| wanted.iter().any(|one| one == value)),
            Self::NotIn(banned) => !value.is_some_and(|value| banned.iter().any(|one| one == value)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
        }
    }
}

/// Splits at commas outside parentheses.
fn terms(text: &str) -> Vec<String> {
    let mut depth = 0_i32;
    let mut terms = vec![String::new()];
    for character in text.chars() {
        depth += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        match (character, terms.last_mut()) {
            (',', _) if depth == 0 => terms.push(String::new()),
            (_, Some(term)) => term.push(character),
            (_, None) => {}
        }
    }
    terms.into_iter().map(|term| term.trim().to_owned()).filter(|term| !term.is_empty()).collect()
}

fn label_term(term: &str) -> Result<(String, Need), Status> {
    let unreadable = || Status::bad_request(format!("unable to parse requirement: `{term}`"));
    if let Some((key, values)) = set_term(term, " notin ") {
        return Ok((checked(key).ok_or_else(unreadable)?, Need::NotIn(values.ok_or_else(unreadable)?)));
    }
    if let Some((key, values)) = set_term(term, " in ") {
        return Ok((checked(key).ok_or_else(unreadable)?, Need::In(values.ok_or_else(unreadable)?)));
    }
    if let Some((key, need)) = equality(term) {
        return Ok((checked(key).ok_or_else(unreadable)?, need));
    }
    match term.strip_prefix('!') {
        Some(key) => Ok((checked(key).ok_or_else(unreadable)?, Need::Absent)),
        None => Ok((checked(term).ok_or_else(unreadable)?, Need::Exists)),
    }
}

fn set_term<'a>(term: &'a str, operator: &str) -> Option<(&'a str, Option<Vec<String>>)> {
    let (key, values) = term.split_once(operator)?;
    let inner = values.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    Some((key, inner.map(|list| list.split(',').map(|value| value.trim().to_owned()).collect())))
}

fn equality(term: &str) -> Option<(&str, Need)> {
    let (at, operator) = ["!=", "==", "="].iter().find_map(|op| term.find(op).map(|at| (at, *op)))?;
    let value = vec![term[at + operator.len()..].trim().to_owned()];
    Some((&term[..at], if operator == "!=" { Need::NotIn(value) } else { Need::In(value) }))
}

/// A label key: letters, digits, `-`, `_`, `.` and one `/` after a prefix.
fn checked(key: &str) -> Option<String> {
    let key = key.trim();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!key.is_empty() && key.chars().all(legal)).then(|| key.to_owned())
}

fn field_term(term: &str, kind: &Kind) -> Result<(String, Need), Status> {
    let (field, need) = equality(term)
        .ok_or_else(|| Status::bad_request(format!("invalid selector: '{term}'; can't understand '{term}'")))?;
    let mut fields = FIELDS.iter().filter(|(of, _)| of.is_empty() || *of == kind.kind).flat_map(|(_, fields)| *fields);
    if !fields.any(|known| *known == field) {
        return Err(Status::bad_request(format!("field label not supported: {field}")));
    }
    Ok((field.to_owned(), need))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn selects(labels: &str, wanted: bool) {
        let selector =
            Selector { labels: terms(labels).iter().map(|t| label_term(t).unwrap()).collect(), fields: vec![] };
        let pod = json!({"metadata": {"labels": {"app": "api", "env": "prod"}}});
        assert_eq!(selector.matches(&pod), wanted, "{labels}");
    }

    #[test]
    fn label_terms() {
        selects("", true);
        selects("app=api,env==prod", true);
        selects("app=api,env=dev", false);
        selects("app!=worker", true);
        selects("tier!=x", true);
        selects("app in (web, api),env", true);
        selects("app notin (web,api)", false);
        selects("!app", false);
        selects("!tier", true);
    }

    #[test]
    fn an_unreadable_selector_is_refused() {
        for text in ["=x", "app in web", "a b", "!"] {
            assert!(label_term(text).is_err(), "{text}");
        }
    }
}
