//! A syslog host as the second place: one message a head, and the file the host wrote of them.
//!
//! **Invariant:** a message carries its head whole, or is not sent; what is read back of a file is
//! byte for byte what was sent, and everything else in the file is passed over.

mod export;
mod message;
mod wire;

pub use export::SyslogFile;
pub use message::{MAX_MESSAGE_BYTES, TooLong};
pub use wire::{BadTls, TlsSettings};

use super::spec::SyslogAddress;
use super::{Anchor, NotAnchored};
use crate::sink::Key;
use async_trait::async_trait;
use countersign_core::time::Clock;
use message::Message;
use std::fmt;
use std::sync::Arc;
use wire::Wire;

/// What a place on a syslog host is opened with.
#[derive(Debug, Clone)]
pub struct SyslogSettings {
    /// Where messages go.
    pub address: SyslogAddress,
    /// Name of the installation; a reader takes only its own heads out of a shared file.
    pub deployment: String,
    /// What the message says as its host; nothing if absent.
    pub host: Option<String>,
    /// Who is believed over TLS.
    pub tls: TlsSettings,
    /// The time in the messages.
    pub clock: Arc<dyn Clock>,
}

/// Heads as messages to a syslog host.
///
/// UDP and a socket of this machine confirm nothing; over TCP and TLS a head counts as kept when the
/// host has read it to its end and closed the connection.
pub struct SyslogPlace {
    wire: Wire,
    address: SyslogAddress,
    deployment: String,
    host: Option<String>,
    clock: Arc<dyn Clock>,
}

impl SyslogPlace {
    /// A place on this host. Nothing is sent before the first head.
    ///
    /// # Errors
    /// [`BadTls`] when the files for TLS cannot be used.
    pub fn open(settings: SyslogSettings) -> Result<Self, BadTls> {
        let SyslogSettings { address, deployment, host, tls, clock } = settings;
        Ok(Self { wire: Wire::open(&address, &tls)?, address, deployment, host, clock })
    }
}

impl fmt::Debug for SyslogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyslogPlace({})", self.address)
    }
}

#[async_trait]
impl Anchor for SyslogPlace {
    fn place(&self) -> &'static str {
        match self.address {
            SyslogAddress::Udp(_) => "syslog-udp",
            SyslogAddress::Tcp(_) => "syslog-tcp",
            SyslogAddress::Tls(_) => "syslog-tls",
            SyslogAddress::Unix(_) => "syslog-unix",
        }
    }

    async fn keep(&self, key: &Key, note: &str) -> Result<(), NotAnchored> {
        let message = Message {
            at: self.clock.now(),
            host: self.host.as_deref(),
            deployment: &self.deployment,
            key: key.as_str(),
            note,
        };
        let not = |source| NotAnchored { place: self.address.to_string(), source };
        let text = message.text().map_err(|error| not(Box::new(error)))?;
        self.wire.send(&text).await.map_err(|error| not(Box::new(error)))
    }
}
