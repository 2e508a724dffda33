use super::*;
use crate::catalog::Overrides;
use crate::policy::{Policy, Source, Sources};
use crate::problems::{Problem, ProblemCode};
use std::collections::BTreeSet;

const RBAC: &str = include_str!("../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../catalog.yaml");

/// Stands in every map of the samples; nothing is near it, so that the hint lists what is known.
const ODD: &str = "zzzzqqqq";

type Keys = BTreeSet<String>;

/// The keys of every map of a schema.
fn of_schema(keys: &'static [Key], found: &mut BTreeSet<Keys>) {
    found.insert(keys.iter().map(|key| key.name.to_owned()).collect());
    for key in keys {
        let mut shape = key.shape;
        while let Shape::List(of) | Shape::Named(of) = shape {
            shape = *of;
        }
        let either = if let Shape::Either(shapes) = shape { shapes } else { std::slice::from_ref(&shape) };
        for shape in either {
            if let Shape::Object(keys) = shape {
                of_schema(keys, found);
            }
        }
    }
}

/// The keys that the reader says it knows, of every map that holds the odd one.
fn of_reader(problems: &[Problem]) -> BTreeSet<Keys> {
    let odd = problems.iter().filter(|one| one.code() == ProblemCode::UnknownKey && one.message().contains(ODD));
    let hints = odd.filter_map(|one| one.suggestion()?.strip_prefix("known keys: "));
    hints.map(|list| list.split(", ").map(str::to_owned).collect()).collect()
}

fn problems(rbac: &str, catalog: &str) -> Vec<Problem> {
    let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", catalog) };
    Policy::load(sources, &Overrides::default()).unwrap_err().all().to_vec()
}

#[track_caller]
fn agree(keys: &'static [Key], problems: &[Problem]) {
    let mut schema = BTreeSet::new();
    of_schema(keys, &mut schema);
    let reader = of_reader(problems);
    let only = |a: &BTreeSet<Keys>, b: &BTreeSet<Keys>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(only(&schema, &reader), Vec::<Keys>::new(), "the schema alone knows these");
    assert_eq!(only(&reader, &schema), Vec::<Keys>::new(), "the reader alone knows these");
}

#[test]
fn the_schema_of_rbac_knows_what_the_reader_knows() {
    let odd = format!(
        "version: 1\n{ODD}: 1\nroles: {{ r: {{ {ODD}: 1, allow: [ {{ tool: '*', tier: read, {ODD}: 1 }} ] }} }}\n\
         bindings: [ {{ group: g, role: r, {ODD}: 1, only: {{ {ODD}: 1 }} }} ]\n\
         deny: [ {{ id: d, {ODD}: 1 }} ]\nprotected: [ {{ id: p, {ODD}: 1 }} ]\nsensitive: {{ {ODD}: 1 }}\n\
         approvals: [ {{ id: a, {ODD}: 1 }} ]\nfreezes: [ {{ id: f, {ODD}: 1 }} ]\n\
         budgets: [ {{ {ODD}: 1 }} ]\nchannels: [ {{ {ODD}: 1 }} ]\n"
    );
    agree(rbac::FILE, &problems(&odd, CATALOG));
}

#[test]
fn the_schema_of_cases_knows_what_the_reader_knows() {
    let odd = format!(
        "version: 1\n{ODD}: 1\ncases: [ {{ {ODD}: 1, note: n, groups: [], text: t, want: {{ decision: denied, {ODD}: 1 }} }} ]\n"
    );
    let policy = Policy::load(
        Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", CATALOG) },
        &Overrides::default(),
    );
    let report = crate::cases::run(&policy.unwrap(), &[Source::new("cases.yaml", odd)]);
    agree(cases::FILE, report.failures().all());
}

#[test]
fn the_schema_of_the_catalog_knows_what_the_reader_knows() {
    let odd = format!(
        "version: 1\n{ODD}: 1\nenvironments: {{ dev: {{ {ODD}: 1 }} }}\nchannels: {{ C: {{ {ODD}: 1 }} }}\n\
         clusters: {{ c: {{ env: dev, {ODD}: 1, credentials: {{ {ODD}: 1 }} }} }}\n\
         profiles: {{ c: {{ {ODD}: 1 }} }}\nprojects: {{ c: {{ {ODD}: 1 }} }}\nstacks: {{ c: {{ {ODD}: 1 }} }}\n\
         repositories: {{ c: {{ {ODD}: 1, github: {{ {ODD}: 1 }} }} }}\n\
         services: {{ c: {{ {ODD}: 1, owners: [a], pool: main, image: i, registry: {{ {ODD}: 1 }}, \
         run: {{ {ODD}: 1, workflow: a.yml, artifact: b }}, provenance: {{ {ODD}: 1 }}, environments: {{ dev: {{ {ODD}: 1 }} }} }} }}\n\
         alertmanagers: {{ c: {{ {ODD}: 1 }} }}\nkinds: [ {{ {ODD}: 1 }} ]\ntiers: [ {{ {ODD}: 1 }} ]\n\
         thresholds: [ {{ {ODD}: 1 }} ]\nlimits: {{ {ODD}: 1 }}\n\
         commands: {{ c: {{ {ODD}: 1, params: {{ p: {{ {ODD}: 1, description: d, int: {{ {ODD}: 1 }} }} }} }} }}\n"
    );
    agree(catalog::FILE, &problems(RBAC, &odd));
}

#[test]
fn the_words_of_a_schema_are_those_of_the_reader() {
    assert_eq!(crate::cases::KEYS.map(str::to_owned), names(cases::FILE, "cases"));
    let decisions = crate::answer::Decision::WORDS.map(|(word, _)| word);
    assert!(schema(File::Cases).contains(&serde_json::to_string(decisions.first().unwrap()).unwrap()));
}

fn names(keys: &'static [Key], of: &str) -> [String; 11] {
    let key = keys.iter().find(|key| key.name == of).unwrap();
    let Shape::List(Shape::Object(keys)) = key.shape else { panic!("not a list of maps") };
    keys.iter().map(|key| key.name.to_owned()).collect::<Vec<_>>().try_into().unwrap()
}
