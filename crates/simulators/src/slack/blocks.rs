//! What Slack takes as blocks: counts, lengths, types, and no property it does not know.
//!
//! **Invariant:** what is accepted here is within every limit Slack documents for the blocks this stand-in knows; a
//! block it does not know is refused. Sources: Slack, "Blocks", "Block elements" and "Composition objects" of the Block
//! Kit reference; lengths are in characters.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Blocks a message may have.
const MESSAGE_BLOCKS: usize = 50;

/// Blocks a modal may have.
const MODAL_BLOCKS: usize = 100;

/// Characters of a message's whole `blocks` JSON. Not documented; measured by slackapi/bolt-js#2509.
const MESSAGE_JSON: usize = 13_200;

/// Bytes of a modal. Source: `views.open`, error `view_too_large`.
const VIEW_BYTES: usize = 250 * 1024;

/// Why blocks are refused: Slack's code, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    /// `invalid_blocks`, `msg_blocks_too_long`, …
    pub(super) code: &'static str,
    /// What is wrong, with a JSON pointer.
    pub(super) messages: Vec<String>,
}

/// Where blocks stand: a message has no inputs, a modal more blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Message,
    Modal,
}

/// Collects what is wrong.
struct Check {
    surface: Surface,
    wrong: Vec<String>,
    ids: BTreeSet<String>,
}

/// Whether a message may have these blocks.
pub(super) fn message(blocks: &Value) -> Result<(), Bad> {
    let Some(list) = blocks.as_array() else {
        return Err(Bad { code: "invalid_blocks_format", messages: vec!["blocks is not an array".to_owned()] });
    };
    let mut check = Check { surface: Surface::Message, wrong: Vec::new(), ids: BTreeSet::new() };
    check.list(list, MESSAGE_BLOCKS, "/blocks");
    if !check.wrong.is_empty() {
        return Err(Bad { code: "invalid_blocks", messages: check.wrong });
    }
    if blocks.to_string().chars().count() > MESSAGE_JSON {
        return Err(Bad { code: "msg_blocks_too_long", messages: Vec::new() });
    }
    Ok(())
}

/// Whether `view` may be opened as a modal.
pub(super) fn modal(view: &Value) -> Result<(), Bad> {
    let Some(it) = view.as_object() else {
        return Err(Bad { code: "invalid_arguments", messages: vec!["invalid `view`".to_owned()] });
    };
    if view.to_string().len() > VIEW_BYTES {
        return Err(Bad { code: "view_too_large", messages: Vec::new() });
    }
    let mut check = Check { surface: Surface::Modal, wrong: Vec::new(), ids: BTreeSet::new() };
    check.view(it);
    if check.wrong.is_empty() { Ok(()) } else { Err(Bad { code: "invalid_arguments", messages: check.wrong }) }
}

/// Whether a view asks for files.
pub(super) fn takes_files(view: &Value) -> bool {
    let blocks = view["blocks"].as_array();
    blocks.is_some_and(|blocks| blocks.iter().any(|block| block["element"]["type"] == "file_input"))
}

impl Check {
    fn view(&mut self, view: &Map<String, Value>) {
        self.known(
            view,
            &[
                "type",
                "title",
                "blocks",
                "close",
                "submit",
                "private_metadata",
                "callback_id",
                "clear_on_close",
                "notify_on_close",
                "external_id",
                "submit_disabled",
            ],
            "/view",
        );
        if view.get("type").and_then(Value::as_str) != Some("modal") {
            self.wrong.push("must be `modal` [json-pointer:/view/type]".to_owned());
        }
        self.plain(view.get("title"), 24, "/view/title");
        for key in ["submit", "close"] {
            if view.contains_key(key) {
                self.plain(view.get(key), 24, &format!("/view/{key}"));
            }
        }
        for (key, most) in [("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)] {
            self.optional_text(view, key, most, "/view");
        }
        match view.get("blocks").and_then(Value::as_array) {
            Some(list) => self.list(list, MODAL_BLOCKS, "/view/blocks"),
            None => self.wrong.push("missing required field: blocks [json-pointer:/view]".to_owned()),
        }
        let inputs = view.get("blocks").and_then(Value::as_array).into_iter().flatten();
        if inputs.into_iter().any(|block| block["type"] == "input") && !view.contains_key("submit") {
            self.wrong.push("`submit` is required when there is an input block [json-pointer:/view]".to_owned());
        }
    }

    fn list(&mut self, list: &[Value], most: usize, at: &str) {
        if list.len() > most {
            self.wrong.push(format!("no more than {most} items allowed [json-pointer:{at}]"));
        }
        for (nth, block) in list.iter().enumerate() {
            let at = format!("{at}/{nth}");
            let Some(map) = block.as_object() else {
                self.wrong.push(format!("must be an object [json-pointer:{at}]"));
                continue;
            };
            self.block(map, &at);
            self.optional_text(map, "block_id", 255, &at);
            if let Some(id) = map.get("block_id").and_then(Value::as_str)
                && !self.ids.insert(id.to_owned())
            {
                self.wrong.push(format!("`block_id` `{id}` already exists [json-pointer:{at}/block_id]"));
            }
        }
    }

    fn block(&mut self, block: &Map<String, Value>, at: &str) {
        match kind(block) {
            "section" => self.section(block, at),
            "header" => {
                self.known(block, &["type", "block_id", "text", "level"], at);
                self.plain(block.get("text"), 150, &format!("{at}/text"));
            }
            "divider" => self.known(block, &["type", "block_id"], at),
            "context" => {
                self.known(block, &["type", "block_id", "elements"], at);
                self.each(block, "elements", 1..=10, at, Self::context_element);
            }
            "actions" => {
                self.known(block, &["type", "block_id", "elements"], at);
                self.each(block, "elements", 1..=25, at, Self::interactive);
                self.action_ids_differ(block, at);
            }
            "rich_text" => {
                self.known(block, &["type", "block_id", "elements"], at);
                self.each(block, "elements", 1..=usize::MAX, at, Self::rich_text);
            }
            "input" if self.surface == Surface::Modal => self.input(block, at),
            "markdown" if self.surface == Surface::Message => {
                self.known(block, &["type", "block_id", "text"], at);
                self.text(block.get("text"), 1..=12_000, &format!("{at}/text"));
            }
            other => self.wrong.push(format!("unsupported type: {other} [json-pointer:{at}]")),
        }
    }

    fn section(&mut self, block: &Map<String, Value>, at: &str) {
        self.known(block, &["type", "block_id", "text", "fields", "accessory", "expand"], at);
        if !block.contains_key("text") && !block.contains_key("fields") {
            self.wrong.push(format!("missing required field: text or fields [json-pointer:{at}]"));
        }
        if block.contains_key("text") {
            self.text_object(block.get("text"), 3000, &format!("{at}/text"));
        }
        if block.contains_key("fields") {
            self.each(block, "fields", 1..=10, at, |check, field, at| {
                check.text_object(Some(&Value::Object(field.clone())), 2000, at);
            });
        }
        if let Some(accessory) = block.get("accessory").and_then(Value::as_object) {
            self.interactive(accessory, &format!("{at}/accessory"));
        }
    }

    fn input(&mut self, block: &Map<String, Value>, at: &str) {
        self.known(block, &["type", "block_id", "label", "element", "hint", "optional", "dispatch_action"], at);
        self.plain(block.get("label"), 2000, &format!("{at}/label"));
        if block.contains_key("hint") {
            self.plain(block.get("hint"), 2000, &format!("{at}/hint"));
        }
        match block.get("element").and_then(Value::as_object) {
            Some(element) if kind(element) == "file_input" => self.file_input(element, &format!("{at}/element")),
            Some(element) => self.interactive(element, &format!("{at}/element")),
            None => self.wrong.push(format!("missing required field: element [json-pointer:{at}]")),
        }
    }

    fn context_element(&mut self, element: &Map<String, Value>, at: &str) {
        self.text_object(Some(&Value::Object(element.clone())), 3000, at);
    }

    fn interactive(&mut self, element: &Map<String, Value>, at: &str) {
        self.optional_text(element, "action_id", 255, at);
        match kind(element) {
            "button" => self.button(element, at),
            "plain_text_input" => self.typed(element, at),
            "static_select" | "overflow" | "radio_buttons" | "checkboxes" => self.choice(element, at),
            other => self.wrong.push(format!("unsupported type: {other} [json-pointer:{at}]")),
        }
    }

    fn button(&mut self, button: &Map<String, Value>, at: &str) {
        let known = ["type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"];
        self.known(button, &known, at);
        self.plain(button.get("text"), 75, &format!("{at}/text"));
        self.optional_text(button, "value", 2000, at);
        self.optional_text(button, "url", 3000, at);
        self.optional_text(button, "accessibility_label", 75, at);
        if let Some(style) = button.get("style")
            && !matches!(style.as_str(), Some("primary" | "danger"))
        {
            self.wrong.push(format!("must be `primary` or `danger` [json-pointer:{at}/style]"));
        }
        if let Some(confirm) = button.get("confirm").and_then(Value::as_object) {
            let at = format!("{at}/confirm");
            self.known(confirm, &["title", "text", "confirm", "deny", "style"], &at);
            for (key, most) in [("title", 100), ("confirm", 30), ("deny", 30)] {
                self.plain(confirm.get(key), most, &format!("{at}/{key}"));
            }
            self.text_object(confirm.get("text"), 300, &format!("{at}/text"));
        }
    }

    fn typed(&mut self, input: &Map<String, Value>, at: &str) {
        if self.surface == Surface::Message {
            self.wrong.push(format!("unsupported type: plain_text_input [json-pointer:{at}]"));
        }
        let known = [
            "type",
            "action_id",
            "initial_value",
            "multiline",
            "min_length",
            "max_length",
            "dispatch_action_config",
            "focus_on_load",
            "placeholder",
        ];
        self.known(input, &known, at);
        self.optional_text(input, "initial_value", 3000, at);
        for key in ["min_length", "max_length"] {
            if input.get(key).is_some_and(|length| length.as_u64().is_none_or(|length| length > 3000)) {
                self.wrong.push(format!("must be no more than 3000 [json-pointer:{at}/{key}]"));
            }
        }
        if input.contains_key("placeholder") {
            self.plain(input.get("placeholder"), 150, &format!("{at}/placeholder"));
        }
    }

    fn file_input(&mut self, input: &Map<String, Value>, at: &str) {
        self.known(input, &["type", "action_id", "filetypes", "max_files"], at);
        self.optional_text(input, "action_id", 255, at);
        if input.get("max_files").is_some_and(|most| !most.as_u64().is_some_and(|most| (1..=10).contains(&most))) {
            self.wrong.push(format!("must be 1 to 10 [json-pointer:{at}/max_files]"));
        }
        let is_list = |kinds: &Value| kinds.as_array().is_some_and(|kinds| kinds.iter().all(Value::is_string));
        if input.get("filetypes").is_some_and(|kinds| !is_list(kinds)) {
            self.wrong.push(format!("must be a list of strings [json-pointer:{at}/filetypes]"));
        }
    }

    fn choice(&mut self, element: &Map<String, Value>, at: &str) {
        let known = ["type", "action_id", "options", "initial_option", "initial_options", "placeholder", "confirm"];
        self.known(element, &known, at);
        let most = match kind(element) {
            "overflow" => 5,
            "radio_buttons" | "checkboxes" => 10,
            _ => 100,
        };
        self.each(element, "options", 1..=most, at, |check, option, at| {
            check.known(option, &["text", "value", "description", "url"], at);
            check.text_object(option.get("text"), 75, &format!("{at}/text"));
            check.text(option.get("value"), 1..=150, &format!("{at}/value"));
        });
    }

    fn rich_text(&mut self, element: &Map<String, Value>, at: &str) {
        match kind(element) {
            "rich_text_section" => self.known(element, &["type", "elements"], at),
            "rich_text_quote" => self.known(element, &["type", "elements", "border"], at),
            "rich_text_preformatted" => self.known(element, &["type", "elements", "border", "language"], at),
            "rich_text_list" => {
                self.known(element, &["type", "elements", "style", "indent", "offset", "border"], at);
                self.each(element, "elements", 1..=usize::MAX, at, Self::rich_text);
                return;
            }
            other => self.wrong.push(format!("unsupported type: {other} [json-pointer:{at}]")),
        }
        self.each(element, "elements", 1..=usize::MAX, at, Self::rich_piece);
    }

    fn rich_piece(&mut self, piece: &Map<String, Value>, at: &str) {
        match kind(piece) {
            "text" => {
                self.known(piece, &["type", "text", "style"], at);
                self.text(piece.get("text"), 1..=usize::MAX, &format!("{at}/text"));
                if let Some(style) = piece.get("style").and_then(Value::as_object) {
                    self.known(style, &["bold", "italic", "strike", "code", "underline"], &format!("{at}/style"));
                }
            }
            "link" => {
                self.known(piece, &["type", "url", "text", "unsafe", "style"], at);
                self.text(piece.get("url"), 1..=3000, &format!("{at}/url"));
            }
            "user" | "channel" | "usergroup" | "broadcast" | "emoji" | "date" | "color" => {}
            other => self.wrong.push(format!("unsupported type: {other} [json-pointer:{at}]")),
        }
    }

    fn each(
        &mut self,
        owner: &Map<String, Value>,
        key: &str,
        count: std::ops::RangeInclusive<usize>,
        at: &str,
        check: fn(&mut Self, &Map<String, Value>, &str),
    ) {
        let Some(list) = owner.get(key).and_then(Value::as_array) else {
            self.wrong.push(format!("missing required field: {key} [json-pointer:{at}]"));
            return;
        };
        if !count.contains(&list.len()) {
            let (least, most) = count.into_inner();
            self.wrong.push(format!("{} items, must be {least} to {most} [json-pointer:{at}/{key}]", list.len()));
        }
        for (nth, one) in list.iter().enumerate() {
            let at = format!("{at}/{key}/{nth}");
            match one.as_object() {
                Some(map) => check(self, map, &at),
                None => self.wrong.push(format!("must be an object [json-pointer:{at}]")),
            }
        }
    }

    fn action_ids_differ(&mut self, block: &Map<String, Value>, at: &str) {
        let mut seen = BTreeSet::new();
        for element in block.get("elements").and_then(Value::as_array).into_iter().flatten() {
            if let Some(id) = element["action_id"].as_str()
                && !seen.insert(id)
            {
                self.wrong.push(format!("`action_id` `{id}` already exists [json-pointer:{at}]"));
            }
        }
    }

    fn plain(&mut self, text: Option<&Value>, most: usize, at: &str) {
        if text.and_then(|text| text["type"].as_str()) != Some("plain_text") {
            self.wrong.push(format!("must be a plain_text object [json-pointer:{at}]"));
            return;
        }
        self.text_object(text, most, at);
    }

    fn text_object(&mut self, text: Option<&Value>, most: usize, at: &str) {
        let Some(map) = text.and_then(Value::as_object) else {
            self.wrong.push(format!("must be a text object [json-pointer:{at}]"));
            return;
        };
        match kind(map) {
            "plain_text" => self.known(map, &["type", "text", "emoji"], at),
            "mrkdwn" => self.known(map, &["type", "text", "verbatim"], at),
            other => self.wrong.push(format!("unsupported type: {other} [json-pointer:{at}]")),
        }
        self.text(map.get("text"), 1..=most, &format!("{at}/text"));
    }

    fn optional_text(&mut self, owner: &Map<String, Value>, key: &str, most: usize, at: &str) {
        if owner.contains_key(key) {
            self.text(owner.get(key), 0..=most, &format!("{at}/{key}"));
        }
    }

    fn text(&mut self, text: Option<&Value>, length: std::ops::RangeInclusive<usize>, at: &str) {
        let Some(text) = text.and_then(Value::as_str) else {
            self.wrong.push(format!("must be a string [json-pointer:{at}]"));
            return;
        };
        let characters = text.chars().count();
        if characters < *length.start() {
            self.wrong.push(format!("must be more than {} characters [json-pointer:{at}]", length.start() - 1));
        }
        if characters > *length.end() {
            self.wrong.push(format!("must be less than {} characters [json-pointer:{at}]", length.end() + 1));
        }
    }

    fn known(&mut self, owner: &Map<String, Value>, known: &[&str], at: &str) {
        for key in owner.keys().filter(|key| !known.contains(&key.as_str())) {
            self.wrong.push(format!("invalid additional property: {key} [json-pointer:{at}]"));
        }
    }
}

fn kind(map: &Map<String, Value>) -> &str {
    map.get("type").and_then(Value::as_str).unwrap_or("(none)")
}

#[cfg(test)]
mod tests;
