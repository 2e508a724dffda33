//! A client that does as little as one can: one kept connection, one request after the other.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

/// A connection to a server of this machine.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects to 127.0.0.1.
    pub(crate) fn open(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
        stream.set_nodelay(true).expect("it is a socket");
        Self { stream, answer: Vec::with_capacity(4096) }
    }

    /// Sends a request and waits for the whole answer, which must be 200.
    pub(crate) fn ask(&mut self, request: &[u8]) {
        self.stream.write_all(request).expect("the server reads");
        self.answer.clear();
        let mut block = [0; 4096];
        while !is_whole(&self.answer) {
            let bytes = self.stream.read(&mut block).expect("the server answers");
            assert!(bytes > 0, "the server closed the connection: {}", String::from_utf8_lossy(&self.answer));
            self.answer.extend_from_slice(&block[..bytes]);
        }
        let said = String::from_utf8_lossy(&self.answer);
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    }
}

/// Whether an answer has arrived to its end: by its length, or by its last chunk.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase(), &answer[end + 4..]);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length {
        Some(length) => body.len() >= length.trim().parse().expect("a length is a number"),
        None => body.ends_with(b"0\r\n\r\n"),
    }
}
