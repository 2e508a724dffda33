//! The program itself: one argument, three ends.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

#[expect(clippy::disallowed_methods, reason = "the program is what is tested")]
fn program(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign-filter"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn filtered(chain: &str, input: &str) -> (Option<i32>, String, String) {
    let output = program(&["__countersign-filter", chain], input.as_bytes());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_says_how_it_ended() {
    let chain = r#"[["grep","-E","a"],["wc","-l"]]"#;
    assert_eq!(filtered(chain, "a\nb\na\n"), (Some(0), "2\n".to_owned(), String::new()));
    assert_eq!(filtered(r#"[["grep","-E","x"]]"#, "a\n"), (Some(1), String::new(), String::new()));
    let (code, out, said) = filtered(r#"[["jq","."]]"#, "not json");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(said.starts_with("`jq`: the output is not JSON"), "{said}");
}

#[test]
fn p16_what_does_not_read_back_runs_nothing() {
    for chain in [
        "",
        "{}",
        "[[]]",
        r#"[["sh","-c","id"]]"#,
        r#"[["jq","env"]]"#,
        r#"[["jq","$ENV"]]"#,
        r#"[["jq","import \"/etc/passwd\" as $x; $x"]]"#,
        r#"[["grep","-f","/etc/passwd"]]"#,
        r#"[["grep","x","/etc/passwd"]]"#,
        r#"[["grep","-i","x"]]"#,
        r#"[["head"]]"#,
    ] {
        let (code, out, said) = filtered(chain, "root\n");
        assert_eq!((code, out.as_str()), (Some(2), ""), "{chain}");
        assert!(!said.is_empty() && !said.contains("root:"), "{chain}: {said}");
    }
    assert_eq!(program(&["grep", "-E", "a"], b"a\n").status.code(), Some(2));
    assert_eq!(program(&[], b"").status.code(), Some(2));
}
