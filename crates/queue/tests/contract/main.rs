//! What every queue must do, whatever it is made of.
//!
//! The functions below know the traits alone. An adapter is put under them by one line at the end.

#![expect(clippy::unwrap_used, reason = "a queue that does not answer ends its test")]

mod board;
mod feed;
#[path = "../redis_server/mod.rs"]
mod redis_server;
mod sides;
mod work;
#[path = "../../../core/tests/kernel/world.rs"]
#[expect(dead_code, reason = "the kernel's own tests use more of it")]
mod world;

use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use countersign_queue::{EmbeddedQueue, Load, Offer, Queue, Repeat};
use redis_server::{Options, RedisServer};
use sides::Sides;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use world::{NOW, World};

/// A place that a queue keeps across restarts.
pub(crate) struct Place(Mutex<Kept>);

enum Kept {
    File(tempfile::TempDir),
    /// A server of its own, how to reach it, and whether it was opened before.
    Redis(Box<(RedisServer, Reach, bool)>),
}

type Reach = fn(&RedisServer) -> Arc<dyn Queue>;

impl Place {
    fn file() -> Self {
        Self(Mutex::new(Kept::File(tempfile::tempdir().unwrap())))
    }

    fn redis() -> Self {
        let reach: Reach = |server| Arc::new(redis_server::connect(server.settings("test")));
        Self(Mutex::new(Kept::Redis(Box::new((RedisServer::plain(), reach, false)))))
    }

    /// The shipped users, over TLS, each for its own side.
    fn redis_users() -> Self {
        let (certificate, key) = certificate();
        let options = Options {
            acl: Some(redis_server::shipped_acl("test", &[POOL])),
            tls: Some((certificate.clone(), certificate.clone(), key.clone())),
            ..Options::default()
        };
        let reach: Reach = |server| Arc::new(Sides::reach(server, &crate::certificate().0));
        Self(Mutex::new(Kept::Redis(Box::new((RedisServer::start(options), reach, false)))))
    }

    /// Opens the queue; what was open before must be dropped. Opened again, a server has been
    /// killed and started in between.
    pub(crate) fn open(&self) -> Arc<dyn Queue> {
        match &mut *self.0.lock().unwrap() {
            Kept::File(folder) => Arc::new(EmbeddedQueue::open(&folder.path().join("queue.redb")).unwrap()),
            Kept::Redis(kept) => {
                let (server, reach, opened) = &mut **kept;
                if std::mem::replace(opened, true) {
                    server.kill();
                    server.revive();
                }
                reach(server)
            }
        }
    }
}

/// One self-signed certificate for the whole test process, and its key.
fn certificate() -> &'static (String, String) {
    static MADE: OnceLock<(String, String)> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    })
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

fn run<F: Future<Output = ()>>(place: fn() -> Place, test: impl FnOnce(Place, World) -> F) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new().unwrap().block_on(async { test(place(), World::new()).await });
}

/// The same functions under every adapter.
macro_rules! contract {
    ($($module:ident::$name:ident,)*) => {
        mod in_a_file { $(#[test] fn $name() { crate::run(crate::Place::file, crate::$module::$name); })* }
        mod in_redis { $(#[test] fn $name() { crate::run(crate::Place::redis, crate::$module::$name); })* }
        mod in_redis_as_the_shipped_users {
            $(#[test] fn $name() { crate::run(crate::Place::redis_users, crate::$module::$name); })*
        }
    };
}

contract! {
    work::of_racing_claimers_one_gets_each,
    work::a_second_offer_changes_nothing_even_after_the_end,
    work::the_oldest_comes_first_and_only_to_its_pool,
    work::p04_a_lost_lease_makes_every_step_of_the_old_holder_fail,
    work::p04_started_work_that_changes_something_is_never_handed_out_again,
    work::started_work_that_only_looks_is_tried_twice_more_at_most,
    work::cancelled_work_whose_worker_died_is_settled_and_not_forgotten,
    work::a_cancelled_job_is_never_claimed,
    work::a_cancellation_reaches_whoever_holds_it,
    work::work_that_is_given_back_rests,
    work::what_is_held_or_to_be_settled_is_known_to_the_pool,
    work::a_worker_that_claims_or_renews_is_there,
    work::one_lock_is_held_once,
    work::whoever_waits_for_a_lock_learns_who_has_it_and_their_place,
    work::a_lock_of_a_dead_worker_is_free_when_its_work_was_settled,
    work::p02_a_restart_keeps_claims_and_gives_higher_fences,
    board::p11_a_ballot_counts_once_a_person_and_vote,
    board::of_outcomes_and_effects_the_first_stays,
    board::what_is_asked_is_open_until_it_is_closed_and_forgotten_later,
    board::p41_a_restart_keeps_every_document,
    board::a_reminder_survives_a_restart_and_keeps_what_it_is_about,
    board::p43_a_delivery_is_new_once,
    board::what_was_seen_can_be_asked_without_changing_it,
    board::p11_of_racing_watchers_one_watches,
    board::a_watch_is_extended_by_its_holder_and_ends_by_itself,
    feed::numbers_grow_and_reading_goes_on_where_it_stopped,
    feed::a_flood_is_cut_at_its_beginning,
    feed::a_restart_gives_no_number_twice,
    feed::a_listener_hears_of_work_and_of_documents,
    feed::a_listener_hears_of_a_cancellation_and_of_control,
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    let place = Place::file();
    let _first = place.open();
    let Kept::File(folder) = &*place.0.lock().unwrap() else { unreachable!("it is a file") };
    let second = EmbeddedQueue::open(&folder.path().join("queue.redb")).unwrap_err();
    assert!(second.to_string().contains("one process only"), "{second}");
}
