//! What gcloud can do and is not for chat, each with what to use instead.
//!
//! **Invariant:** whatever opens a session, shows or makes a credential, streams for ever, or works
//! on the files of the machine that gcloud runs on, stands here or takes a file by the table.

use super::table::{self, Spec};
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

const TERMINAL: &str = "only commands that end by themselves run from chat; use a terminal with an account of your own";
const CREDENTIALS: &str = "credentials come from the catalog, for each command, and are never shown";
const FILES: &str =
    "it works on files of the machine that gcloud runs on; use a terminal, or a repository and its pipeline";
const CONFIGURED: &str = "the catalog says what gcloud runs with";
const KUBECTL: &str = "use `/kubectl … --context <cluster>`: clusters are catalogued";
const MINTS: &str = "what it makes works for whoever reads this channel; have it made where it can be kept";
const SIGNS: &str = "keys are used by programs; use a terminal with an account of your own";
const ABOVE: &str = "it belongs to an organisation and not to a project; use a terminal with an account of your own";
const TRANSACTION: &str = "use `gcloud dns record-sets create`, `update` or `delete`";

/// Groups and commands that no table has.
const GROUPS: &[(&str, Code, &str)] = &[
    ("auth", Code::FlagNotAllowed, CREDENTIALS),
    ("bq", Code::UnknownVerb, "use `/bq` if your catalog has it as a custom command"),
    ("cheat-sheet", Code::UnknownVerb, "see `/countersign help`"),
    ("cloud-shell", Code::Interactive, TERMINAL),
    ("code", Code::Interactive, TERMINAL),
    ("components", Code::FlagNotAllowed, CONFIGURED),
    ("config", Code::FlagNotAllowed, CONFIGURED),
    ("docker", Code::FlagNotAllowed, CREDENTIALS),
    ("emulators", Code::Interactive, TERMINAL),
    ("feedback", Code::Interactive, TERMINAL),
    ("help", Code::UnknownVerb, "see `/countersign help`"),
    ("info", Code::FlagNotAllowed, CONFIGURED),
    ("init", Code::Interactive, CONFIGURED),
    ("interactive", Code::Interactive, TERMINAL),
    ("meta", Code::FlagNotAllowed, CONFIGURED),
    ("source", Code::WorkerFiles, FILES),
    ("survey", Code::Interactive, TERMINAL),
    ("topic", Code::UnknownVerb, "see https://cloud.google.com/sdk/gcloud/reference/topic"),
    ("version", Code::UnknownVerb, CONFIGURED),
];

/// Commands, and groups whose commands, are refused.
const PATHS: &[(&str, Code, &str)] = &[
    ("artifacts attachments download", Code::WorkerFiles, FILES),
    ("artifacts docker upgrade", Code::WorkerFiles, FILES),
    ("artifacts files download", Code::WorkerFiles, FILES),
    ("artifacts generic download", Code::WorkerFiles, FILES),
    ("artifacts generic upload", Code::WorkerFiles, FILES),
    ("artifacts go auth", Code::FlagNotAllowed, CREDENTIALS),
    ("artifacts print-settings", Code::FlagNotAllowed, CREDENTIALS),
    ("builds submit", Code::WorkerFiles, "use `gcloud builds triggers run`"),
    ("compute backend-services edit", Code::Interactive, "use `gcloud compute backend-services update`"),
    ("compute config-ssh", Code::WorkerFiles, TERMINAL),
    ("compute connect-to-serial-port", Code::Interactive, "use `gcloud compute instances get-serial-port-output`"),
    ("compute copy-files", Code::Interactive, TERMINAL),
    ("compute diagnose", Code::Interactive, TERMINAL),
    ("compute firewall-policies", Code::UnknownTarget, "use `gcloud compute network-firewall-policies`"),
    (
        "compute instances tail-serial-port-output",
        Code::Interactive,
        "use `gcloud compute instances get-serial-port-output`",
    ),
    ("compute reset-windows-password", Code::FlagNotAllowed, MINTS),
    ("compute routers download-route-policy", Code::WorkerFiles, "use `gcloud compute routers get-route-policy`"),
    ("compute scp", Code::Interactive, TERMINAL),
    ("compute shared-vpc organizations", Code::UnknownTarget, ABOVE),
    ("compute sign-url", Code::FlagNotAllowed, MINTS),
    ("compute ssh", Code::Interactive, TERMINAL),
    ("compute start-iap-tunnel", Code::Interactive, TERMINAL),
    ("compute tpus queued-resources scp", Code::Interactive, TERMINAL),
    ("compute tpus queued-resources ssh", Code::Interactive, TERMINAL),
    ("compute tpus tpu-vm scp", Code::Interactive, TERMINAL),
    ("compute tpus tpu-vm ssh", Code::Interactive, TERMINAL),
    ("compute url-maps edit", Code::Interactive, "use the other commands of `gcloud compute url-maps`"),
    ("container clusters get-credentials", Code::WorkerFiles, KUBECTL),
    ("container fleet memberships generate-gateway-rbac", Code::WorkerFiles, FILES),
    ("container fleet memberships get-credentials", Code::WorkerFiles, KUBECTL),
    ("container fleet scopes namespaces get-credentials", Code::WorkerFiles, KUBECTL),
    ("dns record-sets transaction", Code::WorkerFiles, TRANSACTION),
    ("iam principal-access-boundary-policies", Code::UnknownTarget, ABOVE),
    (
        "iam service-accounts keys create",
        Code::FlagNotAllowed,
        "attach the account to what runs, or federate: a key works for whoever has it",
    ),
    ("iam service-accounts sign-blob", Code::FlagNotAllowed, SIGNS),
    ("iam service-accounts sign-jwt", Code::FlagNotAllowed, SIGNS),
    ("iam workforce-pools", Code::UnknownTarget, ABOVE),
    ("iam workload-identity-pools create-cred-config", Code::WorkerFiles, FILES),
    ("kms asymmetric-decrypt", Code::WorkerFiles, SIGNS),
    ("kms asymmetric-sign", Code::WorkerFiles, SIGNS),
    ("kms decrypt", Code::WorkerFiles, SIGNS),
    ("kms encrypt", Code::WorkerFiles, SIGNS),
    ("kms keys versions import", Code::WorkerFiles, FILES),
    ("kms mac-sign", Code::WorkerFiles, SIGNS),
    ("kms mac-verify", Code::WorkerFiles, SIGNS),
    ("kms raw-decrypt", Code::WorkerFiles, SIGNS),
    ("kms raw-encrypt", Code::WorkerFiles, SIGNS),
    ("logging tail", Code::Interactive, "use `gcloud logging read … --freshness=10m`"),
    ("projects create", Code::UnknownTarget, "make it with your infrastructure's code, and have it catalogued"),
    ("pubsub lite-subscriptions subscribe", Code::Interactive, TERMINAL),
    ("run compose", Code::WorkerFiles, FILES),
    ("run services proxy", Code::Interactive, TERMINAL),
    ("spanner cli", Code::Interactive, TERMINAL),
    ("spanner samples", Code::WorkerFiles, FILES),
    ("sql connect", Code::Interactive, TERMINAL),
    ("sql generate-login-token", Code::FlagNotAllowed, CREDENTIALS),
    ("storage hmac create", Code::FlagNotAllowed, MINTS),
    ("storage sign-url", Code::FlagNotAllowed, MINTS),
];

/// Commands that take what they write or import from a file or from standard input, given or not.
const FROM_STDIN: &[&str] =
    &["import", "import-rules", "load", "load-vex", "update-from-file", "upload", "validate", "upload-route-policy"];

/// Flags whose value is a secret that would be typed into a channel.
const SECRET_FLAGS: &[&str] = &[
    "activation-token",
    "aws-access-key-id",
    "aws-secret-access-key",
    "aws-session-token",
    "client-secret-value",
    "decryption-keys",
    "extra-attributes-client-secret-value",
    "password",
    "private-key-password",
    "pvk-password",
    "root-password",
    "shared-secret",
    "token",
];

/// Flags that make gcloud ask or never end, and one that picks a credential of the machine's own.
const OTHER_FLAGS: &[(&str, Code, &str)] = &[
    ("additional-headers", Code::FlagNotAllowed, "requests carry what the catalog says, and nothing else"),
    ("context", Code::FlagNotAllowed, "name the cluster with `--gke-cluster`"),
    ("prompt-for-password", Code::Interactive, "nobody is there to answer"),
    ("prompt-for-pvk-password", Code::Interactive, "nobody is there to answer"),
    ("stream", Code::Interactive, "read what is there, and ask again"),
];

fn refuse(what: &str, code: Code, instead: &str, word: &Word) -> Box<Refusal> {
    no(code, format!("`gcloud {what}` does not run from chat"), instead).over(word)
}

/// Refuses the first word of a command, when it is not the name of an allowed group.
pub(super) fn group(word: &Word) -> Checked<()> {
    if matches!(word.text.as_str(), "alpha" | "beta" | "preview") {
        return Err(no(
            Code::UnknownVerb,
            format!("{} commands can change or vanish and are not understood", quoted(&word.text)),
            "leave the word away: most commands are generally available",
        )
        .over(word));
    }
    match GROUPS.iter().find(|(name, ..)| *name == word.text) {
        Some((name, code, instead)) => Err(refuse(name, *code, instead, word)),
        None => Ok(()),
    }
}

/// Refuses a path that has been read up to here.
pub(super) fn path(path: &str, word: &Word) -> Checked<()> {
    match PATHS.binary_search_by_key(&path, |(name, ..)| name).ok().and_then(|at| PATHS.get(at)) {
        Some((name, code, instead)) => Err(refuse(name, *code, instead, word)),
        None => Ok(()),
    }
}

/// Refuses a whole command that needs a file.
pub(super) fn command(spec: &Spec, word: &Word) -> Checked<()> {
    let is_file = |name: &&str| spec.flag(name).is_some_and(|flag| flag.takes == table::Takes::File);
    let reads_stdin = FROM_STDIN.contains(&spec.verb()) && ["source", "file-name"].iter().any(is_file);
    if !reads_stdin && !spec.positionals().any(|one| one.is_file) {
        return Ok(());
    }
    let instead = match spec.verb() {
        "set-iam-policy" => "use `add-iam-policy-binding` and `remove-iam-policy-binding`",
        "replace" => "use `update`, or `deploy` with `--image`",
        _ => FILES,
    };
    Err(refuse(spec.path, Code::WorkerFiles, instead, word))
}

/// Refuses a flag that would carry a secret through chat, or wait for an answer.
pub(super) fn flag(name: &str, word: &Word) -> Checked<()> {
    if SECRET_FLAGS.contains(&name) {
        let hint = "set it with a program, or in a terminal: what is typed here is read by others and recorded";
        return Err(no(Code::SecretInCommand, format!("`--{name}` carries a secret through chat"), hint).over(word));
    }
    match OTHER_FLAGS.iter().find(|(known, ..)| *known == name) {
        Some((_, code, instead)) => Err(no(*code, format!("`--{name}` is not for chat"), *instead).over(word)),
        None => Ok(()),
    }
}

/// Whether no line of this command is ever understood.
#[cfg(test)]
pub(super) fn is_refused(spec: &Spec) -> bool {
    let untyped = Word::untyped(spec.path);
    let ends = spec.path.match_indices(' ').map(|(at, _)| at).chain([spec.path.len()]);
    let mut paths = ends.filter_map(|end| spec.path.get(..end));
    paths.any(|one| path(one, &untyped).is_err()) || command(spec, &untyped).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusals_are_sorted_and_name_what_there_is() {
        assert!(PATHS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(GROUPS.is_sorted_by(|a, b| a.0 < b.0));
        let exists = |path: &str| table::find(path).is_some() || table::is_group(path);
        // Not generally available in 528, and asked for all the same.
        let later = ["logging tail", "run compose", "spanner cli"];
        for (path, ..) in PATHS {
            assert!(exists(path) || later.contains(path), "{path}");
        }
        for (group, ..) in GROUPS {
            assert!(!exists(group), "{group}");
        }
        let known = |name: &str| table::all().any(|spec| spec.flag(name).is_some());
        for name in SECRET_FLAGS.iter().chain(OTHER_FLAGS.iter().map(|(name, ..)| name)) {
            assert!(known(name), "{name}");
        }
    }
}
