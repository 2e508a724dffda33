//! The download of an artifact: GitHub's one redirect.
//!
//! **Invariant:** it is followed once, to a host that was named, over TLS, and without the token; of the address nothing
//! but the host is ever shown, for the rest is a credential for a minute.

use crate::client::{Client, LONGEST_ANSWER, Said, Subject, is_loopback, read_whole, unreachable};
use crate::error::ForgeError;
use crate::words::shown;
use reqwest::Url;
use reqwest::header::LOCATION;

/// Where github.com keeps artifacts.
///
/// Source: GitHub Docs, "Self-hosted runners reference", hosts for "uploading/downloading job summaries, logs, workflow
/// artifacts, and caches".
pub const ARTIFACT_HOSTS: [&str; 2] = ["*.blob.core.windows.net", "*.actions.githubusercontent.com"];

impl Client {
    /// The bytes behind GitHub's one redirect, without the token. `None` where there is nothing any more.
    pub(crate) async fn download(
        &self,
        subject: Subject,
        path: &[&str],
        most: usize,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        let mut response = self.send(self.url(path, &[])?).await?;
        let (status, said) = (response.status().as_u16(), Said::of(&response));
        if status != 302 {
            let bytes = read_whole(&mut response, LONGEST_ANSWER).await?;
            return match status {
                410 => Ok(None),
                200..300 => Err(ForgeError::Strange(subject.what, "it is not where it should be".to_owned())),
                _ => self.no(subject, status, &said, &bytes).await.map(|()| None),
            };
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let url = self.allowed(location)?;
        let mut response = self.bare.get(url).send().await.map_err(|error| unreachable(&error))?;
        match response.status().as_u16() {
            200 => read_whole(&mut response, most).await.map(Some),
            status => Err(ForgeError::Refused { status, words: "where the artifact should be".to_owned() }),
        }
    }

    /// The address of a download, if it may come from there. Of it only the host is ever shown: the rest is a secret
    /// for a minute.
    fn allowed(&self, location: &str) -> Result<Url, ForgeError> {
        let url = Url::parse(location).map_err(|_| ForgeError::ForeignHost("nowhere".to_owned()))?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port();
        let foreign = || ForgeError::ForeignHost(shown(&port.map_or(host.to_owned(), |port| format!("{host}:{port}"))));
        let is_safe = match url.scheme() {
            "https" => true,
            // On this host, and only for a GitHub that is here as well.
            "http" => is_loopback(&url) && self.base.scheme() == "http",
            _ => false,
        };
        let is_named = self.artifact_hosts.iter().any(|pattern| matches_host(pattern, host, port));
        if is_safe && is_named && url.username().is_empty() && url.password().is_none() {
            Ok(url)
        } else {
            Err(foreign())
        }
    }
}

/// A star stands for one or more labels; a port that is not the scheme's own has to be named.
fn matches_host(pattern: &str, host: &str, port: Option<u16>) -> bool {
    let (name, wanted) = match pattern.rsplit_once(':') {
        Some((name, wanted)) => (name, wanted.parse().ok()),
        None => (pattern, None),
    };
    if wanted != port {
        return false;
    }
    match name.strip_prefix('*') {
        Some(end) => {
            let (host, end) = (host.to_ascii_lowercase(), end.to_ascii_lowercase());
            end.starts_with('.') && end.len() > 1 && host.len() > end.len() && host.ends_with(&end)
        }
        None => name.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_comes_from_the_hosts_that_were_named_and_from_no_lookalike() {
        let star = "*.blob.core.windows.net";
        assert!(matches_host(star, "productionresultssa0.blob.core.windows.net", None));
        assert!(matches_host(star, "A.BLOB.core.windows.net", None));
        assert!(matches_host("127.0.0.1:5000", "127.0.0.1", Some(5000)));
        for (pattern, host, port) in [
            (star, "blob.core.windows.net", None),
            (star, ".blob.core.windows.net", None),
            (star, "evilblob.core.windows.net", None),
            (star, "a.blob.core.windows.net.evil.example", None),
            (star, "a.blob.core.windows.net", Some(8443)),
            ("*", "anything", None),
            ("*.", "anything.", None),
            ("127.0.0.1:5000", "127.0.0.1", None),
            ("127.0.0.1:x", "127.0.0.1", Some(1)),
        ] {
            assert!(!matches_host(pattern, host, port), "{pattern} {host}");
        }
    }
}
