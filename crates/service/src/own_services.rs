//! Where a process's own services are, which no command in a jail reaches.
//!
//! **Invariant:** whatever the process talks to by itself and no target of the catalog is named here.

use crate::config::{Config, Queue, Redis, RedisAddress};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Their addresses, as far as names resolve now.
pub async fn addresses(config: &Config) -> BTreeSet<SocketAddr> {
    let vault = config.worker.as_ref().and_then(|worker| worker.issuers.vault.as_ref());
    let vault = vault.and_then(|vault| of_url(&vault.address));
    let mut addresses = BTreeSet::from([config.listen]);
    for (host, port) in queue(&config.queue).into_iter().chain(vault) {
        match tokio::net::lookup_host((host.as_str(), port)).await {
            Ok(found) => addresses.extend(found),
            Err(error) => tracing::warn!(host, "An address of the process's own is not known yet: {error}"),
        }
    }
    addresses
}

fn queue(queue: &Queue) -> Vec<(String, u16)> {
    match queue {
        Queue::Embedded(_) => Vec::new(),
        Queue::Redis(Redis { address: RedisAddress::Server(host, port), .. }) => vec![(host.clone(), *port)],
        Queue::Redis(Redis { address: RedisAddress::Sentinel { nodes, .. }, .. }) => nodes.clone(),
    }
}

/// Host and port of `https://host[:port]`.
fn of_url(url: &str) -> Option<(String, u16)> {
    let (scheme, authority) = url.split_once("://")?;
    let bare = |host: &str| host.trim_matches(['[', ']']).to_owned();
    match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => Some((bare(host), port.parse().ok()?)),
        None => Some((bare(authority), if scheme == "http" { 80 } else { 443 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (url, host, port) in [
            ("https://vault.example", "vault.example", 443),
            ("https://vault.example:8200", "vault.example", 8200),
            ("http://127.0.0.1", "127.0.0.1", 80),
            ("https://[::1]:8200", "::1", 8200),
            ("https://[::1]", "::1", 443),
        ] {
            assert_eq!(of_url(url), Some((host.to_owned(), port)), "{url}");
        }
    }
}
