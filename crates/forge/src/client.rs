//! How GitHub is asked.
//!
//! **Invariant:** the token goes to the configured address and nowhere else, in one header; no redirect is followed, no
//! variable of the environment is looked at, and every answer is bounded; how long it may take is bounded for a question
//! as a whole. Pages are asked for by number: an address in an answer is never used, but the one of a download, which is
//! another file's business.

use crate::error::ForgeError;
use crate::words::{first_line, shown};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LINK, RETRY_AFTER, USER_AGENT};
use reqwest::{Certificate, ClientBuilder, Proxy, Response, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

/// Source: GitHub Docs, "API versions".
const API_VERSION: &str = "2022-11-28";

/// The most that is read of one page.
pub(crate) const LONGEST_ANSWER: usize = 8 << 20;

/// Entries of a page: the most there are (GitHub Docs, "Using pagination in the REST API").
pub(crate) const PAGE: usize = 100;

/// Which repository, and how it is asked about.
pub struct Settings {
    /// Address of the API: `https://api.github.com`, `https://host/api/v3`, or `http://` on this very host.
    pub address: String,
    /// `owner/name`.
    pub repository: String,
    /// A token that may read pull requests, checks, actions and attestations; public repositories do without.
    pub token: Option<SecretString>,
    /// Authorities of the address, and no others; the system's if absent. Downloads may also have one of the system's.
    pub ca_pem: Option<String>,
    /// An HTTP proxy, through which everything goes.
    pub proxy: Option<String>,
    /// For all of a question, whatever it takes to answer it.
    pub deadline: Duration,
    /// Hosts that artifacts may be downloaded from: `host`, `host:port`, or `*.` and the end of a host's name. See
    /// [`ARTIFACT_HOSTS`](crate::ARTIFACT_HOSTS).
    pub artifact_hosts: Vec<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Settings");
        shown.field("address", &self.address).field("repository", &self.repository).finish_non_exhaustive()
    }
}

/// The client of one repository.
#[derive(Clone)]
pub(crate) struct Client {
    /// Has the token among its headers.
    inner: reqwest::Client,
    /// Has no header of ours but the name of this program.
    pub(crate) bare: reqwest::Client,
    pub(crate) base: Url,
    repository: Repository,
    pub(crate) artifact_hosts: Vec<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({} at {})", self.repository.full(), self.base.host_str().unwrap_or_default())
    }
}

/// `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    owner: String,
    name: String,
}

impl Repository {
    fn parse(text: &str) -> Option<Self> {
        // Source: GitHub Docs: letters, digits, `-`, `_` and `.`; a name of dots alone would climb in a path.
        let fits = |part: &str| {
            let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            plain && (1..=100).contains(&part.len()) && !part.bytes().all(|byte| byte == b'.')
        };
        let (owner, name) = text.split_once('/')?;
        (fits(owner) && fits(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }

    pub(crate) fn full(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Names of repositories are the same in capitals (GitHub Docs: "The name is not case sensitive").
    pub(crate) fn is(&self, full: &str) -> bool {
        self.full().eq_ignore_ascii_case(full)
    }
}

/// What a question is about, and what a token needs for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) what: &'static str,
    pub(crate) permission: &'static str,
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Result<Self, ForgeError> {
        let repository = Repository::parse(&settings.repository).ok_or(ForgeError::Settings("repository"))?;
        let base = base_of(&settings.address).ok_or(ForgeError::Settings("address"))?;
        let built = |headers: HeaderMap| {
            let mut builder = ClientBuilder::new()
                .redirect(redirect::Policy::none())
                .http1_only()
                .pool_max_idle_per_host(1)
                .no_proxy()
                .default_headers(headers);
            if let Some(proxy) = &settings.proxy {
                builder = builder.proxy(Proxy::all(proxy).map_err(|_| ForgeError::Settings("proxy"))?);
            }
            Ok::<_, ForgeError>(builder)
        };
        let inner = trusting(built(headers(settings.token.as_ref())?)?, settings.ca_pem.as_deref(), &base)?;
        // Downloads come from elsewhere, where the system's authorities count as well.
        let bare = match &settings.ca_pem {
            Some(pem) => built(own_name())?.tls_certs_merge(authorities(pem)?),
            None if base.scheme() == "http" => built(own_name())?.tls_certs_only([]),
            None => built(own_name())?,
        };
        let bare = bare.build().map_err(|_| ForgeError::Settings("authority"))?;
        Ok(Self { inner, bare, base, repository, artifact_hosts: settings.artifact_hosts })
    }

    pub(crate) const fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, ForgeError> {
        let mut url = self.base.clone();
        let mut segments = url.path_segments_mut().map_err(|()| ForgeError::Settings("address"))?;
        segments.pop_if_empty().extend(["repos", &self.repository.owner, &self.repository.name]).extend(path);
        drop(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// One answer. `None` where GitHub knows no such thing, in a repository that it knows.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        subject: Subject,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, ForgeError> {
        Ok(self.ask_with(subject, path, query).await?.map(|(answer, _)| answer))
    }

    async fn ask_with<T: DeserializeOwned>(
        &self,
        subject: Subject,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<(T, Said)>, ForgeError> {
        let mut response = self.send(self.url(path, query)?).await?;
        let status = response.status().as_u16();
        let said = Said::of(&response);
        let bytes = read_whole(&mut response, LONGEST_ANSWER).await?;
        if (200..300).contains(&status) {
            let read = serde_json::from_slice(&bytes);
            // The parser names a place and a kind, and quotes no more than a word.
            let read = read.map_err(|error| ForgeError::Strange(subject.what, shown(&error.to_string())));
            return read.map(|answer| Some((answer, said)));
        }
        self.no(subject, status, &said, &bytes).await.map(|()| None)
    }

    /// What is wrong; nothing is if the repository is there and only the thing in it is not.
    pub(crate) async fn no(&self, subject: Subject, status: u16, said: &Said, bytes: &[u8]) -> Result<(), ForgeError> {
        // 422 is what it answers where a commit is not one: "No commit found for SHA".
        if !matches!(status, 404 | 422) {
            return Err(self.refusal(subject, status, said, bytes));
        }
        // It says the same of a repository that the token may not see.
        let mut response = self.send(self.url(&[], &[])?).await?;
        let (status, said) = (response.status().as_u16(), Said::of(&response));
        let bytes = read_whole(&mut response, LONGEST_ANSWER).await?;
        match status {
            200 => Ok(()),
            404 => Err(ForgeError::NoRepository(self.repository.full())),
            _ => Err(self.refusal(subject, status, &said, &bytes)),
        }
    }

    fn refusal(&self, subject: Subject, status: u16, said: &Said, bytes: &[u8]) -> ForgeError {
        match status {
            300..=399 => ForgeError::Moved(self.repository.full()),
            401 => ForgeError::BadToken,
            // Source: GitHub Docs, "Rate limits for the REST API": both are used for both limits.
            403 | 429 if said.is_limited || status == 429 => ForgeError::RateLimited { seconds: said.retry_after },
            403 => ForgeError::NotAllowed {
                repository: self.repository.full(),
                what: subject.what,
                permission: subject.permission,
            },
            _ => ForgeError::Refused { status, words: message_of(bytes) },
        }
    }

    /// All entries of a list, page by page, up to so many pages; more are refused.
    pub(crate) async fn pages<P: Page>(
        &self,
        subject: Subject,
        path: &[&str],
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Option<Vec<P::Entry>>, ForgeError> {
        let mut all = Vec::new();
        for page in 1..=most {
            let (size, number) = (PAGE.to_string(), page.to_string());
            let paged = [query, &[("per_page", size.as_str()), ("page", number.as_str())]].concat();
            let Some((answer, said)) = self.ask_with::<P>(subject, path, &paged).await? else { return Ok(None) };
            let total = answer.total();
            let entries = answer.entries();
            let count = entries.len();
            all.extend(entries);
            let is_last = match total {
                Some(total) if all.len() < total && count == 0 => {
                    return Err(ForgeError::Strange(subject.what, "it lists fewer than it counts".to_owned()));
                }
                Some(total) => all.len() >= total,
                // A page may be shorter than it was asked to be.
                None => count < PAGE && !said.is_continued,
            };
            if is_last {
                return Ok(Some(all));
            }
        }
        Err(ForgeError::TooMany(subject.what))
    }

    pub(crate) async fn send(&self, url: Url) -> Result<Response, ForgeError> {
        self.inner.get(url).send().await.map_err(|error| unreachable(&error))
    }
}

/// A list as one of GitHub's answers has it.
pub(crate) trait Page: DeserializeOwned {
    type Entry;
    /// How many there are on all pages, where the answer says so.
    fn total(&self) -> Option<usize> {
        None
    }
    fn entries(self) -> Vec<Self::Entry>;
}

impl<T: DeserializeOwned> Page for Vec<T> {
    type Entry = T;
    fn entries(self) -> Vec<T> {
        self
    }
}

/// What the headers of an answer say.
pub(crate) struct Said {
    /// Whether there is a further page; where, is not looked at.
    is_continued: bool,
    is_limited: bool,
    retry_after: Option<u64>,
}

impl Said {
    pub(crate) fn of(response: &Response) -> Self {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
        let used_up = header("x-ratelimit-remaining") == Some("0");
        let is_continued = header(LINK.as_str()).is_some_and(|text| text.contains("rel=\"next\""));
        Self { is_continued, is_limited: used_up || retry_after.is_some(), retry_after }
    }
}

pub(crate) async fn read_whole(response: &mut Response, most: usize) -> Result<Vec<u8>, ForgeError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if bytes.len() + chunk.len() > most {
            return Err(ForgeError::Strange("the repository", format!("it is longer than {} MiB", most >> 20)));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn message_of(bytes: &[u8]) -> String {
    let message = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let message = message.as_ref().and_then(|value| value.get("message")?.as_str());
    message.map_or_else(|| "no reason is given".to_owned(), first_line)
}

fn base_of(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    (is_safe && is_plain && url.fragment().is_none() && url.has_host()).then_some(url)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn trusting(builder: ClientBuilder, ca_pem: Option<&str>, base: &Url) -> Result<reqwest::Client, ForgeError> {
    let builder = match ca_pem {
        Some(pem) => builder.tls_certs_only(authorities(pem)?),
        // On this very host, without TLS: there is nothing to trust.
        None if base.scheme() == "http" => builder.tls_certs_only([]),
        None => builder,
    };
    builder.build().map_err(|_| ForgeError::Settings("authority"))
}

fn authorities(pem: &str) -> Result<Vec<Certificate>, ForgeError> {
    let read = Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|all| !all.is_empty());
    read.ok_or(ForgeError::Settings("authority"))
}

fn own_name() -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Source: GitHub Docs: requests without a user agent are refused.
    headers.insert(USER_AGENT, HeaderValue::from_static("countersign"));
    headers
}

fn headers(token: Option<&SecretString>) -> Result<HeaderMap, ForgeError> {
    let mut headers = own_name();
    headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
    headers.insert("x-github-api-version", HeaderValue::from_static(API_VERSION));
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()));
        let mut value = value.map_err(|_| ForgeError::Settings("credential"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The innermost reason: what is around it repeats the address, and a download's address is a secret.
pub(crate) fn unreachable(error: &reqwest::Error) -> ForgeError {
    let mut reason = error.source();
    let mut words = "the connection failed".to_owned();
    while let Some(inner) = reason {
        words = inner.to_string();
        reason = inner.source();
    }
    ForgeError::Unreachable(shown(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_encrypted_or_of_this_very_host() {
        for good in ["https://api.github.com", "https://ghe.example/api/v3", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert!(base_of(good).is_some(), "{good}");
        }
        for bad in [
            "http://api.github.com",
            "https://user:password@host",
            "https://host?x",
            "https://host#x",
            "ftp://127.0.0.1",
            "file:///etc",
            "http://127.0.0.1.example",
            "",
        ] {
            assert!(base_of(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_enterprise_has_its_api_below_a_path() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (address, begins) in [
            ("https://api.github.com", "https://api.github.com/repos/o/r/"),
            ("https://ghe.example/api/v3", "https://ghe.example/api/v3/repos/o/r/"),
            ("https://ghe.example/api/v3/", "https://ghe.example/api/v3/repos/o/r/"),
        ] {
            let settings = Settings {
                address: address.to_owned(),
                repository: "o/r".to_owned(),
                token: None,
                ca_pem: None,
                proxy: None,
                deadline: Duration::from_secs(1),
                artifact_hosts: Vec::new(),
            };
            let url =
                Client::new(settings).unwrap().url(&["commits", "a/../b?#%2f", "pulls"], &[("x", "a&b")]).unwrap();
            assert_eq!(url.as_str(), format!("{begins}commits/a%2F..%2Fb%3F%23%252f/pulls?x=a%26b"));
        }
    }

    #[test]
    fn a_repository_is_an_owner_and_a_name() {
        assert!(Repository::parse("Platform/infra.live").unwrap().is("platform/Infra.live"));
        for bad in ["infra", "a/b/c", "a/..", "./b", "a/", "/b", "a/b?x", "a/b#x", "a /b", "a/b%2f"] {
            assert!(Repository::parse(bad).is_none(), "{bad}");
        }
    }
}
