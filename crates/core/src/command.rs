//! A parsed command: exact argv and what it means.
//!
//! **Invariant:** a [`Command`] has at least one argument, none holds NUL, the first one is the
//! tool's name, and its canonical argv parses to itself.

use crate::action::Action;
use crate::input::Input;
use crate::tier::Mode;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The tools of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Tool {
    /// `/kubectl`
    Kubectl,
    /// `/aws`
    Aws,
    /// `/gcloud`
    Gcloud,
    /// `/tf`
    Tf,
    /// `/deploy`
    Deploy,
    /// `/silence`
    Silence,
    /// A custom command of the catalog, by its name.
    Custom(String),
}

impl Tool {
    /// The tool's name: what `tool:` in rbac.yaml says and `argv[0]` is.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Kubectl => "kubectl",
            Self::Aws => "aws",
            Self::Gcloud => "gcloud",
            Self::Tf => "tf",
            Self::Deploy => "deploy",
            Self::Silence => "silence",
            Self::Custom(name) => name,
        }
    }
}

impl From<String> for Tool {
    fn from(name: String) -> Self {
        match name.as_str() {
            "kubectl" => Self::Kubectl,
            "aws" => Self::Aws,
            "gcloud" => Self::Gcloud,
            "tf" => Self::Tf,
            "deploy" => Self::Deploy,
            "silence" => Self::Silence,
            _ => Self::Custom(name),
        }
    }
}

impl From<Tool> for String {
    fn from(tool: Tool) -> Self {
        tool.name().to_owned()
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An exact argument vector.
///
/// INVARIANT: at least one element, no NUL in any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Argv(Vec<String>);

/// Why a list of strings is not an argument vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgvError {
    /// No element at all.
    #[error("an argument vector needs at least one element")]
    Empty,
    /// The kernel would end the argument there.
    #[error("argument {0} holds a NUL byte")]
    Nul(usize),
}

impl Argv {
    /// Checks the invariant.
    ///
    /// # Errors
    /// When there is no element, or one holds NUL.
    pub fn new(elements: Vec<String>) -> Result<Self, ArgvError> {
        if elements.is_empty() {
            return Err(ArgvError::Empty);
        }
        match elements.iter().position(|element| element.contains('\0')) {
            Some(nth) => Err(ArgvError::Nul(nth)),
            None => Ok(Self(elements)),
        }
    }

    /// The elements, tool first.
    #[must_use]
    pub fn elements(&self) -> &[String] {
        &self.0
    }

    /// The tool's name as argv has it.
    #[must_use]
    pub fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The elements after the tool.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        self.0.get(1..).unwrap_or_default()
    }

    /// These elements with more at the end.
    ///
    /// # Errors
    /// When an element holds NUL.
    pub fn with(&self, more: &[&str]) -> Result<Self, ArgvError> {
        let mut elements = self.0.clone();
        elements.extend(more.iter().map(|element| (*element).to_owned()));
        Self::new(elements)
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = ArgvError;

    fn try_from(elements: Vec<String>) -> Result<Self, ArgvError> {
        Self::new(elements)
    }
}

impl From<Argv> for Vec<String> {
    fn from(argv: Argv) -> Self {
        argv.0
    }
}

/// For people only: quoted so that a reader sees where each element ends. Nothing parses it.
impl fmt::Display for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, element) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str(" ")?;
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+~".contains(c);
            if !element.is_empty() && element.chars().all(plain) {
                f.write_str(element)?;
            } else {
                write!(f, "'{}'", element.replace('\'', "'\\''"))?;
            }
        }
        Ok(())
    }
}

/// How the output of a preview's steps becomes an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectForm {
    /// Step 1 prints the objects as they are, step 2 as they would be (`-o json` both).
    KubernetesDiff,
    /// Each step prints objects that would go or be acted on (`-o json`): one step of most verbs;
    /// of `drain` the node and then the pods on it, of which those that stay are left out.
    KubernetesObjects,
    /// The one step is a server dry run, which prints the objects that would be made (`-o json`):
    /// all of each is new.
    KubernetesCreated,
    /// Step 1 prints the objects as they are; step 2 is the dry run, which must succeed, and
    /// whose output is the old object: the difference is `/spec/replicas` and argv's number.
    KubernetesScale,
    /// Step 1 prints the deployments as they are, step 2 the replica sets of the place, step 3 is
    /// the dry run, which must succeed and prints the old object: the difference is the template
    /// of the revision that is gone back to.
    KubernetesUndo,
    /// The steps' output is shown as it is.
    Text,
}

/// What to run to see the effect without causing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewPlan {
    /// Run one after the other in one jail each; every one must end with 0.
    pub steps: Vec<Argv>,
    /// How their output is read.
    pub form: EffectForm,
}

/// What a [`Command`] is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandParts {
    /// Which tool.
    pub tool: Tool,
    /// Canonical argv, rebuilt from the effective parse.
    pub argv: Argv,
    /// Apply, or only show.
    pub mode: Mode,
    /// What it means.
    pub action: Action,
    /// How to see the effect first; `None` when the verb has no preview.
    pub preview: Option<PreviewPlan>,
    /// What goes to standard input, if anything does.
    pub stdin: Option<Input>,
    /// Filters over the output, each an exact argv.
    pub filters: Vec<Argv>,
}

/// A command that the grammar understood completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(CommandParts);

/// Why parts do not make a command: a bug of the grammar that produced them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// argv does not start with the tool's name.
    #[error("argv starts with `{0}`, not with the tool")]
    ForeignProgram(String),
    /// An action acts on something.
    #[error("the action names no resource")]
    NoResource,
}

impl Command {
    /// Checks the invariant and sorts the resources.
    ///
    /// # Errors
    /// When argv is not the tool's, or the action names no resource.
    pub fn new(mut parts: CommandParts) -> Result<Self, CommandError> {
        if parts.argv.program() != parts.tool.name() {
            return Err(CommandError::ForeignProgram(parts.argv.program().to_owned()));
        }
        if parts.action.resources.is_empty() {
            return Err(CommandError::NoResource);
        }
        parts.action.resources.sort();
        parts.action.resources.dedup();
        Ok(Self(parts))
    }

    /// Everything there is to read.
    #[must_use]
    pub const fn parts(&self) -> &CommandParts {
        &self.0
    }

    /// Which tool.
    #[must_use]
    pub const fn tool(&self) -> &Tool {
        &self.0.tool
    }

    /// Canonical argv.
    #[must_use]
    pub const fn argv(&self) -> &Argv {
        &self.0.argv
    }

    /// Apply, or only show.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.0.mode
    }

    /// What it means.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.0.action
    }

    /// What goes to standard input.
    #[must_use]
    pub const fn stdin(&self) -> Option<&Input> {
        self.0.stdin.as_ref()
    }

    /// How to see the effect first.
    #[must_use]
    pub const fn preview(&self) -> Option<&PreviewPlan> {
        self.0.preview.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argv_refuses_nothing_and_nul() {
        assert_eq!(Argv::new(vec![]), Err(ArgvError::Empty));
        assert_eq!(Argv::new(vec!["kubectl".into(), "a\0b".into()]), Err(ArgvError::Nul(1)));
    }

    #[test]
    fn argv_shows_where_each_element_ends() {
        let argv = Argv::new(vec!["kubectl".into(), "it's".into(), "-n=a".into(), String::new()]).unwrap();
        assert_eq!(argv.to_string(), "kubectl 'it'\\''s' -n=a ''");
    }
}
