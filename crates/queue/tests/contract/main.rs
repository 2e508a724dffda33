//! What every queue must do, whatever it is made of.
//!
//! The functions below know the traits alone. An adapter is put under them by one line at the end.

#![expect(clippy::unwrap_used, reason = "a queue that does not answer ends its test")]

mod board;
mod feed;
mod work;
#[path = "../../../core/tests/world/mod.rs"]
#[expect(dead_code, reason = "the kernel's own tests use more of it")]
mod world;

use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use countersign_queue::{EmbeddedQueue, Load, Offer, Queue, Repeat};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use world::{NOW, World};

/// A place that a queue keeps across restarts.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Opens the queue; what was open before must be dropped.
    pub(crate) fn open(&self) -> Arc<dyn Queue> {
        Arc::new(EmbeddedQueue::open(&self.folder.path().join("queue.redb")).unwrap())
    }
}

pub(crate) const LEASE: Duration = Duration::from_secs(10);
pub(crate) const POOL: &str = "prod-write";

/// `NOW` and so many seconds.
pub(crate) fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// Work of a name, to be offered.
pub(crate) fn offer(w: &World, name: &str, repeat: Repeat) -> (InvocationId, Offer) {
    let (job, _, _, invocation) = w.job(name);
    (invocation, Offer { invocation, pool: POOL.into(), repeat, lock: None, load: Load::Run(job) })
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Place, World) -> F) {
    tokio::runtime::Runtime::new().unwrap().block_on(test(Place::new(), World::new()));
}

macro_rules! contract {
    ($($module:ident::$name:ident,)*) => { $(#[test] fn $name() { run($module::$name); })* };
}

contract! {
    work::of_racing_claimers_one_gets_each,
    work::a_second_offer_changes_nothing_even_after_the_end,
    work::the_oldest_comes_first_and_only_to_its_pool,
    work::p04_a_lost_lease_makes_every_step_of_the_old_holder_fail,
    work::p04_started_work_that_changes_something_is_never_handed_out_again,
    work::started_work_that_only_looks_is_tried_twice_more_at_most,
    work::a_cancelled_job_is_never_claimed,
    work::a_cancellation_reaches_whoever_holds_it,
    work::work_that_is_given_back_rests,
    work::one_lock_is_held_once,
    work::p02_a_restart_keeps_claims_and_gives_higher_fences,
    board::p11_a_ballot_counts_once_a_person_and_vote,
    board::of_outcomes_the_first_stays_and_an_effect_is_replaced,
    board::what_is_asked_is_open_until_it_is_closed_and_forgotten_later,
    board::p41_a_restart_keeps_every_document,
    board::p43_a_delivery_is_new_once,
    board::what_was_seen_can_be_asked_without_changing_it,
    board::p11_of_racing_watchers_one_watches,
    board::a_watch_is_extended_by_its_holder_and_ends_by_itself,
    feed::numbers_grow_and_reading_goes_on_where_it_stopped,
    feed::a_flood_is_cut_at_its_beginning,
    feed::a_restart_gives_no_number_twice,
    feed::a_listener_hears_of_work_and_of_documents,
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    let place = Place::new();
    let _first = place.open();
    let second = EmbeddedQueue::open(&place.folder.path().join("queue.redb")).unwrap_err();
    assert!(second.to_string().contains("one process only"), "{second}");
}
