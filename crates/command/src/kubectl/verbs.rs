//! kubectl's verbs: those that are understood, and those that are refused by name.

use super::flags::{
    ALL, ALL_NAMESPACES, DELETE, DESCRIBE, FIELD_MANAGER, FIELD_SELECTOR, FROM_FILES, GET, GLOBAL, LABEL, LOGS,
    MUTATING, PRINTING, ROLLOUT_HISTORY, ROLLOUT_STATUS, ROLLOUT_UNDO, SCALE, SELECTOR,
};
use crate::grammar::{Flag, Grammar, RefusedVerb, Verb};
use countersign_core::refusal::Code;

/// What a verb is to the classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Get,
    Describe,
    Logs,
    Delete,
    Scale,
    RolloutStatus,
    RolloutHistory,
    RolloutRestart,
    RolloutUndo,
    RolloutPause,
    RolloutResume,
    Label,
}

const fn verb(name: &'static str, id: Does, flags: &'static [&'static [Flag]]) -> Verb<Does> {
    Verb { name, id, flags }
}

const VERBS: &[Verb<Does>] = &[
    verb("get", Does::Get, &[ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, GET, PRINTING, FROM_FILES]),
    verb("describe", Does::Describe, &[ALL_NAMESPACES, SELECTOR, DESCRIBE, FROM_FILES]),
    verb("logs", Does::Logs, &[SELECTOR, LOGS]),
    verb("delete", Does::Delete, &[ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, DELETE, MUTATING, FROM_FILES]),
    verb("scale", Does::Scale, &[ALL, SELECTOR, SCALE, PRINTING, MUTATING, FROM_FILES]),
    verb("rollout status", Does::RolloutStatus, &[SELECTOR, ROLLOUT_STATUS, FROM_FILES]),
    verb("rollout history", Does::RolloutHistory, &[SELECTOR, ROLLOUT_HISTORY, PRINTING, FROM_FILES]),
    verb("rollout restart", Does::RolloutRestart, &[SELECTOR, PRINTING, MUTATING, FIELD_MANAGER, FROM_FILES]),
    verb("rollout undo", Does::RolloutUndo, &[SELECTOR, ROLLOUT_UNDO, PRINTING, MUTATING, FROM_FILES]),
    verb("rollout pause", Does::RolloutPause, &[SELECTOR, PRINTING, MUTATING, FIELD_MANAGER, FROM_FILES]),
    verb("rollout resume", Does::RolloutResume, &[SELECTOR, PRINTING, MUTATING, FIELD_MANAGER, FROM_FILES]),
    verb(
        "label",
        Does::Label,
        &[ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, LABEL, PRINTING, MUTATING, FIELD_MANAGER, FROM_FILES],
    ),
];

const fn session(name: &'static str, instead: &'static str) -> RefusedVerb {
    RefusedVerb { name, code: Code::Interactive, instead }
}

const fn later(name: &'static str) -> RefusedVerb {
    RefusedVerb {
        name,
        code: Code::NotAvailableYet,
        instead: "use `get`, `describe`, `logs`, `delete`, `scale`, `rollout` or `label`",
    }
}

const fn files(name: &'static str, instead: &'static str) -> RefusedVerb {
    RefusedVerb { name, code: Code::WorkerFiles, instead }
}

const fn never(name: &'static str, instead: &'static str) -> RefusedVerb {
    RefusedVerb { name, code: Code::UnknownVerb, instead }
}

const REFUSED: &[RefusedVerb] = &[
    session("exec", "look with `kubectl logs` or `kubectl describe`; a fixed command can become a custom command"),
    session("attach", "look with `kubectl logs`"),
    session("port-forward", "look with `kubectl logs` or `kubectl get`"),
    session("proxy", "use `kubectl get`"),
    session("debug", "look with `kubectl describe` and `kubectl logs`"),
    session("edit", "change one thing with `kubectl scale`, `kubectl label` or `kubectl rollout`"),
    session("run", "start workloads through their deployment"),
    files("cp", "look with `kubectl logs`; files do not pass through chat"),
    files("kustomize", "render manifests where they are kept"),
    later("apply"),
    later("create"),
    later("diff"),
    later("patch"),
    later("replace"),
    later("annotate"),
    later("set"),
    later("expose"),
    later("autoscale"),
    later("cordon"),
    later("uncordon"),
    later("drain"),
    later("taint"),
    later("top"),
    later("events"),
    later("explain"),
    later("wait"),
    later("auth"),
    later("certificate"),
    later("api-resources"),
    later("api-versions"),
    later("cluster-info"),
    later("version"),
    never("config", "clusters are named by the catalog: see `/countersign catalog`"),
    never("plugin", "plugins do not run; a fixed command can become a custom command"),
    never("completion", "see `/countersign help`"),
    never("options", "see `/countersign help`"),
    never("help", "see `/countersign help`"),
    never("kuberc", "no preferences are read"),
    never("alpha", "only stable verbs run from chat"),
];

/// kubectl.
pub(super) static GRAMMAR: Grammar<Does> = Grammar { tool: "kubectl", global: GLOBAL, verbs: VERBS, refused: REFUSED };
