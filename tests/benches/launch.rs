//! What a jail costs: `/usr/bin/true` started bare, by bubblewrap with all namespaces, and through our launcher.
//!
//! Goal: level `strict` in at most the time of bubblewrap, which isolates less: no system-call list, no Landlock, no
//! limits, no control group, no user of its own on the host, the whole of the host's root.
//!
//! `cargo bench -p countersign-tests --bench launch`, as root for the user of its own and the control group. A number
//! as the argument is the count of rounds.

mod support;

use countersign_jail::{
    Egress, Environment, Exit, LauncherPath, Level, Limits, Mount, MountKind, Plan, Status, Streams, Writable, spawn,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Rival, machine, ms, ratio, rounds, stopwatch, take_turns};

const PROGRAM: &str = "/usr/bin/true";
const BWRAP: &str = "/usr/bin/bwrap";
const ROUNDS: usize = 400;

fn main() {
    countersign_jail::enter_if_asked();
    let rounds = rounds(ROUNDS);
    let scratch = tempfile::tempdir().expect("a folder for the homes of level nested");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(scratch.path(), open).expect("the folder is ours");
    println!("{}", machine());
    let mut rivals = rivals(scratch.path());
    let times = take_turns(&mut rivals, rounds);
    let [bare, bwrap, ..] = times.as_slice() else { unreachable!("both are always measured") };
    let (bare, bwrap) = (bare.median(), bwrap.median());
    println!("{rounds} rounds, milliseconds; to the end of {PROGRAM}, everything reaped");
    println!("{:<34} {:>8} {:>8} {:>8} {:>8}", "", "median", "p90", "x bare", "x bwrap");
    for (rival, times) in rivals.iter().zip(&times) {
        let (median, p90) = (times.median(), times.percentile(90));
        let (to_bare, to_bwrap) = (ratio(median, bare), ratio(median, bwrap));
        println!("{:<34} {:>8} {:>8} {to_bare:>8} {to_bwrap:>8}", rival.name, ms(median), ms(p90));
    }
}

fn rivals(scratch: &Path) -> Vec<Rival<'static>> {
    let own = LauncherPath::this_program();
    let home = scratch.join("home").to_string_lossy().into_owned();
    let mut rivals = vec![
        Rival { name: "bare", work: Box::new(|| stopwatch(bare)) },
        Rival { name: "bwrap, all namespaces", work: Box::new(|| stopwatch(bubblewrap)) },
        jailed("ours, strict", own.clone(), plan(Level::Strict, "/home/job".into())),
        jailed("ours, nested", own, plan(Level::Nested, home)),
    ];
    // As it is installed; there only after `cargo build --release -p countersign-jail`.
    if let Some(installed) = installed() {
        rivals.push(jailed("ours, strict, installed launcher", installed, plan(Level::Strict, "/home/job".into())));
    }
    rivals
}

fn installed() -> Option<LauncherPath> {
    let own = std::env::current_exe().ok()?;
    let path: PathBuf = own.parent()?.parent()?.join("countersign-jail");
    if path.exists() { LauncherPath::new(path).ok() } else { None }
}

fn bare() {
    ended(command(PROGRAM));
}

fn bubblewrap() {
    let mut command = command(BWRAP);
    command.args(["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]);
    command.args(["--unshare-cgroup", "--die-with-parent", "--new-session", "--ro-bind", "/", "/"]);
    command.args(["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", PROGRAM]);
    ended(command);
}

#[expect(clippy::disallowed_methods, reason = "the rivals are started as anybody would")]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn ended(mut command: Command) {
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let status = command.status().expect("the rival is installed");
    assert!(status.success(), "{status}");
}

fn jailed(name: &'static str, launcher: LauncherPath, plan: Plan) -> Rival<'static> {
    Rival { name, work: Box::new(move || stopwatch(|| launch(&plan, &launcher))) }
}

fn launch(plan: &Plan, launcher: &LauncherPath) {
    let streams = Streams { stdout: Stdio::null(), stderr: Stdio::inherit(), ..Streams::piped() };
    let mut job = spawn(plan, launcher, streams).expect("the launcher starts");
    let last = job.link.records().last().expect("there is a last record").expect("it can be read");
    job.launcher.reap().expect("the launcher is our child");
    let Status::Exit(Exit { end, left_behind, .. }) = last else { panic!("{last:?}") };
    assert_eq!((end, left_behind), (countersign_jail::End::Code(0), Vec::new()));
}

fn plan(level: Level, home: String) -> Plan {
    let folders = ["/usr", "/lib", "/lib64"].into_iter().filter(|path| Path::new(path).is_dir());
    let root = folders.map(|path| Mount { source: path.into(), target: path.into(), kind: MountKind::Dir }).collect();
    Plan {
        level,
        argv: vec![PROGRAM.into()],
        env: Environment::default(),
        root,
        files: Vec::new(),
        workdir: home.clone(),
        home,
        writable: Writable::NoExec,
        limits: Limits::default(),
        egress: Egress::None,
        uid: 3_000_000 + std::process::id() % 100_000,
    }
}
