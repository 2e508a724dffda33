//! How a driver speaks to its target.
//!
//! **Invariant:** every request goes to the job's address, through the job's proxy, with a deadline; no redirect is
//! followed, no variable of the environment is looked at, and an answer is bounded. The credential is in one header
//! and in no message.

use super::job::Job;
use countersign_core::refusal::shown;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Method, Proxy, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::time::Duration;

/// After so long a target does not answer any more; a person waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most that is read of an answer: some ten thousand alerts.
const LONGEST_ANSWER: usize = 32 << 20;

/// The client of one job.
#[derive(Debug)]
pub(super) struct Client {
    inner: reqwest::Client,
    base: Url,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The job's address, authority or credential.
    #[error("the {0} of the target cannot be used")]
    Settings(&'static str),
    /// Nobody answered; whether the request arrived is not known.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It said no.
    #[error("it answered {status}: {words}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The beginning of what it said.
        words: String,
    },
    /// The answer is too long, or something else than was asked for.
    #[error("its answer cannot be used: {0}")]
    Strange(String),
}

impl Client {
    pub(super) fn of(job: &Job) -> Result<Self, AskError> {
        let base = Url::parse(&format!("{}/", job.target.address)).map_err(|_| AskError::Settings("address"))?;
        let proxy = Proxy::all(&job.proxy).map_err(|_| AskError::Settings("proxy"))?;
        let builder = ClientBuilder::new()
            .timeout(PATIENCE.min(job.wall()))
            .redirect(redirect::Policy::none())
            .http1_only()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .proxy(proxy)
            .default_headers(headers(job.bearer.as_ref())?);
        let builder = match &job.target.ca {
            Some(pem) => {
                let authorities = Certificate::from_pem_bundle(pem.as_bytes());
                let authorities = authorities.map_err(|_| AskError::Settings("authority"))?;
                if authorities.is_empty() {
                    return Err(AskError::Settings("authority"));
                }
                builder.tls_certs_only(authorities)
            }
            // On the worker's own host, without TLS: there is nothing to trust.
            None if base.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
        };
        let inner = builder.build().map_err(|_| AskError::Settings("authority"))?;
        Ok(Self { inner, base })
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, AskError> {
        read(&self.send(Method::GET, path, query, None::<&()>).await?)
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, AskError> {
        read(&self.send(Method::POST, path, &[], Some(body)).await?)
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), AskError> {
        self.send(Method::DELETE, path, &[], None::<&()>).await.map(drop)
    }

    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&B>,
    ) -> Result<Vec<u8>, AskError> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| AskError::Settings("address"))?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.inner.request(method, url);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if bytes.len() + chunk.len() > LONGEST_ANSWER {
                return Err(AskError::Strange(format!("it is longer than {} MiB", LONGEST_ANSWER >> 20)));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        let words = String::from_utf8_lossy(&bytes);
        let words = shown(words.lines().next().unwrap_or_default().trim());
        Err(AskError::Refused { status: status.as_u16(), words })
    }
}

fn headers(bearer: Option<&SecretString>) -> Result<HeaderMap, AskError> {
    let mut headers = HeaderMap::new();
    if let Some(bearer) = bearer {
        let value = HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()));
        let mut value = value.map_err(|_| AskError::Settings("credential"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AskError> {
    // The parser names a place and a kind, and quotes no more than a word.
    serde_json::from_slice(bytes).map_err(|error| AskError::Strange(shown(&error.to_string())))
}

/// The innermost reason: what is around it repeats the address.
fn unreachable(error: &reqwest::Error) -> AskError {
    if error.is_timeout() {
        return AskError::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()));
    }
    let mut reason = error.source();
    let mut words = "the connection failed".to_owned();
    while let Some(inner) = reason {
        words = inner.to_string();
        reason = inner.source();
    }
    AskError::Unreachable(shown(&words))
}
