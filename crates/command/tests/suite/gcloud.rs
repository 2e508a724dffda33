//! What gcloud lines become.

mod every;
mod refused;
mod shapes;

use countersign_command::vocabulary::{Project, Threshold};
use countersign_command::{Context, Typed, Vocabulary, parse, parse_again};
use countersign_core::action::Resource;
use countersign_core::command::Command;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Refusal;
use countersign_core::tier::Tier;
use expect_test::Expect;
use std::fmt::Write as _;

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    for env in ["dev", "prod"] {
        vocabulary.environments.insert(env.to_owned());
        let project = Project { env: env.to_owned(), id: format!("example-{env}") };
        vocabulary.projects.insert(env.to_owned(), project);
    }
    vocabulary.thresholds.push(Threshold { objects: 4, tier: Tier::Destructive });
    vocabulary
}

fn typed(text: &str) -> Result<Command, Box<Refusal>> {
    match parse(text, &Context::default(), &vocabulary())? {
        Typed::Run { command, .. } => Ok(command),
        Typed::Ask(asked) => panic!("{text} asks {asked:?}"),
    }
}

#[track_caller]
fn run(text: &str) -> Command {
    typed(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}; {}", refusal.hint()))
}

/// argv, what policy sees, and the steps that show the effect.
#[track_caller]
fn becomes(text: &str, want: Expect) {
    let command = run(text);
    let action = command.action();
    let resources: Vec<&str> = action.resources.iter().map(Resource::as_str).collect();
    let mut got = format!(
        "{}\n{} {} {} {} in {}\n{}",
        command.argv(),
        command.mode(),
        action.tier,
        action.sensitivity,
        action.reversibility,
        action.scope.region.as_deref().unwrap_or("no region"),
        resources.join(" "),
    );
    for step in command.preview().iter().flat_map(|plan| &plan.steps) {
        write!(got, "\n  {step}").expect("a string takes everything");
    }
    want.assert_eq(&got);
}

/// Each line is what stands after `/gcloud dev`, and the code it is refused with after `=>`.
#[track_caller]
fn all_refused(cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (text, code) = case.rsplit_once(" => ").expect("a case has a code");
        let text = format!("/gcloud dev {text}");
        match typed(&text) {
            Err(refusal) => {
                assert_eq!(refusal.code().as_str(), code, "{text}: {refusal}");
                assert!(refusal.rule().is_some() && !refusal.hint().is_empty(), "{text}");
            }
            Ok(command) => panic!("{text} was accepted: {}", command.argv()),
        }
    }
}

fn reads_back(command: &Command) {
    assert_eq!(parse_again(&Canonical::of(command), &vocabulary()).as_ref(), Ok(command), "{}", command.argv());
}
