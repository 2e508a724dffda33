//! An installation on a temporary folder: keys, clock, stores, a policy that says yes.

use async_trait::async_trait;
use countersign_audit::begin::{Ended, OpenEntry, Particulars};
use countersign_audit::directory::Directory;
use countersign_audit::event::{Actor, Event, Kind, OutputNote, SealKind, Typed};
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::on_record::OnRecord;
use countersign_audit::sink::{Inventory, Key, Object, PutError, ReadError, Sink, Stored};
use countersign_audit::testing::ManualClock;
use countersign_audit::verify::{Evidence, Report, verify};
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::budget::Budget;
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

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        self.inner.inventory(prefix).await
    }
}

/// Says yes, with a tier and perhaps one rule.
#[derive(Debug)]
struct Yes {
    tier: Tier,
    quorum: Option<&'static str>,
    budgets: Vec<Budget>,
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
            budgets: self.budgets.clone(),
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
        Self::at(START)
    }

    /// An installation whose keys and clock begin at this time.
    pub(crate) fn at(start: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(start));
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
        let root = keys::init(&keys, DEPLOYMENT, (start, Duration::from_hours(24)), &processes).unwrap();
        let limits =
            Limits { deadline: Duration::from_secs(1), retry_every: Duration::from_millis(5), ..Limits::default() };
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
        self.way(trigger, tier, quorum).1
    }

    /// The same, with everything on record that a gateway writes about it, in a stream of its own.
    pub(crate) async fn asked(&self, trigger: &str, tier: Tier, quorum: Option<&'static str>) -> Warrant {
        let (events, warrant) = self.way(trigger, tier, quorum);
        let gateway = self.open("gateway").await;
        for event in events {
            gateway.record(event).await.unwrap();
        }
        gateway.close().await.unwrap();
        warrant
    }

    /// What a gateway records of a request, and the warrant it comes to.
    pub(crate) fn way(&self, trigger: &str, tier: Tier, quorum: Option<&'static str>) -> (Vec<Event>, Warrant) {
        self.way_of(&person("ann"), trigger, Yes { tier, quorum, budgets: Vec::new() })
    }

    /// A warrant of this person, of which the policy says that it takes units of these budgets.
    pub(crate) fn counted(&self, who: &Principal, trigger: &str, tier: Tier, budgets: &[Budget]) -> Warrant {
        self.way_of(who, trigger, Yes { tier, quorum: None, budgets: budgets.to_vec() }).1
    }

    fn way_of(&self, who: &Principal, trigger: &str, policy: Yes) -> (Vec<Event>, Warrant) {
        let tier = policy.tier;
        let facts = Facts::new(self.clock.now(), [who.clone(), person("bob")]);
        let gateway = self.sealer("gateway");
        let words = ["kubectl", "rollout", "restart", "deployment/api"];
        let argv = Argv::new(words.map(str::to_owned).to_vec()).unwrap();
        let subject = Subject::Command(Box::new(command(tier, argv.clone())));
        let receipt = self.receipt(trigger);
        let mut received = Event::about(Kind::Received, receipt.id).by(Actor::person(who, Some(&receipt.account)));
        received.typed = Some(Typed { digest: Digest::of(receipt.typed.as_bytes()), text: receipt.typed.clone() });
        received.argv = Some(argv);
        let mut events = vec![received];
        let it = Invocation::receive(receipt, who.clone(), subject);
        let mut ballots = Vec::new();
        let cleared = match it.decide(&policy, &facts, &[]) {
            Ruling::Cleared(cleared) => cleared,
            Ruling::Pending(pending) => {
                events.push(Event::about(Kind::Decided, pending.id()).deciding(pending.draft()));
                let asked = pending.with_effect(None, &self.verifier, self.clock.now()).unwrap();
                events.push(Event::about(Kind::Asked, asked.id()).deciding(asked.decision()));
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
                let sealed = ballot.seal(&gateway);
                events.push(Event::about(Kind::Ballot, asked.id()).seal(SealKind::Ballot, &sealed));
                ballots.push(sealed);
                match asked.tally(&ballots, &self.verifier, &facts) {
                    Tally::Cleared(cleared) => cleared,
                    other => panic!("not cleared: {other:?}"),
                }
            }
            Ruling::Denied(denied) => panic!("denied: {}", denied.refusal),
        };
        events.push(Event::about(Kind::Cleared, cleared.id()).deciding(cleared.decision()));
        let job = cleared.into_job(&gateway, self.clock.now().plus(Duration::from_mins(5)));
        let open = job.open_job(&self.verifier, self.id(trigger), self.clock.now()).unwrap();
        match open.decide_again(&policy, &facts, &ballots, None, &self.verifier, "prod").unwrap() {
            Checked::Ready(warrant) => (events, warrant),
            Checked::Compare(_) => panic!("no effect was approved"),
        }
    }

    /// What a worker adds to the intent of what went the whole way.
    pub(crate) fn particulars() -> Particulars {
        let slots = [(person("bob").id.to_string(), vec!["prod-change: sre".to_owned()])];
        Particulars { profile: Some(Digest::of(b"profile")), slots: slots.into(), ..Particulars::default() }
    }

    /// An outcome that names what was kept of the output.
    pub(crate) fn outcome_with(
        &self,
        invocation: InvocationId,
        attempt: &Attempt,
        ending: Ending,
        output: &OutputNote,
    ) -> Sealed<Outcome> {
        let (digest, bytes) = (Some(output.digest), output.bytes);
        let outcome = Self::ended(invocation, attempt, ending);
        Outcome { output: digest, output_bytes: bytes, ..outcome }.seal(&self.sealer("worker"))
    }

    pub(crate) fn outcome(&self, invocation: InvocationId, attempt: &Attempt, ending: Ending) -> Sealed<Outcome> {
        Self::ended(invocation, attempt, ending).seal(&self.sealer("worker"))
    }

    /// How a run ended, not yet sealed.
    pub(crate) fn ended(invocation: InvocationId, attempt: &Attempt, ending: Ending) -> Outcome {
        Outcome {
            v: 1,
            deployment: DEPLOYMENT.into(),
            pool: "prod".into(),
            invocation,
            attempt: Some(attempt.clone()),
            ending,
            exit: (ending == Ending::Ran).then_some(0),
            refusal: None,
            at: START,
            duration_ms: 12,
            output: None,
            output_bytes: 0,
            redactions: 0,
            notes: vec![],
        }
    }

    /// Closes an entry as a command that ran.
    pub(crate) async fn ran(&self, (on_record, mut entry): (OnRecord, OpenEntry)) {
        let outcome = self.outcome(on_record.invocation(), on_record.attempt(), Ending::Ran);
        entry.close(&outcome, &Ended::default()).await.unwrap();
    }

    pub(crate) async fn verify(&self) -> Report {
        verify(&self.evidence()).await.unwrap()
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::new(self.sink.clone(), self.verifier.clone(), self.clock.now());
        evidence.anchors = vec![self.anchors.clone()];
        evidence.fate = Some(self.fate.clone());
        evidence
    }
}
