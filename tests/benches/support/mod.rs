//! What every bench shares: the machine's description, a stopwatch, rounds in which the rivals take turns, percentiles.
//!
//! **Invariant:** rivals are measured in the same run, one after the other in every round, so that whatever else the
//! machine does meets all of them; what is printed beside a time is its ratio to one of them.

use std::time::Duration;

/// One line about where the numbers come from.
pub fn machine() -> String {
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

/// How long `work` takes.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub fn stopwatch(work: impl FnOnce()) -> Duration {
    let begun = std::time::Instant::now();
    work();
    begun.elapsed()
}

/// One of those who are compared.
pub struct Rival<'a> {
    /// What the table calls it.
    pub name: &'a str,
    /// What is measured.
    pub work: Box<dyn FnMut() + 'a>,
}

/// The sorted times of one rival.
#[derive(Debug)]
pub struct Times(Vec<Duration>);

impl Times {
    /// The time below which `percent` of all lie.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// The time in the middle.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }
}

/// Lets the rivals take turns, `rounds` times after a few that do not count; each round begins with another one.
pub fn take_turns(rivals: &mut [Rival<'_>], rounds: usize) -> Vec<Times> {
    const WARM_UP: usize = 10;
    let mut all: Vec<Vec<Duration>> = rivals.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..WARM_UP + rounds {
        for turn in 0..rivals.len() {
            let at = (round + turn) % rivals.len();
            let time = stopwatch(&mut rivals[at].work);
            if round >= WARM_UP {
                all[at].push(time);
            }
        }
    }
    all.iter_mut().for_each(|times| times.sort_unstable());
    all.into_iter().map(Times).collect()
}

/// Milliseconds with two digits.
pub fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// How many times as long as `base`.
pub fn ratio(time: Duration, base: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() / base.as_secs_f64())
}
