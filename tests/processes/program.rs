//! A real process.

use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Longer than anything here takes on a slow machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// One of the installed programs, running.
pub(crate) struct Program {
    child: Child,
    health: String,
    /// Where Slack's requests go, `http://127.0.0.1:PORT`; gateways have it.
    pub(crate) slack: Option<String>,
    log: PathBuf,
}

/// A program that was built with the workspace beside this test.
pub(crate) fn beside_this_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its program");
    let folder = test.parent().and_then(Path::parent).expect("cargo puts tests into target/<profile>/deps");
    let path = folder.join(name);
    assert!(path.exists(), "`{}` is missing: run tests/run, or `cargo build --workspace` first", path.display());
    path
}

/// A program in an environment without anything of this machine's.
pub(crate) fn plain(binary: &str) -> Command {
    let mut words = binary.split(' ');
    #[expect(clippy::disallowed_methods, reason = "the installed program, as an init system starts it")]
    let mut command = Command::new(beside_this_test(words.next().expect("there is a first word")));
    command.args(words).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    // No question to a metadata service.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The program and its arguments: `countersign solo` is one program of many.
pub(crate) fn command(binary: &str, configuration: &Path) -> Command {
    let mut command = plain(binary);
    command.arg("--config").arg(configuration);
    // Nothing in the environment turns on what libraries would write.
    command.env("RUST_LOG", "trace");
    command
}

/// Runs a program that ends by itself.
pub(crate) async fn run(mut command: Command) -> Output {
    let ended = tokio::time::timeout(PATIENCE, command.output()).await;
    ended.expect("it ends").expect("it was built before")
}

/// What both streams said, and the exit code.
pub(crate) fn told(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

impl Program {
    /// Starts it and waits until it says that everything runs. Its log goes beside its configuration.
    pub(crate) async fn start(binary: &str, configuration: &Path) -> Self {
        let log = configuration.with_extension("log");
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("the folder is ours");
        let mut command = command(binary, configuration);
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("it was built before");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let (mut health, mut slack) = (None, None);
        let says = async {
            while let Ok(Some(line)) = lines.next_line().await {
                match line.split_once(' ') {
                    Some(("health", at)) => health = Some(at.to_owned()),
                    Some(("slack", at)) => slack = Some(at.to_owned()),
                    _ if line == "ready" => return true,
                    _ => {}
                }
            }
            false
        };
        let ready = tokio::time::timeout(PATIENCE, says).await.unwrap_or(false);
        let logged = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(ready, "`{binary}` does not start: {}", logged());
        let health = health.expect("it says where its health is before it is ready");
        Self { child, health, slack, log }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(pid.expect("it runs"), signal).expect("it is ours");
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it does not end: {}", self.logged())).expect("it is ours")
    }

    /// SIGTERM, and the exit code.
    pub(crate) async fn stop(self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ended().await.code()
    }

    /// Where its log is, also after its end.
    pub(crate) fn log(&self) -> PathBuf {
        self.log.clone()
    }

    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// One page of its health server: status and body.
    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        self.try_page(path).await.unwrap_or_else(|| panic!("`{path}` is not answered: {}", self.logged()))
    }

    async fn try_page(&self, path: &str) -> Option<(u16, String)> {
        let mut socket = TcpStream::connect(self.health.strip_prefix("http://")?).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Waits until `/readyz` answers so.
    pub(crate) async fn readiness(&self, status: u16, names: &str) -> String {
        let what = format!("readiness is {status} `{names}`");
        until(&what, async || {
            let (code, body) = self.try_page("/readyz").await?;
            (code == status && body.contains(names)).then_some(body)
        })
        .await
    }
}

/// Waits until something is there; the look decides, not the time.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited until {what}"))
}
