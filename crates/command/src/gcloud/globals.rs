//! The flags that every command of gcloud has.
//!
//! **Invariant:** what picks a credential, an account, an endpoint, a configuration or a file is
//! refused by name; what only decides how output looks passes.
//!
//! Source: `gcloud help`, "GLOBAL FLAGS", and calliope's hidden global flags, SDK 528.

use countersign_core::refusal::Code;

/// What becomes of a global flag.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// Passed on if the check finds nothing; takes a value.
    Pass(fn(&str) -> Result<(), &'static str>),
    /// Passed on always, whether it is typed or not.
    Quiet,
    /// Must name the project of the first word.
    Project,
    /// Refused, with what to use instead.
    Refuse(Code, &'static str),
}

const CREDENTIALS: &str = "credentials come from the catalog, for each command";
const FIRST_WORD: &str = "say where with the first word: `/gcloud <project> …`";
const SECRETS_IN_LOGS: &str = "what goes over the wire holds tokens; errors are shown without it";

/// Every global flag. Passed flags stand in this order.
pub(super) const GLOBALS: &[(&str, Rule)] = &[
    ("flatten", Rule::Pass(anything)),
    ("format", Rule::Pass(format)),
    ("verbosity", Rule::Pass(verbosity)),
    ("project", Rule::Project),
    ("quiet", Rule::Quiet),
    ("access-token-file", Rule::Refuse(Code::FlagNotAllowed, CREDENTIALS)),
    ("account", Rule::Refuse(Code::FlagNotAllowed, CREDENTIALS)),
    ("authority-selector", Rule::Refuse(Code::FlagNotAllowed, CREDENTIALS)),
    ("authorization-token-file", Rule::Refuse(Code::FlagNotAllowed, CREDENTIALS)),
    ("billing-project", Rule::Refuse(Code::FlagNotAllowed, FIRST_WORD)),
    ("configuration", Rule::Refuse(Code::FlagNotAllowed, FIRST_WORD)),
    ("credential-file-override", Rule::Refuse(Code::FlagNotAllowed, CREDENTIALS)),
    ("document", Rule::Refuse(Code::FlagNotAllowed, "see `/countersign help`")),
    ("flags-file", Rule::Refuse(Code::WorkerFiles, "write the flags themselves")),
    (
        "help",
        Rule::Refuse(Code::Interactive, "see `/countersign help`, or https://cloud.google.com/sdk/gcloud/reference"),
    ),
    ("http-timeout", Rule::Refuse(Code::FlagNotAllowed, "every command has a time limit already")),
    ("impersonate-service-account", Rule::Refuse(Code::FlagNotAllowed, CREDENTIALS)),
    ("log-http", Rule::Refuse(Code::FlagNotAllowed, SECRETS_IN_LOGS)),
    ("no-log-http", Rule::Refuse(Code::FlagNotAllowed, "it is off already")),
    ("no-user-output-enabled", Rule::Refuse(Code::FlagNotAllowed, "use `--format=none`")),
    ("trace-token", Rule::Refuse(Code::FlagNotAllowed, "it is for Google's support; use a terminal")),
    ("universe-domain", Rule::Refuse(Code::FlagNotAllowed, FIRST_WORD)),
    ("user-output-enabled", Rule::Refuse(Code::FlagNotAllowed, "it is on already")),
    ("version", Rule::Refuse(Code::FlagNotAllowed, "see `/countersign catalog`")),
];

/// Single letters, and the names they stand for.
pub(super) const LETTERS: &[(char, &str)] = &[('q', "quiet"), ('h', "help"), ('v', "version")];

/// The global flag of this name.
pub(super) fn find(name: &str) -> Option<&'static (&'static str, Rule)> {
    GLOBALS.iter().find(|(known, _)| *known == name)
}

#[expect(clippy::unnecessary_wraps, reason = "a check like the others")]
fn anything(_: &str) -> Result<(), &'static str> {
    Ok(())
}

/// Names of output forms: gcloud's printers, and `export` of Cloud Run. None of them reads or
/// writes a file; what a projection calls are transformations of the values at hand.
///
/// Source: `gcloud topic formats`, `gcloud topic projections`; `googlecloudsdk/core/resource`.
const FORMS: &[&str] = &[
    "config",
    "csv",
    "default",
    "diff",
    "disable",
    "export",
    "flattened",
    "get",
    "json",
    "list",
    "multi",
    "none",
    "object",
    "table",
    "text",
    "value",
    "yaml",
];

fn format(value: &str) -> Result<(), &'static str> {
    let name: String = value.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    // A projection alone, as `(name,status)`, uses the command's own form.
    let rest = value.trim_start().strip_prefix(name.as_str()).unwrap_or_default();
    let ends = rest.is_empty() || rest.starts_with(['[', '(', ' ', ':', ',']);
    let bare = name.is_empty() && rest.starts_with('(');
    if bare || (ends && FORMS.contains(&name.as_str())) {
        return Ok(());
    }
    Err("begins with the name of a form: json, yaml, table, value, csv, text, list, flattened, get or none")
}

fn verbosity(value: &str) -> Result<(), &'static str> {
    match value {
        "info" | "warning" | "error" | "critical" | "none" => Ok(()),
        "debug" => Err("cannot be `debug` from chat, because that prints what holds tokens"),
        _ => Err("is one of info, warning, error, critical, none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcloud::table;

    #[test]
    fn forms_are_named() {
        for fine in
            ["json", "json(a,b)", "table[box](name:sort=1)", "value(name.basename())", "(name)", "csv[no-heading](a)"]
        {
            assert_eq!(format(fine), Ok(()), "{fine}");
        }
        for wrong in ["", "jsonx", "file://x", "/etc/passwd", "@x", "json/../x"] {
            assert!(format(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_command_has_a_flag_of_the_same_name() {
        // `gcloud --version` exists only without a command.
        for (name, _) in GLOBALS.iter().filter(|(name, _)| *name != "version") {
            let shadowed = table::all().find(|spec| spec.flag(name).is_some());
            assert_eq!(shadowed.map(|spec| spec.path), None, "{name}");
        }
    }

    #[test]
    fn verbosity_never_shows_the_wire() {
        assert!(verbosity("debug").is_err() && verbosity("DEBUG").is_err() && verbosity("info").is_ok());
    }
}
