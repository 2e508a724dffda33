//! What reaches a log.

use crate::office::{destructive, value};
use crate::payloads::{
    CARD, CHANNEL, Installed, changed, click, command, event, form, mention, payload, submission, typed_name,
    typed_reason,
};
use crate::world::{SECRET, World};
use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn p58_no_log_holds_texts_tokens_signatures_triggers_or_response_urls() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    // With one subscriber alone, whoever logs first asks the one of its own thread and remembers a no.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    // For every thread: what the other tests log meanwhile is looked through as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let world = World::start().await;
    let card = destructive("x");
    world.office.ask(CHANNEL, CARD, card.clone());
    let mut signatures = Vec::new();
    for broken in [false, true] {
        world.slack.answers_nowhere.store(broken, Ordering::SeqCst);
        world.slack.opens_nothing.store(broken, Ordering::SeqCst);
        let nth = u8::from(broken);
        let trigger = |of: &str| format!("77{nth}.trigger.{of}");
        let (one, two) = (trigger("a"), trigger("b"));
        let text = format!("nonsense hunter2 --token xoxb-{nth}");
        let good = world.sign("/slack/commands", form(&command(&one, &text)));
        let odd = form(&changed(command(&two, &text), "user_id", None));
        let mut letters = vec![
            good.clone(),
            good.clone(),
            good.clone().with("x-slack-signature", &format!("v0={}", "ab".repeat(32))),
            good.with("x-slack-request-timestamp", "17"),
            world.sign("/slack/commands", odd),
            world.sign("/slack/interactions", form(&[("payload", "{\"type\": \"hunter2")])),
            world.sign("/slack/events", "{\"type\": \"hunter2"),
        ];
        for action in ["approve", "reject", "show-whole", "cancel", "run"] {
            let it = click(Installed::Workspace, "U0BOB00001", &trigger(action), (action, &value(&card)));
            letters.push(world.sign("/slack/interactions", payload(&it)));
        }
        for (purpose, values) in [("approve", typed_name("hunter2")), ("reject", typed_reason(Some("hunter2")))] {
            let it = submission(
                Installed::Workspace,
                "U0BOB00001",
                &trigger(&format!("w{purpose}")),
                (purpose, &value(&card)),
                values,
            );
            letters.push(world.sign("/slack/interactions", payload(&it)));
        }
        let said = mention("U0ANN00001", &format!("1795222799.00010{nth}"), "<@U0CS000001> nonsense hunter2");
        let mut given = mention("U0ANN00001", &format!("1795222799.00020{nth}"), "<@U0CS000001> kubectl apply hunter2");
        given["files"] =
            serde_json::json!([{ "id": "F0HUNTER22", "name": "hunter2", "url_private": "https://hunter2" }]);
        letters.push(world.sign("/slack/events", event(Installed::Workspace, &format!("EvF{nth}"), given).to_string()));
        let revoked = serde_json::json!({ "type": "tokens_revoked", "tokens": { "bot": ["U0CS000001"] } });
        letters.push(world.sign("/slack/events", event(Installed::Workspace, &format!("EvA{nth}"), said).to_string()));
        letters
            .push(world.sign("/slack/events", event(Installed::Workspace, &format!("EvB{nth}"), revoked).to_string()));
        for letter in letters {
            signatures.push(letter.header("x-slack-signature")[3..].to_owned());
            world.send(&letter).await;
            world.settled().await;
        }
    }
    tracing::info!("{:?}", world.front);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for spoken in [
        "refused-signature",
        "refused-malformed",
        "tokens revoked",
        "window could not be opened",
        "direct conversation",
        "file could not be read",
    ] {
        assert!(log.contains(spoken), "`{spoken}` is not in the log, so nothing was looked through:\n{log}");
    }
    let secrets = [
        "hunter2",
        "xoxb",
        ".trigger.",
        "hooks.slack.com",
        "96rGlfmibIGlgcZRskXaIFfN",
        SECRET,
        "gIkuvaNzQIHg97ATvDxqgjtO",
        "Shh_its",
    ];
    for secret in secrets.into_iter().chain(signatures.iter().map(String::as_str)) {
        assert!(!log.contains(secret), "`{secret}` is in the log:\n{log}");
    }
}

#[test]
fn p58_what_holds_a_secret_does_not_print_it() {
    let secrets = countersign_slack::Secrets::new(SECRET.into(), Some("older-secret".into()));
    let settings = countersign_slack::Settings::new(crate::world::allowed(), secrets);
    let printed = format!("{settings:?}");
    assert!(!printed.contains(SECRET) && !printed.contains("older-secret"), "{printed}");
}
