//! Windows of their own: the whole command, a reason, an answer.
//!
//! **Invariant:** a modal that cannot hold every character offers no approval, and says where
//! there is one. `private_metadata` holds names alone, and none of them is believed.

use super::card::value;
use super::page::{Page, plain, shortened};
use super::told;
use countersign_chat::transcript::Part;
use countersign_chat::{Card, Choice, EffectView, Notice, transcript, words};
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
use slack_morphism::prelude::{
    SlackActionId, SlackBlockFileInputElement, SlackBlockId, SlackBlockPlainTextInputElement, SlackCallbackId,
    SlackInputBlock, SlackInputBlockElement, SlackModalView, SlackView,
};

/// The block of the name that is typed to approve something destructive.
pub const NAME_BLOCK: &str = "name";
/// Its element.
pub const NAME_ACTION: &str = "name-typed";
/// The block of a reason.
pub const REASON_BLOCK: &str = "reason";
/// Its element.
pub const REASON_ACTION: &str = "reason-typed";

/// The block of a manifest.
pub const MANIFEST_BLOCK: &str = "manifest";
/// Its element.
pub const MANIFEST_ACTION: &str = "manifest-typed";
/// The block of a manifest that is a file.
pub const FILE_BLOCK: &str = "manifest-file";
/// Its element.
pub const FILE_ACTION: &str = "manifest-given";

/// Most characters of one field. Source: Slack, "Plain-text input element" (`max_length`).
const LONGEST_FIELD: u64 = 3_000;

/// A longer name is not asked for. In characters.
const NAME: usize = 100;

const TOO_LONG: &str = "This is more than Slack can show, so it cannot be approved here. The console shows all of it; \
                        approve it there, or reject it and ask for something smaller.";

/// What submitting a modal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Agree.
    Approve,
    /// Say no.
    Reject,
    /// Go on with the line that lacked a manifest.
    Manifest,
    /// Nothing: it is only read.
    Read,
}

impl Purpose {
    /// The word in `callback_id`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Manifest => "manifest",
            Self::Read => "read",
        }
    }

    /// The purpose of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Approve, Self::Reject, Self::Manifest, Self::Read].into_iter().find(|one| one.as_str() == word)
    }
}

/// What an approver of something destructive types: the name of the one resource, or of the
/// target when there are several or none. Nobody is asked to type what nobody can.
#[must_use]
pub fn name_to_type(card: &Card) -> Option<String> {
    if card.tier != Tier::Destructive {
        return None;
    }
    let usable = |name: &String| {
        name.chars().any(char::is_alphanumeric) && name.chars().count() <= NAME && words::line(name) == *name
    };
    let resource = match card.resources.as_slice() {
        [one] => one.as_str().rsplit('/').next().map(str::to_owned),
        _ => None,
    };
    let names = [resource, card.scope.target.clone(), card.scope.env.clone()];
    names.into_iter().flatten().map(|name| name.trim().to_owned()).find(usable)
}

/// Opened at once, while the whole is fetched.
#[must_use]
pub fn loading() -> SlackView {
    let mut page = Page::modal();
    page.row("", "One moment: the whole command and its effect are fetched.");
    view("The whole request", page, Purpose::Read, None, String::new())
}

/// Every character that was decided. With Approve if the card offers it and all of it fits.
#[must_use]
pub fn whole(card: &Card, now: Timestamp) -> SlackView {
    let mut page = Page::modal();
    page.reserve(3, 4_000);
    page.row("Command", "");
    page.preformatted(&words::line(&card.argv.to_string()));
    block(&mut page, "Each argument by itself", &numbered(card.argv.elements()));
    for filter in &card.filters {
        block(&mut page, "Output goes through", &numbered(filter.elements()));
    }
    match card.input_lines() {
        Some(lines) => block(&mut page, "What it applies, all of it", &lines),
        None => page.cut(),
    }
    block(&mut page, "What it would do", &transcript::effect(&card.effect));
    let resources: Vec<String> = card.resources.iter().map(|one| one.as_str().to_owned()).collect();
    block(&mut page, "Acts on", &resources);
    let told = transcript::card_told(&Card { effect: EffectView::NotNeeded, ..card.clone() }, now);
    let is_told = |part: &Part| matches!(part, Part::Head(_) | Part::Row("Command" | "  filtered", _));
    let rest: Vec<Part> = told.parts.into_iter().filter(|part| !is_told(part)).collect();
    told::parts(&mut page, &rest, usize::MAX);
    page.release(3, 4_000);
    let metadata = value(card);
    let is_cut = page.is_cut();
    if is_cut {
        page.divider();
        page.row("", TOO_LONG);
    }
    if is_cut || !card.offers(Choice::Approve) {
        return view("The whole request", page, Purpose::Read, None, metadata);
    }
    if let Some(name) = name_to_type(card) {
        page.push(input(NAME_BLOCK, NAME_ACTION, &format!("To approve, type {name}"), false, 253));
    }
    view("The whole request", page, Purpose::Approve, Some("Approve"), metadata)
}

/// A label and lines under it, if there are any.
fn block(page: &mut Page, label: &str, lines: &[String]) {
    if !lines.is_empty() {
        page.row(label, "");
        let harmless: Vec<String> = lines.iter().map(|line| words::line(line)).collect();
        page.preformatted(&harmless.join("\n"));
    }
}

/// A number in front of each, so that none can pass for two and an empty one is seen.
fn numbered(elements: &[String]) -> Vec<String> {
    let line = |(nth, element): (usize, &String)| format!("{nth:>3}  {element}");
    elements.iter().enumerate().map(line).collect()
}

/// Why not.
#[must_use]
pub fn reject(metadata: &str) -> SlackView {
    let mut page = Page::modal();
    page.row("", "A no is final: nobody else's yes helps, and it has to be asked for again.");
    page.push(input(REASON_BLOCK, REASON_ACTION, "Why not? The requester reads it.", true, 500));
    view("Reject", page, Purpose::Reject, Some("Reject"), metadata.to_owned())
}

/// Whether a window can ask for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// The app may read files: it has the scope `files:read`.
    Taken,
    /// It may not.
    NotTaken,
}

/// What is to be applied: as a text, or as a file.
#[must_use]
pub fn manifest(metadata: &str, files: Files) -> SlackView {
    let mut page = Page::modal();
    let typed = input(MANIFEST_BLOCK, MANIFEST_ACTION, "Manifest, YAML or JSON", true, LONGEST_FIELD);
    match files {
        Files::Taken => {
            page.row("", MANIFEST_HINT);
            page.push(typed.with_optional(true));
            page.push(file_input());
        }
        Files::NotTaken => {
            page.row("", MANIFEST_HINT_WITHOUT_FILES);
            page.push(typed);
        }
    }
    view("Manifest", page, Purpose::Manifest, Some("Go on"), metadata.to_owned())
}

const MANIFEST_HINT: &str = "The command reads its objects from a manifest. Write it here, or give one text file of at \
                             most 256 KiB.";

const MANIFEST_HINT_WITHOUT_FILES: &str = "The command reads its objects from a manifest. One that is longer than this \
                                           field takes goes into a code block behind the command, or is named as -f \
                                           REPOSITORY@COMMIT:PATH.";

/// What Slack's client offers to choose; what was given is looked at here all the same.
const FILE_TYPES: [&str; 4] = ["yaml", "yml", "json", "txt"];

fn file_input() -> SlackInputBlock {
    let element = SlackBlockFileInputElement::new()
        .with_action_id(SlackActionId::from(FILE_ACTION.to_owned()))
        .with_filetypes(FILE_TYPES.map(str::to_owned).into())
        .with_max_files(1);
    SlackInputBlock::new(plain("Or a file".to_owned()), SlackInputBlockElement::FileInput(element))
        .with_block_id(SlackBlockId::from(FILE_BLOCK.to_owned()))
        .with_optional(true)
}

/// An answer in the window that was open.
#[must_use]
pub fn said(notice: &Notice, now: Timestamp) -> SlackView {
    let mut page = Page::modal();
    told::parts(&mut page, &transcript::Told::of(notice, now).parts, 80);
    view("Countersign", page, Purpose::Read, None, String::new())
}

fn input(block: &str, action: &str, label: &str, multiline: bool, most: u64) -> SlackInputBlock {
    let element = SlackBlockPlainTextInputElement::new()
        .with_action_id(SlackActionId::from(action.to_owned()))
        .with_multiline(multiline)
        .with_max_length(most);
    let label = plain(shortened(label, 1_000));
    SlackInputBlock::new(label, SlackInputBlockElement::PlainTextInput(element))
        .with_block_id(SlackBlockId::from(block.to_owned()))
}

fn view(title: &str, page: Page, purpose: Purpose, submit: Option<&str>, metadata: String) -> SlackView {
    let view = SlackModalView::new(plain(title.to_owned()), page.blocks().to_vec())
        .with_callback_id(SlackCallbackId::from(purpose.as_str().to_owned()))
        .with_close(plain("Close".to_owned()))
        .with_private_metadata(metadata)
        .opt_submit(submit.map(|label| plain(label.to_owned())));
    SlackView::Modal(view)
}
