//! Filters over the output of real jobs, and attacks from inside their jail.

use crate::support::{Ask, TOKEN, World, processes_with};
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::tier::Mode;
use countersign_runner::{Exit, Narrower, RunFault};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A filter chain that holds this makes the filter program attack its jail; what follows are paths and addresses.
const ATTACK: &str = "__attack";

/// Becomes an attacker in the filters' place.
pub(crate) fn attack_if_asked() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [marker, chain] = arguments.as_slice() else { return };
    if marker != countersign_tools::MARKER || !chain.contains(ATTACK) {
        return;
    }
    println!("environment: {:?}", std::env::vars().collect::<Vec<_>>());
    let targets = chain.split_once(ATTACK).unwrap().1.trim_end_matches(['"', ']']);
    for target in targets.split_whitespace() {
        match target.parse::<SocketAddr>() {
            Ok(address) => {
                let reached = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
                println!("{target}: {}", if reached { "reached" } else { "out of reach" });
            }
            Err(_) => println!("{target}: {:?}", std::fs::read(target).map_err(|error| error.kind())),
        }
    }
    std::process::exit(0);
}

async fn filtered(world: &World, argv: &[&str], filters: &[&[&str]]) -> (Exit, String) {
    let (exit, output) = world.run(Ask::filtered(argv, filters)).await;
    (exit.unwrap(), String::from_utf8(output).unwrap())
}

pub(crate) async fn the_output_goes_through_the_filters_and_the_errors_do_not() {
    let world = World::new(&[]).await;
    let script = "echo one; echo two; echo three; echo oops >&2; exit 0";
    let (exit, output) = filtered(&world, &["sh", "-c", script], &[&["grep", "-E", "o"], &["wc", "-l"]]).await;
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["2", "oops"]);
    assert_eq!((exit.ending, exit.code, exit.notes.as_slice()), (Ending::Ran, Some(0), [].as_slice()));
    // What is on record is what people got.
    assert_eq!((exit.output, exit.output_bytes), (Digest::of(output.as_bytes()), output.len() as u64));
    // More than a pipe holds, and a filter that has read enough.
    let (exit, output) = filtered(&world, &["seq", "1", "300000"], &[&["head", "-n", "2"]]).await;
    assert_eq!((output.as_str(), exit.code, exit.notes.len()), ("1\n2\n", Some(0), 0));
    let (_, output) = filtered(&world, &["seq", "1", "300000"], &[&["tail", "-n", "1"], &["jq", ". + 1"]]).await;
    assert_eq!(output, "300001\n");
    world.close().await;
}

pub(crate) async fn the_end_is_the_commands_whatever_the_filters_say() {
    let world = World::new(&[]).await;
    let (exit, output) = filtered(&world, &["sh", "-c", "echo a; exit 3"], &[&["grep", "-E", "b"]]).await;
    assert_eq!((exit.ending, exit.code, output.as_str()), (Ending::Ran, Some(3), ""));
    assert_eq!(exit.notes, ["no line matched"]);
    let (exit, output) = filtered(&world, &["sh", "-c", "echo NAME READY; exit 0"], &[&["jq", "."]]).await;
    assert_eq!((exit.ending, exit.code, output.as_str()), (Ending::Ran, Some(0), ""));
    let notes = exit.notes.join("; ");
    assert!(notes.contains("the output is not JSON") && notes.contains("could not go on"), "{notes}");
    let (exit, output) = filtered(&world, &["sh", "-c", "echo '{\"a\":1} [2]'; exit 1"], &[&["jq", ".a"]]).await;
    assert_eq!((exit.code, output.as_str(), exit.notes.len()), (Some(1), "1\n", 1), "{:?}", exit.notes);
    world.close().await;
}

pub(crate) async fn a_preview_is_not_filtered() {
    let world = World::new(&[]).await;
    let ask = Ask { mode: Mode::DryRun, ..Ask::filtered(&["sh", "-c", "echo out"], &[&["grep", "-E", "x"]]) };
    let exit = world.run(ask).await.0.unwrap();
    assert!(exit.steps.len() == 2 && exit.steps.iter().all(|step| step.stdout == b"out\n"));
    assert_eq!(exit.notes, Vec::<String>::new());
    world.close().await;
}

pub(crate) async fn p16_filters_have_no_files_no_environment_and_no_way_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let world = World::new(std::slice::from_ref(&address)).await;
    let canary = world.folder.path().join("canary");
    std::fs::write(&canary, "canary-in-a-file").unwrap();
    let keys = world.folder.path().join("keys/worker.key");
    let own = format!("/proc/{}/environ", std::process::id());
    let paths = [canary.to_str().unwrap(), keys.to_str().unwrap(), &own, "/etc/shadow", "/home/job/kubeconfig"];
    let attack = format!("{ATTACK} {} {address}", paths.join(" "));
    let (exit, output) = filtered(&world, &["sh", "-c", "echo x"], &[&["grep", "-F", &attack]]).await;
    assert_eq!(exit.code, Some(0), "{output}");
    assert!(output.starts_with("environment: []\n"), "{output}");
    for path in paths {
        assert!(output.contains(&format!("{path}: Err(")), "{output}");
    }
    assert!(output.contains(&format!("{address}: out of reach")), "{output}");
    world.close().await;
}

pub(crate) async fn p20_filters_leave_nobody() {
    let world = World::new(&[]).await;
    let cancel = CancellationToken::new();
    let argv = ["sh", "-c", "echo begun >&2; sleep 100006"];
    let ask = Ask { cancel: cancel.clone(), ..Ask::filtered(&argv, &[&["grep", "-E", "p20-filter-100006"]]) };
    let on_record = world.on_record(&ask).await;
    let lease = world.lease(&on_record).await;
    let (out, mut chunks) = countersign_runner::Output::new(ask.cancel, ask.narrower);
    let watch = async {
        // The command runs, and so do its filters by then.
        chunks.recv().await.unwrap();
        cancel.cancel();
        while chunks.recv().await.is_some() {}
    };
    let (exit, ()) = tokio::join!(world.runner.run(on_record, &lease, out), watch);
    assert_eq!(exit.unwrap().ending, Ending::Cancelled);
    assert_eq!(processes_with("p20-filter-100006"), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.left_in_run_folder(), 0);
    world.close().await;
}

pub(crate) async fn p22_a_secret_that_a_filter_puts_together_is_redacted() {
    let world = World::new(&[]).await;
    let (first, second) = TOKEN.split_at(TOKEN.len() / 2);
    let script = format!("echo '{{\"a\":\"{first}\",\"b\":\"{second}\"}}'");
    let (exit, output) = filtered(&world, &["sh", "-c", &script], &[&["jq", "-r", ".a + .b"]]).await;
    assert_eq!(output, "[redacted:leased-token]\n");
    assert_eq!(exit.redactions, 1);
    // A filter sees no secret at all, and cannot take apart what it never saw.
    let script = format!("echo '\"{TOKEN}\"'; echo '\"{TOKEN}\"' >&2");
    let (exit, output) =
        filtered(&world, &["sh", "-c", &script], &[&["jq", "-r", "explode | map(tostring) | join(\"-\")"]]).await;
    let hidden = "[redacted:leased-token]".bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join("-");
    assert!(output.contains(&hidden) && output.contains("\"[redacted:leased-token]\"\n"), "{output}");
    assert_eq!(exit.redactions, 2);
    // Nor does what a filter complains about come out.
    let script = format!("echo '{{\"a\":\"{first}\",\"b\":\"{second}\"}}'");
    let (exit, _) = filtered(&world, &["sh", "-c", &script], &[&["jq", "error(.a + .b)"]]).await;
    assert!(exit.notes.iter().any(|note| note.contains("redacted")), "{:?}", exit.notes);
    assert!(!exit.notes.concat().contains(second), "{:?}", exit.notes);
    world.close().await;
}

pub(crate) async fn p44_filters_that_never_end_are_ended() {
    let world = World::new(&[]).await;
    for (program, notes) in [
        // Whichever comes first on a busy machine.
        (
            "last(repeat(1))",
            ["the filter was ended by its limit of 5 s of computing", "the filter was ended 10 s after the command"],
        ),
        (
            "def f: f; f",
            ["the filter was ended by its limit of 5 s of computing", "the filter was ended 10 s after the command"],
        ),
        ("range(1e12)", ["the filter was ended by the output limit"; 2]),
        ("repeat(\"x\")", ["the filter was ended by the output limit"; 2]),
    ] {
        let narrower = Narrower { output_bytes: Some(1 << 16), wall: None };
        let ask = Ask { narrower, ..Ask::filtered(&["sh", "-c", "echo 1"], &[&["jq", program]]) };
        let (exit, output) = world.run(ask).await;
        let exit = exit.unwrap();
        assert_eq!((exit.ending, exit.code), (Ending::Ran, Some(0)), "{program}");
        assert!(exit.notes.len() == 1 && notes.contains(&exit.notes[0].as_str()), "{program}: {:?}", exit.notes);
        assert!(output.len() <= 1 << 16, "{program}");
    }
    world.close().await;
}

pub(crate) async fn p44_filters_that_take_all_memory_are_ended() {
    let world = World::new(&[]).await;
    for program in ["[range(1e9)] | length", "def f: 1 + f; f", "reduce range(1e9) as $x (\"x\"; . + .) | length"] {
        let (exit, _) = filtered(&world, &["sh", "-c", "echo 1"], &[&["jq", program]]).await;
        assert_eq!((exit.ending, exit.code), (Ending::Ran, Some(0)), "{program}");
        let notes = exit.notes.join("; ");
        assert!(notes.contains("MiB"), "{program}: {notes}");
    }
    world.close().await;
}

pub(crate) async fn p59_a_filter_program_that_changed_does_not_run() {
    let world = World::new(&[]).await;
    let path = world.folder.path().join("countersign-filter");
    std::fs::remove_file(&path).unwrap();
    std::fs::copy("/usr/bin/true", &path).unwrap();
    let (exit, output) = world.run(Ask::filtered(&["sh", "-c", "echo x"], &[&["wc", "-l"]])).await;
    assert!(matches!(exit, Err(RunFault::Program(_))), "{exit:?}");
    assert!(output.is_empty(), "nothing ran");
    // Without filters it is not needed.
    assert_eq!(world.text(&["sh", "-c", "echo x"]).await.1, "x\n");
    world.close().await;
}
