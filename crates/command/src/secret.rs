//! Notices credentials typed into a command.
//!
//! **Invariant:** a refusal from here never repeats what it found. This is a courtesy to whoever
//! pasted too much, not the redaction of records.

use crate::no::{Checked, no};
use countersign_core::refusal::Code;

/// How a kind of credential looks: its beginning, and how many characters of its alphabet follow.
struct Shape {
    what: &'static str,
    prefix: &'static str,
    follows: usize,
    alphabet: fn(char) -> bool,
}

const fn upper(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit()
}

const fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

const fn shape(what: &'static str, prefix: &'static str, follows: usize) -> Shape {
    Shape { what, prefix, follows, alphabet: word }
}

const KEY_ID: &str = "an AWS access key id";

/// Those that begin alike stand together. Sources: the vendors' own documentation of their token formats.
const SHAPES: &[Shape] = &[
    Shape { what: KEY_ID, prefix: "AKIA", follows: 16, alphabet: upper },
    Shape { what: KEY_ID, prefix: "ASIA", follows: 16, alphabet: upper },
    shape("a Google API key", "AIza", 30),
    shape("a Slack token", "xoxb-", 8),
    shape("a Slack token", "xoxp-", 8),
    shape("a Slack token", "xoxa-", 8),
    shape("a Slack token", "xoxs-", 8),
    shape("a Slack token", "xoxe-", 8),
    shape("a Slack token", "xoxe.", 8),
    shape("a Slack token", "xapp-", 8),
    shape("a GitHub token", "ghp_", 20),
    shape("a GitHub token", "gho_", 20),
    shape("a GitHub token", "ghu_", 20),
    shape("a GitHub token", "ghs_", 20),
    shape("a GitHub token", "ghr_", 20),
    shape("a GitHub token", "github_pat_", 20),
    shape("a GitLab token", "glpat-", 16),
    shape("a Vault token", "hvs.", 16),
    shape("a Vault token", "hvb.", 16),
    shape("a Google access token", "ya29.", 16),
    shape("a Stripe key", "sk_live_", 16),
    shape("an npm token", "npm_", 30),
    shape("a private key", "-----BEGIN", 0),
];

/// Refuses a word that holds a credential, unless it is the value that the word before asks for.
pub(crate) fn check_word(tool: &str, before: &str, word: &str) -> Checked<()> {
    check(word).or_else(|refusal| {
        let asked = before == "--access-key-id" || word.starts_with("--access-key-id=");
        let together = format!("{tool} {before} {word}");
        if asked && check(&together).is_ok() { Ok(()) } else { Err(refusal) }
    })
}

/// Refuses a text that holds a credential.
pub(crate) fn check(text: &str) -> Checked<()> {
    match found(text) {
        None => Ok(()),
        Some(what) => Err(no(
            Code::SecretInCommand,
            format!("the command holds {what}"),
            "revoke it, because it has been seen in chat; commands get their credentials from Countersign",
        )),
    }
}

/// The kind of credential that the text holds. It is read once: shapes are compared only where a word begins, and only
/// those that begin with the same byte.
fn found(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let mut before = b' ';
    for (at, byte) in bytes.iter().copied().enumerate() {
        let apart = !std::mem::replace(&mut before, byte).is_ascii_alphanumeric();
        let shapes = if apart { begun(byte) } else { &[] };
        let rest = bytes.get(at..).unwrap_or_default();
        let mut begun = shapes.iter().filter(|shape| rest.starts_with(shape.prefix.as_bytes()));
        if let Some(shape) = begun.find(|shape| fits(shape, text, at)) {
            return Some(shape.what);
        }
        if byte == b'e' && is_jwt(text.get(at..).unwrap_or_default()) {
            return Some("a signed token (JWT)");
        }
    }
    None
}

/// Between which of the shapes those stand that begin with each byte.
const BEGUN: [(usize, usize); 256] = {
    let mut begun = [(0, 0); 256];
    let mut nth = 0;
    while nth < SHAPES.len() {
        let first = SHAPES[nth].prefix.as_bytes()[0] as usize;
        let from = if begun[first].1 == 0 { nth } else { begun[first].0 };
        begun[first] = (from, nth + 1);
        nth += 1;
    }
    begun
};

/// The shapes that begin with this byte, and whatever stands between them.
fn begun(byte: u8) -> &'static [Shape] {
    let between = BEGUN.get(usize::from(byte)).and_then(|(from, to)| SHAPES.get(*from..*to));
    between.unwrap_or_default()
}

/// Whether what stands there, and begins as this shape does, is one.
fn fits(shape: &Shape, text: &str, at: usize) -> bool {
    let rest = text.get(at + shape.prefix.len()..).unwrap_or_default();
    let follows = rest.chars().take_while(|c| (shape.alphabet)(*c)).count();
    let head = text.get(..at).unwrap_or_default();
    let is_meant = shape.what == KEY_ID && follows == shape.follows && is_value_of_an_id(text, head);
    follows >= shape.follows && !is_meant
}

/// Whether what comes next is the value of `--access-key-id`, which only names a key: without it
/// nobody could delete one.
fn is_value_of_an_id(text: &str, head: &str) -> bool {
    let of_aws = text.trim_start().trim_start_matches('/').starts_with("aws ");
    let option = head.trim_end_matches(['\'', '"', '=', ' ']);
    of_aws && option.ends_with("access-key-id") && option.len() < head.len()
}

/// RFC 7519 in compact form: a header and a payload that both begin with `{"` in base64url.
fn is_jwt(text: &str) -> bool {
    let token = |text: &str| {
        let mut parts = text.split(|c| !word(c)).next().unwrap_or_default().split('.');
        let mut long = || parts.next().is_some_and(|one| one.len() >= 8);
        long() && long() && parts.next().is_some()
    };
    text.starts_with("eyJ") && token(text)
}

#[cfg(test)]
mod tests {
    use super::{SHAPES, check, check_word};

    #[test]
    fn credentials_are_noticed_and_not_repeated() {
        for (prefix, rest) in [
            ("AKIA", "ABCDEFGHIJKLMNOP"),
            ("xoxb-", "123456789012-abcdef"),
            ("ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"),
            ("-----BEGIN", " RSA PRIVATE KEY-----"),
            ("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
        ] {
            let refusal = check(&format!("get pods -l token={prefix}{rest}")).unwrap_err();
            assert_eq!(refusal.code().as_str(), "secret-in-command");
            assert!(!format!("{refusal} {}", refusal.hint()).contains(rest));
        }
    }

    #[test]
    fn every_shape_is_noticed_wherever_a_word_begins() {
        for shape in SHAPES {
            let one = format!("{}{}", shape.prefix, "A".repeat(shape.follows));
            for (before, after) in
                [("", ""), ("get ", " x"), ("x-", "'"), ("x=\"", "\""), ("\u{e9}", ""), ("AKIA ", " AKIA")]
            {
                let refusal = check(&format!("{before}{one}{after}")).unwrap_err();
                assert!(refusal.to_string().contains(shape.what), "{before}{one}{after}: {refusal}");
            }
            assert!(check(&format!("get x{one}")).is_ok() || shape.follows == 0, "{one}");
            let short = one.get(..one.len() - 1).unwrap_or_default();
            assert!(check(&format!("get {short}")).is_ok(), "{short}");
        }
    }

    #[test]
    fn an_access_key_is_named_by_its_id_and_by_nothing_more() {
        let id = "AKIAABCDEFGHIJKLMNOP";
        for fine in [
            format!("/aws dev iam delete-access-key --access-key-id {id} --user-name a"),
            format!("aws dev sts get-access-key-info --access-key-id={id}"),
            format!("aws dev sts get-access-key-info --access-key-id '{id}'"),
        ] {
            assert!(check(&fine).is_ok(), "{fine}");
        }
        for typed in [
            format!("/kubectl get pods --access-key-id {id}"),
            format!("/aws dev iam delete-access-key --access-key-id x --user-name {id}"),
            format!("/aws dev iam delete-access-key --access-key-id {id} {id}"),
            format!("/aws dev iam delete-access-key --access-key-id {id}QRS"),
            format!("/aws dev ssm put-parameter --name my-access-key-id-{id} --value x"),
            format!("/aws dev iam delete-access-key --access-key-id {id} --x ghp_abcdefghijklmnopqrstuvwxyz"),
        ] {
            assert!(check(&typed).is_err(), "{typed}");
        }
        assert!(check_word("aws", "--access-key-id", id).is_ok());
        assert!(check_word("aws", "dev", &format!("--access-key-id={id}")).is_ok());
        assert!(check_word("aws", "--user-name", id).is_err() && check_word("kubectl", "--access-key-id", id).is_err());
    }

    #[test]
    fn names_that_only_look_alike_pass() {
        for fine in [
            "get pods xAKIAABCDEFGHIJKLMNOP",
            "get pods makiabc",
            "get pods AKIA",
            "get pod xoxb-1",
            "get pod ghp-api",
            "logs eyjafjalla",
        ] {
            assert!(check(fine).is_ok(), "{fine}");
        }
    }
}
