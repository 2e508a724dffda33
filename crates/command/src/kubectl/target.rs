//! What a kubectl command acts on: kinds, or named objects, and where.
//!
//! **Invariant:** a target says the same in canonical argv and in resource strings.

use super::does::{Choice, Does, Takes};
use super::flags::object_name;
use super::kinds::{self, KindRef};
use super::said::Said;
use crate::grammar::Parsed;
use crate::no::{Checked, Pointing, no, quoted};
use crate::vocabulary::{Reach, Vocabulary};
use crate::words::Word;
use countersign_core::action::Resource;
use countersign_core::refusal::{Code, Refusal};

/// Objects by kind, with or without names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Objects {
    /// All objects of these kinds, or those that a selector finds.
    OfKinds(Vec<KindRef>),
    /// These objects.
    Named(Vec<(KindRef, String)>),
    /// No object: what the cluster says about itself and its interface.
    Interface {
        /// Which part of it.
        name: &'static str,
        /// Whether the answer is about a namespace.
        reach: Reach,
    },
}

/// Where objects of namespaced kinds are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In this namespace.
    Namespace(String),
    /// In every namespace.
    Everywhere,
    /// The kinds are not namespaced.
    Cluster,
}

/// Objects and where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) objects: Objects,
    /// Objects that are made for those, or read for them.
    pub(super) besides: Vec<(KindRef, String)>,
    pub(super) place: Place,
}

impl Objects {
    /// Reads the positionals `TYPE[,TYPE] [NAME…]` or `TYPE/NAME…`.
    pub(super) fn read(words: &[Word], vocabulary: &Vocabulary) -> Checked<Self> {
        let Some((first, rest)) = words.split_first() else {
            return Err(no(
                Code::MissingTarget,
                "the command does not say what it acts on",
                "name a kind, as `pods`, or an object, as `pod/api-7f`",
            ));
        };
        if words.iter().any(|word| word.text.contains('/')) {
            return words.iter().map(|word| slashed(word, vocabulary)).collect::<Checked<_>>().map(Self::of_names);
        }
        let kinds = kinds::list(&first.text, first, vocabulary)?;
        if rest.is_empty() {
            return Ok(Self::OfKinds(kinds));
        }
        if first.text.split(',').any(|piece| piece == "all") {
            return Err(no(Code::BadValue, "`all` takes no names", "name the kind of the objects").over(first));
        }
        let mut named = Vec::new();
        for kind in &kinds {
            for word in rest {
                check_name(&word.text, word)?;
                named.push((kind.clone(), word.text.clone()));
            }
        }
        Ok(Self::of_names(named))
    }

    /// The cluster's interface, which is in no namespace.
    pub(super) const fn interface(name: &'static str) -> Self {
        Self::Interface { name, reach: Reach::Cluster }
    }

    /// The objects that have names.
    pub(super) fn named(&self) -> &[(KindRef, String)] {
        match self {
            Self::Named(named) => named,
            Self::OfKinds(_) | Self::Interface { .. } => &[],
        }
    }

    /// Named objects, each once.
    pub(super) fn of_names(objects: Vec<(KindRef, String)>) -> Self {
        let mut once: Vec<(KindRef, String)> = Vec::new();
        for one in objects {
            if !once.contains(&one) {
                once.push(one);
            }
        }
        Self::Named(once)
    }

    /// The kinds, each as often as it is named.
    pub(super) fn kinds(&self) -> Vec<&KindRef> {
        match self {
            Self::OfKinds(kinds) => kinds.iter().collect(),
            Self::Named(named) => named.iter().map(|(kind, _)| kind).collect(),
            Self::Interface { .. } => Vec::new(),
        }
    }

    fn is_namespaced(&self) -> bool {
        match self {
            Self::Interface { reach, .. } => *reach == Reach::Namespaced,
            Self::OfKinds(_) | Self::Named(_) => self.kinds().iter().any(|kind| kind.reach == Reach::Namespaced),
        }
    }

    /// As canonical argv has them.
    pub(super) fn elements(&self) -> Vec<String> {
        match self {
            Self::OfKinds(kinds) => {
                let spelled: Vec<&str> = kinds.iter().map(|kind| kind.spelled.as_str()).collect();
                vec![spelled.join(",")]
            }
            Self::Named(named) => named.iter().map(|(kind, name)| format!("{}/{name}", kind.spelled)).collect(),
            Self::Interface { .. } => Vec::new(),
        }
    }

    /// The same for a verb that knows no TYPE/NAME: one TYPE, and then names.
    ///
    /// Source: to `taint node/n1 …` kubectl 1.32.4 answers that there is no resource type `node/n1`.
    pub(super) fn type_and_names(&self) -> Vec<String> {
        let (Self::Named(named), kinds) = (self, self.kinds()) else {
            return self.elements();
        };
        match kinds.first() {
            Some(first) if kinds.iter().all(|kind| kind == first) => {
                std::iter::once(first.spelled.clone()).chain(named.iter().map(|(_, name)| name.clone())).collect()
            }
            _ => self.elements(),
        }
    }
}

fn slashed(word: &Word, vocabulary: &Vocabulary) -> Checked<(KindRef, String)> {
    match word.text.split('/').collect::<Vec<_>>().as_slice() {
        [kind, name] if !kind.contains(',') && *kind != "all" => {
            let kind = kinds::one(kind, word, vocabulary)?;
            check_name(name, word)?;
            Ok((kind, (*name).to_owned()))
        }
        _ => Err(no(
            Code::BadValue,
            format!("{} is not of the form TYPE/NAME, as all its neighbours must be", quoted(&word.text)),
            "write every object as TYPE/NAME, or one TYPE and then names",
        )
        .over(word)),
    }
}

pub(super) fn check_name(name: &str, word: &Word) -> Checked<()> {
    object_name(name).map_err(|_| {
        no(
            Code::BadValue,
            format!("{} is not the name of an object", quoted(name)),
            "names are letters, digits, `-` and `.`",
        )
        .over(word)
    })
}

impl Target {
    /// Puts objects in their place: the typed namespace, or the cluster's default.
    pub(super) fn place(said: &Said, parsed: &Parsed<Does>, default: &str) -> Checked<Self> {
        // kubectl looks for the cluster's own services where they are, unless it is told otherwise.
        let default = if parsed.verb.id == Does::ClusterInfo { "kube-system" } else { default };
        let place = match parsed.value("namespace") {
            _ if !said.objects.is_namespaced() => Place::Cluster,
            _ if parsed.is_on("all-namespaces") => Place::Everywhere,
            Some(given) => Place::Namespace(given.value.clone()),
            None => Place::Namespace(default.to_owned()),
        };
        let objects = said.objects.clone();
        let meaning = parsed.verb.id.meaning();
        let makes = meaning.choice == Choice::ByName || matches!(meaning.takes, Takes::New(_));
        let chooses = ["all", "selector", "field-selector", "all-namespaces"];
        let chosen = chooses
            .iter()
            .filter(|_| !makes)
            .find(|long| parsed.value(long).is_some_and(|given| given.value != "false"));
        if let (Objects::Named(_), Some(long)) = (&objects, chosen) {
            return Err(both(parsed, long));
        }
        Ok(Self { objects, besides: said.besides.clone(), place })
    }

    /// As canonical argv has it, without what selects among the objects.
    pub(super) fn elements(&self) -> Vec<String> {
        self.objects.elements()
    }

    /// The flag that says where, if the kinds live in namespaces.
    pub(super) fn place_flag(&self) -> Option<String> {
        match &self.place {
            Place::Namespace(name) => Some(format!("--namespace={name}")),
            Place::Everywhere => Some("--all-namespaces".to_owned()),
            Place::Cluster => None,
        }
    }

    /// The namespace of the scope.
    pub(super) fn namespace(&self) -> Option<&str> {
        match &self.place {
            Place::Namespace(name) => Some(name),
            Place::Everywhere => Some("*"),
            Place::Cluster => None,
        }
    }

    /// Whether the objects are known before running.
    pub(super) const fn is_named(&self) -> bool {
        matches!(self.objects, Objects::Named(_))
    }

    /// How many objects are named.
    pub(super) const fn count(&self) -> usize {
        match &self.objects {
            Objects::Named(named) => named.len(),
            Objects::OfKinds(_) | Objects::Interface { .. } => 0,
        }
    }

    /// Resource strings; changing a namespace changes what is in it, and deleting a definition
    /// deletes every object of its kind, whose resource name is the definition's own name.
    pub(super) fn resources(&self, cluster: &str, verb: Does) -> Vec<Resource> {
        let pairs: Vec<(&KindRef, &str)> = match &self.objects {
            Objects::OfKinds(kinds) => kinds.iter().map(|kind| (kind, "*")).collect(),
            Objects::Named(named) => {
                named.iter().chain(&self.besides).map(|(kind, name)| (kind, name.as_str())).collect()
            }
            Objects::Interface { name, .. } => {
                return vec![Resource::from_parts(&["k8s", cluster, "cluster", "discovery", name])];
            }
        };
        let mut found = Vec::new();
        for (kind, name) in pairs {
            found.push(match kind.reach {
                Reach::Namespaced => {
                    let namespace = self.namespace().unwrap_or("*");
                    Resource::from_parts(&["k8s", cluster, "ns", namespace, &kind.id, name])
                }
                Reach::Cluster => Resource::from_parts(&["k8s", cluster, "cluster", &kind.id, name]),
            });
            if verb.is_mutating() && kind.id == "namespaces" {
                found.push(Resource::from_parts(&["k8s", cluster, "ns", name, "*", "*"]));
            }
            if verb == Does::Delete && kind.id == "customresourcedefinitions.apiextensions.k8s.io" {
                found.push(Resource::from_parts(&["k8s", cluster, "ns", "*", name, "*"]));
                found.push(Resource::from_parts(&["k8s", cluster, "cluster", name, "*"]));
            }
        }
        found
    }
}

fn both(parsed: &Parsed<Does>, long: &str) -> Box<Refusal> {
    let refusal = no(
        Code::UnexpectedArgument,
        format!("names and `--{long}` cannot be combined"),
        "name the objects, or select them",
    );
    match parsed.value(long) {
        Some(given) => refusal.over(&given.word),
        None => refusal,
    }
}
