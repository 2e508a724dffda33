//! people.yaml into people: strict, and every mistake at once.

use super::{People, Problem, Problems};
use countersign_core::principal::{Account, Principal, Standing, SubjectId};
use countersign_core::refusal::{is_deceptive, shown};
use serde::Deserialize;
use serde_yaml::Spanned;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    people: Vec<Spanned<Person>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    iss: String,
    sub: String,
    name: String,
    standing: Standing,
    #[serde(default)]
    groups: BTreeSet<String>,
    #[serde(default)]
    accounts: Vec<Spanned<String>>,
}

/// Reads the text of a directory file.
pub(super) fn people(file: &str, text: &str, known_by: &str) -> Result<People, Problems> {
    let problem = |line: u64, column: u64, says: String| Problem { file: file.to_owned(), line, column, says };
    let parsed = parse(text).map_err(|error| {
        let at = error.location();
        let (line, column) = at.map_or((1, 1), |at| (at.line(), at.column()));
        let says = error.without_snippet().to_string();
        Problems(vec![problem(line, column, says.lines().next().unwrap_or_default().to_owned())])
    })?;
    let mut problems = Vec::new();
    if parsed.version != 1 {
        problems.push(problem(1, 1, format!("version {} is not known; write `version: 1`", parsed.version)));
    }
    let mut subjects: BTreeMap<SubjectId, u64> = BTreeMap::new();
    let mut owners: BTreeMap<Account, String> = BTreeMap::new();
    let mut people = Vec::new();
    for spanned in parsed.people {
        let (line, column) = (spanned.referenced.line(), spanned.referenced.column());
        let person = spanned.value;
        let id = SubjectId { iss: person.iss.clone(), sub: person.sub.clone() };
        for says in mistakes(&person) {
            problems.push(problem(line, column, says));
        }
        if let Some(first) = subjects.insert(id.clone(), line) {
            problems.push(problem(
                line,
                column,
                format!("`{}` stands here twice; first in line {first}", shown(&id.to_string())),
            ));
        }
        let mut accounts = Vec::new();
        for text in &person.accounts {
            let (line, column) = (text.referenced.line(), text.referenced.column());
            match account(&text.value) {
                None => {
                    let says = format!("`{}` is not `front/team/user`", shown(&text.value));
                    problems.push(problem(line, column, says));
                }
                Some(account) => {
                    if let Some(other) = owners.insert(account.clone(), person.name.clone()) {
                        let says = format!("the account `{}` belongs to {} already", shown(&text.value), shown(&other));
                        problems.push(problem(line, column, says));
                    }
                    accounts.push(account);
                }
            }
        }
        let principal = Principal {
            id,
            name: person.name,
            groups: person.groups,
            standing: person.standing,
            known_by: known_by.to_owned(),
        };
        people.push((principal, accounts));
    }
    if problems.is_empty() { Ok(People(people)) } else { Err(Problems(problems)) }
}

/// Options of facts measured with this parser: its defaults are more permissive than a file that
/// says who people are may be.
fn parse(text: &str) -> Result<File, serde_yaml::Error> {
    let options = serde_yaml::options! {
        merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        legacy_octal_numbers: false,
        budget: serde_yaml::budget! {
            max_nodes: 200_000,
            max_depth: 16,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 1,
            max_total_scalar_bytes: 8_000_000,
        },
    };
    serde_yaml::from_str_with_options(text, options)
}

fn mistakes(person: &Person) -> Vec<String> {
    let mut says = Vec::new();
    let texts = [("iss", &person.iss), ("sub", &person.sub), ("name", &person.name)];
    let groups = person.groups.iter().map(|group| ("groups", group));
    for (key, text) in texts.into_iter().chain(groups) {
        if text.trim().is_empty() {
            says.push(format!("`{key}` is empty"));
        } else if text.chars().any(is_deceptive) {
            says.push(format!(
                "`{key}` holds a character that hides itself or changes how others are read: `{}`",
                shown(text)
            ));
        }
    }
    says
}

fn account(text: &str) -> Option<Account> {
    let mut parts = text.split('/');
    let (front, team, user) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |part: &str| !part.is_empty() && !part.chars().any(|c| is_deceptive(c) || c.is_whitespace());
    let whole = parts.next().is_none() && [front, team, user].into_iter().all(plain);
    whole.then(|| Account { front: front.to_owned(), team: team.to_owned(), user: user.to_owned() })
}
