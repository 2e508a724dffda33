//! `countersign explain`: what would come of a line, and why.
//!
//! **Invariant:** asks the whole kernel, as the gateway does; nothing is recorded and nothing runs.

use super::asked::{Who, line};
use super::batch;
use super::document::Document;
use crate::check::Files;
use countersign_core::refusal::{Refusal, is_deceptive};
use countersign_policy::answer::{Answer, Asker, ask};
use countersign_policy::{Overrides, Policy, told};
use std::fmt::Write as _;
use std::process::ExitCode;

/// What `countersign explain` was asked for.
///
/// Ends with 0 when the answer is a yes, also one that needs people's agreement; with 1 when it is
/// refused; with 3 when it cannot be said. A batch ends with 0.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The two files.
    #[command(flatten)]
    pub files: Files,
    /// Who asks.
    #[command(flatten)]
    pub who: Who,
    /// Answers with JSON.
    #[arg(long)]
    pub json: bool,
    /// Reads questions from standard input, a JSON object a line: `{"id", "text", "groups"?, "subject"?,
    /// "channel"?, "private"?, "attachment"?, "now"?}`; answers each with a line.
    #[arg(long, conflicts_with = "text")]
    pub batch: bool,
    /// The line as it would be typed in chat.
    #[arg(value_name = "TEXT", trailing_var_arg = true, allow_hyphen_values = true, required_unless_present = "batch")]
    pub text: Vec<String>,
}

impl Explain {
    /// Answers.
    ///
    /// # Errors
    /// When a file cannot be read, or the policy has mistakes.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let policy = Policy::load(self.files.sources()?, &Overrides::default())?;
        let asker = self.who.asker()?;
        if self.batch {
            let output = std::io::BufWriter::new(std::io::stdout().lock());
            batch::run(&policy, &asker, std::io::stdin().lock(), output)?;
            return Ok(ExitCode::SUCCESS);
        }
        let text = line(&self.text);
        let answer = ask(&policy, &asker, &text);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&Document::of(&answer, None))?);
        } else {
            print!("{}", human(&policy, &asker, &text, &answer));
        }
        Ok(ExitCode::from(u8::from(answer.is_denied())))
    }
}

/// The answer for people.
pub(crate) fn human(policy: &Policy, asker: &Asker, text: &str, answer: &Answer) -> String {
    let mut out = String::new();
    if let Some(refusal) = &answer.refusal {
        out.push_str(&pointed(text, refusal));
    }
    let lines = told::told(policy, asker, answer);
    let width = lines.iter().map(|line| line.label.chars().count()).max().unwrap_or(0);
    for line in lines {
        writeln!(out, "{:width$}  {}", line.label, line.says).expect("a String takes every write");
    }
    out
}

/// The typed text with a caret under what a refusal points at.
fn pointed(text: &str, refusal: &Refusal) -> String {
    let Some(place) = refusal.place() else { return String::new() };
    // One character for one, so that the caret stays under its column.
    let harmless: String = text.chars().map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect();
    let room = harmless.chars().count().saturating_sub(place.column - 1).max(1);
    let carets = "^".repeat(place.length.min(room));
    format!("{harmless}\n{}{carets}\n", " ".repeat(place.column - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::refusal::Code;

    #[test]
    fn a_caret_stands_under_its_column_whatever_the_text_holds() {
        let refusal = Refusal::new(Code::UnknownFlag, "s", "h").at(13, 40);
        assert_eq!(pointed("kubectl get \u{202e}--x", &refusal), "kubectl get \u{fffd}--x\n            ^^^^\n");
        assert_eq!(pointed("kubectl", &Refusal::new(Code::UnknownFlag, "s", "h")), "");
        // A column behind the end, as of something that is missing.
        assert_eq!(pointed("kubectl", &Refusal::new(Code::MissingValue, "s", "h").at(9, 1)), "kubectl\n        ^\n");
    }
}
