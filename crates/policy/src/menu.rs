//! What somebody can do here: tool by tool, tier by tier, environment by environment.
//!
//! **Invariant:** every word is a decision for exactly this person now; what they may not do is not
//! offered.

mod targets;

pub use targets::usable;

use crate::answer::{Answer, Asker, Decision, ask, decide};
use crate::compare::usual;
use crate::policy::Policy;
use countersign_command::suggest;
use countersign_core::command::Tool;
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::tier::{Sensitivity, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// A line of the menu: what can be typed, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dish {
    /// `/kubectl`, or an example of a command without code.
    pub label: String,
    /// "looks: at once in dev, prod; changes: needs 1 of sre in prod".
    pub says: String,
}

/// The built-in tools in the order in which they are told.
const TOOLS: [Tool; 6] = [Tool::Kubectl, Tool::Aws, Tool::Gcloud, Tool::Tf, Tool::Deploy, Tool::Silence];

/// What this person can do; about one tool or command if it is named.
///
/// # Errors
/// A refusal with the nearest name when there is no such tool or command.
pub fn menu(policy: &Policy, asker: &Asker, topic: Option<&str>) -> Result<Vec<Dish>, Box<Refusal>> {
    let commands = &policy.vocabulary().commands;
    let Some(topic) = topic else {
        let mut dishes: Vec<Dish> = TOOLS.iter().filter_map(|tool| dish(policy, asker, tool)).collect();
        dishes.extend(commands.values().filter_map(|command| command_dish(policy, asker, &command.name)));
        return Ok(dishes);
    };
    if let Some(tool) = TOOLS.iter().find(|tool| tool.name() == topic) {
        let verbs = countersign_command::verbs(tool);
        let mut dishes: Vec<Dish> = dish(policy, asker, tool).into_iter().collect();
        if dishes.is_empty() {
            dishes.push(Dish { label: format!("/{topic}"), says: "nothing that you may do".to_owned() });
        }
        if !verbs.is_empty() {
            dishes.push(Dish { label: "verbs".to_owned(), says: verbs.join(", ") });
        }
        return Ok(dishes);
    }
    match commands.get(topic) {
        Some(command) => Ok(whole(policy, asker, &command.name)),
        None => Err(unknown(policy, topic).into()),
    }
}

fn unknown(policy: &Policy, topic: &str) -> Refusal {
    let commands = policy.vocabulary().commands.keys().map(String::as_str);
    let known: Vec<&str> = TOOLS.iter().map(Tool::name).chain(commands).collect();
    let hint = match suggest::closest(topic, known.iter().copied()) {
        Some(close) => format!("did you mean `/countersign help {close}`?"),
        None => format!("there is help on: {}", known.join(", ")),
    };
    let refusal = Refusal::new(Code::UnknownTool, format!("there is no help on `{}`", shown(topic)), hint);
    refusal.by_rule("grammar/unknown-tool")
}

/// One line a tool; none when nothing of it may be done.
fn dish(policy: &Policy, asker: &Asker, tool: &Tool) -> Option<Dish> {
    let parts: Vec<String> = [
        ("looks", Tier::Read, Sensitivity::Plain),
        ("secrets", Tier::Read, Sensitivity::Sensitive),
        ("changes", Tier::Change, Sensitivity::Plain),
        ("destroys", Tier::Destructive, Sensitivity::Plain),
    ]
    .into_iter()
    .filter_map(|(says, tier, sensitivity)| {
        let told = by_place(policy, asker, tool, tier, sensitivity);
        (!told.is_empty()).then(|| format!("{says} {told}"))
    })
    .collect();
    (!parts.is_empty()).then(|| Dish { label: format!("/{}", tool.name()), says: parts.join("; ") })
}

/// "at once in dev, with 1 of sre in prod".
fn by_place(policy: &Policy, asker: &Asker, tool: &Tool, tier: Tier, sensitivity: Sensitivity) -> String {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for target in crate::compare::targets(policy.vocabulary()).into_iter().filter(|target| target.tool == *tool) {
        let Some(command) = usual(&target, tier, sensitivity) else { continue };
        let answer = decide(policy, asker, &command);
        if let Some(how) = how(&answer) {
            places.entry(how).or_default().extend(target.scope.env);
        }
    }
    let told = places.into_iter().map(|(how, envs)| {
        let envs: Vec<String> = envs.iter().map(|env| shown(env)).collect();
        format!("{how} in {}", envs.join(", "))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// How it would go; none when it is refused.
fn how(answer: &Answer) -> Option<String> {
    let quorums = answer.quorums();
    match answer.decision {
        Decision::Cleared | Decision::Preview => Some("at once".to_owned()),
        Decision::Pending if quorums.is_empty() => Some("once you confirm".to_owned()),
        Decision::Pending => {
            let told: BTreeSet<String> = quorums.into_iter().map(|(_, quorum)| quorum.to_string()).collect();
            Some(format!("with {}", told.into_iter().collect::<Vec<_>>().join(" and ")))
        }
        Decision::Denied => None,
    }
}

/// One line a command without code; none when it may not be run.
fn command_dish(policy: &Policy, asker: &Asker, name: &str) -> Option<Dish> {
    let command = policy.vocabulary().commands.get(name)?;
    let example = command.examples.first()?;
    let apply = if command.tier == Tier::Read { "" } else { " --apply" };
    let how = how(&ask(policy, asker, &format!("{example}{apply}")))?;
    Some(Dish { label: format!("/{example}"), says: format!("{} ({}, {how})", command.description, command.tier) })
}

/// All that is known of one command.
fn whole(policy: &Policy, asker: &Asker, name: &str) -> Vec<Dish> {
    let Some(command) = policy.vocabulary().commands.get(name) else { return Vec::new() };
    let mut dishes: Vec<Dish> = command_dish(policy, asker, name).into_iter().collect();
    if dishes.is_empty() {
        let says = format!("{} ({}, not for you)", command.description, command.tier);
        dishes.push(Dish { label: format!("/{name}"), says });
    }
    for param in &command.params {
        let default =
            param.default.as_ref().map_or_else(String::new, |value| format!("; `{}` if left away", shown(value)));
        dishes.push(Dish { label: format!("{}=", param.name), says: format!("{}{default}", param.description) });
    }
    dishes
}

#[cfg(test)]
mod tests;
