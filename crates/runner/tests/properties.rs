//! The runner's promises, each by real jobs in real jails, named after the threats' property numbers.
//!
//! The program is at once test runner, launcher of its jobs, and the command inside them.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings cannot be made fails")]

mod clouds;
mod contract;
mod filters;
mod pods;
mod support;

use clouds::{
    p15_aws_starts_no_other_program, p15_gcloud_starts_no_other_program,
    p16_aws_reads_no_file_no_address_and_no_configuration_of_the_host, p17_aws_reaches_its_service_and_nothing_else,
    p59_an_aws_that_changed_does_not_run, p59_aws_gets_its_own_environment_and_no_other,
    p59_aws_gets_its_own_environment_at_nested, p59_gcloud_gets_its_own_environment_and_no_other,
    p59_gcloud_itself_runs_with_it, p59_the_real_aws_runs_with_it,
};
use contract::{the_grandchildren_live, with_grandchildren};
use countersign_audit::clock::SystemClock;
use countersign_core::outcome::Ending;
use countersign_core::tier::Isolation;
use countersign_runner::target::Cluster;
use countersign_runner::{LocalJail, Output, RunFault};
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
    countersign_runner::pod::enter_if_asked();
    filters::attack_if_asked();
    countersign_tools::enter_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == INSIDE) {
        return inside::act(&arguments[1..]);
    }
    if arguments.first().is_some_and(|first| first == WORKER) {
        return tokio::runtime::Runtime::new().unwrap().block_on(act_as_worker());
    }
    let tests: Vec<&Test> = TESTS.iter().chain(contract::HERE).chain(contract::PODS).chain(pods::TESTS).collect();
    harness::run(&tests, NESTED);
}

/// The argument that makes this program a worker that starts one job and then waits to be killed.
const WORKER: &str = "__worker";

const TESTS: &[Test] = tests![
    p16_the_workers_files_and_environment_are_not_there,
    p17_only_the_allowed_address_is_reached,
    p17_kubectl_reaches_its_target_through_the_proxy,
    p18_the_kubeconfig_is_the_jobs_own_and_private,
    p20_a_dropped_run_leaves_nobody,
    p46_nothing_is_left_after_ten_thousand_jobs,
    p47_a_running_job_is_private,
    p57_a_killed_worker_takes_its_jobs_along,
    p59_the_environment_is_the_recipes,
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

async fn p16_the_workers_files_and_environment_are_not_there() {
    nothing_of_the_worker_in(World::new(&[]).await).await;
}

async fn p16_the_workers_files_and_environment_are_not_there_at_nested() {
    nothing_of_the_worker_in(World::nested(&[]).await).await;
}

pub(crate) async fn nothing_of_the_worker_in(world: World) {
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

pub(crate) async fn only_the_allowed_is_reached_at(isolation: Isolation) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (allowed, other) = (listener.local_addr().unwrap().to_string(), other.local_addr().unwrap().to_string());
    let hosts = [allowed.clone(), "169.254.169.254:80".into()];
    let world = match isolation {
        Isolation::Nested => World::nested(&hosts).await,
        Isolation::Job => World::new(&hosts).await.in_cluster().await,
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

async fn p20_a_dropped_run_leaves_nobody() {
    let world = World::new(&[]).await;
    let argv = ["sh", "-c", "setsid sleep 100004 & echo ready; sleep 100004"];
    let ask = Ask::apply(&argv);
    let on_record = world.on_record(&ask).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(ask.cancel, ask.narrower);
    tokio::select! {
        _ = world.runner.run(on_record, &lease, out) => panic!("it does not end by itself"),
        _ = chunks.recv() => {}
    }
    // Dropping the run dropped the launcher's handle, which waits for the launcher's end.
    assert_eq!(processes_with("100004"), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.left_in_run_folder(), 0);
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

/// The inventory, when the cluster has ended the pods whose jobs are over.
async fn quiet(world: &World) -> (usize, String, usize, usize) {
    for _ in 0..20_000 {
        let now = inventory(world);
        if world.ground.is_none() || (now.1.is_empty() && now.3 == 0) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    inventory(world)
}

/// Runs so many jobs, a few at once; every sixteenth leaves somebody behind.
pub(crate) async fn nothing_is_left_after(jobs: u32, world: &World) {
    world.text(&["inside", INSIDE, "environment"]).await;
    // As many at once as later: connections that are kept are there before.
    let all = (0..16).map(|_| world.run(Ask::apply(&["printf", "x"]))).collect();
    drop(join_all(all).await);
    let before = quiet(world).await;
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
    let (descriptors, children, groups, folders) = quiet(world).await;
    assert_eq!((children, groups, folders), (before.1, before.2, before.3));
    // A cluster's connections are kept for a while, and no more of them than there were.
    assert!(descriptors <= before.0 && (world.ground.is_some() || descriptors == before.0), "{descriptors}");
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
        let (exit, ()) = tokio::join!(world.runner.run(on_record, &lease, out), look);
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
    drop(tokio::join!(world.runner.run(on_record, &lease, out), pass_on));
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
    let refused = matches!(&exit, Err(RunFault::Setup(error)) if error.step == "level-not-proven");
    assert!(refused && output.is_empty(), "{exit:?}");
    world.close().await;
}

async fn a_level_the_recipe_does_not_accept_is_refused() {
    let world = World::new(&[]).await.at(Isolation::None);
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
