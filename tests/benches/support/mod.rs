//! What every bench shares: the machine's description, a stopwatch, rounds in which the rivals take turns, percentiles.
//!
//! **Invariant:** rivals are measured in the same run, one after the other in every round, so that whatever else the
//! machine does meets all of them; what is printed beside a time is its ratio to one of them. Nothing is ever asserted
//! about a time.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::time::{Duration, Instant};

/// Most rounds that do not count.
const WARM_UP: usize = 10;

/// Rounds of a test run, which shows only that the bench works.
const FEW: usize = 5;

/// How many rounds to measure: `full` under `cargo bench`, a few in a test run, or the number among the arguments.
pub(crate) fn rounds(full: usize) -> usize {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.iter().find_map(|argument| argument.parse().ok());
    let usual = if arguments.iter().any(|argument| argument == "--bench") { full } else { FEW };
    asked.unwrap_or(usual)
}

/// One line about where the numbers come from.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("?");
    let (model, kernel) = (model.trim_start_matches([' ', '\t', ':']), kernel.trim());
    format!("machine: {model}, {cores} cores, kernel {kernel}, {}, load {load} at the start", rustc())
}

#[expect(clippy::disallowed_methods, reason = "asks the compiler for its version")]
fn rustc() -> String {
    let said = std::process::Command::new("rustc").arg("--version").output();
    said.map_or_else(|_| "unknown rustc".into(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned())
}

/// This moment.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn moment() -> Instant {
    Instant::now()
}

/// How long `work` takes.
pub(crate) fn stopwatch(work: impl FnOnce()) -> Duration {
    let begun = moment();
    work();
    begun.elapsed()
}

/// One of those who are compared.
pub(crate) struct Rival<'a> {
    /// What the table calls it.
    pub(crate) name: &'a str,
    /// One round, and how long what is measured of it took.
    pub(crate) work: Box<dyn FnMut() -> Duration + 'a>,
}

/// The sorted times of one rival.
#[derive(Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// The time below which `percent` of all lie.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// The time in the middle.
    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }
}

/// Lets the rivals take turns, `rounds` times after a few that do not count; each round begins with another one.
pub(crate) fn take_turns(rivals: &mut [Rival<'_>], rounds: usize) -> Vec<Times> {
    let warm_up = rounds.min(WARM_UP);
    let mut all: Vec<Vec<Duration>> = rivals.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..warm_up + rounds {
        for turn in 0..rivals.len() {
            let at = (round + turn) % rivals.len();
            let time = (rivals[at].work)();
            if round >= warm_up {
                all[at].push(time);
            }
        }
    }
    let sorted = |mut times: Vec<Duration>| {
        times.sort_unstable();
        Times(times)
    };
    all.into_iter().map(sorted).collect()
}

/// Milliseconds with two digits.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// Whole microseconds.
pub(crate) fn us(time: Duration) -> String {
    time.as_micros().to_string()
}

/// How many times as long as `base`.
pub(crate) fn ratio(time: Duration, base: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() / base.as_secs_f64())
}
