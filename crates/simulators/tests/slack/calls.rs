//! The Web API: who may call, what is refused, what is remembered.

use crate::app::{Bench, HOME, card};
use countersign_simulators::slack::{Author, Fault, id};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_token_must_be_known_and_hold_and_may_do_what_its_scopes_say() {
    let b = Bench::start().await;
    let who = b.call("auth.test", json!({})).await;
    assert_eq!((who["ok"] == true, who["team_id"].as_str()), (true, Some(HOME)), "{who}");
    let stranger = b.slack.call_as("xoxb-no", "auth.test", &json!({}));
    assert_eq!(stranger["error"], "invalid_auth");
    let url = format!("{}/auth.test", b.slack.api_url());
    let nobody: serde_json::Value = b.http.post(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(nobody["error"], "not_authed");
    b.slack.change_workspace(HOME, |it| it.scopes.retain(|scope| scope != "chat:write"));
    let refused = b.call("chat.postMessage", json!({"channel": "C0OPS00001", "text": "x"})).await;
    assert_eq!((refused["error"].as_str(), refused["needed"].as_str()), (Some("missing_scope"), Some("chat:write")));
    b.slack.revoke_token(HOME);
    assert_eq!(b.code("auth.test", json!({})).await, "token_revoked");
    b.slack.replace_token(HOME, "xoxb-new");
    assert_eq!(b.code("auth.test", json!({})).await, "ok");
    b.end().await;
}

#[tokio::test]
async fn a_channel_must_be_there_open_and_the_bot_in_it() {
    let b = Bench::start().await;
    for (channel, wanted) in [
        ("C0OPS00001", "ok"),
        ("C0NOWHERE9", "channel_not_found"),
        ("C0SECRETS2", "channel_not_found"),
        ("C0AWAY0007", "channel_not_found"),
        ("C0ATTIC005", "is_archived"),
        ("C0LOBBY003", "ok"),
    ] {
        assert_eq!(b.code("chat.postMessage", json!({"channel": channel, "text": "x"})).await, wanted, "{channel}");
    }
    b.slack.change_workspace(HOME, |it| it.scopes.retain(|scope| scope != "chat:write.public"));
    assert_eq!(b.code("chat.postMessage", json!({"channel": "C0LOBBY003", "text": "x"})).await, "not_in_channel");
    assert_eq!(b.code("chat.postMessage", json!({"channel": "C0OPS00001"})).await, "no_text");
    let reply = json!({"channel": "C0OPS00001", "text": "x", "thread_ts": "1.000001"});
    assert_eq!(b.code("chat.postMessage", reply).await, "thread_not_found");
    b.end().await;
}

#[tokio::test]
async fn a_message_keeps_its_place_and_its_past() {
    let b = Bench::start().await;
    let posted = Bench::is_ok(b.call("chat.postMessage", json!({"channel": "C0OPS00001", "text": "one"})).await);
    let ts = posted["ts"].as_str().unwrap();
    let update = |ts: &str| json!({"channel": "C0OPS00001", "ts": ts, "text": "two"});
    Bench::is_ok(b.call("chat.update", update(ts)).await);
    let message = b.slack.message("C0OPS00001", ts).unwrap();
    assert_eq!((message.now.text.as_str(), message.before[0].text.as_str()), ("two", "one"));
    assert_eq!(b.code("chat.update", update("1.000001")).await, "message_not_found");
    let other = b.slack.says("bob", "ops", None, "<hi>");
    assert_eq!((other.now.text.as_str(), other.author.clone()), ("&lt;hi&gt;", Author::Person(id("bob"))));
    assert_eq!(b.code("chat.update", update(&other.ts)).await, "cant_update_message");
    b.end().await;
}

#[tokio::test]
async fn what_one_person_sees_cannot_be_changed_and_is_not_read_back() {
    let b = Bench::start().await;
    let post = |user: &str| json!({"channel": "C0OPS00001", "user": user, "text": "x"});
    let ts = Bench::is_ok(b.call("chat.postEphemeral", post(&id("bob"))).await)["message_ts"].clone();
    assert_eq!(
        b.code("chat.update", json!({"channel": "C0OPS00001", "ts": ts, "text": "y"})).await,
        "message_not_found"
    );
    assert_eq!(b.code("chat.postEphemeral", post(&id("mal"))).await, "user_not_in_channel");
    let history = Bench::is_ok(b.look("conversations.history", &[("channel", "C0OPS00001")]).await);
    assert_eq!(history["messages"], json!([]));
    assert_eq!(b.slack.only_for("bob").len(), 1);
    b.end().await;
}

#[tokio::test]
async fn metadata_is_shown_only_to_those_who_ask_for_it() {
    let b = Bench::start().await;
    let metadata = json!({"event_type": "mark", "event_payload": {"mark": "7"}});
    let post = json!({"channel": "C0OPS00001", "text": "root", "metadata": metadata});
    let ts = Bench::is_ok(b.call("chat.postMessage", post).await)["ts"].as_str().unwrap().to_owned();
    let reply = json!({"channel": "C0OPS00001", "text": "reply", "thread_ts": ts});
    Bench::is_ok(b.call("chat.postMessage", reply).await);
    let all = b.look("conversations.history", &[("channel", "C0OPS00001"), ("include_all_metadata", "true")]).await;
    assert_eq!((all["messages"][0]["metadata"].clone(), all["messages"].as_array().unwrap().len()), (metadata, 1));
    let some = b.look("conversations.replies", &[("channel", "C0OPS00001"), ("ts", &ts)]).await;
    assert!(some["messages"][0].get("metadata").is_none(), "{some}");
    assert_eq!(some["messages"][1]["text"], "reply");
    let wrong = json!({"channel": "C0OPS00001", "text": "x", "metadata": {"event_type": 1}});
    assert_eq!(b.code("chat.postMessage", wrong).await, "invalid_metadata_format");
    b.end().await;
}

#[tokio::test]
async fn a_channel_that_is_written_to_too_fast_says_how_long_to_wait() {
    let b = Bench::start().await;
    let post = || json!({"channel": "C0OPS00001", "text": "x"});
    for _ in 0..4 {
        Bench::is_ok(b.call("chat.postMessage", post()).await);
    }
    let answer = b.raw("chat.postMessage", post()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(b.slack.roots("ops").len(), 4);
    b.later(1);
    Bench::is_ok(b.call("chat.postMessage", post()).await);
    b.end().await;
}

#[tokio::test]
async fn faults_come_in_the_order_they_were_asked_for_and_once_each() {
    let b = Bench::start().await;
    b.slack.limited(false);
    let post = |text: &str| json!({"channel": "C0OPS00001", "text": text});
    let faults =
        [Fault::RateLimit(7), Fault::LoseReply, Fault::Drop, Fault::Status(503), Fault::Refuse("internal_error")];
    b.slack.script("chat.postMessage", faults);
    let limited = b.raw("chat.postMessage", post("limited")).await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert!(b.raw("chat.postMessage", post("lost")).await.is_err());
    assert!(b.raw("chat.postMessage", post("dropped")).await.is_err());
    assert_eq!(b.raw("chat.postMessage", post("sorry")).await.unwrap().status().as_u16(), 503);
    assert_eq!(b.code("chat.postMessage", post("refused")).await, "internal_error");
    b.slack.script("chat.postMessage", [Fault::Delay(Duration::from_millis(1))]);
    assert_eq!(b.code("chat.postMessage", post("slow")).await, "ok");
    let said: Vec<String> = b.slack.roots("ops").into_iter().map(|one| one.now.text).collect();
    assert_eq!(said, ["lost", "slow"], "a lost answer belongs to a call that took place");
    b.slack.away(true);
    assert!(b.raw("chat.postMessage", post("away")).await.is_err());
    let outcomes: Vec<String> = b.slack.calls().into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, ["ratelimited", "lost", "dropped", "status", "internal_error", "ok", "away"]);
    b.end().await;
}

#[tokio::test]
async fn people_are_told_with_what_they_are() {
    let b = Bench::start().await;
    let flag = async |who: &str, flag: &str| b.look("users.info", &[("user", &id(who))]).await["user"][flag].clone();
    assert_eq!(flag("ann", "is_restricted").await, false);
    assert_eq!(flag("gil", "is_restricted").await, true);
    assert_eq!(flag("pip", "is_ultra_restricted").await, true);
    assert_eq!(flag("sam", "is_stranger").await, true);
    assert_eq!(flag("rob", "is_bot").await, true);
    assert_eq!(flag("ola", "deleted").await, true);
    assert_eq!(flag("una", "is_email_confirmed").await, false);
    let ann = b.look("users.info", &[("user", &id("ann"))]).await;
    assert!(ann["user"]["profile"].get("email").is_none(), "an address has a scope of its own");
    assert_eq!(b.look("users.info", &[("user", &id("mal"))]).await["error"], "user_not_visible");
    assert_eq!(b.code("users.info", json!({"user": id("ann")})).await, "invalid_arguments", "it takes no JSON");
    b.end().await;
}

#[tokio::test]
async fn a_direct_conversation_is_opened_with_people_alone() {
    let b = Bench::start().await;
    let opened = Bench::is_ok(b.call("conversations.open", json!({"users": id("ann")})).await);
    let channel = opened["channel"]["id"].clone();
    Bench::is_ok(b.call("chat.postMessage", json!({"channel": channel, "text": "hello"})).await);
    assert_eq!(b.slack.direct("ann")[0].now.text, "hello");
    assert_eq!(b.code("conversations.open", json!({"users": id("ola")})).await, "user_disabled");
    assert_eq!(b.code("conversations.open", json!({"users": id("rob")})).await, "cannot_dm_bot");
    let shared = b.look("conversations.info", &[("channel", "C0PARTNER4")]).await;
    assert_eq!(shared["channel"]["is_ext_shared"], true);
    b.end().await;
}

#[tokio::test]
async fn a_permalink_names_the_message() {
    let b = Bench::start().await;
    let posted = b.call("chat.postMessage", json!({"channel": "C0OPS00001", "text": "x", "blocks": card("a")})).await;
    let ts = posted["ts"].as_str().unwrap();
    let link = Bench::is_ok(b.look("chat.getPermalink", &[("channel", "C0OPS00001"), ("message_ts", ts)]).await);
    let wanted = format!("https://home.slack.com/archives/C0OPS00001/p{}", ts.replace('.', ""));
    assert_eq!(link["permalink"], wanted);
    b.end().await;
}
