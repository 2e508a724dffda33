use super::*;
use crate::answer::Asker;
use crate::catalog::Overrides;
use crate::policy::{Source, Sources};
use countersign_core::principal::SubjectId;

const RBAC: &str = include_str!("../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../catalog.yaml");

fn warnings(rbac: &str, people: Option<&[Principal]>) -> String {
    let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", CATALOG) };
    let policy = Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"));
    lint(&policy, people).to_string()
}

#[track_caller]
fn warns(rbac: &str, people: Option<&[Principal]>, line: &str) {
    let told = warnings(rbac, people);
    assert!(told.contains(line), "no `{line}` in\n{told}");
}

fn edited(from: &str, to: &str) -> String {
    let text = RBAC.replace(from, to);
    assert_ne!(text, RBAC, "{from}");
    text
}

fn person(name: &str, groups: &[&str]) -> Principal {
    let id = SubjectId { iss: "idp".to_owned(), sub: name.to_owned() };
    Principal { id, name: name.to_owned(), ..Asker::in_groups(groups.iter().copied()).principal }
}

#[test]
fn the_shipped_file_has_no_warning() {
    assert_eq!(warnings(RBAC, None), "0 problems");
}

#[test]
fn what_nobody_holds_and_what_is_about_nothing_is_told_with_its_place() {
    let idle = edited("roles:\n", "roles:\n  idle: { allow: [ { tool: kubectl, tier: read } ] }\n");
    warns(&idle, None, "rbac.yaml:10:3: nobody holds role `idle` [unheld]");
    let nowhere = edited("resource: \"k8s/*/ns/kube-*\"", "resource: \"k8s/prdo/ns/kube-*\"");
    warns(&nowhere, None, "`system-namespaces` is about nothing that the catalog has [unreachable]");
    let verb = edited("deny:\n", "deny:\n  - { id: d, tool: kubectl, verb: scael, why: w }\n");
    warns(&verb, None, "`d` is about the verb `scael`, which no tool that it selects has [unreachable]");
}

#[test]
fn what_is_denied_whole_or_said_twice_is_told() {
    let denied = edited("deny:\n", "deny:\n  - { id: none, tier: destructive, why: w }\n");
    warns(&denied, None, "`roles.owner.allow[0]` is given by `bindings[1]` and denied by `none` [unreachable]");
    let twice = edited("bindings:\n", "bindings:\n  - { group: sre, role: viewer }\n");
    warns(&twice, None, "`bindings[0]` says nothing that `bindings[2]` does not say [unreachable]");
    let same = edited("approvals:\n", "approvals:\n  - { id: again, tier: change, env: prod, quorum: \"1 of sre\" }\n");
    warns(&same, None, "`prod-change` says nothing that `again` does not say");
}

#[test]
fn the_people_are_looked_at() {
    let crowd = [person("ann", &["sre", "engineering"]), person("bob", &["engineering", "payments"])];
    warns(RBAC, Some(&crowd), "rule `prod-change`: only ann can agree, and then nobody to what they ask for [alone]");
    warns(RBAC, Some(&crowd), "nobody active is in group `prod-deploys`, which `bindings[2]` names [unheld]");
    let one = edited("1 of sre and 1 of owners-of-target", "1 of sre");
    let more = [person("ann", &["sre"]), person("bob", &["sre"]), person("cho", &["engineering"])];
    warns(&one, Some(&more), "rule `prod-destructive`: one person of sre agrees alone to what is destructive [alone]");
    let wide = edited("group: engineering,  role: viewer", "group: engineering,  role: operator");
    let all = [person("ann", &["engineering"]), person("bob", &["engineering"]), person("cho", &["engineering"])];
    warns(&wide, Some(&all), "everybody is in `engineering`, and role `operator` is more than looking [wide]");
    warns(
        &edited("group: engineering,  role: viewer", "group: everyone, role: owner"),
        None,
        "everybody is in `everyone`",
    );
}
