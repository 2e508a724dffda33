//! What stands in blocks: for people who read them, and for Slack, which reads some of it as markup.
//!
//! **Invariant:** nothing here decides whether Slack takes a block.

use serde_json::Value;

/// Every text object and rich text of `blocks`, as a person reads it, one line an element.
pub(super) fn read(blocks: &Value) -> String {
    let lines: Vec<String> = blocks.as_array().into_iter().flatten().map(one_read).collect();
    lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The texts Slack would read as mrkdwn: what stands in them can ping people and forge links.
pub(super) fn mrkdwn(blocks: &Value, into: &mut Vec<String>) {
    match blocks {
        Value::Array(list) => list.iter().for_each(|one| mrkdwn(one, into)),
        Value::Object(map) => {
            let kind = map.get("type").and_then(Value::as_str);
            if matches!(kind, Some("mrkdwn" | "markdown"))
                && let Some(text) = map.get("text").and_then(Value::as_str)
            {
                into.push(text.to_owned());
            }
            map.values().for_each(|one| mrkdwn(one, into));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every element with an `action_id`, and the id of the block it stands in.
pub(super) fn actions(blocks: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for block in blocks.as_array().into_iter().flatten() {
        let id = block["block_id"].as_str().unwrap_or_default();
        let elements = block["elements"].as_array().into_iter().flatten();
        let all = elements.chain(block.get("accessory")).chain(block.get("element"));
        found.extend(all.filter(|one| one["action_id"].is_string()).map(|one| (id.to_owned(), one.clone())));
    }
    found
}

/// Gives every block that has no id one, as Slack does: interactions name it.
pub(super) fn name(blocks: &mut Value, number: u64) {
    for (nth, block) in blocks.as_array_mut().into_iter().flatten().enumerate() {
        if let Some(map) = block.as_object_mut()
            && map.get("block_id").and_then(Value::as_str).is_none_or(str::is_empty)
        {
            map.insert("block_id".to_owned(), format!("b{number}-{nth}").into());
        }
    }
}

fn one_read(value: &Value) -> String {
    let part = |key: &str| value.get(key).map(one_read).unwrap_or_default();
    let all = |key: &str, between: &str| {
        let parts: Vec<String> = value[key].as_array().into_iter().flatten().map(one_read).collect();
        parts.join(between)
    };
    match value["type"].as_str().unwrap_or_default() {
        "plain_text" | "mrkdwn" | "text" | "markdown" => value["text"].as_str().unwrap_or_default().to_owned(),
        "button" => format!("[{}]", part("text")),
        "actions" => all("elements", " "),
        "context" => all("elements", " · "),
        "input" => format!("{}: ____", part("label")),
        "divider" => "---".to_owned(),
        "rich_text" | "rich_text_list" => all("elements", "\n"),
        "rich_text_section" | "rich_text_quote" => all("elements", ""),
        "rich_text_preformatted" => format!("```\n{}\n```", all("elements", "")),
        "link" => value["text"].as_str().or(value["url"].as_str()).unwrap_or_default().to_owned(),
        "section" | "header" => {
            let mut lines = vec![part("text"), all("fields", "\n"), part("accessory")];
            lines.retain(|line| !line.is_empty());
            lines.join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rich_text_is_read_as_it_looks() {
        let rich = json!([{"type": "rich_text", "elements": [
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "<!channel> `x`"}]}]}]);
        assert_eq!(super::super::blocks::message(&rich), Ok(()));
        assert_eq!(read(&rich), "```\n<!channel> `x`\n```");
        let mut found = Vec::new();
        mrkdwn(&rich, &mut found);
        assert!(found.is_empty(), "preformatted text is not mrkdwn");
    }
}
