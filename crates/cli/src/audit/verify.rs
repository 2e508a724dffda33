//! `countersign audit verify`.

use super::log::{Log, Second};
use super::report::{Asked, Measured, people, programs};
use super::{open, print};
use crate::installation::{Places, system_clock};
use anyhow::Context as _;
use countersign_audit::anchor::Heads;
use countersign_audit::keys::{self, DigestKey};
use countersign_audit::verify::{Conclusion, Depth, Evidence, Progress, Report};
use countersign_core::seal::Verifier;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// How often the progress is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// What `countersign audit verify` was asked for.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Prints the report as JSON; `countersign audit schema --report` says in which form.
    #[arg(long)]
    json: bool,
    /// Draws no progress; there is none anyway with --json, and where standard error is no terminal.
    #[arg(long)]
    quiet: bool,
    /// Each object must be locked for at least so many days after it was stored.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retention_days: Option<u32>,
    /// The key for keyed digests: what commands printed is compared with its digests as well. With --data
    /// the installation's own, where it can be read.
    #[arg(long, value_name = "FILE")]
    digest_key: Option<PathBuf>,
    /// Checks the chain and the signed heads only, and not what the records say; faster.
    #[arg(long)]
    integrity: bool,
    /// How many streams and segments are worked on at once; one for each processor if absent.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Where the log is.
    #[command(flatten)]
    log: Log,
}

impl Verify {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(
            self.retention_days.is_none() || self.log.is_in_a_bucket(),
            "--retention-days is about a bucket's locks, and a folder locks nothing: leave it out"
        );
        let clock = system_clock();
        let mut evidence =
            Evidence::new(self.log.sink(crate::places::Purpose::Read).await?, self.log.root()?, clock.now());
        let seconds = self.log.seconds().await?;
        evidence.anchors = seconds.iter().map(|second| Arc::clone(second) as Arc<dyn Heads>).collect();
        evidence.fate = self.log.fates(crate::places::Purpose::ReadFates).await?;
        evidence.retention = self.retention_days.map(|days| DAY * days);
        evidence.digest_key = self.key_of_digests()?;
        evidence.at_once = self.jobs.unwrap_or(evidence.at_once);
        evidence.depth = if self.integrity { Depth::Integrity } else { Depth::Full };
        let drawn = !self.quiet && !self.json && std::io::stderr().is_terminal();
        let before = clock.boottime();
        let report = watched(&evidence, drawn).await?;
        let took = clock.boottime().saturating_sub(before);
        let measured = Measured { took, bytes: evidence.progress.bytes_read.load(Ordering::Relaxed) };
        self.rests_on_something(&report, &seconds)?;
        let asked =
            Asked { integrity_only: self.integrity, fates: evidence.fate.is_some(), deployment: &self.log.deployment };
        let shown = if self.json { programs(&report)? } else { people(&report, &measured, &asked) };
        print(&shown)?;
        Ok(ExitCode::from(report.conclusion().exit_code()))
    }

    /// The key that was named, or the installation's own where whoever asks may read it.
    fn key_of_digests(&self) -> anyhow::Result<Option<DigestKey>> {
        if let Some(path) = &self.digest_key {
            let key = DigestKey::load(path).context("--digest-key names the installation's `digest.key`")?;
            return Ok(Some(key));
        }
        let own = self.log.installed().map(|places| places.keys.join("digest.key"));
        Ok(own.and_then(|path| DigestKey::load(&path).ok()))
    }

    /// A place where nothing is has nothing wrong with it either, and must not be called sound for it.
    fn rests_on_something(&self, report: &Report, seconds: &[Arc<Second>]) -> anyhow::Result<()> {
        if report.conclusion() != Conclusion::Sound {
            return Ok(());
        }
        anyhow::ensure!(
            report.writers > 0,
            "`{}` has no stream of records and no signed head: it is another place than the log's, or everything was \
             taken away. With a second place of the heads (--anchors) verification tells which",
            self.log.place()
        );
        if let Some(second) = seconds.iter().find(|second| second.is_empty()) {
            anyhow::bail!(
                "the second place `{}` has no signed head, so that it proves nothing: it is another place than the \
                 installation's, or somebody emptied it. Without it, leave it out of --anchors",
                second.place()
            );
        }
        Ok(())
    }
}

/// Verifies, and draws how far it is.
async fn watched(evidence: &Evidence, drawn: bool) -> anyhow::Result<Report> {
    let bar = ProgressBar::with_draw_target(
        None,
        if drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
    );
    let style = "{wide_bar} {bytes}/{total_bytes}  {msg}  {bytes_per_sec}  {eta} left";
    bar.set_style(ProgressStyle::with_template(style)?);
    let mut verified = std::pin::pin!(countersign_audit::verify::verify(evidence));
    let mut ticks = tokio::time::interval(REDRAW);
    let report = loop {
        tokio::select! {
            report = &mut verified => break report,
            _ = ticks.tick() => draw(&bar, &evidence.progress),
        }
    };
    bar.finish_and_clear();
    Ok(report?)
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let total = progress.bytes.load(Ordering::Relaxed);
    if total > 0 {
        bar.set_length(total);
    }
    bar.set_position(progress.bytes_read.load(Ordering::Relaxed));
    bar.set_message(format!("{} records", progress.records.load(Ordering::Relaxed)));
}

/// Verifies a log in folders.
///
/// # Errors
/// When a folder or the root key cannot be read: nothing is known then.
pub async fn verify(places: &Places, anchors: &[PathBuf], root: &Path, deployment: &str) -> anyhow::Result<Report> {
    let clock = system_clock();
    let mut anchored: Vec<Arc<dyn Heads>> = Vec::new();
    for path in anchors {
        anchored.push(Arc::new(open(path)?));
    }
    let verifier = Verifier::of(keys::load_roots(root)?, deployment);
    let mut evidence = Evidence::new(Arc::new(open(&places.audit)?), verifier, clock.now());
    evidence.anchors = anchored;
    evidence.fate = Some(Arc::new(open(&places.fate)?));
    Ok(countersign_audit::verify::verify(&evidence).await?)
}
