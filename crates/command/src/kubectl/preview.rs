//! How to see what a mutating kubectl command would do.
//!
//! **Invariant:** a dry run differs from the real run in the dry-run switch and the output form,
//! and in nothing else: [`dry_run`] is all there is to it.

use super::verbs::Does;
use countersign_core::command::{Argv, ArgvError, EffectForm, PreviewPlan};

/// The same argv with the dry-run switch, and in our own output form.
pub(super) fn dry_run(argv: &Argv) -> Result<Argv, ArgvError> {
    let without_form = argv.elements().iter().filter(|element| !is_form(element));
    Argv::new(without_form.cloned().collect())?.with(&["--dry-run=server", "--output=json"])
}

fn is_form(element: &str) -> bool {
    element.starts_with("--output=")
        || element == "--show-managed-fields"
        || element.starts_with("--allow-missing-template-keys")
}

/// The objects as they are: the same target, place and selection, read.
fn objects(argv: &Argv, target: &[String]) -> Result<Argv, ArgvError> {
    let selects = |element: &&String| {
        ["--namespace=", "--all-namespaces", "--selector=", "--field-selector=", "--ignore-not-found"]
            .iter()
            .any(|flag| element.starts_with(flag))
    };
    let mut elements = vec!["kubectl".to_owned(), "get".to_owned()];
    elements.extend(target.iter().cloned());
    elements.extend(argv.elements().iter().filter(selects).cloned());
    elements.push("--output=json".to_owned());
    Argv::new(elements)
}

/// Every replica set of the place: the revisions that a deployment can go back to.
fn revisions(argv: &Argv) -> Result<Argv, ArgvError> {
    let place = |element: &&String| element.starts_with("--namespace=") || *element == "--all-namespaces";
    let mut elements = ["kubectl", "get", "replicasets.apps"].map(str::to_owned).to_vec();
    elements.extend(argv.elements().iter().filter(place).cloned());
    elements.push("--output=json".to_owned());
    Argv::new(elements)
}

/// What to run to see the effect of a mutating verb.
///
/// `delete` and the rollout verbs without a dry run show the objects they act on.
pub(super) fn plan(verb: Does, argv: &Argv, target: &[String]) -> Result<Option<PreviewPlan>, ArgvError> {
    let now = objects(argv, target)?;
    Ok(match verb {
        Does::Get | Does::Describe | Does::Logs | Does::RolloutStatus | Does::RolloutHistory => None,
        Does::Label => Some(PreviewPlan { steps: vec![now, dry_run(argv)?], form: EffectForm::KubernetesDiff }),
        // kubectl prints the object that it fetched before a dry-run scale or undo, not the new one.
        Does::Scale => Some(PreviewPlan { steps: vec![now, dry_run(argv)?], form: EffectForm::KubernetesScale }),
        Does::RolloutUndo => {
            let steps = vec![now, revisions(argv)?, dry_run(argv)?];
            Some(PreviewPlan { steps, form: EffectForm::KubernetesUndo })
        }
        Does::Delete | Does::RolloutRestart | Does::RolloutPause | Does::RolloutResume => {
            Some(PreviewPlan { steps: vec![now], form: EffectForm::KubernetesObjects })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Argv {
        Argv::new(text.split(' ').map(str::to_owned).collect()).unwrap()
    }

    #[test]
    fn p37_a_dry_run_differs_in_nothing_but_its_switch_and_form() {
        let real = argv("kubectl label pods/a x=y --namespace=web --overwrite --output=yaml");
        let dry = dry_run(&real).unwrap();
        assert_eq!(dry, argv("kubectl label pods/a x=y --namespace=web --overwrite --dry-run=server --output=json"));
    }
}
