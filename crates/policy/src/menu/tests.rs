use super::*;
use crate::catalog::Overrides;
use crate::policy::{Source, Sources};

const RBAC: &str = include_str!("../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../catalog.yaml");

fn policy() -> Policy {
    let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", CATALOG) };
    Policy::load(sources, &Overrides::default()).unwrap()
}

fn says(groups: &[&str], topic: Option<&str>, label: &str) -> Option<String> {
    let dishes = menu(&policy(), &Asker::in_groups(groups.iter().copied()), topic).unwrap();
    dishes.into_iter().find(|dish| dish.label == label).map(|dish| dish.says)
}

#[test]
fn everybody_is_offered_what_they_can_do_and_nothing_else() {
    assert_eq!(
        says(&["engineering"], None, "/kubectl").as_deref(),
        Some("looks at once in dev, prod; secrets with 1 of sre in dev, prod")
    );
    let sre = says(&["sre"], None, "/kubectl").unwrap();
    assert!(sre.contains("changes at once in dev, with 1 of sre in prod"), "{sre}");
    assert!(sre.contains("destroys at once in dev, with 1 of sre and 1 of payments in prod"), "{sre}");
    assert_eq!(says(&[], None, "/kubectl"), None);
    assert_eq!(menu(&policy(), &Asker::in_groups(Vec::<String>::new()), None).unwrap(), []);
}

#[test]
fn a_topic_is_a_tool_or_a_command_and_a_near_miss_is_told() {
    assert!(says(&["sre"], Some("kubectl"), "verbs").unwrap().contains("rollout restart"));
    assert!(says(&["sre"], Some("disk-usage"), "path=").is_some());
    assert!(says(&[], Some("disk-usage"), "/disk-usage").unwrap().contains("not for you"));
    let refusal = menu(&policy(), &Asker::in_groups(["sre"]), Some("kubctl")).unwrap_err();
    assert_eq!(refusal.hint(), "did you mean `/countersign help kubectl`?");
}
