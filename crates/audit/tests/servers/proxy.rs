//! A wire that breaks: a TCP proxy on 127.0.0.1 that refuses, hangs, loses answers, or is slow.
//!
//! It lives on threads of its own, so that it goes on while a test's runtime stands still.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// It carries everything.
    Good,
    /// Connections end at once, those that are open as well.
    Refuses,
    /// Requests are taken and get nowhere.
    Hangs,
    /// The next request arrives; its answer is cut off. Then all is well.
    LosesOneAnswer,
    /// Requests arrive; their answers are cut off.
    LosesAnswers,
    /// Each request is this much longer on its way.
    Slow(Duration),
    /// What is to be deleted is said to be, and is not asked for.
    SaysDeleted,
}

struct State {
    wire: Wire,
    /// Both ends of what is open.
    open: Vec<TcpStream>,
    /// Requests that came, by a store that is asked once a request.
    requests: u64,
    /// Requests that hang at the moment.
    hanging: u64,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A running proxy; it ends with the test's process.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// In front of `http://127.0.0.1:PORT`.
    pub(crate) fn before(endpoint: &str) -> Self {
        let upstream: u16 = endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).expect("it has a port");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = State { wire: Wire::Good, open: Vec::new(), requests: 0, hanging: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let own = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = own.clone();
                std::thread::spawn(move || shared.carry(&client, upstream));
            }
        });
        Self { port, shared }
    }

    /// Where to connect.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes the wire. What hung is cut off by it.
    pub(crate) fn is(&self, wire: Wire) {
        let mut state = self.shared.lock();
        let hung = state.wire == Wire::Hangs;
        state.wire = wire;
        if hung || wire == Wire::Refuses {
            for stream in state.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Requests that came so far.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.lock().requests
    }

    /// Waits until at least so many requests hang. Panics when they do not come.
    pub(crate) fn until_hanging(&self, requests: u64) {
        let state = self.shared.lock();
        let waited =
            self.shared.changed.wait_timeout_while(state, Duration::from_mins(1), |state| state.hanging < requests);
        let (_state, late) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!late.timed_out(), "no request came");
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries one connection until one of its ends goes.
    fn carry(self: &Arc<Self>, client: &TcpStream, upstream: u16) {
        if self.lock().wire == Wire::Refuses {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let twice = |stream: &TcpStream| stream.try_clone().expect("a socket has two names");
        self.lock().open.extend([twice(client), twice(&server)]);
        let answered = Arc::new(Mutex::new(true));
        let (back, out) = ((twice(&server), twice(client)), (twice(client), twice(&server)));
        let (this, mark) = (self.clone(), answered.clone());
        std::thread::spawn(move || this.answers(back, &mark));
        self.requests_of(out, &answered);
    }

    fn requests_of(&self, (mut from, mut to): (TcpStream, TcpStream), answered: &Mutex<bool>) {
        let mut buffer = vec![0; 64 << 10];
        while let Some(chunk) = next(&mut from, &mut buffer) {
            if chunk.starts_with(b"DELETE ") && self.lock().wire == Wire::SaysDeleted {
                let _ = from.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
                continue;
            }
            let first = std::mem::take(&mut *answered.lock().unwrap_or_else(PoisonError::into_inner));
            if !self.lets_through(first) || to.write_all(chunk).is_err() {
                break;
            }
        }
        end(&from, &to);
    }

    /// Whether a part of a request goes on; `first` tells whether the request begins with it.
    fn lets_through(&self, first: bool) -> bool {
        let mut state = self.lock();
        state.requests += u64::from(first);
        match state.wire {
            Wire::Refuses => false,
            Wire::Hangs => {
                state.hanging += 1;
                self.changed.notify_all();
                let over = self.changed.wait_while(state, |state| state.wire == Wire::Hangs);
                over.unwrap_or_else(PoisonError::into_inner).hanging -= 1;
                false
            }
            Wire::Slow(by) if first => {
                drop(state);
                delay(by);
                true
            }
            Wire::Good | Wire::LosesOneAnswer | Wire::LosesAnswers | Wire::Slow(_) | Wire::SaysDeleted => true,
        }
    }

    fn answers(&self, (mut from, mut to): (TcpStream, TcpStream), answered: &Mutex<bool>) {
        let mut buffer = vec![0; 64 << 10];
        while let Some(chunk) = next(&mut from, &mut buffer) {
            let mut state = self.lock();
            match state.wire {
                Wire::LosesOneAnswer => {
                    state.wire = Wire::Good;
                    break;
                }
                Wire::LosesAnswers | Wire::Refuses => break,
                Wire::Good | Wire::Hangs | Wire::Slow(_) | Wire::SaysDeleted => {}
            }
            drop(state);
            *answered.lock().unwrap_or_else(PoisonError::into_inner) = true;
            if to.write_all(chunk).is_err() {
                break;
            }
        }
        end(&from, &to);
    }
}

fn next<'a>(from: &mut TcpStream, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    match from.read(buffer) {
        Ok(0) | Err(_) => None,
        Ok(count) => buffer.get(..count),
    }
}

fn end(one: &TcpStream, other: &TcpStream) {
    let _ = (one.shutdown(Shutdown::Both), other.shutdown(Shutdown::Both));
}

#[expect(clippy::disallowed_methods, reason = "a long wire is what this one plays")]
fn delay(by: Duration) {
    std::thread::sleep(by);
}
