use crate::answer::{Answer, Asker, Decision, ask};
use crate::catalog::Overrides;
use crate::compare::compare;
use crate::lint::lint;
use crate::policy::{Policy, Source, Sources};
use crate::told::told;
use countersign_core::channel::Channel;
use countersign_core::refusal::Code;

const RBAC: &str = include_str!("../../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../../catalog.yaml");

const GET: &str = "kubectl get pods -n web";
const DELETE: &str = "kubectl delete pod api -n web --apply";
const LOOK: &str = "kubectl delete pod api -n web";

fn load(rbac: &str, catalog: &str) -> Result<Policy, Vec<String>> {
    let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", catalog) };
    let said = |one: &crate::problems::Problem| format!("{} {}", one.message(), one.suggestion().unwrap_or_default());
    Policy::load(sources, &Overrides::default()).map_err(|problems| problems.all().iter().map(said).collect())
}

/// The shipped policy, and this.
#[track_caller]
fn with(more: &str) -> Policy {
    load(&format!("{RBAC}\n{more}\n"), CATALOG).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[track_caller]
fn wrong(more: &str, want: &[&str]) {
    let problems = load(&format!("{RBAC}\n{more}\n"), CATALOG).map(drop).unwrap_err();
    assert_eq!(problems, want, "{more}");
}

fn counted(policy: &Policy, groups: &[&str], text: &str) -> Vec<String> {
    let answer = ask(policy, &Asker::in_groups(groups.iter().copied()), text);
    assert!(!answer.is_denied(), "{text}: {:?}", answer.refusal);
    let one =
        |budget: &countersign_core::budget::Budget| format!("{} {}/{}", budget.rule, budget.units, budget.per.as_str());
    answer.budgets.iter().map(one).collect()
}

fn typed_in(policy: &Policy, channel: Channel, text: &str) -> Answer {
    ask(policy, &Asker { channel: Some(channel), ..Asker::in_groups(["sre"]) }, text)
}

const BOTH: &str = "budgets: [ { role: viewer, per_minute: 30 }, { tier: destructive, per_day: 10 } ]";

#[test]
fn a_command_takes_a_unit_of_every_budget_that_is_about_it() {
    let policy = with(BOTH);
    assert_eq!(counted(&policy, &["engineering"], GET), ["budget:role=viewer:minute 30/minute"]);
    // Whoever has the role by inheritance reads as often, and no more.
    assert_eq!(counted(&policy, &["sre"], GET), ["budget:role=viewer:minute 30/minute"]);
    assert_eq!(counted(&policy, &["sre", "engineering"], GET).len(), 1, "once, however often it is held");
    // What a viewer may not do is not done as one.
    assert_eq!(counted(&policy, &["sre"], DELETE), ["budget:tier=destructive:day 10/day"]);
    assert_eq!(counted(&policy, &["sre"], LOOK), [""; 0], "what only shows is not counted");
    let explained = ask(&policy, &Asker::in_groups(["sre"]), DELETE);
    let lines = told(&policy, &Asker::in_groups(["sre"]), &explained);
    let line = lines.iter().find(|line| line.label == "counts").unwrap();
    assert_eq!(line.says, "as one of 10 a day (rule `budget:tier=destructive:day`), when it runs");
}

#[test]
fn a_budget_selects_as_other_rules_do_and_its_role_counts_only_where_it_is_held() {
    let policy = with(
        "budgets:\n  - { id: prod, env: prod, per_hour: 5 }\n  - { id: web, tool: kubectl, resource: \"k8s/*/ns/web\", per_hour: 6 }\n  - { id: rollouts, role: operator, tool: deploy, per_day: 7 }\n",
    );
    assert_eq!(counted(&policy, &["sre"], GET), ["web 6/hour"]);
    assert_eq!(counted(&policy, &["sre"], "kubectl get pods -n web --context prod"), ["prod 5/hour", "web 6/hour"]);
    assert_eq!(counted(&policy, &["sre"], "kubectl get pods -A --context prod"), ["prod 5/hour", "web 6/hour"]);
    // `prod-deploys` holds `operator` for rollouts to prod alone.
    let deploy = |env: &str| format!("deploy checkout {env} 1.4.2");
    assert_eq!(counted(&policy, &["prod-deploys"], &deploy("prod")), ["prod 5/hour", "rollouts 7/day"]);
    assert_eq!(counted(&policy, &["sre"], &deploy("dev")), ["rollouts 7/day"]);
}

#[test]
fn a_budget_without_an_id_keeps_its_name_when_lines_move_and_limits_change() {
    let names = |more: &str| {
        let mut names = counted(&with(more), &["sre"], DELETE);
        names.extend(counted(&with(more), &["sre"], GET));
        names.iter().map(|name| name.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let moved = "budgets: [ { tier: destructive, per_day: 3 }, { per_minute: 1000, role: viewer } ]";
    assert_eq!(names(BOTH), names(moved));
}

#[test]
fn the_mistakes_of_budgets() {
    let known = "known roles: operator, owner, viewer";
    wrong("budgets: [ { role: viewr, per_day: 3 } ]", &[&format!("no role `viewr` did you mean `viewer`? {known}")]);
    wrong(
        "budgets: [ { tier: change } ]",
        &["a budget has one of `per_minute`, `per_hour` and `per_day` two limits are two budgets"],
    );
    wrong(
        "budgets: [ { per_day: 3, per_hour: 1 } ]",
        &["a budget has one of `per_minute`, `per_hour` and `per_day` two limits are two budgets"],
    );
    wrong(
        "budgets: [ { per_day: 0 } ]",
        &["`per_day` is 0: that is a denial write a rule under `deny`, which says why"],
    );
    wrong("budgets: [ { per_day: 10001 } ]", &["`per_day` is 10001; it goes from 0 to 10000 "]);
    wrong("budgets: [ { per_day: many } ]", &["`per_day` should be a whole number, not text "]);
    wrong(
        "budgets: [ { per_dya: 3, tier: destructiv } ]",
        &[
            "a budget has one of `per_minute`, `per_hour` and `per_day` two limits are two budgets",
            "a budget has no key `per_dya` did you mean `per_day`? known keys: id, why, role, tool, verb, tier, env, resource, per_minute, per_hour, per_day",
            "no tier `destructiv` did you mean `destructive`? known words: read, change, destructive",
        ],
    );
    let twice = load(&format!("{RBAC}\nbudgets:\n  - {{ per_day: 3 }}\n  - {{ per_day: 4 }}\n"), CATALOG)
        .map(drop)
        .unwrap_err();
    assert!(twice[0].starts_with("a budget of the same name stands in line "), "{twice:?}");
    wrong("budgets: [ { id: prod-change, per_day: 3 } ]", &["the id `prod-change` names another rule too "]);
    wrong("budgets: [ { id: floor-x, per_day: 3 } ]", &["`floor-x` sounds like a rule of the floor "]);
    wrong("budgets: { per_day: 3 }", &["`budgets` should be a list, not a map "]);
}

const CHANNELS: &str = "channels: [ { channel: C0PROD, env: [prod], private: required } ]";

#[test]
fn a_channel_takes_what_its_rules_say_and_one_without_a_rule_takes_everything() {
    let policy = with(CHANNELS);
    let prod = "kubectl get pods -n web --context prod";
    let taken = |channel: Channel, text: &str| typed_in(&policy, channel, text).refusal.map(|no| no.code());
    assert_eq!(taken(Channel::private("C0PROD"), prod), None);
    assert_eq!(taken(Channel::private("C0PROD"), GET), Some(Code::WrongChannel));
    assert_eq!(taken(Channel::private("C0PROD"), LOOK), Some(Code::WrongChannel));
    assert_eq!(taken(Channel::named("C0PROD"), prod), Some(Code::WrongChannel), "nobody said that it is private");
    for other in ["C0OTHER", "c0prod", "C0PROD ", "C0PROD\u{200b}"] {
        assert_eq!(taken(Channel::named(other), GET), None);
    }
    assert!(!ask(&policy, &Asker::in_groups(["sre"]), GET).is_denied(), "without a channel nothing narrows");

    let no = typed_in(&policy, Channel::private("C0PROD"), GET).refusal.unwrap();
    assert_eq!(no.to_string(), "`kubectl get` in `dev` is not taken in this channel, which is for `prod`");
    assert_eq!((no.rule(), no.hint().is_empty()), (Some("channel:C0PROD"), false));
    let no = typed_in(&policy, Channel::named("C0PROD"), prod).refusal.unwrap();
    assert!(no.to_string().contains("only while it is private, and that is not known"), "{no}");
    assert!(no.hint().contains("slash command"));
}

#[test]
fn all_rules_about_a_channel_apply_and_only_what_is_wholly_theirs_is_taken() {
    let policy = with(
        "channels:\n  - { id: web, channel: [C1, C2], tool: kubectl, resource: \"k8s/*/ns/web\", why: \"the web team's\" }\n  - { id: looks, channel: C2, tier: read }\n",
    );
    let rule = |channel: &str, text: &str| {
        typed_in(&policy, Channel::named(channel), text).refusal.and_then(|no| no.rule().map(str::to_owned))
    };
    assert_eq!(rule("C1", GET), None);
    assert_eq!(rule("C1", DELETE), None);
    assert_eq!(rule("C1", "kubectl get pods -A").as_deref(), Some("web"), "more than the web team's");
    assert_eq!(rule("C1", "aws dev ec2 describe-instances").as_deref(), Some("web"));
    assert_eq!(rule("C2", GET), None);
    assert_eq!(rule("C2", DELETE).as_deref(), Some("looks"));
}

#[test]
fn the_mistakes_of_channels() {
    wrong(
        "channels: [ { channel: C1 } ]",
        &[
            "a rule that takes everything narrows nothing write what the channel takes, as `env: [prod]`, or `private: required`",
        ],
    );
    wrong("channels: [ { env: prod } ]", &["a rule about channels needs `channel` "]);
    wrong("channels: [ { channel: [], env: prod } ]", &["`channel` is an empty list "]);
    wrong(
        "channels: [ { channel: C1, private: true } ]",
        &["word for privacy is text; this is a number or a boolean put it in quotes"],
    );
    wrong(
        "channels: [ { chanel: C1, env: prdo } ]",
        &[
            "a rule about channels needs `channel` ",
            "a rule about channels has no key `chanel` did you mean `channel`? known keys: id, why, channel, private, tool, verb, tier, env, resource",
            "no environment `prdo` did you mean `prod`? known environments: dev, prod, staging",
        ],
    );
    wrong(
        "channels: [ { channel: \"#prod\", env: prod } ]",
        &[
            "`#prod` is not the id of a channel write what the channel's details show, as `C0123456789`; names can change",
        ],
    );
}

#[test]
fn a_channel_is_named_by_its_id_alone() {
    let wrong =
        |id: &str| load(&format!("{RBAC}\nchannels: [ {{ channel: \"{id}\", env: prod }} ]\n"), CATALOG).is_err();
    for id in ["C0PROD", "G012AB", "D9", "C0123456789"] {
        assert!(!wrong(id), "{id}");
    }
    for id in ["prod", "c0prod", "C", "C0-PROD", "X0PROD", "C0PROD ", "C0PRÖD", "<#C0PROD>", "C0PROD,C1"] {
        assert!(wrong(id), "{id}");
    }
}

/// p35: whatever the two sections say, nothing is gained, and what is left asks for as much as before.
#[test]
fn p35_budgets_and_channels_only_narrow() {
    let plain = with("");
    for more in [
        BOTH,
        CHANNELS,
        "channels: [ { channel: C1, tier: [read, change, destructive], private: required }, { id: b, channel: C1, tool: kubectl } ]",
        "budgets: [ { per_minute: 10000 }, { id: b, tool: kubectl, env: prod, per_day: 1 } ]",
    ] {
        let narrowed = with(more);
        for difference in compare(&plain, &narrowed).differences {
            let words = difference.to_string();
            let counts = words.contains("at most ");
            let refused = words.contains("refused: wrong-channel;") || words.contains("(refused: wrong-channel");
            assert!(counts || refused, "{more}: {words}");
            assert!(!words.contains(" gains "), "{more}: {words}");
        }
        for groups in [&["sre"][..], &["engineering"], &["prod-deploys"], &[]] {
            for text in [
                GET,
                LOOK,
                DELETE,
                "kubectl delete pod api -n web --context prod --apply",
                "deploy checkout prod 1.4.2",
            ] {
                for channel in [None, Some(Channel::named("C1")), Some(Channel::private("C0PROD"))] {
                    let asker = Asker { channel, ..Asker::in_groups(groups.iter().copied()) };
                    let (before, after) = (ask(&plain, &asker, text), ask(&narrowed, &asker, text));
                    if !after.is_denied() {
                        assert_eq!(
                            (before.decision, before.tier, before.rules),
                            (after.decision, after.tier, after.rules)
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_comparison_tells_what_budgets_and_channels_change() {
    let told = |old: &str, new: &str| {
        let found = compare(&with(old), &with(new));
        found.differences.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        told(BOTH, &BOTH.replace("role: viewer", "id: looks, role: viewer")),
        Vec::<String>::new(),
        "a name is nothing"
    );
    let fewer = told(BOTH, &BOTH.replace("per_day: 10", "per_day: 3"));
    assert!(
        fewer.iter().any(|line| line.contains("at most 3 a day; was ") && line.contains("at most 10 a day")),
        "{fewer:#?}"
    );
    let closed = told("", CHANNELS);
    assert!(closed.iter().any(|line| line.contains("in channel C0PROD (refused: wrong-channel; was ")), "{closed:#?}");
    assert!(closed.iter().any(|line| line.contains("in channel C0PROD while it is private")), "{closed:#?}");
}

#[test]
fn a_channel_may_stand_for_a_cluster() {
    let catalog = format!("{CATALOG}\nchannels: {{ C0PROD: {{ cluster: prod }}, C0DEV: {{ cluster: dev }} }}\n");
    let policy = load(&format!("{RBAC}\n{CHANNELS}\n"), &catalog).unwrap();
    let target = |channel: Channel, text: &str| {
        let answer = typed_in(&policy, channel, text);
        assert_eq!(answer.decision, Decision::Cleared, "{:?}", answer.refusal);
        answer.command.unwrap().action().scope.target.clone().unwrap()
    };
    assert_eq!(target(Channel::private("C0PROD"), GET), "prod");
    assert_eq!(target(Channel::named("C0DEV"), GET), "dev");
    assert_eq!(target(Channel::named("C0DEV"), "kubectl get pods --context prod"), "prod");
    assert!(lint(&policy, None).is_empty(), "{}", lint(&policy, None));
    let crossed = catalog
        .replace("cluster: prod }", "cluster: dev }")
        .replace("C0DEV: { cluster: dev }", "C0DEV: { cluster: prod }");
    let policy = load(&format!("{RBAC}\n{CHANNELS}\n"), &crossed).unwrap();
    let warned = lint(&policy, None).to_string();
    assert!(warned.contains("does not take `dev`, and channel `C0PROD` means cluster `dev`"), "{warned}");

    for (section, said) in [
        ("channels: { C1: { cluster: prd } }", "no cluster `prd` did you mean `prod`? known clusters: dev, prod"),
        ("channels: { C1: {} }", "a channel needs `cluster` "),
        (
            "channels: { \"#c\": { cluster: prod } }",
            "`#c` is not the id of a channel write what the channel's details show, as `C0123456789`; names can change",
        ),
        ("channels: []", "`channels` should be a map of keys, not a list "),
    ] {
        assert_eq!(load(RBAC, &format!("{CATALOG}\n{section}\n")).map(drop).unwrap_err(), [said]);
    }
}

#[test]
fn what_is_needless_or_about_nobody_is_warned_of() {
    let warned = |more: &str| lint(&with(more), None).to_string();
    assert!(
        warned("budgets: [ { id: a, per_day: 5 }, { id: b, tier: destructive, per_day: 10 } ]")
            .contains("`b` says nothing that `a` does not say")
    );
    assert!(
        !warned("budgets: [ { id: a, per_day: 15 }, { id: b, tier: destructive, per_day: 10 } ]")
            .contains("says nothing")
    );
    assert!(
        warned("channels: [ { id: a, channel: C1, env: prod }, { id: b, channel: C1, env: [prod, dev] } ]")
            .contains("`b` says nothing that `a`")
    );
    assert!(
        warned("budgets: [ { id: a, tool: tf, env: staging, per_day: 1 } ]")
            .contains("`a` is about nothing that the catalog has")
    );
    let idle = RBAC.replace("roles:\n", "roles:\n  idle: { allow: [ { tool: kubectl, tier: read } ] }\n");
    let policy = load(&format!("{idle}\nbudgets: [ {{ id: a, role: idle, per_day: 1 }} ]\n"), CATALOG).unwrap();
    assert!(
        lint(&policy, None).to_string().contains("`a` counts what role `idle` permits, and nobody holds that role")
    );
}
