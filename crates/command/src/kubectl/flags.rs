//! kubectl's flags, one block each.
//!
//! Source: `kubectl <verb> --help` and `kubectl options` of 1.32; `tests/data/kubectl-1.32-flags.txt`
//! lists them and a test compares.

use crate::custom::duration;
use crate::grammar::{Flag, Switch, flag, switch};
use countersign_core::refusal::Code::{FlagNotAllowed, Interactive, NotAvailableYet, WorkerFiles};
use std::time::Duration;

const CREDENTIAL: &str = "leave it away: the credential is issued for the job by the command's tier";
const ENDPOINT: &str = "name the cluster with `--context`, as the catalog calls it";
const FILES: &str = "name the objects in the command: files of the worker are not read";
const LOGGING: &str = "leave it away: Countersign keeps its own record";
const INLINE: &str = "write the template into the output form, as `-o go-template='…'`";

/// Flags of every verb.
pub(super) const GLOBAL: &[Flag] = &[
    switch("apply").own(Switch::Apply),
    flag("context").own(Switch::Context),
    flag("reason").own(Switch::Reason),
    flag("namespace").short('n').check(namespace),
    switch("help").short('h').refused(FlagNotAllowed, "see `/countersign help`"),
    flag("as").refused(FlagNotAllowed, CREDENTIAL),
    flag("as-group").refused(FlagNotAllowed, CREDENTIAL),
    flag("as-uid").refused(FlagNotAllowed, CREDENTIAL),
    flag("as-user-extra").refused(FlagNotAllowed, CREDENTIAL),
    flag("user").refused(FlagNotAllowed, CREDENTIAL),
    flag("token").refused(FlagNotAllowed, CREDENTIAL),
    flag("username").refused(FlagNotAllowed, CREDENTIAL),
    flag("password").refused(FlagNotAllowed, CREDENTIAL),
    flag("client-certificate").refused(FlagNotAllowed, CREDENTIAL),
    flag("client-key").refused(FlagNotAllowed, CREDENTIAL),
    flag("kubeconfig").refused(FlagNotAllowed, CREDENTIAL),
    flag("kuberc").refused(FlagNotAllowed, "leave it away: no preferences are read"),
    flag("cluster").refused(FlagNotAllowed, ENDPOINT),
    flag("server").short('s').refused(FlagNotAllowed, ENDPOINT),
    flag("certificate-authority").refused(FlagNotAllowed, ENDPOINT),
    flag("tls-server-name").refused(FlagNotAllowed, ENDPOINT),
    switch("insecure-skip-tls-verify")
        .refused(FlagNotAllowed, "leave it away: the cluster's certificate is always checked"),
    flag("cache-dir").refused(FlagNotAllowed, "leave it away: every job has its own empty folder"),
    flag("profile").refused(FlagNotAllowed, "leave it away: it profiles kubectl itself and writes a file"),
    flag("profile-output").refused(FlagNotAllowed, "leave it away: it writes a file"),
    flag("request-timeout").refused(FlagNotAllowed, "leave it away: the catalog bounds how long a job may take"),
    flag("v").short('v').refused(FlagNotAllowed, LOGGING),
    flag("vmodule").refused(FlagNotAllowed, LOGGING),
    flag("log-flush-frequency").refused(FlagNotAllowed, LOGGING),
    flag("log-file").refused(FlagNotAllowed, LOGGING),
    flag("log-dir").refused(FlagNotAllowed, LOGGING),
    flag("log-backtrace-at").refused(FlagNotAllowed, LOGGING),
    flag("stderrthreshold").refused(FlagNotAllowed, LOGGING),
    switch("logtostderr").refused(FlagNotAllowed, LOGGING),
    switch("alsologtostderr").refused(FlagNotAllowed, LOGGING),
    switch("disable-compression").refused(FlagNotAllowed, "leave it away: it changes nothing you see"),
    switch("match-server-version").refused(FlagNotAllowed, "leave it away: the runner's version is fixed"),
    switch("warnings-as-errors").refused(FlagNotAllowed, "leave it away: warnings are shown"),
];

/// Refused wherever files could stand for objects.
const FILENAME: Flag = flag("filename").short('f').refused(WorkerFiles, FILES);
const KUSTOMIZE: Flag = flag("kustomize").short('k').refused(WorkerFiles, FILES);
const RECURSIVE: Flag = switch("recursive").short('R').refused(WorkerFiles, FILES);
pub(super) const FROM_FILES: &[Flag] = &[FILENAME, KUSTOMIZE, RECURSIVE];

/// Output forms that show whole objects.
pub(super) const PRINTING: &[Flag] = &[
    flag("output").short('o').display(),
    flag("template").refused(WorkerFiles, INLINE),
    switch("allow-missing-template-keys").default("true").display(),
    switch("show-managed-fields").display(),
];

/// `--selector`, which every verb has.
pub(super) const SELECTOR: &[Flag] = &[flag("selector").short('l').check(selector)];
/// Selection by fields.
pub(super) const FIELD_SELECTOR: &[Flag] = &[flag("field-selector").check(field_selector)];
/// Every object of the kinds.
pub(super) const ALL: &[Flag] = &[switch("all")];
/// Every namespace.
pub(super) const ALL_NAMESPACES: &[Flag] = &[switch("all-namespaces").short('A')];

/// What a mutating verb has besides.
pub(super) const MUTATING: &[Flag] = &[
    flag("dry-run").optional("client").own(Switch::DryRun),
    switch("record").refused(FlagNotAllowed, "leave it away: who asked is on record"),
];
/// Who owns the changed fields.
pub(super) const FIELD_MANAGER: &[Flag] =
    &[flag("field-manager").refused(FlagNotAllowed, "leave it away: the runner's name stands for who changed a field")];

/// `get`.
pub(super) const GET: &[Flag] = &[
    flag("chunk-size").default("500").display().check(count),
    switch("ignore-not-found"),
    flag("label-columns").short('L').accumulates().check(label_columns),
    switch("no-headers").display(),
    switch("output-watch-events").only_default(NotAvailableYet, "ask again for the state at another time"),
    flag("raw").refused(FlagNotAllowed, "name kind and object: a raw path could be anything"),
    switch("server-print").default("true").display(),
    switch("show-kind").display(),
    switch("show-labels").display(),
    flag("sort-by").display().check(field_path),
    flag("subresource").check(subresource),
    switch("watch").short('w').only_default(NotAvailableYet, "leave `-w` away and ask again later"),
    switch("watch-only").only_default(NotAvailableYet, "leave it away and ask again later"),
];

/// `describe`.
pub(super) const DESCRIBE: &[Flag] =
    &[flag("chunk-size").default("500").display().check(count), switch("show-events").default("true").display()];

/// `logs`.
pub(super) const LOGS: &[Flag] = &[
    switch("all-containers"),
    switch("all-pods"),
    flag("container").short('c').check(object_name),
    switch("follow")
        .short('f')
        .only_default(NotAvailableYet, "leave `-f` away, and bound the output with `--tail` or `--since`"),
    switch("ignore-errors").display(),
    switch("insecure-skip-tls-verify-backend")
        .refused(FlagNotAllowed, "leave it away: certificates are always checked"),
    flag("limit-bytes").default("0").check(count),
    flag("max-log-requests").default("5").check(count),
    flag("pod-running-timeout").default("20s").check(bounded_wait),
    switch("prefix").display(),
    switch("previous").short('p'),
    flag("since").default("0s").check(any_wait),
    flag("since-time").check(point_in_time),
    flag("tail").default("-1").check(count_or_all),
    switch("timestamps").display(),
];

/// `delete`.
pub(super) const DELETE: &[Flag] = &[
    flag("cascade").optional("background").default("background").check(cascade),
    switch("force"),
    flag("grace-period").default("-1").check(count_or_all),
    switch("ignore-not-found"),
    switch("interactive").short('i').only_default(Interactive, "leave it away: approval happens in the thread"),
    switch("now"),
    flag("output").short('o').display(),
    flag("raw").refused(FlagNotAllowed, "name kind and object: a raw path could be anything"),
    flag("timeout").default("0s").check(bounded_wait),
    switch("wait").default("true"),
];

/// `scale`.
pub(super) const SCALE: &[Flag] = &[
    flag("current-replicas").default("-1").check(count_or_all),
    flag("replicas").check(count),
    flag("resource-version").check(count),
    flag("timeout").default("0s").check(bounded_wait),
];

/// `rollout status`.
pub(super) const ROLLOUT_STATUS: &[Flag] = &[
    flag("revision").default("0").check(count),
    flag("timeout").check(bounded_wait),
    switch("watch").short('w').default("true"),
];

/// `rollout history`.
pub(super) const ROLLOUT_HISTORY: &[Flag] = &[flag("revision").default("0").check(count)];
/// `rollout undo`.
pub(super) const ROLLOUT_UNDO: &[Flag] = &[flag("to-revision").default("0").check(count)];

/// `label`.
pub(super) const LABEL: &[Flag] = &[
    switch("list").only_default(FlagNotAllowed, "use `kubectl get --show-labels`"),
    switch("local").only_default(WorkerFiles, FILES),
    switch("overwrite"),
    flag("resource-version").check(count),
];

/// The longest any flag may make kubectl wait.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// RFC 1123 label, as Kubernetes demands of namespaces.
pub(super) fn namespace(text: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    let fits = !text.is_empty() && text.len() <= 63 && ends && text.chars().all(inner);
    fits.then_some(()).ok_or_else(|| "takes the name of one namespace".to_owned())
}

/// Names of objects: a path segment, which role names use up to the colon.
pub(super) fn object_name(text: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = begins && text.len() <= 253 && text.chars().all(inner) && !text.ends_with('-');
    fits.then_some(()).ok_or_else(|| "takes the name of an object".to_owned())
}

fn of(text: &str, also: &str, what: &str) -> Result<(), String> {
    let fits = !text.trim().is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    fits.then_some(()).ok_or_else(|| format!("takes {what}"))
}

fn selector(text: &str) -> Result<(), String> {
    of(text, "-_./=!,() ", "a label selector, as `app=web`")
}

fn field_selector(text: &str) -> Result<(), String> {
    of(text, "-_./=!,:", "a field selector, as `status.phase=Running`")
}

fn label_columns(text: &str) -> Result<(), String> {
    of(text, "-_./,", "names of labels")
}

fn field_path(text: &str) -> Result<(), String> {
    of(text, "-_./{}[]\\@$'\"", "the path of a field, as `.metadata.name`")
}

fn subresource(text: &str) -> Result<(), String> {
    matches!(text, "status" | "scale").then_some(()).ok_or_else(|| "takes `status` or `scale`".to_owned())
}

fn cascade(text: &str) -> Result<(), String> {
    matches!(text, "background" | "foreground" | "orphan")
        .then_some(())
        .ok_or_else(|| "takes `background`, `foreground` or `orphan`".to_owned())
}

/// Decimal, one spelling a number, so that no reader sees another one than the tool.
fn count(text: &str) -> Result<(), String> {
    let fits = text.parse::<u32>().is_ok_and(|number| number.to_string() == text);
    fits.then_some(()).ok_or_else(|| "takes a whole number".to_owned())
}

fn count_or_all(text: &str) -> Result<(), String> {
    if text == "-1" { Ok(()) } else { count(text) }
}

fn any_wait(text: &str) -> Result<(), String> {
    duration(text).map(|_| ()).ok_or_else(|| "takes a duration, as `5m`".to_owned())
}

fn bounded_wait(text: &str) -> Result<(), String> {
    let fits = duration(text).is_some_and(|wait| !wait.is_zero() && wait <= LONGEST_WAIT);
    fits.then_some(()).ok_or_else(|| format!("takes a duration up to {}s, as `5m`", LONGEST_WAIT.as_secs()))
}

/// RFC 3339, by its characters; the server reads it.
fn point_in_time(text: &str) -> Result<(), String> {
    let fits = (20..=35).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "-:.TZ+".contains(c));
    fits.then_some(()).ok_or_else(|| "takes a time as `2026-11-21T10:00:00Z`".to_owned())
}
