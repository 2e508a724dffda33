//! Filters behind a command: what people read is what came through.

use crate::world::World;
use countersign_chat::State;

#[tokio::test]
async fn the_output_is_filtered_and_the_filters_are_part_of_the_decision() {
    let w = World::start().await;
    let id = w.asks("dee", "/kubectl get pods -n payments --context prod | grep api | wc -l").await;
    let (state, thread) = w.ended(id).await;
    let transcript = w.chat.transcript(&thread);
    assert_eq!(state, State::Done { exit: 0 }, "{transcript}");
    assert!(transcript.contains("grep -E api") && transcript.contains("wc -l"), "{transcript}");
    // The deployment has this one and its replicas.
    let pods = w.prod().names("pods", Some("payments")).iter().filter(|name| name.contains("api")).count();
    let counted = transcript.lines().any(|line| line.trim() == format!("| {pods}"));
    assert!(!transcript.contains("api-7f") && counted, "{pods}: {transcript}");
    w.end().await;
}

#[tokio::test]
async fn json_is_read_with_jq_and_no_match_is_no_failure() {
    let w = World::start().await;
    let names =
        "/kubectl get pods -n payments -o json --context prod | jq -r '.items[].metadata.name' | sort | head -n 1";
    let id = w.asks("dee", names).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 });
    assert!(w.chat.transcript(&thread).contains("api-7f"), "{}", w.chat.transcript(&thread));
    let id = w.asks("dee", "/kubectl get pods -n payments --context prod | grep nothing-has-this-name").await;
    let (state, thread) = w.ended(id).await;
    let transcript = w.chat.transcript(&thread);
    assert_eq!(state, State::Done { exit: 0 }, "{transcript}");
    assert!(transcript.contains("no line matched"), "{transcript}");
    w.end().await;
}

#[tokio::test]
async fn a_change_that_is_filtered_asks_the_same_people_and_shows_the_same_effect() {
    let w = World::start().await;
    let id = w.asks("ann", "/kubectl delete pod api-7f -n payments --context prod --apply | grep -c deleted").await;
    let thread = w.asking(id).await;
    let card = thread.card.expect("there is a card");
    assert_eq!(card.filters.iter().map(ToString::to_string).collect::<Vec<_>>(), ["grep -c -E deleted"]);
    w.approves("bob", id).await;
    assert_eq!(w.runs(id).await, 0);
    w.approves("cho", id).await;
    let (state, _) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Done { exit: 0 }, 1));
    assert!(w.prod().object("pods", Some("payments"), "api-7f").is_none());
    w.end().await;
}
