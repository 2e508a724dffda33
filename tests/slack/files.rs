//! Manifests that are files in Slack: from the attached file to the cluster, and every file that is none of these.

use crate::world::{HOME, World};
use countersign_audit::event::Kind;
use countersign_command::{Attachment, Context, Typed};
use countersign_core::digest::Digest;
use countersign_simulators::slack::{File, Message, Outcome, Serve, Slack, id};
use futures_util::FutureExt as _;
use serde_json::Value;
use std::fmt::Write as _;
use tokio::net::TcpListener;

const APPLY: &str = "kubectl apply -n payments --context dev --apply";

/// A manifest of at least so many bytes.
fn settings(bytes: usize) -> String {
    let mut text = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata:\n".to_owned();
    let mut nth = 0;
    while text.len() < bytes {
        writeln!(text, "  setting-{nth:05}: the api waits so many seconds before it asks for the {nth}. time")
            .expect("a string grows");
        nth += 1;
    }
    text
}

/// The digest of what kubectl gets for this line with this manifest.
fn digest(w: &World, line: &str, manifest: &str) -> Digest {
    let attachment = Some(Attachment { text: manifest.to_owned(), source: None });
    let policy = w.demo.installation.policy.current();
    let context = Context { channel: None, attachment };
    let typed = countersign_command::parse(line, &context, policy.vocabulary()).expect("it parses");
    let Typed::Run { command, .. } = typed else { panic!("it is a command") };
    command.stdin().expect("it has one").digest()
}

/// The data of the applied object.
fn applied(w: &World, cluster: &str) -> Option<Value> {
    Some(w.demo.clusters[cluster].object("configmaps", Some("payments"), "settings")?["data"].clone())
}

/// How often the app looked up or fetched files.
fn looked(slack: &Slack) -> usize {
    slack.calls().iter().filter(|call| call.method == "files.info" || call.method == "files-pri").count()
}

impl World {
    /// Ann mentions the app in this thread with these files.
    async fn mentions(&self, talk: &Message, text: &str, files: &[&str]) {
        let message = self.slack.mentions("ann", &talk.channel, Some(&talk.ts), text, files);
        self.announces(&message).await;
    }

    async fn announces(&self, message: &Message) {
        let tries = self.slack.announce(message).await;
        assert!(tries.len() == 1 && tries[0].outcome.is_acknowledged(), "{tries:?}");
    }

    /// What somebody reads next in their direct conversation with the app.
    async fn reads(&self, who: &str, nth: usize) -> String {
        self.sees(&format!("{who} is told"), |slack| slack.direct(who).into_iter().nth(nth)).await.read()
    }
}

#[tokio::test]
async fn a_large_file_shared_in_a_thread_is_applied() {
    let w = World::start().await;
    let manifest = settings(200 << 10);
    let talk = w.slack.says("bob", "ops", None, "can you bring the settings?");
    let file = w.slack.upload("ann", "settings.yaml", manifest.clone());
    w.mentions(&talk, APPLY, &[&file]).await;
    let thread = w.says(&talk, "exit code 0").await;
    let digest = digest(&w, APPLY, &manifest).to_string();
    assert!(thread.contains(&digest), "the card names {digest}:\n{thread}");
    let data = applied(&w, "dev").expect("it was applied");
    let lines = manifest.lines().count() - 4;
    assert_eq!(data.as_object().map(serde_json::Map::len), Some(lines));
    // The record holds what was applied, and the line without it.
    let records = w.records().await;
    let intent = records.iter().rfind(|one| one.event.kind == Kind::Intent).expect("it ran");
    assert!(serde_json::to_string(&intent.event).expect("it is JSON").contains(&digest));
    assert!(records.iter().filter_map(|one| one.event.typed.as_ref()).all(|typed| typed.text == APPLY));
    assert!(w.slack.direct("ann").is_empty(), "{}", w.slack.transcript());
    w.end().await;
}

/// There an event names the file and no more.
#[tokio::test]
async fn a_file_in_a_channel_that_others_share_is_looked_up() {
    let w = World::start().await;
    let talk = w.slack.says("ann", "partners", None, "a moment");
    let file = w.slack.upload("ann", "settings.yaml", settings(100));
    w.mentions(&talk, APPLY, &[&file]).await;
    let root = w.sees("there is a direct conversation", |slack| slack.direct("ann").into_iter().next()).await;
    w.says(&root, "exit code 0").await;
    assert!(applied(&w, "dev").is_some());
    w.end_whatever_slack_refused().await;
}

#[tokio::test]
async fn a_file_given_in_the_window_is_shown_agreed_to_and_applied() {
    let w = World::start().await;
    let line = "/kubectl apply -f - -n payments --context prod --reason settings --apply";
    let manifest = settings(4_000);
    w.types("ann", "ops", line).await;
    let view = w.sees("there is a window", |slack| slack.screen("ann")).await;
    let kinds: Vec<_> = view.fields().into_iter().map(|(block, _, kind)| (block, kind)).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    // First one of somebody else, which the window says no to.
    let others = w.slack.upload("bob", "settings.yaml", manifest.clone());
    w.slack.submit_with(&view, &[], &[("manifest-file", &[&others])]).await;
    let told = w.slack.view(&view.id).expect("it is open");
    assert!(told.open && told.errors["manifest-file"].contains("somebody else's"), "{told:?}");
    let picture = w.slack.upload("ann", "settings.png", manifest.clone());
    let refused = w.slack.submit_with(&told, &[], &[("manifest-file", &[&picture])]).await;
    assert_eq!(refused.outcome, Outcome::NotSent);
    let own = w.slack.upload("ann", "settings.yaml", manifest.clone());
    w.slack.submit_with(&told, &[], &[("manifest-file", &[&own])]).await;
    let root = w.sees("there is a thread", |slack| slack.roots("ops").into_iter().next()).await;
    let view = w.opens("bob", &root).await;
    let digest = digest(&w, line, &manifest).to_string();
    assert!(view.read().contains("\"setting-00000\"") && view.read().contains(&digest), "{}", view.read());
    assert!(applied(&w, "prod").is_none());
    w.slack.submit(&view, &[]).await;
    let thread = w.says(&root, "exit code 0").await;
    assert!(thread.contains(&digest), "{thread}");
    assert!(applied(&w, "prod").is_some());
    w.end().await;
}

/// More than a window of Slack's can show: nobody agrees to what nobody can see, and Slack takes every window.
#[tokio::test]
async fn p30_a_file_that_no_window_can_show_is_not_agreed_to_in_slack() {
    let w = World::start().await;
    let talk = w.slack.says("bob", "ops", None, "can you bring the settings?");
    let file = w.slack.upload("ann", "settings.yaml", settings(250 << 10));
    w.mentions(&talk, "kubectl apply -n payments --context prod --reason settings --apply", &[&file]).await;
    let card = w.sees("there is a card", |slack| {
        slack.thread(&talk).into_iter().find(|one| one.buttons().iter().any(|(id, _)| id == "show-whole"))
    });
    let card = card.await;
    assert!(card.buttons().iter().all(|(id, _)| id != "approve"), "{:?}", card.buttons());
    let view = w.opens("bob", &card).await;
    assert!(!view.can_be_submitted() && view.read().contains("The console shows all of it"), "{}", view.read());
    w.presses("ann", &card, "cancel").await;
    w.says(&talk, "cancelled").await;
    assert!(applied(&w, "prod").is_none());
    w.end().await;
}

/// How a file is spoilt, and what is said then.
type Attack<'a> = (Box<dyn FnOnce(&mut File) + 'a>, &'static str);

#[tokio::test]
async fn p55_no_file_that_is_not_a_text_of_the_asker_kept_by_slack_is_read() {
    let w = World::start().await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = format!("http://{}/settings.yaml", elsewhere.local_addr().expect("it listens"));
    let attacks: Vec<Attack<'_>> = vec![
        (Box::new(|file| file.serve = Serve::Endless), "longer than 262144 bytes"),
        (Box::new(|file| file.size = (256 << 10) + 1), "longer than 262144 bytes"),
        (Box::new(|file| (file.content, file.size) = (vec![b' '; (256 << 10) + 1], 9)), "longer than 262144 bytes"),
        (Box::new(|file| file.content = vec![0x7f, b'E', b'L', b'F', 2, 0, 0xff]), "not text in UTF-8"),
        (Box::new(|file| file.serve = Serve::Redirect(address.clone())), "does not give the file"),
        (Box::new(|file| file.address = Some(address.clone())), "not kept by Slack"),
        (Box::new(|file| file.address = Some("https://files.slack.com/files-pri/T1-F1/x".into())), "not kept by Slack"),
        (Box::new(|file| file.serve = Serve::LoginPage), "does not give the file"),
        (Box::new(|file| file.user = id("bob")), "somebody else's"),
        (Box::new(|file| (file.external, file.mode) = (true, "external".into())), "no text file that Slack keeps"),
        (Box::new(|file| file.mode = "space".into()), "no text file that Slack keeps"),
        (Box::new(|file| file.deleted = true), "deleted meanwhile"),
        (Box::new(|file| file.serve = Serve::Gone), "deleted meanwhile"),
        (Box::new(|file| file.content = b"kind: ConfigMap\nkind: Secret\n".to_vec()), "`kind`"),
    ];
    let talk = w.slack.says("bob", "ops", None, "can you bring the settings?");
    // One direct conversation hears more than Slack would like.
    w.slack.limited(false);
    let count = attacks.len();
    for (nth, (spoil, wanted)) in attacks.into_iter().enumerate() {
        let file = w.slack.upload("ann", "settings.yaml", settings(100));
        let message = w.slack.mentions("ann", "ops", Some(&talk.ts), APPLY, &[&file]);
        // Between asking and fetching.
        w.slack.change_file(&file, spoil);
        w.announces(&message).await;
        let told = w.reads("ann", nth).await;
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let [one, other] = [(); 2].map(|()| w.slack.upload("ann", "settings.yaml", settings(100)));
    w.mentions(&talk, APPLY, &[&one, &other]).await;
    assert!(w.reads("ann", count).await.contains("2 files came"));
    w.mentions(&talk, &format!("{APPLY} ```kind: ConfigMap```"), &[&one]).await;
    assert!(w.reads("ann", count + 1).await.contains("two manifests came"));
    w.slack.change_workspace(HOME, |it| it.scopes.retain(|scope| scope != "files:read"));
    w.mentions(&talk, APPLY, &[&one]).await;
    assert!(w.reads("ann", count + 2).await.contains("files:read"));
    assert!(elsewhere.accept().now_or_never().is_none(), "nobody was called");
    assert!(applied(&w, "dev").is_none());
    // Each of them is on record as a no to ann, and nothing else is.
    let records = w.records().await;
    let refused = records.iter().filter(|one| one.event.kind == Kind::Refused);
    assert!(refused.clone().all(|one| one.event.typed.as_ref().is_some_and(|typed| typed.text == APPLY)));
    assert_eq!((refused.count(), w.received().await, w.runs().await.len()), (count + 3, 0, 0));
    assert_eq!(w.slack.thread(&talk).len(), 1 + count + 3, "{}", w.slack.transcript());
    w.end().await;
}

#[tokio::test]
async fn p33_files_of_people_who_may_not_ask_are_left_alone() {
    let w = World::start().await;
    for (who, channel) in [("sam", "partners"), ("gil", "ops"), ("pip", "ops"), ("rob", "ops")] {
        let file = w.slack.upload(who, "settings.yaml", settings(100));
        w.announces(&w.slack.mentions(who, channel, None, APPLY, &[&file])).await;
    }
    let refused = |records: &[countersign_audit::record::Record]| {
        records.iter().filter(|one| one.event.kind == Kind::Refused).count()
    };
    w.reads("gil", 0).await;
    w.reads("sam", 0).await;
    w.reads("pip", 0).await;
    assert!((3..=4).contains(&refused(&w.records().await)));
    assert_eq!((looked(&w.slack), applied(&w, "dev")), (0, None));
    w.end_whatever_slack_refused().await;
}

#[tokio::test]
async fn a_file_of_another_message_is_not_taken_and_the_answer_says_how_to_attach_one() {
    let w = World::start().await;
    let file = w.slack.upload("ann", "settings.yaml", settings(100));
    let talk = w.slack.says_with("ann", "ops", None, "here they are", &[&file]);
    for (nth, line) in [APPLY, "kubectl apply -f - -n payments --context dev --apply"].into_iter().enumerate() {
        w.mentions(&talk, line, &[]).await;
        let told = w.reads("ann", nth).await;
        assert!(told.contains("one text file attached to it") && told.contains("code block"), "{told}");
    }
    assert_eq!((looked(&w.slack), applied(&w, "dev")), (0, None));
    w.end().await;
}
