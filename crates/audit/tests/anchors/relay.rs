//! Heads never hold up the log, and the newest one always arrives.

use crate::installation::{Installation, LONG, received};
use async_trait::async_trait;
use countersign_audit::anchor::{Anchor, AnchorState, NotAnchored};
use countersign_audit::layout::{self, Place};
use countersign_audit::log::Limits;
use countersign_audit::sink::Key;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// What a place does with the next head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Takes,
    Refuses,
    Hangs,
}

/// A place that behaves as it is told.
#[derive(Debug)]
struct Told {
    does: watch::Sender<Does>,
    /// What it does before it does `does`.
    first: Mutex<VecDeque<Does>>,
    asked: watch::Sender<Vec<u64>>,
    kept: watch::Sender<Vec<u64>>,
}

impl Told {
    fn to(does: Does) -> Arc<Self> {
        let (asked, kept) = (watch::Sender::new(vec![]), watch::Sender::new(vec![]));
        Arc::new(Self { does: watch::Sender::new(does), first: Mutex::default(), asked, kept })
    }

    fn kept(&self) -> Vec<u64> {
        self.kept.borrow().clone()
    }

    async fn has_kept(&self, size: u64) {
        wait(&self.kept, |kept| kept.contains(&size)).await;
    }

    async fn was_asked(&self, times: usize) {
        wait(&self.asked, |asked| asked.len() >= times).await;
    }
}

async fn wait(of: &watch::Sender<Vec<u64>>, is: impl FnMut(&Vec<u64>) -> bool) {
    let mut seen = of.subscribe();
    let waited = tokio::time::timeout(LONG, seen.wait_for(is)).await;
    assert!(waited.is_ok(), "it did not come: {:?}", of.borrow());
}

#[async_trait]
impl Anchor for Told {
    fn place(&self) -> &'static str {
        "told"
    }

    async fn keep(&self, key: &Key, _note: &str) -> Result<(), NotAnchored> {
        let Place::Head(_, size) = layout::place(key.as_str()) else { panic!("{key} is no head") };
        self.asked.send_modify(|asked| asked.push(size));
        let first = self.first.lock().unwrap().pop_front();
        let does = *self.does.borrow();
        match first.unwrap_or(does) {
            Does::Takes => {
                self.kept.send_modify(|kept| kept.push(size));
                Ok(())
            }
            Does::Refuses => Err(NotAnchored { place: "told".into(), source: "refused".into() }),
            Does::Hangs => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn records_become_durable_while_a_place_never_answers() {
    let (it, hangs, takes) = (Installation::new(), Told::to(Does::Hangs), Told::to(Does::Takes));
    let log = it.open(vec![hangs.clone(), takes.clone()]).await;
    hangs.was_asked(1).await;
    for seq in 2..=20 {
        assert_eq!(log.record(received()).await.unwrap().seq, seq);
    }
    assert_eq!((hangs.kept().len(), hangs.asked.borrow().len()), (0, 1), "its answer is still waited for");
    takes.has_kept(1).await;
}

#[tokio::test]
async fn heads_of_the_next_minutes_are_signed_and_sent_elsewhere_while_a_place_never_answers() {
    let mut it = Installation::new();
    it.limits = Limits { head_every: Duration::from_millis(2), ..it.limits };
    let (hangs, takes) = (Told::to(Does::Hangs), Told::to(Does::Takes));
    let _log = it.open(vec![hangs.clone(), takes.clone()]).await;
    wait(&takes.kept, |kept| kept.len() >= 5).await;
    assert_eq!(hangs.asked.borrow().as_slice(), [1]);
}

#[tokio::test]
async fn a_place_that_was_away_gets_the_newest_head_and_its_gauges_tell() {
    let (it, told) = (Installation::new(), Told::to(Does::Refuses));
    let log = it.open(vec![told.clone(), told.clone()]).await;
    told.was_asked(4).await;
    it.clock.advance(Duration::from_secs(90));
    let state = |place: &str, lag, answers| AnchorState { place: place.into(), lag, answers };
    let late = Duration::from_secs(90);
    assert_eq!(log.anchors(), [state("told", late, false), state("told-2", late, false)]);
    assert!(log.gauges().failed_heads.load(Ordering::Relaxed) >= 2);
    told.does.send_replace(Does::Takes);
    wait(&told.kept, |kept| kept.len() == 2).await;
    log.record(received()).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(told.kept(), [1, 1, 3, 3], "each place has the opening's and the last, each once");
    assert_eq!(log.anchors(), [state("told", Duration::ZERO, true), state("told-2", Duration::ZERO, true)]);
}

#[tokio::test]
async fn only_the_newest_of_what_a_place_missed_is_sent() {
    let mut it = Installation::new();
    it.limits = Limits { head_every: Duration::from_millis(2), retry_every: Duration::from_millis(1), ..it.limits };
    let told = Told::to(Does::Refuses);
    let log = it.open(vec![told.clone()]).await;
    wait(&told.asked, |asked| asked.contains(&10)).await;
    told.does.send_replace(Does::Takes);
    log.close().await.unwrap();
    let kept = told.kept();
    assert!(kept.is_sorted() && kept.first().is_some_and(|first| *first >= 10), "{kept:?}");
}

#[tokio::test]
async fn closing_delivers_the_last_head_even_behind_a_try_that_hangs() {
    let (it, told) = (Installation::new(), Told::to(Does::Takes));
    told.first.lock().unwrap().push_back(Does::Hangs);
    let log = it.open(vec![told.clone()]).await;
    told.was_asked(1).await;
    log.close().await.unwrap();
    assert_eq!(told.kept(), [2], "before `close` came back");
}

#[tokio::test]
async fn closing_tries_again_until_the_last_head_is_taken() {
    let (it, told) = (Installation::new(), Told::to(Does::Takes));
    let log = it.open(vec![told.clone()]).await;
    told.has_kept(1).await;
    told.first.lock().unwrap().extend([Does::Refuses, Does::Refuses, Does::Refuses]);
    log.close().await.unwrap();
    assert_eq!(told.kept(), [1, 2]);
}

#[tokio::test]
async fn a_place_that_stays_away_does_not_keep_a_process_from_ending() {
    for does in [Does::Hangs, Does::Refuses] {
        let mut it = Installation::new();
        it.limits = Limits { deadline: Duration::from_millis(300), ..it.limits };
        let told = Told::to(does);
        let log = it.open(vec![told.clone()]).await;
        tokio::time::timeout(LONG, log.close()).await.expect("it closes").unwrap();
        assert!(told.asked.borrow().contains(&2) && told.kept().is_empty());
        assert!(log.gauges().failed_heads.load(Ordering::Relaxed) >= 1);
        it.tracker.close();
        tokio::time::timeout(LONG, it.tracker.wait()).await.expect("nothing of it runs any more");
    }
}

#[tokio::test]
async fn a_log_that_is_let_go_without_closing_ends_its_places_too() {
    let (it, told) = (Installation::new(), Told::to(Does::Takes));
    let log = it.open(vec![told.clone()]).await;
    log.record(received()).await.unwrap();
    drop(log);
    it.tracker.close();
    tokio::time::timeout(LONG, it.tracker.wait()).await.expect("nothing of it runs any more");
    assert_eq!(told.kept(), [1]);
}
