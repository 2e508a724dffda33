//! What each verb means: how much it does, what it takes, what it acts on and how it is shown first.
//!
//! **Invariant:** one row a verb; everything that differs from verb to verb and can be said in a
//! word is said here, and the rest of the module asks.

use countersign_core::tier::Tier;

/// A verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Get,
    Describe,
    Logs,
    Events,
    TopNode,
    TopPod,
    Explain,
    ApiResources,
    ApiVersions,
    ClusterInfo,
    Version,
    CanI,
    Whoami,
    Wait,
    RolloutStatus,
    RolloutHistory,
    /// `set env --list`: the variables as they are.
    ListEnv,
    /// `label --list`.
    ListLabels,
    /// `annotate --list`.
    ListAnnotations,
    /// `apply view-last-applied`: the manifest that is kept in an annotation.
    LastApplied,
    Delete,
    Scale,
    Autoscale,
    Expose,
    Run,
    /// `create KIND`.
    Create(&'static Made),
    Label,
    Annotate,
    Patch,
    SetImage,
    SetEnv,
    SetResources,
    SetSelector,
    SetServiceAccount,
    SetSubject,
    RolloutRestart,
    RolloutUndo,
    RolloutPause,
    RolloutResume,
    Cordon,
    Uncordon,
    Drain,
    Taint,
    CertificateApprove,
    CertificateDeny,
}

/// What a `create` makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// The kind of the new object.
    pub(super) kind: &'static str,
    pub(super) tier: Tier,
    /// Of each group one flag must be given.
    pub(super) needs: &'static [&'static [&'static str]],
}

/// What the words after the verb are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `TYPE[,TYPE] [NAME…]` or `TYPE/NAME…`.
    Objects,
    /// `POD` or `TYPE/NAME`.
    Pod,
    /// Objects, and then what to write to each.
    Pairs(Pair),
    /// Objects, and then one word that is none.
    Last(Last),
    /// Names of this kind.
    NamesOf(&'static str),
    /// At most one name of this kind.
    NameOf(&'static str),
    /// The name of a new object of this kind, and perhaps a program for it.
    New(&'static str),
    /// Nothing: it is about all objects of this kind.
    AllOf(&'static str),
    /// Nothing: it is about the cluster's interface, as this name has it.
    Nothing(&'static str),
    /// `VERB [TYPE | TYPE/NAME | URL]`.
    Question,
    /// `TYPE[.FIELD…]`.
    Field,
}

/// What is written to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    /// `KEY=VALUE`, `KEY-`.
    Label,
    /// The same with any value.
    Annotation,
    /// `CONTAINER=IMAGE`.
    Image,
    /// `NAME=VALUE`, `NAME-`.
    Variable,
    /// `KEY[=VALUE]:EFFECT`, `KEY[:EFFECT]-`.
    Taint,
}

/// The word after the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// The pods that a service finds.
    Selector,
    /// Who pods are.
    ServiceAccount,
}

/// Whether the objects must be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// No name means all of them.
    Open,
    /// By name, by selector or with `--all`.
    Demanded,
    /// By name alone.
    ByName,
}

/// How the effect is seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// There is none.
    Nothing,
    /// The objects that would go or be acted on.
    Objects,
    /// Nodes, and the pods on them.
    Evicted,
    /// The objects as they are, and as the server's dry run makes them.
    Diff,
    /// The objects that the server's dry run makes.
    Created,
    /// Replicas: kubectl prints the object that it fetched before a dry-run scale, not the new one.
    Scale,
    /// Revisions: as for replicas.
    Undo,
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning {
    pub(super) tier: Tier,
    /// "labels pods".
    pub(super) says: &'static str,
    pub(super) takes: Takes,
    pub(super) choice: Choice,
    pub(super) shows: Shows,
    /// The built-in kinds that understand it; empty for all.
    pub(super) acts_on: &'static [&'static str],
    /// Of each group one flag must be given.
    pub(super) needs: &'static [&'static [&'static str]],
}

/// Kinds with a number of replicas.
const SCALABLE: &[&str] = &["deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers"];
/// Kinds with a rollout.
const ROLLED_OUT: &[&str] = &["deployments.apps", "daemonsets.apps", "statefulsets.apps"];
/// Kinds whose rollout can be paused.
const PAUSABLE: &[&str] = &["deployments.apps"];
/// Kinds that a service can be made for.
const EXPOSABLE: &[&str] = &["pods", "services", "replicationcontrollers", "deployments.apps", "replicasets.apps"];
/// Kinds that are pods or make them.
const PODS: &[&str] = &[
    "pods",
    "replicationcontrollers",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "cronjobs.batch",
    "jobs.batch",
];
/// Kinds whose pods have logs.
const LOGGING: &[&str] = &[
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "cronjobs.batch",
    "jobs.batch",
];
const NODES: &[&str] = &["nodes"];
const SERVICES: &[&str] = &["services"];
const BINDINGS: &[&str] = &["rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"];
const CSR: &str = "certificatesigningrequests.certificates.k8s.io";

const fn read(says: &'static str, takes: Takes) -> Meaning {
    Meaning { tier: Tier::Read, says, takes, choice: Choice::Open, shows: Shows::Nothing, acts_on: &[], needs: &[] }
}

const fn change(says: &'static str, takes: Takes, shows: Shows) -> Meaning {
    Meaning { tier: Tier::Change, choice: Choice::Demanded, shows, ..read(says, takes) }
}

const fn destroy(says: &'static str, takes: Takes, shows: Shows) -> Meaning {
    Meaning { tier: Tier::Destructive, ..change(says, takes, shows) }
}

impl Meaning {
    const fn on(self, acts_on: &'static [&'static str]) -> Self {
        Self { acts_on, ..self }
    }

    const fn choice(self, choice: Choice) -> Self {
        Self { choice, ..self }
    }

    const fn needs(self, needs: &'static [&'static [&'static str]]) -> Self {
        Self { needs, ..self }
    }
}

impl Does {
    /// The row of the verb.
    pub(super) const fn meaning(self) -> Meaning {
        match self {
            Self::Get | Self::Describe => read("reads", Takes::Objects),
            Self::RolloutStatus | Self::RolloutHistory => read("reads", Takes::Objects).on(ROLLED_OUT),
            Self::Logs => read("reads logs of", Takes::Pod).on(LOGGING),
            Self::Events => read("reads", Takes::AllOf("events")),
            Self::TopNode => read("reads the load of", Takes::NameOf("nodes.metrics.k8s.io")),
            Self::TopPod => read("reads the load of", Takes::NameOf("pods.metrics.k8s.io")),
            Self::ClusterInfo => read("reads", Takes::AllOf("services")),
            Self::Explain => read("reads what a kind looks like", Takes::Field),
            Self::ApiResources => read("reads which kinds there are", Takes::Nothing("kinds")),
            Self::ApiVersions => read("reads which versions there are", Takes::Nothing("versions")),
            Self::Version => read("reads the cluster's version", Takes::Nothing("version")),
            Self::CanI => read("asks what its own credential may do", Takes::Question),
            Self::Whoami => read("asks whose credential it has", Takes::Nothing("self")),
            Self::Wait => read("waits for", Takes::Objects).choice(Choice::Demanded).needs(&[&["for"]]),
            Self::ListEnv => read("reads the variables of", Takes::Objects).choice(Choice::Demanded).on(PODS),
            Self::ListLabels => read("reads the labels of", Takes::Objects).choice(Choice::Demanded),
            Self::ListAnnotations => read("reads the annotations of", Takes::Objects).choice(Choice::Demanded),
            Self::LastApplied => read("reads the last manifest of", Takes::Objects).choice(Choice::Demanded),
            Self::Delete => destroy("deletes", Takes::Objects, Shows::Objects),
            Self::Scale => change("scales", Takes::Objects, Shows::Scale).on(SCALABLE).needs(&[&["replicas"]]),
            Self::Autoscale => change("makes an autoscaler for", Takes::Objects, Shows::Created)
                .on(SCALABLE)
                .choice(Choice::ByName)
                .needs(&[&["max"]]),
            Self::Expose => {
                change("makes a service for", Takes::Objects, Shows::Created).on(EXPOSABLE).choice(Choice::ByName)
            }
            Self::Run => change("makes", Takes::New("pods"), Shows::Created).needs(&[&["image"]]),
            Self::Create(made) => {
                Meaning { tier: made.tier, needs: made.needs, ..change("makes", Takes::New(made.kind), Shows::Created) }
            }
            Self::Label => change("labels", Takes::Pairs(Pair::Label), Shows::Diff),
            Self::Annotate => change("annotates", Takes::Pairs(Pair::Annotation), Shows::Diff),
            Self::Patch => change("patches", Takes::Objects, Shows::Diff).choice(Choice::ByName).needs(&[&["patch"]]),
            Self::SetImage => change("sets the image of", Takes::Pairs(Pair::Image), Shows::Diff).on(PODS),
            Self::SetEnv => change("sets variables of", Takes::Pairs(Pair::Variable), Shows::Diff).on(PODS),
            Self::SetResources => {
                change("sets limits of", Takes::Objects, Shows::Diff).on(PODS).needs(&[&["limits", "requests"]])
            }
            Self::SetSelector => {
                change("sets which pods are behind", Takes::Last(Last::Selector), Shows::Diff).on(SERVICES)
            }
            Self::SetServiceAccount => {
                change("sets who the pods are of", Takes::Last(Last::ServiceAccount), Shows::Diff).on(PODS)
            }
            Self::SetSubject => destroy("gives rights with", Takes::Objects, Shows::Diff).on(BINDINGS).needs(&[&[
                "user",
                "group",
                "serviceaccount",
            ]]),
            Self::RolloutRestart => rollout("restarts").on(ROLLED_OUT),
            Self::RolloutUndo => Meaning { shows: Shows::Undo, ..rollout("rolls back").on(ROLLED_OUT) },
            Self::RolloutPause => rollout("pauses").on(PAUSABLE),
            Self::RolloutResume => rollout("resumes").on(PAUSABLE),
            Self::Cordon => change("closes for new pods:", Takes::NamesOf("nodes"), Shows::Objects),
            Self::Uncordon => change("opens for new pods:", Takes::NamesOf("nodes"), Shows::Objects),
            Self::Drain => destroy("evicts every pod from", Takes::NamesOf("nodes"), Shows::Evicted),
            Self::Taint => change("taints", Takes::Pairs(Pair::Taint), Shows::Diff).on(NODES),
            Self::CertificateApprove => {
                destroy("has a credential issued for", Takes::NamesOf(CSR), Shows::Objects).choice(Choice::ByName)
            }
            Self::CertificateDeny => {
                change("refuses a credential to", Takes::NamesOf(CSR), Shows::Objects).choice(Choice::ByName)
            }
        }
    }

    /// Whether the verb changes anything.
    pub(super) fn is_mutating(self) -> bool {
        self.meaning().tier > Tier::Read
    }
}

const fn rollout(says: &'static str) -> Meaning {
    change(says, Takes::Objects, Shows::Objects).choice(Choice::Open)
}
