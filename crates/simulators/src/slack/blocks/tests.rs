//! Every limit, from both sides.

use super::*;
use serde_json::json;

fn plain(text: impl Into<String>) -> Value {
    json!({"type": "plain_text", "text": text.into()})
}

fn section(text: impl Into<String>) -> Value {
    json!({"type": "section", "text": plain(text)})
}

fn code(blocks: &Value) -> &'static str {
    message(blocks).map_or_else(|bad| bad.code, |()| "ok")
}

#[test]
fn every_limit_of_a_message_holds_to_the_character() {
    let button = |text: usize, value: usize, id: &str| json!({"type": "button", "text": plain("t".repeat(text)), "value": "v".repeat(value), "action_id": id});
    let actions = |elements: Vec<Value>| json!([{"type": "actions", "elements": elements}]);
    let many = |count: usize| actions((0..count).map(|nth| button(1, 1, &nth.to_string())).collect());
    let context = |count: usize| json!([{"type": "context", "elements": vec![plain("x"); count]}]);
    let header = |length: usize| json!([{"type": "header", "text": plain("h".repeat(length))}]);
    for (within, beyond) in [
        (json!([section("x".repeat(3000))]), json!([section("x".repeat(3001))])),
        (json!(vec![section("x"); 50]), json!(vec![section("x"); 51])),
        (header(150), header(151)),
        (context(10), context(11)),
        (many(25), many(26)),
        (actions(vec![button(75, 2000, "a")]), actions(vec![button(76, 1, "a")])),
        (actions(vec![button(1, 1, "a")]), actions(vec![button(1, 2001, "a")])),
        (actions(vec![button(1, 1, "a"), button(1, 1, "b")]), actions(vec![button(1, 1, "a"), button(1, 1, "a")])),
        (json!([section("x")]), json!([section("")])),
        (json!([section("x")]), json!([{"type": "section", "text": {"type": "text", "text": "x"}}])),
        (json!([section("x")]), json!([{"type": "section", "text": plain("x"), "colour": "red"}])),
        (
            json!([section("x")]),
            json!([{"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}]),
        ),
        (json!([section("x")]), json!([{"type": "hologram"}])),
    ] {
        assert_eq!(code(&within), "ok", "{:?}", message(&within));
        assert_eq!(code(&beyond), "invalid_blocks", "{beyond}");
    }
    assert_eq!(code(&json!("no list")), "invalid_blocks_format");
    assert_eq!(code(&json!(vec![section("x".repeat(2600)); 5])), "msg_blocks_too_long");
}

#[test]
fn a_block_id_stands_once() {
    let named = json!({"type": "divider", "block_id": "a"});
    assert_eq!(code(&json!([named])), "ok");
    assert_eq!(code(&json!([named, named])), "invalid_blocks");
}

#[test]
fn a_modal_has_its_own_limits() {
    let view = |title: usize, blocks: Vec<Value>, submit: bool| {
        let mut view = json!({"type": "modal", "title": plain("t".repeat(title)), "blocks": blocks});
        if submit {
            view["submit"] = plain("Go");
        }
        view
    };
    let input =
        json!({"type": "input", "label": plain("why"), "element": {"type": "plain_text_input", "action_id": "a"}});
    let code = |view: &Value| modal(view).map_or_else(|bad| bad.code, |()| "ok");
    assert_eq!(code(&view(24, vec![section("x"); 100], false)), "ok");
    assert_eq!(code(&view(24, vec![input.clone()], true)), "ok");
    assert_eq!(code(&view(25, vec![section("x")], false)), "invalid_arguments");
    assert_eq!(code(&view(24, vec![section("x"); 101], false)), "invalid_arguments");
    assert_eq!(code(&view(24, vec![input], false)), "invalid_arguments", "an input needs a submit button");
    assert_eq!(code(&view(24, vec![section("x".repeat(3000)); 90], false)), "view_too_large");
}
