#![expect(clippy::needless_raw_string_hashes, reason = "snapshots are written by their tool")]

use super::*;
use crate::catalog::Overrides;
use crate::policy::Sources;
use expect_test::expect;

const RBAC: &str = include_str!("../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../catalog.yaml");

fn shipped() -> Policy {
    let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", CATALOG) };
    Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn of(cases: &str) -> Report {
    run(&shipped(), &[Source::new("case.yaml", format!("version: 1\ncases:\n{cases}"))])
}

#[test]
fn a_case_that_comes_out_otherwise_says_how() {
    let report = of(
        "  - { note: wishful, groups: [engineering], text: kubectl delete pod a -n web --apply, want: { decision: cleared, tier: read, rule: x } }\n",
    );
    assert_eq!(report.passed(), 0);
    expect![[r#"
        case.yaml:3:51: wishful: decision is denied, not cleared; tier is destructive, not read; rule is default-deny, not x [case]
           2 | cases:
           3 |   - { note: wishful, groups: [engineering], text: kubectl delete pod a -n web --apply, want: { decision: cleared, tier: read, rule: x } }
             |                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
             = `kubectl delete` in `dev` is destructive and needs role `owner`; you hold `viewer`; ask somebody in `sre` to make the request

        1 problem"#]].assert_eq(&report.failures().to_string());
}

#[test]
fn a_case_that_cannot_be_read_has_failed() {
    for bad in [
        "  - { note: a, text: kubectl get pods, want: { decision: cleared } }\n",
        "  - { note: a, groups: [], want: { decision: cleared } }\n",
        "  - { note: a, groups: [], text: kubectl get pods }\n",
        "  - { note: a, groups: [], text: kubectl get pods, want: {} }\n",
        "  - { note: a, groups: [], text: kubectl get pods, want: { decision: maybe } }\n",
        "  - { note: a, groups: [], text: kubectl get pods, want: { decision: denied, refusal: no-such-code } }\n",
        "  - { note: a, groups: [], text: kubectl get pods, wants: { decision: denied } }\n",
    ] {
        let report = of(bad);
        assert_eq!(report.passed(), 0, "{bad}");
        assert!(!report.failures().is_empty(), "{bad}");
        assert!(!report.is_green());
    }
}

#[test]
fn entries_without_both_kinds_of_case_are_listed() {
    let report = of("  - { note: a, groups: [engineering], text: disk-usage, want: { decision: cleared } }\n");
    assert_eq!(report.passed(), 1);
    assert!(!report.is_green());
    let missing = report.missing();
    assert!(missing.contains(&"a case that denies command `disk-usage`".to_owned()), "{missing:?}");
    assert!(!missing.contains(&"a case that allows command `disk-usage`".to_owned()), "{missing:?}");
    assert!(missing.contains(&"a case that allows cluster `prod`".to_owned()), "{missing:?}");
}

#[test]
fn nothing_that_cannot_be_read_is_skipped() {
    for bad in [
        "  - { note: a, groups: [], subject: ann, text: kubectl get pods, want: { decision: denied } }\n",
        "  - { note: a, groups: [], texts: [], want: { decision: denied } }\n",
        "  - { note: a, groups: [], text: kubectl get pods, attachment: 1, want: { decision: denied } }\n",
    ] {
        assert!(!of(bad).failures().is_empty(), "{bad}");
    }
}

#[test]
fn a_rule_is_covered_when_it_decided() {
    let uncovered =
        |cases: &str| -> Vec<String> { of(cases).coverage().uncovered().into_iter().map(|one| one.rule).collect() };
    let none = uncovered("  - { note: a, groups: [], text: kubectl gte, want: { decision: denied } }\n");
    assert_eq!(none.len(), of("").coverage().rules(), "{none:?}");
    assert_eq!(none.first().map(String::as_str), Some("roles.viewer.allow[0]"), "in the order of the file: {none:?}");
    let some = uncovered(
        "  - { note: a, groups: [engineering], text: kubectl get pods, want: { decision: cleared } }\n  \
           - { note: b, groups: [sre], text: kubectl get secret a -o yaml, want: { decision: pending } }\n  \
           - { note: c, groups: [sre], text: kubectl delete pod a -n kube-x --apply, want: { decision: denied } }\n",
    );
    for covered in ["roles.viewer.allow[0]", "bindings[0]", "bindings[1]", "sensitive", "system-namespaces"] {
        assert!(none.contains(&covered.to_owned()) && !some.contains(&covered.to_owned()), "{covered}: {some:?}");
    }
    assert!(some.contains(&"year-end".to_owned()) && some.contains(&"prod-change".to_owned()), "{some:?}");
}

#[test]
fn a_filter_is_about_file_note_and_text() {
    let cases = "version: 1\ncases:\n  \
        - { note: first, groups: [engineering], text: kubectl get pods, want: { decision: cleared } }\n  \
        - { note: second, groups: [engineering], text: kubectl get nodes, want: { decision: cleared } }\n";
    let files = [Source::new("case.yaml", cases)];
    for (filter, passed) in [("first", 1), ("nodes", 1), ("case.yaml", 2), ("third", 0)] {
        assert_eq!(run_some(&shipped(), &files, Some(filter)).passed(), passed, "{filter}");
    }
}
