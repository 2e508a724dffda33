//! Sealed documents, and what was received before.

use crate::world::World;
use crate::{POOL, Place, at};
use countersign_core::ballot::Vote;
use countersign_core::id::InvocationId;
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::principal::SubjectId;
use countersign_core::seal::Sealed;
use countersign_queue::{Cast, Paper, Posted};

fn subject(sub: &str) -> SubjectId {
    SubjectId { iss: "sso".into(), sub: sub.into() }
}

fn outcome(w: &World, invocation: InvocationId, ending: Ending) -> Sealed<Outcome> {
    let outcome = Outcome {
        v: 1,
        deployment: "test".into(),
        pool: POOL.into(),
        invocation,
        attempt: None,
        ending,
        exit: None,
        refusal: None,
        at: at(0),
        duration_ms: 0,
        output: None,
        output_bytes: 0,
        redactions: 0,
        notes: Vec::new(),
    };
    outcome.seal(&w.worker)
}

pub(crate) async fn p11_a_ballot_counts_once_a_person_and_vote(place: Place, w: World) {
    let queue = place.open();
    let (asked, _) = w.asked("a");
    let first = w.ballot(&asked, "bob", Vote::Approve);
    queue.post(asked.id(), POOL, Paper::Asked(asked.record(&w.gateway))).await.unwrap();
    assert_eq!(queue.cast(asked.id(), &subject("bob"), Vote::Approve, &first).await.unwrap(), Cast::Counted);
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (queue, id) = (queue.clone(), asked.id());
        let ballot = w.ballot(&asked, "cho", Vote::Approve);
        racers.spawn(async move { queue.cast(id, &subject("cho"), Vote::Approve, &ballot).await.unwrap() });
    }
    let counted = racers.join_all().await.into_iter().filter(|cast| *cast == Cast::Counted).count();
    assert_eq!(counted, 1);
    let again = queue.cast(asked.id(), &subject("bob"), Vote::Approve, &first).await.unwrap();
    assert_eq!(again, Cast::AlreadyCast(first.clone()));
    let reject = w.ballot(&asked, "bob", Vote::Reject);
    assert_eq!(queue.cast(asked.id(), &subject("bob"), Vote::Reject, &reject).await.unwrap(), Cast::Counted);
    assert_eq!(queue.papers(asked.id()).await.unwrap().ballots.len(), 3);
}

pub(crate) async fn of_outcomes_and_effects_the_first_stays(place: Place, w: World) {
    let queue = place.open();
    let (asked, effect) = w.asked("a");
    let id = asked.id();
    queue.post(id, POOL, Paper::Asked(asked.record(&w.gateway))).await.unwrap();
    let (first, second) = (outcome(&w, id, Ending::Ran), outcome(&w, id, Ending::Unknown));
    assert_eq!(queue.post(id, POOL, Paper::Outcome(first.clone())).await.unwrap(), Posted::Stored);
    assert_eq!(queue.post(id, POOL, Paper::Outcome(second)).await.unwrap(), Posted::Kept);
    assert_eq!(queue.post(id, POOL, Paper::Effect(effect.clone())).await.unwrap(), Posted::Stored);
    let fresh = World::effect(id, "uid-2").seal(&w.worker);
    assert_eq!(queue.post(id, POOL, Paper::Effect(fresh)).await.unwrap(), Posted::Kept);
    let papers = queue.papers(id).await.unwrap();
    assert_eq!((papers.outcome, papers.effect), (Some(first), Some(effect)));
}

pub(crate) async fn what_is_asked_is_open_until_it_is_closed_and_forgotten_later(place: Place, w: World) {
    let queue = place.open();
    let (a, b) = (w.asked("a").0, w.asked("b").0);
    for asked in [&a, &b] {
        queue.post(asked.id(), POOL, Paper::Asked(asked.record(&w.gateway))).await.unwrap();
    }
    let mut open = queue.open().await.unwrap();
    open.sort();
    let mut both = vec![a.id(), b.id()];
    both.sort();
    assert_eq!(open, both);
    queue.close(a.id(), at(10)).await.unwrap();
    assert_eq!(queue.open().await.unwrap(), vec![b.id()]);
    assert_eq!(queue.forget(at(10)).await.unwrap(), vec![], "closed then, not before");
    assert!(queue.papers(a.id()).await.unwrap().asked.is_some());
    assert_eq!(queue.forget(at(11)).await.unwrap(), vec![a.id()]);
    assert!(queue.papers(a.id()).await.unwrap().asked.is_none());
    assert!(queue.papers(b.id()).await.unwrap().asked.is_some());
}

pub(crate) async fn p41_a_restart_keeps_every_document(place: Place, w: World) {
    let queue = place.open();
    let (asked, effect) = w.asked("a");
    let id = asked.id();
    queue.post(id, POOL, Paper::Asked(asked.record(&w.gateway))).await.unwrap();
    queue.post(id, POOL, Paper::Effect(effect)).await.unwrap();
    queue.cast(id, &subject("bob"), Vote::Approve, &w.ballot(&asked, "bob", Vote::Approve)).await.unwrap();
    let before = queue.papers(id).await.unwrap();
    drop(queue);
    let queue = place.open();
    assert_eq!(queue.papers(id).await.unwrap(), before);
    assert_eq!(queue.open().await.unwrap(), vec![id]);
}

pub(crate) async fn a_reminder_survives_a_restart_and_keeps_what_it_is_about(place: Place, w: World) {
    let queue = place.open();
    let (a, b) = (w.asked("a").0, w.asked("b").0);
    assert!(queue.remind(a.id(), at(60), at(0)).await.is_err(), "nobody asked for that");
    for (asked, due) in [(&a, 90), (&b, 60)] {
        queue.post(asked.id(), POOL, Paper::Asked(asked.record(&w.gateway))).await.unwrap();
        queue.remind(asked.id(), at(due), at(0)).await.unwrap();
        queue.close(asked.id(), at(1)).await.unwrap();
    }
    queue.remind(a.id(), at(120), at(1)).await.unwrap();
    drop(queue);
    let queue = place.open();
    let up: Vec<_> = queue.reminders().await.unwrap().iter().map(|one| (one.invocation, one.at)).collect();
    assert_eq!(up, [(b.id(), at(60)), (a.id(), at(120))]);
    assert_eq!(queue.forget(at(600)).await.unwrap(), vec![], "there is still something to say");
    assert!(queue.papers(a.id()).await.unwrap().asked.is_some());
    queue.unremind(b.id()).await.unwrap();
    queue.unremind(b.id()).await.unwrap();
    assert_eq!(queue.forget(at(600)).await.unwrap(), vec![b.id()]);
    assert_eq!(queue.reminders().await.unwrap().len(), 1);
}

pub(crate) async fn p43_a_delivery_is_new_once(place: Place, _: World) {
    let queue = place.open();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let queue = queue.clone();
        racers.spawn(async move { queue.first_time("delivery", at(600), at(0)).await.unwrap() });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|new| *new).count(), 1);
    drop(queue);
    let queue = place.open();
    assert!(!queue.first_time("delivery", at(600), at(599)).await.unwrap(), "a restart forgets nothing");
    assert!(queue.first_time("other", at(600), at(1)).await.unwrap());
    assert!(queue.first_time("delivery", at(1200), at(600)).await.unwrap(), "remembered until then, exclusive");
}

pub(crate) async fn what_was_seen_can_be_asked_without_changing_it(place: Place, _: World) {
    let queue = place.open();
    assert!(!queue.seen("delivery", at(0)).await.unwrap());
    assert!(!queue.seen("delivery", at(0)).await.unwrap(), "asking is not seeing");
    assert!(queue.first_time("delivery", at(600), at(0)).await.unwrap());
    assert!(queue.seen("delivery", at(599)).await.unwrap());
    assert!(!queue.seen("other", at(599)).await.unwrap());
    assert!(!queue.seen("delivery", at(600)).await.unwrap(), "remembered until then, exclusive");
}

pub(crate) async fn p11_of_racing_watchers_one_watches(place: Place, _: World) {
    let queue = place.open();
    let mut racers = tokio::task::JoinSet::new();
    for nth in 0..16 {
        let queue = queue.clone();
        racers.spawn(async move { queue.watch("a", &format!("gateway-{nth}"), at(10), at(0)).await.unwrap() });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|has| *has).count(), 1);
}

pub(crate) async fn a_watch_is_extended_by_its_holder_and_ends_by_itself(place: Place, _: World) {
    let queue = place.open();
    assert!(queue.watch("a", "one", at(10), at(0)).await.unwrap());
    assert!(!queue.watch("a", "two", at(12), at(2)).await.unwrap());
    assert!(queue.watch("b", "two", at(12), at(2)).await.unwrap(), "another name is another watch");
    assert!(queue.watch("a", "one", at(15), at(5)).await.unwrap());
    assert!(!queue.watch("a", "two", at(24), at(14)).await.unwrap(), "it was extended");
    assert!(queue.watch("a", "two", at(25), at(15)).await.unwrap(), "until then, exclusive");
    queue.unwatch("a", "one").await.unwrap();
    assert!(!queue.watch("a", "one", at(26), at(16)).await.unwrap(), "only its holder ends it");
    queue.unwatch("a", "two").await.unwrap();
    assert!(queue.watch("a", "one", at(27), at(17)).await.unwrap());
}
