//! Answers of the app that are no API call: an acknowledgement with a message, and a `response_url`.
//!
//! **Invariant:** a `response_url` is used five times at most, within half an hour. Source: Slack, "Handling user
//! interaction in your Slack apps".

use jiff::Timestamp;
use serde_json::Value;

use super::blocks;
use super::state::{Author, Content, Message, State};
use super::text;

/// What a `response_url` is given, done; Slack's word for why not.
pub(super) fn respond(state: &mut State, id: &str, body: &Value, now: Timestamp) -> Result<(), (u16, &'static str)> {
    let Some(url) = state.response_urls.get_mut(id) else { return Err((404, "invalid_url")) };
    if now.duration_since(url.at) > jiff::SignedDuration::from_mins(30) {
        return Err((404, "expired_url"));
    }
    if url.uses >= 5 {
        return Err((404, "used_url"));
    }
    url.uses += 1;
    let url = url.clone();
    let source = url.message.clone().filter(|_| body["delete_original"] == true || body["replace_original"] == true);
    if let Some(source) = source.as_ref().filter(|_| body["delete_original"] == true) {
        if let Some(message) = state.message_mut(&url.channel, source) {
            message.deleted = true;
        }
        return Ok(());
    }
    let mut content = content_of(body)?;
    text::name(&mut content.blocks, state.number());
    if let Some(source) = source {
        if let Some(message) = state.message_mut(&url.channel, &source) {
            let before = std::mem::replace(&mut message.now, content);
            message.before.push(before);
        }
        return Ok(());
    }
    let in_channel = body["response_type"] == "in_channel";
    let thread_ts = body["thread_ts"].as_str().map(str::to_owned).or(url.thread_ts);
    say(state, &url.channel, thread_ts, if in_channel { None } else { Some(url.user) }, content, now);
    Ok(())
}

/// The message in a JSON body that is an answer: an acknowledgement or a `response_url` call.
pub(super) fn content_of(body: &Value) -> Result<Content, (u16, &'static str)> {
    let text = body["text"].as_str().unwrap_or_default().to_owned();
    let blocks = body.get("blocks").cloned().unwrap_or(Value::Null);
    if !blocks.is_null() {
        blocks::message(&blocks).map_err(|bad| (400, bad.code))?;
    }
    if text.is_empty() && blocks.is_null() {
        return Err((400, "no_text"));
    }
    Ok(Content { text, blocks })
}

/// A message of the app that no API call made.
pub(super) fn say(
    state: &mut State,
    channel: &str,
    thread_ts: Option<String>,
    only_for: Option<String>,
    content: Content,
    now: Timestamp,
) {
    let ts = state.ts(now);
    let message = Message::written(channel, &ts, Author::App, content);
    state.messages.push(Message { thread_ts, only_for, ..message });
}
