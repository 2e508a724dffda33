//! Any argv at all, as a forged job could carry it: it is refused, or it is exactly itself.

#![no_main]

#[path = "../../../crates/command/tests/suite/common.rs"]
#[expect(dead_code, reason = "the crate's own tests use more of it")]
mod common;

use countersign_command::{Vocabulary, parse_again};
use countersign_core::action::Scope;
use countersign_core::command::{Argv, Tool};
use countersign_core::policy::Canonical;
use countersign_core::tier::Mode;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const TOOLS: [&str; 8] = ["kubectl", "aws", "gcloud", "tf", "deploy", "silence", "restart-report", "unknown"];

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(common::vocabulary);

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let (words, filter) = text.split_once('\u{1}').unwrap_or((&text, ""));
    let tool = Tool::from(TOOLS[usize::from(*first) % TOOLS.len()].to_owned());
    let of = |name: Option<&str>, text: &str| {
        let words = text.split('\n').filter(|word| !word.is_empty()).map(str::to_owned);
        Argv::new(name.map(str::to_owned).into_iter().chain(words).collect())
    };
    let Ok(argv) = of(Some(tool.name()), words) else { return };
    let filters: Vec<Argv> = of(None, filter).into_iter().collect();
    let scope = Scope {
        env: Some("dev".to_owned()),
        target: Some("dev".to_owned()),
        namespace: (first & 16 != 0).then(|| "web".to_owned()),
        region: (first & 32 != 0).then(|| "eu-west-1".to_owned()),
    };
    let mode = if first & 64 == 0 { Mode::Apply } else { Mode::DryRun };
    let canonical = Canonical { tool: &tool, argv: &argv, mode, scope: &scope, stdin: None, filters: &filters };
    if let Ok(command) = parse_again(&canonical, &VOCABULARY) {
        assert_eq!(command.argv(), &argv);
        assert_eq!(command.parts().filters, filters);
        assert_eq!((command.mode(), &command.action().scope), (mode, &scope));
    }
});
