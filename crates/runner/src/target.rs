//! The targets a worker may reach, as the catalog describes them.

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
pub struct Target {
    /// Address of its API server, an https URL.
    pub address: String,
    /// PEM of the certificate authority of its API server; `None` means the system's.
    pub ca_pem: Option<String>,
    /// Where a job for this target may connect to.
    pub allowed: Vec<HostPort>,
}

impl Target {
    /// A target where a job may connect to its API server and nowhere else.
    ///
    /// # Errors
    /// When the address is not an https URL with a host.
    pub fn of_address(address: String, ca_pem: Option<String>) -> Result<Self, NotAHostPort> {
        let allowed = vec![HostPort::of_url(&address)?];
        Ok(Self { address, ca_pem, allowed })
    }
}

/// The targets by their catalog name.
pub type Targets = BTreeMap<String, Target>;

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
}
