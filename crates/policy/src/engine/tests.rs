use super::*;
use crate::rbac::{Permission, Role};
use countersign_core::principal::{Standing, SubjectId};
use std::collections::BTreeMap;

fn person(sub: &str, groups: &[&str]) -> Principal {
    Principal {
        id: SubjectId { iss: "idp".to_owned(), sub: sub.to_owned() },
        name: sub.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        standing: Standing::Active,
        known_by: "test".to_owned(),
    }
}

fn columns(columns: [&str; 10]) -> Line {
    columns.iter().map(|column| (*column).to_owned()).collect()
}

fn resource(text: &str) -> Resource {
    Resource::from_parts(&text.split('/').collect::<Vec<_>>())
}

fn sight<'a>(tool: &'a str, verb: &'a str, env: Option<&'a str>) -> Sight<'a> {
    Sight { tool, verb, tier: Tier::Read, env, resources: &[] }
}

const ALLOW_SRE: [&str; 10] = ["group:sre", "*", "*", "read", "*", "*", "*", "!", "allow", "a"];

fn ask(lines: &[[&str; 10]], who: &Principal, at: &str) -> Verdict {
    let engine = Engine::of_lines(lines.iter().map(|line| columns(*line)).collect()).unwrap();
    engine.ask(&engine.asker(who), &sight("kubectl", "get", Some("prod")), &resource(at))
}

/// rbac.yaml through the loader, so that these tests hold for what is really compiled.
fn of_roles(roles: &str, bindings: &str) -> Result<Rbac, Vec<crate::problems::Problem>> {
    let text = format!("version: 1\nroles:\n{roles}\nbindings:\n{bindings}\n");
    let mut reader = crate::reader::Reader::new("rbac.yaml", &text);
    let rbac = crate::rbac_file::read(&mut reader, &crate::catalog_file::known(&crate::Catalog::default()));
    let problems = reader.problems();
    if problems.is_empty() { Ok(rbac) } else { Err(problems) }
}

#[test]
fn deny_beats_allow_beats_nothing() {
    let deny = ["*", "kubectl", "*", "read", "*", "k8s/*/ns/web", "*", "!", "deny", "d"];
    let sre = person("ann", &["sre"]);
    assert_eq!(ask(&[ALLOW_SRE], &sre, "k8s/prod/ns/web/pods/a"), Verdict::Allowed("a".into()));
    for lines in [[ALLOW_SRE, deny], [deny, ALLOW_SRE]] {
        assert_eq!(ask(&lines, &sre, "k8s/prod/ns/web/pods/a"), Verdict::Denied("d".into()));
        assert_eq!(ask(&lines, &sre, "k8s/prod/ns/api/pods/a"), Verdict::Allowed("a".into()));
    }
    assert_eq!(ask(&[ALLOW_SRE], &person("bob", &[]), "k8s/prod/ns/web/pods/a"), Verdict::Nothing);
}

#[test]
fn an_exemption_is_for_members_alone() {
    let deny = ["*", "*", "*", "read", "*", "*", "*", "group:sre|group:lead", "deny", "d"];
    let allow = ["*", "*", "*", "read", "*", "*", "*", "!", "allow", "a"];
    let allowed = Verdict::Allowed("a".into());
    assert_eq!(ask(&[deny, allow], &person("ann", &["sre"]), "custom/x"), allowed);
    assert_eq!(ask(&[deny, allow], &person("ann", &["lead", "dev"]), "custom/x"), allowed);
    for groups in [&["SRE"][..], &["sre-x"], &["x-sre"], &["!"], &["*"], &[""], &["group:sre"]] {
        let verdict = ask(&[deny, allow], &person("ann", groups), "custom/x");
        assert_eq!(verdict, Verdict::Denied("d".into()), "{groups:?}");
    }
}

#[test]
fn names_are_never_confused_with_each_other() {
    let forged = [
        person("group:sre", &[]),
        person("x\ngroup:sre\n", &["dev"]),
        person("ann", &["x\ngroup:sre\ny"]),
        person("ann", &["Sre", "sre ", " sre", "\"sre\"", "sre\" || true || \""]),
    ];
    for (nth, one) in forged.iter().enumerate() {
        let verdict = ask(&[ALLOW_SRE], one, "custom/x");
        assert_eq!(verdict, Verdict::Nothing, "forgery {nth}");
    }
}

#[test]
fn a_subject_is_bound_by_issuer_and_subject_together() {
    let line = ["user:idp#a#b", "*", "*", "read", "*", "*", "*", "!", "allow", "a"];
    let of = |iss: &str, sub: &str| Principal {
        id: SubjectId { iss: iss.to_owned(), sub: sub.to_owned() },
        ..person("", &[])
    };
    assert_eq!(ask(&[line], &of("idp", "a#b"), "custom/x"), Verdict::Allowed("a".into()));
    assert_eq!(ask(&[line], &of("idp#a", "b"), "custom/x"), Verdict::Nothing);
    assert_eq!(ask(&[line], &of("other", "a#b"), "custom/x"), Verdict::Nothing);
}

#[test]
fn an_unknown_environment_is_every_one_to_a_denial_and_none_to_a_permission() {
    let allow = ["*", "*", "*", "read", "prod", "*", "*", "!", "allow", "a"];
    let everywhere = ["*", "*", "*", "read", "*", "*", "*", "!", "allow", "e"];
    let deny = ["*", "*", "*", "read", "prod", "*", "*", "!", "deny", "d"];
    let engine = |lines: &[[&str; 10]]| Engine::of_lines(lines.iter().map(|line| columns(*line)).collect()).unwrap();
    let at = resource("custom/x");
    let ask = |lines: &[[&str; 10]]| {
        let engine = engine(lines);
        engine.ask(&engine.asker(&person("a", &[])), &sight("x", "x", None), &at)
    };
    assert_eq!(ask(&[allow]), Verdict::Nothing);
    assert_eq!(ask(&[everywhere]), Verdict::Allowed("e".into()));
    assert_eq!(ask(&[everywhere, deny]), Verdict::Denied("d".into()));
}

/// Whatever stands before it, in whatever column it differs, the one line that counts is found.
#[test]
fn no_line_is_lost_behind_many_that_are_about_something_else() {
    // Lines stand in the order of their columns: what differs is smaller, and so stands before.
    let right = ["group:sre", "kubectl", "get", "read", "prod", "k8s/*", "k8s/*", "!", "allow", "z"];
    let smaller =
        [(0, "group:dev"), (1, "aws"), (2, "describe"), (3, "change"), (4, "dev"), (5, "custom"), (6, "custom")];
    let many = |line: [&str; 10]| -> Vec<Line> {
        let named = |n: usize| [&line[..9], &[format!("{}{n}", line[9]).as_str()]].concat().join("\t");
        (0..9).map(|n| named(n).split('\t').map(str::to_owned).collect()).collect()
    };
    let sre = person("ann", &["sre"]);
    let ask = |lines: Vec<Line>| {
        let engine = Engine::of_lines(lines).unwrap();
        engine.ask(&engine.asker(&sre), &sight("kubectl", "get", Some("prod")), &resource("k8s/prod/ns/web/pods/x"))
    };
    for (at, word) in smaller {
        let mut other = right;
        (other[at], other[9]) = (word, "a");
        let lines = [many(other), vec![columns(right)]].concat();
        assert_eq!(ask(lines), Verdict::Allowed("z".into()), "{other:?}");
    }
    let deny = columns(["group:sre", "*", "*", "read", "*", "*", "*", "!", "deny", "z"]);
    assert_eq!(ask([many(ALLOW_SRE), vec![deny]].concat()), Verdict::Denied("z".into()));
}

/// casbin is asked about the first permission alone; when it has another opinion of it than the index, about all.
#[test]
fn a_permission_that_casbin_does_not_take_hides_no_other() {
    let not_for = |id| ["group:sre", "*", "*", "read", "*", "*", "*", "group:sre", "allow", id];
    let sre = person("ann", &["sre"]);
    let refusing = ["a", "b", "c", "d"].map(not_for);
    assert_eq!(ask(&refusing, &sre, "custom/x"), Verdict::Nothing);
    let right = ["group:sre", "kubectl", "*", "read", "*", "*", "*", "!", "allow", "z"];
    assert_eq!(ask(&[&refusing[..], &[right]].concat(), &sre, "custom/x"), Verdict::Allowed("z".into()));
    let deny = ["group:sre", "kubectl", "get", "read", "*", "*", "*", "!", "deny", "n"];
    assert_eq!(ask(&[&refusing[..], &[right, deny]].concat(), &sre, "custom/x"), Verdict::Denied("n".into()));
}

/// Lines are looked at sixty-four at a time, and those of one group begin and end anywhere among them.
#[test]
fn a_line_is_found_wherever_it_stands_among_many() {
    let groups = ["a", "b", "c", "d", "a|group:c"];
    let line = |group: &str, n: usize| {
        let (who, eft) = (format!("group:{group}"), if n % 7 == 3 { "deny" } else { "allow" });
        let (at, id) = (format!("k8s/prod/ns/n{n}"), format!("{group} {n}"));
        columns([who.as_str(), "kubectl", "*", "read", "*", at.as_str(), "*", "!", eft, id.as_str()])
    };
    let lines: Vec<Line> = groups.iter().flat_map(|group| (0..45).map(|n| line(group, n))).collect();
    let engine = Engine::of_lines(lines.clone()).unwrap();
    let whole = Engine::of_lines(lines).unwrap().whole();
    for held in [&["a"][..], &["b"], &["c"], &["d"], &["b", "d"], &["a", "d"], &["a", "b", "c", "d"], &["e"], &[]] {
        let who = person("ann", held);
        let (asker, beside) = (engine.asker(&who), whole.asker(&who));
        for n in 0..46 {
            let at = resource(&format!("k8s/prod/ns/n{n}/pods/x"));
            let sight = sight("kubectl", "get", Some("prod"));
            let verdict = engine.ask(&asker, &sight, &at);
            assert_eq!(verdict, whole.ask(&beside, &sight, &at), "{held:?} {n}");
            let about = n < 45 && held.iter().any(|group| groups.contains(group));
            assert_eq!(verdict != Verdict::Nothing, about, "{held:?} {n}");
            assert_eq!(matches!(verdict, Verdict::Denied(_)), about && n % 7 == 3, "{held:?} {n}");
        }
    }
}

// The traps of casbin, each by its number in our notes: a later version must not bring one back.

#[test]
fn trap_1_a_chain_of_fifteen_roles_is_followed_to_its_end() {
    use std::fmt::Write as _;
    let mut roles = String::from("  r0: { allow: [ { tool: kubectl, tier: read } ] }\n");
    for n in 1..=15 {
        writeln!(roles, "  r{n}: {{ inherits: [r{}] }}", n - 1).unwrap();
    }
    let rbac = of_roles(&roles, "  - { group: sre, role: r15 }").unwrap();
    let engine = Engine::compile(&rbac).unwrap();
    let verdict = engine.ask(
        &engine.asker(&person("ann", &["sre"])),
        &sight("kubectl", "get", Some("dev")),
        &resource("k8s/dev/ns/web/pods/a"),
    );
    assert_eq!(verdict, Verdict::Allowed("bindings[0] roles.r0.allow[0]".into()));
}

#[test]
fn trap_2_a_circle_is_refused() {
    let roles = "  a: { inherits: [b], allow: [ { tool: kubectl, tier: read } ] }\n  b: { inherits: [a] }";
    assert!(of_roles(roles, "  - { group: sre, role: a }").is_err());
    let own = "  a: { inherits: [a], allow: [ { tool: kubectl, tier: read } ] }";
    assert!(of_roles(own, "  - { group: sre, role: a }").is_err());
}

#[test]
fn trap_3_the_same_line_twice_does_not_lose_the_others() {
    let twice = [ALLOW_SRE, ALLOW_SRE, ["*", "x", "*", "read", "*", "*", "*", "!", "deny", "d"]];
    let verdict = ask(&twice, &person("ann", &["sre"]), "custom/x");
    assert_eq!(verdict, Verdict::Allowed("a".into()));
}

#[test]
fn trap_5_no_lines_and_empty_names_allow_nothing() {
    assert!(matches!(Engine::of_lines(Vec::new()), Err(CompileError::Empty)));
    let engine = Engine::of_lines(vec![columns(ALLOW_SRE)]).unwrap();
    let nobody = Principal { id: SubjectId { iss: String::new(), sub: String::new() }, ..person("", &[""]) };
    assert_eq!(engine.ask(&engine.asker(&nobody), &sight("", "", Some("")), &resource("")), Verdict::Nothing);
}

#[test]
fn trap_6_every_compiled_line_says_allow_or_deny_and_has_ten_columns() {
    let mut rbac = Rbac::default();
    let selector = Selector::default();
    let permission = Permission { id: "p".to_owned(), selector: selector.clone() };
    let role = Role { includes: BTreeSet::new(), allow: vec![permission] };
    rbac.roles = BTreeMap::from([("r".to_owned(), role)]);
    rbac.bindings.push(Binding {
        id: "b".to_owned(),
        holder: Holder::Subject("idp#ann".to_owned()),
        role: "r".to_owned(),
        only: selector.clone(),
        at: crate::problems::Mark::default(),
    });
    rbac.denies.push(Deny {
        id: "d".to_owned(),
        selector,
        unless: BTreeSet::new(),
        why: None,
        at: crate::problems::Mark::default(),
    });
    let lines = lines(&rbac);
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line.len(), 10);
        assert!(line[8] == "allow" || line[8] == "deny", "{line:?}");
        assert!(line.iter().all(|column| !column.is_empty()), "{line:?}");
    }
}

#[test]
fn trap_7_the_effect_is_spelled_as_casbin_wants_it() {
    // Any other spelling panics, and only when the first question is asked.
    assert!(MODEL.contains("e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n"));
}

#[test]
fn trap_8_an_error_of_the_engine_is_a_no() {
    let short: Line = columns(ALLOW_SRE).into_iter().take(9).collect();
    if let Ok(engine) = Engine::of_lines(vec![columns(ALLOW_SRE), short]) {
        let ann = engine.asker(&person("ann", &["sre"]));
        let verdict = engine.ask(&ann, &sight("kubectl", "get", None), &resource("custom/x"));
        assert_eq!(verdict, Verdict::Broken);
    }
}

#[test]
fn the_engine_is_built_without_a_runtime_and_within_one() {
    let lines = || vec![columns(ALLOW_SRE)];
    assert!(Engine::of_lines(lines()).is_ok());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(async { Engine::of_lines(lines()) }).is_ok());
}

mod oracle {
    use super::*;
    use proptest::prelude::*;

    const GROUPS: [&str; 3] = ["a", "b", "c"];
    const TOOLS: [&str; 3] = ["kubectl", "aws", "tf"];
    const RESOURCES: [&str; 7] = [
        "k8s/p/ns/web/pods/x",
        "k8s/p/ns/*/pods/*",
        "k8s/p/ns/api/pods/*",
        "k8s/q/ns/web",
        "k8s/q/cluster/namespaces/web",
        "custom/web",
        "tf/web",
    ];

    fn patterns() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            Just("*"),
            Just("k8s/*/ns/web"),
            Just("k8s/p"),
            Just("k8s/*/ns/w*"),
            Just("k8s/p/ns/*"),
            Just("custom/*"),
        ]
    }

    fn word(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
        proptest::sample::select(words)
    }

    fn tiers() -> impl Strategy<Value = &'static str> {
        word(&["read", "change", "[read, change]", "destructive"])
    }

    /// A file with three roles, some bindings and some denials.
    fn files() -> impl Strategy<Value = (String, String)> {
        let permission = (word(&["kubectl", "aws", "tf", "\"*\""]), tiers(), patterns())
            .prop_map(|(tool, tier, at)| format!("{{ tool: {tool}, tier: {tier}, resource: \"{at}\" }}"));
        let permissions = proptest::collection::vec(permission, 3);
        let binding = (word(&GROUPS), 0..3_usize, patterns()).prop_map(|(group, role, at)| {
            format!("  - {{ group: {group}, role: r{role}, only: {{ resource: \"{at}\" }} }}\n")
        });
        let bindings = proptest::collection::vec(binding, 1..5);
        let denial = (word(&["kubectl", "aws", "tf", "\"*\""]), tiers(), patterns(), word(&GROUPS));
        let denials = proptest::collection::vec(denial, 0..3);
        (permissions, bindings, denials).prop_map(|(permissions, bindings, denials)| {
            let inherits = |n: usize| if n == 0 { String::new() } else { format!("inherits: [r{}], ", n - 1) };
            let role = |(n, one)| format!("  r{n}: {{ {}allow: [ {one} ] }}", inherits(n));
            let roles: Vec<String> = permissions.iter().enumerate().map(role).collect();
            let denial = |(n, rule): (usize, &(&str, &str, &str, &str))| {
                let (tool, tier, at, unless) = rule;
                format!("  - {{ id: d{n}, tool: {tool}, tier: {tier}, resource: \"{at}\", unless_group: {unless} }}")
            };
            let denials: Vec<String> = denials.iter().enumerate().map(denial).collect();
            let head = if denials.is_empty() { "" } else { "deny:\n" };
            (roles.join("\n"), format!("{}{head}{}", bindings.concat(), denials.join("\n")))
        })
    }

    /// The rules as they read, without an engine.
    fn plain(rbac: &Rbac, who: &Principal, sight: &Sight<'_>, at: &Resource) -> bool {
        let about = |selector: &Selector| {
            selector.tool.has(sight.tool) && selector.verb.has(sight.verb) && selector.has_tier(sight.tier)
        };
        let one = std::slice::from_ref(at);
        let denied = rbac.denies.iter().any(|rule| {
            rule.unless.is_disjoint(&who.groups) && rule.selector.touches(&Sight { resources: one, ..*sight })
        });
        let allowed = rbac.bindings.iter().any(|binding| {
            let holds = matches!(&binding.holder, Holder::Group(group) if who.groups.contains(group));
            let permissions = &rbac.roles[&binding.role].allow;
            holds
                && about(&binding.only)
                && binding.only.covers(at)
                && permissions.iter().any(|it| about(&it.selector) && it.selector.covers(at))
        });
        allowed && !denied
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// casbin over compiled lines says what the rules say, and over the lines of the index what it says over all.
        #[test]
        fn the_engine_agrees_with_the_rules_as_they_read(
            (roles, rest) in files(),
            groups in proptest::sample::subsequence(&GROUPS[..], 0..3),
        ) {
            let rbac = of_roles(&roles, &rest).unwrap();
            let Ok(engine) = Engine::compile(&rbac) else { return Ok(()) };
            let whole = Engine::compile(&rbac).unwrap().whole();
            let who = person("ann", &groups);
            for tool in TOOLS {
                for tier in Tier::ALL {
                    for at in RESOURCES {
                        let at = resource(at);
                        let sight = Sight { tier, ..sight(tool, "get", Some("prod")) };
                        let verdict = engine.ask(&engine.asker(&who), &sight, &at);
                        prop_assert_eq!(&verdict, &whole.ask(&whole.asker(&who), &sight, &at));
                        let said = matches!(verdict, Verdict::Allowed(_));
                        prop_assert_eq!(said, plain(&rbac, &who, &sight, &at), "{} {} {}", tool, tier, at);
                    }
                }
            }
        }
    }
}
