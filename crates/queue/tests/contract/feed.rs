//! Progress for people to watch.

use crate::world::World;
use crate::{POOL, Place, at, offer};
use countersign_core::id::InvocationId;
use countersign_queue::{Paper, Progress, Queue, Repeat, Topic};
use std::time::Duration;

fn line(text: &str) -> Progress {
    Progress::Output(text.to_owned())
}

async fn texts(queue: &dyn Queue, id: InvocationId, after: u64, limit: usize) -> Vec<String> {
    let page = queue.read(id, POOL, after, limit).await.unwrap();
    let text = |progress: Progress| match progress {
        Progress::Output(text) | Progress::Event { text, .. } => text,
    };
    page.entries.into_iter().map(|entry| text(entry.progress)).collect()
}

pub(crate) async fn numbers_grow_and_reading_goes_on_where_it_stopped(place: Place, w: World) {
    let queue = place.open();
    let (a, b) = (w.asked("a").0.id(), w.asked("b").0.id());
    let first = queue.append(a, POOL, at(0), vec![line("1"), line("2")]).await.unwrap();
    queue.append(b, POOL, at(0), vec![line("other")]).await.unwrap();
    let second = queue.append(a, POOL, at(1), vec![line("3")]).await.unwrap();
    assert!(second > first);
    assert_eq!(texts(queue.as_ref(), a, 0, 10).await, ["1", "2", "3"]);
    assert_eq!(texts(queue.as_ref(), a, 0, 2).await, ["1", "2"]);
    assert_eq!(texts(queue.as_ref(), a, first, 10).await, ["3"]);
    assert_eq!(texts(queue.as_ref(), a, second, 10).await, Vec::<String>::new());
}

pub(crate) async fn a_flood_is_cut_at_its_beginning(place: Place, w: World) {
    let queue = place.open();
    let id = w.asked("a").0.id();
    let block = "x".repeat(256 * 1024);
    for nth in 0..64 {
        queue.append(id, POOL, at(nth), vec![line(&block)]).await.unwrap();
    }
    let last = queue.append(id, POOL, at(99), vec![line("last")]).await.unwrap();
    let page = queue.read(id, POOL, 0, 10_000).await.unwrap();
    assert!(page.is_cut && page.entries.len() < 64, "{} entries", page.entries.len());
    assert_eq!(page.entries.last().map(|entry| entry.seq), Some(last));
}

pub(crate) async fn a_restart_gives_no_number_twice(place: Place, w: World) {
    let queue = place.open();
    let id = w.asked("a").0.id();
    let before = queue.append(id, POOL, at(0), vec![line("1")]).await.unwrap();
    drop(queue);
    let queue = place.open();
    let after = queue.append(id, POOL, at(1), vec![line("2")]).await.unwrap();
    assert!(after > before);
}

pub(crate) async fn a_listener_hears_of_work_and_of_documents(place: Place, w: World) {
    let queue = place.open();
    let (id, offer) = offer(&w, "a", Repeat::Never);
    let mut pool = queue.listen(Topic::Pool(offer.pool.clone()));
    let mut one = queue.listen(Topic::Invocation(id));
    queue.enqueue(offer, at(0)).await.unwrap();
    queue.post(id, POOL, Paper::Effect(World::effect(id, "u").seal(&w.worker))).await.unwrap();
    let heard = async {
        pool.wait(Duration::from_hours(1)).await;
        one.wait(Duration::from_hours(1)).await;
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap();
}

pub(crate) async fn a_listener_hears_of_a_cancellation_and_of_control(place: Place, w: World) {
    let queue = place.open();
    let (id, offer) = offer(&w, "a", Repeat::Never);
    let (mut one, mut control) = (queue.listen(Topic::Cancellation(id)), queue.listen(Topic::Control));
    queue.enqueue(offer, at(0)).await.unwrap();
    queue.cancel(id).await.unwrap();
    queue.hint_control().await.unwrap();
    let heard = async {
        one.wait(Duration::from_hours(1)).await;
        control.wait(Duration::from_hours(1)).await;
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap();
}
