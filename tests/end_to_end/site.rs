//! The one way to drive an installation: what people type and click, what they read, and what is on record.

#![expect(clippy::unwrap_used, reason = "a test that cannot ask its installation must stop there")]

use countersign::demo::tour::account;
use countersign::demo::world::{PEOPLE, RBAC, private};
use countersign::installation::{Installation, Places, Settings, system_clock};
use countersign::recorder::{Recorder, Thread};
use countersign_audit::directory::Directory;
use countersign_audit::event::Kind;
use countersign_audit::fate::{Fate as _, FateDoc, Verdict};
use countersign_audit::keys::{self, DigestKey};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::record::Record;
use countersign_audit::verify::Report;
use countersign_chat::{
    Answer, Button, Clicked, EffectView, Gate as _, Inbound, Membership, Notice, State, ThreadId, Typed,
};
use countersign_core::channel::Channel;
use countersign_core::effect::Effect;
use countersign_core::id::{Attempt, InvocationId, Origin};
use countersign_core::invocation::{Invocation, Receipt, Ruling};
use countersign_core::policy::Facts;
use countersign_core::principal::{Principal, Standing, SubjectId};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealer;
use countersign_core::subject::Subject;
use countersign_core::time::{Clock, Timestamp};
use countersign_gateway::Gateway;
use countersign_policy::{LivePolicy, Overrides, Source, Sources};
use countersign_tests::{PATIENCE, launcher};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

/// An installation as its people and its auditor see it.
pub(crate) struct Site {
    gateway: Gateway,
    policy: Arc<LivePolicy>,
    pub(crate) places: Places,
    pub(crate) chat: Arc<Recorder>,
    pub(crate) clock: Arc<dyn Clock>,
    nonces: AtomicU32,
}

impl Site {
    pub(crate) fn new(installation: &Installation, chat: Arc<Recorder>, clock: Arc<dyn Clock>) -> Self {
        let (gateway, policy) = (installation.gateway.clone(), installation.policy.clone());
        Self { gateway, policy, places: installation.places.clone(), chat, clock, nonces: AtomicU32::new(0) }
    }

    /// The same installation, through another gateway with this policy.
    pub(crate) fn through(&self, gateway: Gateway, policy: Arc<LivePolicy>) -> Self {
        let (places, chat, clock) = (self.places.clone(), self.chat.clone(), self.clock.clone());
        Self { gateway, policy, places, chat, clock, nonces: AtomicU32::new(0) }
    }

    fn nonce(&self) -> String {
        format!("n{}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    /// What a front makes of a typed line; the same nonce and time is the same delivery.
    pub(crate) fn typed(who: &str, text: &str, nonce: &str, at: Timestamp) -> Inbound {
        Inbound::Typed(Typed {
            account: account(who),
            membership: Membership::Full,
            channel: None,
            thread: None,
            text: text.to_owned(),
            manifest: None,
            nonce: nonce.to_owned(),
            at,
        })
    }

    /// What a front makes of a click on the card as it is now, in this conversation.
    pub(crate) fn click(
        &self,
        thread: Option<ThreadId>,
        who: &str,
        id: InvocationId,
        button: Button,
        nonce: String,
    ) -> Inbound {
        let decision = self.chat.thread(id).and_then(|thread| thread.card).and_then(|card| card.decision);
        Inbound::Clicked(Clicked {
            account: account(who),
            membership: Membership::Full,
            thread,
            invocation: id,
            decision,
            button,
            nonce,
            at: self.clock.now(),
        })
    }

    pub(crate) async fn types(&self, who: &str, text: &str) -> Answer {
        self.delivers(who, text, &self.nonce(), self.clock.now()).await
    }

    pub(crate) async fn delivers(&self, who: &str, text: &str, nonce: &str, at: Timestamp) -> Answer {
        self.gateway.receive(Self::typed(who, text, nonce, at)).await
    }

    /// The same, in this channel.
    pub(crate) async fn types_in(&self, channel: Channel, who: &str, text: &str) -> Answer {
        let Inbound::Typed(typed) = Self::typed(who, text, &self.nonce(), self.clock.now()) else { unreachable!() };
        self.gateway.receive(Inbound::Typed(Typed { channel: Some(channel), ..typed })).await
    }

    #[track_caller]
    pub(crate) fn accepted(answer: Answer) -> InvocationId {
        match answer {
            Answer::Accepted { invocation } => invocation,
            other => panic!("must be accepted: {other:?}"),
        }
    }

    pub(crate) async fn asks(&self, who: &str, text: &str) -> InvocationId {
        let answer = self.types(who, text).await;
        Self::accepted(answer)
    }

    pub(crate) async fn refused(&self, who: &str, text: &str) -> Refusal {
        match self.types(who, text).await {
            Answer::Refused(refusal) | Answer::Said(Notice::Refused { refusal, .. }) => refusal,
            other => panic!("`{text}` must be refused: {other:?}"),
        }
    }

    pub(crate) async fn clicks(&self, who: &str, id: InvocationId, button: Button) -> Answer {
        self.clicks_in(None, who, id, button).await
    }

    /// A click on a card in this conversation.
    pub(crate) async fn clicks_in(
        &self,
        thread: Option<ThreadId>,
        who: &str,
        id: InvocationId,
        button: Button,
    ) -> Answer {
        self.gateway.receive(self.click(thread, who, id, button, self.nonce())).await
    }

    /// Opens the whole command, then approves.
    pub(crate) async fn approves(&self, who: &str, id: InvocationId) {
        self.votes(who, id, Button::Approve).await;
    }

    /// Opens the whole command, then clicks what must count.
    pub(crate) async fn votes(&self, who: &str, id: InvocationId, button: Button) {
        let seen = self.clicks(who, id, Button::ShowWhole).await;
        assert!(matches!(seen, Answer::Whole(_)), "{who} must see the whole: {seen:?}");
        let voted = self.clicks(who, id, button).await;
        assert!(matches!(voted, Answer::Said(Notice::Voted { .. })), "{who}'s vote must count: {voted:?}");
    }

    /// A click that must not count, with its code.
    pub(crate) async fn in_vain(&self, who: &str, id: InvocationId, button: Button) -> Code {
        self.in_vain_in(None, who, id, button).await
    }

    /// The same, in this conversation.
    pub(crate) async fn in_vain_in(
        &self,
        thread: Option<ThreadId>,
        who: &str,
        id: InvocationId,
        button: Button,
    ) -> Code {
        match self.clicks_in(thread, who, id, button).await {
            Answer::Said(Notice::NotCounted { why }) | Answer::Refused(why) => why.code(),
            other => panic!("{who}'s click must not count: {other:?}"),
        }
    }

    /// A click on a request that is over: it is still shown as decided, or no longer known.
    pub(crate) async fn is_over(&self, who: &str, id: InvocationId, button: Button) {
        let code = self.in_vain(who, id, button).await;
        assert!(matches!(code, Code::AlreadyDecided | Code::UnknownButton), "{code}");
    }

    pub(crate) async fn wait(&self, id: InvocationId, what: &str, is: impl Fn(&Thread) -> bool) -> Thread {
        self.chat.wait(id, PATIENCE, is).await.unwrap_or_else(|thread| {
            let shown = thread.map_or_else(|| "no thread".into(), |thread| self.chat.transcript(&thread));
            panic!("waited until {what}; the thread is:\n{shown}")
        })
    }

    /// The thread when people are asked.
    pub(crate) async fn asking(&self, id: InvocationId) -> Thread {
        let asking =
            |thread: &Thread| thread.states.last().is_some_and(|state| *state == State::Asking || state.is_final());
        let thread = self.wait(id, "people are asked", asking).await;
        assert_eq!(thread.states.last(), Some(&State::Asking), "{}", self.chat.transcript(&thread));
        thread
    }

    /// What people are asked to agree to, once they are.
    pub(crate) async fn effect(&self, id: InvocationId) -> Effect {
        let thread = self.asking(id).await;
        let card = thread.card.clone().expect("there is a card");
        let EffectView::Found(effect) = card.effect else { panic!("{}", self.chat.transcript(&thread)) };
        effect
    }

    /// A command that runs.
    pub(crate) async fn running(&self, who: &str, text: &str) -> InvocationId {
        let id = self.asks(who, text).await;
        self.runs_now(id).await;
        id
    }

    pub(crate) async fn runs_now(&self, id: InvocationId) {
        self.wait(id, "it runs", |thread| thread.states.contains(&State::Running)).await;
    }

    /// The thread when its request has ended, and how.
    pub(crate) async fn ended(&self, id: InvocationId) -> (State, Thread) {
        let is =
            |thread: &Thread| thread.card.as_ref().is_some_and(|card| card.state.is_final()) && !thread.said.is_empty();
        let thread = self.wait(id, "it ends", is).await;
        let state = thread.card.as_ref().unwrap().state;
        (state, thread)
    }

    /// The end, and the thread when its last words were said: other words may have come before.
    pub(crate) async fn told(&self, id: InvocationId) -> (State, Thread) {
        let (state, _) = self.ended(id).await;
        let is_last = |said: &Notice| {
            matches!(said, Notice::Finished(_) | Notice::Refused { .. } | Notice::UnknownOutcome { .. })
        };
        (state, self.wait(id, "its end is told", |thread| thread.said.iter().any(is_last)).await)
    }

    /// How it ended, and all that people read of it.
    pub(crate) async fn read(&self, id: InvocationId) -> (State, String) {
        let (state, thread) = self.told(id).await;
        (state, self.chat.transcript(&thread))
    }

    /// What people read when it has ended well.
    #[track_caller]
    pub(crate) fn done(&self, id: InvocationId) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            let (state, said) = self.read(id).await;
            assert_eq!(state, State::Done { exit: 0 }, "at {caller}: {said}");
            said
        }
    }

    pub(crate) async fn verify(&self) -> Report {
        countersign_tests::verified(&self.places).await
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        countersign_tests::records(&self.places, self.clock.clone()).await
    }

    /// Records of one kind about a request.
    pub(crate) async fn recorded(&self, id: InvocationId, kind: Kind) -> Vec<Record> {
        let records = self.records().await.into_iter();
        records.filter(|one| one.event.kind == kind && one.event.invocation == Some(id)).collect()
    }

    /// How often the command itself (not a look at its effect) was put on record as starting.
    pub(crate) async fn runs(&self, id: InvocationId) -> usize {
        self.all_runs().await.into_iter().filter(|run| *run == id).count()
    }

    /// The request of every start that is on record.
    pub(crate) async fn all_runs(&self) -> Vec<InvocationId> {
        countersign_tests::runs(self.records().await)
    }

    /// What a gateway makes of this line of Ann's, before it told anybody.
    pub(crate) fn decided(&self, text: &str) -> (InvocationId, Ruling) {
        let groups = ["engineering".to_owned(), "sre".to_owned()].into();
        self.decided_for(("ann", "Ann (SRE)"), groups, text)
    }

    /// The same, of somebody with these groups, who need not have them.
    pub(crate) fn decided_for(
        &self,
        (sub, name): (&str, &str),
        groups: std::collections::BTreeSet<String>,
        text: &str,
    ) -> (InvocationId, Ruling) {
        let policy = self.policy.current();
        let typed = countersign_command::parse(text, &countersign_command::Context::default(), policy.vocabulary());
        let countersign_command::Typed::Run { command, .. } = typed.unwrap() else { panic!("it is a command") };
        let id = SubjectId { iss: "demo".into(), sub: sub.into() };
        let who = Principal { id, name: name.into(), groups, standing: Standing::Active, known_by: "test".into() };
        let now = self.clock.now();
        let trigger = self.nonce();
        let id = InvocationId::derive(Origin { deployment: "demo", front: "f", team: "t", trigger: &trigger }, now);
        let receipt = Receipt {
            id,
            deployment: "demo".into(),
            account: account(sub),
            thread: "t".into(),
            channel: None,
            typed: text.into(),
            reason: None,
            at: now,
        };
        let it = Invocation::receive(receipt, who.clone(), Subject::Command(Box::new(command)));
        (id, it.decide(policy.as_ref(), &Facts::new(now, [who]), &[]))
    }

    pub(crate) fn fate(&self) -> Directory {
        Directory::open(self.places.fate.clone(), self.clock.clone()).unwrap()
    }

    /// A worker of the pool `main` wins the fate of this request, and dies.
    pub(crate) async fn starts_and_dies(&self, id: InvocationId) {
        let verdict = Verdict::Start { worker: "worker-dead".into(), attempt: Attempt::from_random([7; 16]) };
        let doc = FateDoc { v: 1, deployment: "demo".into(), pool: "main".into(), invocation: id, verdict };
        assert!(self.fate().decide(&doc).await.unwrap().mine);
    }
}

/// An installation over the shipped files with a catalog of its own, and without the demo's clusters.
pub(crate) struct Installed {
    pub(crate) installation: Installation,
    site: Site,
    _data: TempDir,
}

impl Installed {
    /// Its folder may hold what the catalog refers to; `programs` are where runner.yaml's names are found.
    pub(crate) async fn start(data: TempDir, catalog: String, programs: BTreeMap<String, PathBuf>) -> Self {
        let folder = data.path().to_owned();
        Self::of(data, |chat| Settings { programs, ..settings(&folder, catalog, chat, system_clock()) }).await
    }

    /// The same with other settings.
    pub(crate) async fn of(data: TempDir, settings: impl FnOnce(Arc<Recorder>) -> Settings) -> Self {
        let chat = Arc::new(Recorder::new(system_clock()));
        let installation = started(settings(chat.clone())).await;
        let site = Site::new(&installation, chat, system_clock());
        Self { installation, site, _data: data }
    }

    /// Every scenario ends like this.
    pub(crate) async fn end(self) {
        countersign_tests::settled(&self.installation).await;
        self.installation.stop().await.unwrap();
    }
}

/// An installation over the shipped rbac.yaml, whose people are the demo's.
pub(crate) fn settings(data: &Path, catalog: String, chat: Arc<Recorder>, clock: Arc<dyn Clock>) -> Settings {
    let people = data.join("people.yaml");
    if !people.exists() {
        private(&people, PEOPLE).unwrap();
    }
    Settings {
        deployment: "demo".into(),
        data: data.to_owned(),
        sources: Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", catalog) },
        cases: Vec::new(),
        overrides: Overrides::default(),
        people: people.clone(),
        worker_people: people,
        clock,
        launcher: launcher(),
        programs: BTreeMap::new(),
        environment: BTreeMap::new(),
        extra_credentials: BTreeMap::new(),
        chat,
        queue: None,
        plans: None,
    }
}

pub(crate) async fn started(settings: Settings) -> Installation {
    // Installed by whichever test comes first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Box::pin(Installation::start(settings)).await.unwrap_or_else(|error| panic!("it does not start: {error:#}"))
}

/// The key of a process of this installation, and a second log that is written with it.
pub(crate) async fn writer(
    installation: &Installation,
    process: &str,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
) -> (Arc<Sealer>, AuditLog) {
    let places = &installation.places;
    let sealer = Arc::new(keys::load_sealer(&places.keys, process, "demo").unwrap());
    let store = |path: &PathBuf| Arc::new(Directory::open(path.clone(), clock.clone()).unwrap());
    let log = AuditLog::open(Config {
        sealer: sealer.clone(),
        verifier: installation.verifier.clone(),
        sink: store(&places.audit),
        anchors: vec![store(&places.anchors)],
        fate: store(&places.fate),
        clock: clock.clone(),
        tracker: tasks.clone(),
        digest_key: DigestKey::load(&places.keys.join("digest.key")).unwrap(),
        binary: None,
        limits: Limits::default(),
    });
    (sealer, log.await.unwrap())
}

impl Deref for Installed {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}
