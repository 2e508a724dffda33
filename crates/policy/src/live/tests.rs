use super::*;
use crate::policy::Source;
use std::fmt::Write as _;

const RBAC: &str = include_str!("../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../catalog.yaml");

fn sources(rbac: &str) -> Sources {
    Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", CATALOG) }
}

fn case(decision: &str) -> Vec<Source> {
    let mut text = String::from("version: 1\ncases:\n");
    writeln!(
        text,
        "  - {{ note: a read, groups: [engineering], text: kubectl get pods -n web, want: {{ decision: {decision} }} }}"
    )
    .unwrap();
    vec![Source::new("case.yaml", text)]
}

#[test]
fn p34_the_last_good_policy_stays() {
    let live = LivePolicy::load(sources(RBAC), &[], Overrides::default()).unwrap();
    let good = live.current().digests();
    assert!(live.reload(sources("version: 1\n"), &[]).is_err());
    assert_eq!(live.current().digests(), good);
    assert!(live.reload(sources(&RBAC.replace("role: viewer", "role: veiwer")), &[]).is_err());
    assert_eq!(live.current().digests(), good);
}

#[test]
fn a_change_says_both_digests_and_is_in_force() {
    let live = LivePolicy::load(sources(RBAC), &[], Overrides::default()).unwrap();
    let held = live.current();
    let edited = format!("{RBAC}# a comment\n");
    let change = live.reload(sources(&edited), &case("cleared")).unwrap();
    assert_eq!(change.old, held.digests());
    assert_eq!(change.new, sources(&edited).digests());
    assert_eq!(live.current().digests(), change.new);
}

#[test]
fn what_loads_and_fails_its_cases_does_not_come_into_force() {
    let live = LivePolicy::load(sources(RBAC), &case("cleared"), Overrides::default()).unwrap();
    let good = live.current().digests();
    // Loads, and takes away what the case asks for.
    let edited = RBAC.replace("{ group: engineering,  role: viewer }", "{ group: others, role: viewer }");
    let problems = live.reload(sources(&edited), &case("cleared")).unwrap_err();
    assert!(problems.to_string().contains("decision is denied, not cleared"), "{problems}");
    assert_eq!(live.current().digests(), good);
}

fn scale() -> (crate::answer::Asker, countersign_core::command::Command) {
    let asker = crate::answer::Asker::in_groups(["sre"]);
    let policy = Policy::load(sources(RBAC), &Overrides::default()).unwrap();
    let text = "kubectl scale deployment/api --replicas=3 -n web --context prod --apply";
    let command = crate::answer::understand(&policy, &asker, text).unwrap();
    (asker, command)
}

#[test]
fn a_shadow_is_asked_and_decides_nothing() {
    let live = LivePolicy::load(sources(RBAC), &[], Overrides::default()).unwrap();
    let (asker, command) = scale();
    let decided = crate::answer::decide(&live.current(), &asker, &command);
    assert_eq!(live.beside_shadow(&asker, &command), None);

    let stricter = RBAC.replace("sre,          role: owner", "sre,          role: viewer");
    assert_ne!(stricter, RBAC);
    live.cast_shadow(Some(Source::new("rbac-next.yaml", stricter))).unwrap();
    let found = live.beside_shadow(&asker, &command).unwrap();
    assert_eq!(found.direction, crate::compare::Direction::Loses);
    assert_eq!((found.live.as_str(), found.shadow.as_str()), ("needs 1 of sre", "refused: not-allowed"));
    assert_eq!(crate::answer::decide(&live.current(), &asker, &command), decided);
    assert_eq!(live.current().digests(), sources(RBAC).digests());

    live.cast_shadow(Some(Source::new("rbac-next.yaml", RBAC))).unwrap();
    assert_eq!(live.beside_shadow(&asker, &command), None);
    live.cast_shadow(None).unwrap();
    assert_eq!(live.beside_shadow(&asker, &command), None);
}

#[test]
fn a_shadow_with_mistakes_is_told_and_the_one_before_stays() {
    let live = LivePolicy::load(sources(RBAC), &[], Overrides::default()).unwrap();
    let (asker, command) = scale();
    live.cast_shadow(Some(Source::new("next.yaml", RBAC.replace("role: owner", "role: viewer")))).unwrap();
    assert!(live.cast_shadow(Some(Source::new("next.yaml", "version: 1\n"))).is_err());
    assert!(live.beside_shadow(&asker, &command).is_some());
    // It follows when other files are in force.
    live.reload(sources(&format!("{RBAC}# a comment\n")), &[]).unwrap();
    assert!(live.beside_shadow(&asker, &command).is_some());
}
