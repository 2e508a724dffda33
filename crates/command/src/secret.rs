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

/// Sources: the vendors' own documentation of their token formats.
const SHAPES: &[Shape] = &[
    Shape { what: KEY_ID, prefix: "AKIA", follows: 16, alphabet: upper },
    Shape { what: KEY_ID, prefix: "ASIA", follows: 16, alphabet: upper },
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
    shape("a Google API key", "AIza", 30),
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
    let found = SHAPES
        .iter()
        .find(|shape| text.match_indices(shape.prefix).any(|(at, _)| fits(shape, text, at)))
        .map(|shape| shape.what)
        .or_else(|| holds_jwt(text).then_some("a signed token (JWT)"));
    match found {
        None => Ok(()),
        Some(what) => Err(no(
            Code::SecretInCommand,
            format!("the command holds {what}"),
            "revoke it, because it has been seen in chat; commands get their credentials from Countersign",
        )),
    }
}

fn fits(shape: &Shape, text: &str, at: usize) -> bool {
    let head = text.get(..at).unwrap_or_default();
    let apart = head.chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric());
    let rest = text.get(at + shape.prefix.len()..).unwrap_or_default();
    let follows = rest.chars().take_while(|c| (shape.alphabet)(*c)).count();
    let is_meant = shape.what == KEY_ID && follows == shape.follows && is_value_of_an_id(text, head);
    apart && follows >= shape.follows && !is_meant
}

/// Whether what comes next is the value of `--access-key-id`, which only names a key: without it
/// nobody could delete one.
fn is_value_of_an_id(text: &str, head: &str) -> bool {
    let of_aws = text.trim_start().trim_start_matches('/').starts_with("aws ");
    let option = head.trim_end_matches(['\'', '"', '=', ' ']);
    of_aws && option.ends_with("access-key-id") && option.len() < head.len()
}

/// RFC 7519 in compact form: a header and a payload that both begin with `{"` in base64url.
fn holds_jwt(text: &str) -> bool {
    text.match_indices("eyJ").any(|(at, _)| {
        let token: String = text.get(at..).unwrap_or_default().chars().take_while(|c| word(*c)).collect();
        let mut parts = token.split('.');
        let long = |part: Option<&str>| part.is_some_and(|one| one.len() >= 8);
        long(parts.next()) && long(parts.next()) && parts.next().is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::{check, check_word};

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
