//! The log in buckets, as installed programs have it.

use crate::places::{Buckets, FATE, HEADS, LOG};
use crate::program::{command, run, told, until};
use crate::servers::Setup;
use crate::servers::proxy::Wire;
use crate::site::{CHANNEL, DEPLOYMENT, Site};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
};
use countersign_simulators::slack::{Author, Message};

/// What an auditor with a read-only key and the root key finds, with `countersign audit verify`.
async fn audited(site: &Site) -> (Option<i32>, String) {
    let buckets = site.buckets();
    let mut command = crate::program::plain("countersign");
    command.args(["audit", "verify", "--audit", &format!("s3://{LOG}"), "--fate", &format!("s3://{FATE}")]);
    command.args(["--anchors", &format!("s3://{HEADS}"), "--deployment", DEPLOYMENT, "--retention-days", "1"]);
    command.args(["--region", "us-east-1", "--endpoint", &buckets.store().endpoint, "--path-style", "--root"]);
    command.arg(site.path("keys/root.pub"));
    let (id, secret) = &buckets.auditor;
    command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret).env("HOME", site.path(""));
    told(&run(command).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_runs_with_its_log_in_buckets_and_an_auditor_finds_it_sound() {
    let site = Site::in_buckets(Buckets::start().await, "1").await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    for program in [&gateway, &worker] {
        program.readiness(200, "ready").await;
        let (_, numbers) = program.page("/metrics").await;
        for name in
            ["countersign_audit_writable", "countersign_audit_anchor_lag_seconds", "countersign_revocations_known"]
        {
            assert!(numbers.lines().any(|line| line.starts_with(&format!("{name}{{"))), "`{name}`: {numbers}");
        }
    }
    site.asks("/nap", "--apply", ": done").await;
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    assert_eq!(site.runs().await, 1);
    let (code, said) = audited(&site).await;
    assert_eq!(code, Some(0), "{said}");
    site.end().await;
}

/// Everything that somebody was told with these words.
fn told_so(site: &Site, words: &str) -> Vec<Message> {
    let by_us = site.slack.messages().into_iter().filter(|one| one.author == Author::App);
    by_us.filter(|one| crate::site::shown(one).contains(words)).collect()
}

/// A wire that is cut, and a store that takes requests and answers none.
#[tokio::test(flavor = "multi_thread")]
async fn p03_while_the_bucket_is_away_nothing_runs_and_people_read_it_once() {
    let site = Site::in_buckets(Buckets::start().await, "1").await;
    let (gateway, worker) = (site.start_gateway().await, site.start_worker().await);
    for (nth, broken) in [Wire::Refuses, Wire::Hangs].into_iter().enumerate() {
        site.buckets().wire.is(broken);
        let sent = site.slack.command("ann", CHANNEL, "/nap", "--apply").await;
        assert!(sent.outcome.is_acknowledged(), "{sent:?}");
        let words = "the audit log cannot be written, so nothing was started";
        until("ann is told", async || (told_so(&site, words).len() > nth).then_some(())).await;
        for program in [&gateway, &worker] {
            let said = program.readiness(503, "audit: ").await;
            assert!(!said.contains("queue: ") && !said.contains("people: "), "{said}");
        }
        assert_eq!(site.runs().await, nth, "{broken:?}");
        site.buckets().wire.is(Wire::Good);
        for program in [&gateway, &worker] {
            program.readiness(200, "ready").await;
        }
        site.asks("/nap", "--apply", ": done").await;
        assert_eq!(told_so(&site, words).len(), nth + 1, "once a request");
    }
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    assert_eq!(site.runs().await, 2);
    assert_eq!(audited(&site).await.0, Some(0));
    site.end().await;
}

async fn refused(site: &Site, says: &[&str]) {
    let programs =
        [("countersign-gateway", site.gateway("gateway-1")), ("countersign-worker", site.worker("worker-1", "jobs"))];
    for (program, configuration) in programs {
        let (code, said) = told(&run(command(program, &configuration)).await);
        assert_eq!(code, Some(3), "{said}");
        for says in says {
            assert!(said.contains(says), "`{says}`: {said}");
        }
        assert!(!said.contains("ready\n"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p27_a_bucket_that_does_not_keep_the_log_is_not_started_with() {
    let cases = [
        (Setup::Plain, "Object Lock of the bucket `acme-log` is off"),
        (Setup::Governance { days: 1 }, "`acme-log` is not `COMPLIANCE`"),
        (Setup::NoDefault, "`acme-log` has no default retention"),
    ];
    for (setup, says) in cases {
        let site = Site::in_buckets(Buckets::with(setup, Setup::Plain).await, "1").await;
        refused(&site, &["the audit log cannot be opened, so nothing is accepted", says]).await;
        // What was written to find out is no record.
        assert_eq!(site.events().await.len(), 0, "{says}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p27_a_lock_shorter_than_promised_or_one_that_can_be_lifted_is_not_started_with() {
    let buckets = Buckets::start().await;
    // This one may do what no writer may.
    let able = buckets.key("able", &["s3:*".to_owned()]);
    let site = Site::in_buckets(buckets, "1").await;
    let config = site.gateway("gateway-1");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let longer = text.replacen("retention_days: 1 ", "retention_days: 30 ", 1);
    assert_ne!(longer, text);
    let start = async |text: &str| {
        let (code, said) = told(&run(command("countersign-gateway", &site.write("other.yaml", text))).await);
        assert_eq!(code, Some(3), "{said}");
        said
    };
    let said = start(&longer).await;
    assert!(said.contains("default retention of the bucket `acme-log` is 1 days"), "{said}");
    let (id, secret) = (site.write("able-id", &able.0), site.write("able-secret", &able.1));
    let text = text.replace(&site.path("s3-id").display().to_string(), &id.display().to_string());
    let text = text.replace(&site.path("s3-secret").display().to_string(), &secret.display().to_string());
    let said = start(&text).await;
    assert!(said.contains("let this process shorten the lock") && said.contains("s3:PutObjectRetention"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p27_a_bucket_that_does_not_hold_fates_is_not_started_with() {
    let site = Site::in_buckets(Buckets::with(Setup::Locked { days: 1 }, Setup::Versioned).await, "1").await;
    refused(&site, &["`audit.fate` cannot hold the fates", "versioning of the bucket `acme-fate` is `Enabled`"]).await;

    let site = Site::in_buckets(Buckets::start().await, "1").await;
    let rule = LifecycleRule::builder()
        .id("tidy")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("fate/").build())
        .expiration(LifecycleExpiration::builder().days(7).build())
        .build()
        .expect("it has a status");
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().expect("it has a rule");
    let admin = site.buckets().store().admin();
    let put = admin.put_bucket_lifecycle_configuration().bucket(FATE).lifecycle_configuration(rules);
    put.send().await.expect("the store takes rules");
    refused(&site, &["`audit.fate` cannot hold the fates", "`tidy`", "8 days"]).await;
}

/// Whose fault it is, before anything is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_missing_away_or_forbidden_is_named() {
    let site = Site::in_buckets(Buckets::start().await, "1").await;
    let text = std::fs::read_to_string(site.gateway("gateway-1")).expect("it was written");
    let start = async |text: &str| {
        let (code, said) = told(&run(command("countersign-gateway", &site.write("other.yaml", text))).await);
        assert_eq!(code, Some(3), "{said}");
        let (_, secret) = &site.buckets().writer;
        assert!(!said.contains(secret.as_str()), "{said}");
        said
    };
    let said = start(&text.replace("name: acme-log", "name: acme-lag")).await;
    assert!(said.contains("`audit.bucket` cannot hold the log") && said.contains("no bucket `acme-lag`"), "{said}");
    let said = start(&text.replace("name: acme-heads", "name: acme-hades")).await;
    assert!(said.contains("one of `audit.anchors`") && said.contains("no bucket `acme-hades`"), "{said}");
    site.buckets().wire.is(Wire::Refuses);
    let said = start(&text).await;
    assert!(said.contains("`audit.bucket` cannot hold the log"), "{said}");
    site.buckets().wire.is(Wire::Good);
    site.write("s3-id", "AKIANOBODY");
    let said = start(&text).await;
    assert!(said.contains("`audit.bucket` cannot hold the log") && said.contains("s3:List"), "{said}");
}
