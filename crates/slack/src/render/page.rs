//! One message or modal under construction.
//!
//! **Invariant:** within Slack's limits whatever is put in, and nothing in it is markup. What is
//! shortened or left out is said, and the page knows that it [is cut](Page::is_cut).

use countersign_chat::words;
use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionId, SlackActionsBlock, SlackBlock, SlackBlockButtonElement,
    SlackBlockButtonStyle, SlackBlockPlainText, SlackBlockPlainTextOnly, SlackContextBlock, SlackContextBlockElement,
    SlackDividerBlock, SlackHeaderBlock, SlackRichTextBlock, SlackRichTextElement, SlackRichTextInlineElement,
    SlackRichTextPreformatted, SlackRichTextSection, SlackRichTextStyle, SlackRichTextText,
};

/// What Slack takes of one surface, with room to spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    /// Blocks.
    blocks: usize,
    /// Bytes of the blocks' JSON.
    json: usize,
}

/// A message. Source: Slack, "Blocks" (50); the JSON's limit is undocumented and was met at about
/// 13,200 characters.
const MESSAGE: Limits = Limits { blocks: 48, json: 12_000 };
/// A modal. Source: Slack, "Blocks" (100) and `views.open` (`view_too_large` at 250 KB).
const MODAL: Limits = Limits { blocks: 96, json: 200_000 };

/// Header text. Source of this and the next: Slack, "Blocks" and "Composition objects".
const HEADER: usize = 150;
/// One element of literal text: the limit of a section (3,000), which old clients also keep for others.
pub(crate) const TEXT: usize = 2_900;
/// A line of context (2,000).
const CONTEXT: usize = 1_900;
/// A button's label.
const LABEL: usize = 75;
/// A button's value.
const VALUE: usize = 2_000;
/// The text of a notification: what a telephone shows of it.
const FALLBACK: usize = 300;

/// A message or the body of a modal.
#[derive(Clone, PartialEq)]
pub struct Page {
    text: String,
    blocks: Vec<SlackBlock>,
    limits: Limits,
    size: usize,
    is_cut: bool,
}

/// Without what it says.
impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").field("blocks", &self.blocks.len()).field("is_cut", &self.is_cut).finish_non_exhaustive()
    }
}

impl Page {
    /// An empty message; `text` is what a notification shows.
    #[must_use]
    pub fn message(text: &str) -> Self {
        // The fallback is read as markup: the three characters that begin any are entities.
        let text = shortened(&words::line(text), FALLBACK);
        // Slack refuses a message that says nothing.
        let text = if text.trim().is_empty() { "Countersign".to_owned() } else { text };
        Self::new(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"), MESSAGE)
    }

    /// An empty body of a modal.
    #[must_use]
    pub fn modal() -> Self {
        Self::new(String::new(), MODAL)
    }

    const fn new(text: String, limits: Limits) -> Self {
        Self { text, blocks: Vec::new(), limits, size: 2, is_cut: false }
    }

    /// What a notification shows.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The blocks, in order.
    #[must_use]
    pub fn blocks(&self) -> &[SlackBlock] {
        &self.blocks
    }

    /// Whether something is missing.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Puts a block at the end, if there is room.
    pub(crate) fn push(&mut self, block: impl Into<SlackBlock>) {
        let block = block.into();
        // A comma and the block; what cannot be written cannot be sent either.
        let size = serde_json::to_string(&block).map_or(usize::MAX, |json| json.len()).saturating_add(1);
        if self.blocks.len() >= self.limits.blocks || self.size.saturating_add(size) > self.limits.json {
            self.is_cut = true;
            return;
        }
        self.size += size;
        self.blocks.push(block);
    }

    /// Sets room aside for what must come at the end.
    pub(crate) fn reserve(&mut self, blocks: usize, json: usize) {
        self.limits.blocks = self.limits.blocks.saturating_sub(blocks);
        self.limits.json = self.limits.json.saturating_sub(json);
    }

    /// Gives the room back.
    pub(crate) fn release(&mut self, blocks: usize, json: usize) {
        self.limits.blocks += blocks;
        self.limits.json += json;
    }

    /// Notes that something was left out.
    pub(crate) const fn cut(&mut self) {
        self.is_cut = true;
    }

    /// At most so many characters of it, in one line.
    pub(crate) fn fitted(&mut self, text: &str, most: usize) -> String {
        let text = words::line(text);
        self.is_cut |= text.chars().count() > most;
        shortened(&text, most)
    }

    pub(crate) fn header(&mut self, text: &str) {
        let text = self.fitted(text, HEADER);
        self.push(SlackHeaderBlock::new(plain(text)));
    }

    /// A label of ours in bold and foreign text, literally and all of it.
    pub(crate) fn row(&mut self, label: &str, says: &str) {
        if words::line(says).chars().count() > TEXT {
            self.rows(&[(label, "")]);
            self.preformatted(says);
        } else {
            self.rows(&[(label, says)]);
        }
    }

    /// Rows that stand together, a line each; together at most [`TEXT`] characters.
    pub(crate) fn rows(&mut self, rows: &[(&str, &str)]) {
        let mut elements = Vec::new();
        for (nth, (label, says)) in rows.iter().enumerate() {
            let end = if nth + 1 < rows.len() { "\n" } else { "" };
            if !label.is_empty() {
                elements.push(literal(&format!("{label}  "), Some(SlackRichTextStyle::new().with_bold(true))));
            }
            let says = self.fitted(says, TEXT);
            // Slack refuses an empty element.
            let says = if says.is_empty() { " " } else { &says };
            elements.push(literal(&format!("{says}{end}"), None));
        }
        self.push(SlackRichTextBlock::new(vec![SlackRichTextElement::Section(SlackRichTextSection::new(elements))]));
    }

    /// Foreign lines whose spaces count, all of them, over as many blocks as it takes. A block
    /// begins with a line's beginning, so no foreign text comes to stand where one of our marks does;
    /// a line that is longer than a block is said to go on.
    pub(crate) fn preformatted(&mut self, text: &str) {
        let mut block = String::new();
        for line in text.split('\n') {
            let line = words::line(line);
            let length = line.chars().count();
            if !block.is_empty() && block.chars().count() + 1 + length > TEXT {
                self.literally(&std::mem::take(&mut block));
            }
            if length > TEXT {
                self.long_line(&line);
                continue;
            }
            if !block.is_empty() {
                block.push('\n');
            }
            // An empty line keeps its place.
            block.push_str(if line.is_empty() { " " } else { &line });
        }
        if !block.is_empty() {
            self.literally(&block);
        }
    }

    fn long_line(&mut self, line: &str) {
        let characters: Vec<char> = line.chars().collect();
        for (nth, piece) in characters.chunks(TEXT).enumerate() {
            if nth > 0 {
                self.small("the same line goes on:");
            }
            self.literally(&piece.iter().collect::<String>());
        }
    }

    fn literally(&mut self, text: &str) {
        let element = SlackRichTextPreformatted::new(vec![literal(text, None)]);
        self.push(SlackRichTextBlock::new(vec![SlackRichTextElement::Preformatted(element)]));
    }

    /// A line in small letters.
    pub(crate) fn small(&mut self, text: &str) {
        let text = self.fitted(text, CONTEXT);
        let text = SlackBlockPlainText::new(text).with_emoji(false);
        self.push(SlackContextBlock::new(vec![SlackContextBlockElement::Plain(text)]));
    }

    pub(crate) fn divider(&mut self) {
        self.push(SlackDividerBlock::new());
    }

    pub(crate) fn buttons(&mut self, buttons: Vec<SlackActionBlockElement>) {
        if !buttons.is_empty() {
            self.push(SlackActionsBlock::new(buttons));
        }
    }
}

/// A button of ours. `value` is an opaque name, never a command.
pub(crate) fn button(
    action: &str,
    label: &str,
    value: &str,
    style: Option<SlackBlockButtonStyle>,
) -> SlackActionBlockElement {
    let button = SlackBlockButtonElement::new(plain(shortened(label, LABEL)))
        .with_action_id(SlackActionId::from(action.to_owned()))
        .with_value(shortened(value, VALUE))
        .opt_style(style);
    SlackActionBlockElement::Button(button)
}

/// Text that is no markup, and in which `:skull:` stays what it is.
pub(crate) fn plain(text: String) -> SlackBlockPlainTextOnly {
    SlackBlockPlainText::new(text).with_emoji(false).into()
}

/// Text that Slack shows as it is, whatever it holds.
fn literal(text: &str, style: Option<SlackRichTextStyle>) -> SlackRichTextInlineElement {
    SlackRichTextInlineElement::Text(SlackRichTextText::new(text.to_owned()).opt_style(style))
}

/// At most so many characters; says how many are missing.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    /// Room for the note.
    const NOTE: usize = 40;
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(NOTE);
    let start: String = text.chars().take(kept).collect();
    format!("{start}… ({} more characters)", count - kept)
}
