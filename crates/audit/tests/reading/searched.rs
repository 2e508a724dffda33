//! Searching finds what is meant, all of it, and nothing else.

use crate::sample::{START, actor, argv, full, id, write};
use countersign_audit::directory::Directory;
use countersign_audit::event::{Event, Kind, Typed};
use countersign_audit::layout;
use countersign_audit::record::Record;
use countersign_audit::search::{Filter, Hit, newest, scan};
use countersign_audit::sink::Sink as _;
use countersign_audit::testing::ManualClock;
use countersign_core::action::Scope;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::tier::Tier;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Requests `a` (prod, deleted) and `b` (dev, read), and what is about them alone.
fn events() -> Vec<Event> {
    let typed = |text: &str| Some(Typed { text: text.into(), digest: Digest::of(b"") });
    let scope = |env: &str, namespace: &str| {
        Some(Scope {
            env: Some(env.into()),
            target: Some(format!("{env}-eu")),
            namespace: Some(namespace.into()),
            region: None,
        })
    };
    let asked = |trigger: &str, who: &str, text: &str| Event {
        typed: typed(text),
        ..Event::about(Kind::Received, id(trigger)).by(actor(who))
    };
    let decided = |trigger: &str, env: &str, namespace: &str, tier: Tier, verb: &str| Event {
        scope: scope(env, namespace),
        argv: Some(argv(&["kubectl", verb, "pods"])),
        tier: Some(tier),
        ..Event::about(Kind::Decided, id(trigger))
    };
    let ended =
        |trigger: &str, ending: &str| Event { ending: Some(ending.into()), ..Event::about(Kind::Outcome, id(trigger)) };
    vec![
        asked("a", "ann", "/kubectl DELETE pods -n web --apply"),
        decided("a", "prod", "web", Tier::Destructive, "delete"),
        Event::about(Kind::Ballot, id("a")).by(actor("bob")),
        ended("a", "ran"),
        asked("b", "ann", "/kubectl get pods -n \"w\u{e9}b\" \\ \u{7}"),
        decided("b", "dev", "w\u{e9}b\"\\", Tier::Read, "get"),
        ended("b", "timed-out"),
        Event::of(Kind::Heartbeat),
        full(Kind::Refused),
    ]
}

async fn log() -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), Role::Gateway, events()).await;
    let store = Directory::look(folder.path(), Arc::new(ManualClock::at(START))).unwrap();
    (folder, store)
}

async fn found(store: &Directory, filter: Filter) -> Vec<u64> {
    let found = newest(store, &filter, 100).await.unwrap();
    assert_eq!(found.scanned.found, u64::try_from(found.hits.len()).unwrap());
    found.hits.iter().map(|hit| hit.record.seq).collect()
}

#[tokio::test]
async fn every_filter_finds_its_records() {
    let (_folder, store) = log().await;
    let text = |text: &str| Some(text.to_owned());
    let at = |minutes: u64| Some(START.plus(Duration::from_mins(minutes)));
    let none = Filter::default;
    for (filter, expected) in [
        (none(), &[1, 2, 3, 4, 5, 6, 7, 8, 9][..]),
        (Filter { quiet: true, ..none() }, &[1, 2, 3, 4, 5, 6, 7, 9]),
        (Filter { who: text("ann"), ..none() }, &[1, 5, 9]),
        (Filter { who: text("https://id.example#bob"), ..none() }, &[3]),
        (Filter { who: text("U-bob"), ..none() }, &[3]),
        (Filter { who: text("BOT"), ..none() }, &[9]),
        (Filter { who: text("nn"), ..none() }, &[]),
        (Filter { events: vec![Kind::Ballot], ..none() }, &[3]),
        (Filter { events: vec![Kind::Ballot, Kind::Outcome], ..none() }, &[3, 4, 7]),
        (Filter { invocation: Some(id("b").into()), ..none() }, &[5, 6, 7]),
        (Filter { invocation: id("b").short().parse().ok(), ..none() }, &[5, 6, 7]),
        (Filter { env: text("prod"), ..none() }, &[1, 2, 3, 4, 9]),
        (Filter { env: text("prod"), events: vec![Kind::Outcome], ..none() }, &[4]),
        (Filter { env: text("dev"), target: text("dev-eu"), ..none() }, &[5, 6, 7]),
        (Filter { env: text("dev"), target: text("prod-eu"), ..none() }, &[]),
        (Filter { namespace: text("w\u{e9}b\"\\"), ..none() }, &[5, 6, 7]),
        (Filter { tool: text("kubectl"), tier: Some(Tier::Read), ..none() }, &[5, 6, 7]),
        (Filter { tier: Some(Tier::Change), ..none() }, &[]),
        (Filter { ending: text("timed-out"), ..none() }, &[7]),
        (Filter { refusal: text("drifted"), ..none() }, &[9]),
        (Filter { since: at(3), until: at(5), ..none() }, &[3, 4]),
        (Filter { text: text("delete"), ..none() }, &[1, 2, 9]),
        (Filter { text: text("W\u{c9}B\" \\ \u{7}"), ..none() }, &[5]),
    ] {
        assert_eq!(found(&store, filter.clone()).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_line_that_is_spelled_otherwise_is_found_all_the_same() {
    let (folder, _) = log().await;
    let path = folder.path().join(layout::segment(&crate::sample::writer(Role::Gateway), 1).as_str());
    let text = std::fs::read_to_string(&path).unwrap();
    let spelled =
        text.replace("\"event\":\"ballot\"", "\"event\":\"ballo\\u0074\"").replace("\"prod\"", "\"pro\\u0064\"");
    assert_ne!(spelled, text);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, spelled).unwrap();
    let store = Directory::look(folder.path(), Arc::new(ManualClock::at(START))).unwrap();
    let filter = Filter { env: Some("prod".into()), events: vec![Kind::Ballot], ..Filter::default() };
    assert_eq!(found(&store, filter).await, [3]);
}

#[tokio::test]
async fn the_newest_are_kept_and_the_exact_line_is_told() {
    let (folder, store) = log().await;
    let found = newest(&store, &Filter::default(), 2).await.unwrap();
    assert_eq!(found.hits.iter().map(|hit| hit.record.seq).collect::<Vec<_>>(), [8, 9]);
    assert_eq!((found.scanned.found, found.scanned.segments, found.scanned.unreadable), (9, 2, 0));
    let mut stored = String::new();
    for name in store.list(layout::RECORDS).await.unwrap() {
        stored += &std::fs::read_to_string(folder.path().join(name)).unwrap();
    }
    let mut lines = String::new();
    let mut each = |hit: Hit| {
        lines.extend([hit.line.as_str(), "\n"]);
        ControlFlow::Continue(())
    };
    scan(&store, &Filter::default(), &mut each).await.unwrap();
    assert_eq!(lines, stored);
}

#[tokio::test]
async fn lines_nobody_can_read_are_counted_and_breaking_off_ends_it() {
    let (folder, store) = log().await;
    let writer = crate::sample::writer(Role::Worker);
    let line =
        Record { seq: 1, prev: writer.genesis(), at: START, writer: writer.clone(), event: Event::of(Kind::Lease) };
    let newer = line.line().replace("\"schema\":1", "\"schema\":2");
    let path = folder.path().join(layout::segment(&writer, 1).as_str());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, [newer.as_bytes(), b"\n\xff\n"].concat()).unwrap();
    let counted = newest(&store, &Filter::default(), 1).await.unwrap().scanned;
    assert_eq!((counted.unreadable, counted.found), (2, 9));
    let mut seen = 0;
    let mut first = |_: Hit| {
        seen += 1;
        ControlFlow::Break(())
    };
    scan(&store, &Filter::default(), &mut first).await.unwrap();
    assert_eq!(seen, 1);
}
