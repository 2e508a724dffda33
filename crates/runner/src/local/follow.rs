//! Follows a launcher to the job's end, and ends the job when it must end.
//!
//! **Invariant:** whatever the command does, the wait is bounded: interrupted, then everything inside asked to end, then
//! killed, then its launcher killed, which takes the whole job along.

use countersign_jail::{Applied, Exit, INTERRUPT, KILL, SetupError, Status, TERMINATE, parse};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, split};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a command is waited for that is to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the interrupt, which the command itself gets, until everything inside is asked to end: its time to clean up.
    pub(super) interrupted: Duration,
    /// From there until the kill.
    pub(super) asked: Duration,
}

impl Patience {
    /// A cancel has two seconds in all, and the worker may hear of it half a second late.
    pub(super) const USUAL: Self = Self { interrupted: Duration::from_secs(1), asked: Duration::from_millis(500) };

    /// For a program that is known to need longer to clean up.
    pub(super) fn of(interrupt_seconds: Option<u64>) -> Self {
        let longer = interrupt_seconds.map(|seconds| Self { interrupted: Duration::from_secs(seconds), ..Self::USUAL });
        longer.unwrap_or(Self::USUAL)
    }
}

/// How long an order may take on its way.
const TOLD: Duration = Duration::from_millis(500);

/// From being killed until the launcher is not waited for any longer.
const LAST: Duration = Duration::from_secs(5);

/// Why a job was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    WallClock,
    OutputLimit,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum End {
    /// The command's own end, or the one it was given.
    Exit(Exit),
    /// A step of the jail failed before the command existed.
    Setup(SetupError),
    /// The launcher is gone, or said what cannot be: nobody saw the end.
    Lost(String),
}

/// Everything that was learnt.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) end: End,
    pub(super) stop: Option<Stop>,
    pub(super) applied: Option<Applied>,
}

/// Where the ending of a job stands.
#[derive(Clone, Copy)]
enum Phase {
    Running,
    Interrupted(Instant),
    Asked(Instant),
    Killed(Instant),
}

/// Reads records until the last one. `stop` says when and why the job is to be ended.
pub(super) async fn follow(link: impl AsyncRead + AsyncWrite + Unpin, stop: impl Future<Output = Stop>) -> Followed {
    follow_patiently(link, Patience::USUAL, stop).await
}

/// The same for a command that may need longer to clean up.
pub(super) async fn follow_patiently(
    link: impl AsyncRead + AsyncWrite + Unpin,
    patience: Patience,
    stop: impl Future<Output = Stop>,
) -> Followed {
    let (records, mut orders) = split(link);
    let mut records = BufReader::new(records).lines();
    let mut stop = pin!(stop);
    let mut followed = Followed { end: End::Lost(String::new()), stop: None, applied: None };
    let mut phase = Phase::Running;
    loop {
        let next = match phase {
            Phase::Running => None,
            Phase::Interrupted(at) | Phase::Asked(at) | Phase::Killed(at) => Some(at),
        };
        tokio::select! {
            line = records.next_line() => match line.map(|line| line.map(|line| parse(&line))) {
                Ok(Some(Ok(Status::Applied(applied)))) => followed.applied = Some(applied),
                Ok(Some(Ok(Status::Exit(exit)))) => followed.end = End::Exit(exit),
                Ok(Some(Ok(Status::SetupError(error)))) => followed.end = failed(error, followed.applied.is_some()),
                Ok(Some(Err(error))) | Err(error) => {
                    followed.end = End::Lost(format!("the launcher said what cannot be read: {error}"));
                    return followed;
                }
                Ok(None) => return followed,
            },
            why = &mut stop, if followed.stop.is_none() => {
                followed.stop = Some(why);
                phase = order(&mut orders, INTERRUPT, Phase::Interrupted(Instant::now() + patience.interrupted)).await;
            }
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => match phase {
                Phase::Interrupted(_) => {
                    phase = order(&mut orders, TERMINATE, Phase::Asked(Instant::now() + patience.asked)).await;
                }
                Phase::Running | Phase::Asked(_) => {
                    phase = order(&mut orders, KILL, Phase::Killed(Instant::now() + LAST)).await;
                }
                Phase::Killed(_) => {
                    followed.end = End::Lost("the launcher did not end the job in time".into());
                    return followed;
                }
            },
        }
    }
}

/// A launcher that cannot be told is gone, which the records will say.
async fn order(orders: &mut (impl AsyncWrite + Unpin), byte: u8, next: Phase) -> Phase {
    let told = async {
        orders.write_all(&[byte]).await?;
        orders.flush().await
    };
    // A pod that takes nothing is waited for no longer than the order is worth.
    drop(timeout(TOLD, told).await);
    next
}

/// A failure after everything stood says nothing about whether the command ran.
fn failed(error: SetupError, stood: bool) -> End {
    if stood { End::Lost(format!("the launcher failed while the command ran: {error}")) } else { End::Setup(error) }
}
