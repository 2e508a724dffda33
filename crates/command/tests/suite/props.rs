//! Properties of every text, not of chosen ones.

use crate::common::vocabulary;
use countersign_command::{Context, Typed, Vocabulary, parse, parse_again};
use countersign_core::command::{Argv, Command, Tool};
use countersign_core::policy::Canonical;
use countersign_core::tier::{Mode, Tier};
use proptest::prelude::*;

fn understood(text: &str, vocabulary: &Vocabulary) -> Option<Command> {
    match parse(text, &Context::default(), vocabulary) {
        Ok(Typed::Run { command, .. }) => Some(command),
        Ok(Typed::Ask(_)) | Err(_) => None,
    }
}

/// Words that make texts the grammar is likely to understand.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "get",
            "describe",
            "logs",
            "delete",
            "scale",
            "rollout",
            "status",
            "history",
            "restart",
            "undo",
            "label",
            "pods",
            "pod",
            "secret",
            "deploy/web",
            "po/a",
            "svc,cm",
            "all",
            "ns",
            "nodes",
            "vs",
            "-n",
            "web",
            "-nweb",
            "-A",
            "--all",
            "-l",
            "app=web",
            "x=y",
            "old-",
            "-o",
            "json",
            "-oyaml",
            "-o=name",
            "wide",
            "--replicas=0",
            "--replicas",
            "3",
            "--apply",
            "--dry-run",
            "--force",
            "--grace-period=0",
            "--context",
            "prod",
            "--context=dev",
            "--",
            "-",
            "-f",
            "-Aw",
            "--tail=5",
            "--field-selector",
            "a.b=c",
            "--overwrite",
            "'a b'",
            "\"x\"",
            "-c",
            "app",
            "--since=5m",
            "'jsonpath={.items[*].x}'",
            "custom-columns=A:.b",
            "billing",
            "nightly",
            "keep=2h",
            "count=2",
            "--reason",
            "'why not'",
            "-L",
            "tier",
            "--sort-by=.metadata.name",
            "--to-revision=2",
            "--watch=false",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
        "\\PC{0,4}",
    ]
}

/// What may stand behind a pipe.
fn filter() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["grep", "head", "tail", "sort", "wc", "jq", "jq -r", "awk", ""]);
    let word = prop_oneof![
        prop::sample::select(vec![
            "-i",
            "-vn",
            "-c",
            "-o",
            "-w",
            "-x",
            "-F",
            "-E",
            "-m3",
            "-A 2",
            "-C",
            "-e",
            "x",
            "'a|b'",
            "'a\\|b'",
            "-5",
            "-n",
            "5",
            "+2",
            "-c9",
            "-rn",
            "-k2,3n",
            "-k",
            "-t,",
            "-u",
            "-hV",
            "-l",
            "-wc",
            "'.a'",
            "'.[] | .x'",
            "'env'",
            "-S",
            "--arg a b",
            "'$a'",
            "'[.. | scalars]'",
            "--",
            "-",
            "-f",
            "/etc/passwd",
            "'('",
            "\"it's\"",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
        "'[^'\\p{C}]{0,12}'",
    ];
    (name, prop::collection::vec(word, 0..4)).prop_map(|(name, words)| format!(" | {name} {}", words.join(" ")))
}

fn filtered() -> impl Strategy<Value = String> {
    prop::collection::vec(filter(), 0..3).prop_map(|filters| format!("kubectl get pods{}", filters.concat()))
}

fn line() -> impl Strategy<Value = String> {
    let tool = prop::sample::select(vec![
        "kubectl ",
        "/kubectl ",
        "restart-report ",
        "disk-usage ",
        "countersign can-i kubectl ",
        "",
    ]);
    (tool, prop::collection::vec(fragment(), 0..9)).prop_map(|(tool, words)| format!("{tool}{}", words.join(" ")))
}

/// A line that is understood, most of the time: verb, kind, names and flags that fit together.
fn sensible() -> impl Strategy<Value = String> {
    let verb = prop::sample::select(vec![
        "get",
        "describe",
        "delete",
        "rollout restart",
        "rollout undo",
        "rollout status",
        "rollout history",
        "scale --replicas=2",
        "scale --replicas=0",
        "label x=y",
        "logs",
    ]);
    let target = prop::sample::select(vec![
        "deploy/web",
        "deploy web api",
        "sts/a ds/b",
        "deploy -l app=web",
        "deploy",
        "pods a",
        "a",
        "all",
        "ns/kube-system",
        "secrets",
        "hpa.v2.autoscaling x",
        "no,pv",
    ]);
    let flags = prop::collection::vec(
        prop::sample::select(vec![
            "-n web",
            "-nweb",
            "--namespace=web",
            "-A",
            "-o json",
            "-oname",
            "--apply",
            "--dry-run",
            "--context=prod",
            "--all",
            "--force",
            "--cascade",
            "--cascade=orphan",
            "--overwrite",
            "--timeout=5m",
            "--show-labels=t",
            "-o 'go-template={{.x}}'",
            "-L a -L b",
            "--no-headers --no-headers=false",
            "--reason 'x y'",
            "-p",
            "-c app",
        ]),
        0..4,
    );
    (verb, target, flags, any::<bool>()).prop_map(|(verb, target, flags, first)| {
        let flags = flags.join(" ");
        if first { format!("kubectl {verb} {flags} {target}") } else { format!("kubectl {verb} {target} {flags}") }
    })
}

fn reads_back(command: &Command, vocabulary: &Vocabulary) {
    let again = parse_again(&Canonical::of(command), vocabulary);
    assert_eq!(again.as_ref(), Ok(command), "{}", command.argv());
}

/// Names, labels and values of flags are what was typed; only verbs, kinds and the spelling of flags
/// are ours, besides the default namespace and the bounded wait of `rollout status`.
fn adds_nothing(command: &Command, text: &str) {
    let typed: String = text.chars().filter(|c| !"'\"\\".contains(*c)).collect();
    for element in command.argv().elements().iter().skip(1) {
        assert!(!element.chars().any(char::is_control), "{element:?}");
        if matches!(element.as_str(), "--namespace=default" | "--timeout=300s") {
            continue;
        }
        let value = match element.strip_prefix("--") {
            Some(flag) => flag.split_once('=').map_or("", |(_, value)| value),
            None => element.split_once('/').map_or("", |(_, name)| name),
        };
        let label = element.contains('=') || element.ends_with('-');
        let value = if label && !element.starts_with("--") { element } else { value };
        let value = value.strip_prefix("go-template=").unwrap_or(value);
        let pieces = if element.starts_with("--label-columns") { value.split(',').collect() } else { vec![value] };
        for piece in pieces {
            assert!(typed.contains(piece), "{piece} of {element} was not typed in {text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_understood_or_refused(text in "\\PC{0,60}|(?s:.){0,60}") {
        let vocabulary = vocabulary();
        let _ = parse(&text, &Context::default(), &vocabulary);
        let _ = parse(&format!("kubectl {text}"), &Context::default(), &vocabulary);
    }

    #[test]
    fn what_is_understood_reads_back_to_itself(text in prop_oneof![line(), sensible()]) {
        let vocabulary = vocabulary();
        if let Some(command) = understood(&text, &vocabulary) {
            reads_back(&command, &vocabulary);
            if *command.tool() == Tool::Kubectl {
                adds_nothing(&command, &text);
            }
        }
    }

    #[test]
    fn filters_read_back_to_themselves_and_add_nothing(text in filtered()) {
        let vocabulary = vocabulary();
        if let Some(command) = understood(&text, &vocabulary) {
            reads_back(&command, &vocabulary);
            // Besides option letters and the ten lines of `head`, everything was typed.
            let typed: String = text.chars().filter(|c| !"'\"\\".contains(*c)).collect();
            for element in command.parts().filters.iter().flat_map(Argv::elements) {
                let ours = element.starts_with('-') || element == "10";
                let element: String = element.chars().filter(|c| !"'\"\\".contains(*c)).collect();
                // A key is put together from its parts.
                prop_assert!(ours || typed.contains(&element) || typed.contains("-k"), "{element} in {text}");
            }
        }
    }

    #[test]
    fn p36_only_apply_applies(text in sensible()) {
        if let Some(command) = understood(&text, &vocabulary()) {
            let applies = command.mode() == Mode::Apply && command.action().tier > Tier::Read;
            prop_assert!(!applies || text.contains("--apply"));
            for step in command.preview().into_iter().flat_map(|plan| &plan.steps) {
                let reads = step.elements().get(1).is_some_and(|verb| verb == "get");
                prop_assert!(reads || step.elements().iter().any(|element| element == "--dry-run=server"));
            }
        }
    }

    #[test]
    fn p56_every_refusal_has_rule_place_and_way_forward(text in prop_oneof![line(), filtered()]) {
        if let Err(refusal) = parse(&text, &Context::default(), &vocabulary()) {
            prop_assert!(refusal.rule().is_some());
            prop_assert!(!refusal.hint().is_empty());
            let shown = format!("{refusal} {}", refusal.hint());
            prop_assert!(!shown.chars().any(countersign_core::refusal::is_deceptive), "{shown:?}");
            if let Some(place) = refusal.place() {
                prop_assert!(place.column >= 1 && place.column <= text.chars().count() + 1);
            }
        }
    }

    #[test]
    fn p15_no_shell_is_needed(text in prop_oneof![line(), filtered()]) {
        // A shell given the printed command reads exactly the same words.
        if let Some(command) = understood(&text, &vocabulary()) {
            for argv in std::iter::once(command.argv()).chain(&command.parts().filters) {
                prop_assert_eq!(shell_words::split(&argv.to_string()).unwrap(), argv.elements());
            }
        }
    }
}
