//! Files: attached to messages, put into modals, looked up, fetched.

use crate::app::{Bench, HOME};
use countersign_simulators::slack::{File, Outcome, Serve, id};
use serde_json::{Value, json};

const TEXT: &str = "kind: ConfigMap\n";

impl Bench {
    /// A file of ann's, shared in this channel.
    fn shared(&self, channel: &str) -> String {
        let file = self.slack.upload("ann", "a.yaml", TEXT);
        drop(self.slack.says_with("ann", channel, None, "look", &[&file]));
        file
    }

    async fn info(&self, file: &str) -> Value {
        self.look("files.info", &[("file", file)]).await
    }

    async fn address(&self, file: &str) -> String {
        Self::is_ok(self.info(file).await)["file"]["url_private_download"].as_str().unwrap().to_owned()
    }

    /// Fetches without following redirects; the status, where it leads, and the body.
    async fn fetch(&self, address: &str, token: Option<&str>) -> (u16, Option<String>, String) {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = http.get(address);
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let answer = request.send().await.unwrap();
        let location = answer.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location, answer.text().await.unwrap())
    }

    fn without_scope(&self) {
        self.slack.change_workspace(HOME, |it| it.scopes.retain(|scope| scope != "files:read"));
    }
}

#[tokio::test]
async fn a_file_is_seen_where_it_was_shared_with_the_app_and_nowhere_else() {
    let b = Bench::start().await;
    let shared = b.shared("ops");
    let file = Bench::is_ok(b.info(&shared).await)["file"].clone();
    assert_eq!((file["user"].as_str(), file["size"].as_u64()), (Some(id("ann").as_str()), Some(16)), "{file}");
    assert_eq!((&file["mode"], &file["is_external"]), (&json!("snippet"), &json!(false)));
    let unseen = b.shared("secrets");
    let kept = b.slack.upload("ann", "b.yaml", TEXT);
    for id in [unseen.as_str(), &kept, "F0NOWHERE9"] {
        assert_eq!(b.info(id).await["error"], "file_not_found", "{id}");
    }
    assert_eq!(b.code("files.info", json!({"file": shared})).await, "invalid_arguments", "it takes no JSON");
    b.slack.change_file(&shared, |file| file.deleted = true);
    assert_eq!(b.info(&shared).await["error"], "file_deleted");
    b.without_scope();
    let refused = b.info(&shared).await;
    assert_eq!((refused["error"].as_str(), refused["needed"].as_str()), (Some("missing_scope"), Some("files:read")));
    b.end().await;
}

#[tokio::test]
async fn its_content_is_for_whoever_holds_a_token_with_the_scope() {
    let b = Bench::start().await;
    let file = b.shared("ops");
    let (address, token) = (b.address(&file).await, b.slack.token(HOME));
    assert_eq!(b.fetch(&address, Some(&token)).await, (200, None, TEXT.to_owned()));
    for stranger in [None, Some("xoxb-no"), Some(b.slack.token("T0AWAY0002").as_str())] {
        let (status, leads, _) = b.fetch(&address, stranger).await;
        assert_eq!(status, 302, "{stranger:?}");
        let page = b.http.get(leads.unwrap()).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("Sign in"), "{page}");
    }
    // A token in the address is none.
    assert_eq!(b.fetch(&format!("{address}?token={token}"), None).await.0, 302);
    b.without_scope();
    assert_eq!(b.fetch(&address, Some(&token)).await.0, 302);
    b.end().await;
}

#[tokio::test]
async fn what_is_fetched_can_go_wrong_in_every_way() {
    let b = Bench::start().await;
    let file = b.shared("ops");
    let (address, token) = (b.address(&file).await, b.slack.token(HOME));
    let serve = |serve: Serve| b.slack.change_file(&file, |it: &mut File| it.serve = serve);
    serve(Serve::Redirect("http://127.0.0.1:9/x".into()));
    assert_eq!(b.fetch(&address, Some(&token)).await.1.as_deref(), Some("http://127.0.0.1:9/x"));
    serve(Serve::Gone);
    assert_eq!(b.fetch(&address, Some(&token)).await.0, 404);
    serve(Serve::LoginPage);
    let (status, _, body) = b.fetch(&address, Some(&token)).await;
    assert!(status == 200 && body.contains("Sign in"), "{status} {body}");
    serve(Serve::Endless);
    let mut answer = b.http.get(&address).bearer_auth(&token).send().await.unwrap();
    assert!(answer.content_length().is_none());
    let mut read = 0;
    while read < 1 << 20 {
        read += answer.chunk().await.unwrap().expect("there is always more").len();
    }
    drop(answer);
    let outcomes: Vec<String> =
        b.slack.calls().into_iter().filter(|call| call.method == "files-pri").map(|call| call.outcome).collect();
    assert_eq!(outcomes, ["302", "404", "ok", "ok"]);
    b.end().await;
}

#[tokio::test]
async fn an_event_holds_the_files_and_only_their_names_where_others_share_the_channel() {
    let b = Bench::start().await;
    let file = b.slack.upload("ann", "a.yaml", TEXT);
    let message = b.slack.mentions("ann", "ops", None, "kubectl apply", &[&file]);
    assert_eq!(b.count(), 0, "nobody is told before");
    b.slack.announce(&message).await;
    let event = b.got().1["event"].clone();
    assert_eq!((&event["type"], &event["files"][0]["id"]), (&json!("app_mention"), &json!(file)));
    assert!(event["files"][0]["url_private"].is_string(), "{event}");
    let message = b.slack.mentions("ann", "partners", None, "kubectl apply", &[&file]);
    b.slack.announce(&message).await;
    let named = b.got().1["event"]["files"][0].clone();
    assert_eq!((&named["id"], &named["file_access"]), (&json!(file), &json!("check_file_info")));
    assert!(named["url_private"].is_null(), "{named}");
    b.slack.mention("ann", "ops", None, "x").await;
    assert!(b.got().1["event"]["files"].is_null());
    let history = b.look("conversations.history", &[("channel", "C0OPS00001")]).await;
    assert_eq!(history["messages"][1]["files"][0]["id"], json!(file), "{history}");
    b.end().await;
}

fn asks(most: u64, optional: bool) -> Value {
    let text = |text: &str| json!({"type": "plain_text", "text": text});
    json!({"type": "modal", "callback_id": "ask", "title": text("Ask"), "submit": text("Go"), "blocks": [
        {"type": "input", "block_id": "file", "label": text("File"), "optional": optional,
            "element": {"type": "file_input", "action_id": "it", "filetypes": ["yaml"], "max_files": most}}]})
}

#[tokio::test]
async fn a_modal_takes_files_of_the_kinds_and_as_many_as_it_says() {
    let b = Bench::start().await;
    let open = async |view: Value| {
        let trigger = b.slack.command("ann", "ops", "/kubectl", "x").await.trigger.unwrap();
        b.code("views.open", json!({"trigger_id": trigger, "view": view})).await
    };
    for most in [0, 11] {
        assert_eq!(open(asks(most, false)).await, "invalid_arguments", "{most}");
    }
    assert_eq!(open(asks(1, false)).await, "ok");
    let view = b.slack.screen("ann").unwrap();
    let [one, other] = ["a.yaml", "b.yaml"].map(|name| b.slack.upload("ann", name, TEXT));
    let picture = b.slack.upload("ann", "c.png", TEXT);
    let large = b.slack.upload("ann", "d.yaml", vec![b' '; (10 << 20) + 1]);
    let sent = b.count();
    for files in [&[][..], &[one.as_str(), &other], &[picture.as_str()], &[large.as_str()]] {
        let delivery = b.slack.submit_with(&view, &[], &[("file", files)]).await;
        assert_eq!(delivery.outcome, Outcome::NotSent, "{files:?}");
    }
    assert_eq!(b.count(), sent);
    b.slack.submit_with(&view, &[], &[("file", &[&one])]).await;
    let given = b.payload()["view"]["state"]["values"]["file"]["it"].clone();
    assert_eq!((&given["type"], &given["files"][0]["id"]), (&json!("file_input"), &json!(one)));
    // What was put into its modal, the app can read.
    let (address, token) = (b.address(&one).await, b.slack.token(HOME));
    assert_eq!(b.fetch(&address, Some(&token)).await.2, TEXT);
    assert_eq!(open(asks(1, true)).await, "ok");
    b.slack.submit(&b.slack.screen("ann").unwrap(), &[]).await;
    assert_eq!(b.payload()["view"]["state"]["values"]["file"]["it"]["files"], json!([]));
    b.without_scope();
    assert_eq!(open(asks(1, true)).await, "missing_scope");
    let message = json!([asks(1, true)["blocks"][0]]);
    assert_eq!(b.code("chat.postMessage", json!({"channel": "C0OPS00001", "blocks": message})).await, "invalid_blocks");
    b.end().await;
}
