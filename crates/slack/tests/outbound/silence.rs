//! What logs and errors do not say.

use crate::support::cards::NOW;
use crate::support::wire::{Reply, TOKEN, Wire};
use countersign_slack::api::{Post, SlackApi};
use countersign_slack::render::Page;
use serde_json::json;
use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::LevelFilter;

/// Everything that was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The message of an error, how it prints, and all of its causes.
fn told(error: &(dyn Error + 'static)) -> String {
    let cause = error.source().map(told).unwrap_or_default();
    format!("{error} {error:?} {cause}")
}

#[tokio::test]
async fn p58_no_log_and_no_error_holds_what_is_sent() {
    let log = Log::default();
    let writer = log.clone();
    // For the whole process, records of the `log` crate included: libraries speak through both.
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).init();
    let wire = Wire::start().await;
    let page = Page::message("canary-text");
    let post = Post { channel: "C1".into(), thread: None, page: page.clone(), mark: "mark-1".into(), since: NOW };
    let web = wire.web();
    let view = countersign_slack::render::reject("canary-metadata");
    let mut said = format!("{web:?} {post:?} {page:?} {:?}", Wire::token());
    let codes = json!({"ok": false, "error": "canary-error text", "detail": "canary-answer"});
    for reply in [
        Reply::Json(codes),
        Reply::Status(500, vec![], "canary-answer"),
        Reply::Status(429, vec![("content-type", "application/json")], "canary-answer"),
        Reply::Status(200, vec![("content-type", "application/json")], "{canary-answer"),
        Reply::Status(302, vec![("location", "/canary-elsewhere")], ""),
        Reply::Silence,
    ] {
        let web = if matches!(reply, Reply::Silence) { wire.impatient() } else { wire.web() };
        for path in ["chat.postMessage", "users.info", "auth.test", "views.open", "/hook/canary-hook"] {
            wire.reply(path, reply.clone());
        }
        said += &told(&web.post(&post).await.unwrap_err());
        said += &told(&web.user("U1").await.unwrap_err());
        said += &told(&web.open_view("canary-trigger", &view).await.unwrap_err());
        // An unreadable answer with a good status is a yes here.
        if let Err(error) = web.respond(&wire.beside("/hook/canary-hook"), &page).await {
            said += &told(&error);
        }
        said += &told(&web.respond("https://example.com/canary-foreign", &page).await.unwrap_err());
    }
    assert!(wire.seen().iter().any(|seen| seen.bearer.contains(TOKEN)), "it was sent");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("hyper"), "the libraries did speak");
    for line in said.lines().chain(logged.lines()) {
        assert!(!line.contains("canary"), "{line}");
    }
}
