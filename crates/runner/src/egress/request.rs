//! Reads the request a connection may begin with: `CONNECT host:port`, or one for an absolute `http://` address.
//!
//! **Invariant:** about [`MOST`] bytes are read at most before the request is whole; what is the server's is kept.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes of a request, head and all.
const MOST: usize = 8 * 1024;

/// A request that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// `host:port` as it was written.
    pub(super) authority: String,
    pub(super) way: Way,
    /// What the server is to get first: what the client sent without waiting for the answer, or its whole request.
    pub(super) early: Vec<u8>,
}

/// How the connection is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The bytes after the proxy's answer are the server's.
    Tunnel,
    /// The request itself is the server's.
    Plain,
    /// The same, of a client that takes the port inside for the server's own.
    Here,
}

/// Why it is no such request.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("the connection ended within the request")]
    Ended(#[source] io::Error),
    #[error("the request is too long")]
    TooLong,
    #[error("only CONNECT is allowed, and requests for `http://host:port/`")]
    NotConnect,
}

pub(super) async fn read(client: &mut (impl AsyncRead + Unpin)) -> Result<Asked, BadRequest> {
    let mut bytes = Vec::with_capacity(512);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let (authority, way) = target(&bytes).ok_or(BadRequest::NotConnect)?;
            let early = match way {
                Way::Tunnel => bytes.split_off(end + 4),
                Way::Plain | Way::Here => bytes,
            };
            return Ok(Asked { authority, way, early });
        }
        if bytes.len() >= MOST {
            return Err(BadRequest::TooLong);
        }
        let mut piece = [0; 1024];
        match client.read(&mut piece).await {
            Ok(0) => return Err(BadRequest::Ended(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            Err(error) => return Err(BadRequest::Ended(error)),
        }
    }
}

/// The target of the request line (RFC 9110 §9.3.6, RFC 9112 §3.2.2). Headers are not looked at: nothing in them is
/// decided on.
fn target(head: &[u8]) -> Option<(String, Way)> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("CONNECT"), Some(authority), Some("HTTP/1.1" | "HTTP/1.0"), None) => {
            Some((authority.to_owned(), Way::Tunnel))
        }
        // A path alone names no host, so that it is for the one that the port stands for, if it stands for one.
        (Some(_), Some(path), Some("HTTP/1.1" | "HTTP/1.0"), None) if path.starts_with('/') => {
            Some((String::new(), Way::Here))
        }
        (Some(_), Some(address), Some("HTTP/1.1" | "HTTP/1.0"), None) => {
            let authority = address.strip_prefix("http://")?.split(['/', '?', '#']).next()?;
            let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
            let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
            Some((authority, Way::Plain))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(text: &str) -> Result<Asked, BadRequest> {
        read(&mut text.as_bytes()).await
    }

    #[tokio::test]
    async fn what_follows_the_request_is_kept() {
        let asked = asked("CONNECT a:1 HTTP/1.1\r\nHost: b:2\r\n\r\n\x16\x03").await.unwrap();
        assert_eq!(asked, Asked { authority: "a:1".into(), way: Way::Tunnel, early: b"\x16\x03".to_vec() });
    }

    #[tokio::test]
    async fn a_request_for_an_absolute_address_is_the_servers_as_it_stands() {
        let text = "POST http://127.0.0.1:5000/?Action=x HTTP/1.1\r\nContent-Length: 1\r\n\r\ny";
        let asked = asked(text).await.unwrap();
        let early = text.as_bytes().to_vec();
        assert_eq!(asked, Asked { authority: "127.0.0.1:5000".into(), way: Way::Plain, early });
    }

    #[tokio::test]
    async fn other_methods_and_endless_requests_are_refused() {
        for text in ["GET https://a/ HTTP/1.1\r\n\r\n", "CONNECT a:1 b HTTP/1.1\r\n\r\n", "CONNECT a:1\r\n\r\n"] {
            assert!(matches!(asked(text).await, Err(BadRequest::NotConnect)), "{text}");
        }
        let endless = format!("CONNECT a:1 HTTP/1.1\r\nx: {}", "y".repeat(2 * MOST));
        assert!(matches!(asked(&endless).await, Err(BadRequest::TooLong)));
        assert!(matches!(asked("CONNECT a:1 HT").await, Err(BadRequest::Ended(_))));
    }
}
