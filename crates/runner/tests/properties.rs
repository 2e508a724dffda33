//! The runner's promises, each by real jobs in real jails, named after the threats' property numbers.
//!
//! The program is at once test runner, launcher of its jobs, and the command inside them.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings cannot be made fails")]

mod clouds;
mod filters;
mod support;

use clouds::{
    p15_aws_starts_no_other_program, p15_gcloud_starts_no_other_program,
    p16_aws_reads_no_file_no_address_and_no_configuration_of_the_host, p17_aws_reaches_its_service_and_nothing_else,
    p59_an_aws_that_changed_does_not_run, p59_aws_gets_its_own_environment_and_no_other,
    p59_aws_gets_its_own_environment_at_nested, p59_gcloud_gets_its_own_environment_and_no_other,
    p59_gcloud_itself_runs_with_it, p59_the_real_aws_runs_with_it,
};
use countersign_audit::clock::SystemClock;
use countersign_core::outcome::Ending;
use countersign_core::tier::Isolation;
use countersign_core::time::{Clock, Timestamp};
use countersign_runner::target::Cluster;
use countersign_runner::{LocalJail, Narrower, Output, RunFault, Runner as _};
use filters::{
    a_preview_is_not_filtered, p16_filters_have_no_files_no_environment_and_no_way_out, p20_filters_leave_nobody,
    p22_a_secret_that_a_filter_puts_together_is_redacted, p44_filters_that_never_end_are_ended,
    p44_filters_that_take_all_memory_are_ended, p59_a_filter_program_that_changed_does_not_run,
    the_end_is_the_commands_whatever_the_filters_say, the_output_goes_through_the_filters_and_the_errors_do_not,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::harness::Test;
use support::kubernetes::Server;
use support::{Ask, INSIDE, TOKEN, World, harness, inside, processes_with};
use tokio_util::sync::CancellationToken;

fn main() {
    countersign_jail::enter_if_asked();
    filters::attack_if_asked();
    countersign_tools::enter_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == INSIDE) {
        return inside::act(&arguments[1..]);
    }
    if arguments.first().is_some_and(|first| first == WORKER) {
        return tokio::runtime::Runtime::new().unwrap().block_on(act_as_worker());
    }
    harness::run(TESTS, NESTED);
}

/// The argument that makes this program a worker that starts one job and then waits to be killed.
const WORKER: &str = "__worker";

const TESTS: &[Test] = tests![
    p08_the_input_reaches_the_steps_that_read_it_and_no_other,
    p15_metacharacters_are_literal,
    p16_the_workers_files_and_environment_are_not_there,
    p17_only_the_allowed_address_is_reached,
    p17_kubectl_reaches_its_target_through_the_proxy,
    p18_the_kubeconfig_is_the_jobs_own_and_private,
    p20_a_cancelled_job_leaves_nobody,
    p20_whoever_cleans_up_when_interrupted_has_its_time,
    p20_whoever_ignores_the_interrupt_is_asked_and_then_killed,
    p20_a_job_that_ignores_the_end_is_killed,
    p20_a_job_past_its_time_is_ended,
    p20_a_dropped_run_leaves_nobody,
    p22_the_leased_token_never_comes_out,
    p22_a_cut_output_holds_no_half_secret,
    p36_a_preview_takes_the_streams_apart,
    p44_an_output_bomb_is_bounded,
    p44_every_kind_of_bomb_is_bounded,
    p44_a_slow_reader_makes_the_command_wait,
    p44_a_reader_that_is_gone_stops_nothing,
    p46_nothing_is_left_after_ten_thousand_jobs,
    p47_a_running_job_is_private,
    p57_a_killed_worker_takes_its_jobs_along,
    p59_the_environment_is_the_recipes,
    a_lease_of_another_invocation_is_refused,
    a_decision_that_waited_too_long_does_not_run,
    a_program_nobody_listed_does_not_run,
    a_level_the_recipe_does_not_accept_is_refused,
    the_levels_can_be_probed,
    the_output_goes_through_the_filters_and_the_errors_do_not,
    the_end_is_the_commands_whatever_the_filters_say,
    a_preview_is_not_filtered,
    p16_filters_have_no_files_no_environment_and_no_way_out,
    p20_filters_leave_nobody,
    p22_a_secret_that_a_filter_puts_together_is_redacted,
    p44_filters_that_never_end_are_ended,
    p44_filters_that_take_all_memory_are_ended,
    p59_a_filter_program_that_changed_does_not_run,
    p15_aws_starts_no_other_program,
    p15_gcloud_starts_no_other_program,
    p16_aws_reads_no_file_no_address_and_no_configuration_of_the_host,
    p17_aws_reaches_its_service_and_nothing_else,
    p59_aws_gets_its_own_environment_and_no_other,
    p59_gcloud_gets_its_own_environment_and_no_other,
    p59_the_real_aws_runs_with_it,
    p59_gcloud_itself_runs_with_it,
    p59_an_aws_that_changed_does_not_run,
];

/// What holds at level `nested`; tried here and behind a container's filter.
const NESTED: &[Test] = tests![
    a_worker_takes_no_job_it_cannot_isolate,
    a_nested_job_runs_and_leaves_nothing,
    p16_the_workers_files_and_environment_are_not_there_at_nested,
    p17_only_the_allowed_address_is_reached_at_nested,
    p17_kubectl_reaches_its_target_at_nested,
    p18_the_kubeconfig_is_the_jobs_own_at_nested,
    p20_a_cancelled_job_leaves_nobody_at_nested,
    p20_a_job_that_ignores_the_end_is_killed_at_nested,
    p46_nothing_is_left_after_many_nested_jobs,
    p47_a_job_plants_no_link_outside_its_home,
    p59_aws_gets_its_own_environment_at_nested,
];

/// A step that reads its objects from standard input gets exactly the text that was decided about.
async fn p08_the_input_reaches_the_steps_that_read_it_and_no_other() {
    let world = World::new(&[]).await;
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

async fn p15_metacharacters_are_literal() {
    let world = World::new(&[]).await;
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

async fn p16_the_workers_files_and_environment_are_not_there() {
    nothing_of_the_worker_in(World::new(&[]).await).await;
}

async fn p16_the_workers_files_and_environment_are_not_there_at_nested() {
    nothing_of_the_worker_in(World::nested(&[]).await).await;
}

async fn nothing_of_the_worker_in(world: World) {
    let canary = world.folder.path().join("canary");
    std::fs::write(&canary, "canary-in-a-file").unwrap();
    let canary = canary.to_string_lossy().into_owned();
    let own = format!("/proc/{}/environ", std::process::id());
    let keys = world.folder.path().join("keys/worker.key").to_string_lossy().into_owned();
    let paths =
        [canary.as_str(), &own, &keys, "/etc/shadow", "/root/.bashrc", "/proc/1/environ", "/proc/1/root/etc/shadow"];
    let argv: Vec<&str> = ["inside", INSIDE, "read"].into_iter().chain(paths).collect();
    let (exit, output) = world.text(&argv).await;
    assert_eq!(exit.code, Some(0), "{output}");
    assert_eq!(output.lines().count(), paths.len(), "{output}");
    assert!(!output.contains("canary-in") && !output.contains(": read "), "{output}");
    world.close().await;
}

async fn p17_only_the_allowed_address_is_reached() {
    only_the_allowed_is_reached_at(Isolation::Strict).await;
}

async fn p17_only_the_allowed_address_is_reached_at_nested() {
    only_the_allowed_is_reached_at(Isolation::Nested).await;
}

async fn only_the_allowed_is_reached_at(isolation: Isolation) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (allowed, other) = (listener.local_addr().unwrap().to_string(), other.local_addr().unwrap().to_string());
    let hosts = [allowed.clone(), "169.254.169.254:80".into()];
    let world = match isolation {
        Isolation::Nested => World::nested(&hosts).await,
        _ => World::new(&hosts).await,
    };

    // Without the proxy there is no route, not even to what is allowed.
    let argv =
        ["inside", INSIDE, "connect", &allowed, &other, "169.254.169.254:80", "192.0.2.1:443", "[fd00:ec2::254]:80"];
    let (_, output) = world.text(&argv).await;
    assert_eq!(output.lines().count(), 5, "{output}");
    assert!(!output.contains(": connected"), "{output}");

    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"reached").await.unwrap();
    };
    let argv = ["inside", INSIDE, "proxy", &allowed, &other, "169.254.169.254:80", "metadata.google.internal:80"];
    let ((exit, output), ()) = tokio::join!(world.text(&argv), served);
    assert!(output.contains("HTTP/1.1 200 Connection established\r\n\r\nreached"), "{output}");
    assert_eq!(output.matches("HTTP/1.1 403 Forbidden").count(), 3, "{output}");
    let noted = |text: &str| exit.notes.iter().any(|note| note.contains(text));
    assert!(noted(&other) && noted("metadata.google.internal") && noted("link-local"), "{:?}", exit.notes);
    world.close().await;
}

async fn p17_kubectl_reaches_its_target_through_the_proxy() {
    kubectl_reaches_its_target(|world| world).await;
}

async fn p17_kubectl_reaches_its_target_at_nested() {
    kubectl_reaches_its_target(|world| world.at(Isolation::Nested)).await;
}

async fn kubectl_reaches_its_target(at: impl FnOnce(World) -> World) {
    let server = Server::new().await;
    let target = Cluster::of_address(server.url(), Some(server.ca_pem.clone())).unwrap();
    let world = at(World::with_kubectl(target).await);
    let kubectl = world.jail.programs().find(|program| program.name == "kubectl");
    let kubectl = kubectl.expect("the tests need a kubectl that is no dispatcher").clone();
    let argv = ["kubectl", "get", "--raw", "/healthz"];
    // The server gives the token back, as a careless webhook would.
    let body = format!("healthy {TOKEN}");
    let ((exit, output), head) = tokio::join!(world.text(&argv), server.answer(&body));
    assert_eq!((exit.code, output.as_str()), (Some(0), "healthy [redacted:leased-token]"), "{:?}", exit.notes);
    assert!(head.starts_with("GET /healthz HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains(&format!("\r\nauthorization: bearer {TOKEN}\r\n")), "{head}");
    assert_eq!((exit.ran.program, exit.ran.digest), (kubectl.path.clone(), kubectl.digest().unwrap()));
    world.close().await;
}

async fn p18_the_kubeconfig_is_the_jobs_own_and_private() {
    let world = World::new(&[]).await;
    let script = "echo $KUBECONFIG $HOME; umask; cat < /proc/self/environ | while read -r x; do echo; done; set -- /home/job/*; echo $#; echo x > $KUBECONFIG || echo read-only";
    let (_, output) = world.text(&["sh", "-c", script]).await;
    assert!(output.starts_with("/home/job/kubeconfig /home/job\n"), "{output}");
    assert!(output.contains("\n1\n") && output.ends_with("read-only\n"), "{output}");
    let found = walk(world.folder.path()).into_iter().filter(|path| path.ends_with("kubeconfig")).count();
    assert_eq!(found, 0, "the kubeconfig is in the jail alone");
    world.close().await;
}

async fn p18_the_kubeconfig_is_the_jobs_own_at_nested() {
    let world = World::nested(&[]).await;
    let script = "echo $KUBECONFIG; umask; echo x > $KUBECONFIG || echo read-only; echo $HOME/*";
    let (_, output) = world.text(&["sh", "-c", script]).await;
    let lines: Vec<&str> = output.lines().collect();
    let [path, umask, .., readonly, listed] = lines.as_slice() else { panic!("{output}") };
    let home = path.strip_suffix("/kubeconfig").unwrap();
    assert!(home.starts_with(&*world.folder.path().join("run").to_string_lossy()), "{output}");
    assert_eq!((*umask, *readonly, *listed), ("0077", "read-only", *path), "{output}");
    assert!(!std::path::Path::new(home).exists(), "gone with the job");
    world.close().await;
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Waits until what a shell started in the background has become what it is to be: while a process executes, the kernel
/// shows none of its arguments.
async fn the_grandchildren_live(mark: &str) {
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
async fn with_grandchildren(
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
    let (exit, took) = tokio::join!(world.jail.run(on_record, &lease, out), follow);
    assert_eq!(processes_with(mark), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.left_in_run_folder(), 0);
    (world, exit.unwrap(), took)
}

async fn p20_a_cancelled_job_leaves_nobody() {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let (world, exit, _) =
        with_grandchildren(World::new(&[]).await, "", "100001", |ask| ask.cancel = token, || cancel.cancel()).await;
    assert_eq!((exit.ending, exit.notes), (Ending::Cancelled, vec!["cancelled".to_owned()]));
    assert_eq!(exit.output_bytes, 6, "the output so far is kept");
    world.close().await;
}

async fn p20_a_job_that_ignores_the_end_is_killed() {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let (world, exit, took) = with_grandchildren(
        World::new(&[]).await,
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

/// A job that is cancelled once it has said `ready`: what it printed then, and how it ended.
async fn cancelled_when_ready(script: &str) -> (String, countersign_runner::Exit) {
    let (world, argv, cancel) = (World::new(&[]).await, ["sh", "-c", script], CancellationToken::new());
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
    let (exit, text) = tokio::join!(world.jail.run(on_record, &lease, out), follow);
    world.close().await;
    (text, exit.unwrap())
}

async fn p20_whoever_cleans_up_when_interrupted_has_its_time() {
    let script = "trap 'sleep 0.3; echo cleaned; exit 3' INT; trap 'echo too early; exit 4' TERM; echo ready; \
                  while :; do sleep 0.02; done";
    let (text, exit) = cancelled_when_ready(script).await;
    assert_eq!((text.as_str(), exit.ending, exit.code), ("ready\ncleaned\n", Ending::Cancelled, Some(3)));
}

async fn p20_whoever_ignores_the_interrupt_is_asked_and_then_killed() {
    let script = "trap '' INT; trap 'echo asked' TERM; echo ready; while :; do sleep 0.02; done";
    let (text, exit) = cancelled_when_ready(script).await;
    // The shell tells between the two that what it waited for was asked to end as well.
    assert!(text.starts_with("ready\n") && text.ends_with("asked\n"), "{text}");
    assert_eq!((exit.ending, exit.code), (Ending::Cancelled, Some(137)));
}

async fn p20_a_cancelled_job_leaves_nobody_at_nested() {
    let cancel = CancellationToken::new();
    let (world, token) = (World::nested(&[]).await, cancel.clone());
    let (world, exit, _) = with_grandchildren(world, "", "100006", |ask| ask.cancel = token, || cancel.cancel()).await;
    assert_eq!((exit.ending, exit.notes), (Ending::Cancelled, vec!["cancelled".to_owned()]));
    world.close().await;
}

async fn p20_a_job_that_ignores_the_end_is_killed_at_nested() {
    let cancel = CancellationToken::new();
    let (world, token) = (World::nested(&[]).await, cancel.clone());
    let then = || cancel.cancel();
    let (world, exit, took) =
        with_grandchildren(world, "trap '' INT TERM;", "100007", |ask| ask.cancel = token, then).await;
    assert_eq!((exit.ending, exit.code), (Ending::Cancelled, Some(137)));
    assert!(took > Duration::from_secs(1), "it was asked first, and given time: {took:?}");
    world.close().await;
}

async fn p20_a_job_past_its_time_is_ended() {
    let narrow = |ask: &mut Ask<'_>| ask.narrower.wall = Some(Duration::from_secs(1));
    let (world, exit, _) = with_grandchildren(World::new(&[]).await, "", "100003", narrow, || {}).await;
    assert_eq!((exit.ending, exit.notes), (Ending::TimedOut, vec!["ended by the time limit of 1 s".to_owned()]));
    world.close().await;
}

async fn p20_a_dropped_run_leaves_nobody() {
    let world = World::new(&[]).await;
    let argv = ["sh", "-c", "setsid sleep 100004 & echo ready; sleep 100004"];
    let ask = Ask::apply(&argv);
    let on_record = world.on_record(&ask).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(ask.cancel, ask.narrower);
    tokio::select! {
        _ = world.jail.run(on_record, &lease, out) => panic!("it does not end by itself"),
        _ = chunks.recv() => {}
    }
    // Dropping the run dropped the launcher's handle, which waits for the launcher's end.
    assert_eq!(processes_with("100004"), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.left_in_run_folder(), 0);
    world.close().await;
}

async fn p22_the_leased_token_never_comes_out() {
    let world = World::new(&[]).await;
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

async fn p22_a_cut_output_holds_no_half_secret() {
    let world = World::new(&[]).await;
    let script = format!("printf 'x{TOKEN}'; sleep 100005");
    let argv = ["sh", "-c", &script];
    let narrower = Narrower { output_bytes: Some(20), wall: None };
    let (exit, output) = world.run(Ask { narrower, ..Ask::apply(&argv) }).await;
    assert_eq!(exit.unwrap().notes, ["ended by the output limit of 20 bytes"]);
    assert_eq!(String::from_utf8(output).unwrap(), "x");
    world.close().await;
}

async fn p36_a_preview_takes_the_streams_apart() {
    let world = World::new(&[]).await;
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

/// Largest resident set of this process so far, bytes (proc(5): `VmHWM`, KiB).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

async fn p44_an_output_bomb_is_bounded() {
    let world = World::new(&[]).await;
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
    let (exit, bytes) = tokio::join!(world.jail.run(on_record, &lease, out), count);
    assert_eq!((exit.unwrap().ending, bytes), (Ending::Cancelled, 4 << 20), "the recipe's own limit");
    // A preview's bomb ends by the capture's cap, which is below the recipe's 64 MiB.
    let (exit, _) = world.run(Ask::preview(&["sh", "-c", "while :; do cat /usr/bin/cat; done"])).await;
    let exit = exit.unwrap();
    assert!(exit.output_bytes <= 8 << 20 && exit.ending == Ending::Cancelled, "{:?}", exit.notes);
    let grown = peak() - before;
    assert!(grown < 64 << 20, "{grown} bytes");
    world.close().await;
}

async fn p44_every_kind_of_bomb_is_bounded() {
    let world = World::new(&[]).await;
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
        let (exit, (bytes, largest)) = tokio::join!(world.jail.run(on_record, &lease, out), read);
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

async fn p44_a_slow_reader_makes_the_command_wait() {
    let world = World::new(&[]).await;
    let on_record = world.on_record(&Ask::apply(&["yes"])).await;
    let lease = world.lease(&on_record).await;
    let cancel = CancellationToken::new();
    let narrower = Narrower { wall: Some(Duration::from_secs(1)), output_bytes: None };
    let (out, chunks) = Output::new(cancel, narrower);
    // Nobody reads, and nobody is gone: the pipe fills, the command waits, and the time limit still holds.
    let exit = world.jail.run(on_record, &lease, out).await.unwrap();
    drop(chunks);
    assert_eq!(exit.ending, Ending::TimedOut);
    assert!(exit.output_bytes < 1 << 20, "{}", exit.output_bytes);
    assert!(exit.notes.iter().any(|note| note.contains("was not read in time")), "{:?}", exit.notes);
    world.close().await;
}

async fn p44_a_reader_that_is_gone_stops_nothing() {
    let world = World::new(&[]).await;
    let on_record = world.on_record(&Ask::apply(&["seq", "100000"])).await;
    let lease = world.lease(&on_record).await;
    let (out, chunks) = Output::new(CancellationToken::new(), Narrower::default());
    drop(chunks);
    let exit = world.jail.run(on_record, &lease, out).await.unwrap();
    assert_eq!((exit.ending, exit.code, exit.output_bytes), (Ending::Ran, Some(0), 588_895));
    world.close().await;
}

/// Open descriptors, child processes, control groups of jobs, and entries of the run folder.
fn inventory(world: &World) -> (usize, String, usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let children = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    // A job's groups bear its launcher's number; those of other tests' launchers live.
    let groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"].iter().map(|folder| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let dead = |name: &String| {
            let pid = name.strip_prefix("countersign-job-");
            pid.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists())
        };
        names.filter(dead).count()
    });
    (descriptors, children.collect(), groups.sum(), world.left_in_run_folder())
}

async fn p46_nothing_is_left_after_ten_thousand_jobs() {
    let world = World::new(&[]).await;
    nothing_is_left_after(10_000, &world).await;
    world.close().await;
}

async fn p46_nothing_is_left_after_many_nested_jobs() {
    let world = World::nested(&[]).await;
    nothing_is_left_after(200, &world).await;
    world.close().await;
}

/// Runs so many jobs, a few at once; every sixteenth leaves somebody behind.
async fn nothing_is_left_after(jobs: u32, world: &World) {
    world.text(&["inside", INSIDE, "environment"]).await;
    let before = inventory(world);
    let next = AtomicU32::new(0);
    let lane = || async {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= jobs {
                return;
            }
            let expected = match n % 16 {
                0 => world.run(Ask::apply(&["sh", "-c", "sleep 100008 & exit 7"])).await.0,
                _ => world.run(Ask::apply(&["printf", "%s", "x"])).await.0,
            };
            let exit = expected.unwrap();
            let leaver = n.is_multiple_of(16);
            assert_eq!(exit.code, Some(if leaver { 7 } else { 0 }), "{exit:?}");
        }
    };
    join_all((0..4).map(|_| lane()).collect()).await;
    assert_eq!(inventory(world), before);
    assert_eq!(processes_with("100008"), Vec::<std::path::PathBuf>::new());
    // Every user id was given back: so many jobs at once as there are ids.
    let all = (0..16).map(|_| world.run(Ask::apply(&["printf", "x"]))).collect();
    assert!(join_all(all).await.iter().all(|(exit, _)| exit.is_ok()));
}

async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in pinned.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

async fn p47_a_running_job_is_private() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let world = World::new(&[]).await.at(Isolation::Nested);
    let argv = ["sh", "-c", "echo ready; exec sleep 100009"];
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let ask = Ask::apply(&argv);
        let (on_record, cancel) = (world.on_record(&ask).await, ask.cancel.clone());
        let lease = world.lease(&on_record).await;
        let (out, mut chunks) = Output::new(ask.cancel, ask.narrower);
        let look = async {
            chunks.recv().await.unwrap();
            for entry in std::fs::read_dir(world.folder.path().join("run")).unwrap() {
                let entry = entry.unwrap();
                let (meta, name) = (entry.metadata().unwrap(), entry.file_name().to_string_lossy().into_owned());
                assert_eq!(meta.permissions().mode() & 0o7777, 0o700, "{name}");
                let owner = meta.uid();
                let known = owner == rustix::process::geteuid().as_raw() || support::job_users().contains(&owner);
                assert!(meta.is_dir() && known, "{name} belongs to {owner}");
                assert!(name.len() == 32 && name.bytes().all(|digit| digit.is_ascii_hexdigit()), "{name}");
                assert!(names.insert(name), "no name comes twice");
            }
            cancel.cancel();
        };
        let (exit, ()) = tokio::join!(world.jail.run(on_record, &lease, out), look);
        assert_eq!(exit.unwrap().ending, Ending::Cancelled);
        assert_eq!(world.left_in_run_folder(), 0);
    }
    assert_eq!(names.len(), 4, "a folder of the worker's and a home, each time");
    world.close().await;
}

async fn p47_a_job_plants_no_link_outside_its_home() {
    let world = World::nested(&[]).await;
    let precious = world.folder.path().join("precious");
    std::fs::write(&precious, "kept").unwrap();
    let at = |name: &str| world.folder.path().join(name).to_string_lossy().into_owned();
    // Where the worker, the log and other jobs write; and its own home, which the worker removes.
    let places = [at("x"), at("run/x"), at("log/x"), at("fate/x"), at("keys/x"), "/tmp/x".to_owned()];
    let to = precious.to_string_lossy().into_owned();
    let mut argv = vec!["inside", INSIDE, "plant", &to];
    argv.extend(places.iter().map(String::as_str));
    argv.extend(["proxy", "kubeconfig.new"]);
    let (exit, output) = world.text(&argv).await;
    assert_eq!(output.matches(": planted").count(), 2, "its own home alone: {output}");
    assert_eq!((exit.code, exit.notes.len()), (Some(0), 0), "{exit:?}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "kept");
    assert_eq!(world.left_in_run_folder(), 0);
    // The way to the next record leads where it did.
    assert_eq!(world.text(&["printf", "after"]).await.1, "after");
    world.close().await;
}

/// What the worker that is killed does: starts a job, says where, passes its output on.
async fn act_as_worker() {
    use std::io::Write as _;
    let world = World::new(&[]).await;
    println!("{}", world.folder.path().display());
    let script = "setsid sleep 100010 & (setsid setsid sleep 100010 &) ; echo ready; while :; do sleep 100010; done";
    let argv = ["sh", "-c", script];
    let ask = Ask::apply(&argv);
    let on_record = world.on_record(&ask).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(ask.cancel, ask.narrower);
    let pass_on = async {
        while let Some(chunk) = chunks.recv().await {
            std::io::stdout().write_all(&chunk).unwrap();
        }
    };
    drop(tokio::join!(world.jail.run(on_record, &lease, out), pass_on));
}

async fn p57_a_killed_worker_takes_its_jobs_along() {
    use std::io::BufRead as _;
    // Orphans come to us, so that their end can be waited for.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let own = std::env::current_exe().unwrap();
    let mut worker = harness::command(&own).arg(WORKER).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(worker.stdout.take().unwrap()).lines();
    let folder = std::path::PathBuf::from(said.next().unwrap().unwrap());
    assert_eq!(said.next().unwrap().unwrap(), "ready");
    the_grandchildren_live("100010").await;
    assert_eq!(std::fs::read_dir(folder.join("run")).unwrap().count(), 1);
    worker.kill().unwrap();
    worker.wait().unwrap();
    while rustix::process::wait(rustix::process::WaitOptions::empty()).is_ok() {}
    rustix::process::set_child_subreaper(None).unwrap();
    assert_eq!(processes_with("100010"), Vec::<std::path::PathBuf>::new());
    // The next worker on this host clears away what the dead one had.
    let settings = support::settings(&folder, Arc::new(SystemClock), support::shipped("kubectl"));
    LocalJail::open(settings).unwrap();
    assert_eq!(std::fs::read_dir(folder.join("run")).unwrap().count(), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

async fn p59_the_environment_is_the_recipes() {
    let world = World::new(&[]).await;
    let (_, output) = world.text(&["inside", INSIDE, "environment"]).await;
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    let expected = ["HOME=/home/job", "KUBECONFIG=/home/job/kubeconfig", "LANG=C.UTF-8", "PATH=/usr/bin"];
    assert_eq!(lines, expected);
    // The program was copied into the world's folder; put another one there, and it does not run.
    std::fs::remove_file(world.folder.path().join("inside")).unwrap();
    std::fs::copy("/usr/bin/true", world.folder.path().join("inside")).unwrap();
    let (exit, _) = world.run(Ask::apply(&["inside", INSIDE, "environment"])).await;
    assert!(matches!(exit, Err(RunFault::Program(_))), "{exit:?}");
    world.close().await;
}

async fn a_lease_of_another_invocation_is_refused() {
    let world = World::new(&[]).await;
    let (one, two) = (world.on_record(&Ask::apply(&["true"])).await, world.on_record(&Ask::apply(&["true"])).await);
    let lease = world.lease(&one).await;
    let (out, _chunks) = Output::new(CancellationToken::new(), Narrower::default());
    let fault = world.jail.run(two, &lease, out).await.unwrap_err();
    assert_eq!(fault.to_string(), "the lease is not for this run: it was issued for another invocation");
    world.close().await;
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

async fn a_decision_that_waited_too_long_does_not_run() {
    let clock = Arc::new(Late::default());
    let world = World::with_clock(&[], clock.clone()).await;
    let on_record = world.on_record(&Ask::apply(&["true"])).await;
    let lease = world.lease(&on_record).await;
    let (out, _chunks) = Output::new(CancellationToken::new(), Narrower::default());
    clock.0.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(world.jail.run(on_record, &lease, out).await, Err(RunFault::Stale)));
    world.close().await;
}

async fn a_program_nobody_listed_does_not_run() {
    let world = World::new(&[]).await;
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

async fn a_nested_job_runs_and_leaves_nothing() {
    let world = World::nested(&[]).await;
    let (exit, output) = world.text(&["printf", "%s", "$(id)"]).await;
    assert_eq!((exit.code, output.as_str()), (Some(0), "$(id)"), "{exit:?}");
    assert_eq!(exit.ran.applied.unwrap().level, countersign_jail::Level::Nested);
    assert_eq!(world.left_in_run_folder(), 0);
    world.close().await;
}

async fn a_worker_takes_no_job_it_cannot_isolate() {
    let world = World::nested(&[]).await;
    let contained = support::container::is_around_us();
    if contained {
        let untrusted = world.jail.probe(Isolation::Strict).unwrap_err();
        let why = untrusted.source.to_string();
        assert!(why.contains("step `userns`") && why.contains("choose level `nested` or `job`"), "{why}");
    }
    assert_eq!(world.jail.proven().contains_key(&Isolation::Strict), !contained);
    assert_eq!(world.text(&["printf", "nested"]).await.1, "nested");
    // Decided for what was not proven here: nothing runs, and nothing weaker runs instead.
    let world = world.at(if contained { Isolation::Strict } else { Isolation::Job });
    let (exit, output) = world.run(Ask::apply(&["printf", "strict"])).await;
    let refused = match &exit {
        Err(RunFault::Setup(error)) => contained && error.step == "level-not-proven",
        Err(RunFault::Isolation { .. }) => !contained,
        _ => false,
    };
    assert!(refused && output.is_empty(), "{exit:?}");
    world.close().await;
}

async fn a_level_the_recipe_does_not_accept_is_refused() {
    let world = World::new(&[]).await.at(Isolation::Job);
    let (exit, _) = world.run(Ask::apply(&["sh", "-c", "echo"])).await;
    assert!(matches!(exit, Err(RunFault::Isolation { level: Isolation::Job, .. })), "{exit:?}");
    let world = world.at(Isolation::None);
    let (exit, _) = world.run(Ask::apply(&["true"])).await;
    assert!(matches!(exit, Err(RunFault::Isolation { level: Isolation::None, .. })), "{exit:?}");
    world.close().await;
}

async fn the_levels_can_be_probed() {
    let world = World::new(&[]).await;
    let applied = world.jail.probe(Isolation::Strict).unwrap();
    assert_eq!(applied.level, countersign_jail::Level::Strict);
    let untrusted = world.jail.probe(Isolation::Job).unwrap_err();
    assert_eq!(untrusted.to_string(), "isolation level `job` cannot be trusted on this host");
    world.close().await;
}
