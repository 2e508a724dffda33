//! Reads a runner.yaml's nodes, and notes every mistake instead of stopping at the first.
//!
//! **Invariant:** a map is read only through [`Reader::fields`], which refuses unknown and duplicate keys.

use super::candidate::{needs_at, without_place};
use super::yaml::{self, Mark, Node, Value};
use super::{Candidate, Credential, EgressRule, Limits, Recipe};
use crate::problem::{Problem, Problems};
use countersign_core::digest::Digest;
use countersign_core::refusal::{is_deceptive, shown};
use countersign_core::tier::Isolation;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

const KEYS: &[&str] = &[
    "version",
    "programs",
    "manifest",
    "files",
    "files_if_present",
    "env",
    "credential",
    "egress",
    "isolation",
    "limits",
];

/// Each limit, its smallest and its largest value.
const LIMITS: &[(&str, u64, u64)] = &[
    ("wall_seconds", 1, 86_400),
    ("cpu_seconds", 1, 86_400),
    ("memory_mib", 16, 65_536),
    ("processes", 1, 4_096),
    ("open_files", 16, 65_536),
    ("file_mib", 1, 65_536),
    ("tmp_mib", 1, 65_536),
    ("output_mib", 1, 1_024),
];

/// How long an interrupted program is waited for; most need no more than everybody has.
const INTERRUPT: (&str, u64, u64) = ("interrupt_seconds", 1, 600);

/// The keys of a program that is more than one file.
const PARTS: &[&str] = &["at", "run", "with", "entry", "trees", "files"];

/// The variables the runner makes itself.
const OWN_VARIABLES: &[&str] = &[
    "HOME",
    "KUBECONFIG",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "CLOUDSDK_CONFIG",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "COUNTERSIGN_JOB",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Beginnings of variables that make a program load code, or say where it finds its parts: of the dynamic linker and of
/// Python (python(1), ENVIRONMENT VARIABLES).
const LOADS_CODE: &[&str] = &["LD_", "GLIBC_TUNABLES", "PYTHON"];

type Fields<'n> = BTreeMap<&'n str, &'n Node>;

struct Reader<'a> {
    file: &'a str,
    problems: Vec<Problem>,
}

/// Reads the whole file.
pub(super) fn read(file: &str, text: &str) -> Result<Recipe, Problems> {
    let root = yaml::parse(file, text).map_err(|problem| Problems(vec![problem]))?;
    let mut reader = Reader { file, problems: Vec::new() };
    let recipe = reader.recipe(&root);
    reader.problems.sort_by_key(|problem| (problem.line, problem.column));
    match recipe {
        Some(recipe) if reader.problems.is_empty() => Ok(recipe),
        _ => Err(Problems(reader.problems)),
    }
}

impl Reader<'_> {
    fn note(&mut self, at: Mark, message: impl Into<String>) {
        let Mark { line, column } = at;
        self.problems.push(Problem { file: self.file.to_owned(), line, column, message: message.into() });
    }

    /// Every part is read before the first missing one is given up on, so that all mistakes are noted.
    fn recipe(&mut self, root: &Node) -> Option<Recipe> {
        let fields = self.fields(root, "the file", KEYS)?;
        self.version(root, &fields);
        let programs = self.required(root, &fields, "programs").and_then(|node| self.programs(node));
        let manifest = fields.get("manifest").map_or_else(|| Some(Vec::new()), |node| self.manifest(node));
        let files = fields.get("files").map_or_else(|| Some(Vec::new()), |node| self.globs(node));
        let files_if_present = fields.get("files_if_present").map_or_else(|| Some(Vec::new()), |node| self.globs(node));
        let env = fields.get("env").map_or_else(|| Some(BTreeMap::new()), |node| self.env(node));
        let credential = self.required(root, &fields, "credential");
        let credential = credential.and_then(|node| self.word(node, &Credential::ALL));
        let egress = self.required(root, &fields, "egress");
        let egress =
            egress.and_then(|node| self.word(node, &[("none", EgressRule::None), ("target", EgressRule::Target)]));
        let isolation = self.required(root, &fields, "isolation").and_then(|node| self.levels(node));
        let limits = self.required(root, &fields, "limits").and_then(|node| self.limits(node));
        if let (Some(credential), Some(egress)) = (credential, egress)
            && (credential == Credential::None) != (egress == EgressRule::None)
        {
            self.note(root.at, "a credential and `egress: target` go together: the one names the other's proxy");
        }
        Some(Recipe {
            programs: programs?,
            manifest: manifest?,
            files: files?,
            files_if_present: files_if_present?,
            env: env?,
            credential: credential?,
            egress: egress?,
            isolation: isolation?,
            limits: limits?,
        })
    }

    fn version(&mut self, root: &Node, fields: &Fields<'_>) {
        if let Some(node) = self.required(root, fields, "version")
            && !matches!(node.value, Value::Whole(1))
        {
            self.note(node.at, "this version of the file is not known; write `version: 1`");
        }
    }

    fn required<'n>(&mut self, parent: &Node, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        let found = fields.get(key).copied();
        if found.is_none() {
            self.note(parent.at, format!("`{key}` is missing"));
        }
        found
    }

    /// The entries of a map that has these keys and no others.
    fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<Fields<'n>> {
        let fields = self.map(node, what)?;
        let (known, unknown): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(key, _)| keys.contains(&key.1));
        for ((at, key), _) in unknown {
            self.note(at, format!("{what} has no key `{}`; it has {}", shown(key), keys.join(", ")));
        }
        Some(known.into_iter().map(|((_, key), node)| (key, node)).collect())
    }

    /// The entries of a map with free keys, each once.
    fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<((Mark, &'n str), &'n Node)>> {
        let Value::Map(entries) = &node.value else {
            self.note(node.at, format!("{what} should be a map of keys"));
            return None;
        };
        let mut seen: Vec<((Mark, &'n str), &'n Node)> = Vec::new();
        for (key, value) in entries {
            let Some(name) = self.text(key) else { continue };
            if seen.iter().any(|((_, other), _)| *other == name) {
                self.note(key.at, format!("`{}` is here twice", shown(name)));
            } else {
                seen.push(((key.at, name), value));
            }
        }
        Some(seen)
    }

    fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) if !items.is_empty() => Some(items),
            _ => {
                self.note(node.at, "this should be a list with at least one entry");
                None
            }
        }
    }

    fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() && !text.chars().any(is_deceptive) => Some(text),
            Value::Text(_) => {
                self.note(node.at, "this text is empty or holds characters that cannot be seen");
                None
            }
            Value::Whole(_) | Value::List(_) | Value::Map(_) | Value::Other => {
                self.note(node.at, "this should be text; put it in quotes if it is meant as text");
                None
            }
        }
    }

    fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.note(node.at, format!("`{}` is not one of {}", shown(text), known.join(", ")));
        }
        found
    }

    fn programs(&mut self, node: &Node) -> Option<BTreeMap<String, Vec<Candidate>>> {
        let entries = self.map(node, "programs")?;
        if entries.is_empty() {
            self.note(node.at, "name at least one program");
        }
        let mut programs = BTreeMap::new();
        for ((at, name), node) in entries {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if !name.chars().all(plain) {
                self.note(at, format!("`{}` is not a name for a program", shown(name)));
            }
            let candidates = self.list(node)?;
            let candidates = candidates.iter().filter_map(|candidate| self.candidate(candidate)).collect();
            programs.insert(name.to_owned(), candidates);
        }
        Some(programs)
    }

    /// A file, or a map of what belongs together.
    fn candidate(&mut self, node: &Node) -> Option<Candidate> {
        if !matches!(node.value, Value::Map(_)) {
            return Some(Candidate::file(self.path(node)?.to_string_lossy()));
        }
        let fields = self.fields(node, "a program", PARTS)?;
        let at = fields.get("at").and_then(|node| self.path(node));
        let run = self.required(node, &fields, "run").and_then(|node| self.placed(node, at.is_some()));
        let entry = fields.get("entry").map(|node| self.placed(node, at.is_some()));
        let mut texts = |key: &str| {
            let items = fields.get(key).and_then(|node| self.list(node)).unwrap_or_default();
            items.iter().filter_map(|item| self.placed(item, at.is_some())).collect()
        };
        let (trees, files): (Vec<String>, Vec<String>) = (texts("trees"), texts("files"));
        let mut with = Vec::new();
        if let Some(node) = fields.get("with") {
            with.extend(self.list(node)?.iter().filter_map(|item| self.text(item)).map(str::to_owned));
        }
        Some(Candidate { at, run: run?, with, entry: entry.flatten(), trees, files })
    }

    /// An absolute path or pattern, or one below a place.
    fn placed(&mut self, node: &Node, has_at: bool) -> Option<String> {
        let text = self.text(node)?;
        if needs_at(text) && !has_at {
            self.note(node.at, "`{at}` is the folder of the installation: write `at: /…` beside it");
        }
        let rest = without_place(text);
        // The place itself: nothing is left of it.
        if !(is_plain(rest) || rest.is_empty()) {
            let message = format!("`{}` is not an absolute path without `.`, `..` and doubled slashes", shown(text));
            self.note(node.at, message);
        }
        Some(text.to_owned())
    }

    fn path(&mut self, node: &Node) -> Option<PathBuf> {
        let text = self.text(node)?;
        if is_plain(text) {
            return Some(PathBuf::from(text));
        }
        let message = format!("`{}` is not an absolute path without `.`, `..` and doubled slashes", shown(text));
        self.note(node.at, message);
        None
    }

    /// Absolute patterns; `*` and `?` match within one part of the path.
    fn globs(&mut self, node: &Node) -> Option<Vec<String>> {
        let items = self.list(node)?;
        let mut globs = Vec::new();
        for item in items {
            let Some(path) = self.path(item) else { continue };
            if let Err(error) = globset::Glob::new(&path.to_string_lossy()) {
                self.note(item.at, error.to_string());
            } else if path.components().count() < 3 {
                self.note(item.at, "this would show a whole top folder of the host; name what is needed below it");
            } else {
                globs.push(path.to_string_lossy().into_owned());
            }
        }
        Some(globs)
    }

    fn manifest(&mut self, node: &Node) -> Option<Vec<Digest>> {
        let items = self.list(node)?;
        let mut digests = Vec::new();
        for item in items {
            let Some(text) = self.text(item) else { continue };
            match text.parse() {
                Ok(digest) => digests.push(digest),
                Err(_) => {
                    self.note(
                        item.at,
                        format!("`{}` is not of the form sha256:<64 lower-case hex digits>", shown(text)),
                    );
                }
            }
        }
        Some(digests)
    }

    fn env(&mut self, node: &Node) -> Option<BTreeMap<String, String>> {
        let mut env = BTreeMap::new();
        for ((at, name), node) in self.map(node, "env")? {
            if let Some(why) = forbidden_variable(name) {
                self.note(at, format!("`{}` {why}", shown(name)));
            }
            if let Some(value) = self.text(node) {
                env.insert(name.to_owned(), value.to_owned());
            }
        }
        Some(env)
    }

    fn levels(&mut self, node: &Node) -> Option<BTreeSet<Isolation>> {
        let words = [
            ("strict", Isolation::Strict),
            ("nested", Isolation::Nested),
            ("job", Isolation::Job),
            ("none", Isolation::None),
        ];
        let items = self.list(node)?;
        Some(items.iter().filter_map(|item| self.word(item, &words)).collect())
    }

    fn limits(&mut self, node: &Node) -> Option<Limits> {
        let names: Vec<&str> = LIMITS.iter().map(|(name, _, _)| *name).chain([INTERRUPT.0]).collect();
        let fields = self.fields(node, "limits", &names)?;
        let mut values = BTreeMap::new();
        for &(name, min, max) in LIMITS {
            let Some(found) = self.required(node, &fields, name) else { continue };
            match found.value {
                Value::Whole(value) if (min..=max).contains(&value) => {
                    values.insert(name, value);
                }
                _ => self.note(found.at, format!("`{name}` is a whole number from {min} to {max}")),
            }
        }
        let (name, min, max) = INTERRUPT;
        let interrupt_seconds = match fields.get(name).map(|node| (node.at, &node.value)) {
            None => None,
            Some((_, Value::Whole(value))) if (min..=max).contains(value) => Some(*value),
            Some((at, _)) => {
                self.note(at, format!("`{name}` is a whole number from {min} to {max}"));
                None
            }
        };
        let of = |name| values.get(name).copied();
        Some(Limits {
            wall_seconds: of("wall_seconds")?,
            cpu_seconds: of("cpu_seconds")?,
            memory_mib: of("memory_mib")?,
            processes: of("processes")?,
            open_files: of("open_files")?,
            file_mib: of("file_mib")?,
            tmp_mib: of("tmp_mib")?,
            output_mib: of("output_mib")?,
            interrupt_seconds,
        })
    }
}

fn is_plain(text: &str) -> bool {
    let path = Path::new(text);
    let normal = path.components().skip(1).all(|part| matches!(part, Component::Normal(_)));
    path.is_absolute() && normal && !text.ends_with('/') && !text.contains("//") && !text.contains("/./")
}

/// Names whose meaning a file must not give: they load code, or the runner sets them.
fn forbidden_variable(name: &str) -> Option<&'static str> {
    if OWN_VARIABLES.contains(&name.to_ascii_uppercase().as_str()) {
        return Some("is set by the runner for each job");
    }
    if LOADS_CODE.iter().any(|begin| name.starts_with(begin)) {
        return Some("would load code into the program");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit())).then_some("is not a variable's name")
}
