//! What an apply has done so far, and the truth about it when it ends.
//!
//! **Invariant:** a resource is called done only when Terraform said so; what was begun and not seen to end is said to be
//! unknown.

use super::line::{Diagnostic, Said, Summary};
use super::terraform::Ended;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Of each list so many are named.
const MOST_NAMED: usize = 50;

/// Where one resource stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Waits,
    Begun,
    Done,
    Failed,
}

/// An apply, as far as it has been heard of.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// By address and action: what is replaced is acted on twice.
    all: BTreeMap<(String, String), Stands>,
    summary: Option<Summary>,
}

impl Applied {
    /// Takes note, and gives the line for people.
    pub(super) fn hear(&mut self, said: Said) -> Option<String> {
        match said {
            Said::Step(line) => Some(line),
            Said::Planned { address, action } => {
                for action in parts(&action) {
                    self.all.entry((address.clone(), (*action).to_owned())).or_insert(Stands::Waits);
                }
                None
            }
            Said::Started { address, action } => {
                let line = format!("{address}: {action} …");
                self.all.insert((address, action), Stands::Begun);
                Some(line)
            }
            Said::Completed { address, action, seconds } => {
                let line = format!("{address}: {action} done after {seconds} s");
                self.all.insert((address, action), Stands::Done);
                Some(line)
            }
            Said::Failed { address, action } => {
                let line = format!("{address}: {action} failed");
                self.all.insert((address, action), Stands::Failed);
                Some(line)
            }
            Said::Problem(problem) => Some(problem.lines().join("\n")),
            Said::Summary(summary) => {
                if summary.operation != "plan" {
                    self.summary = Some(summary);
                }
                None
            }
        }
    }

    /// What everything went well comes to.
    pub(super) fn good(&self) -> String {
        let Summary { add, change, remove, import, .. } = self.summary.clone().unwrap_or_default();
        let imported = if import > 0 { format!("{import} imported, ") } else { String::new() };
        format!("applied: {imported}{add} added, {change} changed, {remove} destroyed\n")
    }

    /// What became of the stack when not everything went well.
    pub(super) fn truth(&self, ended: &Ended, stack: &str) -> String {
        let lists = [
            ("done", Stands::Done),
            ("failed", Stands::Failed),
            ("begun, and nobody saw it end: whether it is there is not known", Stands::Begun),
            ("not begun", Stands::Waits),
        ];
        let mut text = String::new();
        for (what, stands) in lists {
            let named: Vec<String> = self
                .all
                .iter()
                .filter(|(_, it)| **it == stands)
                .map(|((address, action), _)| format!("{address} ({action})"))
                .collect();
            if named.is_empty() {
                continue;
            }
            let more = named.len().saturating_sub(MOST_NAMED);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let named = named.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "{what}: {named}{more}");
        }
        text.push_str(&self.state(ended));
        let _ = writeln!(text, "next: `/tf plan {stack}` shows what is left; nothing was planned anew");
        text
    }

    fn state(&self, ended: &Ended) -> String {
        let says = |words: &[&str]| {
            let has = |problem: &Diagnostic| words.iter().any(|word| problem.summary.contains(word));
            ended.problems.iter().any(has)
        };
        let by_itself = ended.status.is_some_and(|status| status.code().is_some());
        if !by_itself {
            return "state: Terraform was ended before it had finished, so that what it did last may not be in the state, \
                    and the state may still be locked; the next plan says by which lock id, and `terraform force-unlock` \
                    outside of chat takes it away\n"
                .to_owned();
        }
        let mut text = String::new();
        if says(&["Failed to save state", "Failed to persist state", "Error saving state", "Failed to write state"]) {
            text.push_str(
                "state: it could NOT be saved; what is called done above is not in it and has to be imported\n",
            );
        } else if self.all.values().any(|stands| *stands != Stands::Waits) {
            text.push_str("state: what is called done above is in it\n");
        } else {
            text.push_str("state: nothing was changed\n");
        }
        if says(&["releasing the state lock"]) {
            text.push_str("lock: it could not be released; the next plan says its id, and `terraform force-unlock` outside of chat takes it away\n");
        } else if says(&["acquiring the state lock"]) {
            text.push_str("lock: it is somebody else's\n");
        } else {
            text.push_str("lock: released\n");
        }
        text
    }
}

/// A replacement is two acts.
fn parts(action: &str) -> &'static [&'static str] {
    match action {
        "replace" => &["delete", "create"],
        "create" => &["create"],
        "update" => &["update"],
        "delete" => &["delete"],
        "read" => &["read"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    fn heard() -> Applied {
        let mut applied = Applied::default();
        let of = |address: &str, action: &str| (address.to_owned(), action.to_owned());
        for (address, action) in [of("a.a", "create"), of("a.b", "replace"), of("a.c", "update")] {
            applied.hear(Said::Planned { address, action });
        }
        let (address, action) = of("a.a", "create");
        applied.hear(Said::Started { address: address.clone(), action: action.clone() });
        applied.hear(Said::Completed { address, action, seconds: 1 });
        let (address, action) = of("a.b", "delete");
        applied.hear(Said::Started { address, action });
        applied
    }

    #[test]
    fn what_was_not_seen_to_end_is_not_called_done() {
        let killed = Ended { status: Some(ExitStatus::from_raw(9)), ..Ended::default() };
        let text = heard().truth(&killed, "dev");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "done: a.a (create)");
        assert_eq!(lines[1], "begun, and nobody saw it end: whether it is there is not known: a.b (delete)");
        assert_eq!(lines[2], "not begun: a.b (create), a.c (update)");
        assert!(lines[3].contains("may still be locked") && lines[3].contains("force-unlock"), "{text}");
        assert!(heard().truth(&Ended::default(), "dev").contains("may still be locked"));
    }

    #[test]
    fn the_lock_is_released_unless_terraform_says_otherwise() {
        let by_itself = |summary: &str| {
            let problem = Diagnostic { summary: summary.into(), ..Diagnostic::default() };
            let status = Some(ExitStatus::from_raw(1 << 8));
            heard().truth(&Ended { status, problems: vec![problem], ..Ended::default() }, "dev")
        };
        assert!(by_itself("execution halted").contains("lock: released\n"));
        assert!(by_itself("Error releasing the state lock").contains("lock: it could not be released"));
        assert!(by_itself("Failed to save state").contains("could NOT be saved"));
        assert!(by_itself("Error acquiring the state lock").contains("somebody else's"));
    }
}
