//! Keys that the root's holder took belief from, while the processes that have them run.

use crate::program::{Program, command, run, told, until};
use crate::site::{Site, long_nap, processes};
use countersign_audit::clock::SystemClock;
use countersign_audit::event::Kind;
use countersign_core::time::{Clock as _, Timestamp};

/// Waits until this process has learned of so many revocations.
async fn learned(program: &Program, count: usize) {
    until("the revocation is learned", async || {
        (program.logged().matches("A key is revoked").count() >= count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_key_is_revoked_ends_and_what_it_seals_is_not_believed() {
    let nap = long_nap(3);
    let site = Site::prepare(&nap).await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    let card = site.asks("/nap", "--apply", ": running").await;
    until("it runs", async || (!processes(&nap).is_empty()).then_some(())).await;
    // Anybody who may write the log can put something there; it is the root's word that counts.
    site.revokes("worker-1", SystemClock.now(), &countersign_audit::keys::generate()).await;
    until("a forged note is seen", async || {
        let (_, numbers) = worker.page("/metrics").await;
        numbers.contains("countersign_revocations_foreign_total{role=\"worker\"} 1").then_some(())
    })
    .await;
    worker.readiness(200, "ready").await;
    site.revokes("worker-1", SystemClock.now(), &site.root()).await;
    learned(&gateway, 1).await;
    learned(&worker, 1).await;
    worker.readiness(503, "stopping").await;
    let second = site.asks("/nap", "--apply", "waiting for a worker").await;
    site.slack.click("ann", &card, "cancel").await;
    let log = worker.log();
    assert_eq!(worker.ended().await.code(), Some(1));
    let said = std::fs::read_to_string(&log).expect("it was written");
    assert!(said.contains("This process ends: the key") && said.contains("(stolen)"), "{said}");
    // Nothing in the log but what had to be: the end of its stream would look like a thief's word.
    assert!(site.events().await.iter().all(|one| one.kind != Kind::WriterClosed));
    until("the outcome reaches the gateway", async || {
        gateway.logged().contains("An outcome cannot be believed").then_some(())
    })
    .await;
    let shown = site.slack.message(&card.channel, &card.ts).map(|one| crate::site::shown(&one)).unwrap_or_default();
    assert!(!shown.contains(": done") && !shown.contains(": cancelled"), "{shown}");
    assert_eq!(processes(&nap), Vec::<String>::new());

    // It does not come back, and another worker is believed.
    let (code, said) = told(&run(command("countersign-worker", &site.worker("worker-1", "jobs"))).await);
    assert!(code == Some(2) && said.contains("is not believed since"), "{said}");
    let other = Program::start("countersign-worker", &site.worker("worker-2", "other-jobs")).await;
    let second = site.shows(&second, ": running").await;
    site.slack.click("ann", &second, "cancel").await;
    site.shows(&second, ": cancelled").await;
    assert_eq!((gateway.stop().await, other.stop().await), (Some(0), Some(0)));
}

/// A captured gateway's jobs wait in the queue, well sealed.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_gateway_sealed_does_not_run() {
    let site = Site::prepare("1").await;
    let gateway = site.start_gateway().await;
    site.asks("/nap", "--apply", "waiting for a worker").await;
    site.revokes("gateway-1", SystemClock.now(), &site.root()).await;
    assert_eq!(gateway.ended().await.code(), Some(1));
    let worker = site.start_worker().await;
    let other = Program::start("countersign-gateway", &site.gateway("gateway-2")).await;
    site.connect(&other);
    // What is asked now goes through the same queue, behind it.
    site.asks("/nap", "--apply", ": done").await;
    assert_eq!(site.runs().await, 1);
    assert_eq!((other.stop().await, worker.stop().await), (Some(0), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_for_all_ends_with_either_key_and_only_when_it_is_time() {
    let site = Site::prepare("1").await;
    let soon = |seconds: i64| Timestamp::from_millis(SystemClock.now().as_millis() + seconds * 1_000);
    site.revokes("worker-1", soon(15), &site.root()).await;
    let solo = Program::start("countersign solo", &site.solo()).await;
    site.connect(&solo);
    site.asks("/nap", "--apply", ": done").await;
    assert_eq!(solo.ended().await.code(), Some(1));
}
