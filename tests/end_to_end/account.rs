//! p60: from the log and the public root key alone an outsider rebuilds what happened.

use crate::outsider::{Outsider, Told, sha256};
use crate::world::World;
use countersign_audit::verify::Conclusion;
use countersign_chat::State;
use countersign_core::id::InvocationId;
use serde_json::Value;
use std::collections::BTreeMap;

/// What was done, as the people who did it remember.
struct Remembered {
    asked_by: &'static str,
    typed: String,
    approved_by: &'static [&'static str],
    came_out: &'static str,
}

/// Does what is asked for, and lets it be approved.
async fn done(
    w: &World,
    asked_by: &'static str,
    typed: String,
    by: &'static [&'static str],
    out: &'static str,
) -> (InvocationId, Remembered) {
    let id = w.asks(asked_by, &typed).await;
    if !by.is_empty() {
        w.asking(id).await;
    }
    for who in by {
        w.approves(who, id).await;
    }
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    (id, Remembered { asked_by, typed, approved_by: by, came_out: out })
}

/// A day of a hundred requests: reads, sandboxes, production with one and with two approvals.
async fn a_day(w: &World) -> BTreeMap<String, Remembered> {
    let mut all = BTreeMap::new();
    for nth in 0..20 {
        let (reads, sandboxes) = (nth % 4, nth % 7 + 1);
        let five = tokio::join!(
            done(w, "dee", "/disk-usage path=/tmp".into(), &[], "/tmp"),
            done(
                w,
                "dee",
                format!("/kubectl get pods -n payments --context {}", ["prod", "dev"][reads % 2]),
                &[],
                "api"
            ),
            done(
                w,
                "ann",
                format!("/kubectl scale deployment api --replicas={sandboxes} -n payments --context dev --apply"),
                &[],
                "scaled"
            ),
            done(
                w,
                "ann",
                format!("/kubectl label pod api-7f n{nth}=x -n payments --context prod --apply"),
                &["bob"],
                "labeled"
            ),
            done(
                w,
                "ann",
                "/restart-report service=checkout cause=failover --apply".into(),
                &["bob", "cho"],
                "checkout was restarted"
            ),
        );
        let (one, two, three, four, five) = five;
        all.extend([one, two, three, four, five].map(|(id, remembered)| (id.to_string(), remembered)));
    }
    all
}

/// Every place of a record an auditor needs; each is taken away in turn.
const NEEDED: [(&str, &str); 17] = [
    ("received", "/actor/principal"),
    ("received", "/actor/known_by"),
    ("received", "/typed/text"),
    ("intent", "/decision/text"),
    ("intent", "/decision/digest"),
    ("intent", "/argv"),
    ("intent", "/policy/rbac"),
    ("intent", "/policy/catalog"),
    ("intent", "/profile"),
    ("intent", "/attempt"),
    ("intent", "/sealed"),
    ("outcome", "/ending"),
    ("outcome", "/exit"),
    ("outcome", "/sealed"),
    ("outcome", "/output/object"),
    ("outcome", "/output/digest"),
    ("outcome", "/output/bytes"),
];

/// And these of what people had to agree to.
const NEEDED_WITH_PEOPLE: [(&str, &str); 2] = [("intent", "/ballots"), ("intent", "/fate")];

fn without(told: &[Value], event: &str, pointer: &str) -> Told {
    let mut told = told.to_vec();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
    for record in told.iter_mut().filter(|record| record["event"] == event && record["errand"] != "preview") {
        let parent = record.pointer_mut(parent).and_then(Value::as_object_mut);
        assert!(parent.is_some_and(|parent| parent.remove(name).is_some()), "{event} has no {pointer}");
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p60_an_outsider_rebuilds_each_of_a_hundred_requests_and_misses_every_field() {
    let w = World::start().await;
    let day = a_day(&w).await;
    assert_eq!(day.len(), 100);
    let report = w.verify().await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    let folder = w.stop().await;
    let audit = folder.path().join("audit");
    let outsider = Outsider::new(&audit, &folder.path().join("keys/root.pub"));
    let requests = outsider.read();
    for (id, remembered) in &day {
        let told = &requests[id];
        let account = outsider.rebuild(told).unwrap_or_else(|missing| panic!("{id}: {missing}"));
        assert_eq!(account.asked_by, format!("demo/{}", remembered.asked_by));
        assert_eq!(account.typed, remembered.typed);
        let approved_by: Vec<_> = remembered.approved_by.iter().map(|who| format!("demo/{who}")).collect();
        assert_eq!(account.approved_by, approved_by, "{id}");
        assert_eq!(account.effect.is_some(), !approved_by.is_empty(), "{id}");
        assert!(account.came_out.contains(remembered.came_out), "{id}: {}", account.came_out);
        assert_eq!((account.exit, account.policy.0), (0, sha256(countersign::demo::world::RBAC.as_bytes())));
        assert!(account.shown.starts_with("sha256:") && !account.ran.is_empty());
        let people = if approved_by.is_empty() { &[][..] } else { &NEEDED_WITH_PEOPLE[..] };
        for (event, pointer) in NEEDED.iter().chain(people) {
            let gap = without(told, event, pointer);
            assert!(outsider.rebuild(&gap).is_err(), "{id}: nobody misses {pointer} of {event}");
        }
        for event in ["received", "intent", "outcome"] {
            let gap: Told = told.iter().filter(|record| record["event"] != event).cloned().collect();
            assert!(outsider.rebuild(&gap).is_err(), "{id}: nobody misses the {event} record");
        }
    }
}
