//! How to see what a change would act on: gcloud has no dry run, so it is what is there now.
//!
//! **Invariant:** every step only reads, in the same project and place, and takes its names and flags
//! from the command itself.

use super::classify;
use super::read::{Given, Parsed};
use super::scope;
use super::table::{self, Spec, Takes};

/// More names are not described one by one.
const MOST: usize = 10;

/// Changes whose things are shown by a command of another group.
const SHOWN_BY: &[(&str, &str)] = &[
    ("functions call", "functions describe"),
    ("functions deploy", "functions list"),
    ("run deploy", "run services list"),
    ("run jobs deploy", "run jobs list"),
    ("sql export bak", "sql instances describe"),
    ("sql export csv", "sql instances describe"),
    ("sql export sql", "sql instances describe"),
    ("sql import bak", "sql instances describe"),
    ("sql import csv", "sql instances describe"),
    ("sql import sql", "sql instances describe"),
    ("storage mv", "storage ls"),
    ("storage rm", "storage ls"),
    ("storage cp", "storage ls"),
    ("storage rsync", "storage ls"),
    ("workflows execute", "workflows describe"),
    ("workflows run", "workflows describe"),
];

/// The steps, each without the flags that every command gets.
pub(super) fn steps(parsed: &Parsed, id: &str) -> Vec<Vec<String>> {
    let found = shown_by(parsed.spec).or_else(|| binding(parsed.spec)).or_else(|| beside(parsed.spec));
    let plain = found.filter(|spec| !classify::is_sensitive(spec));
    plain.and_then(|spec| shows(parsed, spec)).unwrap_or_else(|| vec![project(id)])
}

/// When nothing shows the thing itself: the project that would be reached.
fn project(id: &str) -> Vec<String> {
    ["projects", "describe", id].map(str::to_owned).to_vec()
}

fn shown_by(spec: &Spec) -> Option<&'static Spec> {
    let (_, shown) = SHOWN_BY.iter().find(|(path, _)| *path == spec.path)?;
    table::find(shown)
}

/// Of a permission, the permissions there are.
fn binding(spec: &Spec) -> Option<&'static Spec> {
    let is_binding = spec.verb().ends_with("-iam-policy-binding");
    is_binding.then(|| table::find(&format!("{} get-iam-policy", spec.group()))).flatten()
}

/// What is made is not there yet, so its group is listed; anything else is described.
fn beside(spec: &Spec) -> Option<&'static Spec> {
    let verb = classify::verb(spec);
    let group = classify::group(spec);
    let is_new = verb.starts_with("create") || verb == "undelete" || verb == "deploy";
    let shows = if is_new { "list" } else { "describe" };
    table::find(&format!("{group} {shows}"))
}

/// The command that shows, with the names and those flags that both have.
fn shows(parsed: &Parsed, spec: &'static Spec) -> Option<Vec<Vec<String>>> {
    let shared = |given: &&Given| {
        (given.value.is_some() || (given.name == "recursive" && !given.is_off))
            && !matches!(given.name, "filter" | "limit" | "page-size" | "sort-by" | "type")
            && is_the_same(given, parsed.spec, spec)
    };
    let flags: Vec<String> = parsed.sorted().into_iter().filter(shared).map(Given::canonical).collect();
    let step = |names: Vec<String>| {
        let mut step: Vec<String> = spec.path.split(' ').map(str::to_owned).collect();
        step.extend(names);
        step.extend(flags.iter().cloned());
        step
    };
    let wanted: Vec<_> = spec.positionals().collect();
    match wanted.as_slice() {
        [] => Some(vec![step(Vec::new())]),
        [one] if one.is_many() && !one.is_demanded() && spec.verb() == "list" => Some(vec![step(Vec::new())]),
        [one] => {
            let names = subjects(parsed);
            if names.is_empty() || names.len() > MOST {
                return None;
            }
            if one.is_many() {
                return Some(vec![step(names)]);
            }
            Some(names.into_iter().map(|name| step(vec![name])).collect())
        }
        _ => None,
    }
}

/// Whether a flag means the same to both: `--uri` is an address to one and a switch to another.
fn is_the_same(given: &Given, changes: &Spec, shows: &Spec) -> bool {
    let takes = |spec: &Spec| spec.flag(given.name).map(|flag| flag.takes);
    takes(shows).is_some_and(|shown| shown != Takes::File && takes(changes) == Some(shown))
}

/// The words that name what is acted on: those for the first positional, and both ends of a copy.
fn subjects(parsed: &Parsed) -> Vec<String> {
    let names = scope::names(parsed);
    let first = names.first().copied().unwrap_or_default();
    let ends = parsed.spec.path.starts_with("storage mv") || parsed.spec.path.starts_with("storage rm");
    let words = parsed.positionals.iter().zip(&names);
    words.filter(|(_, name)| ends || **name == first).map(|(word, _)| word.text.clone()).collect()
}
