//! What a process says of itself while it runs.

use crate::program::Program;
use crate::site::Site;
use countersign_simulators::slack::Seed;
use std::fs::rename;
use tokio::io::AsyncWriteExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_is_away_and_comes_back() {
    let mut site = Site::prepare("1").await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    for program in [&gateway, &worker] {
        program.readiness(200, "ready").await;
    }
    site.redis.kill();
    for program in [&gateway, &worker] {
        let said = program.readiness(503, "queue: ").await;
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(program.page("/healthz").await, (200, "alive\n".to_owned()));
    }
    site.redis.revive();
    for (name, says) in [("people.yaml", "people: "), ("audit", "audit: "), ("fate", "audit: ")] {
        rename(site.path(name), site.path("away")).expect("the folder is ours");
        for program in [&gateway, &worker] {
            program.readiness(503, says).await;
        }
        rename(site.path("away"), site.path(name)).expect("the folder is ours");
        for program in [&gateway, &worker] {
            program.readiness(200, "ready").await;
        }
    }
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_a_token_that_slack_does_not_take() {
    let site = Site::prepare("1").await;
    site.write("token", "xoxb-revoked");
    let gateway = site.start_gateway().await;
    gateway.readiness(503, "slack: ").await;
    site.write("token", &Seed::demo().workspaces[0].token);
    gateway.signal(rustix::process::Signal::HUP);
    gateway.readiness(200, "ready").await;
    assert_eq!(gateway.stop().await, Some(0));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_serves_a_whole_installation() {
    let site = Site::prepare("1").await;
    let solo = Program::start("countersign solo", &site.solo()).await;
    site.connect(&solo);
    site.asks("/nap", "--apply", ": done").await;
    site.asks("/disk-usage", "path=/tmp", ": done").await;
    solo.readiness(200, "ready").await;
    let (_, numbers) = solo.page("/metrics").await;
    for name in ["countersign_ready{dependency=\"audit\"} 1", "countersign_audit_writable{role=\"worker\"} 1"] {
        assert!(numbers.contains(name), "`{name}`: {numbers}");
    }
    assert!(numbers.contains("countersign_certificate_expires_seconds{role=\"gateway\"} 1"), "{numbers}");
    // A request that never comes to its end does not hold up the process's.
    let address = solo.slack.as_deref().and_then(|at| at.strip_prefix("http://")).expect("it listens to Slack");
    let mut silent = tokio::net::TcpStream::connect(address).await.expect("it listens");
    silent.write_all(b"POST /slack/commands HTTP/1.1\r\nhost: ").await.expect("it listens");
    assert_eq!(solo.stop().await, Some(0));
    assert_eq!(site.runs().await, 2);
    site.end().await;
}

/// At the most talkative level, with `RUST_LOG` set to everything.
#[tokio::test(flavor = "multi_thread")]
async fn p58_no_log_holds_what_was_typed_or_a_secret() {
    let site = Site::prepare("1").await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    site.asks("/disk-usage", "path=/tmp", ": done").await;
    site.slack.command("ann", crate::site::CHANNEL, "/nonsense", "--password=hunter2").await;
    let seed = Seed::demo();
    let (signing, token) = (seed.signing_secret.as_str(), seed.workspaces[0].token.as_str());
    let (first, second) = (gateway.logged(), worker.logged());
    assert!(first.contains("Deciding") && second.contains("Claiming"), "they do write");
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    for name in ["gateway.log", "worker-1-jobs.log"] {
        let log = std::fs::read_to_string(site.path(name)).expect("it was written");
        for secret in [signing, token, "hunter2", "nonsense", "disk-usage"] {
            assert!(!log.contains(secret), "{name} holds `{secret}`: {log}");
        }
        for line in log.lines() {
            assert!(
                line.starts_with('{') && line.contains("\"target\":\"countersign"),
                "a line of ours, as JSON: {line}"
            );
        }
    }
    site.end().await;
}
