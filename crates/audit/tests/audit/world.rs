//! An installation on a temporary folder: keys, clock, stores, a policy that says yes.

use async_trait::async_trait;
use countersign_audit::begin::{Ended, OpenEntry};
use countersign_audit::directory::Directory;
use countersign_audit::fate::{Decided, Fate, FateDoc, FateError};
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::on_record::OnRecord;
use countersign_audit::sink::{Key, Object, PutError, ReadError, Sink, Stored, Versions};
use countersign_audit::testing::ManualClock;
use countersign_audit::verify::{Evidence, Report, verify};
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::certificate::Role;
use countersign_core::command::{Argv, Command, CommandParts, Tool};
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId, Origin};
use countersign_core::invocation::{Invocation, Receipt, Ruling, Tally};
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::policy::{
    Allowance, Canonical, Confirmation, Factor, Facts, Judgement, Policy, PolicyDigests, Request, Rule,
};
use countersign_core::principal::{Account, Principal, Standing, SubjectId};
use countersign_core::refusal::Refusal;
use countersign_core::seal::{Sealed, Sealer, Verifier};
use countersign_core::subject::Subject;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::{Clock, Timestamp};
use countersign_core::warrant::{Checked, Warrant};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);
pub(crate) const DEPLOYMENT: &str = "demo";

/// How a store behaves at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    Good,
    /// Every write fails.
    Down,
    /// No write is ever answered, and none happens.
    Hangs,
    /// Writes happen and are never answered.
    Mute,
    /// Writes are refused.
    ReadOnly,
    /// One write happens and its answer is an error; then all is well.
    Drops,
}

/// A store that can be made to fail, in front of a real one.
#[derive(Debug)]
pub(crate) struct Moody {
    inner: Directory,
    mood: AtomicU8,
    /// Counts what was stored.
    pub(crate) stored: watch::Sender<u64>,
}

impl Moody {
    pub(crate) fn new(inner: Directory) -> Arc<Self> {
        Arc::new(Self { inner, mood: AtomicU8::new(Mood::Good as u8), stored: watch::Sender::new(0) })
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    fn mood(&self) -> Mood {
        let now = self.mood.load(Ordering::SeqCst);
        [Mood::Good, Mood::Down, Mood::Hangs, Mood::Mute, Mood::ReadOnly, Mood::Drops]
            .into_iter()
            .find(|mood| *mood as u8 == now)
            .expect("only moods are stored")
    }

    fn down() -> std::io::Error {
        std::io::Error::other("down")
    }
}

#[async_trait]
impl Sink for Moody {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        match self.mood() {
            Mood::Good => {
                let stored = self.inner.put_new(key, bytes).await;
                self.stored.send_modify(|count| *count += 1);
                stored
            }
            Mood::Down => Err(PutError::Unavailable(Box::new(Self::down()))),
            Mood::ReadOnly => Err(PutError::ReadOnly(Self::down())),
            Mood::Drops => {
                self.is(Mood::Good);
                let _ = self.inner.put_new(key, bytes).await;
                Err(PutError::Unavailable(Box::new(Self::down())))
            }
            Mood::Hangs => std::future::pending().await,
            Mood::Mute => {
                let _ = self.inner.put_new(key, bytes).await;
                std::future::pending().await
            }
        }
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        self.inner.read(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ReadError> {
        self.inner.list(prefix).await
    }

    async fn versions(&self, prefix: &str) -> Result<Versions, ReadError> {
        self.inner.versions(prefix).await
    }
}

#[async_trait]
impl Fate for Moody {
    async fn decide(&self, doc: &FateDoc) -> Result<Decided, FateError> {
        match self.mood() {
            Mood::Good => self.inner.decide(doc).await,
            Mood::Down | Mood::ReadOnly => Err(FateError::Unavailable(Box::new(Self::down()))),
            Mood::Drops => {
                self.is(Mood::Good);
                let _ = self.inner.decide(doc).await;
                Err(FateError::Unavailable(Box::new(Self::down())))
            }
            Mood::Hangs => std::future::pending().await,
            Mood::Mute => {
                let _ = self.inner.decide(doc).await;
                std::future::pending().await
            }
        }
    }

    async fn look(&self, pool: &str, invocation: InvocationId) -> Result<Option<Decided>, FateError> {
        self.inner.look(pool, invocation).await
    }

    async fn end(&self, invocation: InvocationId, outcome: &str) -> Result<Decided, FateError> {
        self.inner.end(invocation, outcome).await
    }

    async fn ended(&self, invocation: InvocationId) -> Result<Option<Decided>, FateError> {
        self.inner.ended(invocation).await
    }
}

/// Says yes, with a tier and perhaps one rule.
#[derive(Debug)]
struct Yes {
    tier: Tier,
    quorum: Option<&'static str>,
}

impl Policy for Yes {
    fn parse_again(&self, canonical: &Canonical<'_>) -> Result<Command, Box<Refusal>> {
        Ok(command(self.tier, canonical.argv.clone()))
    }

    fn judge(&self, _request: &Request<'_>, _facts: &Facts) -> Judgement {
        let rule = |quorum: &str| Rule {
            id: "prod-change".into(),
            quorum: quorum.parse().unwrap(),
            factor: Factor::None,
            expires: Duration::from_hours(1),
        };
        Judgement::Allowed(Allowance {
            tier: self.tier,
            sensitivity: Sensitivity::Plain,
            reversibility: Reversibility::Reversible,
            isolation: Isolation::Strict,
            pool: "prod".into(),
            granted_by: vec!["sre-owner".into()],
            reasons: vec!["restarts pods".into()],
            rules: self.quorum.map(rule).into_iter().collect(),
            confirmation: Confirmation::NotNeeded,
        })
    }

    fn digests(&self) -> PolicyDigests {
        PolicyDigests { rbac: Digest::of(b"rbac"), catalog: Digest::of(b"catalog") }
    }
}

fn command(tier: Tier, argv: Argv) -> Command {
    let action = Action {
        tool: "kubectl".into(),
        verb: "rollout restart".into(),
        scope: Scope { env: Some("prod".into()), target: Some("prod-eu".into()), ..Scope::default() },
        resources: vec![Resource::from_parts(&["k8s", "prod-eu", "ns", "web", "deployments.apps", "api"])],
        tier,
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::Reversible,
        reasons: vec![],
    };
    let parts = CommandParts {
        tool: Tool::Kubectl,
        argv,
        mode: Mode::Apply,
        action,
        preview: None,
        stdin: None,
        filters: vec![],
    };
    Command::new(parts).unwrap()
}

pub(crate) fn person(sub: &str) -> Principal {
    Principal {
        id: SubjectId { iss: "https://id.example".into(), sub: sub.into() },
        name: sub.into(),
        groups: ["sre".to_owned()].into(),
        standing: Standing::Active,
        known_by: "people.yaml@1".into(),
    }
}

pub(crate) fn account(user: &str) -> Account {
    Account { front: "console".into(), team: "t".into(), user: user.into() }
}

/// An installation.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sink: Arc<Moody>,
    pub(crate) anchors: Arc<Moody>,
    pub(crate) fate: Arc<Moody>,
    pub(crate) verifier: Verifier,
    pub(crate) tracker: TaskTracker,
    pub(crate) limits: Limits,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let open = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            Moody::new(Directory::open(path, clock.clone()).unwrap())
        };
        let (sink, anchors, fate) = (open("log"), open("anchors"), open("fate"));
        let keys = folder.path().join("keys");
        std::fs::create_dir(&keys).unwrap();
        let process = |name, role, pools| Process { name, role, pools };
        let processes = [
            process("gateway", Role::Gateway, &[]),
            process("worker", Role::Worker, &["prod"][..]),
            process("operator", Role::Operator, &[]),
        ];
        let root = keys::init(&keys, DEPLOYMENT, (START, Duration::from_hours(24)), &processes).unwrap();
        let limits =
            Limits { deadline: Duration::from_millis(150), retry_every: Duration::from_millis(5), ..Limits::default() };
        let verifier = Verifier::new(root, DEPLOYMENT);
        Self { folder, clock, sink, anchors, fate, verifier, tracker: TaskTracker::new(), limits }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn sealer(&self, name: &str) -> Sealer {
        keys::load_sealer(&self.path("keys"), name, DEPLOYMENT).unwrap()
    }

    pub(crate) fn config(&self, name: &str) -> Config {
        Config {
            sealer: Arc::new(self.sealer(name)),
            verifier: self.verifier.clone(),
            sink: self.sink.clone(),
            anchors: vec![self.anchors.clone()],
            fate: self.fate.clone(),
            clock: self.clock.clone(),
            tracker: self.tracker.clone(),
            digest_key: DigestKey::load(&self.path("keys").join("digest.key")).unwrap(),
            binary: Some(Digest::of(b"binary")),
            limits: self.limits,
        }
    }

    pub(crate) async fn open(&self, name: &str) -> AuditLog {
        AuditLog::open(self.config(name)).await.unwrap()
    }

    pub(crate) fn id(&self, trigger: &str) -> InvocationId {
        InvocationId::derive(
            Origin { deployment: self.verifier.deployment(), front: "console", team: "t", trigger },
            START,
        )
    }

    pub(crate) fn receipt(&self, trigger: &str) -> Receipt {
        Receipt {
            id: self.id(trigger),
            deployment: DEPLOYMENT.into(),
            account: account("ann"),
            thread: "T1".into(),
            channel: None,
            typed: "/kubectl rollout restart deployment/api -n web --apply".into(),
            reason: Some("stuck".into()),
            at: self.clock.now(),
        }
    }

    /// A warrant that went the whole way, with one ballot if there is a quorum.
    pub(crate) fn warrant(&self, trigger: &str, tier: Tier, quorum: Option<&'static str>) -> Warrant {
        let policy = Yes { tier, quorum };
        let facts = Facts::new(self.clock.now(), [person("ann"), person("bob")]);
        let gateway = self.sealer("gateway");
        let words = ["kubectl", "rollout", "restart", "deployment/api"];
        let argv = Argv::new(words.map(str::to_owned).to_vec()).unwrap();
        let subject = Subject::Command(Box::new(command(tier, argv)));
        let it = Invocation::receive(self.receipt(trigger), person("ann"), subject);
        let mut ballots = Vec::new();
        let cleared = match it.decide(&policy, &facts, &[]) {
            Ruling::Cleared(cleared) => cleared,
            Ruling::Pending(pending) => {
                let asked = pending.with_effect(None, &self.verifier, self.clock.now()).unwrap();
                let ballot = Ballot {
                    v: 1,
                    deployment: DEPLOYMENT.into(),
                    invocation: asked.id(),
                    decision: asked.decision().digest(),
                    vote: Vote::Approve,
                    voter: person("bob").id,
                    account: account("bob"),
                    at: self.clock.now(),
                    reason: Some("go".into()),
                };
                ballots.push(ballot.seal(&gateway));
                match asked.tally(&ballots, &self.verifier, &facts) {
                    Tally::Cleared(cleared) => cleared,
                    other => panic!("not cleared: {other:?}"),
                }
            }
            Ruling::Denied(denied) => panic!("denied: {}", denied.refusal),
        };
        let job = cleared.into_job(&gateway, self.clock.now().plus(Duration::from_mins(5)));
        let open = job.open_job(&self.verifier, self.id(trigger), self.clock.now()).unwrap();
        match open.decide_again(&policy, &facts, &ballots, None, &self.verifier, "prod").unwrap() {
            Checked::Ready(warrant) => warrant,
            Checked::Compare(_) => panic!("no effect was approved"),
        }
    }

    pub(crate) fn outcome(&self, invocation: InvocationId, attempt: &Attempt, ending: Ending) -> Sealed<Outcome> {
        let outcome = Outcome {
            v: 1,
            deployment: DEPLOYMENT.into(),
            pool: "prod".into(),
            invocation,
            attempt: Some(attempt.clone()),
            ending,
            exit: (ending == Ending::Ran).then_some(0),
            refusal: None,
            at: self.clock.now(),
            duration_ms: 12,
            output: None,
            output_bytes: 0,
            redactions: 0,
            notes: vec![],
        };
        outcome.seal(&self.sealer("worker"))
    }

    /// Closes an entry as a command that ran.
    pub(crate) async fn ran(&self, (on_record, mut entry): (OnRecord, OpenEntry)) {
        let outcome = self.outcome(on_record.invocation(), on_record.attempt(), Ending::Ran);
        entry.close(&outcome, &Ended::default()).await.unwrap();
    }

    pub(crate) async fn verify(&self) -> Report {
        let anchors: [&dyn Sink; 1] = [self.anchors.as_ref()];
        let evidence = Evidence {
            sink: self.sink.as_ref(),
            anchors: &anchors,
            fate: Some(self.fate.as_ref()),
            verifier: &self.verifier,
            now: self.clock.now(),
        };
        verify(&evidence).await.unwrap()
    }
}
