//! What runs inside a job's pod: asks the worker what to do, builds the jail there, and carries its streams.
//!
//! **Invariant:** it decides nothing. It runs what the worker it was told of, and knows by its certificate, hands it; when
//! the worker or the connection is gone, so is the command.

mod connect;
mod step;

use crate::kubernetes::wire::{Channel, Invitation, LONGEST_TURN, Probe, Probed, Turn, VERSION, hear, say};
use connect::Worker;
pub(crate) use connect::keep_alive;
use countersign_jail::{LauncherPath, Level};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// The argument that makes a program with this library what runs inside a pod; the pod's uid is the next.
pub const MARKER: &str = "__countersign-pod";

/// Where the invitation lies in the pod.
pub(crate) const INVITATION: &str = "/run/countersign/invitation";

/// The one folder that can be written in the pod.
pub(crate) const WRITABLE: &str = "/home";

/// How long a connection that must not come about is tried.
const REACH: Duration = Duration::from_secs(2);

/// Becomes what runs inside a pod if this process was started as it, and then never returns.
///
/// Call it first in `main`, after [`countersign_jail::enter_if_asked`]: the same program builds the jails.
pub fn enter_if_asked() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().is_some_and(|first| first == MARKER) {
        std::process::exit(run(&arguments.next().unwrap_or_default()))
    }
}

/// The exit code says only whether the worker's last word was heard; what happened to the command it knows already.
fn run(pod: &str) -> i32 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| runtime.block_on(turns(pod)));
    match ended {
        Ok(()) => 0,
        Err(error) => {
            // The pod's log: who looks at a pod that failed reads why.
            eprintln!("countersign-pod: {error}");
            1
        }
    }
}

async fn turns(pod: &str) -> io::Result<()> {
    let text = tokio::fs::read(INVITATION).await?;
    let invitation: Invitation = serde_json::from_slice(&text)?;
    if invitation.v != VERSION {
        return Err(io::Error::other("worker and image are of different releases"));
    }
    let worker = Worker::new(invitation, pod)?;
    for number in 0.. {
        let mut link = worker.connect(Channel::Step(number)).await?;
        let turn = hear(&mut link, LONGEST_TURN).await;
        if number == 0 && turn.as_ref().is_err_and(is_end) {
            return refused().await;
        }
        match turn.map_err(|error| io::Error::new(error.kind(), format!("the worker gave no order: {error}")))? {
            Turn::Run(order) => step::run(&worker, number, *order, link).await?,
            Turn::Probe(probe) => {
                say(&mut link, &attack(probe).await).await?;
                link.shutdown().await?;
            }
            Turn::End => break,
        }
    }
    Ok(())
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// The worker has nothing for this pod, so another one has the job. Ending, well or not, would have the cluster end that
/// one as well: it waits to be told.
async fn refused() -> io::Result<()> {
    signal(SignalKind::terminate())?.recv().await;
    Err(io::Error::other("the worker gave this pod nothing to do: the job has another one, or has ended"))
}

/// Attacks the level that commands get here, and tries what the cluster's network has to refuse.
async fn attack(probe: Probe) -> Probed {
    let mut reached = Vec::new();
    for address in probe.unreachable {
        if matches!(timeout(REACH, TcpStream::connect(&address)).await, Ok(Ok(_))) {
            reached.push(address);
        }
    }
    let jail = tokio::task::spawn_blocking(|| {
        let own = rustix::process::geteuid().as_raw();
        countersign_jail::probe(Level::Nested, &LauncherPath::this_program(), own, Path::new(WRITABLE))
    });
    let jail = match jail.await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Probed { jail, reached }
}
