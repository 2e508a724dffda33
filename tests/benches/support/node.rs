//! Another project's program under node: one line in, one line out, and gone with its value.
//!
//! **Invariant:** it ends when its input does, so it never outlives this process, however this process ends.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running script of `tests/npm`.
pub(crate) struct Node {
    child: Child,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Node {
    /// Starts `script` with where the packages are and these arguments, and returns what it says when it is ready.
    pub(crate) fn start(script: &str, arguments: &[String]) -> (Self, String) {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let packages = here.join("../.cache/npm");
        assert!(packages.join("node_modules").is_dir(), "the programs of tests/npm are not installed, run tests/run");
        #[expect(clippy::disallowed_methods, reason = "the rival is started as anybody would")]
        let mut command = Command::new("node");
        command.arg(here.join("npm").join(script)).arg(packages).args(arguments).env("NODE_ENV", "production");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("`node` does not start, run tests/run: {error}"));
        let orders = child.stdin.take();
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut node = Self { child, orders, said };
        let ready = node.line();
        (node, ready)
    }

    /// Sends a line, and waits for the line it is answered with.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        let orders = self.orders.as_mut().expect("it is open until the end");
        writeln!(orders, "{line}").and_then(|()| orders.flush()).expect("the script reads");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let bytes = self.said.read_line(&mut line).expect("the script speaks text");
        assert!(bytes > 0, "the script has ended");
        line.trim_end().to_owned()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
