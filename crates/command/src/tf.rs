//! Reads Terraform: `/tf plan <stack>` and `/tf apply <stack>`.
//!
//! **Invariant:** a plan of the protected branch is the only thing that reads. Code that nobody
//! reviewed never runs before somebody agreed, and is never applied.
//!
//! Source of the options: `terraform plan -help` and `terraform apply -help`, 1.11.4.

mod act;
mod address;
mod instead;
mod options;

use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::vocabulary::{Stack, Vocabulary};
use crate::words::Word;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use options::Options;

pub use act::{Act, Mode as PlanMode, Verb};

/// The verbs, as policy names them. [`PLAN_REF`] is a plan of anything but the protected branch.
const PLAN: &str = "plan";
const PLAN_REF: &str = "plan ref";
const APPLY: &str = "apply";
/// What is shown before a [`PLAN_REF`]; nobody types it.
const DIFF: &str = "diff";

/// How it is typed.
const USAGE: &str = "write `/tf plan <stack>` or `/tf apply <stack>`";

/// The verbs, for help and tables.
pub(crate) fn verbs() -> Vec<&'static str> {
    vec![PLAN, PLAN_REF, APPLY]
}

/// Reads the words after `tf`, which is `name`.
pub(crate) fn parse(name: &Word, words: &[Word], vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    let Some((verb, rest)) = words.split_first() else {
        return Err(no(Code::UnknownVerb, "`/tf` needs `plan` or `apply`", USAGE).over(name));
    };
    let applies = match verb.text.as_str() {
        PLAN => false,
        APPLY => true,
        _ => return Err(instead::of_verb(verb)),
    };
    let mut own = Own::default();
    let (stack, options) = options::read(rest, &mut own)?;
    let Some(word) = stack else {
        let hint = format!("add one of: {}", stacks(vocabulary));
        return Err(no(Code::MissingTarget, format!("`/tf {}` needs a stack", verb.text), hint).over(verb));
    };
    let (name, stack) = stack_of(word, vocabulary)?;
    let command = if applies {
        options.check_apply(&stack.branch)?;
        apply(name, stack, &options, own.mode_of_confirmed())?
    } else {
        plan(name, stack, &options, &own)?
    };
    Ok((command, own))
}

/// Reads a canonical argv, mode and scope that came out of a seal.
pub(crate) fn parse_again(canonical: &Canonical<'_>, vocabulary: &Vocabulary) -> Checked<Command> {
    let words: Vec<Word> = canonical.argv.arguments().iter().map(|one| Word::untyped(one)).collect();
    let (command, _) = parse(&Word::untyped(canonical.argv.program()), &words, vocabulary)?;
    own::in_mode(&command, canonical.mode)
}

fn stack_of<'v>(word: &Word, vocabulary: &'v Vocabulary) -> Checked<(&'v String, &'v Stack)> {
    vocabulary.stacks.get_key_value(&word.text).ok_or_else(|| {
        let known = vocabulary.stacks.keys().map(String::as_str);
        let hint = meant(&word.text, known, &format!("one of: {}", stacks(vocabulary)));
        no(Code::UnknownTarget, format!("the catalog knows no stack {}", quoted(&word.text)), hint).over(word)
    })
}

fn stacks(vocabulary: &Vocabulary) -> String {
    let names: Vec<&str> = vocabulary.stacks.keys().map(String::as_str).collect();
    if names.is_empty() { "none is catalogued".to_owned() } else { names.join(", ") }
}

/// A plan of the protected branch reads. A plan of anything else executes code that nobody
/// reviewed, with what the role that plans can see: what is shown first is only what git says.
fn plan(name: &str, stack: &Stack, options: &Options, own: &Own) -> Checked<Command> {
    let Some(revision) = options.other_than(&stack.branch) else {
        return build(
            name,
            stack,
            options,
            Meaning {
                verb: PLAN,
                tier: Tier::Read,
                reversibility: Reversibility::NoneNeeded,
                reasons: vec![format!("plans what is reviewed: `{}`", stack.branch)],
                mode: Mode::Apply,
                preview: None,
            },
        );
    };
    let looks = ["tf", DIFF, name, &format!("--ref={revision}")].map(str::to_owned).to_vec();
    build(
        name,
        stack,
        options,
        Meaning {
            verb: PLAN_REF,
            tier: Tier::Change,
            // What the code sends away while it is planned cannot be called back.
            reversibility: Reversibility::Irreversible,
            reasons: vec![format!("runs code that is not on `{}`, so nobody may have reviewed it", stack.branch)],
            mode: own.mode_of_confirmed(),
            preview: Some(argv(looks)?),
        },
    )
}

fn apply(name: &str, stack: &Stack, options: &Options, mode: Mode) -> Checked<Command> {
    let raised = options.raises();
    let reversibility = if options.takes_away() { Reversibility::Irreversible } else { Reversibility::Reversible };
    let tier = if raised.is_empty() { Tier::Change } else { Tier::Destructive };
    let reasons = if raised.is_empty() { vec!["applies what is reviewed".to_owned()] } else { raised };
    let looks = options.argv(PLAN, name, &stack.branch);
    let preview = Some(argv(looks)?);
    build(name, stack, options, Meaning { verb: APPLY, tier, reversibility, reasons, mode, preview })
}

/// What a line came out to mean.
struct Meaning {
    verb: &'static str,
    tier: Tier,
    reversibility: Reversibility,
    reasons: Vec<String>,
    mode: Mode,
    preview: Option<Argv>,
}

fn build(name: &str, stack: &Stack, options: &Options, meaning: Meaning) -> Checked<Command> {
    let typed = if meaning.verb == APPLY { APPLY } else { PLAN };
    let parts = CommandParts {
        tool: Tool::Tf,
        argv: argv(options.argv(typed, name, &stack.branch))?,
        mode: meaning.mode,
        action: Action {
            tool: "tf".to_owned(),
            verb: meaning.verb.to_owned(),
            scope: Scope { env: Some(stack.env.clone()), target: Some(name.to_owned()), ..Scope::default() },
            resources: vec![Resource::from_parts(&["tf", name])],
            tier: meaning.tier,
            // Terraform masks sensitive values in the plan that people read.
            sensitivity: Sensitivity::Plain,
            reversibility: meaning.reversibility,
            reasons: meaning.reasons,
        },
        preview: meaning.preview.map(|step| PreviewPlan { steps: vec![step], form: EffectForm::Text }),
        stdin: None,
        filters: Vec::new(),
    };
    Command::new(parts).map_err(|fault| broken(&fault.to_string()))
}

fn argv(elements: Vec<String>) -> Checked<Argv> {
    Argv::new(elements).map_err(|fault| broken(&fault.to_string()))
}

fn broken(what: &str) -> Box<Refusal> {
    no(Code::BadValue, what, USAGE)
}
