//! Who asks in a comparison: everybody whom a rule of either file tells from others.
//!
//! **Invariant:** rules know people by their groups and by their subject; a pair of groups is asked
//! about where being in one lifts a denial of the other.

use crate::answer::Asker;
use crate::policy::Policy;
use crate::rbac::Holder;
use countersign_core::principal::SubjectId;
use std::collections::BTreeSet;

/// A class of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// "anybody", "group sre", "groups a and b", "subject iss#sub".
    pub(crate) told: String,
    pub(crate) asker: Asker,
    /// The classes of which it is more than the sum; positions in the list of people.
    pub(crate) made_of: Vec<usize>,
}

/// Nobody in particular first, then groups, subjects, pairs.
pub(super) fn people(policies: [&Policy; 2]) -> Vec<Person> {
    let mut people = vec![in_groups("anybody".to_owned(), &[], Vec::new())];
    let (groups, exempt, subjects) = named(policies);
    for group in &groups {
        people.push(in_groups(format!("group {group}"), &[group], vec![0]));
    }
    people.extend(subjects.iter().filter_map(|text| subject(text)));
    let at = |group: &String| groups.iter().position(|one| one == group).map(|nth| nth + 1);
    for lifts in &exempt {
        for group in groups.iter().filter(|group| *group != lifts) {
            let made_of = [Some(0), at(group), at(lifts)].into_iter().flatten().collect();
            people.push(in_groups(format!("groups {group} and {lifts}"), &[group, lifts], made_of));
        }
    }
    people
}

/// Groups that hold a role or are exempt from a denial, those that are exempt, and subjects.
fn named(policies: [&Policy; 2]) -> (Vec<String>, BTreeSet<String>, BTreeSet<String>) {
    let (mut groups, mut exempt, mut subjects) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for policy in policies {
        for binding in &policy.rbac.bindings {
            match &binding.holder {
                Holder::Group(group) => groups.insert(group.clone()),
                Holder::Subject(subject) => subjects.insert(subject.clone()),
            };
        }
        exempt.extend(policy.rbac.denies.iter().flat_map(|deny| deny.unless.iter().cloned()));
    }
    groups.extend(exempt.iter().cloned());
    (groups.into_iter().collect(), exempt, subjects)
}

fn in_groups(told: String, groups: &[&String], made_of: Vec<usize>) -> Person {
    Person { told, asker: Asker::in_groups(groups.iter().map(|group| (*group).clone())), made_of }
}

fn subject(text: &str) -> Option<Person> {
    let (iss, sub) = text.split_once('#')?;
    let mut asker = Asker::in_groups(Vec::<String>::new());
    asker.principal.id = SubjectId { iss: iss.to_owned(), sub: sub.to_owned() };
    Some(Person { told: format!("subject {text}"), asker, made_of: vec![0] })
}
