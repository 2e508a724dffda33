//! Custom commands: typed parameters in, exact argv out, no code.
//!
//! **Invariant:** a value never becomes two arguments and, unless the catalog allows it, never an
//! option; the canonical argv is the command's name and its filled template, and reads back to the
//! values it was filled with.

mod fill;
mod read;
mod values;

pub(crate) use values::{duration, is_zero};

use crate::no::{Checked, Pointing, no, quoted};
use crate::own::Own;
use crate::vocabulary::{CustomCommand, CustomPreview, Vocabulary};
use crate::words::Word;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::refusal::Code;
use countersign_core::tier::{Mode, Tier};
use std::collections::BTreeMap;

/// Values by the name of their parameter; every parameter has one.
pub(crate) type Filled = BTreeMap<String, String>;

/// Names that belong to Countersign and its tools.
const RESERVED: &[&str] = &["kubectl", "aws", "gcloud", "tf", "deploy", "silence", "countersign"];

impl CustomCommand {
    /// How it is typed, as `restart-report service=… [keep=…]`, for help and hints.
    #[must_use]
    pub fn usage(&self) -> String {
        let params = self.params.iter().map(|param| match &param.default {
            Some(_) => format!(" [{}=…]", param.name),
            None => format!(" {}=…", param.name),
        });
        format!("{}{}", self.name, params.collect::<String>())
    }

    /// Everything that is wrong with this command, one sentence each; the loader adds the line.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !is_name(&self.name) || RESERVED.contains(&self.name.as_str()) {
            found.push(format!(
                "{} is not a name for a command: lower-case letters, digits and dashes, and not the name of a tool",
                quoted(&self.name)
            ));
        }
        let mut names: Vec<&str> = self.params.iter().map(|param| param.name.as_str()).collect();
        for name in &names {
            if !is_name(&name.replace('_', "-")) || matches!(*name, "apply" | "reason" | "context" | "dry-run") {
                found.push(format!("{} is not a name for a parameter", quoted(name)));
            }
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            found.push("two parameters have the same name".to_owned());
        }
        found.extend(self.params.iter().flat_map(values::mistakes));
        found.extend(fill::mistakes(&self.template, &self.params, fill::Uses::All));
        if let CustomPreview::Template(template) = &self.preview {
            found.extend(fill::mistakes(template, &self.params, fill::Uses::Some));
        }
        found
    }
}

/// Letters, digits and single dashes; begins with a letter.
fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Understands what was typed after the command's name.
pub(crate) fn parse(custom: &CustomCommand, words: &[Word], vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    let (filled, own) = read::typed(custom, words)?;
    let mode = match (custom.tier, own.apply) {
        (Tier::Read, _) | (_, true) => Mode::Apply,
        (_, false) => Mode::DryRun,
    };
    Ok((command(custom, &filled, mode, vocabulary)?, own))
}

/// Understands the arguments of a canonical argv again.
pub(crate) fn parse_again(
    custom: &CustomCommand,
    arguments: &[String],
    mode: Mode,
    vocabulary: &Vocabulary,
) -> Checked<Command> {
    let filled = fill::read_back(&custom.template, arguments, &custom.params).ok_or_else(|| {
        no(
            Code::CommandChanged,
            format!("the arguments do not fit `{}` of this catalog", custom.name),
            "ask again: the catalog has changed",
        )
    })?;
    command(custom, &filled, mode, vocabulary)
}

fn command(custom: &CustomCommand, filled: &Filled, mode: Mode, vocabulary: &Vocabulary) -> Checked<Command> {
    check_scope(custom, vocabulary)?;
    let preview = match (&custom.preview, custom.tier) {
        (CustomPreview::None, _) | (_, Tier::Read) => None,
        (CustomPreview::Template(template), _) => {
            Some(PreviewPlan { steps: vec![argv(custom, template, filled)?], form: EffectForm::Text })
        }
    };
    if preview.is_none() && mode == Mode::DryRun {
        return Err(no(
            Code::NeedsApply,
            format!("`{}` cannot show its effect without causing it", custom.name),
            "ask again with `--apply`",
        ));
    }
    let parts = CommandParts {
        tool: Tool::Custom(custom.name.clone()),
        argv: argv(custom, &custom.template, filled)?,
        mode,
        action: Action {
            tool: custom.name.clone(),
            verb: custom.name.clone(),
            scope: Scope { env: custom.env.clone(), target: custom.target.clone(), ..Scope::default() },
            resources: vec![Resource::from_parts(&["custom", &custom.name])],
            tier: custom.tier,
            sensitivity: custom.sensitivity,
            reversibility: custom.reversibility,
            reasons: vec![format!("`{}` is {} in the catalog", custom.name, custom.tier)],
        },
        preview,
        stdin: None,
        filters: Vec::new(),
    };
    Command::new(parts).map_err(|fault| no(Code::BadValue, fault.to_string(), "tell whoever keeps the catalog"))
}

fn check_scope(custom: &CustomCommand, vocabulary: &Vocabulary) -> Checked<()> {
    match &custom.env {
        Some(env) if !vocabulary.environments.contains(env) => Err(no(
            Code::UnknownTarget,
            format!("the environment {} of `{}` is not in the catalog", quoted(env), custom.name),
            "tell whoever keeps the catalog",
        )),
        _ => Ok(()),
    }
}

fn argv(custom: &CustomCommand, template: &[String], filled: &Filled) -> Checked<Argv> {
    let mut elements = vec![custom.name.clone()];
    elements.extend(fill::fill(template, filled));
    Argv::new(elements).map_err(|fault| no(Code::BadValue, fault.to_string(), "leave the character away"))
}

/// The parameter `name` takes no such value.
fn bad_value(name: &str, word: &Word, why: &str) -> Box<countersign_core::refusal::Refusal> {
    no(Code::BadValue, format!("`{name}` {why}"), format!("see `/countersign help` for what `{name}` takes")).over(word)
}
