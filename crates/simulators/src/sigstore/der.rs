//! Just enough DER to write what a certificate log and a timestamp authority sign, and to find a part again.
//!
//! Source: X.690, distinguished encoding rules.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8: u8 = 0x0c;
pub(super) const TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Context-specific and constructed, as `[0] EXPLICIT`.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// Context-specific and primitive, as `[0] IMPLICIT OCTET STRING`.
pub(super) const PLAIN_0: u8 = 0x80;

/// A tag, the length of all the parts, and the parts.
pub(super) fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match (content.len(), u8::try_from(length.len())) {
        (0..=0x7f, _) => bytes.push(length.first().copied().unwrap_or(0)),
        (_, Ok(count)) => {
            bytes.push(0x80 | count);
            bytes.extend(length);
        }
        (_, Err(_)) => unreachable!("a length has at most eight bytes"),
    }
    bytes.extend(content);
    bytes
}

/// An object identifier.
pub(super) fn oid(arcs: &[u64]) -> Vec<u8> {
    let [first, second, rest @ ..] = arcs else { return Vec::new() };
    let mut content = Vec::new();
    for arc in std::iter::once(&(first * 40 + second)).chain(rest) {
        let mut digits = vec![u8::try_from(arc & 0x7f).unwrap_or(0)];
        let mut left = arc >> 7;
        while left > 0 {
            digits.push(0x80 | u8::try_from(left & 0x7f).unwrap_or(0));
            left >>= 7;
        }
        content.extend(digits.iter().rev());
    }
    wrap(OID, &[&content])
}

/// The first element inside of the one that `bytes` are, with its own tag and length.
pub(super) fn first_inside(bytes: &[u8]) -> Option<&[u8]> {
    let (header, _) = extent(bytes)?;
    let inside = bytes.get(header..)?;
    let (header, length) = extent(inside)?;
    inside.get(..header + length)
}

/// How long the tag and the length of an element are, and how long its content is.
fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    let short = *bytes.get(1)?;
    if short < 0x80 {
        return Some((2, usize::from(short)));
    }
    let count = usize::from(short & 0x7f);
    let length = bytes.get(2..2 + count)?.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
    Some((2 + count, length))
}
