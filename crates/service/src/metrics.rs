//! Numbers for operators, as Prometheus reads them.
//!
//! **Invariant:** a number, a name, a dependency or a pool; never what somebody typed.

use countersign_audit::log::AuditLog;
use countersign_core::certificate::Role;
use countersign_core::time::Timestamp;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Counters of every process: name and meaning.
pub const COUNTERS: &[(&str, &str)] = &[
    ("countersign_audit_records_total", "Records that are durable."),
    ("countersign_audit_segments_total", "Segments that are durable."),
    ("countersign_audit_failed_puts_total", "Segments the store did not take or not in time; each is tried again."),
    ("countersign_audit_failed_heads_total", "Signed heads that were not stored in one of their places."),
    ("countersign_audit_unclosed_total", "Runs that were begun and dropped without an outcome."),
    (
        "countersign_revocations_foreign_total",
        "Revocations in the log's store that no root key signed, by `role`; they are ignored.",
    ),
    ("countersign_reloads_total", "Reloads by SIGHUP, by `result`: changed, unchanged, refused."),
    (
        "countersign_shadow_differences_total",
        "Requests that the shadow policy would treat otherwise, by `direction`: gains, changes, loses, stays-refused.",
    ),
];

/// Gauges of every process: name and meaning.
pub const GAUGES: &[(&str, &str)] = &[
    ("countersign_ready", "1 when the `dependency` answers, 0 when it is away."),
    (
        "countersign_certificate_expires_seconds",
        "When this process's certificate ends, in seconds since 1970, by `role`.",
    ),
    ("countersign_audit_anchor_lag_seconds", "How long ago a second place took a signed head, by `role` and `place`."),
    ("countersign_revocations_known", "Revocations of keys that this process has learned, by `role`."),
    (
        "countersign_pool_workers",
        "Workers of a `pool` of the catalog that a gateway heard of in the last 30 seconds; at 0 its requests wait.",
    ),
    ("countersign_worker_serves", "1 for each `pool` whose work this worker takes."),
    ("countersign_audit_writable", "1 when the last write of the log went well."),
    ("countersign_audit_skew_milliseconds", "The store's clock minus the own one, at the last write."),
];

/// What is counted, ready to be read.
#[derive(Clone)]
pub struct Numbers {
    prometheus: Option<PrometheusHandle>,
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Numbers")
    }
}

impl Numbers {
    /// Counts from now on. Only the first of a process does.
    #[must_use]
    pub fn start() -> Self {
        let prometheus = PrometheusBuilder::new().install_recorder().ok();
        for (name, meaning) in COUNTERS {
            describe_counter!(*name, *meaning);
        }
        for (name, meaning) in GAUGES {
            describe_gauge!(*name, *meaning);
        }
        Self { prometheus }
    }

    /// The page that Prometheus reads. `now` is the time since boot.
    #[must_use]
    pub fn page(&self, logs: &[AuditLog], now: Duration) -> String {
        audit(logs, now);
        self.prometheus.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }
}

fn audit(logs: &[AuditLog], now: Duration) {
    for log in logs {
        let (gauges, role) = (log.gauges(), log.writer().role().as_str());
        counter!("countersign_audit_records_total", "role" => role).absolute(gauges.records.load(Relaxed));
        counter!("countersign_audit_segments_total", "role" => role).absolute(gauges.segments.load(Relaxed));
        counter!("countersign_audit_failed_puts_total", "role" => role).absolute(gauges.failed_puts.load(Relaxed));
        counter!("countersign_audit_failed_heads_total", "role" => role).absolute(gauges.failed_heads.load(Relaxed));
        counter!("countersign_audit_unclosed_total", "role" => role).absolute(gauges.unclosed.load(Relaxed));
        gauge!("countersign_audit_writable", "role" => role).set(f64::from(u8::from(gauges.writable.load(Relaxed))));
        let skew = i32::try_from(gauges.skew_millis.load(Relaxed)).map_or(f64::MAX, f64::from);
        gauge!("countersign_audit_skew_milliseconds", "role" => role).set(skew);
        for state in gauges.anchors.states(now) {
            let lag = gauge!("countersign_audit_anchor_lag_seconds", "role" => role, "place" => state.place);
            lag.set(state.lag.as_secs_f64());
        }
    }
}

/// When a process's certificate ends.
pub(crate) fn certificate(role: Role, ends: Timestamp) {
    let seconds = u32::try_from(ends.as_millis() / 1_000).map_or(f64::INFINITY, f64::from);
    gauge!("countersign_certificate_expires_seconds", "role" => role.as_str()).set(seconds);
}

/// How many revocations were learned, and how many of no root key were seen.
pub(crate) fn revocations(role: Role, known: usize, foreign: usize) {
    gauge!("countersign_revocations_known", "role" => role.as_str())
        .set(u32::try_from(known).map_or(f64::INFINITY, f64::from));
    counter!("countersign_revocations_foreign_total", "role" => role.as_str()).absolute(foreign as u64);
}

/// One reload.
pub fn reloaded(result: &'static str) {
    counter!("countersign_reloads_total", "result" => result).increment(1);
}

/// One request that the shadow policy would treat otherwise.
pub fn shadow_difference(direction: &'static str) {
    counter!("countersign_shadow_differences_total", "direction" => direction).increment(1);
}

/// How many workers of a pool are there.
pub fn pool_workers(pool: &str, there: usize) {
    gauge!("countersign_pool_workers", "pool" => pool.to_owned())
        .set(u32::try_from(there).map_or(f64::INFINITY, f64::from));
}

/// This process takes work of a pool.
pub fn serves(pool: &str) {
    gauge!("countersign_worker_serves", "pool" => pool.to_owned()).set(1.0);
}

/// Whether a dependency answered.
pub(crate) fn ready(dependency: &'static str, answers: bool) {
    gauge!("countersign_ready", "dependency" => dependency).set(f64::from(u8::from(answers)));
}
