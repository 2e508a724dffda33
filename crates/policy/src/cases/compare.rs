//! What was wanted beside what came.
//!
//! **Invariant:** what a case leaves away is not compared; what it names is compared whole.

use super::read::Want;
use crate::answer::Answer;
use countersign_core::command::Command;
use std::collections::BTreeSet;

/// How they differ, one sentence each.
pub(super) fn differences(want: &Want, got: &Answer) -> Vec<String> {
    let rules = got.deciders().map(str::to_owned).collect();
    let budgets = got.counters().map(str::to_owned).collect();
    let quorums = got.quorums().into_iter().map(|(_, quorum)| quorum.to_string()).collect();
    let action = got.command.as_ref().map(Command::action);
    let resources = action.map(|action| action.resources.iter().map(ToString::to_string).collect());
    let scope = action.map(|action| &action.scope);
    let compared = [
        ("decision", want.decision.map(|it| it.to_string()), Some(got.decision.to_string())),
        ("tier", want.tier.map(|it| it.to_string()), got.tier.map(|it| it.to_string())),
        (
            "refusal",
            want.refusal.map(|it| it.to_string()),
            got.refusal.as_ref().map(|refusal| refusal.code().to_string()),
        ),
        ("rule", want.rules.as_ref().map(list), Some(list(&rules))),
        ("quorum", want.quorums.as_ref().map(list), Some(list(&quorums))),
        ("budget", want.budgets.as_ref().map(list), Some(list(&budgets))),
        ("sensitivity", want.sensitivity.map(|it| it.to_string()), got.sensitivity.map(|it| it.to_string())),
        ("reversibility", want.reversibility.map(|it| it.to_string()), got.reversibility.map(|it| it.to_string())),
        ("env", want.env.clone(), scope.and_then(|scope| scope.env.clone())),
        ("target", want.target.clone(), scope.and_then(|scope| scope.target.clone())),
        ("namespace", want.namespace.clone(), scope.and_then(|scope| scope.namespace.clone())),
        ("region", want.region.clone(), scope.and_then(|scope| scope.region.clone())),
        ("resource", want.resources.as_ref().map(list), resources.as_ref().map(list)),
        ("argv", want.argv.clone(), got.command.as_ref().map(|command| command.argv().to_string())),
    ];
    let named = compared.into_iter().filter_map(|(what, want, got)| Some((what, want?, got)));
    named
        .map(|(what, want, got)| (what, want, got.unwrap_or_else(|| "none".to_owned())))
        .filter(|(_, want, got)| want != got)
        .map(|(what, want, got)| format!("{what} is {got}, not {want}"))
        .collect()
}

fn list(set: &BTreeSet<String>) -> String {
    match set.len() {
        0 => "none".to_owned(),
        _ => set.iter().cloned().collect::<Vec<_>>().join(", "),
    }
}
