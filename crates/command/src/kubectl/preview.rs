//! How to see what a mutating kubectl command would do.
//!
//! **Invariant:** a dry run differs from the real run in the dry-run switch and the output form,
//! and in nothing else: [`dry_run`] is all there is to it.

use super::does::{Does, Shows};
use super::target::{Objects, Target};
use countersign_core::command::{Argv, ArgvError, EffectForm, PreviewPlan};

/// The same argv with the dry-run switch, and in our own output form. What stands after `--` is a
/// program's, so the switch stands before it.
pub(super) fn dry_run(argv: &Argv) -> Result<Argv, ArgvError> {
    let elements = argv.elements();
    let flags_end = elements.iter().position(|element| element == "--").unwrap_or(elements.len());
    let (ours, program) = elements.split_at_checked(flags_end).unwrap_or_default();
    let mut dry: Vec<String> = ours.iter().filter(|element| !is_form(element)).cloned().collect();
    dry.extend(["--dry-run=server", "--output=json"].map(str::to_owned));
    dry.extend(program.iter().cloned());
    Argv::new(dry)
}

fn is_form(element: &str) -> bool {
    element.starts_with("--output=")
        || element == "--show-managed-fields"
        || element.starts_with("--allow-missing-template-keys")
}

/// `kubectl get`, with these objects and flags, as JSON.
fn look<'a>(
    objects: &[String],
    flags: impl IntoIterator<Item = &'a String>,
    more: &[String],
) -> Result<Argv, ArgvError> {
    let mut elements = vec!["kubectl".to_owned(), "get".to_owned()];
    elements.extend(objects.iter().cloned());
    elements.extend(flags.into_iter().cloned());
    elements.extend(more.iter().cloned());
    elements.push("--output=json".to_owned());
    Argv::new(elements)
}

/// The flags that say where objects are and which are meant.
fn choosing<'a>(argv: &'a Argv, flags: &'a [&'a str]) -> impl Iterator<Item = &'a String> {
    let flags_of_ours = argv.elements().iter().take_while(|element| *element != "--");
    flags_of_ours.filter(|element| flags.iter().any(|flag| element.starts_with(flag)))
}

const PLACE: &[&str] = &["--namespace=", "--all-namespaces"];
const SELECTION: &[&str] =
    &["--namespace=", "--all-namespaces", "--selector=", "--field-selector=", "--ignore-not-found"];

/// The nodes, and for each that has a name the pods on it.
fn evicted(argv: &Argv, target: &Target) -> Result<Vec<Argv>, ArgvError> {
    let mut steps = vec![look(&target.elements(), choosing(argv, SELECTION), &[])?];
    let pods = ["pods".to_owned()];
    let which = choosing(argv, &["--pod-selector="]).map(|flag| flag.replacen("--pod-", "--", 1));
    let which: Vec<String> = which.collect();
    for (_, node) in target.objects.named() {
        let on_it = [format!("--field-selector=spec.nodeName={node}")];
        let everywhere = ["--all-namespaces".to_owned()];
        steps.push(look(&pods, everywhere.iter().chain(&which), &on_it)?);
    }
    Ok(steps)
}

/// What to run to see the effect of a mutating verb.
///
/// Verbs without a dry run show the objects they act on.
pub(super) fn plan(verb: Does, argv: &Argv, target: &Target) -> Result<Option<PreviewPlan>, ArgvError> {
    let now = || match &target.objects {
        Objects::OfKinds(_) | Objects::Named(_) => look(&target.elements(), choosing(argv, SELECTION), &[]),
        Objects::Interface { .. } => Argv::new(argv.elements().to_vec()),
    };
    let revisions = || look(&["replicasets.apps".to_owned()], choosing(argv, PLACE), &[]);
    let (steps, form) = match verb.meaning().shows {
        Shows::Nothing => return Ok(None),
        Shows::Objects => (vec![now()?], EffectForm::KubernetesObjects),
        Shows::Evicted => (evicted(argv, target)?, EffectForm::KubernetesObjects),
        Shows::Diff => (vec![now()?, dry_run(argv)?], EffectForm::KubernetesDiff),
        Shows::Created => (vec![dry_run(argv)?], EffectForm::KubernetesCreated),
        Shows::Scale => (vec![now()?, dry_run(argv)?], EffectForm::KubernetesScale),
        Shows::Undo => (vec![now()?, revisions()?, dry_run(argv)?], EffectForm::KubernetesUndo),
    };
    Ok(Some(PreviewPlan { steps, form }))
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

    #[test]
    fn p36_the_dry_run_switch_is_never_an_argument_of_the_new_pod() {
        let dry = dry_run(&argv("kubectl run a --image=b -- c --output=yaml")).unwrap();
        assert_eq!(dry, argv("kubectl run a --image=b --dry-run=server --output=json -- c --output=yaml"));
    }
}
