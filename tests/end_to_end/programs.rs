//! The command line as a newcomer and an auditor use it.

#![expect(clippy::disallowed_methods, reason = "the one place where tests start the program itself")]

use std::path::PathBuf;
use std::process::{Command, Output};

fn program() -> PathBuf {
    let launcher = countersign_tests::launcher();
    let path = launcher.as_path().with_file_name("countersign");
    assert!(path.exists(), "`{}` is missing: run tests/run, or `cargo build --workspace` first", path.display());
    path
}

fn run(arguments: &[&str]) -> Output {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().expect("tests/ is a folder of the workspace");
    Command::new(program()).args(arguments).current_dir(root).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_tour_keeps_its_promises_and_its_log_verifies() {
    let data = tempfile::tempdir().expect("there is room");
    let data = data.path().to_str().expect("it is text");
    let tour = run(&["demo", "--tour", "--data", data]);
    let said = text(&tour.stdout);
    assert!(tour.status.success(), "{said}\n{}", text(&tour.stderr));
    assert!(said.contains("each as promised"), "{said}");
    let verified = run(&["audit", "verify", "--data", data]);
    assert_eq!(verified.status.code(), Some(0), "{}{}", text(&verified.stdout), text(&verified.stderr));
    assert!(text(&verified.stdout).contains("Integrity: nothing was changed"));

    // The installation's own key of digests is at hand, so what was printed is compared as well.
    let output = first_file(&PathBuf::from(data).join("audit/outputs"));
    let mut bytes = std::fs::read(&output).expect("it can be read");
    *bytes.first_mut().expect("something was printed") ^= 1;
    std::fs::remove_file(&output).expect("whoever owns the host can");
    std::fs::write(&output, bytes).expect("whoever owns the host can");
    let swapped = run(&["audit", "verify", "--data", data]);
    assert_eq!(swapped.status.code(), Some(2), "{}", text(&swapped.stdout));
    assert!(text(&swapped.stdout).contains("changed-output (1)"), "{}", text(&swapped.stdout));
}

/// Any file below a folder that has something in it.
fn first_file(folder: &std::path::Path) -> PathBuf {
    for entry in std::fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it is there").path();
        let filled = if path.is_dir() { Some(first_file(&path)) } else { Some(path) };
        if let Some(path) = filled.filter(|path| path.metadata().is_ok_and(|meta| meta.len() > 0)) {
            return path;
        }
    }
    panic!("nothing below `{}`", folder.display())
}

#[test]
fn a_page_for_other_machines_is_refused() {
    let out = run(&["demo", "--listen", "0.0.0.0:8080"]);
    assert_eq!(out.status.code(), Some(3));
    assert!(text(&out.stderr).contains("0.0.0.0:8080"), "{}", text(&out.stderr));
}

#[test]
fn the_shipped_files_are_right_and_their_cases_pass() {
    let check = run(&["check", "--people", "crates/cli/src/demo/people.yaml"]);
    assert!(check.status.success(), "{}", text(&check.stderr));
    let test = run(&["test"]);
    assert!(test.status.success(), "{}", text(&test.stderr));
    assert!(text(&test.stdout).contains(" passed, 0 failed"), "{}", text(&test.stdout));
}

#[test]
fn every_mistake_of_a_file_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("there is room");
    let rbac = folder.path().join("rbac.yaml");
    std::fs::write(&rbac, "version: 1\nroles:\n  viewer: { allow: [ { tool: \"*\", tier: raed } ] }\nbindings:\n  - { group: engineering, role: veiwer }\n")
        .expect("there is room");
    let out = run(&["check", "--rbac", rbac.to_str().expect("it is text")]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("rbac.yaml:3:") && said.contains("rbac.yaml:5:"), "{said}");
    assert!(said.contains("read") && said.contains("viewer"), "{said}");
}

/// A program that does not outlive its test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One request over a plain socket, so that nothing between us and the page is clever.
fn get(address: &str, path: &str, headers: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(address).expect("the page listens");
    // In one piece: a server that answers and closes while more is written resets the connection.
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).expect("the page listens");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("the page answers in text");
    answer
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("HTTP begins with a status")
}

#[test]
fn the_page_is_for_whoever_holds_the_token_and_ends_with_a_sound_log() {
    use std::io::BufRead as _;
    let data = tempfile::tempdir().expect("there is room");
    let folder = data.path().to_str().expect("it is text");
    let started = Command::new(program())
        .args(["demo", "--listen", "127.0.0.1:0", "--data", folder])
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut demo = Running(started.expect("it starts"));
    // Held to the end: a program that still prints must not meet a closed pipe.
    let mut lines = std::io::BufReader::new(demo.0.stdout.take().expect("it is piped")).lines();
    let url =
        lines.by_ref().map_while(Result::ok).find_map(|line| line.trim().strip_prefix("http://").map(str::to_owned));
    let url = url.expect("it prints where to go");
    let (address, path) = url.split_once('/').expect("there is a path");
    let host = format!("Host: {address}\r\n");
    assert!(status(&get(address, "/", &host)) >= 400, "nothing without the token");
    assert!(status(&get(address, "/?token=wrong", &host)) >= 400, "nothing with another");
    let rebound = get(address, &format!("/{path}"), "Host: evil.example\r\n");
    assert!(status(&rebound) >= 400, "{rebound}");
    let entered = get(address, &format!("/{path}"), &host);
    assert_eq!(status(&entered), 303, "{entered}");
    assert!(entered.contains("HttpOnly") && entered.contains("SameSite=Strict"), "{entered}");
    assert!(entered.contains("content-security-policy: default-src 'none'"), "{entered}");
    let told = Command::new("kill").arg(demo.0.id().to_string()).status().expect("kill is there");
    assert!(told.success());
    assert!(demo.0.wait().expect("it is ours").success(), "it ends well when it is told to");
    let verified = run(&["audit", "verify", "--data", folder]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
    assert!(text(&verified.stdout).contains("Notices: none"), "{}", text(&verified.stdout));
}
