//! An answer as JSON, the same for one line and for many.
//!
//! **Invariant:** every key is always there, so that a program need not guess; absent is `null`.

use countersign_core::refusal::Refusal;
use countersign_policy::answer::Answer;
use serde::Serialize;

/// What would come of a line.
#[derive(Debug, Serialize)]
pub struct Document {
    /// As it was asked, in a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<serde_json::Value>,
    decision: &'static str,
    tier: Option<&'static str>,
    sensitivity: Option<&'static str>,
    reversibility: Option<&'static str>,
    tool: Option<String>,
    verb: Option<String>,
    mode: Option<&'static str>,
    argv: Vec<String>,
    filters: Vec<Vec<String>>,
    scope: Option<countersign_core::action::Scope>,
    resources: Vec<String>,
    rules: Vec<Rule>,
    approvers: Vec<Approvers>,
    granted_by: Vec<String>,
    reasons: Vec<String>,
    budgets: Vec<Counted>,
    preview: Option<Preview>,
    stdin: Option<String>,
    refusal: Option<No>,
}

#[derive(Debug, Serialize)]
struct Rule {
    id: String,
    quorum: String,
}

/// One of so many in a period.
#[derive(Debug, Serialize)]
struct Counted {
    rule: String,
    units: u32,
    per: &'static str,
}

/// So many people of these groups, for this rule.
#[derive(Debug, Serialize)]
struct Approvers {
    rule: String,
    count: usize,
    any_of: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Preview {
    form: countersign_core::command::EffectForm,
    steps: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct No {
    code: &'static str,
    sentence: String,
    hint: String,
    rule: Option<String>,
    column: Option<usize>,
    length: Option<usize>,
}

impl Document {
    /// Of an answer.
    #[must_use]
    pub fn of(answer: &Answer, id: Option<serde_json::Value>) -> Self {
        let parts = answer.command.as_ref().map(countersign_core::command::Command::parts);
        let action = parts.map(|parts| &parts.action);
        Self {
            id,
            decision: answer.decision.as_str(),
            tier: answer.tier.map(countersign_core::tier::Tier::as_str),
            sensitivity: answer.sensitivity.map(countersign_core::tier::Sensitivity::as_str),
            reversibility: answer.reversibility.map(countersign_core::tier::Reversibility::as_str),
            tool: action.map(|action| action.tool.clone()),
            verb: action.map(|action| action.verb.clone()),
            mode: parts.map(|parts| parts.mode.as_str()),
            argv: parts.map_or_else(Vec::new, |parts| parts.argv.elements().to_vec()),
            filters: parts
                .map_or_else(Vec::new, |parts| parts.filters.iter().map(|filter| filter.elements().to_vec()).collect()),
            scope: action.map(|action| action.scope.clone()),
            resources: action
                .map_or_else(Vec::new, |action| action.resources.iter().map(ToString::to_string).collect()),
            rules: rules(answer),
            approvers: approvers(answer),
            granted_by: answer.granted_by.clone(),
            reasons: answer.reasons.clone(),
            budgets: answer.budgets.iter().map(counted).collect(),
            preview: parts.and_then(|parts| parts.preview.as_ref()).map(|plan| Preview {
                form: plan.form,
                steps: plan.steps.iter().map(|step| step.elements().to_vec()).collect(),
            }),
            stdin: parts.and_then(|parts| parts.stdin.as_ref()).map(|input| input.digest().to_string()),
            refusal: answer.refusal.as_ref().map(no),
        }
    }
}

fn rules(answer: &Answer) -> Vec<Rule> {
    answer.rules.iter().map(|rule| Rule { id: rule.id.clone(), quorum: rule.quorum.clone() }).collect()
}

fn counted(budget: &countersign_core::budget::Budget) -> Counted {
    Counted { rule: budget.rule.clone(), units: budget.units, per: budget.per.as_str() }
}

fn approvers(answer: &Answer) -> Vec<Approvers> {
    let mut found = Vec::new();
    for (rule, quorum) in answer.quorums() {
        found.extend(quorum.clauses().iter().map(|clause| Approvers {
            rule: rule.to_owned(),
            count: clause.count(),
            any_of: clause.any_of().iter().cloned().collect(),
        }));
    }
    found
}

fn no(refusal: &Refusal) -> No {
    No {
        code: refusal.code().as_str(),
        sentence: refusal.to_string(),
        hint: refusal.hint().to_owned(),
        rule: refusal.rule().map(str::to_owned),
        column: refusal.place().map(|place| place.column),
        length: refusal.place().map(|place| place.length),
    }
}
