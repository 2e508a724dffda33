//! Compares what a certificate says about a build with what the catalog allows.
//!
//! **Invariant:** every comparison is of a whole value, and of one the certificate's authority took from the identity
//! token of the run. A repository of the same ending, a fork and a branch of the same beginning are other ones.
//!
//! A reusable workflow signs in its own name. The workflow the catalog names is therefore the one that *signed* (the
//! build signer), not the one that called it: `.github/workflows/x.yml` is one of the repository itself, at one of the
//! allowed refs; one of another repository has to be named in full, `owner/name/.github/workflows/x.yml@refs/tags/v2` (or
//! `@` the commit that callers pin).

use crate::Proven;
use crate::reason::{ProvenanceError, shown};
use crate::reference::matches;
use sigstore_verify::SubjectAltName;
use sigstore_verify::crypto::CertificateInfo;

/// What an artifact has to be, and who may have built it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The artifact: `sha256:` and 64 hexadecimal digits in lower case.
    pub digest: String,
    /// Whose source was built, `owner/name`, in the spelling of the forge.
    pub repository: String,
    /// What built it: `.github/workflows/…` of that repository, or `owner/name/.github/workflows/…@ref` of another.
    pub workflow: String,
    /// The refs that may be built, in full; `*` stands for anything but `/`.
    pub refs: Vec<String>,
    /// Who vouches for the runs: the issuer of their identity tokens.
    pub issuer: String,
}

/// Where workflows are.
const WORKFLOWS: &str = ".github/workflows/";

/// GitHub's issuer of identity tokens for runs. An enterprise may have its own below it.
///
/// Source: GitHub Docs, the reference of its OIDC tokens, "Customizing the issuer value for an enterprise".
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Builds that run with the rights of the repository for whoever opens a pull request, perhaps on their source; and
/// their ref is that of the branch the request is for.
///
/// Source: GitHub, "Events that trigger workflows", `pull_request_target`.
const STRANGERS: &str = "pull_request_target";

/// The claims that have to be there, and what they mean is in Fulcio's list.
///
/// Source: Fulcio, docs/oid-info.md, extensions `1.3.6.1.4.1.57264.1.8` to `.22`.
struct Claims<'a> {
    issuer: &'a str,
    signer: &'a str,
    repository: &'a str,
    r#ref: &'a str,
    commit: &'a str,
    trigger: &'a str,
    run: Option<&'a str>,
}

impl<'a> Claims<'a> {
    fn of(certificate: &'a CertificateInfo) -> Result<Self, ProvenanceError> {
        let claims = &certificate.ci_claims;
        let there = |claim: &'a Option<String>, name| claim.as_deref().ok_or(ProvenanceError::Claim(name));
        let signer = there(&claims.build_signer_uri, "the workflow that signed (extension 9)")?;
        let Some(SubjectAltName::Uri(subject)) = &certificate.identity else {
            return Err(ProvenanceError::Claim("a workflow as its subject"));
        };
        if subject != signer {
            return Err(ProvenanceError::Claim("one workflow as its subject and as its signer"));
        }
        Ok(Self {
            issuer: there(&certificate.issuer, "who vouches for the run (extension 8)")?,
            signer,
            repository: there(&claims.source_repository_uri, "the repository (extension 12)")?,
            r#ref: there(&claims.source_repository_ref, "the ref (extension 14)")?,
            commit: there(&claims.source_repository_digest, "the commit (extension 13)")?,
            trigger: there(&claims.build_trigger, "what started the run (extension 20)")?,
            run: claims.run_invocation_uri.as_deref(),
        })
    }
}

/// Whether the build `certificate` was issued to is one of those `expected` allows, and which it was.
///
/// # Errors
/// It is another one; the first difference is named.
pub(crate) fn check(certificate: &CertificateInfo, expected: &Expected) -> Result<Proven, ProvenanceError> {
    let claims = Claims::of(certificate)?;
    if claims.issuer != expected.issuer {
        return Err(ProvenanceError::Issuer { found: shown(claims.issuer), expected: expected.issuer.clone() });
    }
    let server = server(&expected.issuer)?;
    let repository = format!("{server}/{}", expected.repository);
    if claims.repository != repository {
        return Err(ProvenanceError::Repository { found: shown(claims.repository), expected: repository });
    }
    let workflow = workflow(claims.signer, &server, expected)?;
    if !expected.refs.iter().any(|pattern| matches(pattern, claims.r#ref)) {
        return Err(ProvenanceError::Ref { found: shown(claims.r#ref), allowed: expected.refs.join("`, `") });
    }
    if claims.trigger == STRANGERS {
        return Err(ProvenanceError::Trigger { found: shown(claims.trigger) });
    }
    Ok(Proven {
        repository: expected.repository.clone(),
        workflow,
        r#ref: claims.r#ref.to_owned(),
        commit: commit(claims.commit)?,
        run: claims.run.filter(|run| is_run(run, &repository)).map(str::to_owned),
        signed_at: None,
    })
}

/// The forge whose runs `issuer` vouches for.
///
/// Source: GitHub Docs, the reference of its OIDC tokens, for github.com and GHE.com; for GitHub Enterprise Server,
/// `https://HOSTNAME/_services/token`.
fn server(issuer: &str) -> Result<String, ProvenanceError> {
    if issuer == GITHUB || issuer.strip_prefix(GITHUB).is_some_and(|rest| rest.starts_with('/')) {
        return Ok("https://github.com".to_owned());
    }
    let host = issuer.strip_prefix("https://").unwrap_or_default();
    let tenant = host.strip_prefix("token.actions.").filter(|host| host.ends_with(".ghe.com"));
    match tenant.or_else(|| host.strip_suffix("/_services/token")) {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(format!("https://{host}")),
        _ => Err(ProvenanceError::Expectation("issuer")),
    }
}

/// The workflow that signed, as the catalog would name it.
fn workflow(signer: &str, server: &str, expected: &Expected) -> Result<String, ProvenanceError> {
    let wrong = |found: &str| ProvenanceError::Workflow { found: shown(found), expected: expected.workflow.clone() };
    let found = signer.strip_prefix(server).and_then(|rest| rest.strip_prefix('/')).ok_or_else(|| wrong(signer))?;
    let (path, at) = found.split_once('@').ok_or_else(|| wrong(found))?;
    if expected.workflow.starts_with(WORKFLOWS) {
        if path == format!("{}/{}", expected.repository, expected.workflow) {
            // A branch may call a workflow of its repository at another ref than its own.
            if expected.refs.iter().any(|pattern| matches(pattern, at)) {
                return Ok(expected.workflow.clone());
            }
            return Err(ProvenanceError::WorkflowRef { found: shown(found), allowed: expected.refs.join("`, `") });
        }
        let own = path.strip_prefix(expected.repository.as_str()).is_some_and(|rest| rest.starts_with('/'));
        return Err(if own { wrong(found) } else { ProvenanceError::Foreign { found: shown(found) } });
    }
    let (named, pattern) = expected.workflow.split_once('@').ok_or(ProvenanceError::Expectation("workflow"))?;
    let in_full = named.splitn(3, '/').nth(2).is_some_and(|path| path.starts_with(WORKFLOWS));
    if !in_full {
        return Err(ProvenanceError::Expectation("workflow"));
    }
    // A caller may pin a commit, and so may the catalog.
    let pinned = commit(pattern).is_ok() && pattern == at;
    if path == named && (pinned || matches(pattern, at)) { Ok(found.to_owned()) } else { Err(wrong(found)) }
}

fn commit(text: &str) -> Result<String, ProvenanceError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if digits && matches!(text.len(), 40 | 64) {
        return Ok(text.to_owned());
    }
    Err(ProvenanceError::Claim("a commit in full"))
}

/// Whether it is a link to a run of that repository: it is shown to people, who follow it.
fn is_run(link: &str, repository: &str) -> bool {
    let rest = link.strip_prefix(repository).and_then(|rest| rest.strip_prefix("/actions/runs/"));
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/'))
}
