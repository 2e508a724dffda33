//! `countersign can-i` and `countersign who-can`: what chat would answer, from the files.

use super::asked::{Who, line};
use super::explain::human;
use crate::check::Files;
use countersign_policy::answer::{ask, understand};
use countersign_policy::who::who_can;
use countersign_policy::{Overrides, Policy, told};
use std::process::ExitCode;

/// A line, and who is meant to type it.
///
/// Ends with 0 when the answer is a yes, also one that needs people's agreement; with 1 when it is a no.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// The two files.
    #[command(flatten)]
    pub files: Files,
    /// Who asks.
    #[command(flatten)]
    pub who: Who,
    /// Answers with JSON (`who-can`).
    #[arg(long)]
    pub json: bool,
    /// The line as it would be typed in chat.
    #[arg(value_name = "TEXT", trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub text: Vec<String>,
}

impl Question {
    /// Whether whoever is meant may run it, and who must agree.
    ///
    /// # Errors
    /// When a file cannot be read, or the policy has mistakes.
    pub fn can_i(self) -> anyhow::Result<ExitCode> {
        let policy = Policy::load(self.files.sources()?, &Overrides::default())?;
        let asker = self.who.asker()?;
        let text = line(&self.text);
        let answer = ask(&policy, &asker, &text);
        println!("{}", told::title(&answer));
        print!("{}", human(&policy, &asker, &text, &answer));
        Ok(ExitCode::from(u8::from(answer.is_denied())))
    }

    /// Who could run it, and who could agree.
    ///
    /// # Errors
    /// When a file cannot be read, or the policy has mistakes.
    pub fn who_can(self) -> anyhow::Result<ExitCode> {
        let policy = Policy::load(self.files.sources()?, &Overrides::default())?;
        let asker = self.who.asker()?;
        let text = line(&self.text);
        let Ok(command) = understand(&policy, &asker, &text) else {
            print!("{}", human(&policy, &asker, &text, &ask(&policy, &asker, &text)));
            return Ok(ExitCode::from(1));
        };
        let found = who_can(&policy, &asker, &command);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
        } else {
            for (label, says) in found.told() {
                println!("{label}: {says}");
            }
        }
        Ok(ExitCode::from(u8::from(found.at_once.is_empty() && found.if_agreed.is_empty())))
    }
}
