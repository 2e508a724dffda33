//! The SQL statements of docs/audit.md, run by `DuckDB`, say what the code itself counts.

use crate::sample::{START, actor, argv, id, write_at};
use countersign_audit::directory::Directory;
use countersign_audit::event::{BallotNote, Event, Kind, Typed};
use countersign_audit::record::Record;
use countersign_audit::search::{Filter, Hit, scan};
use countersign_audit::testing::ManualClock;
use countersign_core::action::Scope;
use countersign_core::ballot::Vote;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::id::Attempt;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Tier};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs each statement of the page in the log's folder and prints their rows by their titles.
const RUN: &str = r#"
import json, re, sys, duckdb
rows, log = {}, duckdb.connect()
log.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
for block in re.findall(r'```sql duckdb\n(.*?)```', open(sys.argv[1]).read(), re.S):
    title = block.split('\n')[0].removeprefix('-- ')
    result = log.execute(block)
    rows[title] = [[str(cell) if cell is not None else None for cell in row] for row in result.fetchall()]
print(json.dumps(rows))
"#;

#[expect(clippy::disallowed_methods, reason = "the test plays the auditor who has another program")]
fn duckdb(folder: &Path) -> BTreeMap<String, Vec<Vec<Option<String>>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let python = root.join(".cache/python/bin/python");
    assert!(python.exists(), "`{}` is missing: tests/install.sh makes it", python.display());
    let ran = std::process::Command::new(python)
        .args(["-c", RUN, root.join("docs/audit.md").to_str().unwrap()])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Forty requests of all sorts, six hours apart, in two streams.
fn events() -> [Vec<(Timestamp, Event)>; 2] {
    let (mut gateway, mut worker) = (Vec::new(), Vec::new());
    let people = ["ann", "bob", "cho"];
    for nth in 0..40_usize {
        let before = Timestamp::from_millis(START.as_millis() - 12 * 86_400_000);
        let at = before.plus(Duration::from_hours(6) * u32::try_from(nth).unwrap());
        let request = id(&format!("r{nth}"));
        let who = people[nth % 3];
        let typed = Typed { text: format!("/kubectl request \"{nth}\""), digest: Digest::of(b"") };
        gateway.push((at, Event { typed: Some(typed), ..Event::about(Kind::Received, request).by(actor(who)) }));
        if nth % 7 == 3 {
            let code = if nth % 2 == 0 { Code::NotAllowed } else { Code::Protected };
            let refusal = Refusal::new(code, "no", "ask");
            let refusal = if nth % 2 == 0 { refusal } else { refusal.by_rule("system-namespaces") };
            gateway.push((at, Event::about(Kind::Refused, request).by(actor(who)).refusing(&refusal)));
            continue;
        }
        let ballots: Vec<_> = people
            .iter()
            .take(nth % 4)
            .map(|voter| {
                let vote = if nth % 5 == 4 { Vote::Reject } else { Vote::Approve };
                BallotNote { voter: actor(voter).principal.unwrap(), vote, slots: vec![] }
            })
            .collect();
        for note in &ballots {
            let event = Event::about(Kind::Ballot, request).by(actor(&note.voter.sub));
            gateway.push((at, Event { ballots: vec![note.clone()], ..event }));
        }
        let attempt = Attempt::from_random([u8::try_from(nth).unwrap(); 16]);
        let intent = Event {
            attempt: Some(attempt.clone()),
            errand: Some(if nth % 6 == 5 { Errand::Preview } else { Errand::Run }),
            argv: Some(argv(&[["kubectl", "aws"][nth % 2], "delete", &format!("it's {nth}")])),
            mode: Some(if nth % 9 == 8 { Mode::DryRun } else { Mode::Apply }),
            scope: Some(Scope { env: Some(["prod", "dev"][nth / 2 % 2].into()), ..Scope::default() }),
            tier: Some(Tier::ALL[nth % 3]),
            ballots,
            ..Event::about(Kind::Intent, request).by(actor(who))
        };
        worker.push((at.plus(Duration::from_secs(1)), intent.clone()));
        if nth % 11 != 10 {
            let ending = if nth % 8 == 7 { "timed-out" } else { "ran" };
            worker.push((
                at.plus(Duration::from_secs(9)),
                Event {
                    attempt: Some(attempt),
                    errand: intent.errand,
                    ending: Some(ending.into()),
                    exit: Some(u32::try_from(nth % 3).unwrap()),
                    duration_ms: Some(u64::try_from(nth * 37 % 101).unwrap()),
                    ..Event::about(Kind::Outcome, request)
                },
            ));
        }
    }
    let read = Event::of(Kind::LogRead)
        .by(actor("eve"))
        .detail("read", "search")
        .detail("filter", "who=ann")
        .detail("found", "3");
    gateway.push((START, read));
    [gateway, worker]
}

async fn records(folder: &Path) -> Vec<Record> {
    let store = Directory::look(folder, Arc::new(ManualClock::at(START))).unwrap();
    let mut records = Vec::new();
    let mut each = |hit: Hit| {
        records.push(hit.record);
        ControlFlow::Continue(())
    };
    scan(&store, &Filter::default(), &mut each).await.unwrap();
    records.sort_by_key(|record| (record.at, record.writer.clone(), record.seq));
    records
}

fn is_run(record: &Record) -> bool {
    record.event.kind == Kind::Intent && record.event.errand == Some(Errand::Run)
}

fn sub(event: &Event) -> String {
    event.actor.as_ref().unwrap().principal.as_ref().unwrap().sub.clone()
}

fn command(event: &Event) -> String {
    event.argv.as_ref().unwrap().elements().join(" ")
}

/// As `DuckDB` prints an instant.
fn moment(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace(".000Z", "")
}

fn column(rows: &[Vec<Option<String>>], nth: usize) -> Vec<String> {
    rows.iter().map(|row| row[nth].clone().unwrap_or_default()).collect()
}

#[tokio::test]
async fn each_statement_of_the_page_says_what_the_code_counts() {
    let folder = tempfile::tempdir().unwrap();
    let [gateway, worker] = events();
    write_at(folder.path(), Role::Gateway, gateway).await;
    write_at(folder.path(), Role::Worker, worker).await;
    let records = records(folder.path()).await;
    let said = duckdb(folder.path());
    let rows =
        |title: &str| said.get(title).unwrap_or_else(|| panic!("`{title}` is not on the page: {:?}", said.keys()));
    assert_eq!(said.len(), 9);

    let since: Timestamp = "2026-11-14T00:00:00Z".parse().unwrap();
    let in_prod =
        |record: &&Record| record.event.scope.as_ref().is_some_and(|scope| scope.env.as_deref() == Some("prod"));
    let expected: Vec<_> =
        records.iter().filter(|record| is_run(record) && record.at >= since).filter(in_prod).collect();
    let prod = rows("who did what in production since an instant");
    assert!(!expected.is_empty() && expected.len() < records.iter().filter(|record| is_run(record)).count());
    assert_eq!(column(prod, 0), expected.iter().map(|one| moment(one.at)).collect::<Vec<_>>());
    assert_eq!(column(prod, 2), expected.iter().map(|one| sub(&one.event)).collect::<Vec<_>>());
    assert_eq!(column(prod, 3), expected.iter().map(|one| command(&one.event)).collect::<Vec<_>>());

    let mut voters: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for note in records.iter().filter(|one| one.event.kind == Kind::Ballot).flat_map(|one| &one.event.ballots) {
        let (ballots, approvals) = voters.entry(note.voter.sub.clone()).or_default();
        *ballots += 1;
        *approvals += u64::from(note.vote == Vote::Approve);
    }
    let counted: Vec<_> = voters
        .iter()
        .map(|(voter, (all, yes))| {
            [Some(voter.clone()), Some(all.to_string()), Some(yes.to_string()), Some(all.to_string())]
        })
        .collect();
    assert_eq!(rows("approvals by person"), &counted);

    let mut refusals: BTreeMap<(String, Option<String>), u64> = BTreeMap::new();
    for refusal in records.iter().filter_map(|one| one.event.refusal.as_ref()) {
        *refusals.entry((refusal.code().to_string(), refusal.rule().map(str::to_owned))).or_default() += 1;
    }
    let told: BTreeMap<_, _> = rows("refused, by code and rule")
        .iter()
        .map(|row| ((row[0].clone().unwrap(), row[1].clone()), row[2].as_ref().unwrap().parse().unwrap()))
        .collect();
    assert_eq!(told, refusals);

    let alone = |record: &&Record| {
        if !is_run(record) {
            return false;
        }
        let event = &record.event;
        let requester = event.actor.as_ref().unwrap().principal.clone().unwrap();
        let others = event.ballots.iter().filter(|note| note.vote == Vote::Approve && note.voter != requester);
        event.mode == Some(Mode::Apply) && event.tier != Some(Tier::Read) && others.count() == 0
    };
    let expected: Vec<_> = records.iter().filter(alone).map(|one| one.event.invocation.unwrap().to_string()).collect();
    assert!(!expected.is_empty());
    assert_eq!(column(rows("runs that changed something and that nobody but the requester agreed to"), 1), expected);

    let end_of = |intent: &Record| {
        let same = |one: &&Record| one.event.kind == Kind::Outcome && one.event.attempt == intent.event.attempt;
        records.iter().find(same)
    };
    let mut tools: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for intent in records.iter().filter(|one| is_run(one)) {
        if let Some(end) = end_of(intent).filter(|end| end.event.ending.as_deref() == Some("ran")) {
            let tool = intent.event.argv.as_ref().unwrap().program().to_owned();
            tools.entry(tool).or_default().push(end.event.duration_ms.unwrap());
        }
    }
    let counted: Vec<_> = tools
        .iter()
        .map(|(tool, ms)| {
            json!([
                tool,
                ms.len().to_string(),
                ms.iter().min().unwrap().to_string(),
                ms.iter().max().unwrap().to_string()
            ])
        })
        .collect();
    let told: Vec<_> =
        rows("how long runs took, by tool").iter().map(|row| json!([row[0], row[1], row[2], row[4]])).collect();
    assert_eq!(told, counted);

    let intents: Vec<_> = records.iter().filter(|one| one.event.kind == Kind::Intent).collect();
    let joined = rows("what began, and how it ended");
    let ending =
        |intent: &&Record| end_of(intent).and_then(|end| end.event.ending.clone()).unwrap_or("NO OUTCOME".into());
    assert_eq!(
        column(joined, 3),
        intents.iter().map(|one| one.event.attempt.as_ref().unwrap().as_str()).collect::<Vec<_>>()
    );
    assert_eq!(column(joined, 5), intents.iter().map(ending).collect::<Vec<_>>());
    assert!(column(joined, 5).contains(&"NO OUTCOME".to_owned()));

    let newest = records.iter().filter(|one| one.event.kind == Kind::Outcome).filter_map(|one| one.event.invocation);
    let newest = newest.max_by_key(ToString::to_string);
    let story: Vec<_> =
        records.iter().filter(|one| one.event.invocation == newest).map(|one| one.event.kind.as_str()).collect();
    assert!(story.len() > 2);
    assert_eq!(column(rows("the whole story of one request"), 1), story);

    let read = rows("who read the log");
    assert_eq!(json!(read), json!([[moment(START), "EVE", "search", "who=ann", "3", Value::Null]]));
}
