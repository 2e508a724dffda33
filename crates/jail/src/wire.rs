//! Messages between launcher, init and the command-to-be, and descriptors beside them.
//!
//! **Invariant:** a message arrives whole or not at all (sequenced packets), and every end is closed at exec.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

use crate::status::{Applied, Exit, SetupError};

/// A packet never exceeds this; paths and messages are short.
const PACKET: usize = 16 * 1024;

/// What init and the command-to-be tell the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Note {
    /// The host side (ids, groups) is done; init may go on.
    Go,
    /// Comes with the listening socket of the egress shim.
    Listener,
    /// Everything stands; the command is next.
    Applied(Applied),
    /// The command ended.
    Exit(Exit),
    /// A step failed.
    SetupError(SetupError),
}

/// One end.
#[derive(Debug)]
pub(crate) struct Wire(OwnedFd);

impl Wire {
    /// Both ends.
    pub(crate) fn pair() -> Result<(Self, Self), Errno> {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(a), Self(b)))
    }

    pub(crate) fn send(&self, note: &Note) -> Result<(), Errno> {
        self.send_with(note, &[])
    }

    pub(crate) fn send_with(&self, note: &Note, fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        send_packet(self.0.as_fd(), &serde_json::to_vec(note).expect("notes have text keys only"), fds)
    }

    /// Waits for the next message. `None`: the other end is gone.
    pub(crate) fn receive(&self) -> Result<Option<(Note, Option<OwnedFd>)>, Errno> {
        self.receive_flagged(RecvFlags::CMSG_CLOEXEC)
    }

    /// The same without waiting; `Errno::AGAIN` when there is nothing.
    pub(crate) fn try_receive(&self) -> Result<Option<(Note, Option<OwnedFd>)>, Errno> {
        self.receive_flagged(RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT)
    }

    fn receive_flagged(&self, flags: RecvFlags) -> Result<Option<(Note, Option<OwnedFd>)>, Errno> {
        let (bytes, fds) = receive_packet(self.0.as_fd(), flags)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let note = serde_json::from_slice(&bytes).map_err(|_| Errno::PROTO)?;
        Ok(Some((note, fds.into_iter().next())))
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends one packet with descriptors beside it.
pub(crate) fn send_packet(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    assert!(fds.is_empty() || beside.push(SendAncillaryMessage::ScmRights(fds)), "at most two descriptors are sent");
    sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL).map(drop)
}

/// Receives one packet and the descriptors beside it; an empty packet is the end.
pub(crate) fn receive_packet(socket: BorrowedFd<'_>, flags: RecvFlags) -> Result<(Vec<u8>, Vec<OwnedFd>), Errno> {
    let mut bytes = vec![0; PACKET];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received =
        rustix::io::retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut beside, flags))?;
    bytes.truncate(received.bytes);
    let fds = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    Ok((bytes, fds.flatten().collect()))
}
