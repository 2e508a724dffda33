//! What every runner promises, whatever it runs commands in: the same tests over a jail of this host and over a pod.

use crate::support::harness::Test;
use crate::support::{Ask, INSIDE, TOKEN, World, processes_with};
use crate::tests_at;
use countersign_audit::clock::SystemClock;
use countersign_core::outcome::Ending;
use countersign_core::time::{Clock, Timestamp};
use countersign_runner::{Narrower, Output, RunFault};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The contract, once for each place.
macro_rules! contract {
    ($($path:ident),* $(,)?) => {
        pub(crate) const HERE: &[Test] = tests_at![Place::Here, "", $($path),*];
        pub(crate) const PODS: &[Test] = tests_at![Place::Pod, "_in_a_pod", $($path),*];
    };
}

contract![
    p08_the_input_reaches_the_steps_that_read_it_and_no_other,
    p15_metacharacters_are_literal,
    p20_a_cancelled_job_leaves_nobody,
    p20_a_job_that_ignores_the_end_is_killed,
    p20_whoever_cleans_up_when_interrupted_has_its_time,
    p20_whoever_ignores_the_interrupt_is_asked_and_then_killed,
    p20_a_job_past_its_time_is_ended,
    p22_the_leased_token_never_comes_out,
    p22_a_cut_output_holds_no_half_secret,
    p36_a_preview_takes_the_streams_apart,
    p44_an_output_bomb_is_bounded,
    p44_every_kind_of_bomb_is_bounded,
    p44_a_slow_reader_makes_the_command_wait,
    p44_a_reader_that_is_gone_stops_nothing,
    a_lease_of_another_invocation_is_refused,
    a_decision_that_waited_too_long_does_not_run,
    a_program_nobody_listed_does_not_run,
];

/// Where the commands of a test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In jails of this host, at level `strict`.
    Here,
    /// In pods, at level `job`.
    Pod,
}

impl Place {
    /// A world whose targets may be reached at these addresses.
    pub(crate) async fn world(self, allowed: &[String]) -> World {
        Box::pin(self.moved(Box::pin(World::new(allowed)).await)).await
    }

    pub(crate) async fn world_with_clock(self, clock: Arc<dyn Clock>) -> World {
        self.moved(World::with_clock(&[], clock).await).await
    }

    pub(crate) async fn moved(self, world: World) -> World {
        match self {
            Self::Here => world,
            Self::Pod => Box::pin(world.in_cluster()).await,
        }
    }
}

/// A step that reads its objects from standard input gets exactly the text that was decided about.
pub(crate) async fn p08_the_input_reaches_the_steps_that_read_it_and_no_other(place: Place) {
    let world = place.world(&[]).await;
    let manifest = format!("{{\"kind\":\"ConfigMap\",\"data\":\"{}\"}}\n", "é$(id)\\n".repeat(20_000));
    let reads = ["sh", "-c", "cat; cat", "--filename=-"];
    let (exit, output) = world.run(Ask { stdin: Some(&manifest), ..Ask::apply(&reads) }).await;
    assert_eq!((exit.unwrap().code, String::from_utf8(output).unwrap()), (Some(0), manifest.clone()));
    let (exit, _) = world.run(Ask { stdin: Some(&manifest), ..Ask::preview(&reads) }).await;
    let printed: Vec<Vec<u8>> = exit.unwrap().steps.into_iter().map(|step| step.stdout).collect();
    assert_eq!(printed, vec![manifest.clone().into_bytes(); 2]);
    let (exit, output) = world.run(Ask { stdin: Some(&manifest), ..Ask::apply(&["sh", "-c", "cat"]) }).await;
    assert_eq!((exit.unwrap().code, output), (Some(0), Vec::new()));
    world.close().await;
}

pub(crate) async fn p15_metacharacters_are_literal(place: Place) {
    let world = place.world(&[]).await;
    let argv = ["printf", "%s|", "; id", "$(id)", "`id`", "a\nb", "${IFS}", "| cat", "&& id", "-x", "*", ""];
    let (exit, output) = world.text(&argv).await;
    assert_eq!(output, "; id|$(id)|`id`|a\nb|${IFS}|| cat|&& id|-x|*||");
    assert_eq!((exit.ending, exit.code, exit.notes.len()), (Ending::Ran, Some(0), 0), "{exit:?}");
    assert_eq!(exit.ran.program.to_str(), Some("/usr/bin/printf"));
    assert_eq!(exit.output, countersign_core::digest::Digest::of(output.as_bytes()));
    let (exit, _) = world.text(&["false"]).await;
    assert_eq!((exit.ending, exit.code), (Ending::Ran, Some(1)));
    world.close().await;
}

pub(crate) async fn p20_a_cancelled_job_leaves_nobody(place: Place) {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let (world, exit, _) =
        with_grandchildren(place.world(&[]).await, "", "100001", |ask| ask.cancel = token, || cancel.cancel()).await;
    assert_eq!((exit.ending, exit.notes), (Ending::Cancelled, vec!["cancelled".to_owned()]));
    assert_eq!(exit.output_bytes, 6, "the output so far is kept");
    world.close().await;
}

pub(crate) async fn p20_a_job_that_ignores_the_end_is_killed(place: Place) {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let (world, exit, took) = with_grandchildren(
        place.world(&[]).await,
        "trap '' INT TERM;",
        "100002",
        |ask| ask.cancel = token,
        || cancel.cancel(),
    )
    .await;
    assert_eq!((exit.ending, exit.code), (Ending::Cancelled, Some(137)));
    assert!(took > Duration::from_secs(1), "it was asked first, and given time: {took:?}");
    world.close().await;
}

pub(crate) async fn p20_whoever_cleans_up_when_interrupted_has_its_time(place: Place) {
    let script = "trap 'sleep 0.3; echo cleaned; exit 3' INT; trap 'echo too early; exit 4' TERM; echo ready; \
                  while :; do sleep 0.02; done";
    let (text, exit) = Box::pin(cancelled_when_ready(place, script)).await;
    assert_eq!((text.as_str(), exit.ending, exit.code), ("ready\ncleaned\n", Ending::Cancelled, Some(3)));
}

pub(crate) async fn p20_whoever_ignores_the_interrupt_is_asked_and_then_killed(place: Place) {
    let script = "trap '' INT; trap 'echo asked' TERM; echo ready; while :; do sleep 0.02; done";
    let (text, exit) = Box::pin(cancelled_when_ready(place, script)).await;
    // The shell tells between the two that what it waited for was asked to end as well.
    assert!(text.starts_with("ready\n") && text.ends_with("asked\n"), "{text}");
    assert_eq!((exit.ending, exit.code), (Ending::Cancelled, Some(137)));
}

pub(crate) async fn p20_a_job_past_its_time_is_ended(place: Place) {
    let narrow = |ask: &mut Ask<'_>| ask.narrower.wall = Some(Duration::from_secs(1));
    let (world, exit, _) = with_grandchildren(place.world(&[]).await, "", "100003", narrow, || {}).await;
    assert_eq!((exit.ending, exit.notes), (Ending::TimedOut, vec!["ended by the time limit of 1 s".to_owned()]));
    world.close().await;
}

pub(crate) async fn p22_the_leased_token_never_comes_out(place: Place) {
    let world = place.world(&[]).await;
    let (exit, output) = world.text(&["inside", INSIDE, "secret"]).await;
    let hidden = "[redacted:leased-token]";
    for line in ["plain ", "hex ", "slow ", "error "] {
        assert!(output.contains(&format!("{line}{hidden}")), "{output}");
    }
    assert!(exit.redactions >= 5 && !output.contains(&TOKEN[..12]), "{output}");
    // A preview's captured streams go the same way.
    let (exit, _) = world.run(Ask::preview(&["inside", INSIDE, "secret"])).await;
    let step = &exit.unwrap().steps[0];
    let stdout = String::from_utf8(step.stdout.clone()).unwrap();
    assert!(stdout.contains(hidden) && !stdout.contains(&TOKEN[..12]), "{stdout}");
    assert_eq!(String::from_utf8(step.stderr.clone()).unwrap(), format!("error {hidden}\n"));
    world.close().await;
}

pub(crate) async fn p22_a_cut_output_holds_no_half_secret(place: Place) {
    let world = place.world(&[]).await;
    let script = format!("printf 'x{TOKEN}'; sleep 100005");
    let argv = ["sh", "-c", &script];
    let narrower = Narrower { output_bytes: Some(20), wall: None };
    let (exit, output) = world.run(Ask { narrower, ..Ask::apply(&argv) }).await;
    assert_eq!(exit.unwrap().notes, ["ended by the output limit of 20 bytes"]);
    assert_eq!(String::from_utf8(output).unwrap(), "x");
    world.close().await;
}

pub(crate) async fn p36_a_preview_takes_the_streams_apart(place: Place) {
    let world = place.world(&[]).await;
    let (exit, output) = world.run(Ask::preview(&["sh", "-c", "echo out; echo err >&2"])).await;
    let exit = exit.unwrap();
    assert!(output.is_empty(), "what a preview prints is not streamed");
    assert_eq!(exit.steps.len(), 2);
    for step in &exit.steps {
        assert_eq!((step.stdout.as_slice(), step.stderr.as_slice(), step.code), (&b"out\n"[..], &b"err\n"[..], 0));
    }
    assert_eq!(exit.output, countersign_core::digest::Digest::of(b"out\nerr\nout\nerr\n"));
    let (exit, _) = world.run(Ask::preview(&["sh", "-c", "exit 3"])).await;
    let exit = exit.unwrap();
    assert_eq!((exit.steps.len(), exit.code), (1, Some(3)), "nothing follows a step that failed");
    world.close().await;
}

pub(crate) async fn p44_an_output_bomb_is_bounded(place: Place) {
    let world = place.world(&[]).await;
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak();
    let narrower = Narrower { output_bytes: Some(1 << 20), wall: None };
    // A wider limit than the recipe's changes nothing; a narrower one ends the job.
    let (exit, output) = world.run(Ask { narrower, ..Ask::apply(&["yes", "bomb"]) }).await;
    let exit = exit.unwrap();
    assert_eq!((exit.ending, output.len()), (Ending::Cancelled, 1 << 20));
    assert_eq!(exit.notes, ["ended by the output limit of 1048576 bytes"]);
    let narrower = Narrower { output_bytes: Some(u64::MAX), wall: None };
    let on_record = world.on_record(&Ask::apply(&["yes"])).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(CancellationToken::new(), narrower);
    let count = async {
        let mut bytes = 0;
        while let Some(chunk) = chunks.recv().await {
            bytes += chunk.len();
        }
        bytes
    };
    let (exit, bytes) = tokio::join!(world.runner.run(on_record, &lease, out), count);
    assert_eq!((exit.unwrap().ending, bytes), (Ending::Cancelled, 4 << 20), "the recipe's own limit");
    // A preview's bomb ends by the capture's cap, which is below the recipe's 64 MiB.
    let (exit, _) = world.run(Ask::preview(&["sh", "-c", "while :; do cat /usr/bin/cat; done"])).await;
    let exit = exit.unwrap();
    assert!(exit.output_bytes <= 8 << 20 && exit.ending == Ending::Cancelled, "{:?}", exit.notes);
    let grown = peak() - before;
    assert!(grown < 64 << 20, "{grown} bytes");
    world.close().await;
}

pub(crate) async fn p44_every_kind_of_bomb_is_bounded(place: Place) {
    let world = place.world(&[]).await;
    // The first passes on more than the memory that any may take: what was read does not stay.
    for (kind, limit) in [("text", 48 << 20), ("one-line", 8 << 20), ("binary", 8 << 20), ("lines", 8 << 20)] {
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = peak();
        let argv = ["inside", INSIDE, "bomb", kind];
        let ask = Ask::apply(&argv);
        let on_record = world.on_record(&ask).await;
        let lease = world.lease(&on_record).await;
        let narrower = Narrower { output_bytes: Some(limit), wall: None };
        let (out, mut chunks) = Output::new(ask.cancel, narrower);
        let read = async {
            let (mut bytes, mut largest) = (0, 0);
            while let Some(chunk) = chunks.recv().await {
                (bytes, largest) = (bytes + chunk.len() as u64, largest.max(chunk.len()));
            }
            (bytes, largest)
        };
        let (exit, (bytes, largest)) = tokio::join!(world.runner.run(on_record, &lease, out), read);
        let (exit, grown) = (exit.unwrap(), peak() - before);
        assert!(grown < 32 << 20, "{kind}: {grown} bytes");
        assert!(largest <= 128 << 10, "{kind}: a piece of {largest} bytes");
        assert_eq!(exit.output_bytes, bytes, "{kind}");
        if kind == "lines" {
            assert_eq!((exit.ending, exit.code, bytes), (Ending::Ran, Some(0), 6_888_890), "{:?}", exit.notes);
        } else {
            assert_eq!(exit.ending, Ending::Cancelled, "{kind}");
            assert_eq!(exit.notes, [format!("ended by the output limit of {limit} bytes")], "{kind}");
            assert!(bytes <= limit && bytes > limit - (1 << 20), "{kind}: {bytes}");
        }
    }
    world.close().await;
}

pub(crate) async fn p44_a_slow_reader_makes_the_command_wait(place: Place) {
    let world = place.world(&[]).await;
    let on_record = world.on_record(&Ask::apply(&["yes"])).await;
    let lease = world.lease(&on_record).await;
    let cancel = CancellationToken::new();
    let narrower = Narrower { wall: Some(Duration::from_secs(1)), output_bytes: None };
    let (out, chunks) = Output::new(cancel, narrower);
    // Nobody reads, and nobody is gone: the pipe fills, the command waits, and the time limit still holds.
    let exit = world.runner.run(on_record, &lease, out).await.unwrap();
    drop(chunks);
    assert_eq!(exit.ending, Ending::TimedOut);
    assert!(exit.output_bytes < 1 << 20, "{}", exit.output_bytes);
    assert!(exit.notes.iter().any(|note| note.contains("was not read in time")), "{:?}", exit.notes);
    world.close().await;
}

pub(crate) async fn p44_a_reader_that_is_gone_stops_nothing(place: Place) {
    let world = place.world(&[]).await;
    let on_record = world.on_record(&Ask::apply(&["seq", "100000"])).await;
    let lease = world.lease(&on_record).await;
    let (out, chunks) = Output::new(CancellationToken::new(), Narrower::default());
    drop(chunks);
    let exit = world.runner.run(on_record, &lease, out).await.unwrap();
    assert_eq!((exit.ending, exit.code, exit.output_bytes), (Ending::Ran, Some(0), 588_895));
    world.close().await;
}

pub(crate) async fn a_lease_of_another_invocation_is_refused(place: Place) {
    let world = place.world(&[]).await;
    let (one, two) = (world.on_record(&Ask::apply(&["true"])).await, world.on_record(&Ask::apply(&["true"])).await);
    let lease = world.lease(&one).await;
    let (out, _chunks) = Output::new(CancellationToken::new(), Narrower::default());
    let fault = world.runner.run(two, &lease, out).await.unwrap_err();
    assert_eq!(fault.to_string(), "the lease is not for this run: it was issued for another invocation");
    world.close().await;
}

pub(crate) async fn a_decision_that_waited_too_long_does_not_run(place: Place) {
    let clock = Arc::new(Late::default());
    let world = place.world_with_clock(clock.clone()).await;
    let on_record = world.on_record(&Ask::apply(&["true"])).await;
    let lease = world.lease(&on_record).await;
    let (out, _chunks) = Output::new(CancellationToken::new(), Narrower::default());
    clock.0.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(world.runner.run(on_record, &lease, out).await, Err(RunFault::Stale)));
    world.close().await;
}

pub(crate) async fn a_program_nobody_listed_does_not_run(place: Place) {
    let world = place.world(&[]).await;
    let (exit, _) = world.run(Ask::apply(&["date"])).await;
    assert_eq!(exit.unwrap().code, Some(0));
    let mut known = countersign_runner::Known::default();
    known.commands.insert("date".into(), "perl".into());
    world.jail.learn(known);
    let (exit, _) = world.run(Ask::apply(&["date"])).await;
    assert!(matches!(exit, Err(RunFault::NoRunner(name)) if name == "perl"));
    let (exit, _) = world.run(Ask::apply(&["true"])).await;
    assert!(matches!(exit, Err(RunFault::NoRunner(name)) if name == "true"));
    world.close().await;
}

/// Largest resident set of this process so far, bytes (proc(5): `VmHWM`, KiB).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// A job that is cancelled once it has said `ready`: what it printed then, and how it ended.
async fn cancelled_when_ready(place: Place, script: &str) -> (String, countersign_runner::Exit) {
    let (world, argv, cancel) = (place.world(&[]).await, ["sh", "-c", script], CancellationToken::new());
    let ask = Ask::apply(&argv);
    let on_record = world.on_record(&ask).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(cancel.clone(), ask.narrower);
    let follow = async {
        let mut text = String::new();
        while let Some(chunk) = chunks.recv().await {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            if text.contains("ready") {
                cancel.cancel();
            }
        }
        text
    };
    let (exit, text) = tokio::join!(world.runner.run(on_record, &lease, out), follow);
    world.close().await;
    (text, exit.unwrap())
}

/// Waits until what a shell started in the background has become what it is to be: while a process executes, the kernel
/// shows none of its arguments.
pub(crate) async fn the_grandchildren_live(mark: &str) {
    for _ in 0..10_000 {
        if processes_with(mark).len() >= 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the attack is none: {:?}", processes_with(mark));
}

/// Starts a shell that says `ready` when it has escaped grandchildren, and calls `then` when they live. Gives how long
/// they lived on.
pub(crate) async fn with_grandchildren(
    world: World,
    prefix: &str,
    mark: &str,
    ask: impl FnOnce(&mut Ask<'_>),
    then: impl FnOnce(),
) -> (World, countersign_runner::Exit, Duration) {
    let script = format!(
        "{prefix} setsid sleep {mark} & (setsid setsid sleep {mark} &) ; (sleep {mark} &) ; echo ready; while :; do sleep {mark}; done"
    );
    let argv = ["sh", "-c", &script];
    let mut it = Ask::apply(&argv);
    ask(&mut it);
    let on_record = world.on_record(&it).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(it.cancel, it.narrower);
    let follow = async {
        assert_eq!(chunks.recv().await.as_deref(), Some(b"ready\n".as_slice()));
        the_grandchildren_live(mark).await;
        let asked = SystemClock.boottime();
        then();
        while chunks.recv().await.is_some() {}
        SystemClock.boottime().saturating_sub(asked)
    };
    let (exit, took) = tokio::join!(world.runner.run(on_record, &lease, out), follow);
    assert_eq!(processes_with(mark), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.left_in_run_folder(), 0);
    (world, exit.unwrap(), took)
}

/// The real clock, half a minute ahead once it is told to.
#[derive(Debug, Default)]
struct Late(std::sync::atomic::AtomicBool);

impl Clock for Late {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn boottime(&self) -> Duration {
        let late = self.0.load(std::sync::atomic::Ordering::SeqCst);
        SystemClock.boottime() + if late { Duration::from_secs(31) } else { Duration::ZERO }
    }
}
