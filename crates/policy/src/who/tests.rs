#![expect(clippy::needless_raw_string_hashes, reason = "snapshots are written by their tool")]

use super::*;
use crate::answer::understand;
use crate::catalog::Overrides;
use crate::policy::{Source, Sources};
use expect_test::{Expect, expect};
use std::fmt::Write as _;

const RBAC: &str = include_str!("../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../catalog.yaml");

#[track_caller]
fn check(text: &str, want: &Expect) {
    let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", CATALOG) };
    let policy = Policy::load(sources, &Overrides::default()).unwrap();
    let asker = Asker::in_groups(Vec::<String>::new());
    let command = understand(&policy, &asker, text).unwrap_or_else(|refusal| panic!("{refusal}"));
    let mut told = String::new();
    for (label, says) in who_can(&policy, &asker, &command).told() {
        writeln!(told, "{label}: {says}").unwrap();
    }
    want.assert_eq(&told);
}

#[test]
fn who_could_run_it_and_who_could_agree() {
    check(
        "kubectl get pods --context prod",
        &expect![[r#"
            at once: group engineering (viewer), group sre (owner)
        "#]],
    );
    check(
        "kubectl delete pod api -n web --context prod",
        &expect![[r#"
            if people agree: group sre (owner): 1 of sre and 1 of payments (rule `prod-destructive`)
            could agree: 1 of group payments (rule `prod-destructive`), never who asks
            could agree: 1 of group sre (rule `prod-destructive`), never who asks
        "#]],
    );
    check(
        "kubectl delete pod api -n kube-system --context dev",
        &expect![[r#"
            nobody: `kubectl delete` in `dev` is destructive and needs role `owner`; you hold no role; `kubectl delete` in `dev` touches what is protected (`k8s/*/ns/kube-*`)
        "#]],
    );
}

#[test]
fn two_groups_that_are_enough_only_together_are_told_together() {
    let rbac = RBAC.replace(
        "deny:\n",
        "deny:\n  - { id: oncall-only, tool: kubectl, tier: destructive, unless_group: oncall, why: w }\n",
    );
    let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", CATALOG) };
    let policy = Policy::load(sources, &Overrides::default()).unwrap();
    let asker = Asker::in_groups(Vec::<String>::new());
    let command = understand(&policy, &asker, "kubectl delete pod api -n web --context dev --apply").unwrap();
    assert_eq!(who_can(&policy, &asker, &command).at_once, ["groups sre and oncall"]);
}
