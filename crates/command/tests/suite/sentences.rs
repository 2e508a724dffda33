//! Properties of every line to Terraform, to a rollout and to a silence, not of chosen ones.

use crate::common::{again, typed};
use countersign_command::Typed;
use countersign_core::command::Command;
use countersign_core::tier::Tier;
use proptest::prelude::*;

const WORDS: [&str; 62] = [
    "plan",
    "apply",
    "network",
    "-destroy",
    "--destroy=T",
    "-destroy=false",
    "-refresh-only",
    "-refresh=false",
    "-target=a.b",
    "-target",
    "module.x[\"k\"]",
    "a.b[0]",
    "-replace",
    "-replace=a.b",
    "--ref",
    "--ref=feature",
    "main",
    "-parallelism=3",
    "-lock-timeout=1m",
    "-lock=false",
    "-var-file=x",
    "-chdir=/",
    "-no-color",
    "-input=false",
    "checkout",
    "ledger",
    "dev",
    "prod",
    "1.4",
    "latest",
    "status",
    "rollback",
    "undo",
    "sha256:00",
    "A",
    "Disk full",
    "list",
    "expire",
    "01234567-89ab-cdef-0123-456789abcdef",
    "1h",
    "90m",
    "25h",
    "0s",
    "alertname=A",
    "alertname=",
    "alertname=~.*",
    "alertname=~A.*",
    "alertname=~AB.*",
    "service=x",
    "service!=x",
    "service!~x",
    "service=~x|yz",
    "=",
    "!",
    "--on",
    "--on=dev",
    "--comment",
    "--comment=why",
    "--apply",
    "--dry-run",
    "--reason",
    "--",
];

/// Matchers that almost every alert fits.
const BROAD: [&str; 10] = [
    "alertname=",
    "alertname=~",
    "alertname=~.*",
    "alertname=~A.*",
    "alertname!=A",
    "service!=x",
    "service!~x",
    "service=~.+|x",
    "env=~[a-z]+",
    "pod=~(ab)?.*",
];

fn line() -> impl Strategy<Value = (String, Vec<String>)> {
    let word = prop_oneof![
        9 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned),
        1 => "[ -~äé=~!\"]{0,6}",
    ];
    (prop::sample::select(vec!["tf", "deploy", "silence"]), prop::collection::vec(word, 0..7))
        .prop_map(|(tool, words)| (tool.to_owned(), words))
}

fn understood(tool: &str, words: &[String]) -> Option<Command> {
    let quoted = words.iter().map(|word| shell_words::quote(word).into_owned());
    let text = [tool.to_owned()].into_iter().chain(quoted).collect::<Vec<_>>().join(" ");
    match typed(&text) {
        Ok(Typed::Run { command, .. }) => Some(command),
        Ok(Typed::Ask(_)) | Err(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What is understood reads back to itself, and typed in its canonical form is itself.
    #[test]
    fn p13_a_line_has_one_canonical_form((tool, words) in line()) {
        if let Some(command) = understood(&tool, &words) {
            prop_assert_eq!(again(&command), Ok(command.clone()));
            let retyped = understood(&tool, command.argv().arguments());
            prop_assert_eq!(retyped.map(|it| it.argv().clone()), Some(command.argv().clone()));
        }
    }

    /// What is called a read changes nothing: it is one of three sentences.
    #[test]
    fn p39_only_three_sentences_read((tool, words) in line()) {
        if let Some(command) = understood(&tool, &words).filter(|it| it.action().tier == Tier::Read) {
            let argv = command.argv().elements();
            let revision = argv.iter().any(|element| element.starts_with("--ref"));
            let reads = [["tf", "plan"], ["deploy", "status"], ["silence", "list"]];
            prop_assert!(!revision && reads.iter().any(|start| argv.starts_with(&start.map(str::to_owned))), "{:?}", argv);
        }
    }

    /// However many matchers that let everything through come together, nothing is narrow.
    #[test]
    fn p39_no_silence_is_of_everything(words in prop::collection::vec(prop::sample::select(&BROAD[..]), 1..6)) {
        let words: Vec<String> = words.into_iter().chain(["1h", "--on=dev"]).map(str::to_owned).collect();
        prop_assert_eq!(understood("silence", &words), None);
    }
}
