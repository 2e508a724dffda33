//! Claims, fences, leases, cancellations.

use crate::world::World;
use crate::{LEASE, POOL, Place, at, offer};
use countersign_core::id::InvocationId;
use countersign_queue::{Cancelled, FinishError, Kind, Posted, ReleaseError, RenewError, Renewed, Repeat, StartError};
use std::collections::BTreeSet;

pub(crate) async fn of_racing_claimers_one_gets_each(place: Place, w: World) {
    let queue = place.open();
    let mut offered = BTreeSet::new();
    for nth in 0..24 {
        let (id, offer) = offer(&w, &format!("job-{nth}"), Repeat::Never);
        assert_eq!(queue.enqueue(offer, at(nth)).await.unwrap(), Posted::Stored);
        offered.insert(id);
    }
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..8 {
        let queue = queue.clone();
        racers.spawn(async move {
            let mut mine = Vec::new();
            while let Some(claim) = queue.claim(POOL, &format!("w{racer}"), at(60), LEASE).await.unwrap() {
                mine.push((claim.key.invocation, claim.fence));
            }
            mine
        });
    }
    let claims: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
    let ids: BTreeSet<_> = claims.iter().map(|(id, _)| *id).collect();
    let fences: BTreeSet<_> = claims.iter().map(|(_, fence)| *fence).collect();
    assert_eq!((claims.len(), &ids, fences.len()), (24, &offered, 24));
}

pub(crate) async fn a_second_offer_changes_nothing_even_after_the_end(place: Place, w: World) {
    let queue = place.open();
    let (_, first) = offer(&w, "a", Repeat::Never);
    assert_eq!(queue.enqueue(first.clone(), at(0)).await.unwrap(), Posted::Stored);
    assert_eq!(queue.enqueue(first.clone(), at(1)).await.unwrap(), Posted::Kept);
    let claim = queue.claim(POOL, "w", at(2), LEASE).await.unwrap().unwrap();
    queue.start(claim.key, claim.fence, at(3)).await.unwrap();
    queue.finish(claim.key, claim.fence).await.unwrap();
    assert_eq!(queue.enqueue(first, at(4)).await.unwrap(), Posted::Kept);
    assert_eq!(queue.claim(POOL, "w", at(5), LEASE).await.unwrap(), None);
}

pub(crate) async fn the_oldest_comes_first_and_only_to_its_pool(place: Place, w: World) {
    let queue = place.open();
    let mut ids = Vec::new();
    for name in ["c", "a", "b"] {
        let (id, offer) = offer(&w, name, Repeat::Never);
        queue.enqueue(offer, at(1)).await.unwrap();
        ids.push(id);
    }
    // A user of this pool is not even let look into the other one.
    assert_eq!(queue.claim("dev", "w", at(2), LEASE).await.ok().flatten(), None);
    for id in ids {
        let claim = queue.claim(POOL, "w", at(2), LEASE).await.unwrap().unwrap();
        assert_eq!((claim.key.invocation, claim.key.kind), (id, Kind::Run));
    }
}

pub(crate) async fn p04_a_lost_lease_makes_every_step_of_the_old_holder_fail(place: Place, w: World) {
    let queue = place.open();
    queue.enqueue(offer(&w, "a", Repeat::Never).1, at(0)).await.unwrap();
    let old = queue.claim(POOL, "dead", at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(queue.reap(POOL, at(10)).await.unwrap().requeued, vec![], "the lease is not over yet");
    assert_eq!(queue.reap(POOL, at(20)).await.unwrap().requeued, vec![old.key]);
    let new = queue.claim(POOL, "alive", at(21), LEASE).await.unwrap().unwrap();
    assert!(new.fence > old.fence);
    assert!(matches!(queue.renew(old.key, old.fence, at(22), LEASE).await, Err(RenewError::Lost)));
    assert!(matches!(queue.start(old.key, old.fence, at(22)).await, Err(StartError::Stale)));
    assert!(matches!(queue.release(old.key, old.fence, at(22)).await, Err(ReleaseError::Stale)));
    assert!(matches!(queue.finish(old.key, old.fence).await, Err(FinishError::Stale)));
    queue.start(new.key, new.fence, at(23)).await.unwrap();
    assert!(matches!(queue.start(new.key, new.fence, at(23)).await, Err(StartError::AlreadyStarted)));
    queue.finish(new.key, new.fence).await.unwrap();
}

pub(crate) async fn p04_started_work_that_changes_something_is_never_handed_out_again(place: Place, w: World) {
    let queue = place.open();
    queue.enqueue(offer(&w, "a", Repeat::Never).1, at(0)).await.unwrap();
    let claim = queue.claim(POOL, "dead", at(1), LEASE).await.unwrap().unwrap();
    queue.start(claim.key, claim.fence, at(2)).await.unwrap();
    for second in [30, 60] {
        let reaped = queue.reap(POOL, at(second)).await.unwrap();
        assert_eq!((reaped.requeued.len(), reaped.orphans.len()), (0, 1), "reported until it is settled");
        assert_eq!(queue.claim(POOL, "w", at(second), LEASE).await.unwrap(), None);
    }
    let orphan = queue.reap(POOL, at(90)).await.unwrap().orphans.remove(0);
    assert_eq!((orphan.worker.as_str(), orphan.pool.as_str()), ("dead", POOL));
    queue.finish(orphan.key, orphan.fence).await.unwrap();
    assert_eq!(queue.reap(POOL, at(120)).await.unwrap().orphans, vec![]);
}

pub(crate) async fn started_work_that_only_looks_is_tried_twice_more_at_most(place: Place, w: World) {
    let queue = place.open();
    queue.enqueue(offer(&w, "a", Repeat::Safe).1, at(0)).await.unwrap();
    let mut tries = 0;
    let mut second = 1;
    while let Some(claim) = queue.claim(POOL, "w", at(second), LEASE).await.unwrap() {
        queue.start(claim.key, claim.fence, at(second)).await.unwrap();
        tries += 1;
        second += 60;
        queue.reap(POOL, at(second)).await.unwrap();
    }
    assert_eq!(tries, 3);
    assert_eq!(queue.reap(POOL, at(second + 60)).await.unwrap().orphans.len(), 1);
}

pub(crate) async fn cancelled_work_whose_worker_died_is_settled_and_not_forgotten(place: Place, w: World) {
    let queue = place.open();
    for (name, started) in [("a", false), ("b", true)] {
        let (id, offer) = offer(&w, name, Repeat::Safe);
        queue.enqueue(offer, at(0)).await.unwrap();
        let claim = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
        if started {
            queue.start(claim.key, claim.fence, at(2)).await.unwrap();
        }
        queue.cancel(id).await.unwrap();
        let reaped = queue.reap(POOL, at(60)).await.unwrap();
        assert_eq!((reaped.requeued.len(), reaped.orphans.len()), (0, 1), "somebody must say how it ended");
        assert_eq!(queue.claim(POOL, "w", at(61), LEASE).await.unwrap(), None);
        queue.finish(claim.key, reaped.orphans[0].fence).await.unwrap();
    }
}

pub(crate) async fn a_cancelled_job_is_never_claimed(place: Place, w: World) {
    let queue = place.open();
    let (id, offer) = offer(&w, "a", Repeat::Never);
    assert_eq!(queue.cancel(id).await.unwrap(), Cancelled::Nothing);
    queue.enqueue(offer, at(0)).await.unwrap();
    let met = queue.cancel(id).await.unwrap();
    assert!(matches!(met, Cancelled::BeforeClaim | Cancelled::Nothing), "{met:?}");
    assert_eq!(queue.claim(POOL, "w", at(1), LEASE).await.unwrap(), None);
}

pub(crate) async fn a_cancellation_reaches_whoever_holds_it(place: Place, w: World) {
    let queue = place.open();
    for (name, started) in [("a", false), ("b", true)] {
        let (id, offer) = offer(&w, name, Repeat::Never);
        queue.enqueue(offer, at(0)).await.unwrap();
        let claim = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
        if started {
            queue.start(claim.key, claim.fence, at(2)).await.unwrap();
        }
        let met = queue.cancel(id).await.unwrap();
        assert_eq!(met, if started { Cancelled::AfterStart } else { Cancelled::BeforeStart });
        let renewed = queue.renew(claim.key, claim.fence, at(3), LEASE).await.unwrap();
        assert!(matches!(renewed, Renewed::Cancelled(_)), "{renewed:?}");
        if !started {
            assert!(matches!(queue.start(claim.key, claim.fence, at(4)).await, Err(StartError::Cancelled)));
        }
        queue.finish(claim.key, claim.fence).await.unwrap();
    }
}

pub(crate) async fn a_worker_that_claims_or_renews_is_there(place: Place, w: World) {
    let queue = place.open();
    assert_eq!(queue.workers(POOL).await.unwrap(), []);
    let (_, offer) = offer(&w, "a", Repeat::Never);
    queue.enqueue(offer, at(0)).await.unwrap();
    let claim = queue.claim(POOL, "busy", at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(queue.claim(POOL, "idle", at(2), LEASE).await.unwrap(), None);
    queue.renew(claim.key, claim.fence, at(8), LEASE).await.unwrap();
    let mut seen = queue.workers(POOL).await.unwrap();
    seen.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<(&str, _)> = seen.iter().map(|one| (one.name.as_str(), one.seen)).collect();
    assert_eq!(names, [("busy", at(8)), ("idle", at(2))]);
    assert_eq!(queue.workers("elsewhere").await.unwrap(), []);
}

pub(crate) async fn what_is_held_or_to_be_settled_is_known_to_the_pool(place: Place, w: World) {
    let queue = place.open();
    let held = async |pool: &str| queue.held(pool).await.unwrap();
    let (id, offer) = offer(&w, "a", Repeat::Never);
    queue.enqueue(offer, at(0)).await.unwrap();
    assert_eq!(held(POOL).await, [], "nobody has it yet");
    let claim = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(held(POOL).await, [id]);
    assert!(queue.held("dev").await.unwrap_or_default().is_empty());
    queue.start(claim.key, claim.fence, at(2)).await.unwrap();
    let reaped = queue.reap(POOL, at(600)).await.unwrap();
    assert_eq!(held(POOL).await, [id], "its end is not told yet");
    queue.finish(claim.key, reaped.orphans[0].fence).await.unwrap();
    assert_eq!(held(POOL).await, []);
}

pub(crate) async fn work_that_is_given_back_rests(place: Place, w: World) {
    let queue = place.open();
    queue.enqueue(offer(&w, "a", Repeat::Never).1, at(0)).await.unwrap();
    let claim = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
    queue.release(claim.key, claim.fence, at(30)).await.unwrap();
    assert_eq!(queue.claim(POOL, "w", at(29), LEASE).await.unwrap(), None);
    let again = queue.claim(POOL, "w", at(30), LEASE).await.unwrap().unwrap();
    queue.start(again.key, again.fence, at(31)).await.unwrap();
    assert!(matches!(queue.release(again.key, again.fence, at(32)).await, Err(ReleaseError::Started)));
}

pub(crate) async fn one_lock_is_held_once(place: Place, w: World) {
    let queue = place.open();
    for name in ["a", "b"] {
        let (_, mut offer) = offer(&w, name, Repeat::Never);
        offer.lock = Some("prod/payments".into());
        queue.enqueue(offer, at(0)).await.unwrap();
    }
    let first = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(queue.claim(POOL, "w", at(1), LEASE).await.unwrap(), None);
    queue.finish(first.key, first.fence).await.unwrap();
    assert!(queue.claim(POOL, "w", at(2), LEASE).await.unwrap().is_some());
}

/// Offers work behind one lock.
async fn offer_locked(queue: &std::sync::Arc<dyn countersign_queue::Queue>, w: &World, name: &str) -> InvocationId {
    let (id, mut offer) = offer(w, name, Repeat::Never);
    offer.lock = Some("k8s/prod/payments".into());
    queue.enqueue(offer, at(0)).await.unwrap();
    id
}

pub(crate) async fn whoever_waits_for_a_lock_learns_who_has_it_and_their_place(place: Place, w: World) {
    let queue = place.open();
    let [one, two, three] = ["a", "b", "c"].map(|name| offer_locked(&queue, &w, name));
    let (one, two, three) = (one.await, two.await, three.await);
    let waits = async |id| queue.waiting(id).await.unwrap().map(|it| (it.holder, it.position));
    assert_eq!((waits(one).await, waits(three).await), (Some((None, 1)), Some((None, 3))));
    let claim = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
    assert_eq!(claim.key.invocation, one);
    assert_eq!(waits(one).await, None, "it no longer waits");
    assert_eq!((waits(two).await, waits(three).await), (Some((Some(one), 1)), Some((Some(one), 2))));
    // Given back it is the first again; cancelled it is in nobody's way.
    queue.release(claim.key, claim.fence, at(30)).await.unwrap();
    assert_eq!((waits(one).await, waits(two).await), (Some((None, 1)), Some((None, 2))));
    queue.cancel(one).await.unwrap();
    assert_eq!((waits(one).await, waits(two).await), (None, Some((None, 1))));
    let (free, offer) = offer(&w, "d", Repeat::Never);
    queue.enqueue(offer, at(2)).await.unwrap();
    assert_eq!(waits(free).await, None, "what only looks waits for nobody");
}

/// The fence of whoever had it is stale by then: the next one's is higher.
pub(crate) async fn a_lock_of_a_dead_worker_is_free_when_its_work_was_settled(place: Place, w: World) {
    let queue = place.open();
    let one = offer_locked(&queue, &w, "a").await;
    let two = offer_locked(&queue, &w, "b").await;
    let dead = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
    queue.start(dead.key, dead.fence, at(2)).await.unwrap();
    let reaped = queue.reap(POOL, at(600)).await.unwrap();
    assert_eq!(queue.waiting(two).await.unwrap().and_then(|it| it.holder), Some(one), "nobody knows how it ended");
    assert_eq!(queue.claim(POOL, "w", at(601), LEASE).await.unwrap(), None);
    queue.finish(dead.key, reaped.orphans[0].fence).await.unwrap();
    let next = queue.claim(POOL, "w", at(602), LEASE).await.unwrap().unwrap();
    assert!(next.key.invocation == two && next.fence > dead.fence);
    assert!(matches!(queue.finish(dead.key, dead.fence).await, Err(FinishError::Stale)));
}

pub(crate) async fn p02_a_restart_keeps_claims_and_gives_higher_fences(place: Place, w: World) {
    let queue = place.open();
    for name in ["a", "b"] {
        queue.enqueue(offer(&w, name, Repeat::Never).1, at(0)).await.unwrap();
    }
    let held = queue.claim(POOL, "w", at(1), LEASE).await.unwrap().unwrap();
    drop(queue);
    let queue = place.open();
    let next = queue.claim(POOL, "w", at(2), LEASE).await.unwrap().unwrap();
    assert_ne!(next.key, held.key, "what was claimed before is still claimed");
    assert!(next.fence > held.fence);
    assert_eq!(queue.claim(POOL, "w", at(2), LEASE).await.unwrap(), None);
    queue.start(held.key, held.fence, at(3)).await.unwrap();
}
