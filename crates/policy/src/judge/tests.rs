#![expect(clippy::needless_raw_string_hashes, reason = "snapshots are written by their tool")]

use super::*;
use crate::catalog::Overrides;
use crate::policy::{Source, Sources};
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, CommandParts};
use countersign_core::policy::Policy as _;
use countersign_core::principal::{Principal, Standing, SubjectId};
use countersign_core::refusal::Code;
use countersign_core::tier::Reversibility;
use expect_test::{Expect, expect};
use proptest::prelude::*;

pub(super) const RBAC: &str = include_str!("../../../../rbac.yaml");
pub(super) const CATALOG: &str = include_str!("../../../../catalog.yaml");

/// A day on which nothing is frozen.
const WORKDAY: &str = "2026-06-01T12:00:00Z";

pub(super) fn policy_of(rbac: &str, catalog: &str) -> Policy {
    let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", catalog) };
    Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

pub(super) fn shipped() -> Policy {
    policy_of(RBAC, CATALOG)
}

pub(super) fn person(groups: &[&str]) -> Principal {
    Principal {
        id: SubjectId { iss: "idp".to_owned(), sub: "ann".to_owned() },
        name: "Ann".to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        standing: Standing::Active,
        known_by: "test".to_owned(),
    }
}

/// What a grammar would make of `kubectl <verb>` on these resources.
struct Typed {
    verb: &'static str,
    tier: Tier,
    cluster: &'static str,
    env: Option<&'static str>,
    resources: Vec<String>,
    mode: Mode,
    sensitivity: Sensitivity,
}

fn kubectl(verb: &'static str, tier: Tier, cluster: &'static str, path: &str) -> Typed {
    Typed {
        verb,
        tier,
        cluster,
        env: Some(cluster),
        resources: vec![format!("k8s/{cluster}/{path}")],
        mode: Mode::Apply,
        sensitivity: Sensitivity::Plain,
    }
}

fn delete(cluster: &'static str, path: &str) -> Typed {
    kubectl("delete", Tier::Destructive, cluster, path)
}

impl Typed {
    fn command(&self) -> Command {
        let parts = |text: &str| Resource::from_parts(&text.split('/').collect::<Vec<_>>());
        let action = Action {
            tool: "kubectl".to_owned(),
            verb: self.verb.to_owned(),
            scope: Scope {
                env: self.env.map(str::to_owned),
                target: Some(self.cluster.to_owned()),
                ..Scope::default()
            },
            resources: self.resources.iter().map(|text| parts(text)).collect(),
            tier: self.tier,
            sensitivity: self.sensitivity,
            reversibility: Reversibility::Reversible,
            reasons: Vec::new(),
        };
        Command::new(CommandParts {
            tool: Tool::Kubectl,
            argv: Argv::new(vec!["kubectl".to_owned(), self.verb.to_owned()]).unwrap(),
            mode: self.mode,
            action,
            preview: None,
            stdin: None,
            filters: Vec::new(),
        })
        .unwrap()
    }
}

fn ask_at(policy: &Policy, who: &Principal, typed: &Typed, facts: &Facts, at_least: Tier) -> Judgement {
    let command = typed.command();
    let request = Request { principal: who, command: &command, channel: None, at_least };
    policy.judge(&request, facts)
}

fn ask(policy: &Policy, who: &Principal, typed: &Typed) -> Judgement {
    let facts = Facts::new(WORKDAY.parse().unwrap(), [who.clone()]);
    ask_at(policy, who, typed, &facts, Tier::Read)
}

/// What people read, in one text.
fn told(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Denied(refusal) => {
            format!("{} · {refusal}\nrule {} · {}", refusal.code(), refusal.rule().unwrap_or("none"), refusal.hint())
        }
        Judgement::Allowed(it) => {
            let rules: Vec<String> = it
                .rules
                .iter()
                .map(|rule| format!("{}: {} within {}s", rule.id, rule.quorum, rule.expires.as_secs()))
                .collect();
            format!("{} · [{}] · {}", it.tier, rules.join("; "), it.granted_by.join(", "))
        }
    }
}

#[track_caller]
fn check(who: &[&str], typed: &Typed, want: Expect) {
    want.assert_eq(&told(&ask(&shipped(), &person(who), typed)));
}

pub(super) fn code(judgement: &Judgement) -> Option<Code> {
    match judgement {
        Judgement::Denied(refusal) => Some(refusal.code()),
        Judgement::Allowed(_) => None,
    }
}

#[test]
fn a_viewer_reads_and_does_not_delete() {
    check(
        &["engineering"],
        &kubectl("get", Tier::Read, "prod", "ns/web/pods/*"),
        expect!["read · [] · bindings[0] roles.viewer.allow[0]"],
    );
    check(
        &["engineering"],
        &delete("prod", "ns/web/pods/api"),
        expect![[r#"
        not-allowed · `kubectl delete` in `prod` is destructive and needs role `owner`; you hold `viewer`
        rule default-deny · ask somebody in `sre` to make the request"#]],
    );
    check(
        &[],
        &kubectl("get", Tier::Read, "prod", "ns/web/pods/*"),
        expect![[r#"
        not-allowed · `kubectl get` in `prod` is a read and needs role `viewer`; you hold no role
        rule default-deny · ask somebody in `engineering` or `sre` to make the request"#]],
    );
    check(
        &["Engineering"],
        &kubectl("get", Tier::Read, "prod", "ns/web/pods/*"),
        expect![[r#"
        not-allowed · `kubectl get` in `prod` is a read and needs role `viewer`; you hold no role
        rule default-deny · ask somebody in `engineering` or `sre` to make the request"#]],
    );
}

#[test]
fn who_may_delete_waits_for_two_people_in_prod_and_for_nobody_elsewhere() {
    check(
        &["sre"],
        &delete("prod", "ns/web/pods/api"),
        expect![
            "destructive · [prod-destructive: 1 of sre and 1 of payments within 900s] · bindings[1] roles.owner.allow[0]"
        ],
    );
    check(
        &["sre"],
        &kubectl("scale", Tier::Change, "prod", "ns/web/deployments.apps/api"),
        expect!["change · [prod-change: 1 of sre within 1800s] · bindings[1] roles.operator.allow[0]"],
    );
    check(
        &["sre"],
        &delete("dev", "ns/web/pods/api"),
        expect!["destructive · [else-destructive: none within 1800s] · bindings[1] roles.owner.allow[0]"],
    );
    check(
        &["sre"],
        &kubectl("scale", Tier::Change, "dev", "ns/web/deployments.apps/api"),
        expect!["change · [] · bindings[1] roles.operator.allow[0]"],
    );
}

#[test]
fn a_preview_needs_the_role_and_not_the_quorum() {
    let preview = Typed { mode: Mode::DryRun, ..delete("prod", "ns/web/pods/api") };
    check(&["sre"], &preview, expect!["destructive · [] · bindings[1] roles.owner.allow[0]"]);
    check(
        &["engineering"],
        &preview,
        expect![[r#"
        not-allowed · `kubectl delete` in `prod` is destructive and needs role `owner`; you hold `viewer`
        rule default-deny · ask somebody in `sre` to make the request"#]],
    );
}

#[test]
fn secret_material_needs_somebody_even_in_a_preview() {
    let secret =
        Typed { sensitivity: Sensitivity::Sensitive, ..kubectl("get", Tier::Read, "prod", "ns/web/secrets/api") };
    check(&["sre"], &secret, expect!["read · [sensitive: 1 of sre within 1800s] · bindings[1] roles.viewer.allow[0]"]);
    let preview = Typed { mode: Mode::DryRun, ..secret };
    check(&["sre"], &preview, expect!["read · [sensitive: 1 of sre within 1800s] · bindings[1] roles.viewer.allow[0]"]);
    let without = policy_of(&RBAC.replace("sensitive: { allow: grant, or: \"1 of sre\" }", ""), CATALOG);
    let no = ask(&without, &person(&["sre"]), &preview);
    expect![[r#"
        denied · `kubectl get` in `prod` may show secret material, and nobody is named who could agree to that
        rule floor-sensitive · ask in a form that leaves the values out, or name a quorum under `sensitive` in rbac.yaml"#]].assert_eq(&told(&no));
}

#[test]
fn p39_protected_resources_are_matched_on_what_the_command_could_touch() {
    check(
        &["sre"],
        &delete("dev", "ns/kube-flannel/pods/a"),
        expect![[r#"
        protected · `kubectl delete` in `dev` touches what is protected (`k8s/*/ns/kube-*`)
        rule system-namespaces · this needs break-glass, which is not available yet; do it outside of chat"#]],
    );
    check(
        &["sre"],
        &delete("dev", "ns/*/pods/*"),
        expect![[r#"
        protected · `kubectl delete` in `dev` touches what is protected (`k8s/*/ns/kube-*`)
        rule system-namespaces · name the namespace and the objects, so that it is clear what is not meant"#]],
    );
    check(
        &["sre"],
        &delete("dev", "cluster/namespaces/kube-system"),
        expect![[r#"
        protected · `kubectl delete` in `dev` touches what is protected (`k8s/*/ns/kube-*`)
        rule system-namespaces · this needs break-glass, which is not available yet; do it outside of chat"#]],
    );
    let both = Typed {
        resources: vec!["k8s/dev/ns/web/pods/a".into(), "k8s/dev/ns/kube-system/pods/b".into()],
        ..delete("dev", "ns/web/pods/a")
    };
    assert_eq!(code(&ask(&shipped(), &person(&["sre"]), &both)), Some(Code::Protected));
    let read = kubectl("get", Tier::Read, "dev", "ns/*/pods/*");
    assert_eq!(code(&ask(&shipped(), &person(&["sre"]), &read)), None);
}

#[test]
fn p39_every_resource_of_a_command_must_be_allowed() {
    let narrow = RBAC.replace(
        "{ group: sre,          role: owner }",
        "{ group: sre, role: owner, only: { resource: \"k8s/*/ns/web\" } }",
    );
    let policy = policy_of(&narrow, CATALOG);
    let one = delete("dev", "ns/web/pods/a");
    assert_eq!(code(&ask(&policy, &person(&["sre"]), &one)), None);
    let two = Typed { resources: vec!["k8s/dev/ns/web/pods/a".into(), "k8s/dev/ns/api/pods/b".into()], ..one };
    assert_eq!(code(&ask(&policy, &person(&["sre"]), &two)), Some(Code::NotAllowed));
    let open = delete("dev", "ns/*/pods/a");
    assert_eq!(code(&ask(&policy, &person(&["sre"]), &open)), Some(Code::NotAllowed));
}

#[test]
fn a_deny_rule_names_itself_and_its_exemption() {
    let deny = "deny:\n  - { id: web-is-closed, tool: kubectl, resource: \"k8s/*/ns/web\", tier: [change, destructive], unless_group: payments, why: \"it is being moved\" }";
    let policy = policy_of(&RBAC.replacen("deny:", deny, 1), CATALOG);
    let no = ask(&policy, &person(&["sre"]), &delete("dev", "ns/web/pods/a"));
    expect![[r#"
        denied · `kubectl delete` in `dev` is denied: it is being moved
        rule web-is-closed · ask somebody in `payments`"#]]
    .assert_eq(&told(&no));
    assert_eq!(code(&ask(&policy, &person(&["sre", "payments"]), &delete("dev", "ns/web/pods/a"))), None);
    // What could be in the namespace is denied like what is.
    assert_eq!(code(&ask(&policy, &person(&["sre"]), &delete("dev", "ns/*/pods/a"))), Some(Code::Denied));
    assert_eq!(code(&ask(&policy, &person(&["sre"]), &delete("dev", "cluster/namespaces/web"))), Some(Code::Denied));
}

#[test]
fn a_freeze_is_on_from_its_first_instant_and_lifts_by_itself() {
    let policy = shipped();
    let who = person(&["sre"]);
    let change = kubectl("scale", Tier::Change, "prod", "ns/web/deployments.apps/api");
    let at = |text: &str, typed: &Typed| {
        let facts = Facts::new(text.parse().unwrap(), [who.clone()]);
        ask_at(&policy, &who, typed, &facts, Tier::Read)
    };
    assert_eq!(code(&at("2025-12-19T23:59:59.999Z", &change)), None);
    expect![[r#"
        frozen · `kubectl scale` in `prod` is frozen until 2026-01-03T00:00:00.000Z (the books are being closed)
        rule year-end · leave `--apply` away to see the effect; passing a freeze needs break-glass, which is not available yet"#]].assert_eq(&told(&at("2025-12-20T00:00:00Z", &change)));
    assert_eq!(code(&at("2026-01-02T23:59:59.999Z", &change)), Some(Code::Frozen));
    assert_eq!(code(&at("2026-01-03T00:00:00Z", &change)), None);
    let dev = kubectl("scale", Tier::Change, "dev", "ns/web/deployments.apps/api");
    assert_eq!(code(&at("2025-12-25T00:00:00Z", &dev)), None);
    let read = kubectl("get", Tier::Read, "prod", "ns/web/pods/*");
    assert_eq!(code(&at("2025-12-25T00:00:00Z", &read)), None);
    let preview = Typed { mode: Mode::DryRun, ..change };
    assert_eq!(code(&at("2025-12-25T00:00:00Z", &preview)), None);
}

#[test]
fn facts_without_a_time_are_within_every_freeze() {
    let who = person(&["sre"]);
    let change = kubectl("scale", Tier::Change, "prod", "ns/web/deployments.apps/api");
    let no = ask_at(&shipped(), &who, &change, &Facts::default(), Tier::Read);
    assert_eq!(code(&no), Some(Code::Frozen));
}

#[test]
fn only_active_people_ask() {
    let policy = shipped();
    let read = kubectl("get", Tier::Read, "dev", "ns/web/pods/*");
    for (standing, want) in [
        (Standing::Active, None),
        (Standing::Deactivated, Some(Code::Deactivated)),
        (Standing::Guest, Some(Code::NotAMember)),
        (Standing::Bot, Some(Code::NotAMember)),
    ] {
        let who = Principal { standing, ..person(&["sre"]) };
        assert_eq!(code(&ask(&policy, &who, &read)), want, "{standing:?}");
    }
}

#[test]
fn p12_a_person_who_left_the_group_may_no_longer() {
    let change = kubectl("scale", Tier::Change, "prod", "ns/web/deployments.apps/api");
    assert_eq!(code(&ask(&shipped(), &person(&["sre"]), &change)), None);
    assert_eq!(code(&ask(&shipped(), &person(&["engineering"]), &change)), Some(Code::NotAllowed));
}

#[test]
fn p38_the_scope_must_be_the_catalogs() {
    let policy = shipped();
    let who = person(&["sre"]);
    // A destructive action that calls itself dev, on the production cluster.
    let lying = Typed { env: Some("dev"), ..delete("prod", "ns/web/pods/api") };
    assert_eq!(code(&ask(&policy, &who, &lying)), Some(Code::UnknownTarget));
    let silent = Typed { env: None, ..delete("prod", "ns/web/pods/api") };
    assert_eq!(code(&ask(&policy, &who, &silent)), Some(Code::UnknownTarget));
    let elsewhere = Typed { cluster: "prdo", ..delete("prod", "ns/web/pods/api") };
    assert_eq!(code(&ask(&policy, &who, &elsewhere)), Some(Code::UnknownTarget));
}

#[test]
fn a_tier_is_the_highest_of_grammar_catalog_thresholds_and_advice() {
    let policy = shipped();
    let who = person(&["sre"]);
    let tier = |typed: &Typed, at_least| {
        let facts = Facts::new(WORKDAY.parse().unwrap(), [who.clone()]);
        match ask_at(&policy, &who, typed, &facts, at_least) {
            Judgement::Allowed(it) => (it.tier, it.reasons),
            Judgement::Denied(refusal) => panic!("{refusal}"),
        }
    };
    let undo = kubectl("rollout undo", Tier::Change, "prod", "ns/web/deployments.apps/api");
    assert_eq!(tier(&undo, Tier::Read).0, Tier::Destructive);
    let undo = kubectl("rollout undo", Tier::Change, "dev", "ns/web/deployments.apps/api");
    assert_eq!(tier(&undo, Tier::Read).0, Tier::Change);
    assert_eq!(tier(&undo, Tier::Destructive), (Tier::Destructive, vec!["advice raises it".to_owned()]));
    let many = Typed {
        resources: (0..20).map(|n| format!("k8s/dev/ns/web/pods/a{n}")).collect(),
        ..kubectl("label", Tier::Change, "dev", "")
    };
    assert_eq!(tier(&many, Tier::Read), (Tier::Destructive, vec!["20 objects or more".to_owned()]));
    // Advice cannot lower.
    assert_eq!(tier(&delete("dev", "ns/web/pods/a"), Tier::Read).0, Tier::Destructive);
}

#[test]
fn p35_the_floor_holds_at_the_decision_whatever_the_files_say() {
    let who = person(&["sre"]);
    let change = kubectl("scale", Tier::Change, "prod", "ns/web/deployments.apps/api");
    let cut = |id: &str| {
        let lines = RBAC.lines().filter(|line| !line.contains(&format!("id: {id}")));
        let text = lines.collect::<Vec<_>>().join("\n");
        policy_of(&text.replace("protected:\n\n", ""), CATALOG)
    };
    expect![[r#"
        floor · `kubectl scale` in `prod` is a change in production, which needs the agreement of 1 or more, and no approval rule asks for it
        rule floor-production-change · add a rule under `approvals` in rbac.yaml that covers it"#]].assert_eq(&told(&ask(&cut("prod-change"), &who, &change)));
    expect![[r#"
        no-approval-rule · `kubectl delete` in `prod` is destructive, and no approval rule covers it
        rule floor-approval-rule · add a rule under `approvals` in rbac.yaml; `quorum: none` with a `why` if nobody needs to agree"#]].assert_eq(&told(&ask(&cut("prod-destructive"), &who, &delete("prod", "ns/web/pods/a"))));
    assert_eq!(code(&ask(&cut("else-destructive"), &who, &delete("dev", "ns/web/pods/a"))), Some(Code::NoApprovalRule));
    let unprotected = cut("system-namespaces").rbac;
    assert_eq!(unprotected.protected.len(), 0);
    expect![[r#"
        protected · `kubectl delete` in `dev` touches what is protected (`k8s/*/ns/kube-system`): the cluster itself lives there
        rule floor-system-namespaces · no approval passes this; do it outside of chat"#]].assert_eq(&told(&ask(&cut("system-namespaces"), &who, &delete("dev", "ns/kube-system/pods/a"))));
    let webhook = delete("dev", "cluster/validatingwebhookconfigurations.admissionregistration.k8s.io/a");
    expect![[r#"
        floor · `kubectl delete` in `dev` is never allowed here: admission rules are what holds previews to a dry run
        rule floor-admission · do this outside of chat, under your organisation's own change control"#]]
    .assert_eq(&told(&ask(&shipped(), &who, &webhook)));
    // A grammar that calls a deletion a read is outvoted.
    let mistaken = kubectl("delete", Tier::Read, "prod", "ns/web/pods/a");
    assert_eq!(code(&ask(&shipped(), &person(&["engineering"]), &mistaken)), Some(Code::NotAllowed));
}

#[test]
fn p34_an_empty_rule_set_leads_to_no() {
    let strict = "version: 1\nroles:\n  r: { allow: [ { tool: kubectl, tier: change } ] }\nbindings: [ { group: nobody-is-in-it, role: r } ]\n";
    let policy = policy_of(strict, CATALOG);
    for groups in [&[][..], &["engineering"], &["sre"], &["*"], &["!"]] {
        let no = ask(&policy, &person(groups), &kubectl("get", Tier::Read, "dev", "ns/web/pods/*"));
        assert_eq!(code(&no), Some(Code::NotAllowed), "{groups:?}");
    }
}

#[test]
fn all_matching_rules_apply_together() {
    let more = "approvals:\n  - { id: web-owners, tier: [change, destructive], resource: \"k8s/*/ns/web\", quorum: \"1 of owners-of-target\" }";
    let policy = policy_of(&RBAC.replacen("approvals:", more, 1), CATALOG);
    let both = ask(&policy, &person(&["sre"]), &kubectl("scale", Tier::Change, "prod", "ns/web/deployments.apps/api"));
    expect!["change · [web-owners: 1 of payments within 1800s; prod-change: 1 of sre within 1800s] · bindings[1] roles.operator.allow[0]"].assert_eq(&told(&both));
    // A rule about a namespace holds for all namespaces at once.
    let all = ask(&policy, &person(&["sre"]), &delete("dev", "ns/web*/pods/a"));
    assert_eq!(code(&all), None);
}

#[test]
fn p39_a_rule_that_asks_nobody_must_cover_everything_the_command_could_touch() {
    let sandbox = "{ id: else-destructive, tier: destructive, env: [dev, staging], resource: \"k8s/*/ns/sandbox\", quorum: none,                                 why: \"sandboxes\" }";
    let whole = "{ id: else-destructive, tier: destructive, env: [dev, staging], quorum: none,                                 why: \"sandboxes\" }";
    let free = RBAC.replace("pass: break-glass", "tool: aws").replace(whole, sandbox);
    let policy = policy_of(&free, CATALOG);
    let of = |typed: &Typed| code(&ask(&policy, &person(&["sre"]), typed));
    assert_eq!(of(&delete("dev", "ns/sandbox/pods/a")), None);
    assert_eq!(of(&delete("dev", "ns/web/pods/a")), Some(Code::NoApprovalRule));
    let both = Typed {
        resources: vec!["k8s/dev/ns/sandbox/pods/a".into(), "k8s/dev/ns/web/pods/b".into()],
        ..delete("dev", "ns/sandbox/pods/a")
    };
    assert_eq!(of(&both), Some(Code::NoApprovalRule));
    // Deleting the namespace as an object is not what the rule is about.
    assert_eq!(of(&delete("dev", "cluster/namespaces/sandbox")), Some(Code::NoApprovalRule));
}

#[test]
fn what_is_not_isolated_only_reads() {
    let catalog = CATALOG.replace("    env: staging\n", "    env: staging\n    isolation: none\n");
    let policy = policy_of(RBAC, &catalog);
    let context = countersign_command::Context::default();
    let typed = countersign_command::parse("disk-usage", &context, policy.vocabulary()).unwrap();
    let countersign_command::Typed::Run { command, .. } = typed else { panic!("it runs") };
    let who = person(&["sre"]);
    let facts = Facts::new(WORKDAY.parse().unwrap(), [who.clone()]);
    let ask = |at_least| {
        let request = Request { principal: &who, command: &command, channel: None, at_least };
        policy.judge(&request, &facts)
    };
    let Judgement::Allowed(allowance) = ask(Tier::Read) else { panic!("a read") };
    assert_eq!(allowance.isolation, Isolation::None);
    assert_eq!(code(&ask(Tier::Change)), Some(Code::IsolationUnavailable));
}

#[test]
fn every_refusal_names_a_rule_and_a_way_forward() {
    let policy = shipped();
    let typed = [
        delete("prod", "ns/web/pods/a"),
        delete("dev", "ns/kube-system/pods/a"),
        delete("dev", "cluster/clusterroles.rbac.authorization.k8s.io/a"),
        Typed { env: None, ..delete("prod", "ns/web/pods/a") },
    ];
    for groups in [&[][..], &["engineering"], &["sre"], &["prod-deploys"]] {
        for one in &typed {
            if let Judgement::Denied(refusal) = ask(&policy, &person(groups), one) {
                assert!(refusal.rule().is_some_and(|rule| !rule.is_empty()), "{refusal}");
                assert!(!refusal.hint().is_empty(), "{refusal}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever groups, resources and tiers come together: production never changes unapproved,
    /// nothing protected is touched, and more advice never gives more.
    #[test]
    fn p35_no_request_gets_below_the_floor(
        groups in proptest::collection::btree_set("(sre|engineering|prod-deploys|payments|\\PC{0,8})", 0..4),
        tier in prop_oneof![Just(Tier::Read), Just(Tier::Change), Just(Tier::Destructive)],
        advice in prop_oneof![Just(Tier::Read), Just(Tier::Change), Just(Tier::Destructive)],
        prod in any::<bool>(),
        path in "(ns/(\\*|web|kube-[a-z]{1,3})/(pods|secrets)/(\\*|a)|cluster/(namespaces|nodes)/(\\*|kube-x|web))",
    ) {
        let policy = shipped();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let who = person(&groups);
        let typed = kubectl("label", tier, if prod { "prod" } else { "dev" }, &path);
        let facts = Facts::new(WORKDAY.parse().unwrap(), [who.clone()]);
        let judgement = ask_at(&policy, &who, &typed, &facts, advice);
        if let Judgement::Allowed(it) = &judgement {
            prop_assert!(it.tier >= tier.max(advice).max(Tier::Change));
            prop_assert!(!prod || !it.rules.is_empty());
            prop_assert!(groups.contains(&"sre"));
            let resource = format!("k8s/x/{path}");
            prop_assert!(!crate::pattern::touches("k8s/*/ns/kube-*", &resource), "{}", path);
        }
    }
}
