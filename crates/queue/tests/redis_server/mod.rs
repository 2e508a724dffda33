//! A real redis-server for tests: on 127.0.0.1, in a folder of its own, gone with the test.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use countersign_queue::redis::{RedisAddress, RedisTls};
use countersign_queue::{RedisQueue, RedisSettings};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const SERVER: &str = "/usr/bin/redis-server";
pub(crate) const SENTINEL: &str = "/usr/bin/redis-sentinel";

/// How long a server may take to start on a slow machine.
const PATIENCE: usize = 2_000;

/// A program that does not outlive its test.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(program: &str, arguments: &[String], folder: &Path) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the test's own server")]
        let mut command = Command::new(program);
        let log = std::fs::File::create(folder.join("log")).expect("the folder is ours");
        let child = command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
        Self(child.spawn().unwrap_or_else(|error| panic!("`{program}` does not start, run tests/run: {error}")))
    }

    /// Kill -9, and wait until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Stops it in its tracks, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let signal = if frozen { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
        rustix::process::kill_process(pid, signal).expect("it is ours");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a server is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Lines for its configuration.
    pub(crate) more: Vec<String>,
    /// Text of the ACL file, if any.
    pub(crate) acl: Option<String>,
    /// (CA, certificate, key), PEM: only TLS then.
    pub(crate) tls: Option<(String, String, String)>,
    /// Keeps nothing across a restart.
    pub(crate) forgetful: bool,
}

/// A running server. Acknowledged writes are on disk, as in production.
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    options: Options,
    folder: tempfile::TempDir,
    running: Option<Running>,
}

impl RedisServer {
    pub(crate) fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let mut server = Self { port: 0, options, folder, running: None };
        // Somebody else may take the port between the look and the start.
        for _ in 0..20 {
            server.port = free_port();
            server.begin();
            if server.answers() {
                return server;
            }
        }
        panic!("no redis-server could be started: {}", server.log());
    }

    pub(crate) fn plain() -> Self {
        Self::start(Options::default())
    }

    fn begin(&mut self) {
        let (folder, port) = (self.folder.path(), self.port.to_string());
        let file = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).expect("the folder is ours");
            folder.join(name).to_string_lossy().into_owned()
        };
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("dir {}", folder.display()),
            "save \"\"".to_owned(),
            "maxmemory-policy noeviction".to_owned(),
        ];
        if !self.options.forgetful {
            lines.extend(["appendonly yes".to_owned(), "appendfsync always".to_owned()]);
        }
        match &self.options.tls {
            None => lines.push(format!("port {port}")),
            Some((ca, certificate, key)) => lines.extend([
                "port 0".to_owned(),
                format!("tls-port {port}"),
                format!("tls-ca-cert-file {}", file("ca.pem", ca)),
                format!("tls-cert-file {}", file("server.pem", certificate)),
                format!("tls-key-file {}", file("server.key", key)),
                "tls-auth-clients no".to_owned(),
            ]),
        }
        if let Some(acl) = &self.options.acl {
            lines.push(format!("aclfile {}", file("users.acl", acl)));
        }
        lines.extend(self.options.more.clone());
        let configuration = file("redis.conf", &lines.join("\n"));
        self.running = Some(Running::start(SERVER, &[configuration], folder));
    }

    /// Waits until it accepts connections; `false` when it has ended instead.
    fn answers(&mut self) -> bool {
        for _ in 0..PATIENCE {
            let Some(running) = &mut self.running else { return false };
            if running.0.try_wait().expect("it is ours").is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.log().contains("Ready to accept") {
                return true;
            }
            pause();
        }
        false
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    /// Starts it again on the same port and folder.
    pub(crate) fn revive(&mut self) {
        for _ in 0..20 {
            self.begin();
            if self.answers() {
                return;
            }
        }
        panic!("redis-server does not come back: {}", self.log());
    }

    pub(crate) fn freeze(&self, frozen: bool) {
        self.running.as_ref().expect("it runs").freeze(frozen);
    }

    pub(crate) fn settings(&self, name: &str) -> RedisSettings {
        RedisSettings::plain("127.0.0.1", self.port, name)
    }

    /// One command in Redis' inline form, on a plain server without users.
    pub(crate) fn say(&self, command: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("it runs");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket has timeouts");
        write!(socket, "{command}\r\nQUIT\r\n").expect("it runs");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("it answers in text");
        answer
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Between two looks at a program that tells nobody when it is ready.
#[expect(
    clippy::disallowed_methods,
    reason = "a server that starts gives no other sign; the look decides, not the time"
)]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// A queue that lives as long as the test's runtime.
pub(crate) fn connect(settings: RedisSettings) -> RedisQueue {
    RedisQueue::connect(settings, &TaskTracker::new(), CancellationToken::new()).expect("the settings can be used")
}

/// A master, a replica, and three Sentinels that watch them.
pub(crate) struct Sentinels {
    pub(crate) master: RedisServer,
    pub(crate) replica: RedisServer,
    pub(crate) nodes: Vec<u16>,
    watchers: Vec<(Running, tempfile::TempDir)>,
}

impl Sentinels {
    pub(crate) fn start() -> Self {
        let master = RedisServer::plain();
        let more = vec![format!("replicaof 127.0.0.1 {}", master.port)];
        let replica = RedisServer::start(Options { more, ..Options::default() });
        let mut this = Self { master, replica, nodes: Vec::new(), watchers: Vec::new() };
        for _ in 0..3 {
            let folder = tempfile::tempdir().expect("there is room");
            let port = free_port();
            let lines = [
                "bind 127.0.0.1".to_owned(),
                format!("port {port}"),
                format!("dir {}", folder.path().display()),
                format!("sentinel monitor main 127.0.0.1 {} 2", this.master.port),
                "sentinel down-after-milliseconds main 500".to_owned(),
                "sentinel failover-timeout main 3000".to_owned(),
            ];
            let path = folder.path().join("sentinel.conf");
            std::fs::write(&path, lines.join("\n")).expect("the folder is ours");
            let running = Running::start(SENTINEL, &[path.to_string_lossy().into_owned()], folder.path());
            this.nodes.push(port);
            this.watchers.push((running, folder));
        }
        this.until("every Sentinel knows the replica and the others", |one| {
            let told = inline(one, "SENTINEL master main");
            field(&told, "num-slaves") == Some("1".into()) && field(&told, "num-other-sentinels") == Some("2".into())
        });
        this
    }

    pub(crate) fn settings(&self, name: &str) -> RedisSettings {
        let nodes = self.nodes.iter().map(|port| ("127.0.0.1".to_owned(), *port)).collect();
        let address = RedisAddress::Sentinel { nodes, master: "main".into() };
        RedisSettings { address, ..RedisSettings::plain("", 0, name) }
    }

    /// Waits until all Sentinels agree.
    pub(crate) fn until(&self, what: &str, is: impl Fn(u16) -> bool) {
        for _ in 0..PATIENCE * 5 {
            if self.nodes.iter().all(|port| is(*port)) {
                return;
            }
            pause();
        }
        panic!("waited until {what}");
    }

    pub(crate) fn master_is(&self, port: u16) {
        let port = port.to_string();
        self.until("the new master is known", |one| {
            inline(one, "SENTINEL get-master-addr-by-name main").contains(&format!("\r\n{port}\r\n"))
        });
    }
}

fn inline(port: u16, command: &str) -> String {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket has timeouts");
    // A Sentinel knows no QUIT; the end of our words is the end of its answer.
    if write!(socket, "{command}\r\n").is_err() || socket.shutdown(std::net::Shutdown::Write).is_err() {
        return String::new();
    }
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    answer
}

/// The value behind a name in a flat list of bulk strings.
fn field(answer: &str, name: &str) -> Option<String> {
    let mut lines = answer.lines().skip_while(|line| *line != name);
    lines.next()?;
    lines.next()?;
    lines.next().map(str::to_owned)
}

/// The shipped ACL file for one deployment and these pools; the password of `worker-POOL` is `work-POOL`.
pub(crate) fn shipped_acl(name: &str, pools: &[&str]) -> String {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut places = here.ancestors().map(|folder| folder.join("deploy/redis/users.acl"));
    let path = places.find(|path| path.exists()).expect("it is shipped");
    let text = std::fs::read_to_string(path).expect("it is text");
    let lines = text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| {
        let of = |pool: &&str| line.replace("WORKER_PASSWORD", "work-POOL").replace("POOL", pool);
        if line.contains("POOL") { pools.iter().map(of).collect() } else { vec![line.to_owned()] }
    });
    let text: Vec<String> = lines.collect();
    text.join("\n").replace("NAME", name).replace("GATEWAY_PASSWORD", "gate")
}

/// Settings of a pool's worker.
pub(crate) fn as_worker(settings: RedisSettings, pool: &str, ca: Option<String>) -> RedisSettings {
    let settings = as_user(settings, &format!("worker-{pool}"), &format!("work-{pool}"), ca);
    RedisSettings { pools: vec![pool.to_owned()], ..settings }
}

/// Settings of a shipped user.
pub(crate) fn as_user(settings: RedisSettings, user: &str, password: &str, ca: Option<String>) -> RedisSettings {
    RedisSettings {
        user: Some(user.into()),
        password: Some(password.to_owned().into()),
        tls: ca.map(|ca| RedisTls { ca: Some(ca) }),
        ..settings
    }
}
