//! How a registry is spoken to: one request, bounded, by somebody it knows.
//!
//! **Invariant:** every request goes through the job's proxy, to the registry or to a host that belongs to it
//! (`hosts.rs`), over HTTPS unless the catalog's own address is without. Redirects are not followed, but one, for the
//! bytes of a blob, without the credential. A password goes to the registry, or to its place for tokens.

use super::challenge::{self, Challenge};
use super::{RegistryError, Settings, hosts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::refusal::shown;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Certificate, ClientBuilder, Proxy, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use std::error::Error as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The most of a token's answer, and of a refusal, that is read.
const SHORT: usize = 64 << 10;

/// What a client calls itself: some registries answer nobody without a name.
const NAME: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Who a job is to the registry.
enum Known {
    /// Nobody: the registry may be public.
    Nobody,
    /// A name and a password.
    Named(SecretString),
    /// A token of the registry itself.
    Token(SecretString),
}

pub(super) struct Wire {
    inner: reqwest::Client,
    base: Url,
    /// The hosts it may send its client to, `host:port`.
    hosts: Vec<String>,
    /// What a token has to be good for.
    scope: String,
    known: Known,
    /// What the last challenge was answered with.
    answer: Mutex<Option<HeaderValue>>,
    patience: Duration,
}

/// An answer whose status was a success, or `NOT FOUND`.
pub(super) struct Answer {
    pub(super) is_there: bool,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Wire {
    pub(super) fn of(settings: &Settings<'_>, repository: &str) -> Result<Self, RegistryError> {
        let address = settings.address.map_or_else(|| hosts::address(settings.image), str::to_owned);
        let base = Url::parse(&address).map_err(|_| RegistryError::Settings("address"))?;
        let proxy = Proxy::all(settings.proxy).map_err(|_| RegistryError::Settings("proxy"))?;
        let builder = ClientBuilder::new()
            .timeout(settings.patience)
            .redirect(redirect::Policy::none())
            .http1_only()
            .pool_max_idle_per_host(0)
            .user_agent(NAME)
            .no_proxy()
            .proxy(proxy);
        let builder = match settings.ca {
            Some(pem) => {
                let authorities = Certificate::from_pem_bundle(pem.as_bytes());
                let authorities = authorities.ok().filter(|found| !found.is_empty());
                builder.tls_certs_only(authorities.ok_or(RegistryError::Settings("authority"))?)
            }
            // On the worker's own host, without TLS: there is nothing to trust.
            None if base.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
        };
        let known = match settings.credential {
            None => Known::Nobody,
            Some(text) if text.expose_secret().contains(':') => Known::Named(text.clone()),
            Some(text) => Known::Token(text.clone()),
        };
        let answer = match &known {
            Known::Token(token) => Some(header("Bearer", token.expose_secret())?),
            Known::Nobody | Known::Named(_) => None,
        };
        Ok(Self {
            inner: builder.build().map_err(|_| RegistryError::Settings("authority"))?,
            base,
            hosts: settings.hosts.clone(),
            scope: format!("repository:{repository}:pull"),
            known,
            answer: Mutex::new(answer),
            patience: settings.patience,
        })
    }

    /// What stands at a path of the registry's, at most `limit` bytes of it.
    pub(super) async fn ask(
        &self,
        path: &[&str],
        query: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Answer, RegistryError> {
        let url = self.url(path, query)?;
        let response = self.answered(url, accept).await?;
        if response.status().is_redirection() {
            let words = "it sends its client elsewhere".to_owned();
            return Err(RegistryError::Refused { status: response.status().as_u16(), words });
        }
        self.read(response, limit).await
    }

    /// The same of a blob, whose bytes a registry may keep at another of its hosts.
    pub(super) async fn ask_blob(&self, path: &[&str], limit: usize) -> Result<Answer, RegistryError> {
        let url = self.url(path, "")?;
        let response = self.answered(url.clone(), "*/*").await?;
        if !response.status().is_redirection() {
            return self.read(response, limit).await;
        }
        let place = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let place = place.and_then(|place| url.join(place).ok());
        let place = place.ok_or_else(|| RegistryError::Strange("it sends its client nowhere".to_owned()))?;
        self.belongs(&place, "blobs")?;
        let response = self.inner.get(place).send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_redirection() {
            return Err(RegistryError::Strange("it sends its client on and on".to_owned()));
        }
        self.read(response, limit).await
    }

    fn url(&self, path: &[&str], query: &str) -> Result<Url, RegistryError> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| RegistryError::Settings("address"))?.pop_if_empty().extend(path);
        url.set_query((!query.is_empty()).then_some(query));
        Ok(url)
    }

    /// The answer to a request, after one challenge at most.
    async fn answered(&self, url: Url, accept: &str) -> Result<Response, RegistryError> {
        let response = self.send(url.clone(), accept).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let Some(challenge) = challenge::parse(challenges) else { return Ok(response) };
        let Some(answer) = self.answer(challenge).await? else { return Ok(response) };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.send(url, accept).await
    }

    async fn send(&self, url: Url, accept: &str) -> Result<Response, RegistryError> {
        let mut request = self.inner.get(url).header(ACCEPT, accept);
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(answer) = answer {
            request = request.header(AUTHORIZATION, answer);
        }
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    /// What to say to a challenge; nothing if this job has nothing to say.
    async fn answer(&self, challenge: Challenge) -> Result<Option<HeaderValue>, RegistryError> {
        match (challenge, &self.known) {
            (Challenge::Basic, Known::Named(named)) => basic(named).map(Some),
            // A token was said already, and nobody has no password.
            (Challenge::Basic, Known::Nobody | Known::Token(_)) | (Challenge::Bearer { .. }, Known::Token(_)) => {
                Ok(None)
            }
            (Challenge::Bearer { realm, service }, Known::Named(named)) => {
                self.token(&realm, service, Some(basic(named)?)).await.map(Some)
            }
            (Challenge::Bearer { realm, service }, Known::Nobody) => self.token(&realm, service, None).await.map(Some),
        }
    }

    /// A token to read this repository, and for nothing else, whatever the challenge asked for.
    async fn token(
        &self,
        realm: &str,
        service: Option<String>,
        who: Option<HeaderValue>,
    ) -> Result<HeaderValue, RegistryError> {
        let mut url =
            Url::parse(realm).map_err(|_| RegistryError::Strange("its place for tokens is none".to_owned()))?;
        self.belongs(&url, "its client for tokens")?;
        url.set_fragment(None);
        if let Some(service) = &service {
            url.query_pairs_mut().append_pair("service", service);
        }
        url.query_pairs_mut().append_pair("scope", &self.scope);
        let mut request = self.inner.get(url);
        if let Some(who) = who {
            request = request.header(AUTHORIZATION, who);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let answer = self.read(response, SHORT).await?;
        let document: Option<Value> = serde_json::from_slice(&answer.bytes).ok();
        let token = |key: &str| document.as_ref()?.get(key)?.as_str().filter(|token| !token.is_empty());
        let token = token("token").or_else(|| token("access_token"));
        let token = token.ok_or_else(|| RegistryError::Strange("it gave no token".to_owned()))?;
        header("Bearer", token)
    }

    /// Whether an address that an answer named is the registry's own, or one its keeper is known by.
    fn belongs(&self, url: &Url, what: &'static str) -> Result<(), RegistryError> {
        let host = url.host_str().unwrap_or_default();
        let place = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let own = url.origin() == self.base.origin();
        let known = url.scheme() == "https" && self.hosts.contains(&place);
        let plain = url.username().is_empty() && url.password().is_none();
        if (own || known) && plain { Ok(()) } else { Err(RegistryError::Elsewhere { what, place: shown(&place) }) }
    }

    async fn read(&self, mut response: Response, limit: usize) -> Result<Answer, RegistryError> {
        let status = response.status();
        let limit = if status.is_success() { limit } else { SHORT };
        let headers = std::mem::take(response.headers_mut());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > limit {
                return Err(RegistryError::Strange(format!("its answer is longer than {} KiB", limit >> 10)));
            }
            bytes.extend_from_slice(&chunk);
        }
        match status {
            status if status.is_success() => Ok(Answer { is_there: true, headers, bytes }),
            StatusCode::NOT_FOUND => Ok(Answer { is_there: false, headers, bytes }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(RegistryError::Denied(words(&bytes))),
            status => Err(RegistryError::Refused { status: status.as_u16(), words: words(&bytes) }),
        }
    }

    /// The innermost reason: what is around it repeats the address.
    fn unreachable(&self, error: &reqwest::Error) -> RegistryError {
        if error.is_timeout() {
            return RegistryError::Unreachable(format!("no answer within {} s", self.patience.as_secs()));
        }
        let mut reason = error.source();
        let mut words = "the connection failed".to_owned();
        while let Some(inner) = reason {
            words = inner.to_string();
            reason = inner.source();
        }
        RegistryError::Unreachable(shown(&words))
    }
}

/// The reason a registry gives: the message of its first error, or the first line.
///
/// Source: OCI distribution specification 1.1, "Error Codes".
fn words(bytes: &[u8]) -> String {
    let document: Option<Value> = serde_json::from_slice(bytes).ok();
    let first = document.as_ref().and_then(|document| document.pointer("/errors/0"));
    let text = |key: &str| first.and_then(|error| error.get(key)).and_then(Value::as_str).filter(|it| !it.is_empty());
    let said = text("message").or_else(|| text("code")).map(str::to_owned);
    let said = said.unwrap_or_else(|| {
        String::from_utf8_lossy(bytes).lines().next().map(|line| line.trim().to_owned()).unwrap_or_default()
    });
    if said.is_empty() { "without a word".to_owned() } else { shown(&said) }
}

fn basic(named: &SecretString) -> Result<HeaderValue, RegistryError> {
    header("Basic", &STANDARD.encode(named.expose_secret()))
}

fn header(scheme: &str, secret: &str) -> Result<HeaderValue, RegistryError> {
    let mut value =
        HeaderValue::from_str(&format!("{scheme} {secret}")).map_err(|_| RegistryError::Settings("credential"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where the next page is, if there is one: its query, at the path that was asked.
///
/// Source: OCI distribution specification 1.1, "Listing Tags", and RFC 8288.
pub(super) fn next(answer: &Answer, asked: &Wire, path: &[&str]) -> Option<String> {
    let name = HeaderName::from_static("link");
    let links = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let this = asked.url(path, "").ok()?;
    for link in links.flat_map(|links| links.split(',')) {
        let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let relation = rest.replace([' ', '"'], "");
        let url = this.join(target).ok()?;
        let same = url.origin() == this.origin() && url.path() == this.path();
        if relation.split(';').any(|part| part == "rel=next") && same {
            return url.query().map(str::to_owned);
        }
    }
    None
}
