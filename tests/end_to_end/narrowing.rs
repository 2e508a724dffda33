//! Budgets and channels: what people read, and what a gateway that lies can do about them.

use crate::control::{cleared, settled};
use crate::world::{How, World};
use countersign::demo::world::RBAC;
use countersign_audit::event::Kind;
use countersign_chat::{Answer, Notice, State};
use countersign_core::channel::Channel;
use countersign_core::id::InvocationId;
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal};
use futures_util::future::join_all;

const SCALE: &str = "/kubectl scale deployment api --replicas=0 -n payments --context dev --apply";
const LOOK: &str = "/kubectl scale deployment api --replicas=0 -n payments --context dev";

async fn world(more: &str) -> World {
    World::made(How { rbac: Some(format!("{RBAC}\n{more}\n")), ..How::default() }).await
}

fn refusal_of(answer: Answer) -> Result<InvocationId, Refusal> {
    match answer {
        Answer::Accepted { invocation } => Ok(invocation),
        Answer::Refused(refusal) | Answer::Said(Notice::Refused { refusal, .. }) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_budget_that_is_spent_is_told_at_once_and_is_each_persons_own() {
    let w = world("budgets: [ { id: sandbox-changes, env: dev, tier: [change, destructive], per_day: 2 } ]").await;
    for _ in 0..2 {
        let id = w.asks("ann", SCALE).await;
        w.done(id).await;
    }
    let id = w.asks("ann", LOOK).await;
    w.done(id).await;
    let no = w.refused("ann", SCALE).await;
    assert_eq!((no.code(), no.rule()), (Code::BudgetSpent, Some("sandbox-changes")));
    assert!(no.to_string().contains("2 a day") && no.hint().contains("00:00 UTC"), "{no} {}", no.hint());
    // A second account is the same person; another person has units of their own.
    assert_eq!(w.refused("ann-phone", SCALE).await.code(), Code::BudgetSpent);
    let id = w.asks("bob", SCALE).await;
    w.done(id).await;
    let intents = w.recorded(id, Kind::Intent).await;
    let noted = intents.iter().find_map(|one| one.event.details.get("budgets")).expect("the unit is on record");
    assert!(noted.starts_with("sandbox-changes unit 1 of the day from "), "{noted}");
    w.end().await;
}

/// Of many at once, who all saw a unit left, so many run as there are; the worker's no is a closed fate.
#[tokio::test]
async fn of_eight_at_once_as_many_run_as_the_budget_has_units() {
    let w = world("budgets: [ { id: three, env: dev, per_day: 3 } ]").await;
    let answers = join_all((0..8).map(|_| w.types("ann", SCALE))).await;
    let mut ran = 0;
    for id in answers.into_iter().filter_map(|answer| refusal_of(answer).ok()) {
        let (state, said) = w.read(id).await;
        match state {
            State::Done { exit: 0 } => ran += 1,
            State::Refused => assert!(said.contains("rule `three` lets you run 3 a day"), "{said}"),
            other => panic!("{other:?}: {said}"),
        }
    }
    assert_eq!(ran, 3);
    assert_eq!(w.all_runs().await.len(), 3, "nothing was started for the others");
    w.end().await;
}

/// A gateway that somebody captured seals what it likes; the worker asks its own policy and takes the unit.
#[tokio::test]
async fn a_captured_gateway_does_not_get_around_a_budget() {
    let w = world("budgets: [ { id: one, env: dev, tier: [change, destructive], per_day: 1 } ]").await;
    let id = w.asks("ann", SCALE).await;
    w.done(id).await;
    let (id, job) = cleared(&w);
    let outcome = settled(&w, id, job).await;
    let refusal = outcome.refusal.expect("it is refused");
    assert_eq!((refusal.code(), refusal.rule()), (Code::BudgetSpent, Some("one")));
    assert_eq!((outcome.ending, w.runs(id).await), (Ending::NotRun, 0));
    w.stop().await;
}

#[tokio::test]
async fn a_channel_takes_what_it_is_for_and_its_name_is_in_the_decision() {
    let w = world("channels: [ { channel: C0PROD, env: [prod], private: required } ]").await;
    let look = "/kubectl get pods -n payments --context prod";
    let elsewhere = "/kubectl get pods -n payments --context dev";
    let typed = async |channel: Channel, text: &str| refusal_of(w.types_in(channel, "ann", text).await);
    let no = typed(Channel::named("C0PROD"), look).await.unwrap_err();
    assert_eq!((no.code(), no.rule()), (Code::WrongChannel, Some("channel:C0PROD")));
    assert_eq!(typed(Channel::private("C0PROD"), elsewhere).await.unwrap_err().code(), Code::WrongChannel);
    for (channel, text) in [(Channel::private("C0PROD"), look), (Channel::named("C0OTHER"), elsewhere)] {
        let id = typed(channel.clone(), text).await.unwrap();
        w.done(id).await;
        let intents = w.recorded(id, Kind::Intent).await;
        let decision = intents[0].event.decision.clone().expect("it is decided").text;
        assert!(decision.contains(&format!(r#""channel":{{"id":"{}""#, channel.id)), "{decision}");
    }
    w.end().await;
}
