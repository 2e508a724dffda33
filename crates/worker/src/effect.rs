//! From the output of a preview's steps to an effect.
//!
//! **Invariant:** the same state of the target gives the same effect, byte for byte; values of
//! Secret kinds never become part of one.

mod described;
mod revised;

use countersign_core::command::{Command, EffectForm, Tool};
use countersign_core::effect::{Change, Effect, Touched};
use countersign_core::id::InvocationId;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One step of a preview that ended with 0: what it printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printed<'a> {
    /// Standard output, redacted.
    pub(crate) stdout: &'a str,
}

/// Why the output of a preview is not an effect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EffectError {
    /// The grammar's plan and what ran do not fit.
    #[error("the preview has {0} steps, its form needs {1}")]
    Steps(usize, usize),
    /// The tool printed something else than JSON.
    #[error("the preview's step {0} did not print JSON")]
    NotJson(usize, #[source] serde_json::Error),
    /// An object without kind or name.
    #[error("the preview's step {0} printed something that is not a Kubernetes object")]
    NotAnObject(usize),
    /// What the command would bring about does not stand anywhere.
    #[error("the {0} cannot be found")]
    NoNewValue(&'static str),
}

/// Whose effect it is.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// Name of the installation.
    pub(crate) deployment: String,
    /// The worker's pool.
    pub(crate) pool: String,
    /// Which request.
    pub(crate) invocation: InvocationId,
}

/// Reads the effect out of what the steps printed.
///
/// # Errors
/// When the output is not what the form says.
pub(crate) fn read(
    form: EffectForm,
    command: &Command,
    steps: &[Printed<'_>],
    owner: Owner,
) -> Result<Effect, EffectError> {
    let verb = command.action().verb.as_str();
    let (objects, text) = match (form, steps) {
        (EffectForm::KubernetesObjects, [_, ..]) => (acted_on(verb, steps)?, None),
        (EffectForm::KubernetesCreated, [made]) => (changed(verb, &BTreeMap::new(), objects(0, made.stdout)?), None),
        (EffectForm::KubernetesDiff, [before, after]) => {
            (changed(verb, &objects(0, before.stdout)?, objects(1, after.stdout)?), None)
        }
        (EffectForm::KubernetesScale, [before, _]) => (revised::scaled(command, &documents(0, before.stdout)?)?, None),
        (EffectForm::KubernetesUndo, [before, sets, _]) => {
            let (before, sets) = (documents(0, before.stdout)?, documents(1, sets.stdout)?);
            (revised::undone(command, &before, &sets)?, None)
        }
        (EffectForm::Text, all) if matches!(command.tool(), Tool::Aws | Tool::Gcloud) => {
            (Vec::new(), Some(described::text(command, all)))
        }
        (EffectForm::Text, all) => (Vec::new(), Some(all.iter().map(|step| step.stdout).collect::<String>())),
        (EffectForm::KubernetesObjects | EffectForm::KubernetesCreated, other) => {
            return Err(EffectError::Steps(other.len(), 1));
        }
        (EffectForm::KubernetesDiff | EffectForm::KubernetesScale, other) => {
            return Err(EffectError::Steps(other.len(), 2));
        }
        (EffectForm::KubernetesUndo, other) => return Err(EffectError::Steps(other.len(), 3)),
    };
    let effect = Effect::new(owner.deployment, owner.pool, owner.invocation, objects, text);
    // Which alerts fire, which pods are ready and where a branch is are nobody's decision; a driver of ours says it.
    Ok(if matches!(command.tool(), Tool::Silence | Tool::Deploy | Tool::Tf) { effect.split_at_now() } else { effect })
}

/// Kind, namespace and name: what makes an object the same before and after.
type Key = (String, Option<String>, String);

/// One object of a preview's output.
struct Object {
    key: Key,
    uid: Option<String>,
    /// JSON pointer to JSON text, without what changes by itself.
    leaves: BTreeMap<String, String>,
}

impl Object {
    /// As it would be made. A server dry run draws a uid of which nothing remains, so neither it
    /// nor what is derived from it (a job's selector) belongs to an effect that has to come out
    /// the same the next time.
    fn unborn(mut self) -> Self {
        self.leaves.remove("/metadata/uid");
        if let Some(drawn) = self.uid.take() {
            let drawn = Value::from(drawn).to_string();
            for leaf in self.leaves.values_mut().filter(|leaf| **leaf == drawn) {
                "\"(its uid)\"".clone_into(leaf);
            }
        }
        self
    }

    fn touched(self, verb: &str, changes: Vec<Change>) -> Touched {
        let (kind, namespace, name) = self.key;
        Touched { verb: verb.to_owned(), kind, namespace, name, uid: self.uid, changes }
    }
}

/// The objects of one step: a List, one object, or several documents one after the other.
fn documents(step: usize, text: &str) -> Result<Vec<Value>, EffectError> {
    let mut found = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let document = document.map_err(|source| EffectError::NotJson(step, source))?;
        match document.get("items").and_then(Value::as_array) {
            Some(items) => found.extend(items.iter().cloned()),
            None => found.push(document),
        }
    }
    Ok(found)
}

fn objects(step: usize, text: &str) -> Result<BTreeMap<Key, Object>, EffectError> {
    let objects = documents(step, text)?.into_iter().map(|item| object(&item).ok_or(EffectError::NotAnObject(step)));
    objects.map(|object| object.map(|object| (object.key.clone(), object))).collect()
}

fn object(value: &Value) -> Option<Object> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let kind = text("/kind")?;
    let group = text("/apiVersion")?.rsplit_once('/').map(|(group, _)| group.to_owned());
    let secret = kind == "Secret";
    let kind = countersign_command::kind_name(&kind, group.as_deref().unwrap_or(""));
    let mut leaves = BTreeMap::new();
    flatten(value, String::new(), secret, &mut leaves);
    Some(Object {
        key: (kind, text("/metadata/namespace"), text("/metadata/name")?),
        uid: text("/metadata/uid"),
        leaves,
    })
}

/// Changes by themselves, without anybody asking.
const RESTLESS: [&str; 8] = [
    "/status",
    "/metadata/managedFields",
    "/metadata/resourceVersion",
    "/metadata/generation",
    "/metadata/creationTimestamp",
    "/metadata/deletionTimestamp",
    "/metadata/selfLink",
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
];

/// Everything below a Secret that can hold its values.
const SECRET: [&str; 2] = ["/data", "/stringData"];

fn flatten(value: &Value, at: String, secret: bool, leaves: &mut BTreeMap<String, String>) {
    let below = |roots: &[&str]| roots.iter().any(|root| at == *root || at.starts_with(&format!("{root}/")));
    if below(&RESTLESS) {
        return;
    }
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, item) in map {
                flatten(item, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), secret, leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (nth, item) in items.iter().enumerate() {
                flatten(item, format!("{at}/{nth}"), secret, leaves);
            }
        }
        // To Kubernetes a null is no value; whether it is printed depends on who prints.
        Value::Null => {}
        leaf => {
            let hidden = secret && below(&SECRET);
            leaves.insert(at, if hidden { "\"(hidden)\"".to_owned() } else { leaf.to_string() });
        }
    }
}

/// What would be different, object by object.
fn changed(verb: &str, before: &BTreeMap<Key, Object>, after: BTreeMap<Key, Object>) -> Vec<Touched> {
    let new = after.into_values().map(|object| {
        let (old, object) = match before.get(&object.key) {
            Some(old) => (&old.leaves, object),
            None => (&BTreeMap::new(), object.unborn()),
        };
        let changes = differences(old, &object.leaves);
        object.touched(verb, changes)
    });
    new.collect()
}

/// The objects of every step, each once.
fn acted_on(verb: &str, steps: &[Printed<'_>]) -> Result<Vec<Touched>, EffectError> {
    let mut all = BTreeMap::new();
    for (nth, step) in steps.iter().enumerate() {
        for item in documents(nth, step.stdout)?.iter().filter(|item| verb != "drain" || !stays(item)) {
            let object = object(item).ok_or(EffectError::NotAnObject(nth))?;
            all.insert(object.key.clone(), object);
        }
    }
    Ok(all.into_values().map(|object| object.touched(verb, Vec::new())).collect())
}

/// A pod that no drain evicts: a daemon set's, or one that its node runs by itself (kubernetes.io,
/// "Safely Drain a Node" and "Static Pods").
fn stays(item: &Value) -> bool {
    let owners = item.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let daemon = owners
        .is_some_and(|owners| owners.iter().any(|owner| owner["kind"] == "DaemonSet" && owner["controller"] == true));
    item["kind"] == "Pod" && (daemon || item.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some())
}

/// What is different between two sets of leaves, path by path.
fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = paths.into_iter().filter(|path| old.get(*path) != new.get(*path));
    differ.map(|path| Change { path: path.clone(), old: old.get(path).cloned(), new: new.get(path).cloned() }).collect()
}

#[cfg(test)]
mod tests;
