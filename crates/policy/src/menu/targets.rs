//! The entries of the catalog that somebody can use.
//!
//! **Invariant:** an entry is told if anything at all may be done to it, and no other is: not that it exists.

use super::Dish;
use crate::answer::{Asker, ask};
use crate::catalog::Catalog;
use crate::compare::{self, Usable};
use crate::policy::Policy;
use countersign_core::command::Tool;
use countersign_core::refusal::shown;
use countersign_core::tier::Tier;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What this person can use: clusters, accounts, projects, stacks, services, Alertmanagers, repositories and commands
/// without code.
#[must_use]
pub fn usable(policy: &Policy, asker: &Asker) -> Vec<Dish> {
    let reach = Reach::of(policy, asker);
    let catalog = policy.catalog();
    let mut dishes = clusters(catalog, &reach);
    dishes.extend(accounts(catalog, &reach));
    dishes.extend(projects(catalog, &reach));
    dishes.extend(stacks(catalog, &reach));
    dishes.extend(services(catalog, &reach));
    dishes.extend(alertmanagers(catalog, &reach));
    dishes.extend(repositories(catalog, &reach));
    dishes.extend(commands(policy, asker));
    dishes
}

/// What somebody reaches, asked once.
struct Reach {
    /// Tool and target to the environments in which anything is allowed.
    usable: BTreeMap<(String, String), BTreeSet<String>>,
    /// Whether they may bring manifests to any cluster.
    applies: bool,
}

impl Reach {
    fn of(policy: &Policy, asker: &Asker) -> Self {
        let mut usable: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let targets = compare::targets(policy.vocabulary());
        let mine = Usable::of(policy, asker);
        for target in targets.iter().filter(|target| mine.has(target, Tier::Read)) {
            let name = target.scope.target.clone().unwrap_or_default();
            let envs = usable.entry((target.tool.name().to_owned(), name)).or_default();
            envs.extend(target.scope.env.clone());
        }
        let clusters = targets.iter().filter(|target| target.tool == Tool::Kubectl);
        let applies = clusters.into_iter().any(|target| mine.has(target, Tier::Change));
        Self { usable, applies }
    }

    /// The environments in which it may be used.
    fn envs(&self, tool: &Tool, name: &str) -> Option<&BTreeSet<String>> {
        self.usable.get(&(tool.name().to_owned(), name.to_owned()))
    }

    fn has(&self, tool: &Tool, name: &str) -> bool {
        self.envs(tool, name).is_some()
    }
}

fn dish(what: &str, name: &str, says: String) -> Dish {
    Dish { label: format!("{what} {}", shown(name)), says }
}

fn joined<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ")
}

fn clusters(catalog: &Catalog, reach: &Reach) -> Vec<Dish> {
    let mine = catalog.clusters().iter().filter(|(name, _)| reach.has(&Tool::Kubectl, name));
    mine.map(|(name, one)| {
        dish(
            "cluster",
            name,
            format!("in {}; namespace {} if none is named", shown(&one.place.env), shown(&one.namespace)),
        )
    })
    .collect()
}

fn accounts(catalog: &Catalog, reach: &Reach) -> Vec<Dish> {
    let mine = catalog.profiles().iter().filter(|(name, _)| reach.has(&Tool::Aws, name));
    mine.map(|(name, one)| {
        let others = joined(one.grammar.regions.iter().filter(|region| **region != one.grammar.region));
        let others = if others.is_empty() { others } else { format!(", or {others}") };
        let (env, account, usual) = (shown(&one.place.env), shown(&one.account), shown(&one.grammar.region));
        dish("account", name, format!("in {env}; AWS {account} in {usual}{others}"))
    })
    .collect()
}

fn projects(catalog: &Catalog, reach: &Reach) -> Vec<Dish> {
    let mine = catalog.projects().iter().filter(|(name, _)| reach.has(&Tool::Gcloud, name));
    mine.map(|(name, one)| {
        dish("project", name, format!("in {}; Google Cloud {}", shown(&one.place.env), shown(&one.grammar.id)))
    })
    .collect()
}

fn stacks(catalog: &Catalog, reach: &Reach) -> Vec<Dish> {
    let mine = catalog.stacks().iter().filter(|(name, _)| reach.has(&Tool::Tf, name));
    mine.map(|(name, one)| {
        let (env, branch) = (shown(&one.place.env), shown(&one.grammar.branch));
        let folder = format!("{}/{}", shown(&one.repository), shown(&one.folder));
        dish("stack", name, format!("in {env}; {folder}, branch {branch}"))
    })
    .collect()
}

/// In which environments: a service may be theirs in one of them alone.
fn services(catalog: &Catalog, reach: &Reach) -> Vec<Dish> {
    let mine = catalog.services().keys().filter_map(|name| Some((name, reach.envs(&Tool::Deploy, name)?)));
    mine.map(|(name, envs)| dish("service", name, format!("in {}", joined(envs)))).collect()
}

fn alertmanagers(catalog: &Catalog, reach: &Reach) -> Vec<Dish> {
    let mine = catalog.alertmanagers().iter().filter(|(name, _)| reach.has(&Tool::Silence, name));
    mine.map(|(name, one)| {
        let longest = lasting(one.grammar.longest);
        dish("alerts", name, format!("in {}; silences of up to {longest}", shown(&one.place.env)))
    })
    .collect()
}

/// Those that manifests may come from, for whoever may apply one, and those of stacks.
fn repositories(catalog: &Catalog, reach: &Reach) -> Vec<Dish> {
    let of_stacks: BTreeSet<&String> = catalog
        .stacks()
        .iter()
        .filter(|(name, _)| reach.has(&Tool::Tf, name))
        .map(|(_, one)| &one.repository)
        .collect();
    let mine = catalog.repositories().iter().filter(|(name, _)| reach.applies || of_stacks.contains(name));
    mine.map(|(name, one)| {
        let place = one.address.split_once("://").map_or(one.address.as_str(), |(_, place)| place);
        dish("repository", name, shown(place))
    })
    .collect()
}

fn commands(policy: &Policy, asker: &Asker) -> Vec<Dish> {
    let may = |example: &String| !ask(policy, asker, &format!("{example} --apply")).is_denied();
    let looks = |example: &String| !ask(policy, asker, example).is_denied();
    let mine =
        policy.catalog().commands().values().filter(|one| one.grammar.examples.iter().any(|it| may(it) || looks(it)));
    mine.map(|one| {
        let says = format!("in {}; {} ({})", shown(&one.place.env), one.grammar.description, one.grammar.tier);
        Dish { label: format!("/{}", one.grammar.name), says }
    })
    .collect()
}

/// `4 h`, `90 min`.
fn lasting(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    if minutes.is_multiple_of(60) { format!("{} h", minutes / 60) } else { format!("{minutes} min") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Overrides;
    use crate::policy::{Source, Sources};

    const CATALOG: &str = include_str!("../../../../catalog.yaml");

    fn told(rbac: &str, groups: &[&str]) -> Vec<String> {
        let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", CATALOG) };
        let policy = Policy::load(sources, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
        let dishes = usable(&policy, &Asker::in_groups(groups.iter().copied()));
        dishes.into_iter().map(|dish| format!("{}: {}", dish.label, dish.says)).collect()
    }

    #[test]
    fn everything_somebody_may_use_is_told_and_fits_a_phone() {
        let all = told(include_str!("../../../../rbac.yaml"), &["sre", "engineering"]);
        expect_test::expect![[r"
            cluster dev: in dev; namespace default if none is named
            cluster prod: in prod; namespace default if none is named
            account dev: in dev; AWS 111111111111 in eu-west-1, or eu-central-1, us-east-1
            account prod: in prod; AWS 222222222222 in eu-west-1, or eu-central-1, us-east-1
            project dev: in dev; Google Cloud example-dev
            project prod: in prod; Google Cloud example-prod
            stack dev: in dev; infra/stacks/dev, branch main
            stack prod: in prod; infra/stacks/prod, branch main
            service checkout: in dev, prod
            alerts main: in prod; silences of up to 24 h
            repository checkout: github.com/example/checkout.git
            repository infra: git.example.com/platform/infra.git
            /count-lines: in dev; how many lines a report about the command's own process has (read)
            /disk-usage: in staging; how full the file systems are (read)
            /restart-report: in prod; reports the restart of a service; harmless itself, and held like the real thing (destructive)"]].assert_eq(&all.join("\n"));
        assert!(all.iter().all(|line| line.chars().count() <= 120), "{all:?}");
    }

    const ONE_RIGHT: &str = r#"
version: 1
roles: { it: { allow: [ RIGHT ] } }
bindings: [ { group: it, role: it, env: ENV } ]
sensitive: { allow: grant, or: "1 of it" }
approvals:
  - { id: prod, tier: [change, destructive], env: prod, quorum: "1 of it", expires: 30m }
"#;

    /// A right that no usual command shows counts as well, and nothing else is told for it.
    #[test]
    fn one_right_to_one_thing_is_found_and_only_that() {
        for (right, env, expected) in [
            ("{ tool: deploy, verb: status, tier: read }", "dev", vec!["service checkout: in dev"]),
            (
                r#"{ tool: kubectl, verb: rollout restart, tier: change, resource: "k8s/prod/ns/web/deployments.apps/api" }"#,
                "prod",
                vec![
                    "cluster prod: in prod; namespace default if none is named",
                    "repository checkout: github.com/example/checkout.git",
                    "repository infra: git.example.com/platform/infra.git",
                ],
            ),
            ("{ tool: kubectl, tier: read }", "dev", vec!["cluster dev: in dev; namespace default if none is named"]),
            (
                "{ tool: tf, tier: read }",
                "dev",
                vec![
                    "stack dev: in dev; infra/stacks/dev, branch main",
                    "repository infra: git.example.com/platform/infra.git",
                ],
            ),
        ] {
            assert_eq!(told(&ONE_RIGHT.replace("RIGHT", right).replace("ENV", env), &["it"]), expected, "{right}");
        }
    }

    /// A freeze takes no entry away, and a deny does.
    #[test]
    fn what_is_denied_is_not_told() {
        let base = ONE_RIGHT.replace("RIGHT", r#"{ tool: "*", tier: change }"#).replace("ENV", "[dev, staging, prod]");
        let denied = format!("{base}deny:\n  - {{ id: none, env: [prod, staging], why: \"closed\" }}\n");
        let rows = told(&denied, &["it"]);
        assert!(
            !rows.is_empty() && rows.iter().all(|row| !row.contains("prod") && !row.contains("staging")),
            "{rows:?}"
        );
        let frozen = "freezes:\n  - { id: now, env: dev, from: 2020-01-01T00:00Z, to: 2030-01-01T00:00Z, pass: break-glass, why: \"x\" }\n";
        assert_eq!(told(&format!("{denied}{frozen}"), &["it"]), rows);
    }

    #[test]
    fn who_may_do_nothing_is_told_nothing() {
        assert_eq!(told(include_str!("../../../../rbac.yaml"), &[]), [""; 0]);
    }
}
