//! What level `job` promises besides the contract: about its objects, its pods, and what the cluster does to them.

use crate::support::cluster::{IMAGE, JOBS, cluster, settings};
use crate::support::harness::Test;
use crate::support::kubernetes::Server;
use crate::support::{Ask, INSIDE, TOKEN, World, processes_with};
use crate::{nothing_is_left_after, nothing_of_the_worker_in, only_the_allowed_is_reached_at, tests};
use countersign_core::outcome::Ending;
use countersign_core::tier::Isolation;
use countersign_runner::kubernetes::{JobRunner, JobsError, Network, Settings};
use countersign_runner::target::Cluster;
use countersign_runner::{Exit, Output, RunFault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const TESTS: &[Test] = tests![
    p16_the_workers_files_and_environment_are_not_there_in_a_pod,
    p17_only_the_allowed_address_is_reached_in_a_pod,
    p17_kubectl_reaches_its_target_in_a_pod,
    p17_a_cluster_that_enforces_no_policy_is_not_trusted,
    p18_the_kubeconfig_is_the_jobs_own_in_a_pod,
    p18_the_cluster_is_told_nothing_of_the_command,
    p19_nothing_of_the_pod_itself_is_open_to_the_command,
    p20_a_dropped_run_leaves_nobody_in_a_pod,
    p20_a_pod_that_the_cluster_ends_interrupts_its_command,
    p45_a_pod_whose_memory_is_used_up_says_so,
    p46_nothing_is_left_after_one_job,
    p46_nothing_is_left_after_two_hundred_jobs,
    p59_the_environment_is_the_recipes_in_a_pod,
    a_second_pod_of_a_job_gets_nothing,
    a_lost_node_leaves_an_unknown_outcome,
    an_image_that_is_not_there_is_a_fault,
    a_pod_of_another_release_or_without_the_token_gets_nothing,
    the_output_of_a_pod_goes_through_the_filters,
    jobs_that_nobody_waits_for_end_by_themselves,
];

/// What is said of an output whose end nobody sent.
const LOST: &str = "the end of the output was lost on its way";

async fn pods() -> World {
    Box::pin(World::new(&[]).await.in_cluster()).await
}

async fn p16_the_workers_files_and_environment_are_not_there_in_a_pod() {
    nothing_of_the_worker_in(pods().await).await;
}

/// The stand-in's pods share the host's network: what holds here holds without any network policy.
async fn p17_only_the_allowed_address_is_reached_in_a_pod() {
    only_the_allowed_is_reached_at(Isolation::Job).await;
}

async fn p17_kubectl_reaches_its_target_in_a_pod() {
    let server = Server::new().await;
    let target = Cluster::of_address(server.url(), Some(server.ca_pem.clone())).unwrap();
    let world = World::with_kubectl(target).await.in_cluster().await;
    let body = format!("healthy {TOKEN}");
    let argv = ["kubectl", "get", "--raw", "/healthz"];
    let ((exit, output), head) = tokio::join!(world.text(&argv), server.answer(&body));
    assert_eq!((exit.code, output.as_str()), (Some(0), "healthy [redacted:leased-token]"), "{:?}", exit.notes);
    assert!(head.to_lowercase().contains(&format!("\r\nauthorization: bearer {TOKEN}\r\n")), "{head}");
    // What ran is known by the image's digest.
    assert_eq!(exit.ran.digest.to_string(), IMAGE.split_once('@').unwrap().1);
    assert_eq!(exit.ran.applied.unwrap().level, countersign_jail::Level::Job);
    world.close().await;
}

/// A pod that reaches the cluster's own API is in a network without a policy.
async fn p17_a_cluster_that_enforces_no_policy_is_not_trusted() {
    let world = pods().await;
    let ground = world.ground.as_ref().unwrap();
    let tasks = TaskTracker::new();
    let images = BTreeMap::from([("printf".to_owned(), IMAGE.parse().unwrap())]);
    let strict =
        Settings { network: Network::Policy, images, ..settings(&ground.cluster, world.folder.path(), &tasks) };
    let runner = JobRunner::open(strict, Arc::clone(&world.jail)).await.unwrap();
    let error = runner.probe().await.unwrap_err();
    let address = ground.cluster.address().to_string();
    assert!(matches!(&error, JobsError::Open(reached) if reached.contains(&address)), "{error}");
    assert_eq!(runner.proven(), None);
    assert_eq!(ground.left(), Vec::<String>::new());
    drop(runner);
    world.close().await;
}

async fn p18_the_kubeconfig_is_the_jobs_own_in_a_pod() {
    let world = pods().await;
    let script = "echo $KUBECONFIG $HOME; umask; set -- /home/job/*; echo $#; echo x > $KUBECONFIG || echo read-only";
    let (_, output) = world.text(&["sh", "-c", script]).await;
    assert!(output.starts_with("/home/job/kubeconfig /home/job\n0077\n1\n"), "{output}");
    assert!(output.ends_with("read-only\n"), "{output}");
    world.close().await;
}

/// Neither the cluster's storage nor its logs hold what ran, with what, or what came out.
async fn p18_the_cluster_is_told_nothing_of_the_command() {
    let world = pods().await;
    let argv = ["sh", "-c", "echo of-the-output; cat $KUBECONFIG; cat", "--filename=-", "of-the-argv"];
    let ask = Ask { stdin: Some("of-the-input"), ..Ask::apply(&argv) };
    let cancel = ask.cancel.clone();
    let on_record = world.on_record(&ask).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(cancel, ask.narrower);
    let ground = world.ground.as_ref().unwrap();
    let read = async {
        let mut text = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            text.extend(chunk);
        }
        String::from_utf8(text).unwrap()
    };
    let (exit, text) = tokio::join!(world.runner.run(on_record, &lease, out), read);
    assert_eq!(exit.unwrap().code, Some(0));
    assert!(text.contains("of-the-output") && text.contains("of-the-input"), "{text}");
    let requests = ground.cluster.requests();
    let created = |path: &str| requests.iter().any(|it| it.method == "POST" && it.path.ends_with(path));
    assert!(created("/jobs") && created("/secrets"));
    for request in requests {
        let body = request.body.to_string();
        for word in ["of-the-", TOKEN, "kubeconfig", "sh -c"] {
            assert!(!body.contains(word), "{} {} holds {word}", request.method, request.path);
        }
    }
    world.close().await;
}

/// The command is the same user as what runs it, and still reads nothing of it.
async fn p19_nothing_of_the_pod_itself_is_open_to_the_command() {
    let world = pods().await;
    let paths = ["/run/countersign/invitation", "/proc/1/environ", "/proc/1/cmdline", "/home/proxy", "/etc"];
    let argv: Vec<&str> = ["inside", INSIDE, "read"].into_iter().chain(paths).collect();
    let (exit, output) = world.text(&argv).await;
    assert_eq!((exit.code, output.lines().count()), (Some(0), paths.len()), "{output}");
    assert!(!output.contains(": read "), "{output}");
    assert!(output.contains("/run/countersign/invitation: PermissionDenied"), "it is there: {output}");
    world.close().await;
}

/// Waits until no process has this mark, as they do when nobody is left to do it.
async fn nobody_has(mark: &str) {
    for _ in 0..10_000 {
        if processes_with(mark).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{:?}", processes_with(mark));
}

/// Waits until nothing is left in the cluster.
async fn nothing_is_left(world: &World) {
    let ground = world.ground.as_ref().unwrap();
    for _ in 0..10_000 {
        if ground.left().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{:?}", ground.left());
}

async fn p20_a_dropped_run_leaves_nobody_in_a_pod() {
    let world = pods().await;
    let argv = ["sh", "-c", "setsid sleep 100014 & echo ready; sleep 100014"];
    let ask = Ask::apply(&argv);
    let on_record = world.on_record(&ask).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(ask.cancel, ask.narrower);
    tokio::select! {
        _ = world.runner.run(on_record, &lease, out) => panic!("it does not end by itself"),
        _ = chunks.recv() => {}
    }
    nobody_has("100014").await;
    nothing_is_left(&world).await;
    world.close().await;
}

/// A job whose pod something happens to once the command has said `ready`.
async fn with_a_running_pod(script: &str, happens: impl AsyncFnOnce(&World)) -> (World, Exit, String) {
    let world = Box::pin(pods()).await;
    let argv = ["sh", "-c", script];
    let ask = Ask::apply(&argv);
    let on_record = Box::pin(world.on_record(&ask)).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = Output::new(ask.cancel, ask.narrower);
    let follow = async {
        let mut text = String::from_utf8(chunks.recv().await.unwrap()).unwrap();
        assert_eq!(text, "ready\n");
        happens(&world).await;
        while let Some(chunk) = chunks.recv().await {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        text
    };
    let (exit, text) = tokio::join!(world.runner.run(on_record, &lease, out), Box::pin(follow));
    (world, exit.unwrap(), text)
}

async fn p20_a_pod_that_the_cluster_ends_interrupts_its_command() {
    let script = "trap 'echo cleaned; exit 3' INT; echo ready; while :; do sleep 0.02; done";
    let (world, exit, text) = with_a_running_pod(script, async |world: &World| {
        let ground = world.ground.as_ref().unwrap();
        ground.delete_pod(&ground.pod());
    })
    .await;
    assert_eq!((text.as_str(), exit.ending, exit.code), ("ready\ncleaned\n", Ending::Ran, Some(3)), "{exit:?}");
    world.close().await;
}

async fn p45_a_pod_whose_memory_is_used_up_says_so() {
    let script = "echo ready; while :; do sleep 100015; done";
    let (world, exit, _) = with_a_running_pod(script, async |world: &World| {
        let ground = world.ground.as_ref().unwrap();
        assert!(ground.kubelet.starve(JOBS, &ground.pod()));
    })
    .await;
    assert_eq!((exit.ending, exit.code), (Ending::Ran, Some(137)));
    assert_eq!(exit.notes, [LOST, "ended by the memory limit"]);
    assert_eq!(processes_with("100015"), Vec::<std::path::PathBuf>::new());
    nothing_is_left(&world).await;
    world.close().await;
}

async fn a_lost_node_leaves_an_unknown_outcome() {
    let (world, exit, text) = with_a_running_pod("echo ready; sleep 100016", async |world: &World| {
        let ground = world.ground.as_ref().unwrap();
        assert!(ground.kubelet.lose(JOBS, &ground.pod()));
    })
    .await;
    assert_eq!((exit.ending, exit.code, text.as_str()), (Ending::Unknown, None, "ready\n"));
    let note = "the connection to the job's pod was lost: the cluster does not say how it ended; its node may be lost";
    assert_eq!(exit.notes, [LOST, note]);
    nothing_is_left(&world).await;
    world.close().await;
}

async fn p46_nothing_is_left_after_one_job() {
    let world = pods().await;
    world.text(&["printf", "x"]).await;
    assert_eq!(world.ground.as_ref().unwrap().left(), Vec::<String>::new());
    assert_eq!(world.left_in_run_folder(), 0);
    world.close().await;
}

async fn p46_nothing_is_left_after_two_hundred_jobs() {
    let world = pods().await;
    nothing_is_left_after(200, &world).await;
    world.close().await;
}

async fn p59_the_environment_is_the_recipes_in_a_pod() {
    let world = pods().await;
    let (_, output) = world.text(&["inside", INSIDE, "environment"]).await;
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    let expected = ["HOME=/home/job", "KUBECONFIG=/home/job/kubeconfig", "LANG=C.UTF-8", "PATH=/usr/bin"];
    assert_eq!(lines, expected);
    world.close().await;
}

/// "Even if you specify `.spec.parallelism = 1` and `.spec.completions = 1` and `.spec.template.spec.restartPolicy =
/// "Never"`, the same program may sometimes be started twice." (Kubernetes, "Jobs")
async fn a_second_pod_of_a_job_gets_nothing() {
    let script = "echo ready; c=0; while [ $c -lt 100 ]; do sleep 0.05; c=$((c+1)); done; echo once";
    let (world, exit, text) = with_a_running_pod(script, async |world: &World| {
        let ground = world.ground.as_ref().unwrap();
        let first = ground.cluster.object("pods", Some(JOBS), &ground.pod()).unwrap();
        ground.cluster.write(twin(first)).unwrap();
        ground.until_running("twin").await;
    })
    .await;
    assert_eq!((exit.ending, exit.code, text.as_str()), (Ending::Ran, Some(0), "ready\nonce\n"), "{exit:?}");
    assert_eq!(exit.notes, ["the cluster started 1 more pods for the job, which got nothing to do"]);
    nothing_is_left(&world).await;
    world.close().await;
}

/// The same pod once more, placed and not started.
fn twin(mut pod: Value) -> Value {
    pod["metadata"]["name"] = "twin".into();
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        pod["metadata"].as_object_mut().unwrap().remove(field);
    }
    pod["status"] = json!({ "phase": "Pending" });
    pod
}

async fn an_image_that_is_not_there_is_a_fault() {
    let world = pods().await;
    let ground = world.ground.as_ref().unwrap();
    let missing = format!("registry.test/missing@sha256:{}", "0".repeat(64));
    let tasks = TaskTracker::new();
    let images = BTreeMap::from([("printf".to_owned(), missing.parse().unwrap())]);
    let other = Settings { images, ..settings(&ground.cluster, world.folder.path(), &tasks) };
    let runner = JobRunner::open(other, Arc::clone(&world.jail)).await.unwrap();
    let error = runner.probe().await.unwrap_err();
    let why = format!("its container waits: ErrImagePull: failed to pull image \"{missing}\": not found");
    assert!(matches!(&error, JobsError::Probe(RunFault::Pod(said)) if *said == why), "{error:?}");
    nothing_is_left(&world).await;
    drop(runner);
    world.close().await;
}

/// Whoever finds the port is told nothing.
async fn a_pod_of_another_release_or_without_the_token_gets_nothing() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = pods().await;
    let at = world.ground.as_ref().unwrap().runner.listens_at();
    for hello in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"{\"v\":1,\"token\":\"x\",\"pod\":\"p\",\"channel\":{\"step\":0}}\n"]
    {
        let mut plain = tokio::net::TcpStream::connect(at).await.unwrap();
        plain.write_all(hello).await.unwrap();
        let mut answer = Vec::new();
        drop(plain.read_to_end(&mut answer).await);
        // At most a TLS alert.
        assert!(answer.len() <= 7, "{answer:?}");
    }
    assert_eq!(world.text(&["printf", "after"]).await.1, "after");
    world.close().await;
}

async fn the_output_of_a_pod_goes_through_the_filters() {
    let world = pods().await;
    let argv = ["sh", "-c", "printf 'a\\nb\\nc\\n'; echo err >&2"];
    let (exit, output) = world.run(Ask::filtered(&argv, &[&["grep", "-E", "c"]])).await;
    assert_eq!(exit.unwrap().code, Some(0));
    let text = String::from_utf8(output).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["c", "err"]);
    world.close().await;
}

/// A worker that died between the Job and its Secret, and one that died later: nothing runs, and nothing stays.
async fn jobs_that_nobody_waits_for_end_by_themselves() {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let cluster = cluster(&tasks, &stop).await;
    let folder = tempfile::tempdir().unwrap();
    let none: [(String, std::path::PathBuf); 0] = [];
    let kubelet = cluster.run_pods(none, folder.path(), &stop).unwrap();
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "left", "namespace": JOBS },
        "spec": {
            "backoffLimit": 0, "activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 0,
            "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "i" }] } },
        },
    });
    cluster.write(job).unwrap();
    assert_eq!(cluster.names("jobs", Some(JOBS)), ["left"]);
    for _ in 0..10_000 {
        if cluster.names("jobs", Some(JOBS)).is_empty() && cluster.names("pods", Some(JOBS)).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(cluster.names("jobs", Some(JOBS)), Vec::<String>::new());
    kubelet.stop().await;
    cluster.stop().await;
    tasks.close();
    tasks.wait().await;
}
