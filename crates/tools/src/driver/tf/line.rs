//! What Terraform says while it works, a line of JSON each.
//!
//! **Invariant:** of a line only what is known to hold no value is passed on; a line that is none of Terraform's own is
//! dropped, for it may be a state in clear.
//!
//! Source: Terraform, "Machine-Readable UI", `ui` 1.2.

use countersign_core::refusal::{is_deceptive, shown};
use serde::Deserialize;

/// Lines of a problem's explanation that are passed on.
const MOST_DETAIL: usize = 12;

/// One line. Keys that are not named here are not looked at.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message_code: String,
    #[serde(default)]
    hook: Hook,
    #[serde(default)]
    change: Planned,
    #[serde(default)]
    changes: Option<Summary>,
    #[serde(default)]
    diagnostic: Option<Diagnostic>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Hook {
    resource: Resource,
    action: String,
    provisioner: String,
    elapsed_seconds: f64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Planned {
    resource: Resource,
    action: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resource {
    addr: String,
}

/// How many resources an apply has changed.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(default)]
pub(super) struct Summary {
    pub(super) add: u64,
    pub(super) change: u64,
    pub(super) remove: u64,
    pub(super) import: u64,
    pub(super) operation: String,
}

/// A problem that Terraform or a provider has.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(default)]
pub(super) struct Diagnostic {
    pub(super) severity: String,
    pub(super) summary: String,
    pub(super) detail: String,
    pub(super) address: String,
    pub(super) range: Option<Range>,
}

/// Where in the files.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(default)]
pub(super) struct Range {
    pub(super) filename: String,
    pub(super) start: Position,
}

#[derive(Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(default)]
pub(super) struct Position {
    pub(super) line: u64,
}

/// What a line means here.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// Something that people may like to see.
    Step(String),
    /// A resource that an apply is about to act on.
    Planned {
        address: String,
        action: String,
    },
    Started {
        address: String,
        action: String,
    },
    Completed {
        address: String,
        action: String,
        seconds: u64,
    },
    Failed {
        address: String,
        action: String,
    },
    Problem(Diagnostic),
    Summary(Summary),
}

/// Reads a line; `None` when there is nothing in it for anybody.
pub(super) fn read(line: &str) -> Option<Said> {
    let raw: Raw = serde_json::from_str(line).ok()?;
    let Raw { kind, message_code, hook, change, changes, diagnostic } = raw;
    let address = shown(&hook.resource.addr);
    let action = shown(&hook.action);
    Some(match kind.as_str() {
        "apply_start" => Said::Started { address, action },
        "apply_complete" => Said::Completed { address, action, seconds: whole(hook.elapsed_seconds) },
        "apply_errored" => Said::Failed { address, action },
        "apply_progress" => Said::Step(format!("{address}: still at it after {} s", whole(hook.elapsed_seconds))),
        "provision_start" => Said::Step(format!("{address}: provisioning with {}", shown(&hook.provisioner))),
        "provision_errored" => Said::Step(format!("{address}: provisioning with {} failed", shown(&hook.provisioner))),
        "refresh_start" => Said::Step(format!("{address}: looking at it")),
        "planned_change" => Said::Planned { address: shown(&change.resource.addr), action: shown(&change.action) },
        "change_summary" => Said::Summary(changes?),
        "diagnostic" => Said::Problem(diagnostic?),
        "init_output" => Said::Step(init(&message_code)?.to_owned()),
        _ => return None,
    })
}

fn init(code: &str) -> Option<&'static str> {
    match code {
        "initializing_backend_message" => Some("preparing the backend"),
        "initializing_modules_message" => Some("preparing modules"),
        "initializing_provider_plugin_message" => Some("preparing providers"),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds that went by, cut off")]
fn whole(seconds: f64) -> u64 {
    seconds.max(0.0) as u64
}

impl Diagnostic {
    pub(super) fn is_error(&self) -> bool {
        self.severity != "warning"
    }

    /// All that people may read of it.
    pub(super) fn lines(&self) -> Vec<String> {
        let severity = if self.is_error() { "error" } else { "warning" };
        let with = if self.address.is_empty() { String::new() } else { format!(" ({})", shown(&self.address)) };
        let place = self.range.as_ref().map(|range| format!(" at {}:{}", shown(&range.filename), range.start.line));
        let head = format!("{severity}: {}{with}{}", shown(&self.summary), place.unwrap_or_default());
        let mut lines = vec![head];
        let detail: Vec<&str> = self.detail.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.extend(detail.iter().take(MOST_DETAIL).map(|line| format!("  {}", plain(line))));
        if detail.len() > MOST_DETAIL {
            lines.push(format!("  … and {} more lines", detail.len() - MOST_DETAIL));
        }
        lines
    }

    /// What it comes to, on one line.
    pub(super) fn sentence(&self) -> String {
        let detail = self.detail.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        if detail.is_empty() { shown(&self.summary) } else { shown(&format!("{}: {detail}", self.summary)) }
    }
}

/// A line of foreign text.
fn plain(line: &str) -> String {
    let line: String = line.chars().take(400).collect();
    line.chars().map(|c| if is_deceptive(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// Who holds the lock of a state.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) id: String,
    pub(super) who: String,
    pub(super) operation: String,
    pub(super) since: String,
}

impl Lock {
    /// The holder, as far as the backend tells: of the `http` backend Terraform repeats who asked, and of the holder only
    /// the id.
    pub(super) fn held(diagnostic: &Diagnostic) -> Option<Self> {
        if !diagnostic.summary.contains("acquiring the state lock") {
            return None;
        }
        let field = |name: &str| {
            let found = diagnostic.detail.lines().find_map(|line| line.trim().strip_prefix(name));
            shown(found.unwrap_or_default().trim())
        };
        let told =
            Self { id: field("ID:"), who: field("Who:"), operation: field("Operation:"), since: field("Created:") };
        let other = diagnostic.detail.lines().find_map(|line| line.split_once("already locked: ID="));
        match other.map(|(_, id)| shown(id.trim())) {
            Some(id) if id != told.id => Some(Self { id, ..Self::default() }),
            _ => Some(told),
        }
    }

    /// One line for people.
    pub(super) fn sentence(&self) -> String {
        let part = |name: &str, value: &str| if value.is_empty() { String::new() } else { format!("{name}{value}") };
        if self.id.is_empty() && self.who.is_empty() {
            return "the state is locked, and its backend does not say by whom".to_owned();
        }
        format!(
            "the state is locked{}{}{}{}",
            part(" by ", &self.who),
            part(" for ", self.operation.trim_start_matches("OperationType")),
            part(" since ", &self.since),
            part(", lock id ", &self.id),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: &str = r#"{"severity":"error","summary":"Error acquiring the state lock","detail":"Error message: operation error S3: PutObject\nLock Info:\n  ID:        ccfea306\n  Path:      states/dev.tfstate\n  Operation: OperationTypeApply\n  Who:       ann@laptop\n  Version:   1.11.4\n  Created:   2026-11-21 20:27:18.759262039 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock"}"#;

    #[test]
    fn p24_a_line_passes_on_no_value() {
        let line = r#"{"@message":"x: Creation complete after 0s [id=s3cret]","type":"apply_complete","hook":{"resource":{"addr":"x.y"},"action":"create","id_key":"id","id_value":"s3cret","elapsed_seconds":2}}"#;
        let said = read(line).unwrap();
        assert_eq!(said, Said::Completed { address: "x.y".into(), action: "create".into(), seconds: 2 });
        for line in [
            r#"{"type":"outputs","outputs":{"a":{"sensitive":false,"value":"s3cret"}}}"#,
            r#"{"type":"provision_progress","hook":{"output":"s3cret"}}"#,
            r#"{"version":4,"resources":[{"s3cret":1}]}"#,
            "s3cret",
            "",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn who_holds_the_lock_is_said() {
        let diagnostic: Diagnostic = serde_json::from_str(LOCKED).unwrap();
        let sentence = Lock::held(&diagnostic).unwrap().sentence();
        let expected = "the state is locked by ann@laptop for Apply since 2026-11-21 20:27:18.759262039 +0000 UTC, lock id ccfea306";
        assert_eq!(sentence, expected);
        let detail = diagnostic.detail.replacen("operation error S3: PutObject", "already locked: ID=f00-ba4", 1);
        let http = Diagnostic { detail, ..diagnostic };
        assert_eq!(Lock::held(&http).unwrap().sentence(), "the state is locked, lock id f00-ba4");
        assert_eq!(Lock::held(&Diagnostic::default()), None);
    }

    #[test]
    fn p48_a_problem_cannot_change_what_is_read() {
        let detail = "a\u{1b}[2Jb\n\n".to_owned() + &"line\n".repeat(20);
        let it = Diagnostic { summary: "x\u{202e}y".into(), detail, ..Diagnostic::default() };
        let lines = it.lines();
        assert_eq!(lines[0], "error: x\\u{202e}y");
        assert_eq!((lines[1].as_str(), lines.last().unwrap().as_str()), ("  a\\u{1b}[2Jb", "  … and 9 more lines"));
        assert_eq!(lines.len(), 14);
    }
}
