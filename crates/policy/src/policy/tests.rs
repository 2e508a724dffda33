use super::*;
use crate::catalog::{ClusterOverride, Credentials, Reference};
use expect_test::{Expect, expect};

pub(crate) const RBAC: &str = include_str!("../../../../rbac.yaml");
pub(crate) const CATALOG: &str = include_str!("../../../../catalog.yaml");

pub(crate) fn sources(rbac: &str, catalog: &str) -> Sources {
    Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", catalog) }
}

fn load(rbac: &str, catalog: &str) -> Result<Policy, Problems> {
    Policy::load(sources(rbac, catalog), &Overrides::default())
}

#[track_caller]
fn rbac_problems(rbac: &str, want: Expect) {
    let problems = load(rbac, CATALOG).map(|_| ()).unwrap_err();
    want.assert_eq(&problems.to_string());
}

/// One line a problem, to compare long lists.
#[track_caller]
fn short(rbac: &str, catalog: &str) -> Vec<String> {
    let problems = load(rbac, catalog).map(|_| ()).unwrap_err();
    let all = problems.all().iter();
    all.map(|one| format!("{}:{} {}", one.line(), one.column(), one.message())).collect()
}

#[test]
fn the_shipped_files_load() {
    let policy = load(RBAC, CATALOG).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(policy.catalog().clusters().len(), 2);
    assert_eq!(policy.vocabulary().commands.len(), 3);
    assert!(!policy.asks_for_reason("prod-change"));
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    rbac_problems(
        r#"version: 1
roles:
  viewer: { allow: [ { tool: "*", tier: raed } ] }
  viewer: { inherits: [veiwer], allow: [ { tool: "*", tier: read } ] }
bindings:
  - { group: sre, role: oprator }
  - { grup: sre, role: viewer, env: prodd }
approvals:
  - { id: a, tier: change, env: prod, quorum: "2 off sre" }
  - { id: a, tier: change, env: dev, quorum: none }
auto_approve: []
"#,
        expect![[r#"
            rbac.yaml:3:41: no tier `raed` [unknown-word]
               2 | roles:
               3 |   viewer: { allow: [ { tool: "*", tier: raed } ] }
                 |                                         ^^^^
               4 |   viewer: { inherits: [veiwer], allow: [ { tool: "*", tier: read } ] }
                 = did you mean `read`? known words: read, change, destructive

            rbac.yaml:4:3: `viewer` is here twice [duplicate]
               3 |   viewer: { allow: [ { tool: "*", tier: raed } ] }
               4 |   viewer: { inherits: [veiwer], allow: [ { tool: "*", tier: read } ] }
                 |   ^^^^^^
               5 | bindings:
                 = it was first written in line 3; keep one of them

            rbac.yaml:4:24: no role `veiwer` [unknown-word]
               3 |   viewer: { allow: [ { tool: "*", tier: raed } ] }
               4 |   viewer: { inherits: [veiwer], allow: [ { tool: "*", tier: read } ] }
                 |                        ^^^^^^
               5 | bindings:
                 = did you mean `viewer`? known roles: viewer

            rbac.yaml:6:25: no role `oprator` [unknown-word]
               5 | bindings:
               6 |   - { group: sre, role: oprator }
                 |                         ^^^^^^^
               7 |   - { grup: sre, role: viewer, env: prodd }
                 = known roles: viewer

            rbac.yaml:7:5: a binding names a `group` or a `subject`, one of the two [missing]
               6 |   - { group: sre, role: oprator }
               7 |   - { grup: sre, role: viewer, env: prodd }
                 |     ^
               8 | approvals:

            rbac.yaml:7:7: a binding has no key `grup` [unknown-key]
               6 |   - { group: sre, role: oprator }
               7 |   - { grup: sre, role: viewer, env: prodd }
                 |       ^^^^
               8 | approvals:
                 = did you mean `group`? known keys: group, subject, role, only, env

            rbac.yaml:7:37: no environment `prodd` [unknown-word]
               6 |   - { group: sre, role: oprator }
               7 |   - { grup: sre, role: viewer, env: prodd }
                 |                                     ^^^^^
               8 | approvals:
                 = did you mean `prod`? known environments: dev, prod, staging

            rbac.yaml:9:50: expected `of`, found `off` at column 3; write for example `2 of sre and 1 of owners-of-target`, or `none` [quorum]
               8 | approvals:
               9 |   - { id: a, tier: change, env: prod, quorum: "2 off sre" }
                 |                                                  ^
              10 |   - { id: a, tier: change, env: dev, quorum: none }

            rbac.yaml:10:11: the id `a` names another rule too [duplicate]
               9 |   - { id: a, tier: change, env: prod, quorum: "2 off sre" }
              10 |   - { id: a, tier: change, env: dev, quorum: none }
                 |           ^
              11 | auto_approve: []

            rbac.yaml:10:46: rule `a` asks nobody and does not say why [missing]
               9 |   - { id: a, tier: change, env: prod, quorum: "2 off sre" }
              10 |   - { id: a, tier: change, env: dev, quorum: none }
                 |                                              ^^^^
              11 | auto_approve: []
                 = add `why:` with the reason that nobody needs to agree

            rbac.yaml:11:1: `auto_approve` is not available yet [not-available-yet]
              10 |   - { id: a, tier: change, env: dev, quorum: none }
              11 | auto_approve: []
                 | ^^^^^^^^^^^^
                 = nothing agrees by itself; take the key away until it has shipped

            11 problems"#]],
    );
}

#[test]
fn a_role_circle_is_named_once_with_all_its_roles() {
    let problems = short(
        "version: 1
roles:
  a: { inherits: [b], allow: [ { tool: kubectl, tier: read } ] }
  b: { inherits: [c] }
  c: { inherits: [a] }
bindings: [ { group: sre, role: a } ]
",
        CATALOG,
    );
    assert_eq!(problems, ["3:3 roles inherit in a circle: a -> b -> c -> a"]);
}

#[test]
fn a_binding_that_gives_nothing_is_a_mistake() {
    let roles = "version: 1\nroles:\n  viewer: { allow: [ { tool: kubectl, tier: read } ] }\nbindings:\n";
    let one = |binding: &str| short(&format!("{roles}  - {binding}\n"), CATALOG);
    assert_eq!(
        one("{ group: sre, role: viewer, env: dev, only: { env: prod } }"),
        ["5:38 `env` and `only.env` have no environment in common"]
    );
    assert_eq!(
        one("{ group: sre, role: viewer, only: { tier: change } }"),
        ["5:5 role `viewer` permits nothing of what `only` selects"]
    );
    assert_eq!(
        one("{ group: sre, role: viewer, only: { tool: deploy } }"),
        ["5:5 role `viewer` permits nothing of what `only` selects"]
    );
    assert_eq!(one("{ group: sre, role: viewer, env: [] }"), ["5:38 environment is an empty list"]);
}

#[test]
fn p34_empty_and_unreadable_files_are_refused() {
    for text in [
        "",
        "\n",
        "{}",
        "[]",
        "version: 2",
        "version: 1",
        "version: \"1\"",
        ": :",
        "version: 1\nroles: {}\nbindings: []",
    ] {
        assert!(load(text, CATALOG).is_err(), "rbac {text:?}");
        assert!(load(RBAC, text).is_err(), "catalog {text:?}");
    }
}

#[test]
fn p34_a_version_that_is_not_known_is_refused_by_both_files() {
    for version in ["2", "0", "\"1\"", "1.0", "v1", "[1]"] {
        let other = |text: &str| text.replacen("version: 1", &format!("version: {version}"), 1);
        for (rbac, catalog) in [(other(RBAC), CATALOG.to_owned()), (RBAC.to_owned(), other(CATALOG))] {
            let problems = load(&rbac, &catalog).map(|_| ()).unwrap_err();
            let codes: Vec<ProblemCode> = problems.all().iter().map(Problem::code).collect();
            assert_eq!(codes, [ProblemCode::Version], "{version}: {problems}");
        }
    }
}

#[test]
fn p34_a_policy_that_gives_nothing_to_anybody_is_refused() {
    let problems =
        short("version: 1\nroles:\n  viewer: { allow: [ { tool: kubectl, tier: read } ] }\nbindings: []\n", CATALOG);
    assert_eq!(problems, ["1:1 the rules permit nothing to anybody"]);
}

#[test]
fn what_has_not_shipped_is_refused_by_name() {
    for key in ["auto_approve", "grants"] {
        let found = short(&format!("{RBAC}\n{key}: []\n"), CATALOG);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(&format!("`{key}` is not available yet")), "{found:?}");
    }
    for key in ["factor: step-up", "ticket: required"] {
        let changed = RBAC.replace("expires: 15m", &format!("expires: 15m, {key}"));
        let found = short(&changed, CATALOG);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("is not available yet"), "{found:?}");
    }
}

#[test]
fn nobody_must_agree_is_written_out_with_a_reason() {
    let found = short(&RBAC.replace("why: \"sandboxes\"", ""), CATALOG);
    assert_eq!(found, ["37:77 rule `else-destructive` asks nobody and does not say why"]);
    for quorum in ["\"0 of sre\"", "\"\"", "0", "[]", "~"] {
        let changed = RBAC.replace("quorum: none, ", &format!("quorum: {quorum}, "));
        assert!(load(&changed, CATALOG).is_err(), "{quorum}");
    }
}

#[test]
fn p35_files_that_ask_for_less_than_the_floor_are_refused() {
    let floor = |rbac: &str, catalog: &str| {
        let problems = load(rbac, catalog).map(|_| ()).unwrap_err();
        let all = problems.all().iter();
        assert!(all.clone().all(|one| one.code() == ProblemCode::Floor), "{problems}");
    };
    floor(&RBAC.replace("env: [dev, staging], quorum: none", "env: [dev, prod], quorum: none"), CATALOG);
    floor(&RBAC.replace("env: [dev, staging], quorum: none", "quorum: none"), CATALOG);
    floor(&RBAC.replace("or: \"1 of sre\"", "or: none"), CATALOG);
    floor(RBAC, &CATALOG.replace("{ production: true }", "{ production: false }"));
    floor(RBAC, &CATALOG.replace("{ production: true }", "{}"));
    // What is called prod is production, in each section; the service stays in dev.
    let nowhere = CATALOG.replace("      prod: { cluster: prod, namespace: shop }\n", "");
    floor(RBAC, &nowhere.replace("  prod:\n    env: prod", "  prod:\n    env: dev"));
    floor(
        RBAC,
        &CATALOG.replace("verb: rollout undo, env: prod, at_least: destructive", "verb: delete, at_least: change"),
    );
    floor(
        RBAC,
        &CATALOG.replace(
            "tool: kubectl, verb: rollout undo, env: prod, at_least: destructive",
            "tool: restart-report, at_least: change",
        ),
    );
    floor(RBAC, &CATALOG.replace("isolation: strict", "isolation: none"));
    floor(RBAC, &CATALOG.replace("runner: printf", "runner: bash"));
    floor(RBAC, &CATALOG.replace("tier: destructive\n", "tier: destructive\n    isolation: none\n"));
    floor(RBAC, &CATALOG.replace("prod/read.token", "prod/change.token"));
}

#[test]
fn p35_a_custom_command_cannot_take_the_name_of_a_tool() {
    let found = short(RBAC, &CATALOG.replace("  disk-usage:", "  kubectl:"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`kubectl` is not a name for a command"), "{found:?}");
}

#[test]
fn a_tier_can_only_be_raised() {
    let found = short(RBAC, &CATALOG.replace("at_least: destructive", "tier: read"));
    assert!(found.iter().any(|one| one.contains("a tier override has no key `tier`")), "{found:?}");
}

#[test]
fn names_that_deceive_are_refused() {
    for name in ["s\u{202e}re", "s\u{200b}re", "\u{455}re", "s re", "s|re", "sre\\n"] {
        let found = short(&RBAC.replace("group: sre,", &format!("group: \"{name}\",")), CATALOG);
        assert!(!found.is_empty(), "{name}");
    }
    let why = RBAC.replace("sandboxes", "sand\u{202e}boxes");
    let problems = load(&why, CATALOG).map(|_| ()).unwrap_err();
    assert_eq!(problems.all()[0].code(), ProblemCode::Character, "{problems}");
    let found = short(&RBAC.replace("group: sre,", "group: SRE,"), CATALOG);
    assert!(found.iter().any(|one| one.contains("differ only in case")), "{found:?}");
}

#[test]
fn a_secret_in_the_place_of_a_reference_is_refused_and_not_repeated() {
    let changed = CATALOG.replace("file:/etc/countersign/clusters/prod/read.token", "hunter2");
    let problems = load(RBAC, &changed).map(|_| ()).unwrap_err();
    assert_eq!(problems.all().len(), 1, "{problems}");
    assert!(!problems.all()[0].message().contains("hunter2"));
}

#[test]
fn overrides_replace_addresses_and_references_and_nothing_else() {
    let other = ClusterOverride {
        address: "https://127.0.0.1:4443".to_owned(),
        ca: Some(Reference::File("/tmp/ca.pem".to_owned())),
        credentials: Credentials { read: Some(Reference::Env("READ".to_owned()).into()), ..Credentials::default() },
    };
    let mut overrides = Overrides::default();
    overrides.clusters.insert("prod".to_owned(), other.clone());
    let policy = Policy::load(sources(RBAC, CATALOG), &overrides).unwrap();
    let cluster = &policy.catalog().clusters()["prod"];
    assert_eq!(cluster.address, other.address);
    assert_eq!(cluster.credentials, other.credentials);
    assert_eq!(cluster.place.env, "prod");
    overrides.clusters.insert("pord".to_owned(), other);
    assert!(Policy::load(sources(RBAC, CATALOG), &overrides).is_err());
}

#[test]
fn a_quorum_that_can_never_be_met_is_found_when_the_people_are_known() {
    let policy = load(RBAC, CATALOG).unwrap();
    assert!(policy.check_people(&|_| Some(3)).is_empty());
    let found = policy.check_people(&|group| (group != "payments").then_some(0));
    let messages: Vec<&str> = found.all().iter().map(Problem::message).collect();
    assert!(messages.contains(&"rule `prod-destructive`: the directory has no group `payments`"), "{found}");
    assert!(messages.contains(&"rule `prod-change` wants 1 of sre, and there are 0: it can never be met"), "{found}");
}

/// rbac.yaml as the design prints it: what has shipped loads, and the rest is refused by name.
#[test]
fn the_whole_language_is_known_and_only_what_has_not_shipped_is_refused() {
    let found = short(
        r#"version: 1
roles:
  viewer:   { allow: [ { tool: "*", tier: read } ] }
  operator: { inherits: [viewer],   allow: [ { tool: "*", tier: change } ] }
  owner:    { inherits: [operator], allow: [ { tool: "*", tier: destructive } ] }
bindings:
  - { group: engineering,  role: viewer }
  - { group: sre,          role: owner }
  - { group: prod-deploys, role: operator, only: { tool: deploy, env: prod } }
deny:
  - { id: only-prod-deploys, tool: deploy, env: prod, unless_group: prod-deploys, why: "production rollouts belong to prod-deploys" }
protected:
  - { id: system-namespaces, resource: "k8s/*/ns/kube-*", tier: [change, destructive], pass: break-glass }
sensitive:  { allow: grant, or: "1 of sre" }
approvals:
  - { id: prod-change,      tier: change,      env: prod, quorum: "1 of sre",                           expires: 30m }
  - { id: prod-destructive, tier: destructive, env: prod, quorum: "2 of sre and 1 of owners-of-target", expires: 15m, factor: step-up, reason: required, ticket: required }
  - { id: else-destructive, tier: destructive, env: [dev, staging], quorum: none, why: "sandboxes" }
auto_approve:
  - { id: night-silences, tool: silence, outside: "Mon-Fri 08:00-18:00 Europe/Berlin", max_per_day: 20 }
freezes:    [ { id: year-end, env: prod, from: 2026-12-20T00:00Z, to: 2027-01-03T00:00Z, pass: break-glass } ]
grants:     [ { id: prod-operator, may_ask: engineering, role: operator, env: prod, quorum: "1 of sre", durations: [once, 15m, 30m, 1h, 4h], replaces_quorum_of: [prod-change] } ]
budgets:    [ { role: viewer, per_minute: 30 }, { tier: destructive, per_day: 10 } ]
channels:   [ { channel: C0PROD, env: [prod], private: required } ]
"#,
        CATALOG,
    );
    assert_eq!(
        found,
        [
            "17:127 `factor: step-up` is not available yet",
            "17:154 `ticket` is not available yet",
            "19:1 `auto_approve` is not available yet",
            "22:1 `grants` is not available yet",
        ]
    );
}

#[test]
fn a_rule_knows_whether_it_wants_a_reason() {
    let policy = load(&RBAC.replace("expires: 15m", "expires: 15m, reason: required"), CATALOG).unwrap();
    assert!(policy.asks_for_reason("prod-destructive"));
    assert!(!policy.asks_for_reason("prod-change") && !policy.asks_for_reason("no-such-rule"));
}

#[test]
fn values_outside_of_what_a_key_takes_are_refused() {
    for (from, to) in [
        ("expires: 15m", "expires: 25h"),
        ("expires: 15m", "expires: 0m"),
        ("expires: 15m", "expires: 15"),
        ("expires: 15m", "expires: soon"),
        ("to: 2026-01-03T00:00Z", "to: 2025-12-20T00:00Z"),
        ("to: 2026-01-03T00:00Z", "to: 2026-01-03"),
        ("id: prod-change", "id: floor-change"),
        ("id: prod-change", "id: sensitive"),
        ("id: prod-change", "id: prod-destructive"),
        ("owners-of-target", "owners-of-targets"),
        ("k8s/*/ns/kube-*", "k8s//ns/kube-*"),
        ("k8s/*/ns/kube-*", "k9s/*/ns/kube-*"),
        ("tier: [change, destructive]", "tier: [change, change]"),
        ("tier: [change, destructive]", "tier: []"),
        ("tool: deploy, env: prod, tier", "tool: depoly, env: prod, tier"),
        ("group: engineering", "subject: ann"),
        ("group: engineering", "group: engineering, subject: \"idp#ann\""),
    ] {
        let changed = RBAC.replacen(from, to, 1);
        assert_ne!(changed, RBAC, "{from}");
        assert!(load(&changed, CATALOG).is_err(), "{to}");
    }
    for (from, to) in [
        ("address: https://prod", "address: http://prod"),
        ("address: https://prod", "address: https://user@prod"),
        ("wall_seconds: 300", "wall_seconds: 0"),
        ("wall_seconds: 300", "wall_seconds: 5m"),
        ("output_bytes: 1048576", "output_bytes: 99999999999"),
        ("default_cluster: dev", "default_cluster: dve"),
        ("objects: 20", "objects: 0"),
        ("sensitive: false }", "sensitive: maybe }"),
        (", sensitive: false }", " }"),
        ("owners: [payments]", "owners: []"),
        ("    pool: main ", "    "),
        ("regex: \"[a-z][a-z -]{0,39}\"", "regex: \"[a-z\""),
        ("enum: [checkout, ledger, search]", "enum: []"),
        ("argv: [\"-h\", \"{path}\"]", "argv: [\"-h\", \"{pth}\"]"),
        ("namespace: default", "namespace: Default"),
        ("  prod:\n    env: prod", "  Prod:\n    env: prod"),
    ] {
        let changed = CATALOG.replacen(from, to, 1);
        assert_ne!(changed, CATALOG, "{from}");
        assert!(load(RBAC, &changed).is_err(), "{to}");
    }
}

mod props {
    use super::*;
    use countersign_core::policy::Policy as _;
    use proptest::prelude::*;

    /// The shipped text with a piece cut out, doubled, or replaced by something odd.
    fn edited(text: &'static str) -> impl Strategy<Value = String> {
        let odd = prop_oneof![
            Just(String::new()),
            Just("~".to_owned()),
            Just("{".to_owned()),
            Just("*a".to_owned()),
            Just("\u{202e}".to_owned()),
            Just("1e999".to_owned()),
            "\\PC{0,6}",
        ];
        (0..text.len(), 0..40_usize, odd).prop_map(move |(at, length, odd)| {
            let from = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = (from + length).min(text.len());
            let to = (from..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(from);
            format!("{}{odd}{}", &text[..from], &text[to..])
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// Whatever a typing mistake does to a file: no panic, a place that exists, and a message
        /// that can be printed.
        #[test]
        fn p34_an_edited_file_loads_or_says_where_it_is_wrong(rbac in edited(RBAC), catalog in edited(CATALOG)) {
            for (rbac, catalog) in [(rbac.as_str(), CATALOG), (RBAC, catalog.as_str())] {
                match load(rbac, catalog) {
                    Ok(policy) => prop_assert_eq!(policy.digests(), sources(rbac, catalog).digests()),
                    Err(problems) => {
                        prop_assert!(!problems.is_empty());
                        for one in problems.all() {
                            prop_assert!(one.line() >= 1 && one.column() >= 1);
                            let printed = one.to_string();
                            prop_assert!(!printed.chars().any(|c| c != '\n' && countersign_core::refusal::is_deceptive(c)), "{}", printed);
                        }
                    }
                }
            }
        }
    }
}
