//! What operators read of a running process.
//!
//! **Invariant:** only our own lines are written, at whatever level: libraries quote what they
//! send and receive, and no variable of the environment can turn them on.

use crate::config::{Format, Level, Log};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// What our crates' names begin with.
const OURS: &str = "countersign";

/// Writes lines to standard error from now on.
pub fn start(log: Log) {
    let ours = || Targets::new().with_target(OURS, level(log.level)).with_default(LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        Format::Json => lines.json().flatten_event(true).with_filter(ours()).boxed(),
        Format::Text => lines.with_ansi(false).with_filter(ours()).boxed(),
    };
    // A test's process may have begun to write lines already.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

const fn level(level: Level) -> LevelFilter {
    match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    }
}

/// A panic says where, and not what: its text may hold what somebody typed.
pub fn quiet_panics(died: std::sync::Arc<std::sync::atomic::AtomicBool>) {
    std::panic::set_hook(Box::new(move |panic| {
        died.store(true, std::sync::atomic::Ordering::Relaxed);
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "A task died; this is a mistake in the program");
    }));
}

/// An error and everything that caused it, in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
