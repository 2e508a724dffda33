//! Anything at all, signed: answered, and nothing breaks.

use crate::clicks::on;
use crate::office::{short, value};
use crate::payloads::{CARD, CHANNEL, Installed, click, event, form, mention, payload, submission, typed_name};
use crate::world::World;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const PATHS: [&str; 3] = ["/slack/commands", "/slack/interactions", "/slack/events"];

/// Sends many bodies to one front; each is answered, with 200 or a refusal, and the front lives on.
fn survives(cases: u32, bodies: impl Strategy<Value = (usize, Vec<u8>)>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::start());
    world.office.ask(CHANNEL, CARD, short("x"));
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&bodies, |(path, body)| {
        let back = runtime.block_on(async {
            let back = world.send(&world.sign(PATHS[path], body)).await;
            world.settled().await;
            back
        });
        prop_assert!(matches!(back.status, 200 | 400 | 401), "{}", back.status);
        if back.status != 200 {
            prop_assert_eq!(back.body, "");
        }
        Ok(())
    });
    outcome.unwrap();
    let ballots = world.office.ballots(short("x").invocation);
    assert!(ballots.iter().all(|(who, _)| who.ends_with("/U0BOB00001") || who.ends_with("/U0ANN00001")), "{ballots:?}");
}

#[test]
fn any_bytes_with_a_valid_signature() {
    survives(300, (0..3_usize, vec(any::<u8>(), 0..400)));
}

#[test]
fn any_text_where_a_payload_is_expected() {
    let body = "\\PC{0,200}".prop_map(|text| form(&[("payload", &text)]));
    survives(200, (Just(1_usize), body));
}

/// JSON of any shape, not deep.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
        Just(json!({ "id": null })),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a value, as a pointer.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            let place = format!("{at}/{key}");
            places(inner, &place, out);
            out.push(place);
        }),
        Value::Array(all) => all.iter().enumerate().for_each(|(nth, inner)| {
            let place = format!("{at}/{nth}");
            places(inner, &place, out);
            out.push(place);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn real_payloads_with_anything_in_any_place() {
    let card = short("x");
    let bases = [
        (1, on(&card, Installed::Workspace, "U0BOB00001", "1.2.3", "approve")),
        (1, click(Installed::OrgWide, "U0BOB00001", "1.2.4", ("reject", &value(&card)))),
        (1, submission(Installed::OrgWide, "U0BOB00001", "1.2.5", ("approve", &value(&card)), typed_name("api"))),
        (2, event(Installed::InOrganisation, "Ev1", mention("U0ANN00001", "1795222799.000100", "<@U0CS000001> get"))),
    ];
    let edited = (0..bases.len(), any::<prop::sample::Index>(), anything()).prop_map(move |(base, place, new)| {
        let (path, mut it) = bases[base].clone();
        let mut all = Vec::new();
        places(&it, "", &mut all);
        *it.pointer_mut(&all[place.index(all.len())]).unwrap() = new;
        let body = if path == 1 { payload(&it) } else { it.to_string().into_bytes() };
        (path, body)
    });
    survives(400, edited);
}

#[tokio::test]
async fn depth_and_repetition_do_no_harm() {
    let world = World::start().await;
    let deep = format!(
        r#"{{"type":"block_actions","team":{{"id":"T0ACME0001"}},"team_id":"T0ACME0001","api_app_id":"A0CS000001","x":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let twice = r#"{"type":"block_actions","type":"view_closed","team":{"id":"T0ACME0001"},"api_app_id":"A0CS000001"}"#;
    let two_teams = r#"{"type":"shortcut","team":{"id":"T0ACME0001","id":"T0OTHER001"},"api_app_id":"A0CS000001"}"#;
    let pairs = "&".repeat(500_000);
    for body in
        [form(&[("payload", &deep)]), form(&[("payload", twice)]), form(&[("payload", two_teams)]), pairs.into()]
    {
        assert_eq!(world.send(&world.sign("/slack/interactions", body)).await.status, 400);
    }
    assert_eq!(world.send(&world.sign("/slack/events", deep)).await.status, 200);
    // Two people in one payload are nobody.
    let card = short("x");
    let it = click(Installed::Workspace, "U0BOB00001", "1", ("confirm", &value(&card))).to_string();
    let other = it.replacen('{', r#"{"user":{"id":"U0ANN00001"},"#, 1);
    let back = world.send(&world.sign("/slack/interactions", form(&[("payload", &other)]))).await;
    assert_eq!(back.status, 400);
    world.settled().await;
    assert!(world.office.is_untouched());
}
