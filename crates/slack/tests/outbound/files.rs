//! Files: looked up, and fetched from the one host that keeps them.

use crate::support::limits::check_view;
use crate::support::wire::{Reply, Wire};
use countersign_slack::api::{ApiError, File, SlackApi as _};
use countersign_slack::render::{self, Files};
use serde_json::json;

fn refused(code: &str) -> ApiError {
    ApiError::Refused(code.to_owned())
}

fn at(address: String) -> File {
    File { id: "F1".into(), url_private_download: Some(address), ..File::default() }
}

#[test]
fn the_window_asks_for_a_text_or_for_one_file() {
    let view = render::manifest("{}", Files::Taken);
    check_view(&view);
    let view = serde_json::to_value(view).unwrap();
    let inputs: Vec<_> = view["blocks"].as_array().unwrap().iter().filter(|block| block["type"] == "input").collect();
    assert_eq!(inputs.len(), 2, "{view}");
    assert!(inputs.iter().all(|input| input["optional"] == true), "either is enough: {view}");
    let element = json!({"type": "file_input", "action_id": "manifest-given", "max_files": 1,
        "filetypes": ["yaml", "yml", "json", "txt"]});
    assert_eq!((&inputs[1]["block_id"], &inputs[1]["element"]), (&json!("manifest-file"), &element));
    let view = render::manifest("{}", Files::NotTaken);
    check_view(&view);
    let view = serde_json::to_value(view).unwrap();
    assert!(!view.to_string().contains("file_input") && view["blocks"][1]["optional"] != true, "{view}");
}

#[tokio::test]
async fn a_file_is_looked_up_by_its_name() {
    let wire = Wire::start().await;
    let file = json!({"id": "F1", "user": "U1", "mode": "snippet", "is_external": false, "size": 3, "new": {}});
    wire.reply("files.info", Reply::Json(json!({"ok": true, "file": file, "comments": []})));
    let found = wire.web().file("F1").await.unwrap();
    let expected = File { id: "F1".into(), user: Some("U1".into()), mode: Some("snippet".into()), ..File::default() };
    assert_eq!(found, File { is_external: Some(false), size: Some(3), ..expected });
    assert_eq!((wire.last().form.as_str(), wire.last().path.as_str()), ("file=F1", "files.info"));
    wire.reply("files.info", Reply::Json(json!({"ok": false, "error": "file_deleted"})));
    assert_eq!(wire.web().file("F1").await.unwrap_err(), refused("file_deleted"));
}

#[tokio::test]
async fn its_content_is_fetched_with_the_token_and_read_to_the_limit() {
    let wire = Wire::start().await;
    wire.reply("/files-pri/T1-F1/download/a", Reply::Status(200, vec![("content-type", "text/plain")], "four"));
    let web = wire.web();
    let file = at(wire.beside("/files-pri/T1-F1/download/a"));
    assert_eq!(web.content(&file, 4).await.unwrap(), b"four");
    assert_eq!(wire.last().bearer, "Bearer xoxb-canary-token");
    assert_eq!(web.content(&file, 3).await.unwrap_err(), refused("file_too_long"));
    let only = File { url_private: file.url_private_download.clone(), url_private_download: None, ..file.clone() };
    assert_eq!(web.content(&only, 4).await.unwrap(), b"four");
    assert!(!format!("{file:?}").contains("127.0.0.1"), "{file:?}");
}

#[tokio::test]
async fn a_host_that_never_answers_is_not_waited_for() {
    let wire = Wire::start().await;
    wire.reply("/silent", Reply::Silence).reply("files.info", Reply::Silence);
    assert_eq!(wire.impatient().content(&at(wire.beside("/silent")), 99).await.unwrap_err(), ApiError::Lost);
    assert_eq!(wire.impatient().file("F1").await.unwrap_err(), ApiError::Lost);
}

#[tokio::test]
async fn p55_the_token_goes_to_no_other_host_and_no_redirect_is_followed() {
    let (wire, other) = (Wire::start().await, Wire::start().await);
    let elsewhere: &'static str = other.beside("/x").leak();
    wire.reply("/moved", Reply::Status(302, vec![("location", elsewhere)], ""));
    wire.reply("/near", Reply::Status(307, vec![("location", "/there")], ""));
    wire.reply("/there", Reply::Status(200, vec![], "x"));
    let page = "<!DOCTYPE html><html>Sign in</html>";
    wire.reply("/page", Reply::Status(200, vec![("content-type", "Text/HTML; charset=utf-8")], page));
    wire.reply("/gone", Reply::Status(404, vec![], "x"));
    let web = wire.web();
    for (path, code) in [("/moved", "http_302"), ("/near", "http_307"), ("/page", "login_page"), ("/gone", "http_404")]
    {
        assert_eq!(web.content(&at(wire.beside(path)), 99).await.unwrap_err(), refused(code));
    }
    assert!(wire.seen().iter().all(|seen| seen.path != "/there"));
    let port = wire.beside("").rsplit(':').next().unwrap().to_owned();
    for address in [
        other.beside("/x"),
        format!("http://localhost:{port}/there"),
        format!("http://me@127.0.0.1:{port}/there"),
        format!("https://127.0.0.1:{port}/there"),
        "https://files.slack.com/files-pri/T1-F1/a".into(),
        "https://169.254.169.254/latest".into(),
        "file:///etc/passwd".into(),
        "no address".into(),
        String::new(),
    ] {
        assert_eq!(
            web.content(&at(address.clone()), 99).await.unwrap_err(),
            refused("foreign_file_address"),
            "{address}"
        );
    }
    assert_eq!(web.content(&File::default(), 99).await.unwrap_err(), refused("foreign_file_address"));
    // The second address is no way out for the first.
    let both = File { url_private: Some(wire.beside("/there")), ..at(other.beside("/x")) };
    assert_eq!(web.content(&both, 99).await.unwrap_err(), refused("foreign_file_address"));
    assert_eq!((wire.seen().len(), other.seen().len()), (4, 0));
}
