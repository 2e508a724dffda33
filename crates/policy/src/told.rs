//! An answer in words: what comes of a command, why, and who would have to agree.
//!
//! **Invariant:** told from an answer alone; foreign text in it has been made harmless.

use crate::answer::{Answer, Asker, Decision, decide};
use crate::policy::Policy;
use countersign_core::budget::Budget;
use countersign_core::command::{Command, CommandParts, EffectForm, PreviewPlan};
use countersign_core::refusal::shown;
use countersign_core::tier::{Mode, Reversibility, Sensitivity};

/// A label and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub label: &'static str,
    /// What it says.
    pub says: String,
}

fn line(label: &'static str, says: impl Into<String>) -> Line {
    Line { label, says: says.into() }
}

/// The answer's title: "Yes", "Yes, if people agree".
#[must_use]
pub fn title(answer: &Answer) -> &'static str {
    match answer.decision {
        Decision::Cleared => "Yes, at once",
        Decision::Preview => "Yes: what would happen is shown",
        Decision::Pending if answer.quorums().is_empty() => "Yes, once you confirm it",
        Decision::Pending => "Yes, if people agree",
        Decision::Denied => "No",
    }
}

/// Everything there is to say about a command, in the order in which people ask.
///
/// A preview is told together with what `--apply` would ask for.
#[must_use]
pub fn told(policy: &Policy, asker: &Asker, answer: &Answer) -> Vec<Line> {
    let mut lines = vec![line("decision", decision(answer))];
    lines.extend(refusal(answer));
    let Some(command) = &answer.command else { return lines };
    lines.push(line("command", quoted(command)));
    lines.push(line("tier", tier(answer)));
    lines.extend((!answer.reasons.is_empty()).then(|| line("because", shown_all(&answer.reasons, "; "))));
    lines.extend(approvals(policy, answer));
    lines.extend(answer.budgets.iter().map(|budget| line("counts", counted(budget))));
    lines.extend((!answer.granted_by.is_empty()).then(|| line("allowed by", shown_all(&answer.granted_by, ", "))));
    lines.push(line("where", place(command)));
    lines.push(line("what", resources(command)));
    lines.extend(command.preview().map(|plan| line("shown first", preview(plan))));
    lines.extend(next(policy, asker, answer, command));
    lines
}

fn decision(answer: &Answer) -> String {
    let says = match answer.decision {
        Decision::Cleared => "it runs at once; nobody needs to agree",
        Decision::Preview => "nothing changes; what would happen is shown at once",
        Decision::Pending if answer.quorums().is_empty() => "what would happen is shown, and you confirm it",
        Decision::Pending => "it waits until people agree",
        Decision::Denied => "it is refused",
    };
    format!("{}: {says}", answer.decision)
}

fn refusal(answer: &Answer) -> Vec<Line> {
    let Some(refusal) = &answer.refusal else { return Vec::new() };
    let rule = refusal.rule().map_or_else(String::new, |rule| format!(" (rule `{}`)", shown(rule)));
    vec![line("why not", format!("{refusal} [{}]{rule}", refusal.code())), line("instead", refusal.hint())]
}

fn tier(answer: &Answer) -> String {
    let tier = answer.tier.map_or_else(String::new, |tier| tier.to_string());
    let back = match answer.reversibility {
        Some(Reversibility::Reversible) => ", can be taken back",
        Some(Reversibility::Irreversible) => ", cannot be taken back",
        Some(Reversibility::NoneNeeded) | None => "",
    };
    let output = match answer.sensitivity {
        Some(Sensitivity::Sensitive) => ", output may hold secrets",
        Some(Sensitivity::Plain) | None => "",
    };
    format!("{tier}{back}{output}")
}

/// Who must agree, a line a rule.
fn approvals(policy: &Policy, answer: &Answer) -> Vec<Line> {
    let mut lines = Vec::new();
    for (rule, quorum) in answer.quorums() {
        let reason = if policy.asks_for_reason(rule) { "; say why with `--reason`" } else { "" };
        lines.push(line("must agree", format!("{quorum}, never you yourself (rule `{}`){reason}", shown(rule))));
    }
    lines
}

fn counted(budget: &Budget) -> String {
    format!("as one of {} a {} (rule `{}`), when it runs", budget.units, budget.per.as_str(), shown(&budget.rule))
}

fn place(command: &Command) -> String {
    let scope = &command.action().scope;
    let parts = [
        ("environment", &scope.env),
        ("target", &scope.target),
        ("region", &scope.region),
        ("namespace", &scope.namespace),
    ];
    let named = parts.iter().filter_map(|(what, name)| Some(format!("{what} {}", shown(name.as_deref()?))));
    named.collect::<Vec<_>>().join(", ")
}

/// As many resources as are named before the rest is counted.
const NAMED: usize = 8;

fn resources(command: &Command) -> String {
    let all = &command.action().resources;
    let named: Vec<String> = all.iter().take(NAMED).map(|one| shown(one.as_str())).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn preview(plan: &PreviewPlan) -> String {
    let what = match plan.form {
        EffectForm::KubernetesDiff => "old and new values",
        EffectForm::KubernetesObjects => "the objects it acts on",
        EffectForm::KubernetesCreated => "the objects that would be made",
        EffectForm::KubernetesScale => "old and new replicas",
        EffectForm::KubernetesUndo => "the template that is gone back to",
        EffectForm::Text => "the output",
    };
    let steps: Vec<String> = plan.steps.iter().map(|step| format!("`{step}`")).collect();
    format!("{what}, from {}", steps.join(", then "))
}

/// What to type next.
fn next(policy: &Policy, asker: &Asker, answer: &Answer, command: &Command) -> Option<Line> {
    if answer.decision != Decision::Preview {
        return None;
    }
    let parts = CommandParts { mode: Mode::Apply, ..command.parts().clone() };
    let applied = decide(policy, asker, &Command::new(parts).ok()?);
    let then = match (&applied.refusal, applied.quorums().as_slice()) {
        (Some(refusal), _) => format!("is refused: {refusal} [{}]", refusal.code()),
        (None, []) => "runs at once".to_owned(),
        (None, quorums) => {
            let all: Vec<String> =
                quorums.iter().map(|(rule, quorum)| format!("{quorum} (rule `{}`)", shown(rule))).collect();
            format!("waits for {}", all.join(" and "))
        }
    };
    Some(line("with `--apply`", format!("it {then}")))
}

fn quoted(command: &Command) -> String {
    let steps = std::iter::once(command.argv()).chain(&command.parts().filters);
    steps.map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

fn shown_all(texts: &[String], between: &str) -> String {
    texts.iter().map(|text| shown(text)).collect::<Vec<_>>().join(between)
}
