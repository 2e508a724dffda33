//! One catalog and a few ways to ask, for all tests of this crate.

use countersign_command::pattern::Pattern;
use countersign_command::vocabulary::{
    Alertmanager, Cluster, CustomPreview, Kind, LeadingDash, Param, Profile, Reach, Service, Stack, Threshold, Values,
};
use countersign_command::{Context, CustomCommand, Typed, Vocabulary, parse, parse_again};
use countersign_core::command::Command;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Refusal;
use countersign_core::tier::{Reversibility, Sensitivity, Tier};
use std::time::Duration;

fn param(name: &str, values: Values) -> Param {
    Param {
        name: name.to_owned(),
        description: String::new(),
        values,
        default: None,
        leading_dash: LeadingDash::Refused,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

pub(crate) fn custom() -> CustomCommand {
    CustomCommand {
        name: "restart-report".to_owned(),
        description: "restarts a report".to_owned(),
        template: words("--service={service} --keep {keep} {tag}/{count} literal"),
        params: vec![
            param("service", Values::Enum(words("billing search"))),
            param("tag", Values::Regex(Pattern::new("[a-z.-]+").expect("the pattern is well-formed"))),
            param("count", Values::Int { min: 1, max: 5 }),
            Param {
                default: Some("1h".to_owned()),
                ..param("keep", Values::Duration { min: Duration::from_mins(1), max: Duration::from_hours(24) })
            },
        ],
        tier: Tier::Destructive,
        reversibility: Reversibility::Irreversible,
        sensitivity: Sensitivity::Plain,
        env: Some("prod".to_owned()),
        target: None,
        preview: CustomPreview::Template(words("--show --service={service}")),
        runner: "report".to_owned(),
        examples: Vec::new(),
    }
}

pub(crate) fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    vocabulary.environments.extend(["dev".to_owned(), "prod".to_owned()]);
    for env in ["dev", "prod"] {
        let cluster = Cluster { env: env.to_owned(), namespace: "default".to_owned() };
        vocabulary.clusters.insert(env.to_owned(), cluster);
    }
    vocabulary.channel_clusters.insert("C0PROD".to_owned(), "prod".to_owned());
    vocabulary.default_cluster = Some("dev".to_owned());
    vocabulary.kinds.push(Kind {
        plural: "vaultsecrets".to_owned(),
        singular: "vaultsecret".to_owned(),
        kind: "VaultSecret".to_owned(),
        short_names: vec!["vs".to_owned()],
        group: "vault.example.com".to_owned(),
        reach: Reach::Namespaced,
        sensitivity: Sensitivity::Sensitive,
    });
    vocabulary.thresholds.push(Threshold { objects: 4, tier: Tier::Destructive });
    let mut without_preview = CustomCommand {
        name: "purge".to_owned(),
        preview: CustomPreview::None,
        template: words("now"),
        params: Vec::new(),
        ..custom()
    };
    vocabulary.commands.insert("purge".to_owned(), without_preview.clone());
    "disk-usage".clone_into(&mut without_preview.name);
    without_preview.tier = Tier::Read;
    without_preview.reversibility = Reversibility::NoneNeeded;
    vocabulary.commands.insert("disk-usage".to_owned(), without_preview);
    vocabulary.commands.insert("restart-report".to_owned(), custom());
    targets(&mut vocabulary);
    vocabulary
}

/// Stacks, services and Alertmanagers.
fn targets(vocabulary: &mut Vocabulary) {
    let stack = Stack { env: "prod".to_owned(), branch: "main".to_owned() };
    vocabulary.stacks.insert("network".to_owned(), stack);
    let environments = vocabulary.environments.clone();
    for env in &environments {
        let regions = ["eu-west-1", "us-east-1", "eu-central-1"].map(str::to_owned).into();
        let profile = Profile { env: env.clone(), region: "eu-west-1".to_owned(), regions };
        vocabulary.profiles.insert(env.clone(), profile);
    }
    let versions = Some(Pattern::new("[0-9]+\\.[0-9]+").expect("the pattern is well-formed"));
    vocabulary
        .services
        .insert("checkout".to_owned(), Service { environments: environments.clone(), versions, runs: true });
    vocabulary.services.insert("ledger".to_owned(), Service { environments, versions: None, runs: false });
    for env in ["dev", "prod"] {
        let hours = Duration::from_hours;
        let one = Alertmanager { env: env.to_owned(), change_up_to: hours(4), longest: hours(24) };
        vocabulary.alertmanagers.insert(env.to_owned(), one);
    }
}

pub(crate) fn typed(text: &str) -> Result<Typed, Box<Refusal>> {
    parse(text, &Context::default(), &vocabulary())
}

#[track_caller]
pub(crate) fn run(text: &str) -> Command {
    match typed(text) {
        Ok(Typed::Run { command, .. }) => command,
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn refusal(text: &str) -> Refusal {
    match typed(text) {
        Err(refusal) => *refusal,
        Ok(it) => panic!("{text} was accepted: {it:?}"),
    }
}

/// Each line is a text, the code it is refused with after `=>`.
#[track_caller]
pub(crate) fn all_refused(cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (text, code) = case.rsplit_once(" => ").expect("a case has a code");
        let got = refusal(text);
        assert_eq!(got.code().as_str(), code, "{text}: {got}");
        assert!(got.rule().is_some() && !got.hint().is_empty(), "{text}");
    }
}

/// A command, understood again from what would be sealed of it.
pub(crate) fn again(command: &Command) -> Result<Command, Box<Refusal>> {
    parse_again(&Canonical::of(command), &vocabulary())
}
