//! A policy that allows everything as a plain read, so that tests reach the runner by the real way.

use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::digest::Digest;
use countersign_core::input::Input;
use countersign_core::policy::{Allowance, Canonical, Confirmation, Facts, Judgement, Policy, PolicyDigests, Request};
use countersign_core::principal::{Principal, Standing, SubjectId};
use countersign_core::refusal::Refusal;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};

pub(crate) const POOL: &str = "default";

/// Who asks in every test.
pub(crate) fn requester() -> Principal {
    Principal {
        id: SubjectId { iss: "test".into(), sub: "ann".into() },
        name: "Ann".into(),
        groups: ["engineering".to_owned()].into(),
        standing: Standing::Active,
        known_by: "test".into(),
    }
}

/// Everything is a read, at this isolation level.
#[derive(Debug)]
pub(crate) struct OpenPolicy(pub(crate) Isolation);

/// The command of this argv; its preview is the same argv twice.
pub(crate) fn command(tool: Tool, argv: &[&str], mode: Mode, scope: Scope, filters: &[Argv]) -> Command {
    let argv = Argv::new(argv.iter().map(|element| (*element).to_owned()).collect()).unwrap();
    let preview = PreviewPlan { steps: vec![argv.clone(), argv.clone()], form: EffectForm::Text };
    let action = Action {
        tool: tool.name().to_owned(),
        verb: "test".into(),
        scope,
        resources: vec![Resource::from_parts(&["custom", tool.name()])],
        tier: Tier::Read,
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::NoneNeeded,
        reasons: Vec::new(),
    };
    let parts =
        CommandParts { tool, argv, mode, action, preview: Some(preview), stdin: None, filters: filters.to_vec() };
    Command::new(parts).unwrap()
}

/// The same command with a text for its standard input.
pub(crate) fn with_stdin(command: &Command, stdin: Option<Input>) -> Command {
    Command::new(CommandParts { stdin, ..command.parts().clone() }).unwrap()
}

impl Policy for OpenPolicy {
    fn parse_again(&self, canonical: &Canonical<'_>) -> Result<Command, Box<Refusal>> {
        let argv: Vec<&str> = canonical.argv.elements().iter().map(String::as_str).collect();
        let scope = canonical.scope.clone();
        let command = command(canonical.tool.clone(), &argv, canonical.mode, scope, canonical.filters);
        Ok(with_stdin(&command, canonical.stdin.cloned()))
    }

    fn judge(&self, _: &Request<'_>, _: &Facts) -> Judgement {
        Judgement::Allowed(Allowance {
            tier: Tier::Read,
            sensitivity: Sensitivity::Plain,
            reversibility: Reversibility::NoneNeeded,
            isolation: self.0,
            pool: POOL.into(),
            granted_by: Vec::new(),
            reasons: Vec::new(),
            rules: Vec::new(),
            confirmation: Confirmation::NotNeeded,
            budgets: Vec::new(),
        })
    }

    fn digests(&self) -> PolicyDigests {
        PolicyDigests { rbac: Digest::of(b""), catalog: Digest::of(b"") }
    }
}
