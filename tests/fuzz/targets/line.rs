//! Any text at all, as somebody could type it: the normaliser, the words, the filters and the grammar of every tool.
//!
//! Nothing panics; what is understood reads back to itself; no element of argv holds what was not typed.

#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzzer stops at what it did not expect")]

#[path = "../../../crates/command/tests/suite/common.rs"]
#[expect(dead_code, reason = "the crate's own tests use more of it")]
mod common;
#[path = "properties.rs"]
mod properties;

use countersign_command::{Context, Typed, Vocabulary, parse};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// The first byte says whose grammar it is about, so that none has to be found by chance.
const BEGINNINGS: [&str; 10] = [
    "",
    "/kubectl ",
    "/kubectl get ",
    "/aws dev ",
    "/gcloud dev ",
    "/tf ",
    "/deploy ",
    "/silence ",
    "/countersign ",
    "/kubectl get pods | ",
];

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(common::vocabulary);

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    // A seed is a whole line, and begins with what its tool is called by.
    let text = if *first == b'/' {
        format!("/{text}")
    } else {
        format!("{}{text}", BEGINNINGS[usize::from(*first) % BEGINNINGS.len()])
    };
    match parse(&text, &Context::default(), &VOCABULARY) {
        Ok(Typed::Run { command, .. }) => {
            properties::reads_back(&command, &VOCABULARY);
            properties::adds_nothing(&command, &text);
        }
        Ok(Typed::Ask(_)) => {}
        Err(refusal) => properties::is_told_well(&refusal, &text),
    }
});
