//! A small installation on a temporary folder, with a log that real code wrote.

use countersign_audit::clock::SystemClock;
use countersign_audit::directory::Directory;
use countersign_audit::event::{Actor, ActorKind, Event, Kind, Typed};
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_core::action::Scope;
use countersign_core::certificate::Role;
use countersign_core::command::Argv;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::principal::SubjectId;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Verifier;
use countersign_core::time::Clock as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

pub(crate) struct Installation {
    folder: TempDir,
    /// Two requests that were refused: by ann in prod, by bob in dev.
    pub(crate) ids: [InvocationId; 2],
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn countersign(arguments: &[&str]) -> Said {
    countersign_with(&[], arguments)
}

/// The same with something in its environment.
#[expect(clippy::disallowed_methods, reason = "these tests start the program itself")]
pub(crate) fn countersign_with(environment: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let Output { status, stdout, stderr } = command.args(arguments).envs(environment.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

impl Installation {
    /// A gateway that refused two requests, and closed its log.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["keys", "audit", "fate", "anchors"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let process = |name, role| Process { name, role, pools: &[] };
        let processes = [process("gateway", Role::Gateway), process("auditor", Role::Operator)];
        let valid = (SystemClock.now(), Duration::from_hours(24));
        let keys = folder.path().join("keys");
        let root = keys::init(&keys, "demo", valid, &processes).unwrap();
        let clock = Arc::new(SystemClock);
        let open = |name: &str| Arc::new(Directory::open(folder.path().join(name), clock.clone()).unwrap());
        let tracker = TaskTracker::new();
        let log = AuditLog::open(Config {
            sealer: Arc::new(keys::load_sealer(&keys, "gateway", "demo").unwrap()),
            verifier: Verifier::new(root, "demo"),
            sink: open("audit"),
            anchors: vec![open("anchors")],
            fate: open("fate"),
            clock: clock.clone(),
            tracker: tracker.clone(),
            digest_key: DigestKey::load(&keys.join("digest.key")).unwrap(),
            binary: None,
            limits: Limits::default(),
        })
        .await
        .unwrap();
        let mut ids = Vec::new();
        for (nth, (who, env)) in [("ann", "prod"), ("bob", "dev")].into_iter().enumerate() {
            // Ten minutes apart, so that the ids do not begin alike.
            let at = clock.now().plus(Duration::from_mins(10) * u32::try_from(nth).unwrap());
            let id = InvocationId::derive(Origin { deployment: "demo", front: "console", team: "t", trigger: who }, at);
            for event in requested(&log, id, who, env) {
                log.record(event).await.unwrap();
            }
            ids.push(id);
        }
        log.close().await.unwrap();
        drop(log);
        tracker.close();
        tracker.wait().await;
        Self { folder, ids: ids.try_into().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `countersign audit WHAT --data HERE MORE`.
    pub(crate) fn audit(&self, what: &str, more: &[&str]) -> Said {
        let data = self.text("");
        let data = data.trim_end_matches('/');
        countersign(&[&["audit", what, "--data", data], more].concat())
    }

    /// The streams' segments, oldest first, gateway before operator.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        files(&self.path("audit/records")).into_keys().collect()
    }

    /// Every record's line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let texts = self.segments().into_iter().map(|path| std::fs::read_to_string(path).unwrap());
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }
}

fn requested(log: &AuditLog, id: InvocationId, who: &str, env: &str) -> [Event; 2] {
    let actor = || Actor {
        kind: ActorKind::Person,
        on_behalf_of: None,
        account: None,
        principal: Some(SubjectId { iss: "https://id.example".into(), sub: who.into() }),
        name: Some(format!("{who} \u{1b}[31m\u{202e}")),
        known_by: None,
    };
    let text = format!("/kubectl get pods of-{who}");
    let received = Event {
        typed: Some(Typed { digest: log.keyed_digest(text.as_bytes()), text }),
        argv: Some(Argv::new(vec!["kubectl".into(), "get".into(), format!("=pods {who}")]).unwrap()),
        scope: Some(Scope { env: Some(env.into()), ..Scope::default() }),
        ..Event::about(Kind::Received, id).by(actor())
    };
    let refusal = Refusal::new(Code::NotAllowed, "no role allows it", "ask an owner");
    [received, Event::about(Kind::Refused, id).by(actor()).refusing(&refusal)]
}

/// Every file below a folder, and what it holds.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}
