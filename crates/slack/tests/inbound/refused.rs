//! What is not believed.

use crate::clicks::on;
use crate::office::value;
use crate::payloads::{ALL, changed, command, event, form, mention, payload, submission, typed_name};
use crate::world::{APP, Back, ENTERPRISE, Letter, SECRET, START, TEAM, World, sign_with, signature};
use serde_json::{Value, json};
use std::time::Duration;

const NOW: i64 = START.as_millis() / 1_000;
const STAMP: &str = "x-slack-request-timestamp";
const SIGNATURE: &str = "x-slack-signature";

fn no() -> Back {
    Back { status: 401, body: String::new() }
}

fn good(world: &World, trigger: &str) -> Letter {
    world.sign("/slack/commands", form(&command(trigger, "get pods")))
}

/// Refused like every forgery, and no further than that.
#[track_caller]
fn untouched(world: &World, back: &Back, what: &str) {
    assert_eq!(*back, no(), "{what}");
    assert_eq!(world.front.tally().parsed, 0, "{what}");
    assert!(world.office.is_untouched(), "{what}");
}

#[tokio::test]
async fn p10_forged_headers_never_reach_the_parser() {
    let world = World::start().await;
    let good = good(&world, "1.2.3");
    let (stamp, sign) = (good.header(STAMP), good.header(SIGNATURE));
    let upper = format!("v0={}", sign[3..].to_uppercase());
    let letters = [
        ("no signature", good.clone().without(SIGNATURE)),
        ("no timestamp", good.clone().without(STAMP)),
        ("two signatures", good.clone().and(SIGNATURE, &sign)),
        (
            "a wrong signature first",
            good.clone().with(SIGNATURE, &format!("v0={}", "0".repeat(64))).and(SIGNATURE, &sign),
        ),
        ("two timestamps", good.clone().and(STAMP, &stamp)),
        ("joined signatures", good.clone().with(SIGNATURE, &format!("{sign},{sign}"))),
        ("joined timestamps", good.clone().with(STAMP, &format!("{stamp}, {stamp}"))),
        ("an empty signature", good.clone().with(SIGNATURE, "")),
        ("a version alone", good.clone().with(SIGNATURE, "v0=")),
        ("another version", good.clone().with(SIGNATURE, &sign.replacen("v0", "v1", 1))),
        ("a digit missing", good.clone().with(SIGNATURE, &sign[..sign.len() - 1])),
        ("capital digits", good.clone().with(SIGNATURE, &upper)),
        ("a timestamp in words", good.clone().with(STAMP, "now")),
        ("a negative timestamp", good.clone().with(STAMP, &format!("-{stamp}"))),
        ("a long timestamp", good.clone().with(STAMP, &"9".repeat(400))),
        ("another second", good.clone().with(STAMP, &(NOW + 1).to_string())),
        ("a leading zero", good.clone().with(STAMP, &format!("0{stamp}"))),
        ("another secret", sign_with(good.path, good.body.clone(), "8f742231b10e8888abcd99yyyzzz85a6", NOW)),
        ("an empty secret", sign_with(good.path, good.body.clone(), "", NOW)),
    ];
    for (what, letter) in letters {
        untouched(&world, &world.send(&letter).await, what);
    }
    assert_eq!(world.send(&good).await.status, 200);
}

#[tokio::test]
async fn p10_one_bit_of_signature_or_body_is_enough() {
    let world = World::start().await;
    let good = good(&world, "1.2.3");
    let sign = good.header(SIGNATURE);
    for nth in 3..sign.len() {
        let mut digits = sign.clone().into_bytes();
        digits[nth] = if digits[nth] == b'0' { b'1' } else { b'0' };
        let letter = good.clone().with(SIGNATURE, std::str::from_utf8(&digits).unwrap());
        untouched(&world, &world.send(&letter).await, "a digit of the signature");
    }
    for nth in (0..good.body.len()).step_by(7) {
        let mut letter = good.clone();
        letter.body[nth] ^= 1;
        untouched(&world, &world.send(&letter).await, "a bit of the body");
    }
    let mut longer = good.clone();
    longer.body.push(b'&');
    untouched(&world, &world.send(&longer).await, "a byte more");
    let mut shorter = good.clone();
    shorter.body.pop();
    untouched(&world, &world.send(&shorter).await, "a byte less");
    assert_eq!(world.send(&good).await.status, 200);
}

#[tokio::test]
async fn p10_the_raw_body_is_what_is_signed() {
    let world = World::start().await;
    let good = good(&world, "1.2.3");
    let same_fields = String::from_utf8(good.body.clone()).unwrap().replace('+', "%20");
    assert_ne!(same_fields.as_bytes(), good.body);
    let letter = Letter { body: same_fields.into_bytes(), ..good };
    untouched(&world, &world.send(&letter).await, "the same fields in another spelling");
}

#[tokio::test]
async fn p10_five_minutes_in_both_directions() {
    for away in [-301, -3_600, 301, 86_400 * 365 * 30] {
        let world = World::start().await;
        let letter = sign_with("/slack/commands", form(&command("1.2.3", "get pods")), SECRET, NOW + away);
        untouched(&world, &world.send(&letter).await, &format!("{away} s"));
    }
    for away in [-300, 300] {
        let world = World::start().await;
        let letter = sign_with("/slack/commands", form(&command("1.2.3", "get pods")), SECRET, NOW + away);
        assert_eq!(world.send(&letter).await.status, 200, "{away} s");
        world.settled().await;
        assert_eq!(world.office.typed()[0].at.as_millis(), (NOW + away) * 1_000);
    }
    // A letter that was good becomes too old.
    let world = World::start().await;
    let letter = good(&world, "1.2.3");
    world.clock.forward(Duration::from_secs(301));
    untouched(&world, &world.send(&letter).await, "kept back");
}

#[tokio::test]
async fn p10_another_app_workspace_or_organisation_never_reaches_the_parser() {
    let world = World::start().await;
    let fields = || command("1.2.3", "get pods");
    let mut bodies = vec![
        ("another app", form(&changed(fields(), "api_app_id", Some("A0OTHER001")))),
        ("no app", form(&changed(fields(), "api_app_id", None))),
        ("another workspace", form(&changed(fields(), "team_id", Some("T0OTHER001")))),
        ("no workspace", form(&changed(fields(), "team_id", None))),
        ("an organisation for a workspace", form(&changed(fields(), "team_id", Some(ENTERPRISE)))),
    ];
    let foreign = changed(changed(fields(), "team_id", Some("T0OTHER001")), "enterprise_id", Some("E0OTHER001"));
    bodies.push(("another organisation", form(&foreign)));
    let swapped = changed(changed(fields(), "team_id", Some(ENTERPRISE)), "enterprise_id", Some(TEAM));
    bodies.push(("ids in each other's place", form(&swapped)));
    for (what, body) in bodies {
        untouched(&world, &world.send(&world.sign("/slack/commands", body)).await, what);
    }
    for installed in ALL {
        let card = crate::office::short("x");
        let of = (installed, "U0BOB00001", "2.2.3");
        let press = on(&card, of.0, of.1, of.2, "approve");
        let sent_off = submission(of.0, of.1, of.2, ("approve", &value(&card)), typed_name("api"));
        for good in [press, sent_off] {
            for (what, bad) in estranged(&good) {
                let letter = world.sign("/slack/interactions", payload(&bad));
                untouched(&world, &world.send(&letter).await, what);
            }
        }
        let mut told = event(installed, "Ev1", mention("U0ANN00001", "1795222799.000100", "<@U0CS000001> x"));
        for (field, other) in [("api_app_id", "A0OTHER001"), ("team_id", "T0OTHER001")] {
            let mut bad = told.clone();
            bad[field] = other.into();
            if field == "team_id" {
                bad["enterprise_id"] = "E0OTHER001".into();
            }
            untouched(&world, &world.send(&world.sign("/slack/events", bad.to_string())).await, field);
        }
        told["api_app_id"] = Value::Null;
        untouched(&world, &world.send(&world.sign("/slack/events", told.to_string())).await, "no app");
    }
}

/// The same interaction from elsewhere, in every way.
fn estranged(good: &Value) -> Vec<(&'static str, Value)> {
    let with = |act: fn(&mut Value)| {
        let mut it = good.clone();
        act(&mut it);
        it
    };
    vec![
        ("another app", with(|it| it["api_app_id"] = "A0OTHER001".into())),
        ("no app", with(|it| drop(it.as_object_mut().unwrap().remove("api_app_id")))),
        (
            "nowhere",
            with(|it| {
                it["team"] = Value::Null;
                it["enterprise"] = Value::Null;
            }),
        ),
        (
            "elsewhere",
            with(|it| {
                it["team"] = json!({ "id": "T0OTHER001", "enterprise_id": "E0OTHER001" });
                it["enterprise"] = json!({ "id": "E0OTHER001" });
            }),
        ),
        // What people can fill in, or what is not the installation, does not make it ours.
        (
            "claimed in the view",
            with(|it| {
                it["team"] = Value::Null;
                it["enterprise"] = Value::Null;
                it["view"]["team_id"] = TEAM.into();
                it["user"]["team_id"] = TEAM.into();
                it["view"]["app_id"] = APP.into();
            }),
        ),
    ]
}

#[tokio::test]
async fn p10_a_large_body_is_refused_before_it_is_hashed() {
    let world = World::with(|settings| settings.body_limit = 4_096).await;
    let text = "x".repeat(8_192);
    let large = world.sign("/slack/commands", form(&command("1.2.3", &text)));
    assert_eq!(world.send(&large).await, Back { status: 413, body: String::new() });
    assert_eq!(world.send_chunked(&large).await, Back { status: 413, body: String::new() });
    assert_eq!(world.front.tally().hashed, 0);
    assert!(world.office.is_untouched());
    // The limit is no obstacle to what fits, with and without its length.
    assert_eq!(world.send(&good(&world, "2.2.3")).await.status, 200);
    assert_eq!(world.send_chunked(&good(&world, "3.2.3")).await.status, 200);
}

#[tokio::test]
async fn p10_without_fresh_headers_no_body_is_hashed() {
    let world = World::start().await;
    let good = good(&world, "1.2.3");
    for letter in [good.clone().without(SIGNATURE), good.clone().with(STAMP, &(NOW - 301).to_string())] {
        untouched(&world, &world.send(&letter).await, "stale");
    }
    assert_eq!(world.front.tally().hashed, 0);
}

#[tokio::test]
async fn only_post_at_three_addresses() {
    let world = World::start().await;
    let lost = Letter { path: "/slack/elsewhere", ..good(&world, "1.2.3") };
    assert_eq!(world.send(&lost).await.status, 404);
    assert_eq!(world.front.tally().hashed, 0);
}

#[tokio::test]
async fn another_media_type_or_an_encoding_is_not_read() {
    let world = World::start().await;
    let good = good(&world, "1.2.3");
    let (media, encoding) = ("content-type", "content-encoding");
    let letters = [
        good.clone().without(media),
        good.clone().with(media, "application/json"),
        good.clone().with(media, "multipart/form-data; boundary=x"),
        good.clone().and(media, "application/x-www-form-urlencoded"),
        good.clone().and(encoding, "gzip"),
        Letter { path: "/slack/events", ..good.clone() },
    ];
    for letter in letters {
        assert_eq!(world.send(&letter).await, Back { status: 400, body: String::new() }, "{:?}", letter.headers);
    }
    assert_eq!(world.front.tally().parsed, 0);
    let charset = good.with(media, "application/x-www-form-urlencoded; charset=UTF-8");
    assert_eq!(world.send(&charset).await.status, 200);
}

#[tokio::test]
async fn p49_both_secrets_in_the_overlap_and_the_old_one_no_longer_after_it() {
    let world = World::start().await;
    let new = "7e631120a09d7777bacd88xxxyyy74b4";
    let send = async |secret: &str, trigger: &str| {
        let letter = sign_with("/slack/commands", form(&command(trigger, "get pods")), secret, NOW);
        world.send(&letter).await.status
    };
    assert_eq!((send(SECRET, "1").await, send(new, "2").await), (200, 401));
    world.secrets.replace(new.into(), Some(SECRET.into()));
    assert_eq!((send(SECRET, "3").await, send(new, "4").await), (200, 200));
    world.secrets.replace(new.into(), None);
    assert_eq!((send(SECRET, "5").await, send(new, "6").await), (401, 200));
    // Without an overlap the one before counts no longer either.
    world.secrets.replace("another".into(), None);
    assert_eq!((send(new, "10").await, send("another", "11").await), (401, 200));
    // A secret that was lost signs nothing, and lets nobody in.
    world.secrets.replace("".into(), Some(" ".into()));
    assert_eq!((send("", "7").await, send(" ", "8").await, send(new, "9").await), (401, 401, 401));
    world.settled().await;
    assert_eq!(world.office.typed().len(), 5);
}

#[test]
fn the_test_signs_like_slack() {
    // Slack, "Verifying requests from Slack".
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let want = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    assert_eq!(signature(SECRET, "1531420618", body.as_bytes()), want);
}

#[tokio::test]
async fn a_workspace_of_an_organisation_that_is_not_listed_is_let_in_by_its_organisation_only() {
    let fields = changed(command("1.2.3", "get pods"), "enterprise_id", Some(ENTERPRISE));
    let elsewhere = changed(fields, "team_id", Some("T0OTHER001"));
    let world = World::start().await;
    assert_eq!(world.send(&world.sign("/slack/commands", form(&elsewhere))).await.status, 200);
    let strict = World::with(|settings| settings.allowed.enterprises.clear()).await;
    untouched(&strict, &strict.send(&strict.sign("/slack/commands", form(&elsewhere))).await, "not listed");
}
