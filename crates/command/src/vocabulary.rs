//! The names a grammar may use: what the catalog says exists.
//!
//! **Invariant:** plain data, filled by policy's loader. A name that is not in here does not exist,
//! and a custom command whose [`mistakes`](CustomCommand::mistakes) are not empty must not be put in.

use crate::pattern::Pattern;
use countersign_core::tier::{Reversibility, Sensitivity, Tier};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Everything the catalog knows that a grammar needs to know. Each tool adds its own section.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Known environments: `dev`, `staging`, `prod`.
    pub environments: BTreeSet<String>,
    /// Kubernetes clusters by their catalog name, which is what `--context` takes.
    pub clusters: BTreeMap<String, Cluster>,
    /// The cluster a chat channel means when no `--context` is typed; channel id to cluster name.
    pub channel_clusters: BTreeMap<String, String>,
    /// The cluster meant when neither `--context` nor the channel names one.
    pub default_cluster: Option<String>,
    /// Kinds of objects beyond the built-in ones; they cannot replace a built-in one.
    pub kinds: Vec<Kind>,
    /// Custom commands by name.
    pub commands: BTreeMap<String, CustomCommand>,
    /// Object counts that raise the tier.
    pub thresholds: Vec<Threshold>,
    /// AWS accounts by their catalog name, which is the first word after `/aws`.
    pub profiles: BTreeMap<String, Profile>,
    /// Google Cloud projects by their catalog name, which is the first word after `/gcloud`.
    pub projects: BTreeMap<String, Project>,
    /// Terraform stacks by name: `/tf plan <stack>`.
    pub stacks: BTreeMap<String, Stack>,
    /// Services that are deployed, by name: `/deploy <service> <env>`.
    pub services: BTreeMap<String, Service>,
    /// Alertmanagers by name.
    pub alertmanagers: BTreeMap<String, Alertmanager>,
    /// Repositories that manifests may come from, by the name that `repo@commit:path` begins with.
    pub repositories: BTreeSet<String>,
}

/// An AWS account as one identity sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its environment.
    pub env: String,
    /// The region meant when none is typed.
    pub region: String,
    /// The regions that may be typed; the one above is among them.
    pub regions: BTreeSet<String>,
}

/// A Google Cloud project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its environment.
    pub env: String,
    /// Google's id of it, which the tool gets as `--project`.
    pub id: String,
}

/// A Terraform stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its environment.
    pub env: String,
    /// The protected branch: what is on it was reviewed.
    pub branch: String,
}

/// A service that is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where it can be deployed to.
    pub environments: BTreeSet<String>,
    /// What a version must look like, beyond being a tag or a digest.
    pub versions: Option<Pattern>,
    /// Whether the run of a workflow can stand for a version: `run:123456`.
    pub runs: bool,
}

/// An Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alertmanager {
    /// Its environment.
    pub env: String,
    /// The longest silence that is a change.
    pub change_up_to: Duration,
    /// The longest silence at all; what is longer than a change is destructive.
    pub longest: Duration,
}

/// A Kubernetes cluster of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its environment.
    pub env: String,
    /// The namespace meant when none is typed.
    pub namespace: String,
}

/// Whether objects of a kind live in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In a namespace.
    Namespaced,
    /// In the cluster as a whole.
    Cluster,
}

/// A kind of Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// `certificates`; lower case.
    pub plural: String,
    /// `certificate`; lower case.
    pub singular: String,
    /// `Certificate`.
    pub kind: String,
    /// `cert`, `certs`.
    pub short_names: Vec<String>,
    /// `cert-manager.io`; empty for the core group.
    pub group: String,
    /// Where its objects live.
    pub reach: Reach,
    /// Whether its objects carry secret material.
    pub sensitivity: Sensitivity,
}

/// An action on at least so many named objects has at least this tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// How many objects.
    pub objects: usize,
    /// The tier they raise a mutating action to.
    pub tier: Tier,
}

/// A command without code: a template of arguments and the parameters that fill it.
///
/// It is typed as `/<name> <parameters>`; a parameter is written `name=value`, `--name=value` or
/// `--name value`, and parameters without a name are taken in the order of `params`.
/// Its canonical argv is the command's name and then the filled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomCommand {
    /// Lower-case letters, digits and dashes; what is typed after the slash.
    pub name: String,
    /// One line for the catalog.
    pub description: String,
    /// Arguments after the program; `{param}` is the whole of an element or a part of it.
    /// `{{` and `}}` are literal braces. The program is the runner's.
    pub template: Vec<String>,
    /// The parameters, in the order in which they can be written without their names.
    pub params: Vec<Param>,
    /// How dangerous it is.
    pub tier: Tier,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// Whether its output may hold secrets.
    pub sensitivity: Sensitivity,
    /// The environment it acts on, if it acts on one.
    pub env: Option<String>,
    /// The catalogued target it acts on, if there is one.
    pub target: Option<String>,
    /// How its effect is seen without causing it.
    pub preview: CustomPreview,
    /// Name of the runner whose program it is.
    pub runner: String,
    /// Whole lines as typed, without the slash; each is parsed by policy's tests.
    pub examples: Vec<String>,
}

/// How the effect of a custom command is seen first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomPreview {
    /// There is no way; a mutating command without one needs `--apply`.
    None,
    /// These arguments of the same program only show; same rules as `template`.
    Template(Vec<String>),
}

/// A parameter of a custom command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// One line for the catalog.
    pub description: String,
    /// What values it takes.
    pub values: Values,
    /// The value meant when none is typed; without one the parameter must be given.
    pub default: Option<String>,
    /// Whether a value may start with `-`, and so could be read as an option by the program.
    pub leading_dash: LeadingDash,
}

/// Whether a value may start with `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadingDash {
    /// Refused.
    Refused,
    /// The catalog's author knows that the program reads it as a value.
    Allowed,
}

/// The values a parameter takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// One of these words.
    Enum(Vec<String>),
    /// The whole value matches.
    Regex(Pattern),
    /// A whole number in decimal, both bounds included.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Whole numbers with `s`, `m`, `h` or `d`, as `90s` or `1h30m`, both bounds included.
    Duration {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
}
