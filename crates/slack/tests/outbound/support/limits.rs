//! What Slack takes, and what must never be sent: checked on the JSON that goes out.
//!
//! Source: Slack, "Blocks", "Composition objects", "Views".

use countersign_core::refusal::is_deceptive;
use countersign_slack::render::Page;
use serde_json::Value;
use slack_morphism::prelude::SlackView;

/// A message within the limits and without markup.
#[track_caller]
pub(crate) fn check_page(page: &Page) {
    let blocks = serde_json::to_value(page.blocks()).unwrap();
    assert!(blocks.as_array().unwrap().len() <= 50);
    assert!(blocks.to_string().len() <= 13_000, "{} bytes", blocks.to_string().len());
    check_blocks(&blocks);
    let text = page.text();
    assert!(text.chars().count() <= 4_000 && !text.is_empty());
    assert!(!text.contains(['<', '>']) && !text.chars().any(is_deceptive), "{text:?}");
    let bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    assert!(!bare.contains('&'), "{text:?}");
}

/// A modal within the limits and without markup.
#[track_caller]
pub(crate) fn check_view(view: &SlackView) {
    let view = serde_json::to_value(view).unwrap();
    assert_eq!(view["type"], "modal");
    assert!(view.to_string().len() <= 250_000);
    assert!(view["blocks"].as_array().unwrap().len() <= 100);
    for key in ["title", "submit", "close"] {
        if let Some(text) = view.get(key) {
            check_plain(text, 24);
        }
    }
    assert!(view["private_metadata"].as_str().is_none_or(|text| text.len() <= 3_000));
    check_blocks(&view["blocks"]);
}

#[track_caller]
fn check_blocks(blocks: &Value) {
    check_no_markup(blocks);
    for block in blocks.as_array().unwrap() {
        match block["type"].as_str().unwrap() {
            "header" => check_plain(&block["text"], 150),
            "divider" => {}
            "context" => {
                let elements = block["elements"].as_array().unwrap();
                assert!(elements.len() <= 10);
                for text in elements {
                    check_plain(text, 2_000);
                }
            }
            "input" => check_plain(&block["label"], 2_000),
            "actions" => {
                let buttons = block["elements"].as_array().unwrap();
                assert!(!buttons.is_empty() && buttons.len() <= 25);
                for button in buttons {
                    check_plain(&button["text"], 75);
                    assert!(button["value"].as_str().unwrap().len() <= 2_000);
                    assert!(button["action_id"].as_str().unwrap().len() <= 255);
                }
            }
            "rich_text" => block["elements"].as_array().unwrap().iter().for_each(check_rich),
            other => panic!("an unexpected block: {other}"),
        }
    }
}

#[track_caller]
fn check_plain(text: &Value, most: usize) {
    assert_eq!(text["type"], "plain_text");
    assert_ne!(text["emoji"], true);
    let text = text["text"].as_str().unwrap();
    assert!(!text.is_empty() && text.chars().count() <= most, "{} characters: {text}", text.chars().count());
}

fn check_rich(element: &Value) {
    assert!(matches!(element["type"].as_str(), Some("rich_text_section" | "rich_text_preformatted")));
    let mut length = 0;
    for one in element["elements"].as_array().unwrap() {
        assert_eq!(one["type"], "text", "a link, a mention, an emoji or a date");
        let text = one["text"].as_str().unwrap();
        assert!(!text.is_empty());
        length += text.chars().count();
    }
    assert!(length <= 3_100, "{length} characters in one element");
}

/// No markup object, and no character that hides or reorders anything, anywhere.
#[track_caller]
fn check_no_markup(value: &Value) {
    match value {
        Value::Object(all) => {
            assert_ne!(all.get("type").and_then(Value::as_str), Some("mrkdwn"));
            all.values().for_each(check_no_markup);
        }
        Value::Array(all) => all.iter().for_each(check_no_markup),
        Value::String(text) => assert!(!text.chars().any(|c| c != '\n' && is_deceptive(c)), "{text:?}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Everything that is shown literally, line after line.
pub(crate) fn literal_lines(blocks: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for block in blocks.as_array().unwrap() {
        for element in block["elements"].as_array().into_iter().flatten() {
            let texts = element["elements"].as_array().into_iter().flatten();
            let text: String = texts.filter_map(|one| one["text"].as_str()).collect();
            if block["type"] == "rich_text" {
                out.extend(text.split('\n').map(str::to_owned));
            }
        }
    }
    out
}

/// The words of the buttons.
pub(crate) fn actions(blocks: &Value) -> Vec<String> {
    let actions = blocks.as_array().unwrap().iter().filter(|block| block["type"] == "actions");
    let buttons = actions.flat_map(|block| block["elements"].as_array().unwrap());
    buttons.map(|button| button["action_id"].as_str().unwrap().to_owned()).collect()
}
