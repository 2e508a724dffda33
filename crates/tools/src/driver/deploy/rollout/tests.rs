use super::*;

fn seen(image: &str, counts: (i32, i32, i32, i32)) -> Seen {
    let (wanted, all, updated, available) = counts;
    Seen {
        uid: "u".into(),
        version: "7".into(),
        generation: 4,
        observed: 4,
        paused: false,
        image: image.into(),
        marks: Marks { invocation: Some("id".into()), ..Marks::default() },
        labels: [("app".to_owned(), "web".to_owned())].into(),
        counts: Counts { wanted, all, updated, available },
        given_up: None,
        changed: Some(("kubectl-set".into(), "2026-01-01T00:00:00Z".into())),
        applied: None,
    }
}

const GOAL: Goal<'_> = Goal { image: "new", invocation: Some("id"), generation: 4 };

fn pods(ready: i32) -> Pods {
    Pods { ready, ..Pods::default() }
}

#[test]
fn a_rollout_is_done_when_all_that_are_wanted_are_there_and_no_other() {
    let standing = |counts, ready| judge(&seen("new", counts), &pods(ready), GOAL);
    assert_eq!(standing((5, 6, 3, 5), 2), Standing::Going("3 of 5 updated, 2 ready, 3 old ██▁▁▁".into()));
    assert_eq!(standing((5, 6, 5, 5), 5), Standing::Going("5 of 5 updated, 5 ready, 1 old █████".into()));
    assert_eq!(standing((5, 5, 5, 4), 4), Standing::Going("5 of 5 updated, 4 ready ████▁".into()));
    assert_eq!(standing((5, 5, 5, 5), 5), Standing::Ended(End::Done("5 of 5 updated, 5 ready █████".into())));
    assert_eq!(standing((0, 0, 0, 0), 0), Standing::Ended(End::Done("0 of 0 updated, 0 ready".into())));
    let unseen = Seen { observed: 3, ..seen("new", (5, 5, 5, 5)) };
    assert!(matches!(judge(&unseen, &pods(5), GOAL), Standing::Going(_)), "the status is of the spec before");
}

#[test]
fn a_bar_is_never_wider_than_a_line() {
    let counts = Counts { wanted: 400, all: 400, updated: 400, available: 200 };
    assert_eq!(progress(counts, 200).chars().filter(|cell| *cell == '█').count(), 10);
    assert_eq!(progress(counts, 9999).chars().filter(|cell| "█▁".contains(*cell)).count(), 20);
}

#[test]
fn who_has_given_up_has_failed_and_a_pods_reason_is_told() {
    let given_up =
        Seen { given_up: Some("ReplicaSet \"web-1\" has timed out progressing.".into()), ..seen("new", (2, 3, 1, 2)) };
    let stuck = Pods { ready: 0, stuck: Some("pod web-1-a: ImagePullBackOff".into()), ..Pods::default() };
    let Standing::Ended(End::Failed(why)) = judge(&given_up, &stuck, GOAL) else { panic!("it has failed") };
    assert!(why.contains("ProgressDeadlineExceeded") && why.contains("ImagePullBackOff"), "{why}");
    let failed = judge(&seen("new", (2, 3, 1, 2)), &stuck, GOAL);
    assert_eq!(failed, Standing::Ended(End::Failed("pod web-1-a: ImagePullBackOff".into())));
}

#[test]
fn somebody_elses_last_word_ends_it() {
    for other in [
        seen("other", (5, 5, 5, 5)),
        Seen { marks: Marks { invocation: Some("another".into()), ..Marks::default() }, ..seen("new", (5, 5, 5, 5)) },
    ] {
        let standing = judge(&other, &pods(5), GOAL);
        assert!(matches!(standing, Standing::Ended(End::Overtaken(_))), "{standing:?}");
    }
}
