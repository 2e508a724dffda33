//! How long work waits for a worker that waits for work: our queue in Redis, raw Redis Streams and `BullMQ`, on one
//! server that has every acknowledged write on disk.
//!
//! Measured from before the work is put in until the worker's side has it: with us, claimed under a fence and its seal
//! opened; and until its start is marked, which the others have no word for. Goal: a third of the time of `BullMQ`, and
//! one and a half of the raw streams', which promise nothing about who has the work.
//!
//! `cargo bench -p countersign-tests --bench queue`. A number as the argument is the count of rounds.

#[path = "support/node.rs"]
mod node;
#[path = "../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod support;
#[path = "../../crates/core/tests/kernel/world.rs"]
#[expect(dead_code, reason = "the kernel's own tests use more of it")]
mod world;

use countersign_core::id::InvocationId;
use countersign_core::job::Job;
use countersign_core::seal::Sealed;
use countersign_queue::{Claim, Dispatch as _, Feed as _, Load, News, Offer, RedisQueue, Repeat, Topic, Work as _};
use node::Node;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use redis::{AsyncConnectionConfig, Client, cmd};
use redis_server::{RedisServer, connect};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use support::{Rival, machine, moment, ms, ratio, rounds, take_turns};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;
use world::{NOW, World};

const ROUNDS: usize = 500;
const POOL: &str = "prod-write";
const LEASE: Duration = Duration::from_mins(1);
/// How often a worker looks without a hint.
const LOOK_EVERY: Duration = Duration::from_secs(5);

fn main() {
    let rounds = rounds(ROUNDS);
    let server = RedisServer::plain();
    let runtime = Runtime::new().expect("there are threads");
    let streams = RefCell::new(runtime.block_on(Streams::begin(server.port)));
    let (mut bullmq, ready) = Node::start("bullmq.mjs", &[server.port.to_string()]);
    assert_eq!(ready, "ready");
    let ours = RefCell::new(runtime.block_on(async { Ours::begin(&server) }));
    let work = Supply::default();
    let until = |which: fn(&Marks) -> Instant| {
        let (ours, runtime, work) = (&ours, &runtime, &work);
        move || {
            let (id, job) = work.next();
            runtime.block_on(ours.borrow_mut().round(id, job, which))
        }
    };
    let mut rivals = [
        Rival {
            name: "raw streams: XADD, XREADGROUP BLOCK",
            work: Box::new(|| runtime.block_on(streams.borrow_mut().round(&work.text()))),
        },
        Rival {
            name: "BullMQ: add, the worker's function",
            work: Box::new(|| Duration::from_nanos(bullmq.ask(&work.text()).parse().expect("it says a number"))),
        },
        Rival { name: "ours: claimed, seal opened", work: Box::new(until(|marks| marks.opened)) },
        Rival { name: "ours: the start marked as well", work: Box::new(until(|marks| marks.started)) },
    ];
    println!("{}", machine());
    let times = take_turns(&mut rivals, rounds);
    let [raw, bull, ..] = times.as_slice() else { unreachable!("both are always measured") };
    let (raw, bull) = (raw.median(), bull.median());
    println!("{rounds} rounds, milliseconds; from putting work in until a waiting worker has it, appendfsync always");
    println!("{:<36} {:>8} {:>8} {:>8} {:>8}", "", "median", "p90", "x raw", "x BullMQ");
    for (rival, times) in rivals.iter().zip(&times) {
        let (median, p90) = (times.median(), times.percentile(90));
        let (to_raw, to_bull) = (ratio(median, raw), ratio(median, bull));
        println!("{:<36} {:>8} {:>8} {to_raw:>8} {to_bull:>8}", rival.name, ms(median), ms(p90));
    }
}

/// Approved work, each time another one; the rivals carry the same text.
struct Supply {
    world: World,
    count: Cell<u64>,
}

impl Default for Supply {
    fn default() -> Self {
        Self { world: World::new(), count: Cell::new(0) }
    }
}

impl Supply {
    fn next(&self) -> (InvocationId, Sealed<Job>) {
        self.count.set(self.count.get() + 1);
        let (job, _, _, id) = self.world.job(&self.count.get().to_string());
        (id, job)
    }

    fn text(&self) -> String {
        serde_json::to_string(&self.next().1).expect("it has text keys")
    }
}

/// Our queue as a gateway and a worker have it: a connection each, and the worker waits for a hint.
struct Ours {
    gateway: RedisQueue,
    marks: UnboundedReceiver<Marks>,
}

/// What the worker's side saw of one job.
struct Marks {
    opened: Instant,
    started: Instant,
}

impl Ours {
    fn begin(server: &RedisServer) -> Self {
        let (gateway, worker) = (connect(server.settings("bench")), connect(server.settings("bench")));
        let (seen, marks) = unbounded_channel();
        let news = worker.listen(Topic::Pool(POOL.into()));
        drop(TaskTracker::new().spawn(serve(worker, news, seen)));
        Self { gateway, marks }
    }

    async fn round(&mut self, invocation: InvocationId, job: Sealed<Job>, until: fn(&Marks) -> Instant) -> Duration {
        let load = Load::Run(job);
        let offer = Offer { invocation, pool: POOL.into(), repeat: Repeat::Never, lock: None, load };
        let begun = moment();
        self.gateway.enqueue(offer, NOW).await.expect("the queue is there");
        let marks = self.marks.recv().await.expect("the worker goes on until the end");
        until(&marks).duration_since(begun)
    }
}

/// The worker's loop, with one job at a time.
async fn serve(queue: RedisQueue, mut news: News, seen: UnboundedSender<Marks>) {
    let world = World::new();
    loop {
        match queue.claim(POOL, "worker", NOW, LEASE).await.expect("the queue is there") {
            None => news.wait(LOOK_EVERY).await,
            Some(claim) => {
                let marks = start(&queue, &world, claim).await;
                // The end is news as well; it is taken up here, so that it does not disturb the next rival.
                news.wait(LOOK_EVERY).await;
                if seen.send(marks).is_err() {
                    return;
                }
            }
        }
    }
}

async fn start(queue: &RedisQueue, world: &World, claim: Claim) -> Marks {
    let Load::Run(job) = &claim.load else { panic!("nothing else was put in") };
    job.open_job(&world.verifier, claim.key.invocation, NOW).expect("the gateway sealed it");
    let opened = moment();
    queue.start(claim.key, claim.fence, NOW).await.expect("nobody cancelled");
    let started = moment();
    queue.finish(claim.key, claim.fence).await.expect("it is ours");
    Marks { opened, started }
}

/// A stream with a consumer group, and a reader that is blocked in it.
struct Streams {
    writer: MultiplexedConnection,
    arrived: UnboundedReceiver<Instant>,
}

impl Streams {
    async fn begin(port: u16) -> Self {
        let client = Client::open(("127.0.0.1", port)).expect("it is an address");
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = || client.get_multiplexed_async_connection_with_config(&patient);
        let (mut writer, reader) =
            tokio::try_join!(connection(), connection()).expect("the server accepts connections");
        let group = cmd("XGROUP").arg("CREATE").arg("raw").arg("group").arg("$").arg("MKSTREAM").to_owned();
        group.query_async::<()>(&mut writer).await.expect("the group is new");
        let (seen, arrived) = unbounded_channel();
        drop(TaskTracker::new().spawn(read(reader, seen)));
        Self { writer, arrived }
    }

    async fn round(&mut self, load: &str) -> Duration {
        let add = cmd("XADD").arg("raw").arg("*").arg("load").arg(load).to_owned();
        let begun = moment();
        add.query_async::<String>(&mut self.writer).await.expect("the server is there");
        self.arrived.recv().await.expect("the reader goes on until the end").duration_since(begun)
    }
}

async fn read(mut connection: MultiplexedConnection, seen: UnboundedSender<Instant>) {
    let mut next = cmd("XREADGROUP");
    next.arg(&["GROUP", "group", "worker", "COUNT", "1", "BLOCK", "0", "STREAMS", "raw", ">"]);
    loop {
        let read: StreamReadReply = next.query_async(&mut connection).await.expect("the server is there");
        let arrived = moment();
        let id = &read.keys[0].ids[0].id;
        let taken = cmd("XACK").arg("raw").arg("group").arg(id).to_owned();
        taken.query_async::<u64>(&mut connection).await.expect("the server is there");
        if seen.send(arrived).is_err() {
            return;
        }
    }
}
