//! Recognises tokens in typed text by their shape, without knowing them.
//!
//! **Invariant:** the answer names the kind and the place, never the token.

use crate::detect::shapes;
use std::fmt;

/// What kind of secret a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An AWS access key id.
    AwsAccessKey,
    /// A Slack token.
    Slack,
    /// A GitHub token.
    GitHub,
    /// A GitLab token.
    GitLab,
    /// A Google API key or OAuth token.
    Google,
    /// A Vault token.
    Vault,
    /// An npm or `PyPI` token.
    PackageRegistry,
    /// An API key of a payment or model provider.
    ApiKey,
    /// A JSON web token (RFC 7519).
    Jwt,
    /// A PEM private key (RFC 7468).
    PrivateKey,
    /// A password inside a URL (RFC 3986 §3.2.1).
    UrlPassword,
}

impl TokenKind {
    /// What it is called in the answer to the person.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsAccessKey => "an AWS access key",
            Self::Slack => "a Slack token",
            Self::GitHub => "a GitHub token",
            Self::GitLab => "a GitLab token",
            Self::Google => "a Google credential",
            Self::Vault => "a Vault token",
            Self::PackageRegistry => "a package registry token",
            Self::ApiKey => "an API key",
            Self::Jwt => "a JSON web token",
            Self::PrivateKey => "a private key",
            Self::UrlPassword => "a password in a URL",
        }
    }

    /// What it is called in the marker that takes its place in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwsAccessKey => "aws-access-key",
            Self::Slack => "slack-token",
            Self::GitHub => "github-token",
            Self::GitLab => "gitlab-token",
            Self::Google => "google-credential",
            Self::Vault => "vault-token",
            Self::PackageRegistry => "registry-token",
            Self::ApiKey => "api-key",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private-key",
            Self::UrlPassword => "url-password",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A secret in typed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Where it begins: in characters, from 1.
    pub column: usize,
    /// How many characters it has.
    pub length: usize,
    /// What it looks like.
    pub kind: TokenKind,
}

/// The first secret in a typed text, by its shape; `None` when there is none to see.
#[must_use]
pub fn refuse_secrets(text: &str) -> Option<Found> {
    text.char_indices().enumerate().find_map(|(nth, (start, _))| {
        let before = text.get(..start).and_then(|before| before.bytes().next_back());
        let rest = text.get(start..)?;
        let (length, kind) = at(before, rest)?;
        let length = rest.get(..length).map_or(length, |token| token.chars().count());
        Some(Found { column: nth + 1, length, kind })
    })
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// The secret that begins here: its length in bytes and its kind.
fn at(before: Option<u8>, rest: &str) -> Option<(usize, TokenKind)> {
    if let Some(length) = private_key(rest) {
        return Some((length, TokenKind::PrivateKey));
    }
    // Inside a longer word it is something else: a digest, a name.
    if before.is_some_and(word) {
        return None;
    }
    let shaped = shapes::all().find_map(|shape| {
        let tail = rest.strip_prefix(shape.prefix)?;
        let length = run(tail, shape.alphabet);
        let fits = length >= shape.least && length <= shape.most && (shape.check)(tail.as_bytes().get(..length)?);
        fits.then_some((shape.prefix.len() + length, shape.kind))
    });
    shaped
        .or_else(|| jwt(rest).map(|length| (length, TokenKind::Jwt)))
        .or_else(|| url_password(rest).map(|length| (length, TokenKind::UrlPassword)))
}

fn run(text: &str, alphabet: fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&byte| alphabet(byte)).count()
}

/// `-----BEGIN … PRIVATE KEY-----`, up to the end of the label.
fn private_key(rest: &str) -> Option<usize> {
    const BEGIN: &str = "-----BEGIN ";
    let label = rest.strip_prefix(BEGIN)?;
    let end = label.find("-----")?;
    label.get(..end)?.contains("PRIVATE KEY").then_some(BEGIN.len() + end + 5)
}

/// Three parts of base64url; the first begins an object (`{"`), and so does the second.
fn jwt(rest: &str) -> Option<usize> {
    if !rest.starts_with("eyJ") {
        return None;
    }
    let header = run(rest, word);
    let claims = rest.get(header..)?.strip_prefix(".eyJ")?;
    let claims_length = run(claims, word);
    let signature = claims.get(claims_length..)?.strip_prefix('.')?;
    let signature_length = run(signature, word);
    let is_token = header >= 10 && claims_length >= 4 && signature_length >= 10;
    is_token.then_some(header + 4 + claims_length + 1 + signature_length)
}

/// `scheme://user:password@`, up to the `@`.
fn url_password(rest: &str) -> Option<usize> {
    let scheme = run(rest, |byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    if scheme == 0 || !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let authority = rest.get(scheme..)?.strip_prefix("://")?;
    let end = authority.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(authority.len());
    let (userinfo, _) = authority.get(..end)?.rsplit_once('@')?;
    let (_, password) = userinfo.split_once(':')?;
    (!password.is_empty()).then_some(scheme + 3 + userinfo.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(text: &str, column: usize, length: usize, kind: TokenKind) {
        assert_eq!(refuse_secrets(text), Some(Found { column, length, kind }), "{text}");
    }

    /// Joined here, so that no scanner takes this file for a leak.
    fn token(prefix: &str, tail: &str) -> String {
        format!("get pods {prefix}{tail} -n a")
    }

    #[test]
    fn well_known_shapes_are_found_where_they_are() {
        let twenty = "abcdEFGH1234abcdEFGH";
        for (prefix, tail, kind) in [
            ("AKIA", "IOSFODNN7EXAMPLE".to_owned(), TokenKind::AwsAccessKey),
            ("xoxb-", "123456789012-abcdef".to_owned(), TokenKind::Slack),
            ("xapp-", "1-A0123456789-abc".to_owned(), TokenKind::Slack),
            ("ghp_", twenty.repeat(2), TokenKind::GitHub),
            ("github_pat_", twenty.repeat(4), TokenKind::GitHub),
            ("glpat-", twenty.to_owned(), TokenKind::GitLab),
            ("hvs.", twenty.repeat(4), TokenKind::Vault),
            ("AIza", twenty.repeat(2), TokenKind::Google),
        ] {
            found(&token(prefix, &tail), 10, prefix.len() + tail.len(), kind);
        }
    }

    #[test]
    fn keys_web_tokens_and_url_passwords_are_found() {
        found("é -----BEGIN RSA PRIVATE KEY-----\nMII", 3, 31, TokenKind::PrivateKey);
        found("x -----BEGIN PRIVATE KEY-----", 3, 27, TokenKind::PrivateKey);
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLWJ5dGVz";
        found(&format!("--from-literal=t={jwt}"), 18, jwt.len(), TokenKind::Jwt);
        found("git clone https://bob:hunter2@git.example/x", 11, 20, TokenKind::UrlPassword);
        found("postgres://u:p%40@db/x", 1, 18, TokenKind::UrlPassword);
    }

    #[test]
    fn p53_benign_look_alikes_are_not() {
        for text in [
            "get pods -n payments --context prod",
            "logs api-7f --since 1h",
            "set image deploy/api api=registry.example:5000/api@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
            "ec2 describe-instances --instance-ids i-0123456789abcdef0",
            "arn:aws:iam::123456789012:role/AKIA",
            "get pod AKIA7EXAMPLE",
            "x-AKIAIOSFODNN7EXAMPLE",
            "get secret password-reset-token-ghp_short",
            "123e4567-e89b-42d3-a456-426614174000",
            "-----BEGIN CERTIFICATE-----",
            "https://example.com:8443/a@b",
            "https://bob@example.com/x:y",
            "eyJhbGciOiJIUzI1NiJ9",
            "",
        ] {
            assert_eq!(refuse_secrets(text), None, "{text}");
        }
    }
}
