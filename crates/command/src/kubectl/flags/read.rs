//! Flags of the verbs that only look. What is followed or watched ends when its time is over.

use super::check;
use crate::grammar::{Flag, flag, switch};
use countersign_core::refusal::Code::FlagNotAllowed;

/// `get`.
pub(in crate::kubectl) const GET: &[Flag] = &[
    flag("chunk-size").default("500").display().check(check::count),
    switch("ignore-not-found"),
    flag("label-columns").short('L').accumulates().check(check::label_columns),
    switch("no-headers").display(),
    switch("output-watch-events").display(),
    flag("raw").refused(FlagNotAllowed, "name kind and object: a raw path could be anything"),
    switch("server-print").default("true").display(),
    switch("show-kind").display(),
    switch("show-labels").display(),
    flag("sort-by").display().check(check::field_path),
    flag("subresource").check(check::subresource),
    switch("watch").short('w'),
    switch("watch-only"),
];

/// `describe`.
pub(in crate::kubectl) const DESCRIBE: &[Flag] =
    &[flag("chunk-size").default("500").display().check(check::count), switch("show-events").default("true").display()];

/// `logs`.
pub(in crate::kubectl) const LOGS: &[Flag] = &[
    switch("all-containers"),
    switch("all-pods"),
    flag("container").short('c').check(check::object_name),
    switch("follow").short('f'),
    switch("ignore-errors").display(),
    switch("insecure-skip-tls-verify-backend")
        .refused(FlagNotAllowed, "leave it away: certificates are always checked"),
    flag("limit-bytes").default("0").check(check::count),
    flag("max-log-requests").default("5").check(check::count),
    flag("pod-running-timeout").default("20s").check(check::bounded_wait),
    switch("prefix").display(),
    switch("previous").short('p'),
    flag("since").default("0s").check(check::any_wait),
    flag("since-time").check(check::point_in_time),
    flag("tail").default("-1").check(check::count_or_all),
    switch("timestamps").display(),
];

/// `events`.
pub(in crate::kubectl) const EVENTS: &[Flag] = &[
    flag("chunk-size").default("500").display().check(check::count),
    flag("for").check(check::one_object),
    switch("no-headers").display(),
    flag("types").accumulates().check(check::event_types),
    switch("watch").short('w'),
];

/// `top node` and `top pod`.
pub(in crate::kubectl) const TOP: &[Flag] = &[
    switch("no-headers").display(),
    flag("sort-by").display().check(check::load),
    switch("use-protocol-buffers").default("true").display(),
];
/// `top node`.
pub(in crate::kubectl) const TOP_NODE: &[Flag] = &[switch("show-capacity").display()];
/// `top pod`.
pub(in crate::kubectl) const TOP_POD: &[Flag] = &[switch("containers").display(), switch("sum").display()];

/// `explain`.
pub(in crate::kubectl) const EXPLAIN: &[Flag] = &[
    flag("api-version").check(check::api_version),
    flag("output").short('o').display(),
    switch("recursive").display(),
];

/// `apply view-last-applied`.
pub(in crate::kubectl) const LAST_APPLIED: &[Flag] = &[flag("output").short('o').default("yaml").display()];

/// `api-resources`. Without `--namespaced` both are listed, so either value says something.
pub(in crate::kubectl) const API_RESOURCES: &[Flag] = &[
    flag("api-group").default("*").check(check::group),
    switch("cached").display(),
    flag("categories").accumulates().check(check::words),
    switch("namespaced").default(""),
    switch("no-headers").display(),
    flag("output").short('o').display(),
    flag("sort-by").display().check(check::name_or_kind),
    flag("verbs").accumulates().check(check::words),
];

/// `version`.
pub(in crate::kubectl) const VERSION: &[Flag] = &[switch("client").display(), flag("output").short('o').display()];

/// `auth can-i`.
pub(in crate::kubectl) const CAN_I: &[Flag] = &[
    switch("list"),
    switch("no-headers").display(),
    switch("quiet").short('q').display(),
    flag("subresource").check(check::segment),
];

/// `wait`.
pub(in crate::kubectl) const WAIT: &[Flag] =
    &[flag("for").check(check::condition), flag("timeout").default("30s").check(check::short_wait)];

/// `set env --list`, with everything of `set env` that would change something.
pub(in crate::kubectl) const LIST_ENV: &[Flag] =
    &[flag("containers").short('c').default("*").check(check::containers), switch("resolve")];

/// `rollout status`.
pub(in crate::kubectl) const ROLLOUT_STATUS: &[Flag] = &[
    flag("revision").default("0").check(check::count),
    flag("timeout").check(check::patient_wait),
    switch("watch").short('w').default("true"),
];

/// `rollout history`.
pub(in crate::kubectl) const ROLLOUT_HISTORY: &[Flag] = &[flag("revision").default("0").check(check::count)];
