//! The environment: values over the file's, and where `env:` references point.
//!
//! **Invariant:** it is read once, in `main`. A `COUNTERSIGN_` variable that means nothing is a
//! mistake and not ignored.

use countersign_policy::yaml::{self, Key, Node, Value};
use countersign_policy::{Mark, Source};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;

/// What every override begins with.
const PREFIX: &str = "COUNTERSIGN_";

/// What can be said in the environment: every key that is not a map.
pub(super) const KEYS: &[&str] = &[
    "deployment",
    "log.level",
    "log.format",
    "listen",
    "policy.rbac",
    "policy.catalog",
    "policy.cases",
    "people",
    "keys.root",
    "keys.digest",
    "keys.process",
    "keys.worker",
    "audit.directory",
    "audit.bucket.name",
    "audit.bucket.region",
    "audit.bucket.endpoint",
    "audit.bucket.path_style",
    "audit.bucket.prefix",
    "audit.bucket.retention_days",
    "audit.bucket.access_key_id",
    "audit.bucket.secret_access_key",
    "audit.fate",
    "audit.fate.bucket.name",
    "audit.fate.bucket.region",
    "audit.fate.bucket.endpoint",
    "audit.fate.bucket.path_style",
    "audit.fate.bucket.prefix",
    "audit.fate.bucket.access_key_id",
    "audit.fate.bucket.secret_access_key",
    "audit.anchors",
    "queue.embedded",
    "queue.redis.address",
    "queue.redis.sentinel.nodes",
    "queue.redis.sentinel.master",
    "queue.redis.user",
    "queue.redis.password",
    "queue.redis.tls",
    "queue.redis.ca",
    "queue.redis.deadline",
    "slack.listen",
    "slack.app",
    "slack.teams",
    "slack.enterprises",
    "slack.signing_secret",
    "slack.previous_signing_secret",
    "slack.bot_token",
    "slack.api",
    "worker.pools",
    "worker.name",
    "worker.at_once",
    "worker.lease",
    "worker.launcher",
    "worker.jobs",
    "worker.uids",
    "drain",
];

/// The variable of a key: `worker.at_once` is `COUNTERSIGN_WORKER_AT_ONCE`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Every variable that overrides a key, with the key.
pub fn variables() -> impl Iterator<Item = (String, &'static str)> {
    KEYS.iter().map(|key| (variable(key), *key))
}

/// The process's environment, as it was at start.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, SecretString>);

impl Environment {
    /// Names and values, as the system gave them.
    #[must_use]
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name, value.into())).collect())
    }

    /// One variable.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> &BTreeMap<String, SecretString> {
        &self.0
    }

    /// What it says over the file, and the variables of ours that say nothing.
    pub(super) fn overrides(&self) -> (Vec<Override>, Vec<String>) {
        let ours = self.0.iter().filter(|(name, _)| name.starts_with(PREFIX));
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (name, value) in ours {
            match variables().find(|(variable, _)| variable == name) {
                Some((_, key)) => known.push(Override { name: name.clone(), key, value: value.clone() }),
                None => unknown.push(name.clone()),
            }
        }
        (known, unknown)
    }
}

/// One value over the file's.
pub(super) struct Override {
    pub(super) name: String,
    pub(super) key: &'static str,
    value: SecretString,
}

impl Override {
    /// The value as the file would have it. A text that is no YAML stays a text.
    fn node(&self, at: Mark) -> Node {
        let text = self.value.expose_secret();
        let value = yaml::parse("", text).map_or_else(|_| Value::Text(text.to_owned()), |node| node.value);
        settle(Node { at, value }, at)
    }
}

/// Everything in a value from the environment stands where its variable does.
fn settle(mut node: Node, at: Mark) -> Node {
    node.at = at;
    node.value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| settle(item, at)).collect()),
        Value::Map(entries) => {
            let entry = |(key, item): (Key, Node)| (Key { at, text: key.text }, settle(item, at));
            Value::Map(entries.into_iter().map(entry).collect())
        }
        other => other,
    };
    node
}

/// The file's text with a comment a variable, so that a mistake in one has a place.
pub(super) fn with_places(file: &Source, overrides: &[Override], unknown: &[String]) -> String {
    use std::fmt::Write as _;
    let mut text = file.text.clone();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for name in overrides.iter().map(|one| &one.name).chain(unknown) {
        writeln!(text, "# from the environment: {name}").expect("a String takes every write");
    }
    text
}

/// Puts the values into the tree, each at the line its variable got.
pub(super) fn put(root: &mut Node, first_line: usize, overrides: &[Override]) {
    for (nth, one) in overrides.iter().enumerate() {
        let at = Mark { line: first_line + nth, column: 1, length: 1 };
        let path: Vec<&str> = one.key.split('.').collect();
        put_at(root, &path, one.node(at));
    }
}

fn put_at(node: &mut Node, path: &[&str], value: Node) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    // The file may say a path where the environment says a bucket.
    if !matches!(node.value, Value::Map(_)) {
        *node = Node { at: value.at, value: Value::Map(Vec::new()) };
    }
    let Value::Map(entries) = &mut node.value else { return };
    if !entries.iter().any(|(key, _)| key.text == *first) {
        let at = value.at;
        let empty = Node { at, value: Value::Map(Vec::new()) };
        entries.push((Key { at, text: (*first).to_owned() }, empty));
    }
    if let Some((_, entry)) = entries.iter_mut().find(|(key, _)| key.text == *first) {
        put_at(entry, rest, value);
    }
}
