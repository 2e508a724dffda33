//! Verification: verdicts, exit codes, reports.

use crate::installation::{Installation, countersign};
use serde_json::Value;

#[tokio::test]
async fn the_exit_code_is_the_verdict() {
    let it = Installation::new().await;
    let sound = it.audit("verify", &[]);
    assert_eq!(sound.code, 0, "{sound:?}");
    for line in ["Integrity: nothing was changed", "Completeness: nothing is missing", "Notices: none", "Sound: "] {
        assert!(sound.out.contains(line), "{sound:?}");
    }
    assert_eq!(sound.err, "", "no progress where there is no terminal");

    let last = it.segments().pop().unwrap();
    let kept = std::fs::read(&last).unwrap();
    std::fs::remove_file(&last).unwrap();
    let short = it.audit("verify", &[]);
    assert_eq!(short.code, 1, "{short:?}");
    assert!(short.out.contains("missing-tail (1): ") && short.out.contains("Incomplete: "), "{short:?}");
    std::fs::write(&last, kept).unwrap();

    let first = it.segments().remove(1);
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::remove_file(&first).unwrap();
    std::fs::write(&first, text.replace("of-ann", "of-eve")).unwrap();
    let broken = it.audit("verify", &[]);
    assert_eq!(broken.code, 2, "{broken:?}");
    assert!(broken.out.contains("edited-line (1): ") && broken.out.contains("Broken: "), "{broken:?}");
    assert_eq!(it.audit("verify", &["--integrity", "--jobs", "1"]).code, 2);
}

#[tokio::test]
async fn what_is_not_known_or_asked_wrongly_is_3() {
    let it = Installation::new().await;
    let (audit, missing) = (it.text("audit"), it.text("none"));
    for wrong in [
        &["audit", "verify", "--data", &missing][..],
        &["audit", "verify", "--audit", &audit],
        &["audit", "verify", "--audit", &audit, "--root", &missing],
        &["audit", "verify", "--audit", "git:somewhere"],
        &["audit", "verify", "--anchors", "ftp://x", "--audit", &audit, "--root", &it.text("keys/root.pub")],
        &["audit", "verify", "--jobs", "0"],
        &["audit", "verify", "--nope"],
        &["audit"],
        &["audit", "search", "--tier", "harmless"],
        &["audit", "search", "--since", "yesterday"],
        &["audit", "show", "xyz"],
        &[],
    ] {
        let said = countersign(wrong);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{wrong:?}: {said:?}");
        assert!(!said.err.is_empty());
    }
    assert_eq!(countersign(&["audit", "verify", "--help"]).code, 0);
    assert_eq!(countersign(&["--version"]).code, 0);
}

#[tokio::test]
async fn an_outsider_needs_the_log_and_the_root_key() {
    let it = Installation::new().await;
    let (audit, root) = (it.text("audit"), it.text("keys/root.pub"));
    let alone = countersign(&["audit", "verify", "--audit", &audit, "--root", &root]);
    assert_eq!(alone.code, 0, "{alone:?}");
    assert!(alone.out.contains("no-anchors (1)") && alone.out.contains("as far as one store can tell"), "{alone:?}");
    let other = Installation::new().await;
    let foreign = countersign(&["audit", "verify", "--audit", &audit, "--root", &other.text("keys/root.pub")]);
    assert_eq!(foreign.code, 2, "{foreign:?}");
}

#[tokio::test]
async fn the_report_for_programs_keeps_its_form() {
    let it = Installation::new().await;
    std::fs::write(it.path("audit").join("stranger\u{9b}2J"), "x").unwrap();
    let said = it.audit("verify", &["--json"]);
    assert_eq!((said.code, said.err.as_str()), (2, ""), "{said:?}");
    assert!(said.out.bytes().all(|byte| byte == b'\n' || (b' '..0x7f).contains(&byte)), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let expected = serde_json::json!({
        "conclusion": "broken",
        "findings": [{
            "concern": "integrity",
            "name": "unknown-file",
            "object": "stranger\u{9b}2J",
            "says": report["findings"][0]["says"],
        }],
        "heads": report["heads"],
        "intents": 0,
        "records": 6,
        "writers": 1,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&report[name], value, "{report:#}");
    }
    let people = it.audit("verify", &[]);
    assert!(people.out.contains("unknown-file (1): ") && people.out.contains("\\u{9b}2J"), "{people:?}");
    let schema: Value = serde_json::from_str(&countersign(&["audit", "schema", "--report"]).out).unwrap();
    for name in schema["required"].as_array().unwrap() {
        assert!(report.get(name.as_str().unwrap()).is_some(), "{name}");
    }
    let record: Value = serde_json::from_str(&countersign(&["audit", "schema"]).out).unwrap();
    assert_eq!(record["properties"]["schema"]["const"], 1);
}

#[tokio::test]
async fn nothing_is_sound_on_the_ground_of_nothing() {
    let it = Installation::new().await;
    std::fs::create_dir(it.path("empty")).unwrap();
    let (audit, root, empty) = (it.text("audit"), it.text("keys/root.pub"), it.text("empty"));
    for (place, told) in [
        (&["--audit", &empty][..], "no stream of records and no signed head"),
        (&["--audit", &audit, "--anchors", &empty], "has no signed head"),
        (&["--audit", &audit, "--anchors", &audit], "is the log itself"),
        (&["--audit", &audit, "--retention-days", "1"], "a folder locks nothing"),
    ] {
        for more in [&[][..], &["--json"]] {
            let said = countersign(&[&["audit", "verify", "--root", &root], place, more].concat());
            assert_eq!((said.code, said.out.as_str()), (3, ""), "{place:?}: {said:?}");
            assert!(said.err.contains(told), "{place:?}: {said:?}");
        }
    }
    // What is wrong is told all the same.
    std::fs::write(it.path("audit/stranger"), "x").unwrap();
    let broken = countersign(&["audit", "verify", "--root", &root, "--audit", &audit, "--anchors", &empty]);
    assert!(broken.code == 2 && broken.out.contains("unknown-file (1)"), "{broken:?}");
}

#[tokio::test]
async fn a_verdict_says_what_it_does_not_rest_on() {
    let it = Installation::new().await;
    let (audit, root, anchors) = (it.text("audit"), it.text("keys/root.pub"), it.text("anchors"));
    let place = ["audit", "verify", "--audit", &audit, "--root", &root, "--anchors", &anchors];
    let without = countersign(&place);
    assert!(without.code == 0 && without.out.contains("with --fate"), "{without:?}");
    let whole = it.audit("verify", &[]);
    assert!(!whole.out.contains("--fate"), "{whole:?}");
    let chains = it.audit("verify", &["--integrity"]);
    assert!(chains.code == 0 && chains.out.contains("Sound, as far as chains and signed heads tell"), "{chains:?}");
    assert!(!chains.out.contains(" runs"), "runs are not looked at: {chains:?}");
    // The likeliest mistake of all: another installation's name, or its key.
    let named = countersign(&[&place[..], &["--deployment", "acme"]].concat());
    assert!(named.code == 2 && named.out.contains("--deployment (`acme`)"), "{named:?}");
    let level = countersign(&["audit", "verify", "--root", &root, "--audit", it.text("").trim_end_matches('/')]);
    assert!(level.code == 2 && level.out.contains("the folder that has `records` in it"), "{level:?}");
}
