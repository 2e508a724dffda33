//! Flags of the verbs that change what there is.

use super::VALIDATE;
use super::check;
use crate::grammar::{Flag, flag, switch};
use countersign_core::refusal::Code::{FlagNotAllowed, Interactive, WorkerFiles};

/// `delete`.
pub(in crate::kubectl) const DELETE: &[Flag] = &[
    flag("cascade").optional("background").default("background").check(check::cascade),
    switch("force"),
    flag("grace-period").default("-1").check(check::count_or_all),
    switch("ignore-not-found"),
    switch("interactive").short('i').only_default(Interactive, "leave it away: approval happens in the thread"),
    switch("now"),
    flag("output").short('o').display(),
    flag("raw").refused(FlagNotAllowed, "name kind and object: a raw path could be anything"),
    flag("timeout").default("0s").check(check::default_wait),
    switch("wait").default("true"),
];

/// `scale`.
pub(in crate::kubectl) const SCALE: &[Flag] = &[
    flag("current-replicas").default("-1").check(check::count_or_all),
    flag("replicas").check(check::count),
    flag("resource-version").check(check::count),
    flag("timeout").default("0s").check(check::default_wait),
];

/// `rollout undo`.
pub(in crate::kubectl) const ROLLOUT_UNDO: &[Flag] = &[flag("to-revision").default("0").check(check::count)];

/// `label` and `annotate`.
pub(in crate::kubectl) const LABEL: &[Flag] =
    &[switch("list"), switch("overwrite"), flag("resource-version").check(check::count)];

/// `patch`.
pub(in crate::kubectl) const PATCH: &[Flag] = &[
    flag("patch").short('p'),
    flag("patch-file").refused(WorkerFiles, "write the patch into the command, as `-p '{…}'`"),
    flag("subresource").check(check::subresource),
    flag("type").default("strategic").check(check::patch_type),
];

/// `set env`. Variables of `--env` are written where the others are.
pub(in crate::kubectl) const SET_ENV: &[Flag] = &[
    flag("containers").short('c').default("*").check(check::containers),
    flag("env").short('e').each(),
    flag("from").check(check::source),
    flag("keys").accumulates().check(check::words),
    switch("list"),
    switch("overwrite").default("true"),
    flag("prefix").check(check::segment),
    switch("resolve"),
];

/// `set resources`.
pub(in crate::kubectl) const SET_RESOURCES: &[Flag] = &[
    flag("containers").short('c').default("*").check(check::containers),
    flag("limits").check(check::quantities),
    flag("requests").check(check::quantities),
];

/// `set selector`.
pub(in crate::kubectl) const SET_SELECTOR: &[Flag] = &[flag("resource-version").check(check::count)];

/// Who a binding gives rights to.
pub(in crate::kubectl) const SUBJECTS: &[Flag] = &[
    flag("group").each().check(check::subject),
    flag("serviceaccount").each().check(check::subject),
    flag("user").each().check(check::subject),
];

/// `drain`.
pub(in crate::kubectl) const DRAIN: &[Flag] = &[
    flag("chunk-size").default("500").display().check(check::count),
    switch("delete-emptydir-data"),
    switch("delete-local-data").refused(FlagNotAllowed, "write `--delete-emptydir-data`"),
    switch("disable-eviction"),
    switch("force"),
    flag("grace-period").default("-1").check(check::count_or_all),
    switch("ignore-daemonsets"),
    flag("pod-selector").check(check::selector),
    flag("skip-wait-for-delete-timeout").default("0").check(check::count),
    flag("timeout").check(check::bounded_wait),
];

/// `taint`.
pub(in crate::kubectl) const TAINT: &[Flag] = &[switch("overwrite"), VALIDATE];

/// `certificate approve` and `certificate deny`.
pub(in crate::kubectl) const CERTIFICATE: &[Flag] = &[switch("force")];
