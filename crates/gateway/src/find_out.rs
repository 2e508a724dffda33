//! How people find out what became of a run that nobody saw the end of.
//!
//! **Invariant:** every way named here only looks.

use countersign_core::action::{Resource, Scope};
use countersign_core::command::Tool;
use countersign_core::decision::Decision;

/// As many objects are named; the rest is found on the card.
const MOST: usize = 5;

/// What to look at, by the tool's own means, and then how to say what was found.
pub(crate) fn find_out(decision: &Decision) -> Vec<String> {
    let mut ways = match &decision.tool {
        Tool::Kubectl => objects(decision),
        Tool::Aws => calls(decision),
        Tool::Gcloud => {
            vec![format!("/gcloud {} logging read … (the audit log of the project)", target(&decision.scope))]
        }
        Tool::Tf => vec![format!("/tf plan {}: what it still wants to change did not happen", target(&decision.scope))],
        Tool::Deploy => vec![format!(
            "/deploy status {} {}: what runs, and whether it was request {} that put it there",
            target(&decision.scope),
            decision.scope.env.as_deref().unwrap_or("ENV"),
            decision.invocation
        )],
        Tool::Silence => vec![format!(
            "/silence list --on={}: what it made has [countersign {}] in its comment, what it ended is not there",
            target(&decision.scope),
            decision.invocation
        )],
        Tool::Custom(_) => {
            vec![format!("/{} without --apply, if it has a preview: what it would change now", decision.argv)]
        }
    };
    ways.push(format!("Then: /countersign reconcile {} happened (or did-not) and what you found", decision.invocation));
    ways
}

fn target(scope: &Scope) -> &str {
    scope.target.as_deref().unwrap_or("TARGET")
}

/// The read that shows each object.
fn objects(decision: &Decision) -> Vec<String> {
    let cluster = target(&decision.scope);
    let mut ways: Vec<String> = decision.resources.iter().take(MOST).filter_map(|one| object(one, cluster)).collect();
    if ways.is_empty() {
        ways.push(format!("/kubectl get events --context {cluster}"));
    }
    if decision.resources.len() > MOST {
        ways.push(format!("and {} more objects of the card", decision.resources.len() - MOST));
    }
    ways
}

/// `k8s/<cluster>/ns/<namespace>/<kind.group>/<name>` or `k8s/<cluster>/cluster/<kind.group>/<name>`.
fn object(resource: &Resource, cluster: &str) -> Option<String> {
    let parts: Vec<&str> = resource.as_str().split('/').collect();
    let (kind, name, place) = match parts.as_slice() {
        ["k8s", _, "ns", namespace, kind, name] if *namespace == "*" => (*kind, *name, " -A".to_owned()),
        ["k8s", _, "ns", namespace, kind, name] => (*kind, *name, format!(" -n {namespace}")),
        ["k8s", _, "cluster", kind, name] => (*kind, *name, String::new()),
        _ => return None,
    };
    let name = if name == "*" { String::new() } else { format!(" {name}") };
    Some(format!("/kubectl get {kind}{name}{place} --context {cluster}"))
}

/// What `CloudTrail` has of each call; it may be some minutes late.
fn calls(decision: &Decision) -> Vec<String> {
    let region = decision.scope.region.as_deref();
    let names = decision.resources.iter().filter_map(|one| one.as_str().rsplit('/').next());
    let lookup = names.take(MOST).map(|operation| {
        let name: String = operation.split('-').map(capital).collect();
        let region = region.map(|region| format!(" --region {region}")).unwrap_or_default();
        format!(
            "/aws {} cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue={name}{region} (some minutes late)",
            target(&decision.scope)
        )
    });
    lookup.collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_of_a_cluster_has_the_read_that_shows_it() {
        let way = |text: &[&str]| object(&Resource::from_parts(text), "prod");
        assert_eq!(
            way(&["k8s", "prod", "ns", "web", "pods", "api-7f"]).as_deref(),
            Some("/kubectl get pods api-7f -n web --context prod")
        );
        assert_eq!(
            way(&["k8s", "prod", "cluster", "nodes", "n1"]).as_deref(),
            Some("/kubectl get nodes n1 --context prod")
        );
        assert_eq!(
            way(&["k8s", "prod", "ns", "*", "deployments.apps", "*"]).as_deref(),
            Some("/kubectl get deployments.apps -A --context prod")
        );
        assert_eq!(way(&["custom", "x"]), None);
    }

    #[test]
    fn an_operation_is_looked_up_by_the_name_that_cloudtrail_has_for_it() {
        assert_eq!("terminate-instances".split('-').map(capital).collect::<String>(), "TerminateInstances");
    }
}
