//! People hear when a silence that they made is about to end, and when its time is over.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use crate::silence::{Alertmanager, catalog, cleared};
use crate::site::{Site, settings, started};
use crate::two_gateways::second_gateway;
use countersign::installation::{Installation, system_clock};
use countersign::recorder::{Recorder, Thread};
use countersign_audit::testing::ManualClock;
use countersign_chat::Notice;
use countersign_core::id::InvocationId;
use countersign_core::time::{Clock as _, Timestamp};
use countersign_tests::PATIENCE;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// An installation whose clock stands still until it is moved, over a folder that outlives it.
struct World {
    installation: Installation,
    site: Site,
    clock: Arc<ManualClock>,
    chat: Arc<Recorder>,
    catalog: String,
    data: TempDir,
}

impl World {
    async fn of(alertmanager: &Alertmanager) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(system_clock().now()));
        let chat = Arc::new(Recorder::new(clock.clone()));
        let catalog = catalog(data.path(), &format!("http://{}", alertmanager.at));
        let installation = installation(&data, &catalog, &clock, &chat).await;
        let site = Site::new(&installation, chat.clone(), clock.clone());
        Self { installation, site, clock, chat, catalog, data }
    }

    /// Everything ends; then, so much later, it begins again.
    async fn back_after(self, time: Duration) -> Self {
        let Self { installation: running, site, clock, chat, catalog, data } = self;
        // What knows the gateway holds its queue's file.
        drop(site);
        running.stop().await.unwrap();
        clock.advance(time);
        let installation = installation(&data, &catalog, &clock, &chat).await;
        let site = Site::new(&installation, chat.clone(), clock.clone());
        Self { installation, site, clock, chat, catalog, data }
    }

    fn people(&self) -> PathBuf {
        self.data.path().join("people.yaml")
    }

    /// Runs it to a good end, agreed to and confirmed.
    async fn does(&self, text: &str) -> InvocationId {
        let id = self.site.asks("ann", text).await;
        self.site.asking(id).await;
        cleared(&self.site, id).await;
        self.site.done(id).await;
        // What is left to do was done before it left the board.
        let queue = &self.installation.queue;
        let mut news = queue.listen(countersign_queue::Topic::Board);
        let closed = async {
            while queue.open().await.unwrap().contains(&id) {
                news.wait(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, closed).await.expect("it leaves the board");
        id
    }

    /// When each reminder is due.
    async fn reminders(&self) -> Vec<(InvocationId, Timestamp)> {
        let up = self.installation.queue.reminders().await.unwrap();
        up.into_iter().map(|one| (one.invocation, one.at)).collect()
    }

    /// What the thread was told of the end of its silence, once it was told so often.
    async fn told(&self, id: InvocationId, times: usize) -> Vec<(Timestamp, Option<Duration>, String)> {
        let ends = |thread: &Thread| -> Vec<_> {
            let told = thread.said.iter().filter_map(|said| match said {
                Notice::SilenceEnds { at, left, again } => Some((*at, *left, again.clone())),
                _ => None,
            });
            told.collect()
        };
        ends(&self.site.wait(id, "its end is told", |thread| ends(thread).len() >= times).await)
    }

    /// A sweep after this has looked at everything that is due now: it took this down.
    async fn looked(&self) {
        let queue = &self.installation.queue;
        let now = self.clock.now();
        let quiet = async {
            while queue.reminders().await.unwrap().iter().any(|one| one.at <= now) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, quiet).await.expect("what is due is told, or taken down");
    }

    async fn end(self) {
        countersign_tests::settled(&self.installation).await;
        self.installation.stop().await.unwrap();
    }
}

async fn installation(data: &TempDir, catalog: &str, clock: &Arc<ManualClock>, chat: &Arc<Recorder>) -> Installation {
    started(settings(data.path(), catalog.to_owned(), chat.clone(), clock.clone())).await
}

fn minutes(many: u64) -> Duration {
    Duration::from_mins(many)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_silence_is_told_before_and_when_it_is_over_also_after_a_restart() {
    let am = Alertmanager::start();
    let w = World::of(&am).await;
    let made = w.clock.now();
    let id = w.does("/silence HighLatency 2h service=checkout").await;
    let ends = made.plus(minutes(120));
    assert_eq!(w.reminders().await, [(id, made.plus(minutes(105)))]);
    w.clock.advance(minutes(104));
    w.looked().await;
    let w = w.back_after(minutes(1)).await;
    let again = "/silence HighLatency 2h service=checkout --on=main".to_owned();
    assert_eq!(w.told(id, 1).await, [(ends, Some(minutes(15)), again.clone())]);
    w.looked().await;
    // Nobody is there when it ends.
    let w = w.back_after(minutes(60)).await;
    assert_eq!(w.told(id, 2).await[1..], [(ends, None, again)]);
    w.looked().await;
    assert!(w.reminders().await.is_empty());
    let w = w.back_after(minutes(60)).await;
    w.looked().await;
    assert_eq!(w.told(id, 2).await.len(), 2, "once each");
    let text = w.chat.transcript(&w.chat.thread(id).unwrap());
    assert!(text.contains("This silence was to end at "), "{text}");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_undone_or_goes_on_is_not_announced() {
    let am = Alertmanager::start();
    let w = World::of(&am).await;
    let by_request = w.does("/silence HighLatency 1h service=checkout").await;
    let by_id = w.does("/silence HighLatency 1h service=ledger").await;
    let extended = w.does("/silence DiskFull 1h").await;
    let longer = w.does("/silence DiskFull 3h --comment \"it takes longer\"").await;
    let plain = w.does("/silence NodeDown 1h").await;
    assert_eq!(w.reminders().await.len(), 5);
    w.does(&format!("/silence expire {by_request}")).await;
    let silences = am.silences();
    let mark = format!("[countersign {by_id}]");
    let silence = silences.iter().find(|one| one["comment"].as_str().unwrap().ends_with(&mark)).unwrap();
    w.does(&format!("/silence expire {}", silence["id"].as_str().unwrap())).await;
    let up: Vec<_> = w.reminders().await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(up, [extended, plain, longer], "what was undone needs no reminder");
    w.clock.advance(minutes(61));
    assert_eq!(w.told(plain, 1).await.len(), 1);
    w.looked().await;
    for id in [by_request, by_id, extended] {
        assert!(w.told(id, 0).await.is_empty(), "{}", w.chat.transcript(&w.chat.thread(id).unwrap()));
    }
    w.clock.advance(minutes(105));
    assert_eq!(w.told(longer, 1).await[0].1, Some(minutes(14)), "the one that is left is announced");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_gateways_one_tells_the_end_of_a_silence_and_nobody_is_told_of_none() {
    let am = Alertmanager::start();
    let w = World::of(&am).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let who = (w.people(), w.clock.clone());
    let installation = &w.installation;
    let (_second, log) = second_gateway(installation, (&who.0, who.1.clone()), w.chat.clone(), (&tasks, &stop)).await;
    let mut made = Vec::new();
    for service in ["a", "b", "c", "d", "e", "f"] {
        made.push(w.does(&format!("/silence HighLatency 1h service={service}")).await);
    }
    // Whoever can write the queue makes nobody hear of what was no silence.
    let list = w.site.asks("dee", "/silence list").await;
    w.site.done(list).await;
    installation.queue.remind(list, w.clock.now(), w.clock.now()).await.unwrap();
    w.clock.advance(minutes(50));
    for id in &made {
        w.told(*id, 1).await;
    }
    w.looked().await;
    w.clock.advance(minutes(50));
    for id in &made {
        w.told(*id, 2).await;
    }
    w.looked().await;
    for id in made {
        assert_eq!(w.told(id, 2).await.len(), 2, "once each");
    }
    assert!(w.told(list, 0).await.is_empty());
    stop.cancel();
    log.close().await.unwrap();
    tasks.close();
    tasks.wait().await;
    w.end().await;
}
