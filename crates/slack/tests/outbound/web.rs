//! The real client against something that speaks HTTP on loopback.

use crate::support::cards::{NOW, small};
use crate::support::wire::{Reply, Wire};
use countersign_slack::api::{ApiError, OpenedView, Post, Posted, SlackApi, User};
use countersign_slack::render::{self, Page};
use countersign_slack::{SetupError, Token, Web};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpListener;

fn post() -> Post {
    let page = render::card(&small(), NOW);
    Post { channel: "C1".into(), thread: Some("17.1".into()), page, mark: "mark-1".into(), since: NOW }
}

fn message() -> Posted {
    Posted { channel: "C1".into(), ts: "17.2".into() }
}

fn page() -> Page {
    render::received("Ann", "/kubectl get pods")
}

fn posted() -> Reply {
    Reply::Json(json!({"ok": true, "channel": "C1", "ts": "17.2", "message": {"type": 7, "bot_profile": null}}))
}

#[tokio::test]
async fn a_message_goes_out_as_data_and_unfurls_nothing() {
    let wire = Wire::start().await;
    wire.reply("chat.postMessage", posted());
    assert_eq!(wire.web().post(&post()).await.unwrap(), message());
    let seen = wire.last();
    assert_eq!(seen.bearer, "Bearer xoxb-canary-token");
    let body = &seen.body;
    assert_eq!((&body["channel"], &body["thread_ts"]), (&json!("C1"), &json!("17.1")));
    assert_eq!((&body["unfurl_links"], &body["unfurl_media"]), (&json!(false), &json!(false)));
    assert_eq!((&body["parse"], &body["link_names"]), (&json!("none"), &json!(false)));
    assert_eq!(body["metadata"], json!({"event_type": "countersign", "event_payload": {"mark": "mark-1"}}));
    assert_eq!(body["blocks"], serde_json::to_value(post().page.blocks()).unwrap());
    assert_eq!(body["text"], post().page.text());
    assert!(!seen.body.to_string().contains("canary"));
}

#[tokio::test]
async fn a_change_names_its_message() {
    let wire = Wire::start().await;
    wire.reply(
        "chat.update",
        Reply::Json(json!({"ok": true, "channel": "C1", "ts": "17.2", "message": {"ts": "17.2"}, "text": "x"})),
    );
    wire.web().update(&message(), &page()).await.unwrap();
    assert_eq!((&wire.last().body["channel"], &wire.last().body["ts"]), (&json!("C1"), &json!("17.2")));
}

/// Each failure, for a typed call and for one of our own reads.
#[tokio::test]
async fn each_failure_says_what_became_of_the_call() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    let no = |code: &str| Reply::Json(json!({"ok": false, "error": code}));
    let wait = |seconds| ApiError::RateLimited { after: Duration::from_secs(seconds) };
    let cases = [
        (no("channel_not_found"), ApiError::Refused("channel_not_found".into())),
        (no("<b>no code</b> at all"), ApiError::Refused("unreadable".into())),
        (no("token_revoked"), ApiError::NotAuthorised("token_revoked".into())),
        (no("invalid_auth"), ApiError::NotAuthorised("invalid_auth".into())),
        (no("internal_error"), ApiError::Lost),
        (no("ratelimited"), wait(1)),
        (Reply::Status(429, vec![JSON, ("retry-after", "7")], r#"{"ok":false,"error":"ratelimited"}"#), wait(7)),
        (Reply::Status(429, vec![("content-type", "text/plain")], "slow down"), wait(1)),
        (Reply::Status(401, vec![], ""), ApiError::NotAuthorised("http_401".into())),
        (Reply::Status(404, vec![], ""), ApiError::Refused("http_404".into())),
        (Reply::Status(503, vec![], ""), ApiError::Lost),
        (Reply::Status(302, vec![("location", "/api/elsewhere")], ""), ApiError::Refused("http_302".into())),
        (Reply::Status(200, vec![JSON], "not json"), ApiError::Lost),
    ];
    let wire = Wire::start().await;
    let web = wire.web();
    for (reply, error) in cases {
        wire.reply("chat.postMessage", reply.clone()).reply("conversations.info", reply.clone());
        assert_eq!(web.post(&post()).await.unwrap_err(), error, "{reply:?}");
        assert_eq!(web.is_shared("C1").await.unwrap_err(), error, "{reply:?}");
    }
    assert!(wire.seen().iter().all(|seen| seen.path != "elsewhere"), "a redirect was followed");
}

#[tokio::test]
async fn silence_is_a_lost_answer() {
    let wire = Wire::start().await;
    for path in ["chat.postMessage", "conversations.info", "views.open", "/hook"] {
        wire.reply(path, Reply::Silence);
    }
    let web = wire.impatient();
    assert_eq!(web.post(&post()).await.unwrap_err(), ApiError::Lost);
    assert_eq!(web.is_shared("C1").await.unwrap_err(), ApiError::Lost);
    assert_eq!(web.open_view("t", &render::loading()).await.unwrap_err(), ApiError::Lost);
    assert_eq!(web.respond(&wire.beside("/hook"), &page()).await.unwrap_err(), ApiError::Lost);
}

#[tokio::test]
async fn a_broken_connection_may_have_done_it_and_none_cannot() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/api", listener.local_addr().unwrap());
    let web = Web::new(&address, Token::new(SecretString::from("xoxb-1"))).unwrap();
    let hangs_up = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            let _ = stream.try_read(&mut [0; 8_192]);
        }
    };
    tokio::select! {
        () = hangs_up => {}
        () = async {
            assert_eq!(web.post(&post()).await.unwrap_err(), ApiError::Lost);
            assert_eq!(web.is_shared("C1").await.unwrap_err(), ApiError::Lost);
        } => {}
    }
    drop(listener);
    assert_eq!(web.post(&post()).await.unwrap_err(), ApiError::Unreachable);
    assert_eq!(web.is_shared("C1").await.unwrap_err(), ApiError::Unreachable);
}

#[tokio::test]
async fn a_message_is_found_by_its_mark_among_those_since() {
    let wire = Wire::start().await;
    let of = |kind: &str, mark: &str| json!({"event_type": kind, "event_payload": {"mark": mark}});
    let messages = json!({"ok": true, "messages": [
        {"ts": "1.0"},
        {"ts": "2.0", "metadata": of("somebody", "mark-1")},
        {"ts": "3.0", "metadata": of("countersign", "mark-2")},
        {"ts": "17.2", "metadata": of("countersign", "mark-1")},
    ]});
    wire.reply("conversations.replies", Reply::Json(messages.clone()));
    assert_eq!(wire.web().find(&post()).await.unwrap(), Some(message()));
    // Five minutes before it was first tried.
    assert_eq!(wire.last().form, "channel=C1&oldest=1795222500.000000&limit=200&include_all_metadata=true&ts=17.1");
    wire.reply("conversations.history", Reply::Json(json!({"ok": true, "messages": []})));
    assert_eq!(wire.web().find(&Post { thread: None, ..post() }).await.unwrap(), None);
    assert_eq!(wire.last().path, "conversations.history");
}

#[tokio::test]
async fn p33_people_of_another_organisation_are_strangers_whatever_their_flags_say() {
    let user = |team: Value, enterprise: Value| {
        json!({"ok": true, "user": {"id": "U1", "team_id": team, "is_email_confirmed": true,
            "is_stranger": false, "enterprise_user": {"enterprise_id": enterprise}, "profile": {"email": "a@b"}}})
    };
    let org_wide = json!({"ok": true, "team_id": "E1", "enterprise_id": "E1", "is_enterprise_install": true});
    for (home, team, enterprise, is_stranger) in [
        (json!({"ok": true, "team_id": "T1"}), json!("T1"), Value::Null, false),
        (json!({"ok": true, "team_id": "T1", "enterprise_id": null}), json!("T9"), Value::Null, true),
        (json!({"ok": true, "team_id": "T1"}), Value::Null, Value::Null, true),
        (json!({"ok": true, "team_id": "T1", "enterprise_id": "E1"}), json!("T2"), json!("E1"), false),
        (json!({"ok": true, "team_id": "T1", "enterprise_id": "E1"}), json!("T9"), json!("E9"), true),
        (org_wide, json!("T2"), json!("E1"), false),
    ] {
        let wire = Wire::start().await;
        wire.reply("auth.test", Reply::Json(home.clone()));
        wire.reply("users.info", Reply::Json(user(team.clone(), enterprise.clone())));
        let found = wire.web().user("U1").await.unwrap();
        let expected = User { id: "U1".into(), is_stranger, is_email_confirmed: Some(true), ..User::default() };
        assert_eq!(found, expected, "{home} {team} {enterprise}");
    }
}

#[tokio::test]
async fn whose_token_it_is_is_asked_until_it_is_told_and_then_no_more() {
    let wire = Wire::start().await;
    wire.reply("users.info", Reply::Json(json!({"ok": true, "user": {"id": "U1", "team_id": "T1"}})));
    let web = wire.web();
    assert!(web.user("U1").await.is_err());
    wire.reply("auth.test", Reply::Json(json!({"ok": true, "team_id": "T1"})));
    assert!(!web.user("U1").await.unwrap().is_stranger && !web.user("U1").await.unwrap().is_stranger);
    assert_eq!(wire.seen().iter().filter(|seen| seen.path == "auth.test").count(), 2);
}

#[tokio::test]
async fn shared_channels_are_known_also_before_the_others_came() {
    let wire = Wire::start().await;
    let web = wire.web();
    for (flags, shared) in [
        (json!({}), false),
        (json!({"is_ext_shared": true}), true),
        (json!({"is_pending_ext_shared": true}), true),
        (json!({"is_org_shared": true, "is_shared": true}), false),
    ] {
        wire.reply("conversations.info", Reply::Json(json!({"ok": true, "channel": flags})));
        assert_eq!(web.is_shared("C1").await.unwrap(), shared, "{flags}");
    }
}

#[tokio::test]
async fn a_window_is_opened_and_filled() {
    let wire = Wire::start().await;
    // As of an org-wide installation, and with fields nobody has heard of.
    let view = json!({"id": "V1", "hash": "h1", "team_id": null, "state": {"values": []}, "new": 1});
    let answer = Reply::Json(json!({"ok": true, "view": view}));
    wire.reply("views.open", answer.clone()).reply("views.update", answer);
    let opened = wire.web().open_view("trigger-1", &render::loading()).await.unwrap();
    assert_eq!(opened, OpenedView { id: "V1".into(), hash: Some("h1".into()) });
    wire.web().update_view(&opened, &render::whole(&small(), NOW)).await.unwrap();
    let body = wire.last().body;
    assert_eq!(
        (&body["view_id"], &body["hash"], &body["view"]["callback_id"]),
        (&json!("V1"), &json!("h1"), &json!("approve"))
    );
}

#[tokio::test]
async fn a_direct_conversation_is_opened_with_one_person() {
    let wire = Wire::start().await;
    wire.reply("conversations.open", Reply::Json(json!({"ok": true, "channel": {"id": "D1"}})));
    assert_eq!(wire.web().direct("U1").await.unwrap(), "D1");
    assert_eq!(wire.last().form, "users=U1");
}

#[tokio::test]
async fn an_answer_to_one_person_goes_where_it_belongs_and_nowhere_else() {
    let wire = Wire::start().await;
    let other = Wire::start().await;
    wire.reply("/hook", Reply::Status(200, vec![], "ok"));
    wire.reply("/moved", Reply::Status(307, vec![("location", "/hook")], ""));
    wire.reply("/wrong", Reply::Json(json!({"ok": false, "error": "invalid_blocks"})));
    wire.reply("/used", Reply::Status(404, vec![], "used_url"));
    let web = wire.web();
    web.respond(&wire.beside("/hook"), &page()).await.unwrap();
    let body = wire.last().body;
    assert_eq!((&body["response_type"], &body["replace_original"]), (&json!("ephemeral"), &json!(false)));
    assert_eq!(wire.last().bearer, "", "the token is for the API alone");
    let refused = |code: &str| ApiError::Refused(code.to_owned());
    assert_eq!(web.respond(&wire.beside("/moved"), &page()).await.unwrap_err(), refused("http_307"));
    assert_eq!(web.respond(&wire.beside("/used"), &page()).await.unwrap_err(), refused("http_404"));
    assert_eq!(web.respond(&wire.beside("/wrong"), &page()).await.unwrap_err(), refused("invalid_blocks"));
    assert_eq!(wire.seen().len(), 4);
    let port = wire.beside("").rsplit(':').next().unwrap().to_owned();
    let foreign = [
        other.beside("/hook"),
        format!("http://localhost:{port}/hook"),
        format!("http://me@127.0.0.1:{port}/hook"),
        "http://hooks.slack.com/commands/T1/1/x".into(),
        "https://hooks.slack.com.example.com/x".into(),
        "https://notslack.com/x".into(),
        "https://slack.com.evil/x".into(),
        "https://hooks.slack.com:8443/x".into(),
        "https://me:secret@hooks.slack.com/x".into(),
        "https://:secret@hooks.slack.com/x".into(),
        "https://169.254.169.254/latest".into(),
        "file:///etc/passwd".into(),
    ];
    for url in foreign {
        assert_eq!(web.respond(&url, &page()).await.unwrap_err(), refused("foreign_response_url"), "{url}");
    }
    assert_eq!(web.respond("no url", &page()).await.unwrap_err(), refused("bad_response_url"));
    assert_eq!((wire.seen().len(), other.seen().len()), (4, 0));
}

#[tokio::test]
async fn plain_http_is_for_this_machine_alone() {
    let make = |address: &str| Web::new(address, Token::new(SecretString::from("xoxb-1")));
    for address in ["https://slack.com/api", "https://slack.com/api/", "http://127.0.0.1:1/api", "http://[::1]:1/api"] {
        assert!(make(address).is_ok(), "{address}");
    }
    for address in
        ["http://slack.com/api", "http://localhost:1/api", "http://10.0.0.1/api", "ftp://127.0.0.1/", "slack.com", ""]
    {
        assert!(matches!(make(address), Err(SetupError::Address(told)) if told == address), "{address}");
    }
}

#[tokio::test]
async fn p49_a_new_token_is_used_at_once() {
    let wire = Wire::start().await;
    wire.reply("chat.postMessage", posted());
    let token = Wire::token();
    let web = Web::new(&wire.address, token.clone()).unwrap();
    token.replace(SecretString::from("xoxb-second"));
    web.post(&post()).await.unwrap();
    assert_eq!(wire.last().bearer, "Bearer xoxb-second");
    assert!(web.is_shared("C1").await.is_err());
    assert_eq!(wire.last().bearer, "Bearer xoxb-second");
}
