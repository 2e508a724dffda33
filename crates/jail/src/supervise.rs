//! The launcher's loop: watches the worker, the job and the egress shim until every process of the job is gone.
//!
//! **Invariant:** when the worker closes its end, dies, or asks for it, the whole job is killed; the last record is
//! written after that, and after the host has been cleaned.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::cgroup::Cgroup;
use crate::direct;
use crate::init;
use crate::plan::{Egress, Plan};
use crate::shim::Shim;
use crate::status::{End, Exit, SetupError, Status, refuse};
use crate::sys::{self, Waited};
use crate::wire::{Note, Wire};

/// The control byte that asks everything inside to end (SIGTERM).
pub const TERMINATE: u8 = b'T';
/// The control byte that interrupts the command (SIGINT).
pub const INTERRUPT: u8 = b'I';
/// The control byte that kills the job at once. Closing the link does the same.
pub const KILL: u8 = b'K';

/// A started job as the launcher sees it.
pub(crate) struct Job<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) link: UnixStream,
    pub(crate) wire: Wire,
    /// Our child: init at `strict`, the command itself elsewhere.
    pub(crate) child: libc::pid_t,
    pub(crate) family: Family,
    pub(crate) cgroup: Cgroup,
    pub(crate) shim: Option<Shim>,
    pub(crate) signals: OwnedFd,
}

/// Who takes the descendants along.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// The kernel, because our child is a process namespace's init.
    Namespace,
    /// We, as their subreaper.
    Adopted,
}

/// What has been learnt so far.
#[derive(Default)]
struct Seen {
    exit: Option<Exit>,
    failure: Option<SetupError>,
    child: Option<Waited>,
    link_closed: bool,
    wire_closed: bool,
}

impl Job<'_> {
    /// Watches the job to its end, cleans up, and returns the last record.
    pub(crate) fn supervise(mut self) -> (UnixStream, Status) {
        let mut seen = Seen::default();
        if let Err(error) = self.watch(&mut seen) {
            seen.failure.get_or_insert(refuse("launcher", format!("the launcher's loop failed: {error}")));
        }
        if seen.child.is_none() {
            drop(sys::kill(self.child, libc::SIGKILL));
        }
        if self.family == Family::Adopted || seen.child.is_none() {
            self.cgroup.stop_forking();
            direct::end_all(&self.signals, direct::own_user(self.plan), &mut |ended| seen.note(self.child, ended));
        }
        drop(self.drain(&mut seen));
        (self.link, seen.last(self.family, self.cgroup))
    }

    fn watch(&mut self, seen: &mut Seen) -> io::Result<()> {
        while seen.child.is_none() {
            let events = self.wait(seen)?;
            let [link, wire, signals, shim @ ..] = events.as_slice() else {
                unreachable!("three descriptors are always waited for")
            };
            if !link.is_empty() {
                self.obey(seen)?;
            }
            if !wire.is_empty() {
                self.drain(seen)?;
            }
            if !signals.is_empty() {
                self.signalled(seen)?;
            }
            if let Some(it) = &mut self.shim
                && !shim.is_empty()
            {
                it.advance(shim);
            }
        }
        Ok(())
    }

    fn wait(&self, seen: &Seen) -> io::Result<Vec<PollFlags>> {
        // A closed end would report its hang-up for ever, so the signals, which never hang up, stand in for it.
        let nothing = || PollFd::new(&self.signals, PollFlags::empty());
        let link = if seen.link_closed { nothing() } else { PollFd::new(&self.link, PollFlags::IN) };
        let wire = if seen.wire_closed { nothing() } else { PollFd::new(&self.wire, PollFlags::IN) };
        let mut fds = vec![link, wire, PollFd::new(&self.signals, PollFlags::IN)];
        if let Some(shim) = &self.shim {
            fds.extend(shim.interests());
        }
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        Ok(fds.iter().map(PollFd::revents).collect())
    }

    /// Reads what the worker wants; its silence at the end of the stream means: kill.
    fn obey(&self, seen: &mut Seen) -> io::Result<()> {
        let mut byte = [0];
        seen.link_closed = rustix::io::retry_on_intr(|| rustix::io::read(&self.link, &mut byte)) != Ok(1);
        match byte {
            [TERMINATE] => self.ask_all_to_end(),
            [INTERRUPT] => self.signal(libc::SIGINT),
            _ => self.signal(libc::SIGKILL),
        }
    }

    /// Init tells everybody inside; without one we are the parent of them all.
    fn ask_all_to_end(&self) -> io::Result<()> {
        match self.family {
            Family::Namespace => self.signal(libc::SIGTERM),
            Family::Adopted => {
                direct::ask_all_to_end();
                Ok(())
            }
        }
    }

    /// The child is not reaped yet, so its id is its own.
    fn signal(&self, signal: libc::c_int) -> io::Result<()> {
        sys::kill(self.child, signal)
    }

    fn signalled(&self, seen: &mut Seen) -> io::Result<()> {
        while let Some(signal) = sys::next_signal(self.signals.as_fd()) {
            if signal != libc::SIGCHLD && seen.child.is_none() {
                self.signal(signal)?;
            }
        }
        while let Ok(Some(ended)) = sys::reap() {
            seen.note(self.child, ended);
        }
        Ok(())
    }

    /// Takes what init or the command-to-be has said.
    fn drain(&mut self, seen: &mut Seen) -> io::Result<()> {
        while !seen.wire_closed {
            match self.wire.try_receive() {
                Ok(Some((Note::Applied(applied), _))) => report(&mut self.link, &Status::Applied(applied)),
                Ok(Some((Note::Listener, Some(listener)))) => self.shim = self.serve(listener)?,
                Ok(Some((Note::Exit(exit), _))) => seen.exit = Some(exit),
                Ok(Some((Note::SetupError(error), _))) => seen.failure = Some(error),
                Ok(Some((Note::Go | Note::Listener, _))) => {}
                Ok(None) | Err(Errno::CONNRESET) => {
                    // Every other end is closed: the command is executing, or everything is over.
                    seen.wire_closed = true;
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn serve(&self, listener: OwnedFd) -> io::Result<Option<Shim>> {
        match &self.plan.egress {
            Egress::Proxy { socket, .. } => Ok(Some(Shim::new(listener, socket.clone())?)),
            Egress::None => Ok(None),
        }
    }
}

impl Seen {
    fn note(&mut self, child: libc::pid_t, ended: Waited) {
        if ended.pid == child {
            self.child = Some(ended);
        }
    }

    fn last(self, family: Family, cgroup: Cgroup) -> Status {
        let out_of_memory = cgroup.out_of_memory();
        let left_behind = cgroup.remove();
        if let Some(error) = self.failure {
            return Status::SetupError(error);
        }
        // At `strict` the command's end is what init said; if init could not say it, it was killed, and the command with it.
        let ended = match (family, self.exit, &self.child) {
            (Family::Namespace, Some(exit), _) => exit,
            (Family::Adopted, _, Some(child)) => init::exit(child),
            (Family::Namespace, None, Some(child)) => Exit { end: End::Signal(libc::SIGKILL), ..init::exit(child) },
            (_, _, None) => return Status::SetupError(refuse("launcher", "the end of the job was not seen")),
        };
        Status::Exit(Exit { out_of_memory, left_behind, ..ended })
    }
}

/// Writes one record. A worker that is gone needs none, and its absence is noticed by the loop.
pub(crate) fn report(link: &mut UnixStream, status: &Status) {
    let mut record = serde_json::to_vec(status).expect("records have text keys only");
    record.push(b'\n');
    drop(link.write_all(&record));
}
