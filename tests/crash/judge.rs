//! What must be true after everything that happened: told by the cluster, the log, the fates and the threads, each of
//! which is asked by itself.

use crate::plan::{Request, What};
use crate::rig::{DEPLOYMENT, Rig};
use countersign_audit::directory::Directory;
use countersign_audit::event::{Event, Kind, SealKind};
use countersign_audit::layout::RECORDS;
use countersign_audit::record::Record;
use countersign_audit::sink::{Key, Sink as _};
use countersign_chat::State;
use countersign_core::ballot::Vote;
use countersign_core::id::InvocationId;
use countersign_core::warrant::Errand;
use countersign_simulators::kubernetes::Recorded;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Everything that can be seen from outside.
pub(crate) struct Evidence {
    records: Vec<Event>,
    /// Request by the mark in its text.
    ids: BTreeMap<String, BTreeSet<InvocationId>>,
    /// Started or closed, by request.
    fates: BTreeMap<String, String>,
    /// Names in paths of changes that the cluster made.
    changes: Vec<String>,
}

impl Evidence {
    pub(crate) async fn gather(rig: &Rig, requests: &[Request]) -> Self {
        let records = records(&rig.path("audit")).await;
        let mut ids: BTreeMap<String, BTreeSet<InvocationId>> = BTreeMap::new();
        for event in records.iter().filter(|event| event.kind == Kind::Received) {
            let (Some(id), Some(typed)) = (event.invocation, &event.typed) else { continue };
            let request = requests.iter().find(|one| typed.text.split_whitespace().any(|word| word == one.mark));
            let request = request.unwrap_or_else(|| panic!("nobody typed `{}`", typed.text));
            ids.entry(request.mark.clone()).or_default().insert(id);
        }
        let changes = rig.cluster.requests().into_iter().filter(Recorded::mutated).map(|one| one.path).collect();
        Self { records, ids, fates: fates(&rig.path("fate")), changes }
    }

    fn of(&self, request: &Request, kind: Kind) -> impl Iterator<Item = &Event> {
        let ids = self.ids.get(&request.mark);
        self.records.iter().filter(move |event| {
            event.kind == kind && event.invocation.is_some_and(|id| ids.is_some_and(|ids| ids.contains(&id)))
        })
    }

    fn runs(&self, request: &Request) -> Vec<&Event> {
        self.of(request, Kind::Intent).filter(|event| event.errand == Some(Errand::Run)).collect()
    }

    fn changes(&self, request: &Request) -> usize {
        self.changes.iter().filter(|path| path.ends_with(&format!("/{}", request.mark))).count()
    }

    fn is_started(&self, id: InvocationId) -> bool {
        self.fates.get(&id.to_string()).is_some_and(|fate| fate.contains("\"start\""))
    }

    /// One request; its thread's last word is `shown`, if it ever had a thread.
    pub(crate) fn judge(&self, request: &Request, shown: Option<State>) {
        let said = format!("`{}`, shown as {shown:?}", request.text);
        let known = self.ids.get(&request.mark).map_or(0, BTreeSet::len);
        assert!(known <= 1, "{said}: one delivery became {known} requests");
        let (runs, changes) = (self.runs(request), self.changes(request));
        if request.what == What::Read {
            assert_eq!(changes, 0, "{said}: a read changed something");
            return;
        }
        assert!(changes <= 1, "{said}: changed {changes} times");
        assert!(runs.len() <= 1, "{said}: {} starts are on record", runs.len());
        if changes == 1 {
            let intent = runs.first().unwrap_or_else(|| panic!("{said}: an effect without an intent"));
            let id = intent.invocation.expect("an intent is about a request");
            assert!(self.is_started(id), "{said}: an effect without a fate");
            self.approved(request, intent, &said);
        }
        match shown {
            None => assert_eq!((changes, runs.len()), (0, 0), "{said}: something ran and nobody was told"),
            Some(State::Done { exit: 0 }) => assert_eq!(changes, 1, "{said}: told done, and nothing changed"),
            Some(State::Done { .. } | State::TimedOut | State::Unknown) => {}
            Some(state) => assert_eq!(changes, 0, "{said}: told {state:?}, and it changed"),
        }
    }

    /// Everybody whose approval started it is on record as having approved, clicked before, and is somebody else.
    fn approved(&self, request: &Request, intent: &Event, said: &str) {
        let embedded = intent.sealed.iter().filter(|copy| copy.kind == SealKind::Ballot).count();
        assert!(embedded >= request.what.approvals(), "{said}: {embedded} ballots are in the intent");
        for event in self.of(request, Kind::Ballot) {
            for note in &event.ballots {
                let clicked = request.clicks.iter().any(|click| click.who == note.voter.sub && click.vote == note.vote);
                assert!(clicked, "{said}: {} never clicked {:?}", note.voter.sub, note.vote);
            }
        }
        let voters: BTreeSet<&str> = self.voters(request, Vote::Approve);
        assert!(voters.len() >= request.what.approvals() && !voters.contains("ann"), "{said}: {voters:?}");
    }

    /// Whose vote is on record.
    pub(crate) fn voters(&self, request: &Request, vote: Vote) -> BTreeSet<&str> {
        let notes = self.of(request, Kind::Ballot).flat_map(|event| &event.ballots);
        notes.filter(|note| note.vote == vote).map(|note| note.voter.sub.as_str()).collect()
    }

    /// How many requests started at all, so that a run in which nothing happened proves nothing.
    pub(crate) fn started(&self, requests: &[Request]) -> usize {
        requests.iter().filter(|one| !self.runs(one).is_empty()).count()
    }

    pub(crate) fn changed(&self) -> usize {
        self.changes.len()
    }
}

async fn records(folder: &Path) -> Vec<Event> {
    let store = Directory::open(folder, Arc::new(countersign_audit::clock::SystemClock)).expect("the log is there");
    let mut events = Vec::new();
    for name in store.list(RECORDS).await.expect("the log can be read") {
        let object = store.read(&Key::parse(&name).expect("it is a name")).await.expect("the log can be read");
        let object = object.expect("it was listed");
        let lines = object.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        events.extend(lines.map(|line| Record::read(line).expect("it is a record").event));
    }
    events
}

/// The text of every fate, by its request.
fn fates(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for pool in std::fs::read_dir(folder.join("fate")).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(pool.path()).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            found.insert(file.file_name().to_string_lossy().into_owned(), text);
        }
    }
    found
}

/// Nothing of the run is left: no lease, lock, open request or watch in Redis, no job on disk, no process.
pub(crate) fn nothing_is_left(rig: &Rig) {
    for pattern in ["*:held", "*:lock:*", "*:ready:*", "*:open"] {
        let found = rig.redis.say(&format!("KEYS {pattern}"));
        assert!(found.starts_with("*0\r\n"), "`{pattern}` is left in Redis: {found}");
    }
    for worker in ["worker-1", "worker-2"] {
        let jobs = std::fs::read_dir(rig.path(&format!("jobs-{worker}"))).expect("the worker made it");
        let left: Vec<_> = jobs.flatten().map(|entry| entry.file_name()).collect();
        assert!(left.is_empty(), "{worker} left jobs on disk: {left:?}");
    }
    let folder = rig.folder.path().to_string_lossy().into_owned();
    let left: Vec<String> =
        processes().into_iter().filter(|line| line.contains(&folder) && !line.contains("redis")).collect();
    assert!(left.is_empty(), "processes are left: {left:#?}");
}

/// Command lines and environments of everything that runs.
fn processes() -> Vec<String> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_process = name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        if !is_process || name.to_string_lossy() == own.as_str() {
            continue;
        }
        let read = |what: &str| std::fs::read(entry.path().join(what)).unwrap_or_default();
        let text = [read("cmdline"), read("environ")].concat();
        found.push(String::from_utf8_lossy(&text).replace('\0', " "));
    }
    found
}

/// The shipped program's own verdict about the log.
pub(crate) async fn verify(rig: &Rig) {
    #[expect(clippy::disallowed_methods, reason = "the installed program, as an auditor runs it")]
    let mut command = tokio::process::Command::new(crate::program::beside_this_test("countersign"));
    command.args(["audit", "verify", "--deployment", DEPLOYMENT]);
    for (option, path) in
        [("--audit", "audit"), ("--fate", "fate"), ("--anchors", "anchors"), ("--root", "keys/root.pub")]
    {
        command.arg(option).arg(rig.path(path));
    }
    let verified = command.output().await.expect("it was built before");
    let report = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "the log does not verify:\n{report}");
}
