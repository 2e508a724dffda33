//! kubectl's verbs that do not run from chat, each with what to use instead.

use crate::grammar::RefusedVerb;
use countersign_core::refusal::Code;

const fn session(name: &'static str, instead: &'static str) -> RefusedVerb {
    RefusedVerb { name, code: Code::Interactive, instead }
}

const fn files(name: &'static str, instead: &'static str) -> RefusedVerb {
    RefusedVerb { name, code: Code::WorkerFiles, instead }
}

const fn secret(name: &'static str, instead: &'static str) -> RefusedVerb {
    RefusedVerb { name, code: Code::SecretInCommand, instead }
}

const fn never(name: &'static str, instead: &'static str) -> RefusedVerb {
    RefusedVerb { name, code: Code::UnknownVerb, instead }
}

pub(super) const REFUSED: &[RefusedVerb] = &[
    session("exec", "look with `kubectl logs` or `kubectl describe`; a fixed command can become a custom command"),
    session("attach", "look with `kubectl logs`"),
    session("port-forward", "look with `kubectl logs` or `kubectl get`"),
    session("proxy", "use `kubectl get`"),
    session("debug", "look with `kubectl describe` and `kubectl logs`"),
    session("edit", "change one thing with `kubectl patch` or `kubectl set`, or use `kubectl apply`"),
    session("apply edit-last-applied", "use `kubectl apply` with the manifest as it should be"),
    files("apply set-last-applied", "use `kubectl apply` with a manifest: it writes the annotation"),
    files("cp", "look with `kubectl logs`; files do not pass through chat"),
    files("kustomize", "render manifests where they are kept"),
    files("auth reconcile", "use `kubectl apply` with a manifest"),
    files("cluster-info dump", "use `kubectl get all -A`, `kubectl events -A` and `kubectl logs`"),
    secret("create secret", "keep the value in the vault and let its operator make the secret"),
    never("create token", "a credential is issued for each job, and none is handed out"),
    never("config", "clusters are named by the catalog: see `/countersign catalog`"),
    never("plugin", "plugins do not run; a fixed command can become a custom command"),
    never("completion", "see `/countersign help`"),
    never("options", "see `/countersign help`"),
    never("help", "see `/countersign help`"),
    never("kuberc", "no preferences are read"),
    never("alpha", "only stable verbs run from chat"),
];
