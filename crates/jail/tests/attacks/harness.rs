//! Runs the tests twice, makes plans, and follows jobs.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_jail::{
    Applied, Egress, Environment, Exit, Jailed, LauncherPath, Level, Limits, Mount, MountKind, Plan, SetupError,
    Status, Streams, Writable, spawn,
};

use crate::{container, inside};

/// A test's name and body.
pub(crate) struct Test(pub(crate) &'static str, pub(crate) fn(&World));

/// The argument that makes this program a worker that starts one job and then waits to be killed.
pub(crate) const WORKER: &str = "__worker";

/// The argument that says that the ordinary user's round runs.
const ORDINARY: &str = "__ordinary";

/// The argument that says that the round behind a container's filter runs.
const CONTAINED: &str = "__contained";

/// The file name under which this program is a launcher that does not keep its promises.
pub(crate) const LIAR: &str = "liar";

const NOBODY: u32 = 65_534;

/// Where one round happens.
pub(crate) struct World {
    /// A directory everybody may traverse, for targets and for `nested` homes.
    pub(crate) folder: PathBuf,
    /// This program, where everybody may execute it.
    pub(crate) program: PathBuf,
    /// The launcher as it is installed.
    pub(crate) launcher: LauncherPath,
    /// The isolating levels that can be built here.
    pub(crate) levels: &'static [Level],
}

/// All that came of one job.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) applied: Option<Applied>,
    pub(crate) end: Result<Exit, SetupError>,
}

impl World {
    /// The runner: `--list`, `--exact NAME` and plain substrings work as with the usual one.
    pub(crate) fn run(tests: &[Test], arguments: &[String]) {
        if arguments.iter().any(|a| a == "--list") {
            for Test(name, _) in tests {
                println!("{name}: test");
            }
            return;
        }
        let is = |word: &str| arguments.iter().any(|a| a == word);
        let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-') && !a.starts_with("__")).collect();
        let chosen = |name: &str| {
            wanted.is_empty() || wanted.iter().any(|w| if is("--exact") { name == *w } else { name.contains(*w) })
        };
        // Orphans of the jobs come to us, so that we can wait for their end instead of guessing when it is.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let own = std::env::current_exe().unwrap();
        let failed = if is(CONTAINED) {
            container::enter();
            Self::round(&own, tests, &|name| chosen(name) && container::HOLDS_NESTED.contains(&name), &[Level::Nested])
        } else if is(ORDINARY) {
            Self::round(&own, tests, &chosen, &[Level::Strict, Level::Nested])
        } else {
            Self::all_rounds(tests, &chosen, arguments)
        };
        std::process::exit(i32::from(failed > 0));
    }

    /// As root and as an ordinary user, each also behind the filter of a container.
    fn all_rounds(tests: &[Test], chosen: &dyn Fn(&str) -> bool, arguments: &[String]) -> usize {
        let copies = tempfile::tempdir().unwrap();
        fs::set_permissions(copies.path(), Permissions::from_mode(0o755)).unwrap();
        let program = copies.path().join("attacks");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::hard_link(&program, copies.path().join(LIAR)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_countersign-jail"), copies.path().join("countersign-jail")).unwrap();
        let mut failed = Self::round(&program, tests, chosen, &[Level::Strict, Level::Nested]);
        let mut again = |command: &mut Command| {
            let status = command.args(arguments).status().unwrap();
            failed += usize::from(!status.success());
        };
        again(command(&program).arg(CONTAINED));
        if rustix::process::geteuid().is_root() {
            again(command(&program).arg(ORDINARY).uid(NOBODY).gid(NOBODY));
            again(command(&program).arg(CONTAINED).uid(NOBODY).gid(NOBODY));
        } else {
            println!("the rounds of root were not run: this is not root");
        }
        failed
    }

    fn round(program: &Path, tests: &[Test], chosen: &dyn Fn(&str) -> bool, levels: &'static [Level]) -> usize {
        let user = rustix::process::geteuid().as_raw();
        let place = if levels.contains(&Level::Strict) { "" } else { ", in a container" };
        let (mut ok, mut failed) = (0, 0);
        for Test(name, body) in tests.iter().filter(|Test(name, _)| chosen(name)) {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
            let launcher = LauncherPath::new(program.with_file_name("countersign-jail")).unwrap();
            let world = Self { folder: folder.path().to_owned(), program: program.to_owned(), launcher, levels };
            let passed = catch_unwind(AssertUnwindSafe(|| body(&world))).is_ok();
            println!("test {name} (uid {user}{place}) ... {}", if passed { "ok" } else { "FAILED" });
            ok += usize::from(passed);
            failed += usize::from(!passed);
        }
        // The usual runner's closing line, so that whoever counts tests counts these.
        let word = if failed == 0 { "ok" } else { "FAILED" };
        println!("\ntest result: {word}. {ok} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
        failed
    }

    /// Whether namespaces can be made here.
    pub(crate) fn has_strict(&self) -> bool {
        self.levels.contains(&Level::Strict)
    }

    /// A plan whose command is this program attacking from inside.
    pub(crate) fn plan(&self, level: Level, attack: &str, arguments: &[&str]) -> Plan {
        let own_root = level == Level::Strict;
        let program = if own_root { "/attack".to_owned() } else { self.program.to_string_lossy().into_owned() };
        let home = if own_root { "/home/job".to_owned() } else { self.path("home") };
        let mut root: Vec<Mount> = ["/usr", "/lib", "/lib64"]
            .iter()
            .filter(|path| Path::new(path).is_dir())
            .map(|path| Mount { source: path.into(), target: (*path).to_owned(), kind: MountKind::Dir })
            .collect();
        root.push(Mount { source: self.program.clone(), target: program.clone(), kind: MountKind::File });
        let argv = [program.as_str(), inside::MARKER, attack].into_iter().chain(arguments.iter().copied());
        Plan {
            level,
            argv: argv.map(str::to_owned).collect(),
            env: Environment::default(),
            root,
            files: Vec::new(),
            workdir: home.clone(),
            home,
            writable: Writable::NoExec,
            limits: Limits { tmp_bytes: 4 << 20, ..Limits::default() },
            egress: Egress::None,
            uid: job_user(0),
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    pub(crate) fn spawn(&self, plan: &Plan) -> Jailed {
        spawn(plan, &self.launcher, Streams::piped()).unwrap()
    }

    pub(crate) fn run_plan(&self, plan: &Plan) -> Outcome {
        follow(self.spawn(plan))
    }

    /// Runs an attack that must have been carried out, and returns what it printed.
    #[track_caller]
    pub(crate) fn says(&self, plan: &Plan) -> String {
        let outcome = self.run_plan(plan);
        assert_eq!(outcome.end.as_ref().map(|exit| exit.end), Ok(countersign_jail::End::Code(0)), "{outcome:?}");
        outcome.out
    }
}

/// A user id that no other job of this machine has: at `nested` everything of a job's user is killed with it.
pub(crate) fn job_user(nth: u32) -> u32 {
    200_000 + std::process::id() * 2 + nth
}

/// Reads a job to its end.
pub(crate) fn follow(mut jailed: Jailed) -> Outcome {
    let (mut out, mut err) = (String::new(), String::new());
    jailed.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    jailed.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let (mut applied, mut end) = (None, None);
    for record in jailed.link.records() {
        match record.unwrap() {
            Status::Applied(it) => applied = Some(it),
            Status::Exit(exit) => end = Some(Ok(exit)),
            Status::SetupError(error) => end = Some(Err(error)),
        }
    }
    jailed.launcher.reap().unwrap();
    Outcome { out, err, applied, end: end.expect("the launcher says how it ended") }
}

/// Starts the job whose plan is in a file, prints the launcher's process id, and waits to be killed.
pub(crate) fn act_as_worker(arguments: &[String]) {
    let plan: Plan = serde_json::from_slice(&fs::read(&arguments[0]).unwrap()).unwrap();
    let launcher = LauncherPath::new(&arguments[1]).unwrap();
    let streams = Streams {
        stdin: countersign_jail::Stdin::Null,
        stdout: std::process::Stdio::inherit(),
        stderr: std::process::Stdio::inherit(),
    };
    let jailed = spawn(&plan, &launcher, streams).unwrap();
    println!("launcher {}", jailed.launcher.id());
    for record in jailed.link.records() {
        println!("record {}", serde_json::to_string(&record.unwrap()).unwrap());
    }
}

/// Starts a program of ours, not through a jail.
#[expect(clippy::disallowed_methods, reason = "the tests start a worker to kill, and the ordinary user's round")]
pub(crate) fn command(program: &Path) -> Command {
    Command::new(program)
}

/// Processes of the whole host whose arguments contain `token`.
pub(crate) fn alive(token: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|name| name.parse::<u32>().is_ok());
    pids.filter(|pid| {
        let own = *pid == std::process::id().to_string();
        !own && fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(token))
    })
    .collect()
}
