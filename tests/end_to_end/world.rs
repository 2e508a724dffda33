//! A demo installation with a chat that remembers, and the people of its directory.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use countersign::audit;
use countersign::demo::tour::account;
use countersign::demo::world::{Options, World as Demo};
use countersign::installation::system_clock;
use countersign::recorder::{Recorder, Thread};
use countersign_audit::event::Kind;
use countersign_audit::layout::RECORDS;
use countersign_audit::record::Record;
use countersign_audit::sink::{Key, Sink as _};
use countersign_audit::verify::{Conclusion, Report};
use countersign_chat::{Answer, Button, Clicked, Gate as _, Inbound, Notice, State, Typed};
use countersign_core::id::InvocationId;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::time::{Clock, Timestamp};
use countersign_core::warrant::Errand;
use countersign_jail::LauncherPath;
use countersign_queue::Topic;
use countersign_simulators::kubernetes::{Cluster, Recorded};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than anything here takes on a slow machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct World {
    pub(crate) demo: Demo,
    pub(crate) chat: Arc<Recorder>,
    pub(crate) clock: Arc<dyn Clock>,
    data: TempDir,
    nonces: AtomicU32,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(system_clock(), None).await
    }

    pub(crate) async fn with(clock: Arc<dyn Clock>, rbac: Option<String>) -> Self {
        Self::try_with(clock, rbac).await.unwrap_or_else(|error| panic!("the world does not start: {error}"))
    }

    pub(crate) async fn try_with(clock: Arc<dyn Clock>, rbac: Option<String>) -> Result<Self, String> {
        let data = tempfile::tempdir().unwrap();
        let options = |chat: Arc<Recorder>| Options {
            data: data.path().to_owned(),
            chat,
            clock: clock.clone(),
            launcher: launcher(),
            kubectl: None,
            own: None,
            rbac,
            catalog: None,
            queue: None,
        };
        let world = Self::try_around(options).await?;
        Ok(Self { data, ..world })
    }

    /// A world of other options; its folder is the caller's.
    pub(crate) async fn around(options: impl FnOnce(Arc<Recorder>) -> Options) -> Self {
        Self::try_around(options).await.unwrap_or_else(|error| panic!("the world does not start: {error}"))
    }

    async fn try_around(options: impl FnOnce(Arc<Recorder>) -> Options) -> Result<Self, String> {
        // Installed by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chat = Arc::new(Recorder::new(system_clock()));
        let options = options(chat.clone());
        let clock = options.clock.clone();
        let demo = Demo::start(options).await.map_err(|error| format!("{error:#}"))?;
        Ok(Self { demo, chat, clock, data: tempfile::tempdir().unwrap(), nonces: AtomicU32::new(0) })
    }

    pub(crate) fn prod(&self) -> &Cluster {
        &self.demo.clusters["prod"]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    fn nonce(&self) -> String {
        format!("n{}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) async fn types(&self, who: &str, text: &str) -> Answer {
        self.delivers(who, text, &self.nonce(), self.clock.now()).await
    }

    /// One delivery as a front makes it; the same nonce and time is the same delivery.
    pub(crate) async fn delivers(&self, who: &str, text: &str, nonce: &str, at: Timestamp) -> Answer {
        let typed = Typed {
            account: account(who),
            membership: countersign_chat::Membership::Full,
            channel: None,
            thread: None,
            text: text.to_owned(),
            manifest: None,
            nonce: nonce.to_owned(),
            at,
        };
        self.demo.installation.gateway.receive(Inbound::Typed(typed)).await
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
        let decision = self.chat.thread(id).and_then(|thread| thread.card).and_then(|card| card.decision);
        let clicked = Clicked {
            account: account(who),
            membership: countersign_chat::Membership::Full,
            thread: None,
            invocation: id,
            decision,
            button,
            nonce: self.nonce(),
            at: self.clock.now(),
        };
        self.demo.installation.gateway.receive(Inbound::Clicked(clicked)).await
    }

    /// Opens the whole command, then approves.
    pub(crate) async fn approves(&self, who: &str, id: InvocationId) {
        let seen = self.clicks(who, id, Button::ShowWhole).await;
        assert!(matches!(seen, Answer::Whole(_)), "{who} must see the whole: {seen:?}");
        let voted = self.clicks(who, id, Button::Approve).await;
        assert!(matches!(voted, Answer::Said(Notice::Voted { .. })), "{who}'s vote must count: {voted:?}");
    }

    /// A click that must not count, with its code.
    pub(crate) async fn in_vain(&self, who: &str, id: InvocationId, button: Button) -> Code {
        match self.clicks(who, id, button).await {
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

    pub(crate) async fn asking(&self, id: InvocationId) -> Thread {
        let asking =
            |thread: &Thread| thread.states.last().is_some_and(|state| *state == State::Asking || state.is_final());
        let thread = self.wait(id, "people are asked", asking).await;
        assert_eq!(thread.states.last(), Some(&State::Asking), "{}", self.chat.transcript(&thread));
        thread
    }

    /// The thread when its request has ended, and how.
    pub(crate) async fn ended(&self, id: InvocationId) -> (State, Thread) {
        let is =
            |thread: &Thread| thread.card.as_ref().is_some_and(|card| card.state.is_final()) && !thread.said.is_empty();
        let thread = self.wait(id, "it ends", is).await;
        let state = thread.card.as_ref().unwrap().state;
        (state, thread)
    }

    pub(crate) async fn verify(&self) -> Report {
        let places = &self.demo.installation.places;
        let anchors = [places.anchors.clone()];
        audit::verify(places, &anchors, &places.keys.join("root.pub"), "demo").await.unwrap()
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        let store = countersign_audit::directory::Directory::open(
            self.demo.installation.places.audit.clone(),
            self.clock.clone(),
        )
        .unwrap();
        let mut records = Vec::new();
        for name in store.list(RECORDS).await.unwrap() {
            let object = store.read(&Key::parse(&name).unwrap()).await.unwrap().unwrap();
            let lines = object.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            records.extend(lines.map(|line| Record::read(line).unwrap()));
        }
        records
    }

    /// How often the command itself (not a look at its effect) was put on record as starting.
    pub(crate) async fn runs(&self, id: InvocationId) -> usize {
        self.all_runs().await.into_iter().filter(|run| *run == id).count()
    }

    /// The request of every start that is on record.
    pub(crate) async fn all_runs(&self) -> Vec<InvocationId> {
        let events = self.records().await.into_iter().map(|record| record.event);
        let starts = events.filter(|event| event.kind == Kind::Intent && event.errand == Some(Errand::Run));
        starts.filter_map(|event| event.invocation).collect()
    }

    /// What the production cluster was asked to change, dry runs left out.
    pub(crate) fn changes(&self) -> Vec<Recorded> {
        self.prod().requests().into_iter().filter(Recorded::mutated).collect()
    }

    /// Every scenario ends like this: nothing open, the log sound, everything stopped.
    pub(crate) async fn end(self) {
        let queue = self.demo.installation.queue.clone();
        let mut news = queue.listen(Topic::Board);
        let closed = async {
            while !queue.open().await.unwrap().is_empty() {
                news.wait(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, closed).await.expect("requests are left open");
        let report = self.verify().await;
        assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
        let jobs = std::fs::read_dir(self.path("jobs")).unwrap().count();
        assert_eq!(jobs, 0, "a job left something behind");
        self.demo.stop().await.unwrap();
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.demo.stop().await.unwrap();
        self.data
    }
}

/// The jail's launcher, built with the workspace beside this test.
pub(crate) fn launcher() -> LauncherPath {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("countersign-jail");
    assert!(path.exists(), "`{}` is missing: run tests/run, or `cargo build --workspace` first", path.display());
    LauncherPath::new(path).unwrap()
}
