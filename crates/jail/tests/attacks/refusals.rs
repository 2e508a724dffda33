//! What is refused, how it is told, and what the probe makes of it.

use std::fs;
use std::io::{IoSliceMut, Write as _};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use countersign_jail::{
    End, LauncherPath, Level, MARKER, Mount, MountKind, Plan, ProbeFailure, Promise, SpawnError, Stdin, Streams, probe,
    profile, spawn,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use crate::harness::{LIAR, World, follow, job_user};

pub(crate) fn a_failed_step_runs_nothing_and_is_named(world: &World) {
    let fails = |change: &dyn Fn(&mut countersign_jail::Plan), level: Level, step: &str, errno: Option<i32>| {
        let mut plan = world.plan(level, "arguments", &["ran"]);
        change(&mut plan);
        let outcome = world.run_plan(&plan);
        let error = outcome.end.unwrap_err();
        assert_eq!((error.step.as_str(), error.errno), (step, errno), "{error}");
        assert_eq!((outcome.out, outcome.err), (String::new(), String::new()), "nothing ran");
        assert!(outcome.applied.is_none() || step == "exec");
    };
    let mount = |source: &str, target: &str, kind| Mount { source: source.into(), target: target.into(), kind };
    let strict = Level::Strict;
    fails(&|p| p.root.push(mount("/no/such", "/x", MountKind::Dir)), strict, "mount", Some(libc::ENOENT));
    fails(&|p| p.root.push(mount("/usr", "/x", MountKind::File)), strict, "mount", None);
    fails(&|p| p.root.push(mount("/usr", "/usr/no/such", MountKind::Dir)), strict, "mount", Some(libc::EROFS));
    fails(&|p| p.workdir = "/no/such".into(), strict, "workdir", Some(libc::ENOENT));
    fails(&|p| p.argv[0] = "/no/such".into(), strict, "exec", Some(libc::ENOENT));
    fails(&|p| p.argv[0] = "/no/such".into(), Level::Nested, "exec", Some(libc::ENOENT));
    fails(&|p| p.argv[0] = "/etc/hostname".into(), Level::Nested, "exec", Some(libc::EACCES));
    fails(&|p| p.level = Level::Job, Level::Nested, "level-not-available", None);
    let mut invalid = world.plan(strict, "arguments", &[]);
    invalid.uid = 0;
    assert!(matches!(spawn(&invalid, &world.launcher, Streams::piped()), Err(SpawnError::Plan(_))));
    let nowhere = LauncherPath::new("/no/such/launcher").unwrap();
    assert!(matches!(
        spawn(&world.plan(strict, "arguments", &[]), &nowhere, Streams::piped()),
        Err(SpawnError::Launcher { .. })
    ));
    assert!(LauncherPath::new("countersign-jail").is_err());
}

pub(crate) fn input_output_and_exit_codes_arrive(world: &World) {
    for level in world.levels.iter().copied().chain([Level::None]) {
        let text = "line\n".repeat(40_000);
        let streams =
            Streams { stdin: Stdin::Bytes(text.clone().into_bytes()), stdout: Stdio::piped(), stderr: Stdio::piped() };
        let outcome =
            follow(spawn(&world.plan(level, "copy-input", &[]), &LauncherPath::this_program(), streams).unwrap());
        assert!(outcome.out == text, "{level}: {} bytes of {}", outcome.out.len(), text.len());
        assert_eq!(world.run_plan(&world.plan(level, "exit", &["42"])).end.unwrap().end, End::Code(42));
        assert_eq!(world.run_plan(&world.plan(level, "die", &[])).end.unwrap().end, End::Signal(libc::SIGABRT));
        assert!(profile(level).contains(level.name()));
    }
    let large = Streams { stdin: Stdin::Bytes(vec![0; 256 * 1024 + 1]), ..Streams::piped() };
    assert!(matches!(
        spawn(&world.plan(Level::Nested, "exit", &["0"]), &world.launcher, large),
        Err(SpawnError::StdinTooLarge(_))
    ));
}

pub(crate) fn the_probe_trusts_this_host(world: &World) {
    for level in [Level::Strict, Level::Nested, Level::None] {
        let applied = probe(level, &world.launcher, job_user(0), &world.folder).unwrap();
        assert_eq!(applied.level, level);
        assert_eq!(fs::read_dir(&world.folder).unwrap().count(), 0, "the targets are gone");
    }
    assert!(matches!(probe(Level::Job, &world.launcher, job_user(0), &world.folder), Err(ProbeFailure::Setup(_))));
}

pub(crate) fn the_probe_finds_a_broken_promise(world: &World) {
    let liar = LauncherPath::new(world.program.with_file_name(LIAR)).unwrap();
    let failure = probe(Level::Strict, &liar, job_user(0), &world.folder).unwrap_err();
    assert!(matches!(&failure, ProbeFailure::Broken { promise: Promise::NothingReadOutside, .. }), "{failure}");
    assert!(failure.to_string().contains("check the kernel's lsm= list"), "{failure}");
}

/// Whether this process was started as the launcher that does not keep its promises.
pub(crate) fn is_liar() -> bool {
    let named = std::env::current_exe().is_ok_and(|path| path.file_name().is_some_and(|name| name == LIAR));
    named && std::env::args().nth(1).as_deref() == Some(MARKER)
}

/// Takes a plan for `strict`, runs it at `none` and passes it off as `strict`.
pub(crate) fn lie() {
    let link = UnixStream::from(rustix::io::dup(rustix::stdio::stdin()).unwrap());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(&link, &mut [IoSliceMut::new(&mut [0; 16])], &mut beside, RecvFlags::empty()).unwrap();
    let fds =
        beside.drain().find_map(|m| if let RecvAncillaryMessage::ScmRights(mut fds) = m { fds.next() } else { None });
    let mut plan: Plan = serde_json::from_reader(fs::File::from(fds.unwrap())).unwrap();
    plan.level = Level::None;
    plan.home = format!("{}/home", plan.argv[3]);
    plan.workdir.clone_from(&plan.home);
    plan.root.clear();
    plan.argv[0] = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    let honest = LauncherPath::new(std::env::current_exe().unwrap().with_file_name("countersign-jail")).unwrap();
    let streams = Streams { stdin: Stdin::Null, stdout: Stdio::inherit(), stderr: Stdio::inherit() };
    for record in spawn(&plan, &honest, streams).unwrap().link.records() {
        writeln!(&link, "{}", serde_json::to_string(&record.unwrap()).unwrap()).unwrap();
    }
}
