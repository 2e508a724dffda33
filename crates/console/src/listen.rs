//! Where the console listens.
//!
//! **Invariant:** a [`Listen`] is a loopback address. There is no login here yet that would hold
//! against a network.

use std::net::SocketAddr;

/// A loopback address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(SocketAddr);

/// Why the console does not listen there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Not an address with a port.
    #[error("`{0}` is not an address with a port, such as 127.0.0.1:8123")]
    Unreadable(String),
    /// Other machines could reach it.
    #[error(
        "the console listens on this machine only (127.0.0.1 or [::1]), not on `{0}`; use an SSH tunnel from elsewhere"
    )]
    NotLoopback(SocketAddr),
}

impl Listen {
    /// Reads `127.0.0.1:8123` or `[::1]:8123`. Names are not resolved: a name can change its mind.
    ///
    /// # Errors
    /// When it is something else, or not loopback.
    pub fn parse(text: &str) -> Result<Self, ListenError> {
        let shown = || ListenError::Unreadable(countersign_core::refusal::shown(text));
        Self::at(text.trim().parse().map_err(|_| shown())?)
    }

    /// The address that a listener was given, once the system has chosen the port.
    ///
    /// # Errors
    /// When it is not loopback.
    pub fn at(address: SocketAddr) -> Result<Self, ListenError> {
        if address.ip().is_loopback() { Ok(Self(address)) } else { Err(ListenError::NotLoopback(address)) }
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.0
    }

    /// Whether a `Host` header names this console and not a domain that was pointed at it
    /// (DNS rebinding).
    pub(crate) fn is_host(&self, host: &str) -> bool {
        host == self.0.to_string() || host == format!("localhost:{}", self.0.port())
    }

    /// Whether an `Origin` header is this console's own.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.is_host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn refused(text: &str, why: Expect) {
        why.assert_eq(&Listen::parse(text).unwrap_err().to_string());
    }

    #[test]
    fn only_this_machine() {
        assert!(Listen::parse("127.0.0.1:8123").is_ok());
        assert!(Listen::parse("[::1]:0").is_ok());
        refused(
            "0.0.0.0:8123",
            expect![
                "the console listens on this machine only (127.0.0.1 or [::1]), not on `0.0.0.0:8123`; use an SSH tunnel from elsewhere"
            ],
        );
        refused(
            "[::]:8123",
            expect![
                "the console listens on this machine only (127.0.0.1 or [::1]), not on `[::]:8123`; use an SSH tunnel from elsewhere"
            ],
        );
        refused(
            "192.168.1.4:80",
            expect![
                "the console listens on this machine only (127.0.0.1 or [::1]), not on `192.168.1.4:80`; use an SSH tunnel from elsewhere"
            ],
        );
        refused(
            "[::ffff:10.0.0.1]:80",
            expect![
                "the console listens on this machine only (127.0.0.1 or [::1]), not on `[::ffff:10.0.0.1]:80`; use an SSH tunnel from elsewhere"
            ],
        );
        refused("localhost:80", expect!["`localhost:80` is not an address with a port, such as 127.0.0.1:8123"]);
        refused("127.0.0.1", expect!["`127.0.0.1` is not an address with a port, such as 127.0.0.1:8123"]);
    }

    #[test]
    fn another_name_for_the_same_address_is_not_a_host() {
        let it = Listen::parse("127.0.0.1:8123").unwrap();
        assert!(it.is_host("127.0.0.1:8123") && it.is_host("localhost:8123"));
        for host in ["evil.example:8123", "127.0.0.1", "127.0.0.1:81234", "localhost:8123.evil.example", ""] {
            assert!(!it.is_host(host), "{host}");
        }
        assert!(it.is_origin("http://localhost:8123"));
        assert!(!it.is_origin("https://localhost:8123") && !it.is_origin("null"));
    }
}
