//! Sessions of a role of AWS, each of one command.
//!
//! **Invariant:** a session's own policy allows nothing after the lease's nominal expiry, its name is
//! the lease's handle, and who asked for it goes with every call it makes. A session cannot be
//! revoked: the effective expiry is what AWS says.
//!
//! Source: AWS STS API reference, `AssumeRole`; IAM user guide, "Monitor and control actions taken
//! with assumed roles" and "Pass session tags".

use crate::broker::{IssueError, IssuerFault};
use crate::http;
use crate::issuers::read_off;
use crate::lease::{Issued, Minted, Release};
use crate::need::{Need, Term};
use crate::read::{self, AwsKeys, Environment, are_aws};
use crate::recipe::AssumeRole;
use crate::reference::Reference;
use crate::sigv4::{self, Canonical, Scope};
use crate::vault::SHORTEST_SESSION_SECONDS;
use countersign_core::time::{Clock, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;

const ISSUER: &str = "AWS";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// AWS's token service.
#[derive(Debug)]
pub(crate) struct Aws {
    /// The region's own if absent.
    pub(crate) endpoint: Option<String>,
    pub(crate) ca: Option<Reference>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Aws {
    /// Assumes the role for one command.
    pub(crate) async fn mint(&self, role: &AssumeRole, need: &Need, term: Term) -> Result<Minted, IssueError> {
        let (source, ca) = (role.source.clone(), self.ca.clone());
        let (keys, ca) = read_off(&self.environment, move |environment| {
            let ca = ca.map(|ca| ca.read_public(environment)).transpose()?;
            Ok((read::aws(&source, environment)?, ca))
        })
        .await?;
        let minted = self.assume(role, need, term, &keys, ca.as_deref()).await;
        minted.map_err(|fault| IssueError::NotIssued { issuer: ISSUER, doing: "a session of a role", fault })
    }

    async fn assume(
        &self,
        role: &AssumeRole,
        need: &Need,
        term: Term,
        keys: &AwsKeys,
        ca: Option<&str>,
    ) -> Result<Minted, IssuerFault> {
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://sts.{}.{}", role.region, domain_of(&role.region)),
        };
        let session = need.handle();
        let body = form(role, need, &session, term);
        let url = http::url(&endpoint, &[""])?;
        let host = url.host_str().ok_or(IssuerFault::Settings)?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let date = sigv4::amz_date(self.clock.now());
        let mut headers = vec![("content-type", FORM), ("host", host.as_str()), ("x-amz-date", date.as_str())];
        if let Some(token) = &keys.session_token {
            headers.push(("x-amz-security-token", token.expose_secret()));
        }
        let request = Canonical { method: "POST", query: "", headers: &headers, body: body.as_bytes() };
        let scope = Scope {
            access_key_id: &keys.access_key_id,
            secret_access_key: &keys.secret_access_key,
            region: &role.region,
            service: "sts",
        };
        let authorization = sigv4::authorization(&request, &scope, &date);
        let mut sent = http::client(&endpoint, ca)?.post(url).header("authorization", authorization);
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            sent = sent.header(*name, *value);
        }
        let answer = http::send(sent.body(body)).await?;
        let text = answer.text()?;
        if let Err(fault) = answer.succeeded() {
            return Err(named(text).unwrap_or(fault));
        }
        let (keys, ends) = credentials(text).ok_or(IssuerFault::Unreadable)?;
        Ok(Minted {
            material: keys.into(),
            issued: Issued { by: "assume-role", id: Some(session) },
            effective: Some(ends),
            release: Release::Nothing,
        })
    }
}

/// The parameters of `AssumeRole`.
pub(crate) fn form(role: &AssumeRole, need: &Need, session: &str, term: Term) -> String {
    let seconds = term.seconds(SHORTEST_SESSION_SECONDS).to_string();
    let (policy, source) = (policy(term), source_identity(&need.principal));
    let invocation = need.invocation.to_string();
    let principal = tag_value(&need.principal);
    let parameters = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", &role.role),
        ("RoleSessionName", session),
        ("DurationSeconds", &seconds),
        ("Policy", &policy),
        ("SourceIdentity", &source),
        ("Tags.member.1.Key", "countersign-principal"),
        ("Tags.member.1.Value", &principal),
        ("Tags.member.2.Key", "countersign-invocation"),
        ("Tags.member.2.Value", &invocation),
        ("TransitiveTagKeys.member.1", "countersign-principal"),
        ("TransitiveTagKeys.member.2", "countersign-invocation"),
    ];
    parameters.map(|(name, value)| format!("{name}={}", percent(value))).join("&")
}

/// As AWS's own programs write a form: the percent form of all but the unreserved (RFC 3986, 2.3).
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// A session may do what its role and its own policy both allow.
fn policy(term: Term) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": { "DateLessThan": { "aws:CurrentTime": whole_seconds(term.end()) } },
        }],
    })
    .to_string()
}

/// `2026-01-05T12:06:00Z`: AWS compares no fractions.
///
/// Source: IAM user guide, "IAM JSON policy elements: Condition operators", date conditions.
fn whole_seconds(at: Timestamp) -> String {
    let whole: String = at.to_string().chars().take("2026-01-05T12:06:00".len()).collect();
    whole + "Z"
}

/// The principal in the characters that AWS takes, two to 64 of them: the last ones, since a
/// subject comes after its issuer.
fn source_identity(principal: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let kept: String = principal.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let kept = kept.get(kept.len().saturating_sub(64)..).unwrap_or_default();
    format!("{kept:->2}")
}

/// The principal as the value of a tag, at most 256 characters.
fn tag_value(principal: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    principal.chars().map(|c| if fits(c) { c } else { '-' }).take(256).collect()
}

/// Source: AWS General Reference, service endpoints of the partition `aws-cn`.
fn domain_of(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// What a refusal's code says; its message may quote the request.
fn named(text: &str) -> Option<IssuerFault> {
    match tag(text, "Code")? {
        "InvalidClientTokenId" | "SignatureDoesNotMatch" | "ExpiredToken" | "ExpiredTokenException" => {
            Some(IssuerFault::Login)
        }
        "AccessDenied" => Some(IssuerFault::Denied),
        _ => None,
    }
}

fn credentials(text: &str) -> Option<(AwsKeys, Timestamp)> {
    let own = tag(text, "Credentials")?;
    let keys = AwsKeys {
        access_key_id: tag(own, "AccessKeyId")?.to_owned(),
        secret_access_key: SecretString::from(tag(own, "SecretAccessKey")?),
        session_token: Some(SecretString::from(tag(own, "SessionToken")?)),
    };
    let ends = tag(own, "Expiration")?.parse().ok()?;
    are_aws(&keys).then_some((keys, ends))
}

/// The text of an element that has no attributes. Keys and tokens are of base64's alphabet, which
/// XML has no escapes in.
fn tag<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_fits_where_aws_puts_it() {
        assert_eq!(source_identity("ann@example.com"), "ann@example.com");
        assert_eq!(source_identity("oidc|Ann Ö"), "oidc-Ann--");
        assert_eq!(source_identity("a"), "-a");
        let long = format!("https://{}.example.com#ann", "login".repeat(20));
        let (kept, whole) = (source_identity(&long), tag_value(&long));
        assert!(kept.len() == 64 && kept.ends_with(".example.com-ann"), "{kept}");
        assert!(whole.ends_with(".example.com-ann") && whole.len() == long.len(), "{whole}");
        assert_eq!(tag_value("oidc|Ann Ö"), "oidc-Ann Ö");
    }

    #[test]
    fn an_answer_without_keys_gives_none() {
        assert!(credentials("<Credentials><AccessKeyId>A</AccessKeyId></Credentials>").is_none());
        assert!(credentials("").is_none());
    }
}
