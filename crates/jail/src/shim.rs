//! The egress shim: carries each connection to the inner loopback port to the worker's proxy socket.
//!
//! **Invariant:** it runs outside the jail and looks at no byte; the job can reach the proxy's front and nothing of ours.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, accept_with, connect, recv,
    send, shutdown, socket_with,
};

/// Connections carried at once; further ones wait in the listener's queue.
const MAX_CONNECTIONS: usize = 64;

/// Bytes waiting in one direction of one connection.
const BUFFER: usize = 32 * 1024;

/// All connections of one job.
#[derive(Debug)]
pub(crate) struct Shim {
    listener: OwnedFd,
    proxy: PathBuf,
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    inside: OwnedFd,
    outside: OwnedFd,
    out: Flow,
    back: Flow,
}

/// One direction.
#[derive(Debug)]
struct Flow {
    buffer: Vec<u8>,
    sent: usize,
    source: Source,
    sink: Sink,
}

#[derive(Debug, PartialEq)]
enum Source {
    Open,
    Ended,
}

#[derive(Debug, PartialEq)]
enum Sink {
    Open,
    Closed,
}

impl Shim {
    /// Serves `listener`, whoever made it, towards the proxy's socket.
    pub(crate) fn new(listener: OwnedFd, proxy: PathBuf) -> Result<Self, Errno> {
        rustix::io::ioctl_fionbio(&listener, true)?;
        Ok(Self { listener, proxy, connections: Vec::new() })
    }

    /// What to wait for; [`Shim::advance`] takes the same entries back after the wait.
    pub(crate) fn interests(&self) -> Vec<PollFd<'_>> {
        let room = if self.connections.len() < MAX_CONNECTIONS { PollFlags::IN } else { PollFlags::empty() };
        let mut interests = vec![PollFd::new(&self.listener, room)];
        for connection in &self.connections {
            interests.push(self.interest(&connection.inside, &connection.out, &connection.back));
            interests.push(self.interest(&connection.outside, &connection.back, &connection.out));
        }
        interests
    }

    /// What to wait for on one socket, given what comes from it and what goes to it.
    fn interest<'a>(&'a self, socket: &'a OwnedFd, from_it: &Flow, to_it: &Flow) -> PollFd<'a> {
        let wish = wish(from_it, to_it);
        // A socket that hung up says so for ever; while there is nothing else to learn from it, the listener stands in.
        if wish.is_empty() && to_it.sink == Sink::Closed {
            PollFd::new(&self.listener, wish)
        } else {
            PollFd::new(socket, wish)
        }
    }

    /// Moves bytes where `events` (one entry for each of [`Shim::interests`]) say something can move.
    pub(crate) fn advance(&mut self, events: &[PollFlags]) {
        let Some((listener, rest)) = events.split_first() else { return };
        let mut pairs = rest.chunks_exact(2);
        self.connections.retain_mut(|connection| match pairs.next() {
            Some([inside, outside]) if !(inside.is_empty() && outside.is_empty()) => {
                connection.advance(*inside, *outside)
            }
            _ => true,
        });
        if listener.contains(PollFlags::IN) {
            self.accept();
        }
    }

    fn accept(&mut self) {
        while self.connections.len() < MAX_CONNECTIONS {
            let Ok(inside) = accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) else { return };
            // If the proxy does not answer, dropping `inside` tells the command so.
            if let Ok(outside) = self.dial() {
                self.connections.push(Connection { inside, outside, out: Flow::new(), back: Flow::new() });
            }
        }
    }

    fn dial(&self) -> Result<OwnedFd, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(&self.proxy)?)?;
        Ok(socket)
    }
}

impl Connection {
    /// Whether the connection is still of use afterwards.
    fn advance(&mut self, inside: PollFlags, outside: PollFlags) -> bool {
        let hung_up = PollFlags::HUP | PollFlags::ERR;
        if inside.intersects(hung_up) {
            self.back.give_up();
        }
        if outside.intersects(hung_up) {
            self.out.give_up();
        }
        let moved = self
            .out
            .pump(self.inside.as_fd(), self.outside.as_fd())
            .and_then(|()| self.back.pump(self.outside.as_fd(), self.inside.as_fd()));
        moved.is_ok() && !(self.out.sink == Sink::Closed && self.back.sink == Sink::Closed)
    }
}

impl Flow {
    fn new() -> Self {
        Self { buffer: Vec::new(), sent: 0, source: Source::Open, sink: Sink::Open }
    }

    fn pending(&self) -> bool {
        self.sent < self.buffer.len()
    }

    /// The receiver is gone: nothing can be delivered any more.
    fn give_up(&mut self) {
        (self.sent, self.sink) = (self.buffer.len(), Sink::Closed);
    }

    fn pump(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
        if !self.pending() && self.source == Source::Open {
            self.fill(from)?;
        }
        if self.pending() && self.sink == Sink::Open {
            match send(to, &self.buffer[self.sent..], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(sent) => self.sent += sent,
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        if self.source == Source::Ended && !self.pending() && self.sink == Sink::Open {
            self.sink = Sink::Closed;
            shutdown(to, Shutdown::Write)?;
        }
        Ok(())
    }

    fn fill(&mut self, from: BorrowedFd<'_>) -> Result<(), Errno> {
        self.buffer.resize(BUFFER, 0);
        self.sent = 0;
        let read = match recv(from, &mut self.buffer[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                self.source = Source::Ended;
                0
            }
            Ok((read, _)) => read,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(error) => return Err(error),
        };
        self.buffer.truncate(if self.sink == Sink::Open { read } else { 0 });
        Ok(())
    }
}

/// What one socket waits for: to be read while nothing of it waits, to be written while something waits for it.
fn wish(from_it: &Flow, to_it: &Flow) -> PollFlags {
    let mut wish = PollFlags::empty();
    if from_it.source == Source::Open && !from_it.pending() {
        wish |= PollFlags::IN;
    }
    if to_it.pending() {
        wish |= PollFlags::OUT;
    }
    wish
}
