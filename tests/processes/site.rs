//! The files of an installation, and what is around it: Redis and a Slack on loopback.

use crate::places::{Buckets, Places};
use crate::program::{PATIENCE, Program, beside_this_test, until};
use crate::redis_server::RedisServer;
use countersign_audit::clock::SystemClock;
use countersign_audit::event::{Event, Kind};
use countersign_audit::keys::{self, Process};
use countersign_audit::layout::{self, RECORDS};
use countersign_audit::record::Record;
use countersign_audit::sink::Key;
use countersign_audit::verify::{Conclusion, Evidence, Report};
use countersign_core::certificate::Role;
use countersign_core::revocation::{Draft, Revocation};
use countersign_core::seal::Verifier;
use countersign_core::time::{Clock, Timestamp};
use countersign_core::warrant::Errand;
use countersign_simulators::slack::{App, Author, Message, Seed, Slack, id};
use ed25519_dalek::{Signer as _, SigningKey};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const DEPLOYMENT: &str = "acme";

/// Where everything is typed.
pub(crate) const CHANNEL: &str = "C0OPS00001";

/// A command of the test's own, harmless and held as a change in the sandbox: it takes its time.
fn nap(seconds: &str) -> String {
    format!(
        "\n  nap:\n    description: takes its time\n    runner: sleep\n    argv: [\"{seconds}\"]\n    tier: change\n    \
         reversibility: reversible\n    sensitive: false\n    env: dev\n    owners: [engineering]\n    pool: main\n    \
         limits: {{ wall_seconds: 90, output_bytes: 65536 }}\n    examples: [\"nap\"]\n"
    )
}

/// The demo's Slack, which gives the bot the scopes that the shipped manifest asks for and no others.
fn seed() -> Seed {
    let mut seed = Seed::demo();
    let manifest = crate::examples::shipped("slack/manifest.yaml");
    let manifest = countersign_policy::yaml::parse("manifest.yaml", &manifest).expect("it is YAML");
    let scopes = crate::examples::texts(crate::examples::of(&manifest, "oauth_config.scopes.bot"));
    seed.workspaces[0].scopes = scopes.into_iter().map(str::to_owned).collect();
    seed
}

/// An installation that was not started yet.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    places: Places,
    pub(crate) redis: RedisServer,
    pub(crate) slack: Slack,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Site {
    /// With a nap of so many seconds.
    pub(crate) async fn prepare(nap_seconds: &str) -> Self {
        Self::at(Places::Folders, nap_seconds).await
    }

    /// With its log in buckets.
    pub(crate) async fn in_buckets(buckets: Buckets, nap_seconds: &str) -> Self {
        let (id, secret) = buckets.writer.clone();
        let site = Self::at(Places::Buckets(Box::new(buckets)), nap_seconds).await;
        site.write("s3-id", &id);
        site.write("s3-secret", &secret);
        site
    }

    async fn at(places: Places, nap_seconds: &str) -> Self {
        let (folder, redis) = (tempfile::tempdir().expect("there is room"), RedisServer::plain());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let now = || jiff::Timestamp::from_millisecond(SystemClock.now().as_millis()).expect("it is a time");
        let slack = Slack::start(seed(), Arc::new(now), &tasks, stop.clone()).await;
        let site = Self { folder, places, redis, slack: slack.expect("there is a free port"), stop, tasks };
        for name in ["audit", "fate", "anchors", "keys"] {
            std::fs::create_dir(site.path(name)).expect("the folder is ours");
        }
        let worker = |name| Process { name, role: Role::Worker, pools: &["main"] };
        let gateway = |name| Process { name, role: Role::Gateway, pools: &[] };
        let processes = [gateway("gateway-1"), gateway("gateway-2"), worker("worker-1"), worker("worker-2")];
        keys::init(&site.path("keys"), DEPLOYMENT, (SystemClock.now(), Duration::from_hours(1)), &processes)
            .expect("the folder is empty");
        site.write("rbac.yaml", include_str!("../../rbac.yaml"));
        site.write("catalog.yaml", &format!("{}{}", include_str!("../../catalog.yaml"), nap(nap_seconds)));
        site.write("people.yaml", &people());
        site.write("signing", &Seed::demo().signing_secret);
        site.write("token", &Seed::demo().workspaces[0].token);
        site
    }

    pub(crate) fn buckets(&self) -> &Buckets {
        match &self.places {
            Places::Buckets(buckets) => buckets,
            Places::Folders => panic!("this site's log is in folders"),
        }
    }

    /// The root key, as its holder has it.
    pub(crate) fn root(&self) -> SigningKey {
        keys::load(&self.path("keys/root.key")).expect("it was written")
    }

    /// Puts a note into the log that this process's key is not believed from then on, signed by somebody.
    pub(crate) async fn revokes(&self, process: &str, from: Timestamp, signer: &SigningKey) {
        let sealer = keys::load_sealer(&self.path("keys"), process, DEPLOYMENT).expect("it was written");
        let (deployment, key, reason) = (DEPLOYMENT.to_owned(), sealer.key_id(), "stolen".to_owned());
        let draft = Draft::of(&Revocation { v: 1, deployment, key: key.clone(), from, reason });
        let note = draft.clone().signed(signer.sign(&draft.message()).to_bytes());
        let bytes = serde_json::to_vec(&note).expect("it is made of strings");
        let name = layout::revocation(&key, &bytes).expect("a key's id makes a name");
        self.places.written(self.folder.path()).await.put_new(&name, bytes).await.expect("it is new");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that this user alone reads, in the place of what was there.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the folder is ours");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("the file is ours");
        path
    }

    fn shared(&self) -> String {
        let d = self.folder.path().display();
        format!(
            "version: 1\ndeployment: {DEPLOYMENT}\nlog: {{ level: debug, format: json }}\nlisten: 127.0.0.1:0\n\
             policy: {{ rbac: {d}/rbac.yaml, catalog: {d}/catalog.yaml }}\npeople: {d}/people.yaml\n\
             {}drain: 10m\n",
            self.places.section(self.folder.path())
        )
    }

    fn keys(&self, rest: &str) -> String {
        let d = self.path("keys").display().to_string();
        format!("keys: {{ root: {d}/root.pub, digest: {d}/digest.key, {} }}\n", rest.replace("KEYS", &d))
    }

    fn redis_section(&self) -> String {
        format!("queue: {{ redis: {{ address: \"127.0.0.1:{}\", tls: false }} }}\n", self.redis.port)
    }

    fn slack_section(&self) -> String {
        let (d, seed) = (self.folder.path().display(), Seed::demo());
        format!(
            "slack: {{ listen: 127.0.0.1:0, app: {}, teams: [{}], signing_secret: \"file:{d}/signing\", \
             bot_token: \"file:{d}/token\", api: \"{}\" }}\n",
            seed.app,
            seed.workspaces[0].id,
            self.slack.api_url(),
        )
    }

    fn worker_section(&self, jobs: &str) -> String {
        let launcher = beside_this_test("countersign-jail");
        let jobs = self.path(jobs);
        format!(
            "worker: {{ pools: main, name: w, lease: 2s, launcher: {}, jobs: {} }}\n",
            launcher.display(),
            jobs.display()
        )
    }

    /// The configuration of a gateway with this key.
    pub(crate) fn gateway(&self, key: &str) -> PathBuf {
        let keys = self.keys(&format!("process: KEYS/{key}"));
        self.write("gateway.yaml", &[self.shared(), keys, self.redis_section(), self.slack_section()].concat())
    }

    /// The configuration of a worker with this key and this folder of jobs.
    pub(crate) fn worker(&self, key: &str, jobs: &str) -> PathBuf {
        let keys = self.keys(&format!("process: KEYS/{key}"));
        let text = [self.shared(), keys, self.redis_section(), self.worker_section(jobs)].concat();
        self.write(&format!("{key}-{jobs}.yaml"), &text)
    }

    /// The configuration of both in one process.
    pub(crate) fn solo(&self) -> PathBuf {
        let keys = self.keys("process: KEYS/gateway-1, worker: KEYS/worker-1");
        let queue = format!("queue: {{ embedded: {} }}\n", self.path("queue.redb").display());
        let text = [self.shared(), keys, queue, self.slack_section(), self.worker_section("jobs")].concat();
        self.write("solo.yaml", &text)
    }

    pub(crate) async fn start_gateway(&self) -> Program {
        let gateway = Program::start("countersign-gateway", &self.gateway("gateway-1")).await;
        self.connect(&gateway);
        gateway
    }

    pub(crate) async fn start_worker(&self) -> Program {
        Program::start("countersign-worker", &self.worker("worker-1", "jobs")).await
    }

    /// Slack's requests go to this gateway from now on.
    pub(crate) fn connect(&self, gateway: &Program) {
        self.slack.connect(App::at(gateway.slack.as_deref().expect("a gateway listens to Slack")));
    }

    /// Ann types it; the card of what she asked, once it shows this.
    pub(crate) async fn asks(&self, command: &str, text: &str, shows: &str) -> Message {
        let before = self.slack.roots(CHANNEL).len();
        let sent = self.slack.command("ann", CHANNEL, command, text).await;
        assert!(sent.outcome.is_acknowledged(), "{sent:?}");
        let card = |slack: &Slack| {
            let new = slack.roots(CHANNEL).into_iter().skip(before);
            new.filter(|one| one.author == Author::App).find(|one| shown(one).contains(shows))
        };
        let found = self.slack.wait_for(PATIENCE, card).await;
        found.unwrap_or_else(|transcript| panic!("waited until the card shows `{shows}`:\n{transcript}"))
    }

    /// Waits until this card shows something else.
    pub(crate) async fn shows(&self, card: &Message, text: &str) -> Message {
        let now = |slack: &Slack| slack.message(&card.channel, &card.ts).filter(|one| shown(one).contains(text));
        let found = self.slack.wait_for(PATIENCE, now).await;
        found.unwrap_or_else(|transcript| panic!("waited until the card shows `{text}`:\n{transcript}"))
    }

    /// What is on record now.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let store = self.places.log(self.folder.path()).await;
        let mut events = Vec::new();
        for name in store.list(RECORDS).await.expect("the folder is ours") {
            let object = store.read(&Key::parse(&name).expect("the log names it")).await.expect("it is there");
            let bytes = object.expect("it was listed").bytes;
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            events.extend(lines.map(|line| Record::read(line).expect("the log wrote it").event));
        }
        events
    }

    /// The events of one kind, as soon as there are so many.
    pub(crate) async fn recorded(&self, kind: Kind, count: usize) -> Vec<Event> {
        until(&format!("{count} {} are on record", kind.as_str()), async || {
            let mut events = self.events().await;
            events.retain(|event| event.kind == kind);
            (events.len() >= count).then_some(events)
        })
        .await
    }

    /// How many commands started; looks at an effect are not counted.
    pub(crate) async fn runs(&self) -> usize {
        let events = self.events().await;
        events.iter().filter(|one| one.kind == Kind::Intent && one.errand == Some(Errand::Run)).count()
    }

    pub(crate) async fn verify(&self) -> Report {
        let here = self.folder.path();
        let root = keys::load_root(&self.path("keys/root.pub")).expect("it was written");
        let verifier = Verifier::new(root, DEPLOYMENT);
        let mut evidence = Evidence::new(self.places.log(here).await, verifier, SystemClock.now());
        evidence.anchors = vec![self.places.heads(here).await];
        evidence.fate = Some(self.places.fates(here).await);
        countersign_audit::verify::verify(&evidence).await.expect("it can be read")
    }

    /// Everything was stopped: the log is sound.
    pub(crate) async fn end(self) {
        let report = self.verify().await;
        assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A message as its reader sees it, in the list and open.
pub(crate) fn shown(message: &Message) -> String {
    format!("{}\n{}", message.now.text, message.read())
}

fn people() -> String {
    let team = &Seed::demo().workspaces[0].id;
    let line = |(name, groups): (&str, &str)| {
        let account = format!("slack/{team}/{}", id(name));
        format!(
            "  - {{ iss: test, sub: {name}, name: {name}, standing: active, groups: [{groups}], accounts: [{account}] }}\n"
        )
    };
    let people = [("ann", "engineering, sre"), ("bob", "engineering, sre"), ("dee", "engineering")];
    format!("version: 1\npeople:\n{}", people.map(line).concat())
}

/// So many seconds that no other run of these tests naps: the number tells a nap's process from all others.
pub(crate) fn long_nap(nth: u32) -> String {
    format!("77.{}{nth}", std::process::id())
}

/// Processes of this host whose arguments end like this.
pub(crate) fn processes(last: &str) -> Vec<String> {
    let ends = |path: &Path| {
        let line = std::fs::read(path.join("cmdline")).ok()?;
        let words: Vec<_> = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
        (words.last().copied() == Some(last.as_bytes())).then(|| path.display().to_string())
    };
    let all = std::fs::read_dir("/proc").expect("it is Linux");
    all.filter_map(|entry| ends(&entry.ok()?.path())).collect()
}
