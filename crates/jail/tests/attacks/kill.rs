//! However a job ends, nobody of it survives.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use countersign_jail::{End, Jailed, Level, Link, Plan, Status};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait, waitpid};

use crate::harness::{WORKER, World, alive, command};

/// A job full of daemons, known on the host by a token in its arguments.
fn daemons(world: &World, level: Level, attack: &str) -> (Plan, String) {
    let token = format!("daemons-of-{}-{level}", world.folder.file_name().unwrap().to_string_lossy());
    (world.plan(level, attack, &[&token]), token)
}

fn started(world: &World, level: Level) -> (Jailed, String) {
    let (plan, token) = daemons(world, level, "daemons");
    let mut jailed = world.spawn(&plan);
    let mut ready = [0; 6];
    jailed.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let under_way = alive(&token).len();
    assert!(under_way >= 4, "{under_way} processes of the attack at {level}");
    (jailed, token)
}

#[track_caller]
fn nobody(token: &str) {
    assert_eq!(alive(token), Vec::<String>::new());
}

pub(crate) fn p20_a_killed_job_leaves_nobody(world: &World) {
    for &level in world.levels {
        let (jailed, token) = started(world, level);
        jailed.link.kill().unwrap();
        let last = jailed.link.records().last().unwrap().unwrap();
        nobody(&token);
        let killed = matches!(&last, Status::Exit(exit) if exit.end == End::Signal(libc::SIGKILL) && exit.left_behind.is_empty());
        assert!(killed, "{level}: {last:?}");
    }
}

/// Interrupted, the command itself ends, and all others with it; asked to end, they all are, and whoever is forked
/// meanwhile ends with them.
pub(crate) fn p20_cancel_leaves_nothing(world: &World) {
    for &level in world.levels {
        for order in [Link::interrupt, Link::terminate] {
            let (jailed, token) = started(world, level);
            order(&jailed.link).unwrap();
            let last = jailed.link.records().last().unwrap().unwrap();
            nobody(&token);
            assert!(matches!(&last, Status::Exit(exit) if exit.left_behind.is_empty()), "{level}: {last:?}");
        }
    }
}

/// Who got away from the command's session is asked as well, before anybody is killed.
pub(crate) fn p20_everything_inside_is_asked_to_end(world: &World) {
    for &level in world.levels {
        let mut plan = world.plan(level, "", &[]);
        let child = "trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.02; done";
        let script = format!("trap 'sleep 20; exit 9' TERM; setsid sh -c \"{child}\" & while :; do wait; done");
        plan.argv = ["/usr/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        let mut jailed = world.spawn(&plan);
        let mut out = BufReader::new(jailed.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(out.next().unwrap(), "ready");
        jailed.link.terminate().unwrap();
        assert_eq!(out.next().as_deref(), Some("asked"), "{level}");
        drop(jailed);
    }
}

pub(crate) fn p20_a_dropped_job_leaves_nobody(world: &World) {
    for &level in world.levels {
        let (jailed, token) = started(world, level);
        drop(jailed);
        nobody(&token);
    }
}

pub(crate) fn p20_a_finished_job_leaves_nobody(world: &World) {
    for &level in world.levels {
        let (plan, token) = daemons(world, level, "daemons-and-exit");
        let outcome = world.run_plan(&plan);
        assert_eq!(outcome.end.unwrap().end, End::Code(0));
        nobody(&token);
    }
}

pub(crate) fn p20_a_dead_worker_leaves_nobody(world: &World) {
    for &level in world.levels {
        let (plan, token) = daemons(world, level, "daemons");
        let file = world.path("plan");
        fs::write(&file, serde_json::to_vec(&plan).unwrap()).unwrap();
        let mut worker = command(&world.program)
            .args([WORKER, &file])
            .arg(world.launcher.as_path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines().map(Result::unwrap);
        let launcher = lines.find_map(|line| line.strip_prefix("launcher ").map(str::to_owned)).unwrap();
        lines.find(|line| line == "ready").unwrap();
        worker.kill().unwrap();
        worker.wait().unwrap();
        // The orphaned launcher is now ours to wait for.
        waitpid(Pid::from_raw(launcher.parse().unwrap()), WaitOptions::empty()).unwrap();
        nobody(&token);
    }
}

pub(crate) fn p20_a_dead_launcher_leaves_nobody(world: &World) {
    // At `nested` only the kernel's death signal is left, which reaches the command and not its daemons: see the next.
    let (mut jailed, token) = started(world, Level::Strict);
    let launcher = Pid::from_raw(jailed.launcher.id().cast_signed()).unwrap();
    kill_process(launcher, Signal::KILL).unwrap();
    jailed.launcher.reap().unwrap();
    // Init was orphaned, is ours now, and its end is the end of all.
    while wait(WaitOptions::empty()).is_ok() {}
    nobody(&token);
    let _ = countersign_jail::sweep();
}

/// At `nested` the daemons of a killed launcher live until the next job of their user begins, who is nobody else's. An
/// ordinary worker cannot tell its own processes from theirs: nothing is promised there.
pub(crate) fn p20_a_dead_launcher_leaves_nobody_of_its_user_for_long(world: &World) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (mut jailed, token) = started(world, Level::Nested);
    let launcher = Pid::from_raw(jailed.launcher.id().cast_signed()).unwrap();
    kill_process(launcher, Signal::KILL).unwrap();
    jailed.launcher.reap().unwrap();
    assert!(!alive(&token).is_empty(), "the attack is one");
    fs::remove_dir_all(world.path("home")).unwrap();
    let mut next = world.spawn(&world.plan(Level::Nested, "mark-and-wait", &["of the next job"]));
    next.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    nobody(&token); // already while the next job runs, which they could otherwise meet
    drop(next);
    while wait(WaitOptions::empty()).is_ok() {}
    let _ = countersign_jail::sweep();
}

pub(crate) fn p20_terminate_and_interrupt_reach_the_command(world: &World) {
    for &level in world.levels {
        for (name, code) in [("TERM", 7), ("INT", 8)] {
            let mut plan = world.plan(level, "", &[]);
            let script = format!("trap 'echo bye; exit {code}' {name}; echo ready; while :; do :; done");
            plan.argv = ["/usr/bin/sh", "-c", &script].map(str::to_owned).to_vec();
            let mut jailed = world.spawn(&plan);
            let mut out = BufReader::new(jailed.stdout.take().unwrap()).lines().map(Result::unwrap);
            assert_eq!(out.next().unwrap(), "ready");
            if name == "TERM" { jailed.link.terminate() } else { jailed.link.interrupt() }.unwrap();
            assert_eq!(out.next().unwrap(), "bye");
            let last = jailed.link.records().last().unwrap().unwrap();
            assert!(matches!(&last, Status::Exit(exit) if exit.end == End::Code(code)), "{last:?}");
        }
    }
}
