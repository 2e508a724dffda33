use super::*;
use crate::principal::Standing;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn person(sub: &str, groups: &[&str]) -> Principal {
    Principal {
        id: SubjectId { iss: "test".into(), sub: sub.into() },
        name: sub.into(),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        standing: Standing::Active,
        known_by: "test".into(),
    }
}

#[track_caller]
fn refused(text: &str, why: Expect) {
    why.assert_eq(&text.parse::<Quorum>().unwrap_err().to_string());
}

#[test]
fn reads_what_it_prints() {
    for text in ["none", "1 of sre", "2 of sre and 1 of owners-of-target", "1 of a or b and 3 of c"] {
        assert_eq!(text.parse::<Quorum>().unwrap().to_string(), text);
    }
}

#[test]
fn points_at_the_mistake() {
    refused(
        "2 off sre",
        expect![
            "expected `of`, found `off` at column 3; write for example `2 of sre and 1 of owners-of-target`, or `none`"
        ],
    );
    refused(
        "0 of sre",
        expect![
            "`0` people cannot agree at column 1; write for example `2 of sre and 1 of owners-of-target`, or `none`"
        ],
    );
    refused(
        "2 of sre, 1 of x",
        expect![
            "`sre,` is not the name of a group at column 6; write for example `2 of sre and 1 of owners-of-target`, or `none`"
        ],
    );
    refused(
        "2 of",
        expect!["expected a group at column 6; write for example `2 of sre and 1 of owners-of-target`, or `none`"],
    );
    refused(
        "",
        expect!["expected a number at column 2; write for example `2 of sre and 1 of owners-of-target`, or `none`"],
    );
}

#[test]
fn one_person_in_both_groups_fills_one_slot() {
    let quorum: Quorum = "1 of sre and 1 of owners".parse().unwrap();
    let both = person("bob", &["sre", "owners"]);
    assert!(!quorum.fill(&[&both]).is_complete());
    assert!(!quorum.fill(&[&both, &both]).is_complete());
    assert!(quorum.fill(&[&both, &person("cho", &["sre"])]).is_complete());
}

#[test]
fn whoever_fits_in_two_places_moves_on_for_the_one_who_fits_in_one() {
    let quorum: Quorum = "2 of sre and 1 of owners".parse().unwrap();
    let voters = [person("a", &["sre", "owners"]), person("b", &["sre"]), person("c", &["sre"])];
    assert!(quorum.fill(&voters.iter().collect::<Vec<_>>()).is_complete());
}

/// The slow and obvious way: try every assignment of people to slots.
fn possible(slots: &[Slot], people: &[Principal], used: &mut Vec<bool>) -> bool {
    let Some((slot, rest)) = slots.split_first() else {
        return true;
    };
    for (nth, one) in people.iter().enumerate() {
        if !used[nth] && !slot.any_of.is_disjoint(&one.groups) {
            used[nth] = true;
            let fits = possible(rest, people, used);
            used[nth] = false;
            if fits {
                return true;
            }
        }
    }
    false
}

proptest! {
    #[test]
    fn complete_exactly_when_distinct_people_can_sit(
        clauses in proptest::collection::vec((1..3_usize, proptest::collection::btree_set(0..4_u8, 1..3)), 1..4),
        voters in proptest::collection::vec((0..6_u8, proptest::collection::btree_set(0..4_u8, 0..3)), 0..7),
    ) {
        let text = clauses.iter().map(|(n, groups)| {
            format!("{n} of {}", groups.iter().map(|g| format!("g{g}")).collect::<Vec<_>>().join(" or "))
        }).collect::<Vec<_>>().join(" and ");
        let quorum: Quorum = text.parse().unwrap();
        let mut people: Vec<Principal> = Vec::new();
        for (who, groups) in voters {
            let one = person(&format!("p{who}"), &groups.iter().map(|g| format!("g{g}")).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>());
            if people.iter().all(|known| known.id != one.id) { people.push(one); }
        }
        let filling = quorum.fill(&people.iter().collect::<Vec<_>>());
        prop_assert_eq!(filling.is_complete(), possible(filling.slots(), &people, &mut vec![false; people.len()]));
        let holders: Vec<_> = filling.slots().iter().filter_map(|slot| slot.by.clone()).collect();
        let distinct: std::collections::BTreeSet<_> = holders.iter().collect();
        prop_assert_eq!(distinct.len(), holders.len());
    }
}
