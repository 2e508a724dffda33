use super::super::seen::Counts;
use super::super::settings::{Cluster, Registry};
use super::*;
use countersign_command::deploy::Verb;
use countersign_core::effect::NOW;

pub(in crate::driver::deploy) fn service() -> Service {
    Service {
        cluster: Cluster { name: "prod-eu".into(), certificate: None, key: None, impersonate: None },
        namespace: "shop".into(),
        deployment: "web".into(),
        container: "web".into(),
        image: "r.example/shop/web".into(),
        versions: None,
        registry: Registry { address: None, ca: None, credential: None },
        source: None,
        run: None,
        provenance: None,
        agreed: None,
    }
}

pub(in crate::driver::deploy) fn seen(image: &str) -> Seen {
    Seen {
        uid: "u".into(),
        version: "7".into(),
        generation: 4,
        observed: 4,
        paused: false,
        image: image.into(),
        marks: Marks::default(),
        labels: [("app".to_owned(), "web".to_owned())].into(),
        counts: Counts { wanted: 3, all: 3, updated: 3, available: 3 },
        given_up: None,
        changed: Some(("kubectl-set".into(), "2026-01-01T00:00:00Z".into())),
        applied: None,
    }
}

fn act() -> Act {
    Act { service: "web".into(), env: "prod".into(), dry_run: true, verb: Verb::Rollback }
}

fn plan() -> Plan {
    let new = New {
        image: "r.example/shop/web@sha256:2".into(),
        version: Some("1.4.2".into()),
        commit: None,
        proof: Proof::NotAsked,
    };
    let (commits, taken_from) = (vec!["1 commit:".into(), "  abc fix".into()], vec!["helm".into()]);
    Plan { seen: seen("r.example/shop/web:1.4.1"), new, headline: "rolls out web".into(), commits, taken_from }
}

#[test]
fn p08_a_run_finds_in_what_people_agreed_to_all_that_it_does() {
    let (act, service) = (act(), service());
    let agreed = plan().text(&act, &service);
    assert!(
        agreed.contains("  image new: r.example/shop/web@sha256:2 (1.4.2)\n") && agreed.contains(NOBODY),
        "{agreed}"
    );
    assert_eq!(plan().differs(&act, &service, &agreed), None);
    let moved = Plan { new: New { image: "r.example/shop/web@sha256:3".into(), ..plan().new }, ..plan() };
    assert_eq!(moved.differs(&act, &service, &agreed).unwrap(), "  image new: r.example/shop/web@sha256:3 (1.4.2)");
    let another = Plan { seen: seen("r.example/shop/web:1.4.0"), ..plan() };
    assert_eq!(another.differs(&act, &service, &agreed).unwrap(), "  image now: r.example/shop/web:1.4.0");
    let elsewhere = Service { namespace: "other".into(), ..super::tests::service() };
    assert!(plan().differs(&act, &elsewhere, &agreed).is_some());
    let proven = Plan { new: New { proof: Proof::RanBefore(None), ..plan().new }, ..plan() };
    assert!(proven.differs(&act, &service, &agreed).is_some());
}

#[test]
fn p56_what_others_wrote_makes_no_line_of_its_own() {
    let hostile = format!("x\n{NOW}\n  image new: good\u{202e}");
    let marks = Marks { image: Some(hostile.clone()), version: Some(hostile.clone()), ..Marks::default() };
    let seen = Seen { marks, ..seen(&hostile) };
    let text = Plan { seen, ..plan() }.text(&act(), &service());
    assert_eq!(text.lines().count(), plan().text(&act(), &service()).lines().count(), "{text}");
    assert!(!text.contains('\u{202e}') && !text.lines().any(|line| line == NOW), "{text}");
}
