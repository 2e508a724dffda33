//! SIGHUP, SIGTERM, SIGKILL.

use crate::program::until;
use crate::site::{Site, long_nap, processes};
use countersign_audit::event::Kind;
use rustix::process::Signal;

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_on_record_and_a_bad_one_changes_nothing() {
    let site = Site::prepare("1").await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    let good = std::fs::read_to_string(site.path("rbac.yaml")).expect("it was written");
    for program in [&gateway, &worker] {
        let already = site.events().await.iter().filter(|one| one.kind == Kind::PolicyChanged).count();
        site.write("rbac.yaml", &format!("{good}# {already}\n"));
        program.signal(Signal::HUP);
        let changed = site.recorded(Kind::PolicyChanged, already + 1).await;
        assert!(changed.iter().filter(|one| one.refusal.is_none()).count() > already / 2, "{changed:?}");

        site.write("rbac.yaml", &format!("{good}rols: 1\n"));
        program.signal(Signal::HUP);
        let changed = site.recorded(Kind::PolicyChanged, already + 2).await;
        assert_eq!(changed.iter().filter(|one| one.refusal.is_some()).count(), already / 2 + 1, "{changed:?}");
        until("the refused reload is logged", async || program.logged().contains("has no key `rols`").then_some(()))
            .await;
        let (_, numbers) = program.page("/metrics").await;
        for line in
            ["countersign_reloads_total{result=\"changed\"} 1", "countersign_reloads_total{result=\"refused\"} 1"]
        {
            assert!(numbers.contains(line), "{numbers}");
        }
        program.readiness(200, "ready").await;
    }
    site.asks("/nap", "--apply", ": done").await;
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    site.end().await;
}

/// The worker's host learns the targets of the catalog in force, not of the one it started with.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_added_runs_after_a_reload() {
    let site = Site::prepare("1").await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    let catalog = std::fs::read_to_string(site.path("catalog.yaml")).expect("it was written");
    site.write("catalog.yaml", &catalog.replace("\n  nap:", "\n  doze:").replace("[\"nap\"]", "[\"doze\"]"));
    for (nth, program) in [&gateway, &worker].into_iter().enumerate() {
        program.signal(Signal::HUP);
        site.recorded(Kind::PolicyChanged, nth + 1).await;
        until("it is in force", async || program.logged().contains("Other policy files are in force").then_some(()))
            .await;
    }
    site.asks("/doze", "--apply", ": done").await;
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_secret_is_rotated_by_a_reload() {
    let site = Site::prepare("1").await;
    let gateway = site.start_gateway().await;
    site.slack.rotate_signing_secret("another-one-0123456789abcdef");
    let refused = site.slack.command("ann", crate::site::CHANNEL, "/countersign", "help").await;
    assert_eq!(refused.outcome.status(), Some(401), "{refused:?}");
    site.write("signing", "another-one-0123456789abcdef");
    gateway.signal(Signal::HUP);
    until("the new secret is taken", async || {
        let sent = site.slack.command("ann", crate::site::CHANNEL, "/countersign", "help").await;
        sent.outcome.is_acknowledged().then_some(())
    })
    .await;
    site.write("signing", "");
    gateway.signal(Signal::HUP);
    until("the mistake is logged", async || gateway.logged().contains("stay as they are").then_some(())).await;
    let sent = site.slack.command("ann", crate::site::CHANNEL, "/countersign", "help").await;
    assert!(sent.outcome.is_acknowledged(), "{sent:?}");
    assert_eq!(gateway.stop().await, Some(0));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p57_told_to_end_a_worker_claims_nothing_more_and_what_runs_ends() {
    let nap = long_nap(1);
    let site = Site::prepare(&nap).await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    let first = site.asks("/nap", "--apply", ": running").await;
    worker.signal(Signal::TERM);
    worker.readiness(503, "stopping").await;
    // It has room for three more, its queue has work, and it takes none.
    let second = site.asks("/nap", "--apply", "waiting for a worker").await;
    until("the first runs on, alone", async || (processes(&nap).len() == 1).then_some(())).await;
    site.slack.click("ann", &first, "cancel").await;
    assert_eq!(worker.ended().await.code(), Some(0));
    site.shows(&first, ": cancelled").await;
    assert_eq!(site.runs().await, 1);

    let worker = site.start_worker().await;
    let second = site.shows(&second, ": running").await;
    site.slack.click("ann", &second, "cancel").await;
    site.shows(&second, ": cancelled").await;
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    assert_eq!(site.runs().await, 2);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p57_told_twice_a_worker_ends_what_runs_and_records_it() {
    let nap = long_nap(2);
    let site = Site::prepare(&nap).await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    site.asks("/nap", "--apply", ": running").await;
    until("it runs", async || (!processes(&nap).is_empty()).then_some(())).await;
    worker.signal(Signal::TERM);
    worker.readiness(503, "stopping").await;
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().await.code(), Some(1));
    assert_eq!(processes(&nap), Vec::<String>::new());
    site.recorded(Kind::Outcome, 1).await;
    assert_eq!(gateway.stop().await, Some(0));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p57_a_killed_worker_takes_its_commands_with_it() {
    let nap = long_nap(3);
    let site = Site::prepare(&nap).await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    let card = site.asks("/nap", "--apply", ": running").await;
    until("it runs", async || (!processes(&nap).is_empty()).then_some(())).await;
    worker.signal(Signal::KILL);
    worker.ended().await;
    until("nothing of it is left", async || processes(&nap).is_empty().then_some(())).await;
    // The same key, another start: what died is missed, and told.
    let worker = site.start_worker().await;
    site.shows(&card, "unknown").await;
    assert_eq!(site.runs().await, 1);
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    site.end().await;
}
