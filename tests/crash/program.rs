//! A real process that is started again whenever it ends, as systemd does it, until it is told to stop.

use crate::rig::PATIENCE;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// systemd's `RestartSec`, shortened.
const RESTART_AFTER: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
enum Order {
    Kill,
    Stop,
}

/// One of the installed programs.
pub(crate) struct Program {
    pub(crate) name: String,
    orders: mpsc::UnboundedSender<Order>,
    ready: watch::Receiver<bool>,
    starts: Arc<AtomicUsize>,
    keeper: JoinHandle<ExitStatus>,
}

impl Program {
    /// Starts it and keeps it running. What it logs goes to `<folder>/<name>.log`.
    pub(crate) fn keep(name: &str, binary: &str, configuration: PathBuf, folder: &Path) -> Self {
        let (orders, received) = mpsc::unbounded_channel();
        let (says, ready) = watch::channel(false);
        let starts = Arc::new(AtomicUsize::new(0));
        let keeper = Keeper {
            binary: beside_this_test(binary),
            configuration,
            log: folder.join(format!("{name}.log")),
            ready: says,
            starts: starts.clone(),
        };
        let keeper = TaskTracker::new().spawn(keeper.run(received));
        Self { name: name.to_owned(), orders, ready, starts, keeper }
    }

    /// Kill -9, wherever it is, also while it starts.
    pub(crate) fn kill(&self) {
        self.orders.send(Order::Kill).expect("its keeper lives");
    }

    /// Waits until it says that everything of it runs.
    pub(crate) async fn is_ready(&mut self) {
        let ready = self.ready.wait_for(|ready| *ready);
        let waited = tokio::time::timeout(PATIENCE, ready).await;
        assert!(matches!(waited, Ok(Ok(_))), "`{}` does not become ready", self.name);
    }

    /// How often it was started.
    pub(crate) fn starts(&self) -> usize {
        self.starts.load(Ordering::Relaxed)
    }

    /// SIGTERM, and how it ended.
    pub(crate) async fn stop(self) -> ExitStatus {
        self.orders.send(Order::Stop).expect("its keeper lives");
        let ended = tokio::time::timeout(PATIENCE, self.keeper).await;
        ended.unwrap_or_else(|_| panic!("`{}` does not stop", self.name)).expect("its keeper does not panic")
    }
}

struct Keeper {
    binary: PathBuf,
    configuration: PathBuf,
    log: PathBuf,
    ready: watch::Sender<bool>,
    starts: Arc<AtomicUsize>,
}

impl Keeper {
    async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) -> ExitStatus {
        let stopping = AtomicBool::new(false);
        loop {
            let mut child = self.start();
            let ended = loop {
                tokio::select! {
                    ended = child.wait() => break ended.expect("it is ours"),
                    order = orders.recv() => match order {
                        Some(Order::Kill) => child.start_kill().expect("it is ours"),
                        Some(Order::Stop) => {
                            stopping.store(true, Ordering::Relaxed);
                            terminate(&child);
                        }
                        None => return child.wait().await.expect("it is ours"),
                    },
                }
            };
            self.ready.send_replace(false);
            if stopping.load(Ordering::Relaxed) {
                return ended;
            }
            tokio::time::sleep(RESTART_AFTER).await;
        }
    }

    fn start(&self) -> Child {
        self.starts.fetch_add(1, Ordering::Relaxed);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).expect("the folder is ours");
        #[expect(clippy::disallowed_methods, reason = "the installed program, as an init system starts it")]
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&self.configuration).env_clear().kill_on_drop(true);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("it was built before");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let ready = self.ready.clone();
        TaskTracker::new().spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "ready" {
                    ready.send_replace(true);
                }
            }
        });
        child
    }
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    // Between two starts there is nobody to tell.
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// A program of the workspace, built before the tests run.
pub(crate) fn beside_this_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this is a program");
    let path = test.parent().and_then(Path::parent).expect("cargo's layout").join(name);
    assert!(path.exists(), "`{}` is missing: run tests/run, or `cargo build --workspace` first", path.display());
    path
}
