//! Carries bytes both ways until both sides have ended, or nothing moved for too long.
//!
//! **Invariant:** no more than two buffers wait in memory; an end on one side is passed on to the other.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

const BUFFER: usize = 32 * 1024;

pub(super) async fn run(client: UnixStream, mut server: TcpStream, early: &[u8], idle: Duration) {
    if server.write_all(early).await.is_err() {
        return;
    }
    let (moved, seen) = watch::channel(());
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let both = async {
        tokio::join!(carry(from_client, to_server, &moved), carry(from_server, to_client, &moved));
    };
    tokio::select! {
        () = both => {}
        () = idleness(seen, idle) => {}
    }
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, moved: &watch::Sender<()>) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        moved.send_replace(());
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    // The other side is gone, too, if it cannot be told.
    drop(to.shutdown().await);
}

/// Ends when nothing has moved in either direction for so long.
async fn idleness(mut seen: watch::Receiver<()>, idle: Duration) {
    while let Ok(Ok(())) = timeout(idle, seen.changed()).await {}
}
