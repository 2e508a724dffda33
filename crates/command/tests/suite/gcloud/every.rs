//! Every command of the table, put together at random.

use super::{reads_back, run, typed};
use countersign_core::tier::{Mode, Sensitivity, Tier};
use proptest::prelude::*;

/// The generated table of commands: path, positionals, flags.
const TABLE: &str = include_str!("../../../data/gcloud.tsv");

/// A line of the table as words of a command, each positional and some of the flags filled in.
fn line_of(spec: &str, choose: &[bool], value: &str) -> String {
    let mut fields = spec.split('\t');
    let mut next = || fields.next().unwrap_or_default();
    let (path, positionals, flags) = (next(), next(), next());
    let mut words = vec!["/gcloud dev".to_owned(), path.to_owned()];
    let project = path.starts_with("projects ") || positionals.contains("PROJECT_ID");
    let storage = path.starts_with("storage ");
    for positional in positionals.split(' ').filter(|one| !one.is_empty()) {
        words.push(
            if project {
                "example-dev"
            } else if storage {
                "gs://bucket/object"
            } else {
                value
            }
            .to_owned(),
        );
        if positional.ends_with(['+', '*']) && !project {
            words.push(format!("{}-2", words.last().expect("the one before")));
        }
    }
    for (flag, chosen) in flags.split(' ').filter(|one| !one.is_empty()).zip(choose.iter().cycle()) {
        let name = flag.split('|').next().unwrap_or_default();
        // Not all of them at once, and none that takes a file.
        if name.len() % 3 > 0 || name.ends_with(['@', '%']) {
            continue;
        }
        match (name.split_at(name.len() - 1), chosen) {
            ((name, "~"), true) => words.push(format!("--no-{name}")),
            ((name, "~"), false) | ((name, "!" | "?"), _) => words.push(format!("--{name}")),
            ((name, "+"), true) => words.push(format!("--{name}=a --{name} b")),
            ((name, "+"), false) => words.push(format!("--{name} a")),
            (_, true) => words.push(format!("--{name} {value}")),
            (_, false) => words.push(format!("--{name}='{value} x'")),
        }
    }
    words.join(" ")
}

fn specs() -> Vec<&'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#')).collect()
}

/// Verbs that change something, by the first word of the last one: no list of the grammar's own.
const MUTATING: &[&str] = &[
    "abandon",
    "ack",
    "add",
    "apply",
    "approve",
    "attach",
    "call",
    "cancel",
    "clone",
    "commit",
    "copy",
    "create",
    "delete",
    "deploy",
    "destroy",
    "detach",
    "disable",
    "enable",
    "execute",
    "failover",
    "import",
    "insert",
    "install",
    "migrate",
    "modify",
    "move",
    "mv",
    "patch",
    "pause",
    "perform",
    "promote",
    "publish",
    "pull",
    "purge",
    "recreate",
    "remove",
    "replace",
    "reset",
    "resize",
    "restart",
    "restore",
    "resume",
    "rm",
    "rollback",
    "rotate",
    "run",
    "seek",
    "set",
    "start",
    "stop",
    "suspend",
    "switchover",
    "terminate",
    "undelete",
    "update",
    "upgrade",
    "write",
];

#[test]
fn p13_no_mutation_is_a_read() {
    let mut understood = 0;
    for spec in specs() {
        let path = spec.split('\t').next().unwrap_or_default();
        let verb = path.rsplit(' ').next().unwrap_or_default();
        let words: Vec<&str> = path.split(' ').collect();
        let below = words.iter().rev().nth(1).is_some_and(|above| ["create", "update", "import"].contains(above));
        if !below && !MUTATING.contains(&verb.split('-').next().unwrap_or_default()) {
            continue;
        }
        for text in [line_of(spec, &[true, false], "a"), line_of(spec, &[false], "a")] {
            if let Ok(command) = typed(&text) {
                // It prints what would be signed.
                let prints = path == "container binauthz create-signature-payload";
                assert!(command.action().tier > Tier::Read || prints, "{text}");
                assert_eq!(command.mode() == Mode::DryRun, !prints, "{text}");
                understood += 1;
            }
        }
    }
    assert!(understood > 1_000, "{understood}");
}

#[test]
fn p36_without_apply_only_reads_run() {
    for text in
        ["compute instances delete a --zone=z --quiet", "storage rm -r gs://b", "sql instances restart i --async"]
    {
        let shown = run(&format!("/gcloud dev {text}"));
        let applied = run(&format!("/gcloud dev {text} --apply"));
        assert_eq!((shown.mode(), applied.mode()), (Mode::DryRun, Mode::Apply), "{text}");
        assert_eq!(shown.argv(), applied.argv(), "{text}");
        for step in shown.preview().iter().flat_map(|plan| &plan.steps) {
            let command = run(&format!("/gcloud dev {}", step.to_string().trim_start_matches("gcloud ")));
            assert_eq!(command.action().tier, Tier::Read, "{step}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p36_what_is_understood_reads_back_and_is_shown_by_reads(
        spec in prop::sample::select(specs()),
        choose in prop::collection::vec(any::<bool>(), 1..9),
        value in "[a-z][a-z0-9]{0,8}",
        apply in any::<bool>(),
    ) {
        let text = line_of(spec, &choose, &value);
        if let Ok(command) = typed(&if apply { format!("{text} --apply") } else { text.clone() }) {
            reads_back(&command);
            prop_assert_eq!(command.mode() == Mode::Apply, apply || command.action().tier == Tier::Read);
            for step in command.preview().iter().flat_map(|plan| &plan.steps) {
                let again = run(&format!("/gcloud dev {}", step.to_string().trim_start_matches("gcloud ")));
                prop_assert_eq!(again.action().tier, Tier::Read, "{}", step);
                prop_assert_eq!(again.action().sensitivity, Sensitivity::Plain, "{}", step);
                prop_assert_eq!(again.argv(), step);
            }
            prop_assert_eq!(command.preview().is_none(), command.action().tier == Tier::Read);
        }
    }
}
