//! The targets a worker may reach, as the catalog describes them.

use crate::service::Service;
use crate::stack::Stack;
use countersign_secrets::TargetKey;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host and a port that a job may connect to, as the catalog writes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: Host,
    port: u16,
}

/// A name to be resolved, or an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An address literal.
    Address(IpAddr),
    /// A DNS name in lower case.
    Name(String),
}

/// Why a text is not a host and a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not `host:port`")]
pub struct NotAHostPort;

impl HostPort {
    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The TCP port; never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The host and port of an `https://host[:port]` address; without a port it is 443.
    ///
    /// # Errors
    /// When it is not such an address.
    pub fn of_url(url: &str) -> Result<Self, NotAHostPort> {
        let rest = url.strip_prefix("https://").ok_or(NotAHostPort)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        if has_port { authority.parse() } else { format!("{authority}:443").parse() }
    }
}

impl FromStr for HostPort {
    type Err = NotAHostPort;

    fn from_str(text: &str) -> Result<Self, NotAHostPort> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAHostPort)?;
        if port.is_empty() || port.len() > 5 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAHostPort);
        }
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(NotAHostPort)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => Host::Address(IpAddr::V6(inner.parse().map_err(|_| NotAHostPort)?)),
            None => name_or_v4(host)?,
        };
        Ok(Self { host, port })
    }
}

/// RFC 1123 labels. What ends in a number must be an address in the usual spelling, so that no resolver reads
/// `2130706433`, `0x7f.1` or `127.1` as one.
fn name_or_v4(host: &str) -> Result<Host, NotAHostPort> {
    if let Ok(address) = host.parse() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        !label.is_empty() && label.len() <= 63 && plain && !label.starts_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with(|c: char| c.is_ascii_digit());
    if host.len() > 253 || numeric || !host.split('.').all(label) {
        return Err(NotAHostPort);
    }
    Ok(Host::Name(host.to_ascii_lowercase()))
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Host::Address(address) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// One target of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A Kubernetes cluster.
    Cluster(Cluster),
    /// An AWS account.
    Profile(Profile),
    /// A Google Cloud project.
    Project(Project),
    /// An Alertmanager.
    Alertmanager(Alertmanager),
    /// A Terraform stack.
    Stack(Box<Stack>),
    /// A service in one environment.
    Service(Box<Service>),
}

/// A Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Address of its API server, an https URL.
    pub address: String,
    /// PEM of the certificate authority of its API server; `None` means the system's.
    pub ca_pem: Option<String>,
    /// Where a job for this cluster may connect to.
    pub allowed: Vec<HostPort>,
}

/// An AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its number.
    pub account: String,
    /// The one address that its services are reached at; `None` means their own.
    pub endpoint: Option<Endpoint>,
}

/// A Google Cloud project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Project {
    /// The one address that its APIs are reached at; `None` means their own.
    pub endpoint: Option<Endpoint>,
}

/// An Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alertmanager {
    /// Where it is.
    pub endpoint: Endpoint,
    /// PEM of the certificate authority that it is believed by; `None` means the system's.
    pub ca_pem: Option<String>,
}

/// An address that a cloud's services are reached at instead of their own, a private endpoint; or an Alertmanager's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    at: HostPort,
    plain: bool,
}

/// Why a text is not the address of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is neither https://host[:port] nor, on this very host, http://127.0.0.1:port")]
pub struct NotAnEndpoint;

impl Cluster {
    /// A cluster where a job may connect to its API server and nowhere else.
    ///
    /// # Errors
    /// When the address is not an https URL with a host.
    pub fn of_address(address: String, ca_pem: Option<String>) -> Result<Self, NotAHostPort> {
        let allowed = vec![HostPort::of_url(&address)?];
        Ok(Self { address, ca_pem, allowed })
    }
}

impl Endpoint {
    /// The address without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it is.
    #[must_use]
    pub const fn at(&self) -> &HostPort {
        &self.at
    }

    /// Whether it is spoken to without TLS.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.plain
    }
}

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (authority, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => return Err(NotAnEndpoint),
        };
        let at = if plain { authority.parse() } else { HostPort::of_url(text) };
        let at: HostPort = at.map_err(|_| NotAnEndpoint)?;
        let loopback = matches!(at.host(), Host::Address(ip) if ip.is_loopback());
        if authority.contains(['/', '?', '#']) || (plain && !loopback) {
            return Err(NotAnEndpoint);
        }
        Ok(Self { url: text.to_owned(), at, plain })
    }
}

/// The targets, by what the catalog calls them.
pub type Targets = BTreeMap<TargetKey, Target>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_spellings_are_hosts() {
        for text in ["api.prod.example:6443", "10.0.0.1:443", "[fd00::1]:443"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        assert_eq!("API.Example:443".parse::<HostPort>().unwrap().to_string(), "api.example:443");
        for text in [
            "127.1:443",
            "2130706433:443",
            "0x7f.0x1:443",
            "0177.0.0.1:443",
            "a..b:443",
            "a.:443",
            "fd00::1:443",
            "a:0",
            "a:+443",
            "a:65536",
            "a",
            ":443",
            "a b:443",
            "a@b:443",
            "[::1%lo]:443",
            "a/b:443",
            "",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        let of = |url| HostPort::of_url(url).map(|it| it.to_string());
        assert_eq!(of("https://api.example").unwrap(), "api.example:443");
        assert_eq!(of("https://[fd00::1]/x").unwrap(), "[fd00::1]:443");
        assert_eq!(of("https://127.0.0.1:6443").unwrap(), "127.0.0.1:6443");
        assert!(of("http://api.example").is_err() && of("https://u@h").is_err());
    }

    #[test]
    fn p17_an_endpoint_without_tls_is_on_this_very_host() {
        let of =
            |text: &str| text.parse::<Endpoint>().map(|it| (it.url().to_owned(), it.at().to_string(), it.is_plain()));
        assert_eq!(
            of("https://vpce-1.example/"),
            Ok(("https://vpce-1.example".into(), "vpce-1.example:443".into(), false))
        );
        assert_eq!(of("http://127.0.0.1:5000"), Ok(("http://127.0.0.1:5000".into(), "127.0.0.1:5000".into(), true)));
        for text in ["http://vpce.example:80", "http://127.0.0.1", "https://a/b", "https://u@h", "ftp://h:1", "h:1", ""]
        {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
