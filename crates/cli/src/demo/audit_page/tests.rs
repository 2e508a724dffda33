//! The pages over a real log in a folder.

use super::*;
use countersign_audit::event::BallotNote;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::layout;
use countersign_audit::log::{Config, Limits};
use countersign_audit::record::{Record, WriterId};
use countersign_audit::sink::Sink as _;
use countersign_audit::testing::ManualClock;
use countersign_console::Verdict;
use countersign_core::ballot::Vote;
use countersign_core::certificate::Role;
use countersign_core::id::Origin;
use countersign_core::principal::{Account, SubjectId};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::time::Timestamp;
use countersign_identity::StaticDirectory;
use std::path::Path;

const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);

struct World {
    folder: tempfile::TempDir,
    page: AuditPage,
    log: AuditLog,
    store: Folder,
    tasks: TaskTracker,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(START));
        let path = |name: &str| folder.path().join(name);
        let open = |name: &str| {
            std::fs::create_dir(path(name)).unwrap();
            Folder::open(path(name), clock.clone()).unwrap()
        };
        let (store, heads, fate) = (open("audit"), open("anchors"), open("fate"));
        std::fs::create_dir(path("keys")).unwrap();
        let process = [Process { name: "gateway", role: Role::Gateway, pools: &[] }];
        let root = keys::init(&path("keys"), "demo", (START, Duration::from_hours(24)), &process).unwrap();
        let verifier = Verifier::new(root, "demo");
        let tasks = TaskTracker::new();
        let config = Config {
            sealer: Arc::new(keys::load_sealer(&path("keys"), "gateway", "demo").unwrap()),
            verifier: verifier.clone(),
            sink: Arc::new(store.clone()),
            anchors: vec![Arc::new(heads.clone())],
            fate: Arc::new(fate.clone()),
            clock: clock.clone(),
            tracker: tasks.clone(),
            digest_key: DigestKey::load(&path("keys").join("digest.key")).unwrap(),
            binary: None,
            limits: Limits::default(),
        };
        let log = AuditLog::open(config).await.unwrap();
        std::fs::write(path("people.yaml"), crate::demo::world::PEOPLE).unwrap();
        let directory = Arc::new(StaticDirectory::new(path("people.yaml")));
        let parts = Parts {
            store: store.clone(),
            heads,
            fate,
            verifier,
            log: log.clone(),
            directory,
            clock,
            tasks: tasks.clone(),
        };
        Self { page: AuditPage::new(parts), folder, log, store, tasks }
    }

    /// Ann asked, a click of hers did not count, Bob agreed.
    async fn asks(&self, trigger: &str) -> InvocationId {
        let id = InvocationId::derive(Origin { deployment: "demo", front: "console", team: "demo", trigger }, START);
        let no = Refusal::new(Code::RequesterCannotApprove, "it is yours", "Wait.");
        let bob = BallotNote {
            voter: SubjectId { iss: "demo".into(), sub: "bob".into() },
            vote: Vote::Approve,
            slots: Vec::new(),
        };
        let typed = countersign_audit::event::Typed {
            text: format!("/{trigger}"),
            digest: self.log.keyed_digest(trigger.as_bytes()),
        };
        let events = [
            Event { typed: Some(typed), ..Event::about(Kind::Received, id) },
            Event::about(Kind::Asked, id),
            Event::about(Kind::Refused, id).refusing(&no).detail("button", "approve"),
            Event { ballots: vec![bob], ..Event::about(Kind::Ballot, id) },
        ];
        for event in events {
            self.log.record(event).await.unwrap();
        }
        id
    }

    async fn sees(&self, filter: &Filter) -> Vec<(String, &'static str)> {
        let slice = self.page.look(&reader("eve"), filter, 0).await.unwrap();
        slice.entries.iter().map(|one| (one.typed.clone().unwrap_or_default(), one.step.word())).collect()
    }
}

fn reader(user: &str) -> Reader {
    let account = Account { front: "console".into(), team: "demo".into(), user: user.into() };
    Reader { account, name: user.into() }
}

/// Names of what the folder holds.
async fn segments(store: &Folder) -> usize {
    store.list(layout::RECORDS).await.unwrap().len()
}

#[tokio::test]
async fn what_is_new_is_in_the_list_and_a_click_is_not_how_a_request_stands() {
    let world = World::new().await;
    world.asks("one").await;
    assert_eq!(world.sees(&Filter::default()).await, [("/one".to_owned(), "open")]);
    world.asks("two").await;
    let mut both = world.sees(&Filter::default()).await;
    both.sort();
    assert_eq!(both, [("/one".to_owned(), "open"), ("/two".to_owned(), "open")]);
    let slice = world.page.look(&reader("eve"), &Filter::default(), 0).await.unwrap();
    assert_eq!(slice.entries[0].step, countersign_console::Step::Asked, "the click did not move it");
}

#[tokio::test]
async fn a_segment_is_read_once() {
    let world = World::new().await;
    world.asks("one").await;
    assert_eq!(world.sees(&Filter::default()).await.len(), 1);
    // What was read is in the list, whatever becomes of its segment; what is new is read.
    let records = world.folder.path().join("audit/records");
    std::fs::remove_dir_all(&records).unwrap();
    let writer = WriterId::mint(Role::Gateway);
    let event = Event::of(Kind::PolicyChanged);
    let record = Record { seq: 1, prev: writer.genesis(), at: START, writer: writer.clone(), event };
    let bytes = format!("{}\nnot a record\n", record.line()).into_bytes();
    world.store.put_new(&layout::segment(&writer, 1), bytes).await.unwrap();
    for nth in 0..2 {
        let slice = world.page.look(&reader("eve"), &Filter::default(), 0).await.unwrap();
        assert_eq!((slice.entries.len(), slice.unread, slice.unreadable), (2, 0, 1), "look {nth}");
    }
}

#[tokio::test]
async fn who_looks_is_on_record_and_whoever_may_not_sees_nothing() {
    let world = World::new().await;
    let id = world.asks("one").await;
    let before = segments(&world.store).await;
    for nobody in ["gil", "ola", "stranger"] {
        let seen = world.page.look(&reader(nobody), &Filter::default(), 0).await;
        assert!(matches!(seen, Err(NotShown::NotYou(_))), "{nobody}: {seen:?}");
        assert!(matches!(world.page.story(&reader(nobody), id).await, Err(NotShown::NotYou(_))), "{nobody}");
    }
    assert_eq!(segments(&world.store).await, before);
    let told = world.page.story(&reader("eve"), id).await.unwrap().unwrap();
    assert!(told.chapters.iter().any(|chapter| chapter.part == countersign_console::Part::Read), "{told:?}");
    let read = Filter { event: Some("log-read".into()), who: Some("eve".into()), ..Filter::default() };
    assert_eq!(world.sees(&read).await.len(), 2, "the story, and this search itself");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let world = World::new().await;
    let id = world.asks("one").await;
    world.log.close().await.unwrap();
    assert!(matches!(world.page.look(&reader("eve"), &Filter::default(), 0).await, Err(NotShown::Unrecorded(_))));
    assert!(matches!(world.page.story(&reader("eve"), id).await, Err(NotShown::Unrecorded(_))));
}

#[tokio::test]
async fn a_request_that_was_only_read_about_has_no_story() {
    let world = World::new().await;
    let id = "01a1fb9e-0680-847b-a472-63abae542b1e".parse().unwrap();
    assert_eq!(world.page.story(&reader("eve"), id).await.unwrap(), None);
    assert_eq!(world.page.story(&reader("eve"), id).await.unwrap(), None, "nor when somebody asked before");
    assert_eq!(world.sees(&Filter::default()).await, []);
}

fn change_a_record(folder: &Path) {
    let writer = std::fs::read_dir(folder.join("audit/records/v1")).unwrap().next().unwrap().unwrap().path();
    let mut segments: Vec<_> = std::fs::read_dir(writer).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let text = std::fs::read_to_string(&segments[0]).unwrap();
    std::fs::remove_file(&segments[0]).unwrap();
    std::fs::write(&segments[0], text.replacen("writer-opened", "writer-opaned", 1)).unwrap();
}

#[tokio::test]
async fn verification_goes_on_beside_the_page_one_at_a_time() {
    let world = World::new().await;
    world.asks("one").await;
    world.log.close().await.unwrap();
    assert_eq!(world.page.verification(), Verification::default());
    let verified = async || {
        world.page.verify();
        world.page.verify();
        assert!(world.page.verification().running.is_some(), "nobody waited");
        world.tasks.close();
        world.tasks.wait().await;
        let now = world.page.verification();
        assert_eq!(now.running, None);
        now.last.unwrap()
    };
    let first = verified().await;
    assert_eq!(first.integrity, Verdict::Holds, "{:?}", first.says);
    change_a_record(world.folder.path());
    let second = verified().await;
    assert_eq!(second.integrity, Verdict::Broken, "{:?}", second.says);
}
