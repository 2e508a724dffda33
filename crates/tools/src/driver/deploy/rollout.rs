//! Follows a rollout to its end, and goes back when it fails.
//!
//! **Invariant:** what somebody else changed meanwhile is told and never written over: a rollout that no longer is the
//! last word about its image has ended, and is not rolled back.

use super::cluster::{Cluster, ClusterError, Keep};
use super::marks::Marks;
use super::pods::Pods;
use super::seen::{Counts, Seen};
use countersign_core::refusal::shown;
use std::pin::pin;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

/// At least so often it is looked at, whether the cluster says that something changed or not: pods change without it.
const MOMENT: Duration = Duration::from_secs(2);

/// And not more often than that.
const PAUSE: Duration = Duration::from_millis(200);

/// So often a change is tried while somebody else changes the deployment.
pub(super) const ATTEMPTS: usize = 8;

/// The widest bar.
const WIDEST: i32 = 20;

/// What a rollout is to come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal<'a> {
    /// The image it put there.
    pub(super) image: &'a str,
    /// The request that did.
    pub(super) invocation: Option<&'a str>,
    /// The spec it made.
    pub(super) generation: i64,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// All that were wanted are there.
    Done(String),
    /// It will not come to its goal, and why.
    Failed(String),
    /// Somebody else has the last word.
    Overtaken(String),
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Going(String),
    Ended(End),
}

/// Somebody wants it to end.
#[derive(Debug)]
pub(super) struct Interrupt(Signal, Signal);

impl Interrupt {
    /// From here on a signal ends nothing by itself.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    pub(super) async fn came(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// How far it is, with a bar.
pub(super) fn progress(counts: Counts, ready: i32) -> String {
    let Counts { wanted, updated, all, .. } = counts;
    let cells = wanted.clamp(0, WIDEST);
    let full = if wanted > 0 { cells * ready.clamp(0, wanted) / wanted } else { 0 };
    let bar: String = (0..cells).map(|cell| if cell < full { '█' } else { '▁' }).collect();
    let old = if all > updated { format!(", {} old", all - updated) } else { String::new() };
    format!("{updated} of {wanted} updated, {ready} ready{old} {bar}").trim_end().to_owned()
}

/// What an answer of the cluster means.
///
/// Source: kubectl 1.32, `kubectl rollout status`, `pkg/polymorphichelpers/rollout_status.go`.
pub(super) fn judge(seen: &Seen, pods: &Pods, goal: Goal<'_>) -> Standing {
    let other = goal.invocation.is_some_and(|ours| seen.marks.invocation.as_deref() != Some(ours));
    if seen.image != goal.image {
        return Standing::Ended(End::Overtaken(format!(
            "somebody else has put {} there{}",
            shown(&seen.image),
            by(seen)
        )));
    }
    if other {
        return Standing::Ended(End::Overtaken(format!("somebody else has rolled out the same image{}", by(seen))));
    }
    let line = progress(seen.counts, pods.ready);
    let Counts { wanted, all, updated, available } = seen.counts;
    if seen.observed < seen.generation {
        return Standing::Going("waiting for the cluster to begin".to_owned());
    }
    if let Some(why) = &seen.given_up {
        let pod = pods.stuck.as_ref().map(|pod| format!("; {pod}")).unwrap_or_default();
        return Standing::Ended(End::Failed(format!("ProgressDeadlineExceeded: {}{pod}", shown(why))));
    }
    if updated >= wanted && all <= updated && available >= updated {
        return Standing::Ended(End::Done(line));
    }
    match &pods.stuck {
        Some(why) => Standing::Ended(End::Failed(why.clone())),
        None => Standing::Going(line),
    }
}

fn by(seen: &Seen) -> String {
    seen.changed.as_ref().map(|(who, when)| format!(" (`{}`, {})", shown(who), shown(when))).unwrap_or_default()
}

/// A rollout under way.
pub(super) struct Rollout<'a> {
    pub(super) cluster: &'a Cluster<'a>,
    pub(super) goal: Goal<'a>,
    /// The spec whose change was told last.
    pub(super) told: i64,
    pub(super) last: String,
}

impl<'a> Rollout<'a> {
    pub(super) fn new(cluster: &'a Cluster<'a>, goal: Goal<'a>) -> Self {
        Self { cluster, goal, told: goal.generation, last: String::new() }
    }

    /// Follows it until it ends, the time is over, or somebody interrupts it.
    pub(super) async fn follow(mut self, at_most: Duration, interrupt: &mut Interrupt) -> End {
        let mut deadline = pin!(sleep(at_most));
        loop {
            tokio::select! {
                biased;
                () = interrupt.came() => return End::Failed("it was cancelled".to_owned()),
                () = &mut deadline => {
                    return End::Failed(format!("it was not ready within {} s", at_most.as_secs()));
                }
                end = self.step() => if let Some(end) = end { return end },
            }
        }
    }

    /// The same, whoever wants it to end.
    pub(super) async fn follow_to_the_end(mut self, at_most: Duration) -> End {
        let mut deadline = pin!(sleep(at_most));
        loop {
            tokio::select! {
                biased;
                () = &mut deadline => {
                    return End::Failed(format!("it was not ready within {} s", at_most.as_secs()));
                }
                end = self.step() => if let Some(end) = end { return end },
            }
        }
    }

    /// Looks once, tells what is new, and waits for the next change.
    async fn step(&mut self) -> Option<End> {
        match self.look().await {
            Ok((_, Standing::Ended(end))) => return Some(end),
            Ok((version, Standing::Going(line))) => {
                self.tell(line);
                sleep(PAUSE).await;
                self.cluster.change_after(&version, MOMENT).await;
            }
            Err(ClusterError::Missing(name)) => {
                return Some(End::Overtaken(format!("somebody else has deleted the deployment {name}")));
            }
            // A cluster that cannot be asked for a while goes on by itself; the time limit ends the waiting.
            Err(error) => {
                self.tell(format!("the cluster: {error}"));
                sleep(MOMENT).await;
            }
        }
        None
    }

    async fn look(&mut self) -> Result<(String, Standing), ClusterError> {
        let seen = self.cluster.seen().await?;
        let pods = self.cluster.pods(&seen, self.goal.image).await?;
        let standing = judge(&seen, &pods, self.goal);
        if seen.generation > self.told && !matches!(standing, Standing::Ended(End::Overtaken(_))) {
            self.told = seen.generation;
            say(&format!("somebody else has changed the deployment meanwhile{}; its image is still ours", by(&seen)));
        }
        Ok((seen.version, standing))
    }

    fn tell(&mut self, line: String) {
        if line != self.last {
            say(&line);
            self.last = line;
        }
    }
}

/// What ran before a rollout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) image: &'a str,
    pub(super) marks: &'a Marks,
}

/// Puts what ran before there again, and waits for it. What runs then, for people.
pub(super) async fn go_back(cluster: &Cluster<'_>, before: Before<'_>, ours: &str, at_most: Duration) -> String {
    say(&format!("rolling back to {}", shown(before.image)));
    for _ in 0..ATTEMPTS {
        let seen = match cluster.seen().await {
            Ok(seen) => seen,
            Err(error) => {
                return format!("the rollback could not begin: {error}; {} may still be rolled out", shown(ours));
            }
        };
        if seen.image == before.image {
            return format!("{} runs, as before", shown(before.image));
        }
        if seen.image != ours {
            return format!("somebody else has put {} there meanwhile, which is left alone", shown(&seen.image));
        }
        match cluster.apply(&seen, before.image, before.marks, Keep::Yes).await {
            Ok(applied) => {
                let goal = Goal { image: before.image, invocation: None, generation: applied.seen.generation };
                return match Rollout::new(cluster, goal).follow_to_the_end(at_most).await {
                    End::Done(line) => format!("rolled back: {} runs again ({line})", shown(before.image)),
                    End::Failed(why) => format!(
                        "rolled back to {}, which is not ready either: {why}; look at it now",
                        shown(before.image)
                    ),
                    End::Overtaken(who) => format!("rolled back to {}, and then {who}", shown(before.image)),
                };
            }
            Err(ClusterError::Moved) => sleep(PAUSE).await,
            Err(error) => {
                return format!("the rollback failed: {error}; {} is still being rolled out", shown(ours));
            }
        }
    }
    format!("the rollback failed: the deployment changes all the time; {} is still being rolled out", shown(ours))
}

/// A line for people, at once. Whoever closed the other end does not read it.
pub(super) fn say(line: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests;
