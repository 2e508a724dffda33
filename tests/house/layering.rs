//! Dependencies point one way (docs/architecture.md, "Code map").

use crate::{metadata, reach};

const PREFIX: &str = "countersign";

#[track_caller]
fn never(from: &[&str], to: &[&str]) {
    let reach = reach(&metadata());
    for from in from {
        let from = format!("{PREFIX}-{from}");
        let reached = reach.get(&from).unwrap_or_else(|| panic!("there is no crate {from}"));
        for to in to {
            let ours = format!("{PREFIX}-{to}");
            assert!(!reached.contains(&ours) && !reached.contains(*to), "{from} must never reach {to}");
        }
    }
}

#[test]
fn the_kernel_reaches_none_of_ours() {
    let reach = reach(&metadata());
    let ours: Vec<_> = reach["countersign-core"].iter().filter(|name| name.starts_with(PREFIX)).collect();
    assert_eq!(ours, Vec::<&String>::new());
}

#[test]
fn deciding_needs_no_network() {
    never(&["core", "command", "policy"], &["hyper", "reqwest", "axum", "rustls", "redis"]);
    never(&["command"], &["policy"]);
}

/// So the gateway holds no credential for a catalogued target and no executor.
#[test]
fn whoever_decides_cannot_run() {
    never(&["gateway", "console", "slack"], &["runner", "secrets", "jail", "tools", "worker", "simulators"]);
}

/// What both programs are made of belongs to neither side.
#[test]
fn what_every_process_shares_reaches_neither_side() {
    let sides = ["gateway", "chat", "slack", "console", "worker", "runner", "secrets", "jail", "tools", "simulators"];
    never(&["service", "queue", "audit", "identity"], &sides);
}

/// Running git is nobody's business but its own: what it is run for is said by whoever runs it.
#[test]
fn what_runs_git_reaches_none_of_ours() {
    let reach = reach(&metadata());
    let ours: Vec<_> = reach["countersign-git"].iter().filter(|name| name.starts_with(PREFIX)).collect();
    assert_eq!(ours, Vec::<&String>::new());
}

/// So the worker holds no chat token.
#[test]
fn whoever_runs_cannot_talk() {
    never(&["worker", "runner"], &["chat", "slack", "console", "gateway", "simulators"]);
}

/// So what serves people or runs commands cannot certify a key, whatever it was given.
#[test]
fn nobody_who_serves_or_runs_can_certify() {
    let everybody = ["gateway", "worker", "service", "audit", "queue", "slack", "console", "runner", "secrets"];
    never(&everybody, &["authority", "aws-sdk-kms"]);
    // A worker's Vault mints leases; nobody else has one.
    never(&["gateway", "service", "audit", "queue", "slack", "console"], &["vaultrs"]);
}

/// What runs in the jail reads with the grammar that decided, and may ask a forge and prove where an artifact is from.
#[test]
fn what_runs_inside_knows_neither_policy_nor_worker() {
    let reach = reach(&metadata());
    let ours: Vec<_> = reach["countersign-tools"].iter().filter(|name| name.starts_with(PREFIX)).collect();
    let known = ["countersign-command", "countersign-core", "countersign-forge", "countersign-provenance"];
    assert_eq!(ours, known);
    // The drivers speak to their target; that the filters do not is a test of that crate.
    never(&["tools"], &["axum", "redis"]);
}

/// A proof is computed from bytes: whoever fetches them is somebody else.
#[test]
fn what_proves_and_what_asks_a_forge_know_the_kernel_at_most() {
    let reach = reach(&metadata());
    for (one, known) in [("countersign-forge", &["countersign-core"][..]), ("countersign-provenance", &[])] {
        let ours: Vec<_> = reach[one].iter().filter(|name| name.starts_with(PREFIX)).collect();
        assert_eq!(ours, known, "{one}");
    }
    never(&["provenance"], &["reqwest", "hyper", "tokio"]);
    never(&["gateway", "slack", "console"], &["kube"]);
}

#[test]
fn only_the_command_line_reaches_both_sides() {
    let reach = reach(&metadata());
    let both: Vec<_> = reach
        .iter()
        .filter(|(_, to)| to.contains("countersign-gateway") && to.contains("countersign-worker"))
        .map(|(from, _)| from.as_str())
        .collect();
    assert_eq!(both, ["countersign", "countersign-tests"]);
}

#[test]
fn the_stand_ins_are_linked_by_the_command_line_and_tests_alone() {
    let reach = reach(&metadata());
    let with: Vec<_> =
        reach.iter().filter(|(_, to)| to.contains("countersign-simulators")).map(|(from, _)| from.as_str()).collect();
    assert_eq!(with, ["countersign", "countersign-tests"]);
}
