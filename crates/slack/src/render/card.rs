//! The card.
//!
//! **Invariant:** Approve is on a card only when the card shows every character that was decided;
//! otherwise the way to it leads through the modal that does.

use super::page::{Page, TEXT, button};
use super::told::named;
use countersign_chat::transcript::{Part, card_told};
use countersign_chat::{Card, Choice};
use countersign_core::time::Timestamp;
use serde_json::Value;
use slack_morphism::prelude::{SlackActionBlockElement, SlackBlockButtonStyle};

/// A longer row of a card has to be opened. In characters.
const ROW: usize = 600;
/// The command on the card; a longer one has to be opened. In characters.
const COMMAND: usize = 2_000;
/// Lines of the same label before the rest has to be opened.
const SAME: usize = 14;

const ELSEWHERE: &str = "Not everything fits on this card; the audit log has all of it.";

/// What stands in the thread before there is a card. It stays when the gateway dies now, so it says
/// what that means.
#[must_use]
pub fn received(requester: &str, title: &str) -> Page {
    let mut page = Page::message(&format!("{requester}: {title}"));
    let requester = page.fitted(requester, 200);
    page.row("Received from", &requester);
    let title = page.fitted(title, 1_000);
    page.preformatted(&title);
    page.small("If this does not change within a minute, nothing was started: ask again.");
    page
}

/// A sentence of ours.
pub(crate) fn remark(says: &str) -> Page {
    let mut page = Page::message(says);
    page.small(says);
    page
}

/// Whether Approve can be pressed on the card itself, rather than after the whole was opened.
#[must_use]
pub fn is_live(card: &Card) -> bool {
    may_be_live(card) && !body(card, Timestamp::from_millis(0)).is_cut()
}

fn may_be_live(card: &Card) -> bool {
    card.offers(Choice::Approve) && !card.must_be_opened()
}

/// Whether a message, as Slack tells it, shows this card and nothing else. Slack's own additions and entities are no
/// difference.
#[must_use]
pub(crate) fn shows(message: &Value, it: &Card, now: Timestamp) -> bool {
    let adds = |what: &str| message.get(what).and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    if adds("attachments") || adds("files") {
        return false;
    }
    let Ok(own) = serde_json::to_value(card(it, now).blocks()) else { return false };
    let (mut seen, mut meant) = (Vec::new(), Vec::new());
    said(&message["blocks"], &mut seen);
    said(&own, &mut meant);
    seen == meant
}

/// Every text in order, with the name of its place; places without text count as well.
fn said(blocks: &Value, found: &mut Vec<(String, String)>) {
    match blocks {
        Value::Array(all) => {
            found.push(("of".to_owned(), all.len().to_string()));
            for one in all {
                said(one, found);
            }
        }
        Value::Object(all) => {
            for (name, one) in all.iter().filter(|(name, _)| *name != "block_id") {
                match one {
                    Value::String(text) => found.push((name.clone(), without_entities(text))),
                    other => said(other, found),
                }
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// Slack tells the three characters that begin markup as entities.
fn without_entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The card as it stands.
#[must_use]
pub fn card(it: &Card, now: Timestamp) -> Page {
    let mut page = body(it, now);
    let live = may_be_live(it) && !page.is_cut();
    let buttons = buttons(it, live);
    if page.is_cut() {
        let is_asked = it.offers(Choice::Approve) || it.offers(Choice::ShowWhole);
        page.small(if is_asked { "Not everything fits on this card: open the whole." } else { ELSEWHERE });
    }
    page.buttons(buttons);
    page.small(&format!("request {}", it.invocation));
    page
}

/// Everything above the buttons; room for them is kept.
fn body(it: &Card, now: Timestamp) -> Page {
    let mut page = Page::message(&format!("{}: {}", it.state.phrase(), it.argv));
    page.reserve(4, 3_000);
    for group in groups(&card_told(it, now).parts) {
        match group {
            Group::Head(text) => page.header(text),
            Group::Rows("Command", says) => {
                page.row("Command", "");
                let command = page.fitted(&says.join("\n"), COMMAND);
                page.preformatted(&command);
            }
            Group::Rows("Effect", says) => {
                page.row("Effect", "");
                let lines = kept(&mut page, &says);
                page.preformatted(&lines.join("\n"));
            }
            Group::Rows(label, says) => {
                let lines = kept(&mut page, &says);
                rows(&mut page, label, &lines);
            }
            Group::Facts(facts) => facts_of(&mut page, &facts),
        }
    }
    page.release(4, 3_000);
    page
}

/// What stands together on a card.
enum Group<'a> {
    Head(&'a str),
    /// Single rows that follow each other.
    Facts(Vec<(&'a str, &'a str)>),
    /// A label with all its lines.
    Rows(&'a str, Vec<&'a str>),
}

fn groups(parts: &[Part]) -> Vec<Group<'_>> {
    let mut labelled: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Head(text) => out.push(Group::Head(text)),
            // A message stays as it was written: how long it is still valid would soon be wrong.
            Part::Row("Expires", says) => {
                labelled.push(("Expires", vec![says.split_once(", ").map_or(says.as_str(), |(at, _)| at)]));
            }
            Part::Row("", says) => {
                if let Some((_, lines)) = labelled.last_mut() {
                    lines.push(says);
                }
            }
            Part::Row(label, says) => labelled.push((named(label), vec![says])),
            // A card is told in rows.
            Part::Entry(..) | Part::Quote(_) | Part::Pointed { .. } => {}
        }
    }
    for (label, lines) in labelled {
        match (lines.as_slice(), out.last_mut()) {
            ([one], Some(Group::Facts(facts))) if !stands_alone(label) => facts.push((label, one)),
            ([one], _) if !stands_alone(label) => out.push(Group::Facts(vec![(label, one)])),
            _ => out.push(Group::Rows(label, lines)),
        }
    }
    out
}

/// What people look for first has a place of its own.
fn stands_alone(label: &str) -> bool {
    matches!(label, "Command" | "Effect" | "Must agree" | "So far" | "Expires")
}

/// Short rows, as many to a block as it takes.
fn facts_of(page: &mut Page, facts: &[(&str, &str)]) {
    let fitted: Vec<(&str, String)> = facts.iter().map(|(label, says)| (*label, page.fitted(says, ROW))).collect();
    let mut block: Vec<(&str, &str)> = Vec::new();
    let mut length = 0;
    for (label, says) in &fitted {
        let more = says.chars().count() + label.chars().count() + 3;
        if length + more > TEXT {
            page.rows(&std::mem::take(&mut block));
            length = 0;
        }
        length += more;
        block.push((label, says));
    }
    if !block.is_empty() {
        page.rows(&block);
    }
}

/// The first lines, each at most a row long, and how many more there are.
fn kept(page: &mut Page, says: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = says.iter().take(SAME).map(|line| page.fitted(line, ROW)).collect();
    if says.len() > SAME {
        page.cut();
        lines.push(format!("… and {} more", says.len() - SAME));
    }
    lines
}

fn rows(page: &mut Page, label: &str, lines: &[String]) {
    for (nth, line) in lines.iter().enumerate() {
        page.row(if nth == 0 { label } else { "" }, line);
    }
}

fn buttons(it: &Card, live: bool) -> Vec<SlackActionBlockElement> {
    let value = value(it);
    let is_reviewed = it.offers(Choice::Approve) && !live;
    let offered = Choice::ALL.into_iter().filter(|choice| match choice {
        Choice::Approve => live,
        Choice::ShowWhole => is_reviewed || it.offers(Choice::ShowWhole),
        Choice::Reject | Choice::Confirm | Choice::Cancel | Choice::Undo => it.offers(*choice),
    });
    let drawn = offered.map(|choice| {
        let (label, style) = match choice {
            Choice::ShowWhole if is_reviewed => ("Review and approve", Some(SlackBlockButtonStyle::Primary)),
            Choice::Approve => (choice.label(), Some(SlackBlockButtonStyle::Primary)),
            Choice::Reject => (choice.label(), Some(SlackBlockButtonStyle::Danger)),
            Choice::ShowWhole | Choice::Confirm | Choice::Cancel | Choice::Undo => (choice.label(), None),
        };
        button(choice.as_str(), label, &value, style)
    });
    drawn.collect()
}

/// `invocation:decision digest`, or the invocation alone while there is no decision.
pub(super) fn value(it: &Card) -> String {
    match it.decision {
        Some(decision) => format!("{}:{decision}", it.invocation),
        None => it.invocation.to_string(),
    }
}
