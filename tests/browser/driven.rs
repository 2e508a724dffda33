//! The demo, and a browser that a script of ours drives.
//!
//! **Invariant:** neither outlives its test, whatever becomes of the test.

#![expect(clippy::disallowed_methods, reason = "the programs are started as anybody would start them")]

use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// A program that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A running `countersign demo`.
pub(crate) struct Demo {
    url: String,
    data: TempDir,
    _program: Running,
    /// Held to the end: a program that still prints must not meet a closed pipe.
    _says: Lines<BufReader<ChildStdout>>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// A binary that cargo has built beside this test.
fn beside_this_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this is a program");
    let path = test.parent().and_then(Path::parent).expect("cargo's layout").join(name);
    assert!(path.exists(), "`{}` is missing: run tests/run, or `cargo build --workspace` first", path.display());
    path
}

impl Demo {
    /// Starts it, and waits until it says where to go.
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().expect("there is room");
        let started = Command::new(beside_this_test("countersign"))
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .spawn();
        let mut program = Running(started.expect("it starts"));
        let mut says = BufReader::new(program.0.stdout.take().expect("it is piped")).lines();
        let url = says.by_ref().map_while(Result::ok).find(|line| line.trim().starts_with("http://"));
        let url = url.expect("it prints where to go").trim().to_owned();
        Self { url, data, _program: program, _says: says }
    }

    /// Changes one letter of a record, as somebody with the disk could.
    pub(crate) fn change_a_record(&self) {
        let records = self.data.path().join("audit/records/v1");
        let writer = std::fs::read_dir(records).expect("it writes").flatten().next().expect("there is a writer");
        let mut segments: Vec<PathBuf> =
            std::fs::read_dir(writer.path()).expect("it writes").flatten().map(|entry| entry.path()).collect();
        segments.sort();
        let first = segments.first().expect("a writer writes its opening first");
        let text = std::fs::read_to_string(first).expect("records are text");
        std::fs::remove_file(first).expect("it is a plain folder");
        std::fs::write(first, text.replacen("writer-opened", "writer-opaned", 1)).expect("there is room");
    }

    /// Lets the script walk through the pages; it says what was not as it should be.
    #[track_caller]
    pub(crate) fn walk(&self, form: &str) {
        let library = repository().join(".cache/npm/node_modules/playwright-core");
        assert!(library.is_dir(), "the programs of tests/npm are not installed, run tests/run");
        let pictures = std::env::var_os("COUNTERSIGN_SCREENSHOTS").map(PathBuf::from);
        let pictures = pictures.map_or_else(|| self.data.path().to_owned(), |folder| repository().join(folder));
        let out = Command::new("node")
            .arg(repository().join("tests/browser/drive.mjs"))
            .args([library.as_os_str(), self.url.as_ref(), pictures.as_os_str(), form.as_ref()])
            .output()
            .expect("node starts, run tests/run");
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
        assert!(said.contains("everything as it should be"), "{said}");
    }
}
