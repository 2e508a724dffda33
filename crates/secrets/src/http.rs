//! How issuers are asked.
//!
//! **Invariant:** every request has a deadline, no redirect is followed, no proxy of the environment
//! is used, and of what an issuer answered nothing but its status can reach an error.

use crate::broker::IssuerFault;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Url, redirect};
use serde::de::DeserializeOwned;
use std::time::Duration;
use zeroize::Zeroizing;

/// After so long an issuer is away; a person waits for the command.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// No issuer answers more: a token, or the names of some thousand leases.
const LONGEST_ANSWER: usize = 4 << 20;

/// What an issuer said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Its body, when it is a success.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, IssuerFault> {
        if !(200..300).contains(&self.status) {
            return Err(IssuerFault::of_status(self.status));
        }
        // The parser's words may quote the body.
        serde_json::from_slice(&self.body).map_err(|_| IssuerFault::Unreadable)
    }

    /// Its body, success or not.
    pub(crate) fn text(&self) -> Result<&str, IssuerFault> {
        std::str::from_utf8(&self.body).map_err(|_| IssuerFault::Unreadable)
    }

    /// That it is a success, whatever it says.
    pub(crate) fn succeeded(&self) -> Result<(), IssuerFault> {
        if (200..300).contains(&self.status) { Ok(()) } else { Err(IssuerFault::of_status(self.status)) }
    }
}

/// A client that trusts this authority alone, or those of the system.
pub(crate) fn client(address: &str, ca_pem: Option<&str>) -> Result<Client, IssuerFault> {
    let builder =
        ClientBuilder::new().timeout(DEADLINE).connect_timeout(DEADLINE).redirect(redirect::Policy::none()).no_proxy();
    let builder = match ca_pem {
        Some(pem) => {
            let authorities = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| IssuerFault::Settings)?;
            if authorities.is_empty() {
                return Err(IssuerFault::Settings);
            }
            builder.tls_certs_only(authorities)
        }
        // On this machine, without TLS: there is nothing to trust.
        None if address.starts_with("http://") => builder.tls_certs_only([]),
        None => builder,
    };
    builder.build().map_err(|_| IssuerFault::Settings)
}

/// An address and a path below it.
pub(crate) fn url(address: &str, segments: &[&str]) -> Result<Url, IssuerFault> {
    let mut url = Url::parse(address).map_err(|_| IssuerFault::Settings)?;
    let mut path = url.path_segments_mut().map_err(|()| IssuerFault::Settings)?;
    path.pop_if_empty().extend(segments);
    drop(path);
    Ok(url)
}

/// Sends a request and takes the whole answer.
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, IssuerFault> {
    let mut response = request.send().await.map_err(|error| IssuerFault::of_network(&error))?;
    let status = response.status().as_u16();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| IssuerFault::of_network(&error))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(IssuerFault::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}
