//! What Terraform can do and is not for chat, each with what to use instead.
//!
//! Source: `terraform -help`, `terraform plan -help`, `terraform apply -help`, 1.11.4; the legacy
//! options from the configuration of Terraform's own argument parser.

use crate::no::{Pointing, meant, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

const OPEN_TERMINAL: &str =
    "only commands that end by themselves run from chat; use a terminal with an account of your own";
const REVIEWED: &str = "change it in the stack's repository, where it is reviewed";
const STATE: &str =
    "the state is kept by the stack itself; repair it outside of chat, with the repository's own procedure";
const PLANNED: &str = "`/tf plan <stack>` shows what is there and what would change";
const WORKSTATION: &str = "it works on the files of a work station; nothing of that is here";
const PREPARED: &str = "the stack is made ready for every plan; `/tf plan <stack>` needs nothing before it";
const CATALOGUED: &str = "the catalog says where the stack and its state are";

/// Subcommands that are not `plan` or `apply`.
const VERBS: [(&str, Code, &str); 29] = [
    ("console", Code::Interactive, OPEN_TERMINAL),
    ("destroy", Code::UnknownVerb, "use `/tf apply <stack> -destroy`"),
    ("env", Code::UnknownVerb, CATALOGUED),
    ("fmt", Code::WorkerFiles, WORKSTATION),
    ("force-unlock", Code::UnknownVerb, STATE),
    ("get", Code::UnknownVerb, PREPARED),
    ("graph", Code::UnknownVerb, PLANNED),
    ("import", Code::UnknownVerb, "write an `import` block in the stack's repository, and then `/tf apply <stack>`"),
    ("init", Code::UnknownVerb, PREPARED),
    ("login", Code::FlagNotAllowed, "credentials come from the catalog, for each command"),
    ("logout", Code::FlagNotAllowed, "credentials come from the catalog, for each command"),
    ("metadata", Code::UnknownVerb, WORKSTATION),
    ("modules", Code::UnknownVerb, PLANNED),
    (
        "output",
        Code::UnknownVerb,
        "outputs may be secrets in clear; read them where the stack puts them, or see `/tf plan <stack>`",
    ),
    ("providers", Code::UnknownVerb, WORKSTATION),
    ("push", Code::UnknownVerb, STATE),
    ("query", Code::UnknownVerb, PLANNED),
    ("refresh", Code::UnknownVerb, "use `/tf apply <stack> -refresh-only`"),
    ("rpcapi", Code::Interactive, OPEN_TERMINAL),
    ("show", Code::UnknownVerb, "values in a state may be secrets in clear; `/tf plan <stack>` shows the difference"),
    ("stacks", Code::UnknownVerb, CATALOGUED),
    ("state", Code::UnknownVerb, STATE),
    ("taint", Code::UnknownVerb, "use `/tf apply <stack> -replace=ADDRESS`"),
    ("test", Code::UnknownVerb, "tests run in the repository's own checks, before the review"),
    ("untaint", Code::UnknownVerb, STATE),
    ("validate", Code::UnknownVerb, "a plan validates first: `/tf plan <stack>`"),
    ("version", Code::UnknownVerb, WORKSTATION),
    ("workspace", Code::UnknownVerb, "each workspace is a stack of its own in the catalog"),
    ("0.13upgrade", Code::UnknownVerb, WORKSTATION),
];

/// Options that are not for chat.
const OPTIONS: [(&str, Code, &str); 21] = [
    ("allow-missing-config", Code::FlagNotAllowed, REVIEWED),
    ("auto-approve", Code::FlagNotAllowed, "the plan is shown first, and confirming it is the approval"),
    ("backend", Code::FlagNotAllowed, CATALOGUED),
    ("backend-config", Code::FlagNotAllowed, CATALOGUED),
    ("backup", Code::WorkerFiles, STATE),
    ("chdir", Code::WorkerFiles, CATALOGUED),
    ("config", Code::WorkerFiles, REVIEWED),
    ("from-module", Code::WorkerFiles, REVIEWED),
    ("generate-config-out", Code::WorkerFiles, "generate the configuration in the repository, where it is reviewed"),
    ("help", Code::UnknownFlag, "see `/countersign help`"),
    ("json", Code::FlagNotAllowed, "a plan in JSON has sensitive values in clear; leave it away"),
    ("lock", Code::FlagNotAllowed, "leave it away: the state is always locked; `-lock-timeout=30s` waits for it"),
    ("out", Code::WorkerFiles, "leave it away: what is applied is what was shown, bound by its digest"),
    ("plugin-dir", Code::WorkerFiles, REVIEWED),
    ("state", Code::WorkerFiles, CATALOGUED),
    ("state-out", Code::WorkerFiles, CATALOGUED),
    ("upgrade", Code::FlagNotAllowed, REVIEWED),
    ("var", Code::FlagNotAllowed, "set the variable in the stack's repository, where it is reviewed"),
    ("var-file", Code::WorkerFiles, "set the variables in the stack's repository, where they are reviewed"),
    ("version", Code::UnknownFlag, WORKSTATION),
    ("verify-plugins", Code::FlagNotAllowed, REVIEWED),
];

/// The refusal of a first word that is not `plan` or `apply`.
pub(super) fn of_verb(word: &Word) -> Box<Refusal> {
    if word.text.starts_with('-') {
        return of_option(word);
    }
    let known = VERBS.iter().find(|(name, ..)| *name == word.text);
    let refusal = if let Some((name, code, hint)) = known {
        no(*code, format!("`tf {name}` is not for chat"), *hint)
    } else {
        let verbs = super::verbs().into_iter().filter(|verb| !verb.contains(' '));
        let hint = meant(&word.text, verbs, super::USAGE);
        no(Code::UnknownVerb, format!("`/tf` has no verb {}", quoted(&word.text)), hint)
    };
    refusal.over(word)
}

/// The refusal of an option that is not in the closed list.
pub(super) fn of_option(word: &Word) -> Box<Refusal> {
    let bare = word.text.trim_start_matches('-');
    let name = bare.split_once('=').map_or(bare, |(name, _)| name);
    let known = OPTIONS.iter().find(|(known, ..)| *known == name);
    let refusal = if let Some((_, code, hint)) = known {
        no(*code, format!("`-{name}` is not for chat"), *hint)
    } else {
        let hint = meant(name, super::options::names(), "see `/countersign help` for the options there are");
        no(Code::UnknownFlag, format!("`/tf` has no option {}", quoted(&word.text)), hint)
    };
    refusal.over(word)
}
