//! Manifests that are files: attached to the message that asks, or put into the window.

use crate::payloads::{Installed, command, event, form, mention, payload, submission};
use crate::slack::Content;
use crate::world::World;
use countersign_chat::Membership;
use countersign_core::input::Input;
use countersign_core::refusal::Code;
use countersign_slack::ApiError;
use countersign_slack::api::File;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

const ANN: &str = "U0ANN00001";
const BOB: &str = "U0BOB00001";
const MANIFEST: &str = "kind: ConfigMap\ndata: {a: b}\n";
const LINE: &str = "<@U0CS000001> kubectl apply -n web --apply";

/// Ann mentions us with these files attached.
async fn says(world: &World, ts: &str, text: &str, files: Value) {
    let mut said = mention(ANN, ts, text);
    said["files"] = files;
    let told = event(Installed::Workspace, &format!("Ev{ts}"), said);
    let back = world.send(&world.sign("/slack/events", told.to_string())).await;
    assert_eq!(back.status, 200);
    world.settled().await;
}

/// The only refusal, with its hint, as it was told to ann and to nobody else.
fn refused(world: &World) -> (Code, String) {
    assert!(world.office.typed().is_empty(), "nothing is asked");
    let (typed, why) = world.office.refused().pop().expect("the gateway knows of it");
    assert_eq!((typed.account.user.as_str(), typed.manifest.as_deref()), (ANN, None));
    let told = world.slack.told().pop().expect("somebody was told");
    assert_eq!(told.to, format!("D{ANN}"));
    assert!(told.says.contains(&why.to_string()) && told.says.contains(why.hint()), "{}", told.says);
    let is_of_the_file = why.code() != Code::ChatUnavailable;
    assert_eq!(why.rule(), is_of_the_file.then_some("manifests/files"));
    (why.code(), format!("{why}. {}", why.hint()))
}

#[tokio::test]
async fn a_file_attached_to_the_message_is_its_manifest() {
    let world = World::start().await;
    world.slack.keeps("F1", ANN, MANIFEST, |_| ());
    // What the event says of the file is not believed: Slack is asked.
    let claimed = json!([{ "id": "F1", "user": BOB, "is_external": true, "url_private": "https://evil.example/x" }]);
    says(&world, "1795222799.000100", LINE, claimed).await;
    let typed = world.office.typed().pop().unwrap();
    assert_eq!((typed.text.as_str(), typed.manifest.as_deref()), ("kubectl apply -n web --apply", Some(MANIFEST)));
    assert_eq!(world.slack.fetched(), ["info F1", "content F1"]);
    assert!(world.slack.told().is_empty());
}

#[tokio::test]
async fn a_file_may_be_hosted_begin_with_a_mark_and_be_as_long_as_a_manifest() {
    let world = World::start().await;
    let long = "#".repeat(Input::MOST_BYTES);
    world.slack.keeps("F1", ANN, long.clone(), |file| file.mode = Some("hosted".into()));
    world.slack.keeps("F2", ANN, "\u{feff}a: 1\r\n\tb", |file| file.file_access = Some("visible".into()));
    says(&world, "1795222799.000100", LINE, json!([{ "id": "F1" }])).await;
    says(&world, "1795222799.000200", LINE, json!([{ "id": "F2", "file_access": "check_file_info" }])).await;
    let manifests: Vec<_> = world.office.typed().into_iter().map(|typed| typed.manifest).collect();
    assert_eq!(manifests, [Some(long), Some("a: 1\r\n\tb".to_owned())]);
}

/// Change the file, and what is said must contain this.
type Spoils = (fn(&mut File), &'static str);

#[tokio::test]
async fn p55_only_a_text_file_of_the_one_who_asks_is_read() {
    let cases: [Spoils; 12] = [
        (|file| file.user = Some(BOB.into()), "somebody else's"),
        (|file| file.user = None, "somebody else's"),
        (|file| file.id = "F2".into(), "does not give"),
        (|file| file.is_external = Some(true), "no text file that Slack keeps"),
        (|file| file.is_external = None, "no text file that Slack keeps"),
        (|file| file.mode = Some("external".into()), "no text file that Slack keeps"),
        (|file| file.mode = Some("space".into()), "no text file that Slack keeps"),
        (|file| file.mode = None, "no text file that Slack keeps"),
        (|file| (file.mode, file.user) = (Some("tombstone".into()), None), "deleted"),
        (|file| file.file_access = Some("check_file_info".into()), "does not give"),
        (|file| file.file_access = Some("access_denied".into()), "does not give"),
        (|file| file.size = Some(Input::MOST_BYTES as u64 + 1), "longer than 262144 bytes"),
    ];
    for (spoil, wanted) in cases {
        let world = World::start().await;
        world.slack.keeps("F1", ANN, MANIFEST, spoil);
        says(&world, "1795222799.000100", LINE, json!([{ "id": "F1" }])).await;
        let (_, told) = refused(&world);
        assert!(told.contains(wanted), "{told}");
        assert_eq!(world.slack.fetched(), ["info F1"], "{wanted}: its content is left alone");
    }
}

#[tokio::test]
async fn a_file_whose_content_is_no_manifest_or_cannot_be_had_is_refused() {
    let no = |code: &str| Err(ApiError::Refused(code.to_owned()));
    let lost = || Err(ApiError::RateLimited { after: Duration::from_secs(1) });
    let cases: [(Content, Code, &str); 12] = [
        (Ok(vec![b'#'; Input::MOST_BYTES + 1]), Code::TooLong, "longer than 262144 bytes"),
        (Ok(vec![0x89, b'P', b'N', b'G']), Code::BadManifest, "not text"),
        (Ok(b"a: \0".to_vec()), Code::BadManifest, "not text"),
        (Ok("a: \u{1b}[2J".into()), Code::BadManifest, "not text"),
        (Ok(vec![0xff, 0xfe, b'a', 0]), Code::BadManifest, "not text"),
        (no("foreign_file_address"), Code::BadManifest, "not kept by Slack"),
        (no("http_302"), Code::BadManifest, "files:read"),
        (no("login_page"), Code::BadManifest, "files:read"),
        (no("http_404"), Code::BadManifest, "deleted"),
        (lost(), Code::ChatUnavailable, "Ask again"),
        (Err(ApiError::Lost), Code::ChatUnavailable, "Ask again"),
        (Err(ApiError::Unreachable), Code::ChatUnavailable, "Ask again"),
    ];
    for (content, code, wanted) in cases {
        let world = World::start().await;
        let named = format!("{content:?}").chars().take(60).collect::<String>();
        match content {
            Ok(content) => world.slack.keeps("F1", ANN, content, |file| file.size = Some(3)),
            Err(error) => {
                world.slack.keeps("F1", ANN, MANIFEST, |_| ());
                world.slack.withholds("F1", error);
            }
        }
        says(&world, "1795222799.000100", LINE, json!([{ "id": "F1" }])).await;
        let (found, told) = refused(&world);
        assert_eq!(found, code, "{named}");
        assert!(told.contains(wanted), "{named}: {told}");
    }
}

#[tokio::test]
async fn two_files_no_file_and_files_without_a_name_are_refused_before_slack_is_asked() {
    for (files, wanted) in [
        (json!([{ "id": "F1" }, { "id": "F2" }]), "2 files"),
        (json!([{ "id": "F1" }, {}]), "2 files"),
        (json!([{}]), "does not say which file"),
        (json!([{ "id": "F1&user=x" }]), "does not say which file"),
        (json!([{ "id": "" }]), "does not say which file"),
    ] {
        let world = World::start().await;
        world.slack.keeps("F1", ANN, MANIFEST, |_| ());
        says(&world, "1795222799.000100", LINE, files.clone()).await;
        let (code, told) = refused(&world);
        assert!(code == Code::BadManifest && told.contains(wanted), "{files}: {told}");
        assert!(world.slack.fetched().is_empty(), "{files}");
    }
    let world = World::start().await;
    says(&world, "1795222799.000100", LINE, json!([{ "id": "F9" }])).await;
    assert!(refused(&world).1.contains("deleted"));
}

#[tokio::test]
async fn p33_nothing_is_fetched_for_whoever_may_not_ask() {
    let world = World::start().await;
    world.slack.keeps("F1", ANN, MANIFEST, |_| ());
    world.slack.is(ANN, |user| user.is_stranger = true);
    says(&world, "1795222799.000100", LINE, json!([{ "id": "F1" }])).await;
    let typed = world.office.typed().pop().unwrap();
    assert_eq!((typed.membership, typed.manifest), (Membership::Stranger, None));
    assert!(world.slack.fetched().is_empty());
    assert!(world.slack.told().pop().unwrap().says.contains("you are no member"));
}

/// A message opens no window, so it says how a manifest comes with one.
#[tokio::test]
async fn a_message_without_its_manifest_is_told_how_to_bring_one() {
    for line in [LINE, "<@U0CS000001> kubectl apply -f -"] {
        let world = World::start().await;
        // Shared before, in the same thread: not looked at.
        world.slack.keeps("F1", ANN, MANIFEST, |_| ());
        for files in [Value::Null, json!([])] {
            let ts = format!("1795222799.00{}", if files.is_null() { "0100" } else { "0200" });
            says(&world, &ts, line, files).await;
            let told = world.slack.told().pop().unwrap().says;
            assert!(told.contains("one text file attached to it") && told.contains("code block"), "{told}");
            assert!(told.contains("Files of other messages are not looked at"), "{told}");
        }
        assert!(world.slack.views().is_empty() && world.slack.fetched().is_empty());
    }
    let world = World::start().await;
    says(&world, "1795222799.000100", "<@U0CS000001> kubectl apply -f /etc/passwd", Value::Null).await;
    let told = world.slack.told().pop().unwrap().says;
    assert!(told.contains("file of the worker") && !told.contains("attached"), "{told}");
}

async fn types(world: &World, trigger: &str, text: &str) {
    world.send(&world.sign("/slack/commands", form(&command(trigger, text)))).await;
    world.settled().await;
}

/// Sends the window off; what Slack was answered.
async fn submit(world: &World, trigger: &str, text: Option<&str>, files: Value) -> Value {
    let (_, view) = world.slack.views().pop().expect("a window was opened");
    let values = json!({
        "manifest": { "manifest-typed": { "type": "plain_text_input", "value": text } },
        "manifest-file": { "manifest-given": { "type": "file_input", "files": files } },
    });
    let metadata = view["private_metadata"].as_str().unwrap();
    let it = submission(Installed::Workspace, ANN, trigger, ("manifest", metadata), values);
    let back = world.send(&world.sign("/slack/interactions", payload(&it))).await;
    world.settled().await;
    back.json()
}

#[tokio::test]
async fn the_window_takes_a_file_instead_of_a_text() {
    for line in
        ["apply -n web --apply", "apply -f -", "apply -f- -n web", "apply --filename - -n web", "apply --filename=-"]
    {
        let world = World::start().await;
        types(&world, "1", line).await;
        world.slack.keeps("F1", ANN, MANIFEST, |_| ());
        let answer = submit(&world, "2", None, json!([{ "id": "F1", "url_private": "https://evil.example" }])).await;
        assert_eq!(answer, json!({ "response_action": "clear" }));
        let typed = world.office.typed().pop().unwrap();
        assert_eq!((typed.text, typed.manifest.as_deref()), (format!("/kubectl {line}"), Some(MANIFEST)));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_stands_beside_it() {
    let world = World::start().await;
    types(&world, "1", "apply").await;
    world.slack.keeps("F1", BOB, MANIFEST, |_| ());
    world.slack.keeps("F2", ANN, "kind: Widget", |_| ());
    let two = json!([{ "id": "F2" }, { "id": "F2" }]);
    for (trigger, text, files, block, wanted) in [
        ("2", None, json!([{ "id": "F1" }]), "manifest-file", "somebody else's"),
        ("3", None, json!([{ "id": "F2" }]), "manifest-file", "no kind `Widget`"),
        ("4", Some(MANIFEST), json!([{ "id": "F2" }]), "manifest-file", "Two manifests"),
        ("5", None, two, "manifest-file", "2 files"),
        ("6", Some(" "), json!([]), "manifest", "nothing to apply"),
        ("7", None, Value::Null, "manifest", "nothing to apply"),
    ] {
        let answer = submit(&world, trigger, text, files).await;
        assert_eq!(answer["response_action"], "errors", "{trigger}: {answer}");
        assert!(answer["errors"][block].as_str().unwrap().contains(wanted), "{trigger}: {answer}");
    }
}

/// An app that was installed before it asked for the scope still gets its window.
#[tokio::test]
async fn without_the_scope_the_window_asks_for_a_text_alone() {
    let world = World::start().await;
    world.slack.takes_no_files.store(true, Ordering::SeqCst);
    types(&world, "1", "apply").await;
    let (_, view) = world.slack.views().pop().unwrap();
    assert!(!view.to_string().contains("file_input") && view.to_string().contains("manifest-typed"), "{view}");
    assert!(world.slack.told().is_empty());
}
