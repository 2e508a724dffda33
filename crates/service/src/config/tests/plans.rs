//! `worker.plans`: what is meant, and every way to mean something else.

use super::{KEY, REDIS, SHARED, WORKER, problems, read, worker};
use crate::config::{Bucket, Part, Plans, PlansPlace, SecretReference};
use std::path::PathBuf;
use std::time::Duration;

fn with(plans: &str) -> String {
    worker().replace("jobs: /run/jobs }", &format!("jobs: /run/jobs, plans: {plans} }}"))
}

fn key() -> SecretReference {
    SecretReference::File(PathBuf::from("/etc/plans"))
}

#[test]
fn plans_are_in_a_folder_or_in_a_bucket() {
    assert_eq!(read(Part::Worker, &worker()).unwrap().worker().plans, None);
    let plans =
        read(Part::Worker, &with("{ folder: /var/plans, key: file:/etc/plans }")).unwrap().worker().plans.clone();
    let place = PlansPlace::Folder(PathBuf::from("/var/plans"));
    assert_eq!(plans, Some(Plans { place, key: key(), keep: Duration::from_hours(24) }));
    let text = "{ bucket: { name: acme-plans, region: eu-central-1, prefix: main/ }, key: file:/etc/plans, keep: 2h }";
    let plans = read(Part::Worker, &with(text)).unwrap().worker().plans.clone();
    let bucket = Bucket {
        name: "acme-plans".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: None,
        path_style: false,
        prefix: Some("main".to_owned()),
        access_key: None,
    };
    assert_eq!(plans, Some(Plans { place: PlansPlace::Bucket(bucket), key: key(), keep: Duration::from_hours(2) }));
}

#[test]
fn what_is_not_a_place_or_a_key_is_said() {
    for (plans, said) in [
        ("{ folder: /p }", "`worker.plans` needs `key`"),
        ("{ key: file:/k }", "either `folder` or `bucket`"),
        ("{ folder: /p, bucket: { name: abc, region: r }, key: file:/k }", "either `folder` or `bucket`"),
        ("{ folder: p, key: file:/k }", "not an absolute path"),
        ("{ folder: /p, key: file:/k, keep: 9m }", "shorter than 10 minutes or longer than 7 days"),
        ("{ folder: /p, key: file:/k, keep: 8d }", "shorter than 10 minutes or longer than 7 days"),
        ("{ folder: /p, key: file:/k, keep: soon }", "is not a duration"),
        ("{ folder: /p, key: file:/k, kept: 1h }", "has no key `kept`"),
        ("{ bucket: { name: abc, region: r, retention_days: 3 }, key: file:/k }", "has no key `retention_days`"),
        ("{ bucket: { name: abc, region: r, endpoint: \"http://s3.internal\" }, key: file:/k }", "is not encrypted"),
    ] {
        let problems = problems(Part::Worker, &with(plans));
        assert!(problems.contains(said), "{plans}: {problems}");
    }
}

#[test]
fn a_key_that_was_pasted_is_refused_and_not_shown() {
    let pasted = "T2sKb0n1f1pQ2m3q7c8d9e0f1g2h3i4j5k6l7m8n9o8=";
    for plans in [
        format!("{{ folder: /p, key: {pasted} }}"),
        format!("{{ key: \"{pasted}\", folder: p }}"),
        format!("{{ folder: /p, Key: {pasted} }}"),
        format!("{{ folder: /p, key: {pasted}"),
        // Base64 may begin like a path.
        format!("{{ folder: /p, key: /{pasted} }}"),
    ] {
        let said = problems(Part::Worker, &with(&plans));
        assert!(!said.contains(&pasted[..12]), "{said}");
    }
    let said = problems(Part::Worker, &with("{ folder: p, key: file:/etc/plans }"));
    assert!(said.contains("key: file:/etc/plans"), "a reference is no secret: {said}");
}

#[test]
fn plans_lie_beside_nothing_that_must_stay() {
    let beside = "`worker.plans` is where something else is kept";
    for place in ["/log/audit", "/log/fate", "/log/anchors", "/run/jobs"] {
        let said = problems(Part::Worker, &with(&format!("{{ folder: {place}, key: file:/k }}")));
        assert!(said.contains(beside), "{place}: {said}");
    }
    let audit = "audit: { bucket: { name: acme-log, region: r, retention_days: 9 }, fate: { bucket: { name: acme-fate, region: r } }, anchors: [/log/anchors] }\n";
    let shared: Vec<&str> = SHARED.lines().filter(|line| !line.starts_with("audit:")).collect();
    for name in ["acme-log", "acme-fate"] {
        // Whatever it begins with: who may remove something in a bucket is said for the bucket.
        let plans = format!("plans: {{ bucket: {{ name: {name}, region: r, prefix: plans }}, key: file:/k }} }}");
        let worker = WORKER.replace('}', &plans).replace("/run/jobs plans", "/run/jobs, plans");
        let text = [shared.join("\n").as_str(), "\n", audit, KEY, REDIS, worker.as_str()].concat();
        let said = problems(Part::Worker, &text);
        assert!(said.contains(beside), "{name}: {said}");
    }
}
