//! Reads `channels`: what a channel takes.
//!
//! **Invariant:** every line takes something away; one that would not is a mistake.

use super::Ids;
use crate::problems::ProblemCode;
use crate::rbac::Channel;
use crate::reader::Reader;
use crate::selector::{KEYS, Known, Selector, selector};
use crate::yaml::Node;
use std::collections::BTreeSet;

pub(super) fn channel(reader: &mut Reader<'_>, node: &Node, known: &Known, ids: &mut Ids) -> Option<Channel> {
    let mut keys = vec!["id", "why", "channel", "private"];
    keys.extend(KEYS);
    let what = "a rule about channels";
    let fields = reader.fields(node, what, &keys, &[])?;
    let mut channels = BTreeSet::new();
    if let Some(node) = reader.required(&fields, "channel", what) {
        for item in reader.one_or_more(node, "`channel`") {
            let id = reader.text(item, "the id of a channel").filter(|id| reader.check_channel(item.at, id));
            channels.extend(id.map(str::to_owned));
        }
    }
    let only = selector(reader, &fields, known);
    let is_private = match fields.of("private") {
        Some(node) => reader.word(node, "word for privacy", &[("required", true)])?,
        None => false,
    };
    let why = super::why(reader, &fields);
    if only == Selector::default() && !is_private {
        let hint = "write what the channel takes, as `env: [prod]`, or `private: required`";
        reader.note_with_hint(node.at, ProblemCode::Empty, "a rule that takes everything narrows nothing", hint);
    }
    let named = || format!("channel:{}", channels.iter().cloned().collect::<Vec<_>>().join(","));
    let id = ids.of(reader, &fields, what, named)?;
    Some(Channel { id, channels, only, is_private, why })
}
