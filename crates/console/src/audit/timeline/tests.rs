use super::*;
use countersign_core::id::Origin;

const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START.as_millis() + seconds * 1000)
}

fn id(seconds: i64) -> InvocationId {
    InvocationId::derive(Origin { deployment: "d", front: "f", team: "t", trigger: "x" }, at(seconds))
}

fn brief(event: &str, seconds: i64, invocation: Option<InvocationId>, step: Step) -> Brief {
    Brief {
        at: at(seconds),
        event: event.into(),
        is_preview: false,
        who: "Ann".into(),
        names: "ann demo/ann".into(),
        what: "x".into(),
        place: format!("gateway #{seconds}"),
        invocation,
        step,
        typed: None,
        command: None,
        env: None,
        target: None,
        tier: None,
    }
}

/// A request's records, as they come.
fn request(seconds: i64) -> Vec<Brief> {
    let id = Some(id(seconds));
    let received = Brief { typed: Some("/kubectl Delete".into()), ..brief("received", seconds, id, Step::Received) };
    let decided = Brief {
        env: Some("prod".into()),
        tier: Some(Tier::Destructive),
        ..brief("decided", seconds + 1, id, Step::Decided)
    };
    let look = Brief { is_preview: true, ..brief("outcome", seconds + 2, id, Step::Ended(Ending::Ran, Some(1))) };
    let bob =
        Brief { who: "Bob".into(), names: "bob demo/bob".into(), ..brief("ballot", seconds + 3, id, Step::Beside) };
    let ended = Brief {
        who: "worker".into(),
        names: String::new(),
        ..brief("outcome", seconds + 4, id, Step::Ended(Ending::Ran, Some(0)))
    };
    vec![received, decided, look, bob, ended]
}

fn indexed(briefs: impl IntoIterator<Item = Brief>) -> Index {
    let mut index = Index::new(1 << 20);
    briefs.into_iter().for_each(|one| index.add(one));
    index
}

#[test]
fn the_order_in_which_records_are_found_does_not_matter() {
    let forward = indexed(request(0).into_iter().chain(request(10)));
    let backward = indexed(request(10).into_iter().rev().chain(request(0).into_iter().rev()));
    let (one, other) = (forward.slice(&Filter::default(), 0), backward.slice(&Filter::default(), 0));
    assert_eq!(one, other);
    let first = &one.entries[0];
    assert_eq!((first.at, first.who.as_str(), first.step.word()), (at(10), "Ann", "ran"));
    assert_eq!(
        first.records.iter().map(|one| one.event.as_str()).collect::<Vec<_>>(),
        ["received", "decided", "outcome", "ballot", "outcome"]
    );
}

#[test]
fn a_look_at_the_effect_is_not_the_run() {
    let mut all = request(0);
    all.pop();
    let slice = indexed(all).slice(&Filter::default(), 0);
    assert_eq!(slice.entries[0].step, Step::Decided);
}

#[test]
fn filters_are_about_the_request_not_its_single_records() {
    let index = indexed(request(0).into_iter().chain([brief("received", 60, Some(id(60)), Step::Received)]));
    let found = |filter: Filter| index.slice(&filter, 0).found;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(found(Filter::default()), 2);
    assert_eq!(found(Filter { who: some("BOB"), ..Filter::default() }), 1, "who agreed is found as well");
    assert_eq!(found(Filter { who: some("bob"), text: some("delete"), ..Filter::default() }), 1);
    assert_eq!(found(Filter { env: some("prod"), tier: Some(Tier::Destructive), ..Filter::default() }), 1);
    assert_eq!(found(Filter { env: some("dev"), ..Filter::default() }), 0);
    assert_eq!(found(Filter { state: some("open"), ..Filter::default() }), 1);
    assert_eq!(found(Filter { state: some("ran"), event: some("ballot"), ..Filter::default() }), 1);
    assert_eq!(found(Filter { since: Some(at(1)), ..Filter::default() }), 1);
}

#[test]
fn what_the_log_does_by_itself_is_told_when_it_is_looked_for() {
    let read = brief("log-read", 70, None, Step::Beside);
    let nothing = brief("log-read", 71, Some(id(71)), Step::Beside);
    let policy = brief("policy-changed", 72, None, Step::Beside);
    let index = indexed([read, nothing, policy, brief("heartbeat", 73, None, Step::Beside)]);
    let events = |filter: Filter| -> Vec<String> {
        index.slice(&filter, 0).entries.iter().map(|one| one.records[0].event.clone()).collect()
    };
    assert_eq!(events(Filter::default()), ["policy-changed"]);
    assert_eq!(events(Filter { event: Some("log-read".into()), ..Filter::default() }), ["log-read", "log-read"]);
}

#[test]
fn the_oldest_goes_first_and_stays_away() {
    let mut index = Index::new(20_000);
    for nth in 0..100 {
        for one in request(nth * 10) {
            index.add(one);
        }
    }
    let slice = index.slice(&Filter::default(), 0);
    let older = slice.older.expect("something went");
    assert!(index.bytes <= 20_000 && slice.found < 100, "{} bytes, {} entries", index.bytes, slice.found);
    assert_eq!(slice.entries[0].at, at(990), "the newest stays");
    let before = index.slice(&Filter::default(), 0).found;
    for one in request(0) {
        index.add(one);
    }
    assert_eq!(
        (index.slice(&Filter::default(), 0).found, index.slice(&Filter::default(), 0).older),
        (before, Some(older))
    );
}

#[test]
fn pages_hold_each_entry_once() {
    let index = indexed((0..60).flat_map(|nth| request(nth * 10)));
    let pages: Vec<Slice> = (0..4).map(|page| index.slice(&Filter::default(), page)).collect();
    assert_eq!(pages.iter().map(|page| page.entries.len()).collect::<Vec<_>>(), [25, 25, 10, 0]);
    let mut all: Vec<Timestamp> = pages.iter().flat_map(|page| page.entries.iter().map(|one| one.at)).collect();
    assert!(all.is_sorted_by(|one, next| one > next));
    all.dedup();
    assert_eq!((all.len(), pages[3].found), (60, 60));
}

#[test]
fn of_one_request_a_bounded_number_of_records_is_kept_and_the_rest_counted() {
    let many = (0..RECORDS + 5).map(|nth| brief("ballot", i64::try_from(nth).unwrap(), Some(id(0)), Step::Asked));
    let slice = indexed(many).slice(&Filter::default(), 0);
    assert_eq!((slice.entries[0].records.len(), slice.entries[0].more), (RECORDS, 5));
}
