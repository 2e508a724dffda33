//! How fast a slash command is acknowledged: by our front with every check in force, by a bare axum handler that reads
//! the body and says 200, and by @slack/bolt, which verifies the signature and acknowledges at once.
//!
//! One client over loopback TCP, connections kept; first one request at a time, then 64 connections at once. Every
//! server has one thread that serves. Goals: half the time at one connection no longer than bolt's and at most two and a
//! half times bare axum's; a quarter of bolt's processor time.
//!
//! `cargo bench -p countersign-tests --bench acknowledge`. A number as the argument is the count of rounds.

#[path = "support/http.rs"]
mod http;
#[path = "support/node.rs"]
mod node;
#[path = "support/slack.rs"]
mod slack;
mod support;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use http::Connection;
use node::Node;
use slack::{PATH, SECRET, front, slash_command};
use std::cell::Cell;
use std::net::Ipv4Addr;
use std::time::Duration;
use support::{Rival, Times, machine, ms, ratio, rounds, stopwatch, take_turns, us};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

const ROUNDS: usize = 5_000;
/// One burst is measured for so many single rounds.
const ROUNDS_PER_BURST: usize = 200;
/// Connections in a burst.
const AT_ONCE: u32 = 64;
/// Requests over each of them.
const IN_A_ROW: u32 = 40;

fn main() {
    let rounds = rounds(ROUNDS);
    let front = front();
    let ours = Served::start("front", front.router());
    let bare = Served::start("bare", Router::new().route(PATH, post(|_: Bytes| async { StatusCode::OK })));
    let (bolt, port) = Node::start("bolt.mjs", &[SECRET.to_owned()]);
    let port = port.parse().expect("it says its port");
    let peers = [
        Peer { name: "axum, 200 after the body", port: bare.port, threads: Threads::Named("bare") },
        Peer { name: "@slack/bolt, HTTPReceiver", port, threads: Threads::Process(bolt.id()) },
        Peer { name: "ours, every check", port: ours.port, threads: Threads::Named("front") },
    ];
    println!("{}", machine());
    one_at_a_time(&peers, rounds);
    many_at_once(&peers, rounds.div_ceil(ROUNDS_PER_BURST));
    let tally = front.tally();
    assert_eq!(tally.hashed, tally.parsed, "every request to us passed every check");
}

/// A server in this process; one thread serves.
struct Served {
    port: u16,
    _runtime: Runtime,
}

impl Served {
    fn start(thread: &str, router: Router) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(thread).enable_all().build();
        let runtime = runtime.expect("there are threads");
        let bound = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = bound.expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { port, _runtime: runtime }
    }
}

/// A server to ask.
struct Peer {
    name: &'static str,
    port: u16,
    threads: Threads,
}

/// Whose processor time is a server's.
enum Threads {
    /// All of a process.
    Process(u32),
    /// Those of this process that have this name.
    Named(&'static str),
}

impl Threads {
    /// How long they have run (proc(5) does not tell, Documentation/scheduler/sched-stats.rst does: nanoseconds first).
    fn spent(&self) -> Duration {
        let (process, name) = match self {
            Self::Process(id) => (*id, None),
            Self::Named(name) => (std::process::id(), Some(*name)),
        };
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs").flatten();
        let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let ours = threads.filter(|thread| name.is_none_or(|name| read(thread.path().join("comm")).trim_end() == name));
        let nanos = |text: String| text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
        Duration::from_nanos(ours.map(|thread| nanos(read(thread.path().join("schedstat")))).sum())
    }
}

fn one_at_a_time(peers: &[Peer], rounds: usize) {
    let mut rivals: Vec<Rival<'_>> = peers.iter().map(single).collect();
    let times = take_turns(&mut rivals, rounds);
    println!("{rounds} rounds, microseconds; one connection, from sending the request until the whole answer is there");
    println!("{:<26} {:>8} {:>8} {:>8} {:>8} {:>8}", "", "median", "p90", "p99", "x axum", "x bolt");
    let [axum, bolt, ..] = times.as_slice() else { unreachable!("both are always measured") };
    for (peer, times) in peers.iter().zip(&times) {
        let (median, p90, p99) = (times.median(), times.percentile(90), times.percentile(99));
        let (to_axum, to_bolt) = (ratio(median, axum.median()), ratio(median, bolt.median()));
        println!("{:<26} {:>8} {:>8} {:>8} {to_axum:>8} {to_bolt:>8}", peer.name, us(median), us(p90), us(p99));
    }
}

fn single(peer: &Peer) -> Rival<'_> {
    let mut connection = Connection::open(peer.port);
    let work = move || {
        let request = slash_command();
        stopwatch(|| connection.ask(&request))
    };
    Rival { name: peer.name, work: Box::new(work) }
}

/// What the bursts cost a server so far.
#[derive(Default)]
struct Cost {
    requests: Cell<u32>,
    spent: Cell<Duration>,
}

impl Cost {
    /// Processor time of a thousand requests.
    fn of_a_thousand(&self) -> Duration {
        self.spent.get() * 1_000 / self.requests.get()
    }
}

fn many_at_once(peers: &[Peer], bursts: usize) {
    let costs: Vec<Cost> = peers.iter().map(|_| Cost::default()).collect();
    let mut rivals: Vec<Rival<'_>> = peers.iter().zip(&costs).map(|(peer, cost)| burst(peer, cost)).collect();
    let times = take_turns(&mut rivals, bursts);
    println!("{bursts} bursts of {} requests over {AT_ONCE} connections", AT_ONCE * IN_A_ROW);
    let heads = ("a second", "x axum", "x bolt", "CPU ms, 1,000");
    println!("{:<26} {:>9} {:>8} {:>8} {:>13} {:>8} {:>8}", "", heads.0, heads.1, heads.2, heads.3, heads.1, heads.2);
    let speed = |times: &Times| f64::from(AT_ONCE * IN_A_ROW) / times.median().as_secs_f64();
    let ([axum, bolt, ..], [axum_cost, bolt_cost, ..]) = (times.as_slice(), costs.as_slice()) else {
        unreachable!("both are always measured")
    };
    for ((peer, times), cost) in peers.iter().zip(&times).zip(&costs) {
        let (speed, to_axum, to_bolt) = (speed(times), speed(times) / speed(axum), speed(times) / speed(bolt));
        let cpu = cost.of_a_thousand();
        let (of_axum, of_bolt) = (ratio(cpu, axum_cost.of_a_thousand()), ratio(cpu, bolt_cost.of_a_thousand()));
        let (name, cpu) = (peer.name, ms(cpu));
        println!("{name:<26} {speed:>9.0} {to_axum:>8.2} {to_bolt:>8.2} {cpu:>13} {of_axum:>8} {of_bolt:>8}");
    }
}

fn burst<'a>(peer: &'a Peer, cost: &'a Cost) -> Rival<'a> {
    let mut connections: Vec<Connection> = (0..AT_ONCE).map(|_| Connection::open(peer.port)).collect();
    let work = move || {
        let requests: Vec<Vec<Vec<u8>>> =
            connections.iter().map(|_| (0..IN_A_ROW).map(|_| slash_command()).collect()).collect();
        let before = peer.threads.spent();
        let took = stopwatch(|| {
            std::thread::scope(|threads| {
                for (connection, requests) in connections.iter_mut().zip(&requests) {
                    threads.spawn(|| requests.iter().for_each(|request| connection.ask(request)));
                }
            });
        });
        cost.requests.set(cost.requests.get() + AT_ONCE * IN_A_ROW);
        cost.spent.set(cost.spent.get() + peer.threads.spent().saturating_sub(before));
        took
    };
    Rival { name: peer.name, work: Box::new(work) }
}
