//! Who may do what: nobody asks, a password, or a token for one repository.
//!
//! Source: distribution, "Token Authentication Specification" and "Token Scope Documentation".

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::answer::{Answer, DENIED, UNAUTHORIZED};
use crate::chance::{hex, random};

/// What the registry calls itself to who gives tokens.
const SERVICE: &str = "registry.test";

/// Who may read and write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who has this name and password, said with every request.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// Who has a token: for reading, or for both with this name and password.
    Token {
        /// The name.
        user: String,
        /// The password.
        password: String,
        /// Whether tokens to read are given without.
        public: bool,
    },
    /// Who has this very token, which the registry was given by somebody else.
    Fixed(String),
}

/// What a token was given for.
#[derive(Debug)]
pub(super) struct Grant {
    repository: String,
    push: bool,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Read,
    Write,
}

fn said<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (name, rest) = header.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn is_named(headers: &HeaderMap, user: &str, password: &str) -> bool {
    said(headers, "basic").is_some_and(|said| said == STANDARD.encode(format!("{user}:{password}")))
}

/// Whether a request may go on; otherwise what it is asked for. `realm` is where tokens are given.
pub(super) fn check(
    access: &Access,
    tokens: &BTreeMap<String, Grant>,
    headers: &HeaderMap,
    (act, repository): (Act, &str),
    realm: &str,
) -> Result<(), Answer> {
    let challenge = |text: String| Answer::from(UNAUTHORIZED).with(header::WWW_AUTHENTICATE, text);
    match access {
        Access::Open => Ok(()),
        Access::Basic { user, password } if is_named(headers, user, password) => Ok(()),
        Access::Basic { .. } => Err(challenge("Basic realm=\"registry\"".to_owned())),
        Access::Fixed(token) if said(headers, "bearer") == Some(token) => Ok(()),
        Access::Token { .. } | Access::Fixed(_) => {
            let actions = if act == Act::Read { "pull" } else { "pull,push" };
            let grant = said(headers, "bearer").and_then(|token| tokens.get(token));
            let fits = grant.is_some_and(|it| it.repository == repository && (act == Act::Read || it.push));
            let error = if grant.is_some() { ",error=\"insufficient_scope\"" } else { "" };
            let scope = if repository.is_empty() {
                String::new()
            } else {
                format!(",scope=\"repository:{repository}:{actions}\"")
            };
            // The root says only whether a token is one at all.
            if fits || (repository.is_empty() && grant.is_some()) {
                return Ok(());
            }
            Err(challenge(format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\"{scope}{error}")))
        }
    }
}

/// A token, as somebody asks for one.
pub(super) fn give(
    access: &Access,
    tokens: &mut BTreeMap<String, Grant>,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Answer {
    let Access::Token { user, password, public } = access else { return super::answer::NO_SUCH_PLACE.into() };
    let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let named = is_named(headers, user, password);
    if find("service") != Some(SERVICE) {
        return Answer::of(StatusCode::BAD_REQUEST)
            .body("application/json", br#"{"details":"unknown service"}"#.to_vec());
    }
    if !named && (headers.contains_key(header::AUTHORIZATION) || !public) {
        return UNAUTHORIZED.into();
    }
    let scope: Vec<&str> = find("scope").unwrap_or_default().splitn(3, ':').collect();
    let &["repository", repository, actions] = scope.as_slice() else { return DENIED.into() };
    let token = hex(&random::<24>());
    let push = named && actions.split(',').any(|action| action == "push");
    tokens.insert(token.clone(), Grant { repository: repository.to_owned(), push });
    let body = json!({ "token": token, "access_token": token, "expires_in": 300, "issued_at": "2025-06-01T10:00:00Z" });
    Answer::of(StatusCode::OK).body("application/json", body.to_string().into_bytes())
}
