//! One cluster, one kubectl, and a clock that stands still.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign_simulators::kubernetes::{Account, Cluster, Effects, Recorded, Rule, Seed};
use jiff::Timestamp;
use reqwest::{Certificate, Client, Method};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Nothing in these tests needs as long as this.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The clock's first time: 2026-01-05T12:00:00Z.
const START: i64 = 1_767_614_400;

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) tasks: TaskTracker,
    pub(crate) files: TempDir,
    clock: Arc<AtomicI64>,
}

/// What a kubectl run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A kubectl that is still running; dropping it ends it.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl World {
    pub(crate) async fn demo() -> Self {
        Self::with(Seed::demo("prod")).await
    }

    /// The demo's cluster with an account `admin` that may do everything.
    pub(crate) async fn with_admin() -> Self {
        let mut seed = Seed::demo("prod");
        let everything = Rule::new(&["*"], &["*"], &["*"], &["*"]);
        seed.accounts.push(Account { name: "admin".into(), rules: vec![everything], effects: Effects::Real });
        Self::with(seed).await
    }

    pub(crate) async fn with(seed: Seed) -> Self {
        let tasks = TaskTracker::new();
        let clock = Arc::new(AtomicI64::new(START));
        let reading = Arc::clone(&clock);
        let now =
            Arc::new(move || Timestamp::from_second(reading.load(Ordering::SeqCst)).expect("a time of this century"));
        let cluster = Cluster::start(seed, now, &tasks, CancellationToken::new()).await.expect("the cluster starts");
        Self { cluster, tasks, files: TempDir::new().expect("a folder"), clock }
    }

    /// Moves the clock on.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Runs kubectl to its end as an account. Words are separated by blanks.
    pub(crate) async fn kubectl(&self, account: &str, command: &str) -> Ran {
        let kubeconfig = self.cluster.kubeconfig(account, None).expect("a known account");
        self.kubectl_with(&kubeconfig, command).await
    }

    /// The same with any kubeconfig.
    pub(crate) async fn kubectl_with(&self, kubeconfig: &str, command: &str) -> Ran {
        ended(self.command(kubeconfig, command).output()).await
    }

    /// The same with something on its standard input.
    pub(crate) async fn feed(&self, account: &str, command: &str, input: &Value) -> Ran {
        let kubeconfig = self.cluster.kubeconfig(account, None).expect("a known account");
        let mut kubectl = self.command(&kubeconfig, command);
        let mut child = kubectl.stdin(Stdio::piped()).spawn().expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        let text = input.to_string();
        ended(async move {
            stdin.write_all(text.as_bytes()).await?;
            drop(stdin);
            child.wait_with_output().await
        })
        .await
    }

    /// True for a kubectl of 1.27 or later; what an older one has not learnt yet is not asked of it.
    pub(crate) async fn modern(&self) -> bool {
        let version = self.kubectl("read", "version --client -o json").await.ok();
        let version: Value = serde_json::from_str(&version).expect("JSON");
        let minor = version["clientVersion"]["minor"].as_str().expect("a minor version");
        minor.trim_end_matches('+').parse::<u32>().expect("a number") >= 27
    }

    /// Starts a kubectl that goes on.
    pub(crate) fn start_kubectl(&self, account: &str, command: &str) -> Running {
        let kubeconfig = self.cluster.kubeconfig(account, None).expect("a known account");
        let mut child = self.command(&kubeconfig, command).spawn().expect("kubectl starts");
        let lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        Running { child, lines }
    }

    #[expect(clippy::disallowed_methods, reason = "these tests are about the real kubectl, outside any jail")]
    fn command(&self, kubeconfig: &str, command: &str) -> Command {
        let home = TempDir::new_in(self.files.path()).expect("a folder").keep();
        let file = home.join("kubeconfig");
        std::fs::write(&file, kubeconfig).expect("a file");
        let empty = home.join("home");
        std::fs::create_dir(&empty).expect("a folder");
        let mut kubectl = Command::new(binary());
        kubectl
            .args(command.split_whitespace())
            .env_clear()
            // Where `kubectl diff` finds diff.
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", empty)
            .env("KUBERC", "off")
            .env("KUBECONFIG", file);
        kubectl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        kubectl
    }

    /// Sends one request as an account, without kubectl: its code and its JSON.
    pub(crate) async fn http(
        &self,
        account: &str,
        method: Method,
        path: &str,
        media_type: &str,
        body: &Value,
    ) -> (u16, Value) {
        let client = self.client();
        let token = self.cluster.token(account).expect("a known account");
        let request = client.request(method, format!("{}{path}", self.cluster.url())).bearer_auth(token);
        let sent = request.header("content-type", media_type).body(body.to_string()).send();
        let answer = timeout(DEADLINE, sent).await.expect("the server answers").expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// An HTTP client that trusts the cluster.
    pub(crate) fn client(&self) -> Client {
        // Another test of this process may have been first; either way one is installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let ca = Certificate::from_pem(self.cluster.ca_pem().as_bytes()).expect("the CA is PEM");
        Client::builder().tls_certs_only([ca]).no_proxy().build().expect("a client")
    }

    /// Everything kept, to compare with.
    pub(crate) fn everything(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for node in self.cluster.names("nodes", None) {
            all.extend(self.cluster.object("nodes", None, &node));
        }
        for resource in [
            "pods",
            "replicasets",
            "deployments",
            "secrets",
            "configmaps",
            "services",
            "daemonsets",
            "horizontalpodautoscalers",
            "jobs",
            "cronjobs",
            "serviceaccounts",
            "poddisruptionbudgets",
        ] {
            for namespace in ["payments", "web", "kube-system"] {
                let names = self.cluster.names(resource, Some(namespace));
                all.extend(names.iter().filter_map(|name| self.cluster.object(resource, Some(namespace), name)));
            }
        }
        all
    }

    /// Waits until an account has asked for such a path.
    pub(crate) async fn asked(&self, account: &str, path: &str) {
        let is = |one: &Recorded| one.account.as_deref() == Some(account) && one.path.contains(path);
        let asked = async {
            while !self.cluster.requests().iter().any(is) {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, asked).await.expect("it is asked for");
    }

    /// The requests that changed something.
    pub(crate) fn mutations(&self) -> Vec<Recorded> {
        self.cluster.requests().into_iter().filter(Recorded::mutated).collect()
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, content: &Value) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, content.to_string()).expect("a file");
        path
    }
}

async fn ended(output: impl Future<Output = std::io::Result<Output>>) -> Ran {
    let output = timeout(DEADLINE, output).await.expect("kubectl ends").expect("kubectl starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("kubectl writes UTF-8");
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    /// Its output, when it went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "kubectl said: {}", self.err);
        self.out
    }

    /// The last line it complained with, when it failed.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_ne!(self.code, 0, "kubectl was content: {}", self.out);
        self.err.lines().last().unwrap_or_default().to_owned()
    }
}

impl Running {
    /// The next line it writes; `None` at its end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        timeout(DEADLINE, self.lines.next_line()).await.expect("kubectl writes").expect("its output is text")
    }

    /// Its exit code, once it has ended.
    pub(crate) async fn code(&mut self) -> Option<i32> {
        timeout(DEADLINE, self.child.wait()).await.expect("kubectl ends").expect("it can be waited for").code()
    }
}

/// The kubectl to test with.
#[expect(clippy::disallowed_methods, reason = "the environment of a test run says which kubectl it is about")]
fn binary() -> PathBuf {
    if let Ok(named) = std::env::var("COUNTERSIGN_KUBECTL") {
        return PathBuf::from(named);
    }
    let installed = ["/usr/lib/google-cloud-sdk/bin/kubectl.1.32", "/usr/bin/kubectl"].map(Path::new);
    let found = installed.into_iter().find(|path| path.exists());
    found.expect("no kubectl: install kubernetes-client, or name a binary in COUNTERSIGN_KUBECTL").to_owned()
}

/// Lines with their blanks collapsed, for comparing tables.
pub(crate) fn rows(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}
