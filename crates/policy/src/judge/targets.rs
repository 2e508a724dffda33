//! Decisions about every tool's targets: what the catalog says of them, and what the floor adds.

use super::tests::{CATALOG, RBAC, code, person, policy_of, shipped};
use super::*;
use countersign_command::{Context, Typed};
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, CommandParts};
use countersign_core::policy::Policy as _;
use countersign_core::refusal::Code;
use countersign_core::tier::Reversibility;

const WORKDAY: &str = "2026-06-01T12:00:00Z";

fn parse(policy: &Policy, text: &str) -> Command {
    match countersign_command::parse(text, &Context::default(), policy.vocabulary()) {
        Ok(Typed::Run { command, .. }) => command,
        other => panic!("{text}: {other:?}"),
    }
}

/// What a grammar would make of a cloud's command.
fn cloud(tool: &Tool, tier: Tier, env: &str, target: &str, resource: &str) -> Command {
    let action = Action {
        tool: tool.name().to_owned(),
        verb: "a verb".to_owned(),
        scope: Scope { env: Some(env.to_owned()), target: Some(target.to_owned()), ..Scope::default() },
        resources: vec![Resource::from_parts(&resource.split('/').collect::<Vec<_>>())],
        tier,
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::Reversible,
        reasons: Vec::new(),
    };
    Command::new(CommandParts {
        tool: tool.clone(),
        argv: Argv::new(vec![tool.name().to_owned()]).unwrap(),
        mode: Mode::Apply,
        action,
        preview: None,
        stdin: None,
        filters: Vec::new(),
    })
    .unwrap()
}

fn ask(policy: &Policy, groups: &[&str], command: &Command) -> Judgement {
    let who = person(groups);
    let facts = Facts::new(WORKDAY.parse().unwrap(), [who.clone()]);
    policy.judge(&Request { principal: &who, command, channel: None, at_least: Tier::Read }, &facts)
}

fn allowed(policy: &Policy, groups: &[&str], command: &Command) -> Allowance {
    match ask(policy, groups, command) {
        Judgement::Allowed(it) => it,
        Judgement::Denied(refusal) => panic!("{refusal}"),
    }
}

/// The rules that ask somebody, by id.
fn asking(allowance: &Allowance) -> Vec<&str> {
    allowance.rules.iter().filter(|rule| !rule.quorum.is_none()).map(|rule| rule.id.as_str()).collect()
}

#[test]
fn every_tool_has_its_target_with_owners_and_pool() {
    let policy = shipped();
    for (tool, target, resource) in [
        (Tool::Aws, "prod", "aws/prod/eu-west-1/ec2/terminate-instances"),
        (Tool::Gcloud, "prod", "gcp/example-prod/compute/instances/api"),
        (Tool::Tf, "prod", "tf/prod"),
    ] {
        let command = cloud(&tool, Tier::Destructive, "prod", target, resource);
        let it = allowed(&policy, &["sre"], &command);
        assert_eq!((it.pool.as_str(), it.isolation), ("main", Isolation::Strict), "{tool}");
        let quorums: Vec<String> = it.rules.iter().map(|rule| rule.quorum.to_string()).collect();
        assert_eq!(quorums, ["1 of sre and 1 of payments"], "{tool}");
    }
}

#[test]
fn p34_nobody_in_particular_may_nothing_with_any_tool() {
    let policy = shipped();
    for (tool, target) in [
        (Tool::Aws, "dev"),
        (Tool::Gcloud, "dev"),
        (Tool::Tf, "dev"),
        (Tool::Deploy, "checkout"),
        (Tool::Silence, "main"),
    ] {
        let env = if tool == Tool::Silence { "prod" } else { "dev" };
        let read = cloud(&tool, Tier::Read, env, target, "aws/dev/eu-west-1/ec2/describe-instances");
        for groups in [&[][..], &["auditors"], &["Engineering"], &["payments"]] {
            assert_eq!(code(&ask(&policy, groups, &read)), Some(Code::NotAllowed), "{tool} {groups:?}");
        }
    }
}

#[test]
fn p38_the_scope_of_every_tool_must_be_the_catalogs() {
    let policy = shipped();
    for (tool, target) in [(Tool::Aws, "prod"), (Tool::Gcloud, "prod"), (Tool::Tf, "prod"), (Tool::Silence, "main")] {
        // A destructive action that calls itself dev, on what is production.
        let lying = cloud(&tool, Tier::Destructive, "dev", target, "custom/x");
        assert_eq!(code(&ask(&policy, &["sre"], &lying)), Some(Code::UnknownTarget), "{tool}");
        let elsewhere = cloud(&tool, Tier::Read, "prod", "nowhere", "custom/x");
        assert_eq!(code(&ask(&policy, &["sre"], &elsewhere)), Some(Code::UnknownTarget), "{tool}");
    }
    let nowhere = cloud(&Tool::Deploy, Tier::Read, "staging", "checkout", "svc/checkout/staging");
    assert_eq!(code(&ask(&policy, &["sre"], &nowhere)), Some(Code::UnknownTarget));
}

#[test]
fn p35_unreviewed_code_needs_somebody_everywhere_whatever_the_files_say() {
    let lines: Vec<&str> = RBAC.lines().filter(|line| !line.contains("unreviewed-plan")).collect();
    let without = format!("{}\n", lines.join("\n"));
    let nobody = without.replace(
        "approvals:\n",
        "approvals:\n  - { id: dev-change, tier: [change, destructive], env: dev, quorum: none, why: \"a sandbox\" }\n",
    );
    for rbac in [&without, &nobody] {
        let policy = policy_of(rbac, CATALOG);
        let Judgement::Denied(refusal) = ask(&policy, &["sre"], &parse(&policy, "/tf plan dev --ref feature")) else {
            panic!("nobody has to agree");
        };
        assert_eq!((refusal.code(), refusal.rule()), (Code::Floor, Some("floor-unreviewed-code")));
        // A plan of what was reviewed, and an apply of it, are not about that.
        assert!(asking(&allowed(&policy, &["sre"], &parse(&policy, "/tf plan dev"))).is_empty());
        assert!(asking(&allowed(&policy, &["sre"], &parse(&policy, "/tf apply dev"))).is_empty());
    }
    // A grammar that called it a read would be outvoted.
    let policy = shipped();
    let mut parts = parse(&policy, "/tf plan dev --ref feature").parts().clone();
    parts.action.tier = Tier::Read;
    let mistaken = Command::new(parts).unwrap();
    assert_eq!(allowed(&policy, &["sre"], &mistaken).tier, Tier::Change);
    assert_eq!(code(&ask(&policy, &["engineering"], &mistaken)), Some(Code::NotAllowed));
}

#[test]
fn p35_what_these_verbs_do_is_never_called_a_read() {
    let policy = shipped();
    for text in [
        "/tf apply dev",
        "/deploy checkout dev 1.0.0",
        "/deploy rollback checkout dev",
        "/silence A 1h",
        "/silence expire 01234567-89ab-cdef-0123-456789abcdef",
    ] {
        let mut parts = parse(&policy, text).parts().clone();
        parts.action.tier = Tier::Read;
        let mistaken = Command::new(parts).unwrap();
        assert_eq!(allowed(&policy, &["sre"], &mistaken).tier, Tier::Change, "{text}");
    }
}

/// The names that the floor has for what a cloud's tool does are the ones that its grammar gives.
#[test]
fn p35_the_floor_knows_the_worst_of_each_cloud_by_name() {
    let policy = shipped();
    for (text, least) in [
        ("/aws dev ec2 terminate-instances --instance-ids i-0123456789abcdef0 --apply", Tier::Destructive),
        ("/aws dev rds delete-db-instance --db-instance-identifier a --skip-final-snapshot --apply", Tier::Destructive),
        ("/aws dev rds delete-db-cluster --db-cluster-identifier a --skip-final-snapshot --apply", Tier::Destructive),
        ("/aws dev dynamodb delete-table --table-name a --apply", Tier::Destructive),
        ("/aws dev s3api delete-bucket --bucket example-a --apply", Tier::Destructive),
        ("/aws dev eks delete-cluster --name a --apply", Tier::Destructive),
        ("/aws dev cloudformation delete-stack --stack-name a --apply", Tier::Destructive),
        ("/aws dev kms schedule-key-deletion --key-id a --apply", Tier::Destructive),
        ("/aws dev secretsmanager delete-secret --secret-id a --apply", Tier::Destructive),
        ("/aws dev iam delete-role --role-name a --apply", Tier::Destructive),
        ("/aws dev ec2 stop-instances --instance-ids i-0123456789abcdef0 --apply", Tier::Change),
        ("/gcloud dev compute instances delete a --zone=europe-west1-b --apply", Tier::Destructive),
        ("/gcloud dev container clusters delete a --zone=europe-west1-b --apply", Tier::Destructive),
        ("/gcloud dev sql instances delete a --apply", Tier::Destructive),
        ("/gcloud dev storage buckets delete gs://example-a --apply", Tier::Destructive),
        ("/gcloud dev secrets delete a --apply", Tier::Destructive),
        ("/gcloud dev compute instances stop a --zone=europe-west1-b --apply", Tier::Change),
    ] {
        let mut parts = parse(&policy, text).parts().clone();
        assert!(parts.action.tier >= least, "{text}: {}", parts.action.tier);
        parts.action.tier = Tier::Read;
        let mistaken = Command::new(parts).unwrap();
        assert!(allowed(&policy, &["sre"], &mistaken).tier >= least, "{text}: {}", mistaken.action().verb);
    }
    let closing = "aws/prod/eu-west-1/organizations/close-account";
    let close = cloud(&Tool::Aws, Tier::Destructive, "prod", "prod", closing);
    let Judgement::Denied(refusal) = ask(&policy, &["sre"], &close) else { panic!("an account is closed") };
    assert_eq!((refusal.code(), refusal.rule()), (Code::Floor, Some("floor-accounts")));
}

#[test]
fn what_shows_first_is_confirmed_and_a_look_is_not() {
    let policy = shipped();
    for (text, want) in [
        ("/tf plan prod", Confirmation::NotNeeded),
        ("/tf apply prod", Confirmation::Required),
        ("/tf apply prod --dry-run", Confirmation::NotNeeded),
        ("/deploy status checkout dev", Confirmation::NotNeeded),
        ("/deploy checkout dev 1.0.0", Confirmation::Required),
        ("/silence list", Confirmation::NotNeeded),
        ("/silence A 1h", Confirmation::Required),
        ("/kubectl delete pod a -n web --context prod --apply", Confirmation::NotNeeded),
    ] {
        assert_eq!(allowed(&policy, &["sre"], &parse(&policy, text)).confirmation, want, "{text}");
    }
}

#[test]
fn a_preview_that_only_reads_needs_no_credential_of_its_own() {
    let policy = shipped();
    assert_eq!(asking(&allowed(&policy, &["sre"], &parse(&policy, "/tf apply prod"))), ["prod-change"]);
    // Without a credential that removes, nothing that removes is asked for.
    let less = CATALOG.replace("      destructive: file:/etc/countersign/stacks/prod/destroy.json\n", "");
    let policy = policy_of(RBAC, &less);
    let destroy = ask(&policy, &["sre"], &parse(&policy, "/tf apply prod -destroy"));
    assert_eq!(code(&destroy), Some(Code::CredentialUnavailable));
    assert_eq!(code(&ask(&policy, &["sre"], &parse(&policy, "/tf apply prod"))), None);
    // A rollout runs with the credentials of its cluster.
    let less = CATALOG.replace("      change:      file:/etc/countersign/clusters/dev/change.token\n", "");
    let policy = policy_of(RBAC, &less);
    let rollout = ask(&policy, &["sre"], &parse(&policy, "/deploy checkout dev 1.0.0"));
    assert_eq!(code(&rollout), Some(Code::CredentialUnavailable));
}

#[test]
fn p39_a_rule_about_a_cloud_holds_for_what_it_could_be_about() {
    let rule = "approvals:\n  - { id: ireland, tool: aws, tier: change, resource: \"aws/*/eu-west-1\", quorum: \"1 of owners-of-target\" }\n";
    let policy = policy_of(&RBAC.replace("approvals:\n", rule), CATALOG);
    let rules = |resource: &str| {
        let command = cloud(&Tool::Aws, Tier::Change, "dev", "dev", resource);
        asking(&allowed(&policy, &["sre"], &command)).len()
    };
    assert_eq!(rules("aws/dev/eu-west-1/ec2/start-instances"), 1);
    assert_eq!(rules("aws/dev/*/ec2/start-instances"), 1);
    assert_eq!(rules("aws/dev/us-east-1/ec2/start-instances"), 0);
}
