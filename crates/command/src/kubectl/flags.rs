//! kubectl's flags, one block each: what every verb has, and what many have.
//!
//! Source: `kubectl <verb> --help` and `kubectl options` of 1.32; `tests/data/kubectl-1.32-flags.txt`
//! lists them and a test compares.

mod change;
mod check;
mod create;
mod read;

pub(super) use change::*;
pub(super) use check::{manager, namespace, object_name, seconds};
pub(super) use create::*;
pub(super) use read::*;

use crate::grammar::{Flag, Switch, flag, switch};
use countersign_core::refusal::Code::{FlagNotAllowed, WorkerFiles};

const CREDENTIAL: &str = "leave it away: the credential is issued for the job by the command's tier";
const ENDPOINT: &str = "name the cluster with `--context`, as the catalog calls it";
const FILES: &str = "name the objects in the command: files of the worker are not read";
const LOGGING: &str = "leave it away: Countersign keeps its own record";

/// Flags of every verb.
pub(super) const GLOBAL: &[Flag] = &[
    switch("apply").own(Switch::Apply),
    flag("context").own(Switch::Context),
    flag("reason").own(Switch::Reason),
    flag("namespace").short('n').check(check::namespace),
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
    flag("request-timeout").check(check::request_timeout),
    flag("v").short('v').default("0").only_default(FlagNotAllowed, LOGGING),
    flag("vmodule").refused(FlagNotAllowed, LOGGING),
    flag("log-flush-frequency").refused(FlagNotAllowed, LOGGING),
    flag("log-file").refused(FlagNotAllowed, LOGGING),
    flag("log-dir").refused(FlagNotAllowed, LOGGING),
    flag("log-backtrace-at").refused(FlagNotAllowed, LOGGING),
    flag("stderrthreshold").refused(FlagNotAllowed, LOGGING),
    switch("logtostderr").refused(FlagNotAllowed, LOGGING),
    switch("alsologtostderr").refused(FlagNotAllowed, LOGGING),
    switch("disable-compression").display(),
    switch("match-server-version"),
    switch("warnings-as-errors"),
];

/// Refused wherever files could stand for objects.
const FILENAME: Flag = flag("filename").short('f').refused(WorkerFiles, FILES);
const KUSTOMIZE: Flag = flag("kustomize").short('k').refused(WorkerFiles, FILES);
const RECURSIVE: Flag = switch("recursive").short('R').refused(WorkerFiles, FILES);
pub(super) const FROM_FILES: &[Flag] = &[FILENAME, KUSTOMIZE, RECURSIVE];

/// Output forms that show whole objects. An inline template joins the form it belongs to, and never
/// stands alone in canonical argv.
pub(super) const SHOWING: &[Flag] = &[OUTPUT, TEMPLATE, MISSING_KEYS, MANAGED_FIELDS];
const OUTPUT: Flag = flag("output").short('o').display();
const TEMPLATE: Flag = flag("template");
const MISSING_KEYS: Flag = switch("allow-missing-template-keys").default("true").display();
const MANAGED_FIELDS: Flag = switch("show-managed-fields").display();

/// `--selector`, which every verb has.
pub(super) const SELECTOR: &[Flag] = &[flag("selector").short('l').check(check::selector)];
/// Selection by fields.
pub(super) const FIELD_SELECTOR: &[Flag] = &[flag("field-selector").check(check::field_selector)];
/// Every object of the kinds.
pub(super) const ALL: &[Flag] = &[switch("all")];
/// Whatever `--local` reads is a file of the worker.
pub(super) const LOCAL: &[Flag] = &[ONLY_LOCAL];
const ONLY_LOCAL: Flag = switch("local").only_default(WorkerFiles, FILES);
/// Every namespace.
pub(super) const ALL_NAMESPACES: &[Flag] = &[switch("all-namespaces").short('A')];

/// What a mutating verb has besides.
pub(super) const MUTATING: &[Flag] = &[DRY_RUN, RECORD];
const DRY_RUN: Flag = flag("dry-run").optional("client").own(Switch::DryRun);
const RECORD: Flag = switch("record").refused(FlagNotAllowed, "leave it away: who asked is on record");
/// For verbs that still know it: the command line becomes an annotation. `scale` knows it too, and
/// writes the annotation in a dry run as well, so there it stays refused.
///
/// Source: recorded runs of kubectl 1.32.4; the flag is deprecated, so no help lists it.
pub(super) const RECORDING: &[Flag] = &[switch("record")];
/// Who owns the changed fields.
pub(super) const FIELD_MANAGER: &[Flag] = &[FIELD_OWNER];
const FIELD_OWNER: Flag = flag("field-manager").check(check::manager);

/// What verbs have that send an object to the server: output, dry run, owner of the fields.
pub(super) const WRITING: &[Flag] =
    &[OUTPUT, TEMPLATE, MISSING_KEYS, MANAGED_FIELDS, DRY_RUN, RECORD, FIELD_OWNER, ONLY_LOCAL];
