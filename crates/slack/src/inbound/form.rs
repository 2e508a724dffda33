//! Slack's form bodies, read strictly.
//!
//! **Invariant:** one reading or none: a broken escape, bytes that are not UTF-8, and a name that is
//! there twice are refused, so nobody downstream sees another value than was signed.

use super::metrics::Cause;
use std::collections::BTreeMap;

/// More fields than any request of Slack's has.
const FIELDS: usize = 64;

/// Fields by name.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Cause> {
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&') {
            let equals = pair.iter().position(|byte| *byte == b'=').ok_or(Cause::Form)?;
            let (name, value) = pair.split_at(equals);
            let (name, value) = (decoded(name)?, decoded(value.get(1..).unwrap_or_default())?);
            if fields.len() == FIELDS || fields.insert(name, value).is_some() {
                return Err(Cause::Form);
            }
        }
        Ok(Self(fields))
    }

    /// A field that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// Percent escapes and `+` taken back, once.
fn decoded(text: &[u8]) -> Result<String, Cause> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            other => *other,
        });
    }
    String::from_utf8(out).map_err(|_| Cause::Form)
}

fn digit(byte: Option<&u8>) -> Result<u8, Cause> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(Cause::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_taken_back_once() {
        let form = Form::parse(b"text=a+b%2B%2526%0A%E2%80%9C&empty=").unwrap_or_else(|_| unreachable!());
        assert_eq!(form.text("text"), Some("a b+%26\n\u{201c}"));
        assert_eq!(form.text("empty"), None);
    }

    #[test]
    fn what_has_two_readings_has_none() {
        let many = (0..=FIELDS).map(|nth| format!("f{nth}=")).collect::<Vec<_>>().join("&");
        let bad: [&[u8]; 9] =
            [b"", b"a", b"a=1&a=1", b"a=1&%61=2", b"a=%", b"a=%4", b"a=%zz", b"a=%ff%fe", many.as_bytes()];
        for body in bad {
            assert_eq!(Form::parse(body).map(drop), Err(Cause::Form), "{}", String::from_utf8_lossy(body));
        }
    }

    proptest! {
        #[test]
        fn what_was_typed_arrives(text in "\\PC*") {
            let body: String = form_urlencoded::Serializer::new(String::new()).append_pair("text", &text).finish();
            let form = Form::parse(body.as_bytes()).unwrap_or_else(|_| unreachable!());
            prop_assert_eq!(form.text("text").unwrap_or_default(), text);
        }
    }
}
