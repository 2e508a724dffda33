//! One object of a manifest: what it is, by what the cluster will take it for.
//!
//! **Invariant:** kind, group and name are those the API server reads. What it or kubectl would read
//! differently (a key in other letters, `items` beside a spec) is refused; a Secret brings no
//! values.

use super::yaml::{Key, Mark, Node, Value};
use super::{bad, quoted};
use crate::no::Checked;
use countersign_core::refusal::Code;

/// An object and how it names itself.
#[derive(Debug)]
pub(crate) struct Object {
    node: Node,
    pub(crate) at: Mark,
    /// `Deployment`.
    pub(crate) kind: String,
    /// `apps`; empty for the core group.
    pub(crate) group: String,
    /// `v1`.
    pub(crate) version: String,
    pub(crate) name: String,
    /// As written; the place is decided later.
    pub(crate) namespace: Option<String>,
}

/// Keys that decide what an object is. Go's JSON reader does not tell their letters' case apart.
const OWN_KEYS: &[&str] =
    &["apiVersion", "kind", "metadata", "items", "spec", "data", "stringData", "binaryData", "type", "status"];
const METADATA_KEYS: &[&str] = &["name", "namespace", "generateName", "labels", "annotations", "ownerReferences"];

/// Where `kubectl apply` keeps the whole of what it applied last, values of Secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Reads a document: one object, or a `List` of them.
pub(super) fn read(document: Node, objects: &mut Vec<Object>) -> Checked<()> {
    check_keys(&document, OWN_KEYS)?;
    let Some(items) = document.get("items") else {
        objects.push(object(document)?);
        return Ok(());
    };
    // kubectl takes whatever has `items` for a list, and nothing else of it.
    let is_list = document.get("kind").and_then(Node::text) == Some("List")
        && document.get("apiVersion").and_then(Node::text) == Some("v1")
        && document
            .entries()
            .iter()
            .all(|(key, _)| matches!(key.text.as_str(), "apiVersion" | "kind" | "metadata" | "items"));
    let Value::List(_) = (if is_list { &items.value } else { &Value::Null }) else {
        return Err(bad(
            items.at,
            "only a `List` of version `v1` has `items`",
            "write the objects as documents of their own, or into one `kind: List`",
        ));
    };
    let Value::Map(entries) = document.value else { return Ok(()) };
    for (_, node) in entries.into_iter().filter(|(key, _)| key.text == "items") {
        let Value::List(items) = node.value else { continue };
        for item in items {
            check_keys(&item, OWN_KEYS)?;
            if let Some(nested) = item.get("items") {
                return Err(bad(nested.at, "a list stands in a list", "write the objects into one list"));
            }
            objects.push(object(item)?);
        }
    }
    Ok(())
}

fn object(node: Node) -> Checked<Object> {
    let at = node.at;
    if !matches!(node.value, Value::Map(_)) {
        return Err(bad(at, "this is no object", "write an object with `apiVersion`, `kind` and `metadata.name`"));
    }
    let kind = required(&node, "kind", at)?;
    let api = required(&node, "apiVersion", at)?;
    let (group, version) = api.rsplit_once('/').unwrap_or(("", &api));
    super::kind::check(&kind, group, node.get("kind").map_or(at, |node| node.at))?;
    let metadata = node.get("metadata").ok_or_else(|| missing("metadata.name", at))?;
    check_keys(metadata, METADATA_KEYS)?;
    if let Some(generated) = metadata.get("generateName").filter(|node| !node.is_empty()) {
        return Err(bad(
            generated.at,
            "`generateName` leaves open which object it is",
            "write the whole name as `metadata.name`",
        ));
    }
    let name = required(metadata, "name", metadata.at)?;
    let namespace = match metadata.get("namespace") {
        None => None,
        Some(empty) if empty.is_empty() => None,
        Some(_) => Some(required(metadata, "namespace", metadata.at)?),
    };
    let (group, version) = (group.to_owned(), version.to_owned());
    let object = Object { node, at, kind, group, version, name, namespace };
    object.check_secret()?;
    object.check_directives()?;
    Ok(object)
}

fn required(of: &Node, key: &str, at: Mark) -> Checked<String> {
    match of.get(key) {
        Some(Node { value: Value::Text(text), .. }) if !text.is_empty() => Ok(text.clone()),
        Some(other) => {
            Err(bad(other.at, format!("`{key}` is not text"), "write its name, in quotes if it looks like a number"))
        }
        None => Err(missing(key, at)),
    }
}

fn missing(key: &str, at: Mark) -> Box<countersign_core::refusal::Refusal> {
    bad(at, format!("the object has no `{key}`"), "write an object with `apiVersion`, `kind` and `metadata.name`")
}

/// Refuses keys that are one of these in other letters.
fn check_keys(node: &Node, keys: &[&str]) -> Checked<()> {
    for (key, _) in node.entries() {
        if let Some(meant) = keys.iter().find(|own| own.eq_ignore_ascii_case(&key.text) && **own != key.text) {
            let sentence = format!("the key {} is `{meant}` to some readers", quoted(&key.text));
            return Err(bad(key.at, sentence, format!("write `{meant}`")));
        }
    }
    Ok(())
}

impl Object {
    /// The object as it will be applied.
    pub(super) const fn node(&self) -> &Node {
        &self.node
    }

    /// Writes the namespace into the object, so that the text alone says where it goes.
    pub(crate) fn place(&mut self, namespace: &str) {
        self.namespace = Some(namespace.to_owned());
        let Value::Map(entries) = &mut self.node.value else { return };
        let metadata = entries.iter_mut().find(|(key, _)| key.text == "metadata");
        let Some((_, Node { value: Value::Map(metadata), at })) = metadata else { return };
        let value = Value::Text(namespace.to_owned());
        match metadata.iter_mut().find(|(key, _)| key.text == "namespace") {
            Some((_, node)) => node.value = value,
            None => metadata.push((Key { at: *at, text: "namespace".to_owned() }, Node { at: *at, value })),
        }
    }

    /// What an approver should notice: what the object would run as, stop, or be allowed to do.
    pub(crate) fn dangers(&self) -> Vec<&'static str> {
        let mut found = self.own_dangers();
        // A ConfigMap is text for somebody else, whatever its keys are called.
        if !(self.kind == "ConfigMap" && self.group.is_empty()) {
            look(&self.node, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Those that depend on what the object is.
    fn own_dangers(&self) -> Vec<&'static str> {
        let metadata = |key: &str| self.node.get("metadata").and_then(|it| it.get(key));
        let spec = |key: &str| self.node.get("spec").and_then(|it| it.get(key));
        let is_on = |node: Option<&Node>| node.is_some_and(|node| node.value == Value::Bool(true));
        let stops = spec("replicas").is_some_and(|node| node.value == Value::Int(0));
        let labels = metadata("labels").map(Node::entries).unwrap_or_default();
        let guarded = labels.iter().any(|(key, _)| key.text.starts_with("pod-security.kubernetes.io/"));
        let noticed = [
            (self.group == "rbac.authorization.k8s.io", "gives rights inside the cluster"),
            (stops, "scales to zero"),
            // Also when they are empty: then what is there is taken away.
            (metadata("finalizers").is_some(), "decides what keeps it from being deleted"),
            (metadata("ownerReferences").is_some(), "decides what it is deleted with"),
            (self.kind == "Namespace" && guarded, "changes what pods of the namespace may do"),
            (self.kind == "Node" && self.group.is_empty(), "changes a node"),
            (self.kind == "PriorityClass" && is_on(self.node.get("globalDefault")), "changes the priority of all pods"),
            (self.kind == "Service" && spec("externalIPs").is_some(), "takes traffic of addresses outside"),
        ];
        noticed.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect()
    }

    /// Refuses keys that kubectl reads as orders about the object in the cluster.
    ///
    /// Source: k8s.io/apimachinery, `strategicpatch/patch.go` (directives).
    fn check_directives(&self) -> Checked<()> {
        fn directive(node: &Node) -> Option<&Key> {
            let is_one = |key: &&Key| {
                ["$patch", "$retainKeys", "$deleteFromPrimitiveList", "$setElementOrder"]
                    .iter()
                    .any(|directive| key.text.starts_with(directive))
            };
            let own = node.entries().iter().map(|(key, _)| key).find(is_one);
            let items: &[Node] = match &node.value {
                Value::List(items) => items,
                _ => &[],
            };
            own.or_else(|| node.entries().iter().map(|(_, item)| item).chain(items).find_map(directive))
        }
        match directive(&self.node) {
            None => Ok(()),
            Some(key) => Err(bad(
                key.at,
                format!("{} is an order about the object in the cluster", quoted(&key.text)),
                "write the object as it is to be",
            )),
        }
    }

    /// Values of Secrets do not travel: whoever reads the log would read them.
    fn check_secret(&self) -> Checked<()> {
        if !(self.kind == "Secret" && self.group.is_empty()) {
            return Ok(());
        }
        let annotation =
            self.node.get("metadata").and_then(|it| it.get("annotations")).and_then(|it| it.get(LAST_APPLIED));
        let values = ["data", "stringData", "binaryData"].iter().filter_map(|key| self.node.get(key)).chain(annotation);
        if let Some(values) = values.into_iter().find(|node| !node.is_empty()) {
            return Err(no_secret(values.at, "the Secret brings its values", SEALED));
        }
        if self.node.get("type").and_then(Node::text) == Some("kubernetes.io/service-account-token") {
            return Err(no_secret(
                self.at,
                "this Secret would hold a lasting token of a service account",
                "let the workload use the token that is mounted into it",
            ));
        }
        Ok(())
    }
}

const SEALED: &str =
    "what is typed goes on record; use a SealedSecret or an ExternalSecret, or let the workload fetch it";

fn no_secret(at: Mark, sentence: &str, hint: &str) -> Box<countersign_core::refusal::Refusal> {
    let Mark { line, column } = at;
    crate::no::no(Code::SecretInCommand, format!("{sentence} (line {line}, column {column} of the manifest)"), hint)
}

/// Fields of a pod, wherever its template stands. Letters' case does not matter to every reader.
///
/// Source: Kubernetes, "Pod Security Standards" (the profile `baseline`).
fn look(node: &Node, found: &mut Vec<&'static str>) {
    for (key, item) in node.entries() {
        let is_on = item.value == Value::Bool(true);
        match key.text.to_ascii_lowercase().as_str() {
            "privileged" if is_on => found.push("privileged container"),
            "hostnetwork" if is_on => found.push("uses the node's network"),
            "hostpid" if is_on => found.push("sees the node's processes"),
            "hostipc" if is_on => found.push("shares the node's memory"),
            "hostpath" if matches!(item.value, Value::Map(_)) => found.push("mounts a folder of the node"),
            "hostport" if matches!(item.value, Value::Int(port) if port != 0) => found.push("opens a port of the node"),
            "hostprocess" if is_on => found.push("runs on the node itself"),
            "add" if matches!(item.value, Value::List(_)) => capabilities(item, found),
            _ => {}
        }
        look(item, found);
    }
    if let Value::List(items) = &node.value {
        for item in items {
            look(item, found);
        }
    }
}

/// Capabilities that the profile `baseline` allows to add.
const HARMLESS: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn capabilities(added: &Node, found: &mut Vec<&'static str>) {
    let Value::List(items) = &added.value else { return };
    let named = |text: &str| {
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("CAP_").unwrap_or(&name).to_owned();
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            && !HARMLESS.contains(&name.as_str())
    };
    if items.iter().filter_map(Node::text).any(named) {
        found.push("asks for capabilities of the node");
    }
}
