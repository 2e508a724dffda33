//! The forms in which a secret can show up in output.
//!
//! **Invariant:** of a form whose ends depend on neighbouring bytes (base64 inside a longer
//! text), the part that depends on the secret alone is listed.

use crate::unescape::Unescape;
use crate::wrap::Wrap;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Characters that `encodeURI` of ECMA-262 leaves alone although RFC 3986 reserves them.
const URI_RESERVED: &str = ";,/?:@&=+$#!'()*";

type Form = Zeroizing<String>;

/// What to look for in a stream: every form of `secret`, as it is read without line breaks, and as it is read without
/// escapes. None is shorter than `shortest`, in bytes.
pub(crate) fn patterns(secret: &str, shortest: usize) -> impl Iterator<Item = Vec<u8>> {
    let readings = |form: Form| [Wrap::unwrapped(form.as_bytes()), Unescape::whole(form.as_bytes())];
    forms(secret).into_iter().flat_map(readings).filter(move |pattern| pattern.len() >= shortest)
}

/// Every form of `secret`, itself first; some may be equal.
pub(crate) fn forms(secret: &str) -> Vec<Form> {
    let mut forms = vec![Zeroizing::new(secret.to_owned())];
    for engine in [STANDARD, URL_SAFE] {
        forms.extend(base64_forms(secret.as_bytes(), &engine));
    }
    forms.extend(twice_base64(secret.as_bytes()));
    for upper in [false, true] {
        forms.extend(["", ":", " "].map(|between| hex(secret, between, upper)));
    }
    forms.extend(quoted(secret));
    for upper in [true, false] {
        forms.push(percent(secret, "", "%20", upper));
        forms.push(percent(secret, "", "+", upper));
        forms.push(percent(secret, URI_RESERVED, "%20", upper));
    }
    for ascii_only in [false, true] {
        for escaped in ["", "/", "<>&", "<>&/"] {
            forms.push(json(secret, ascii_only, escaped));
        }
    }
    forms
}

/// The whole, with and without padding, and what is left of it at the other two alignments.
fn base64_forms(secret: &[u8], engine: &impl base64::Engine) -> Vec<Form> {
    let whole = Zeroizing::new(engine.encode(secret));
    let bare = Zeroizing::new(whole.trim_end_matches('=').to_owned());
    let mut forms = vec![whole, bare];
    for shift in 0..3_usize {
        let mut shifted = Zeroizing::new(vec![0_u8; shift]);
        shifted.extend_from_slice(secret);
        let text = Zeroizing::new(engine.encode(&*shifted));
        // Each character carries 6 bits; those that hold a bit of a neighbour are not ours.
        let first = (shift * 8).div_ceil(6);
        let end = (shift + secret.len()) * 8 / 6;
        forms.push(Zeroizing::new(text.get(first..end).unwrap_or_default().to_owned()));
    }
    forms
}

/// Base64 of a text that holds base64 of the secret: a registry's credential in a Kubernetes Secret, for one.
fn twice_base64(secret: &[u8]) -> Vec<Form> {
    let once = base64_forms(secret, &STANDARD);
    let long = once.iter().filter(|form| form.len() >= 8 && !form.ends_with('='));
    long.flat_map(|form| base64_forms(form.as_bytes(), &STANDARD)).filter(|form| !form.ends_with('=')).collect()
}

/// What a shell, YAML or SQL makes of single quotes inside of single quotes.
fn quoted(secret: &str) -> Vec<Form> {
    if !secret.contains('\'') {
        return Vec::new();
    }
    ["'\\''", "'\"'\"'", "''"].map(|quote| Zeroizing::new(secret.replace('\'', quote))).into()
}

fn hex(secret: &str, between: &str, upper: bool) -> Form {
    let mut out = Zeroizing::new(String::with_capacity(secret.len() * 3));
    for (nth, byte) in secret.bytes().enumerate() {
        out.push_str(if nth == 0 { "" } else { between });
        let written = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
        written.expect("a string takes all text");
    }
    out
}

/// Percent-encoding (RFC 3986 §2.1), leaving the unreserved characters and those of `kept`.
fn percent(secret: &str, kept: &str, space: &str, upper: bool) -> Form {
    let mut out = Zeroizing::new(String::with_capacity(secret.len() * 3));
    for byte in secret.bytes() {
        let c = char::from(byte);
        let written = match c {
            ' ' => out.write_str(space),
            _ if c.is_ascii_alphanumeric() || "-._~".contains(c) || (c.is_ascii() && kept.contains(c)) => {
                out.write_char(c)
            }
            _ if upper => write!(out, "%{byte:02X}"),
            _ => write!(out, "%{byte:02x}"),
        };
        written.expect("a string takes all text");
    }
    out
}

/// The inside of a JSON string (RFC 8259 §7); `escaped` names what is escaped beyond need, as
/// PHP does with `/` and Go with `<`, `>` and `&`; `ascii_only` as Python does by default.
fn json(secret: &str, ascii_only: bool, escaped: &str) -> Form {
    let mut out = Zeroizing::new(String::with_capacity(secret.len() * 6));
    for c in secret.chars() {
        let written = match c {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '/' if escaped.contains('/') => out.write_str("\\/"),
            _ if c < ' ' || c == '\u{7f}' && ascii_only || c != '/' && escaped.contains(c) => {
                write!(out, "\\u{:04x}", u32::from(c))
            }
            _ if ascii_only && !c.is_ascii() => {
                let mut units = [0_u16; 2];
                c.encode_utf16(&mut units).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
            _ => out.write_char(c),
        };
        written.expect("a string takes all text");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn has(secret: &str, form: &str) {
        assert!(forms(secret).iter().any(|one| **one == form), "{form} is not among {:#?}", forms(secret));
    }

    #[test]
    fn the_forms_are_those_other_programs_print() {
        has("p@ss w\"rd/é", "p@ss w\"rd/é");
        has("p@ss w\"rd/é", "cEBzcyB3InJkL8Op"); // printf … | base64
        has("p@ss w\"rd/é", "7040737320772272642fc3a9"); // xxd -p
        has("p@ss w\"rd/é", "7040737320772272642FC3A9");
        has("p@ss w\"rd/é", "p%40ss%20w%22rd%2F%C3%A9"); // encodeURIComponent
        has("p@ss w\"rd/é", "p@ss%20w%22rd/%C3%A9"); // encodeURI
        has("p@ss w\"rd/é", "p%40ss+w%22rd%2F%C3%A9"); // a form
        has("p@ss w\"rd/é", "p@ss w\\\"rd/é"); // JSON.stringify
        has("p@ss w\"rd/é", "p@ss w\\\"rd\\/\\u00e9"); // json_encode of PHP
        has("a<b>c&d", "a\\u003cb\\u003ec\\u0026d"); // encoding/json of Go
        has("line1\nline2", "line1\\nline2");
        has("p@ss w", "70 40 73 73 20 77"); // xxd -g1
        has("p@ss w", "70:40:73:73:20:77");
        has("it's", "it'\\''s"); // a shell
        has("p@ss w\"rd/e", "Y0VCemN5QjNJbkprTDJV"); // base64 | base64
        has("??>>??>>", "Pz8+Pj8/Pj4=");
        has("??>>??>>", "Pz8-Pj8_Pj4");
    }

    #[test]
    fn at_each_alignment_the_part_that_is_ours_is_in_the_whole() {
        for before in 0..3 {
            for after in 0..3 {
                let text = format!("{}canary-81f2{}", "<".repeat(before), ">".repeat(after));
                let whole = STANDARD.encode(&text);
                let longest =
                    forms("canary-81f2").iter().filter(|form| whole.contains(form.as_str())).map(|f| f.len()).max();
                // 11 bytes are 88 bits; at most one character at either end is shared.
                assert!(longest >= Some(13), "{before} {after}: {longest:?}");
            }
        }
    }
}
