//! One job's pod, as its worker hears it.
//!
//! **Invariant:** one pod alone is ever given something to run, each step once: whatever else knows the token, such as a
//! second pod that the cluster started for the same Job, is refused.

use super::door::{Arrival, Expecting, Link};
use super::wire::{Channel, LONGEST_TURN, Probe, Probed, Step, Turn, hear, say};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::UnixStream;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// From a step's order until its streams are there, and from one step's end until the pod asks for the next.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a pod may take to attack its level.
const PROBED: Duration = Duration::from_secs(30);

/// Connections of a command to the outside at once; the proxy has the same limit.
const MOST_CONNECTIONS: usize = 256;

/// What a step is followed by.
pub(crate) struct Streams {
    pub(crate) link: Link,
    pub(crate) out: Link,
    pub(crate) err: Option<Link>,
}

/// The pod's connections.
#[derive(Debug)]
pub(super) struct PodLink {
    steps: AsyncMutex<mpsc::Receiver<Link>>,
    streams: AsyncMutex<mpsc::Receiver<(Channel, Link)>>,
    refused: Arc<Mutex<Refused>>,
    _ends_with_us: DropGuard,
}

/// Who came besides the one pod.
#[derive(Debug, Default)]
struct Refused {
    pods: u32,
}

impl PodLink {
    /// Takes connections from now on. `proxy` is the socket of the job's way out, if it has one.
    pub(super) fn new(expecting: Expecting, proxy: Option<&Path>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let ((to_steps, steps), (to_streams, streams)) = (mpsc::channel(1), mpsc::channel(2));
        let refused = Arc::default();
        let desk = Desk {
            pod: None,
            next: 0,
            taken: Vec::new(),
            to_steps,
            to_streams,
            proxy: proxy.map(Path::to_owned),
            refused: Arc::clone(&refused),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(desk.receive(expecting));
        let (steps, streams) = (AsyncMutex::new(steps), AsyncMutex::new(streams));
        Self { steps, streams, refused, _ends_with_us: stop.drop_guard() }
    }

    /// Waits until the pod asks what to do.
    pub(super) async fn asked(&self) -> Option<Link> {
        self.steps.lock().await.recv().await
    }

    /// Hands out a step; its streams when they are there.
    pub(super) async fn run(&self, mut link: Link, step: Step) -> io::Result<Streams> {
        let apart = step.apart;
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout(PATIENCE, say(&mut link, &Turn::Run(Box::new(step)))).await.map_err(late)??;
        let mut streams = self.streams.lock().await;
        let both = async {
            let (mut out, mut err) = (None, None);
            while out.is_none() || (apart && err.is_none()) {
                match streams.recv().await {
                    Some((Channel::Out(_), link)) => out = Some(link),
                    Some((_, link)) => err = Some(link),
                    None => break,
                }
            }
            out.map(|out| (out, err))
        };
        let found = timeout(PATIENCE, both).await.map_err(late)?;
        let (out, err) = found.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(Streams { link, out, err })
    }

    /// The next time the pod asks, if it does soon.
    pub(super) async fn asked_again(&self) -> io::Result<Link> {
        let asked = timeout(PATIENCE, self.asked()).await;
        asked.ok().flatten().ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// Has the pod attack its level.
    pub(super) async fn probe(&self, mut link: Link, probe: Probe) -> io::Result<Probed> {
        say(&mut link, &Turn::Probe(probe)).await?;
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout(PROBED, hear(&mut link, LONGEST_TURN)).await.map_err(late)?
    }

    /// Lets the pod end.
    pub(super) async fn dismiss(&self, mut link: Link) {
        drop(say(&mut link, &Turn::End).await);
    }

    /// How many other pods asked to run the job.
    pub(super) fn others(&self) -> u32 {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).pods
    }
}

/// Who looks at each connection and says where it goes.
struct Desk {
    pod: Option<String>,
    next: u32,
    /// Streams of the step under way that came already.
    taken: Vec<Channel>,
    to_steps: mpsc::Sender<Link>,
    to_streams: mpsc::Sender<(Channel, Link)>,
    proxy: Option<PathBuf>,
    refused: Arc<Mutex<Refused>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Desk {
    async fn receive(mut self, mut expecting: Expecting) {
        let stop = self.stop.clone();
        loop {
            let arrival = tokio::select! {
                () = stop.cancelled() => return,
                arrival = expecting.arrivals.recv() => arrival,
            };
            let Some(arrival) = arrival else { return };
            self.seat(arrival);
        }
    }

    /// Whoever asks for the first step is the pod.
    fn seat(&mut self, Arrival { pod, channel, link }: Arrival) {
        let first = self.pod.is_none() && channel == Channel::Step(0);
        if !first && self.pod.as_ref() != Some(&pod) {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).pods += 1;
            return;
        }
        self.pod = Some(pod);
        match channel {
            Channel::Step(number) if number == self.next => {
                self.next += 1;
                self.taken.clear();
                // Full only if the pod asks before it was answered; then it is not answered twice.
                drop(self.to_steps.try_send(link));
            }
            Channel::Out(number) | Channel::Err(number)
                if number + 1 == self.next && !self.taken.contains(&channel) =>
            {
                self.taken.push(channel);
                drop(self.to_streams.try_send((channel, link)));
            }
            Channel::Egress => self.lead_out(link),
            Channel::Step(_) | Channel::Out(_) | Channel::Err(_) => {}
        }
    }

    fn lead_out(&self, mut link: Link) {
        let Some(proxy) = self.proxy.clone() else { return };
        if self.tasks.len() > MOST_CONNECTIONS {
            return;
        }
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let carried = async {
                let mut way = UnixStream::connect(proxy).await?;
                copy_bidirectional(&mut link, &mut way).await
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _ = carried => {}
            }
        });
    }
}
