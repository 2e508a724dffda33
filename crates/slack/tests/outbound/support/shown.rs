//! A message or modal as a person sees it, one block after the other.

use serde_json::Value;
use std::fmt::Write as _;

pub(crate) fn page(page: &countersign_slack::render::Page) -> String {
    let mut out = format!("notification: {}\n", page.text());
    blocks(&serde_json::to_value(page.blocks()).unwrap(), &mut out);
    out
}

pub(crate) fn view(view: &slack_morphism::prelude::SlackView) -> String {
    let view = serde_json::to_value(view).unwrap();
    let text = |key: &str| view[key]["text"].as_str().unwrap_or("-").to_owned();
    let mut out = format!("window: {} [{}] [{}]\n", text("title"), text("submit"), text("close"));
    let word = |key: &str| view[key].as_str().unwrap_or("-").to_owned();
    writeln!(out, "{} {:?}", word("callback_id"), word("private_metadata")).unwrap();
    blocks(&view["blocks"], &mut out);
    out
}

fn blocks(all: &Value, out: &mut String) {
    for block in all.as_array().unwrap() {
        match block["type"].as_str().unwrap() {
            "header" => writeln!(out, "# {}", block["text"]["text"].as_str().unwrap()).unwrap(),
            "divider" => out.push_str("----\n"),
            "context" => writeln!(out, "({})", block["elements"][0]["text"].as_str().unwrap()).unwrap(),
            "input" => {
                let (label, id) = (&block["label"]["text"], &block["block_id"]);
                writeln!(out, "{} <{}>", label.as_str().unwrap(), id.as_str().unwrap()).unwrap();
            }
            "actions" => {
                for button in block["elements"].as_array().unwrap() {
                    let style = button["style"].as_str().unwrap_or("plain");
                    write!(out, "[{} ({style})] ", button["text"]["text"].as_str().unwrap()).unwrap();
                }
                out.push('\n');
            }
            "rich_text" => rich(&block["elements"], out),
            other => panic!("an unexpected block: {other}"),
        }
    }
}

fn rich(elements: &Value, out: &mut String) {
    for element in elements.as_array().unwrap() {
        let mut text = String::new();
        for one in element["elements"].as_array().unwrap() {
            let says = one["text"].as_str().unwrap();
            if one["style"]["bold"] == true {
                write!(text, "*{}*  ", says.trim_end()).unwrap();
            } else {
                text.push_str(says);
            }
        }
        let mark = if element["type"] == "rich_text_preformatted" { "    " } else { "" };
        for line in text.split('\n') {
            writeln!(out, "{}", format!("{mark}{line}").trim_end()).unwrap();
        }
    }
}
