//! One head as a syslog message (RFC 5424), and back.
//!
//! The head stands in the message twice: as structured data, and once more in the text, since
//! rsyslog and syslog-ng write files without structured data unless they are told otherwise.
//!
//! **Invariant:** what [`Message::text`] makes is one line of at most [`MAX_MESSAGE_BYTES`], and
//! [`Element::read`] gives back what went in, also from inside JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::time::Timestamp;
use std::fmt::Write as _;

/// What every receiver should take (RFC 5424, section 6.1).
pub const MAX_MESSAGE_BYTES: usize = 2048;
/// Facility "log audit" (13) and severity "notice" (5): 13 * 8 + 5 (RFC 5424, section 6.2.1).
const PRIORITY: u16 = 13 * 8 + 5;
/// The name of our element. 32473 is the enterprise number for examples (RFC 5612); an own one
/// would make no head safer.
pub(super) const ELEMENT: &str = "countersign@32473";
/// Most bytes of an element in a file: every byte of it escaped twice.
pub(super) const MAX_ELEMENT_BYTES: usize = 4 * MAX_MESSAGE_BYTES;

/// A head does not fit into a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message of {0} bytes is longer than every receiver takes ({MAX_MESSAGE_BYTES})")]
pub struct TooLong(pub usize);

/// A head on its way.
pub(super) struct Message<'a> {
    pub(super) at: Timestamp,
    pub(super) host: Option<&'a str>,
    pub(super) deployment: &'a str,
    pub(super) key: &'a str,
    pub(super) note: &'a str,
}

impl Message<'_> {
    /// The message without any framing.
    pub(super) fn text(&self) -> Result<String, TooLong> {
        let Self { at, .. } = self;
        let host = self.host.map_or_else(|| "-".to_owned(), header);
        let element = self.element();
        let process = std::process::id();
        let text = format!("<{PRIORITY}>1 {at} {host} countersign {process} head {element} signed head {element}");
        if text.len() <= MAX_MESSAGE_BYTES { Ok(text) } else { Err(TooLong(text.len())) }
    }

    fn element(&self) -> String {
        let mut element = format!("[{ELEMENT}");
        let note = BASE64.encode(self.note);
        for (name, value) in [("deployment", self.deployment), ("key", self.key), ("note", &note)] {
            let value = escaped(value);
            write!(element, " {name}=\"{value}\"").expect("a string takes everything");
        }
        element.push(']');
        element
    }
}

/// A field of the header: printable ASCII without spaces, at most 255 (RFC 5424, section 6.2.4).
fn header(text: &str) -> String {
    let fits: String = text.chars().filter(char::is_ascii_graphic).take(255).collect();
    if fits.is_empty() { "-".to_owned() } else { fits }
}

/// Escapes what would end a value (RFC 5424, section 6.3.3). Control characters, which may stand
/// there, would end the line of a file and are left out.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for one in value.chars().filter(|one| !one.is_control()) {
        if matches!(one, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(one);
    }
    out
}

/// Our element as it stood in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) deployment: String,
    pub(super) key: String,
    pub(super) note: Vec<u8>,
}

impl Element {
    /// Reads what follows [`ELEMENT`]. `None` when it is cut, or not ours after all.
    ///
    /// Exports put lines into JSON strings, some twice; each such layer is taken off first.
    pub(super) fn read(after: &[u8]) -> Option<Self> {
        let window = after.get(..MAX_ELEMENT_BYTES.min(after.len()))?;
        // It never holds a line break, and lines are short.
        let window = window.split(|byte| *byte == b'\n').next()?;
        let mut text = String::from_utf8_lossy(window).into_owned();
        for _ in 0..3 {
            if text.split_once('=')?.1.starts_with('"') {
                return Self::of(&text);
            }
            text = without_json(&text);
        }
        None
    }

    fn of(text: &str) -> Option<Self> {
        let (mut deployment, mut key, mut note) = (None, None, None);
        let mut rest = text;
        while !rest.starts_with(']') {
            let (name, value) = rest.strip_prefix(' ')?.split_once("=\"")?;
            let (value, after) = value_of(value)?;
            let slot = match name {
                "deployment" => Some(&mut deployment),
                "key" => Some(&mut key),
                "note" => Some(&mut note),
                // A later version may say more.
                _ => None,
            };
            if let Some(slot) = slot
                && slot.replace(value).is_some()
            {
                return None;
            }
            rest = after;
        }
        Some(Self { deployment: deployment?, key: key?, note: BASE64.decode(note?).ok()? })
    }
}

/// The value up to its closing quote, and what comes after.
fn value_of(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, one)) = chars.next() {
        match one {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                next @ ('"' | '\\' | ']') => value.push(next),
                // Any other backslash stands for itself (RFC 5424, section 6.3.3).
                next => value.extend(['\\', next]),
            },
            one => value.push(one),
        }
    }
    None
}

/// Takes one layer of JSON's escapes off, as far as they can stand in our element.
fn without_json(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(one) = chars.next() {
        if one != '\\' {
            out.push(one);
            continue;
        }
        match chars.next() {
            Some('u') => {
                let code: String = chars.by_ref().take(4).collect();
                let unit = u32::from_str_radix(&code, 16).ok();
                out.push(unit.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(next) => out.push(next),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{ELEMENT, Element, MAX_MESSAGE_BYTES, Message, TooLong};
    use countersign_core::time::Timestamp;
    use proptest::prelude::*;

    const KEY: &str = "heads/v1/writer=gateway-00000000-0000-4000-8000-000000000000/00000000000000000001.note";

    fn message<'a>(deployment: &'a str, note: &'a str) -> Message<'a> {
        Message { at: Timestamp::from_millis(0), host: Some("node 1\n"), deployment, key: KEY, note }
    }

    /// What stands after each of our names, as the file's reader would find it.
    fn found(line: &str) -> Vec<Option<Element>> {
        line.match_indices(ELEMENT).map(|(at, _)| Element::read(&line.as_bytes()[at + ELEMENT.len()..])).collect()
    }

    #[test]
    fn a_head_of_usual_size_is_a_message_every_receiver_takes() {
        let text = message("prod", &"x".repeat(400)).text().unwrap();
        assert!(text.starts_with("<109>1 1970-01-01T00:00:00.000Z node1 countersign "), "{text}");
        assert!(text.contains(&format!(" head [countersign@32473 deployment=\"prod\" key=\"{KEY}\" note=\"eHh4")));
        // One datagram of an Ethernet frame.
        assert!(text.len() < 1472, "{}", text.len());
        let long = message("prod", &"x".repeat(2000)).text();
        assert!(matches!(long, Err(TooLong(bytes)) if bytes > MAX_MESSAGE_BYTES), "{long:?}");
    }

    #[test]
    fn a_cut_message_and_a_message_with_two_of_a_kind_are_none() {
        let text = message("prod", "note").text().unwrap();
        let at = text.find(ELEMENT).unwrap() + ELEMENT.len();
        let end = at + text[at..].find(']').unwrap();
        for cut in at..end {
            assert_eq!(Element::read(&text.as_bytes()[at..cut]), None, "{}", &text[at..cut]);
        }
        assert_eq!(Element::read(br#" deployment="a" key="b" key="c" note=""]"#), None);
        assert!(Element::read(br#" deployment="a" later="x" key="b" note=""]"#).is_some());
    }

    proptest! {
        #[test]
        fn what_was_sent_is_read_back_also_out_of_json(deployment in "[ -~äß\\]\"\\\\]{0,40}", note in ".{0,200}") {
            let text = message(&deployment, &note).text().unwrap();
            prop_assert!(!text.contains(['\n', '\r', '\0']));
            let sent = Element { deployment: deployment.clone(), key: KEY.into(), note: note.clone().into_bytes() };
            let json = serde_json::to_string(&text).unwrap();
            let twice = serde_json::to_string(&json).unwrap();
            for line in [&text, &json, &twice] {
                let found = found(line);
                // A deployment may hold our name itself; then there is something that cannot be read between.
                prop_assert!(found.iter().flatten().filter(|one| **one == sent).count() >= 2, "{line}: {found:?}");
            }
        }

        #[test]
        fn nothing_in_a_file_makes_the_reader_stumble(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Element::read(&bytes);
        }

        #[test]
        fn nothing_like_an_element_makes_the_reader_stumble(text in "[ a=\"\\\\\\]u0]{0,60}") {
            let _ = Element::read(text.as_bytes());
        }
    }
}
