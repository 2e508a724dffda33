//! An installation as it runs in production, on one machine: two gateways, two workers, Redis, and around them
//! a cluster and a Slack that outlive all of them.

use crate::program::{Program, beside_this_test};
use crate::redis_server::RedisServer;
use countersign_audit::keys::{self, Process};
use countersign_core::certificate::Role;
use countersign_core::time::Clock;
use countersign_simulators::kubernetes::{Cluster, Seed};
use countersign_simulators::slack::{self, App, Channel, Kind, Slack};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longer than anything here takes on a slow machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// The installation's name.
pub(crate) const DEPLOYMENT: &str = "crash";

const PROCESSES: [(&str, &str); 4] = [
    ("gateway-1", "countersign-gateway"),
    ("gateway-2", "countersign-gateway"),
    ("worker-1", "countersign-worker"),
    ("worker-2", "countersign-worker"),
];

/// Slack says a channel at most about one message a second: many channels, so that the run takes minutes.
pub(crate) const CHANNELS: usize = 48;

pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) redis: RedisServer,
    pub(crate) programs: Vec<Program>,
    pub(crate) cluster: Cluster,
    pub(crate) slack: Slack,
    pub(crate) doors: [App; 2],
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        // Installed by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("there is room");
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock: Arc<dyn Fn() -> jiff::Timestamp + Send + Sync> = Arc::new(now);
        let cluster = Cluster::start(Seed::demo("prod"), clock.clone(), &tasks, stop.clone()).await;
        let cluster = cluster.expect("there is a free port");
        let slack = Slack::start(seed(), clock, &tasks, stop.clone()).await.expect("there is a free port");
        // Slack's rates are tests/slack's subject; here they would stretch minutes to hours.
        slack.limited(false);
        let redis = RedisServer::plain();
        let ports = [crate::redis_server::free_port(), crate::redis_server::free_port()];
        let doors = ports.map(|port| App::at(&format!("http://127.0.0.1:{port}")));
        let site = Site { folder: folder.path(), redis: redis.port, slack: &slack, ports };
        site.prepare(&cluster);
        let programs =
            PROCESSES.map(|(name, binary)| Program::keep(name, binary, site.configuration(name), folder.path()));
        let mut rig = Self { programs: programs.into(), folder, redis, cluster, slack, doors, tasks, stop };
        rig.is_ready().await;
        rig
    }

    pub(crate) async fn is_ready(&mut self) {
        for program in &mut self.programs {
            program.is_ready().await;
        }
    }

    /// Waits until no request is open: its end was told, and no older card can come after it.
    pub(crate) async fn is_closed(&self) {
        let looking = async {
            while self.redis.say(&format!("EXISTS {{cs:{DEPLOYMENT}}}:open")) != ":0\r\n+OK\r\n" {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let closed = tokio::time::timeout(PATIENCE, looking).await;
        assert!(
            closed.is_ok(),
            "requests stay open: {}",
            self.redis.say(&format!("ZRANGE {{cs:{DEPLOYMENT}}}:open 0 -1"))
        );
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// SIGTERM to everybody; how each ended. What is around them stays.
    pub(crate) async fn stop_programs(&mut self) -> Vec<(String, std::process::ExitStatus)> {
        let mut ended = Vec::new();
        for program in self.programs.drain(..) {
            ended.push((program.name.clone(), program.stop().await));
        }
        ended
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The last lines of what a program logged.
    pub(crate) fn logged(&self, name: &str, lines: usize) -> String {
        let text = std::fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// When it fails, what the programs had to say.
impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (name, _) in PROCESSES {
                println!("--- {name}\n{}", self.logged(name, 60));
            }
        }
    }
}

fn now() -> jiff::Timestamp {
    let millis = countersign_audit::clock::SystemClock.now().as_millis();
    jiff::Timestamp::from_millisecond(millis).expect("it is a time")
}

/// A channel's name.
pub(crate) fn channel(nth: usize) -> String {
    format!("C0CRASH{:03}", nth % CHANNELS)
}

/// The stand-in's people, in channels of their own.
fn seed() -> slack::Seed {
    let mut seed = slack::Seed::demo();
    let ops = seed.channels.first().expect("the demo has channels").clone();
    let more = (0..CHANNELS).map(|nth| Channel {
        id: channel(nth),
        name: format!("crash-{nth}"),
        kind: Kind::Public,
        bot_in: true,
        ..ops.clone()
    });
    seed.channels.extend(more);
    seed
}

/// Who the directory knows, by the stand-in's accounts.
const PEOPLE: [(&str, &str); 4] = [
    ("ann", "engineering, sre"),
    ("bob", "engineering, sre"),
    ("cho", "engineering, payments"),
    ("dee", "engineering"),
];

/// The files of the installation.
struct Site<'a> {
    folder: &'a Path,
    redis: u16,
    slack: &'a Slack,
    ports: [u16; 2],
}

impl Site<'_> {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn private(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is ours");
        std::fs::write(&path, text).expect("the folder is ours");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("the file is ours");
    }

    fn prepare(&self, cluster: &Cluster) {
        for name in ["audit", "fate", "anchors", "keys"] {
            std::fs::create_dir_all(self.folder.join(name)).expect("the folder is ours");
        }
        let processes = PROCESSES.map(|(name, _)| {
            let is_gateway = name.starts_with("gateway");
            let pools: &[&str] = if is_gateway { &[] } else { &["main"] };
            Process { name, role: if is_gateway { Role::Gateway } else { Role::Worker }, pools }
        });
        let at = countersign_audit::clock::SystemClock.now();
        keys::init(&self.folder.join("keys"), DEPLOYMENT, (at, Duration::from_hours(24)), &processes)
            .expect("the folder is empty");
        self.private("catalog.yaml", &self.catalog(cluster));
        self.private("rbac.yaml", include_str!("../../rbac.yaml"));
        self.private("people.yaml", &people());
        self.private("slack/signing", &slack::Seed::demo().signing_secret);
        self.private("slack/token", &slack::Seed::demo().workspaces[0].token);
    }

    /// The shipped catalog with this cluster in the place of production's.
    fn catalog(&self, cluster: &Cluster) -> String {
        self.private("prod/ca.pem", cluster.ca_pem());
        for account in ["read", "sensitive", "preview", "change", "destructive"] {
            let token = cluster.token(account).expect("the simulator has such an account");
            self.private(&format!("prod/{account}.token"), &token);
        }
        let shipped = include_str!("../../catalog.yaml");
        let text = shipped.replace("https://prod.k8s.example.com:6443", &cluster.url());
        let text = text.replace("file:/etc/countersign/clusters/prod/", &format!("file:{}/", self.path("prod")));
        assert_ne!(shipped, text);
        text
    }

    fn configuration(&self, name: &str) -> PathBuf {
        let common = format!(
            "version: 1\ndeployment: {DEPLOYMENT}\nlog: {{ level: info, format: text }}\nlisten: 127.0.0.1:0\n\
             policy: {{ rbac: {rbac}, catalog: {catalog} }}\npeople: {people}\n\
             keys: {{ root: {keys}/root.pub, digest: {keys}/digest.key, process: {keys}/{name} }}\n\
             audit: {{ directory: {audit}, fate: {fate}, anchors: [{anchors}] }}\n\
             queue: {{ redis: {{ address: \"127.0.0.1:{redis}\", tls: false }} }}\ndrain: 30s\n",
            rbac = self.path("rbac.yaml"),
            catalog = self.path("catalog.yaml"),
            people = self.path("people.yaml"),
            keys = self.path("keys"),
            audit = self.path("audit"),
            fate = self.path("fate"),
            anchors = self.path("anchors"),
            redis = self.redis,
        );
        let own = match name {
            "gateway-1" => self.slack_section(self.ports[0]),
            "gateway-2" => self.slack_section(self.ports[1]),
            "worker-1" => self.worker_section(name, 61_000),
            _ => self.worker_section(name, 61_032),
        };
        self.private(&format!("{name}.yaml"), &format!("{common}{own}"));
        self.folder.join(format!("{name}.yaml"))
    }

    fn slack_section(&self, port: u16) -> String {
        let seed = slack::Seed::demo();
        format!(
            "slack: {{ listen: \"127.0.0.1:{port}\", app: {app}, teams: [{team}], signing_secret: \"file:{folder}/signing\", \
             bot_token: \"file:{folder}/token\", api: \"{api}\" }}\n",
            app = seed.app,
            team = seed.workspaces[0].id,
            folder = self.path("slack"),
            api = self.slack.api_url(),
        )
    }

    fn worker_section(&self, name: &str, first: u32) -> String {
        format!(
            "worker: {{ pools: [main], name: {name}, at_once: 4, lease: 3s, launcher: {launcher}, jobs: {jobs}, uids: [{first}, {last}] }}\n",
            launcher = beside_this_test("countersign-jail").display(),
            jobs = self.path(&format!("jobs-{name}")),
            last = first + 31,
        )
    }
}

fn people() -> String {
    let mut text = "version: 1\npeople:\n".to_owned();
    for (name, groups) in PEOPLE {
        let account = format!("slack/{}/{}", slack::Seed::demo().workspaces[0].id, slack::id(name));
        let _ = writeln!(
            text,
            "  - {{ iss: test, sub: {name}, name: {name}, standing: active, groups: [{groups}], accounts: [{account}] }}"
        );
    }
    text
}
