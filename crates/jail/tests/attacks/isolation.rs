//! Arguments, files, processes, privilege: what a job can see and do.

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use countersign_jail::{Environment, Jailed, Level, Mount, MountKind, Plan, PlanError, PrivateFile, Step, Writable};

use crate::harness::{World, job_user};

pub(crate) fn p15_arguments_are_literal(world: &World) {
    let hostile = ["a;b", "|", "$(id)", "`id`", "${IFS}x", "two\nlines", "*", "--", "", "\u{1b}[2J"];
    for &level in world.levels {
        let said = world.says(&world.plan(level, "arguments", &hostile));
        assert_eq!(serde_json::from_str::<Vec<String>>(&said).unwrap(), hostile);
    }
    let nul = world.plan(Level::Nested, "arguments", &["a\0b"]);
    assert_eq!(nul.check(), Err(PlanError::Nul("argv")));
}

pub(crate) fn p15_no_shell_is_needed_or_there(world: &World) {
    let mut plan = world.plan(Level::Strict, "list", &["/bin", "/usr/bin", "/usr"]);
    // Exactly the program and the libraries it loads: nothing else can be executed, because nothing else is there.
    plan.root.retain(|mount| mount.kind == MountKind::File);
    plan.root.extend(libraries(&world.program).into_iter().map(|path| Mount {
        source: path.clone().into(),
        target: path,
        kind: MountKind::File,
    }));
    let said = world.says(&plan);
    assert!(said.starts_with("/bin: ENOENT\n/usr/bin: ENOENT\n"), "{said}");
}

/// The shared objects a program maps, by its own account.
fn libraries(_program: &std::path::Path) -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths: Vec<String> = maps
        .lines()
        .filter_map(|l| l.split_whitespace().nth(5))
        .filter(|p| p.contains(".so"))
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    // The loader looks where the program says, which on merged systems is a link to where it lies.
    let through_links: Vec<String> = paths.iter().filter_map(|p| p.strip_prefix("/usr")).map(str::to_owned).collect();
    paths.extend(through_links);
    paths.extend(["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].map(str::to_owned));
    paths.retain(|p| fs::metadata(p).is_ok());
    paths.sort();
    paths.dedup();
    paths
}

pub(crate) fn p18_environment_and_descriptors_are_the_plans(world: &World) {
    // A descriptor of the worker's that was left open over exec by mistake.
    let leak = File::open("/etc/hostname").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    for level in world.levels.iter().copied().chain([Level::None]) {
        let mut plan = world.plan(level, "state", &[]);
        plan.env = [("ONLY", "this")].into_iter().collect::<Environment>();
        let said = world.says(&plan);
        assert!(said.contains("environment [(\"ONLY\", \"this\")]\n"), "{level}: {said}");
        assert!(said.contains("descriptors [0, 1, 2]\n"), "{level}: {said}");
        assert!(said.contains("session true\n"), "{level}: {said}");
    }
}

pub(crate) fn p18_nothing_of_the_worker_is_readable(world: &World) {
    let secret = world.path("secret");
    fs::write(&secret, "token").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    let own = std::process::id();
    let paths = [
        secret,
        format!("/proc/{own}/environ"),
        format!("/proc/{own}/mem"),
        "/proc/1/environ".into(),
        "/proc/1/mem".into(),
        "/proc/1/maps".into(),
        "/proc/kcore".into(),
        "/proc/kallsyms".into(),
        "/proc/sys/kernel/core_pattern".into(),
        "/sys/kernel/notes".into(),
        "/etc/shadow".into(),
        "/dev/mem".into(),
        "/dev/kmsg".into(),
        "/dev/tty".into(),
    ];
    for &level in world.levels {
        let said = world.says(&world.plan(level, "read", &paths.each_ref().map(String::as_str)));
        assert_eq!(said.lines().count(), paths.len());
        assert!(!said.contains("DONE"), "{level}: {said}");
    }
    if !world.has_strict() {
        return;
    }
    let listed = world.says(&world.plan(Level::Strict, "list", &["/proc", "/"]));
    assert!(
        listed.contains("/proc: DONE [\"2\", \"self\", \"thread-self\"]"),
        "only the command itself is visible: {listed}"
    );
    assert!(
        listed.contains(
            "/: DONE [\"attack\", \"dev\", \"etc\", \"home\", \"lib\", \"lib64\", \"proc\", \"tmp\", \"usr\"]"
        ),
        "{listed}"
    );
}

pub(crate) fn p18_private_files_are_private(world: &World) {
    for &level in world.levels {
        let nested = level == Level::Nested;
        let path = if nested { world.path("home/kubeconfig") } else { "/run/job/kubeconfig".to_owned() };
        let mut plan = world.plan(level, "print", &[&path]);
        plan.files = vec![PrivateFile { path: path.clone(), content: b"token: hunter2\n".to_vec() }];
        assert_eq!(world.says(&plan), "token: hunter2\n");
        assert!(!std::path::Path::new(&path).exists(), "gone with the job");
        plan.argv = world.plan(level, "write", &[&path]).argv;
        assert!(!world.says(&plan).contains("DONE"), "mode 0400");
    }
}

pub(crate) fn p18_no_privilege_is_left(world: &World) {
    let said = world.says(&world.plan(Level::Strict, "state", &[]));
    // The attacker's own run-time ignores SIGPIPE (bit 12); everything else is as at a fresh login.
    for line in [
        "Uid:\t1000\t1000\t1000\t1000",
        "Gid:\t1000\t1000\t1000\t1000",
        "CapInh:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "SigBlk:\t0000000000000000",
        "SigIgn:\t0000000000001000",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    if rustix::process::geteuid().is_root() {
        // A set-uid copy of the attacker, owned by the host's root.
        let trap = world.path("set-uid");
        fs::copy(&world.program, &trap).unwrap();
        fs::set_permissions(&trap, Permissions::from_mode(0o4755)).unwrap();
        let mut plan = world.plan(Level::Strict, "state", &[]);
        plan.root.push(Mount { source: trap.into(), target: "/set-uid".into(), kind: MountKind::File });
        plan.argv[0] = "/set-uid".into();
        let said = world.says(&plan);
        assert!(said.contains("Uid:\t1000\t1000\t1000\t1000"), "{said}");
        assert!(said.contains("CapPrm:\t0000000000000000"), "{said}");
        let outcome = world.run_plan(&world.plan(Level::Strict, "arguments", &[]));
        assert!(outcome.applied.unwrap().steps.contains(&Step::OwnUid));
    }
}

pub(crate) fn p18_no_privilege_is_left_at_nested(world: &World) {
    let said = world.says(&world.plan(Level::Nested, "status", &[]));
    assert_eq!(said, "no_new_privs true\ncapabilities none\nroot false\nseccomp 2\n");
    let root = rustix::process::geteuid().is_root();
    let steps = world.run_plan(&world.plan(Level::Nested, "arguments", &[])).applied.unwrap().steps;
    assert_eq!(steps.contains(&Step::OwnUid), root);
    if root {
        // A set-uid copy of the attacker, owned by the host's root.
        let trap = world.path("set-uid");
        fs::copy(&world.program, &trap).unwrap();
        fs::set_permissions(&trap, Permissions::from_mode(0o4755)).unwrap();
        let mut plan = world.plan(Level::Nested, "status", &[]);
        plan.root.push(Mount { source: trap.clone().into(), target: trap.clone(), kind: MountKind::File });
        plan.argv[0] = trap;
        assert_eq!(world.says(&plan), said);
    }
}

pub(crate) fn p18_forbidden_system_calls(world: &World) {
    for &level in world.levels {
        let said = world.says(&world.plan(level, "system-calls", &[]));
        assert_eq!(said.lines().count(), 26, "{said}");
        for line in said.lines() {
            let expected = if line.starts_with("clone3:") { "ENOSYS" } else { "EPERM" };
            assert!(line.ends_with(&format!(": {expected}")), "{level}: {line}");
        }
    }
}

pub(crate) fn p18_the_root_is_read_only(world: &World) {
    let paths = [
        "/x",
        "/usr/x",
        "/etc/passwd",
        "/attack",
        "/dev/x",
        "/proc/1/oom_score_adj",
        "/proc/self/oom_score_adj",
        "/home/x",
        "/lib64/x",
    ];
    let said = world.says(&world.plan(Level::Strict, "write", &paths));
    assert!(!said.contains("DONE") && said.lines().count() == paths.len(), "{said}");
    let said = world.says(&world.plan(Level::Strict, "write", &["/tmp/x", "/home/job/x", "/dev/null"]));
    assert_eq!(said.matches("DONE").count(), 3, "{said}");
}

pub(crate) fn p18_the_home_alone_is_writable_at_nested(world: &World) {
    fs::create_dir(world.folder.join("open")).unwrap();
    fs::set_permissions(world.folder.join("open"), Permissions::from_mode(0o777)).unwrap();
    let said = world.says(&world.plan(
        Level::Nested,
        "write",
        &[&world.path("open/x"), &world.path("home/x"), "/tmp/x-of-a-jail"],
    ));
    assert_eq!(said.lines().map(|l| l.contains("DONE")).collect::<Vec<_>>(), [false, true, false], "{said}");
}

pub(crate) fn p18_written_files_do_not_execute_unless_allowed(world: &World) {
    for &level in world.levels {
        let path = if level == Level::Nested { world.path("home/tool") } else { "/home/job/tool".to_owned() };
        let mut plan = world.plan(level, "execute", &[&path]);
        assert_eq!(world.says(&plan), "EACCES\n", "{level}");
        plan.writable = Writable::Exec;
        assert_eq!(world.says(&plan), "DONE true\n", "{level}");
    }
}

pub(crate) fn p19_jobs_do_not_see_each_other(world: &World) {
    let mut plan = world.plan(Level::Strict, "mark-and-wait", &["of the first job"]);
    plan.env = [("SECRET", "of the first job")].into_iter().collect();
    let mut first = world.spawn(&plan);
    let mut ready = [0; 6];
    first.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let said = world.says(&world.plan(Level::Strict, "list", &["/proc", "/tmp", "/home/job"]));
    assert_eq!(said, "/proc: DONE [\"2\", \"self\", \"thread-self\"]\n/tmp: DONE []\n/home/job: DONE []\n");
    drop(first);
}

/// A job at `nested` that wrote a mark into its home and waits, with its process id. The second job has another user
/// where the worker can give it one, and the same where it cannot.
fn neighbour(world: &World, level: Level) -> (Jailed, Plan) {
    let mut plan = world.plan(level, "mark-and-wait", &["of the first job"]);
    plan.env = [("SECRET", "of the first job")].into_iter().collect();
    let mut jailed = world.spawn(&plan);
    let mut ready = [0; 6];
    jailed.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    (jailed, plan)
}

/// The second job's plan: a home and a user of its own.
fn second(world: &World, level: Level, attack: &str, arguments: &[&str]) -> Plan {
    let mut plan = world.plan(level, attack, arguments);
    plan.uid = job_user(1);
    if level == Level::Nested {
        plan.home = world.path("second");
        plan.workdir.clone_from(&plan.home);
    }
    plan
}

pub(crate) fn p19_jobs_do_not_see_each_other_at_nested(world: &World) {
    let (first, plan) = neighbour(world, Level::Nested);
    let pid = command_of(&first);
    let paths = [
        format!("{}/mark", plan.home),
        format!("/proc/{pid}/environ"),
        format!("/proc/{pid}/cmdline"),
        format!("/proc/{pid}/mem"),
        format!("/proc/{pid}/root/etc/hostname"),
        "/proc/self/environ".to_owned(),
    ];
    let said = world.says(&second(world, Level::Nested, "read", &paths.each_ref().map(String::as_str)));
    assert!(!said.contains("DONE") && said.lines().count() == paths.len(), "{said}");
    let said = world.says(&second(world, Level::Nested, "list", &["/proc", &plan.home, &world.path("")]));
    assert!(!said.contains("DONE"), "{said}");
    assert_eq!(fs::read_to_string(format!("{}/mark", plan.home)).unwrap(), "of the first job", "the mark was there");
    drop(first);
}

/// The command's process id on the host: the launcher's only child, or at `strict` init's.
fn command_of(jailed: &Jailed) -> u32 {
    let id = jailed.launcher.id();
    fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap().trim().parse().unwrap()
}

pub(crate) fn p19_jobs_do_not_harm_each_other(world: &World) {
    for &level in world.levels {
        let (first, _) = neighbour(world, level);
        let worker = std::process::id().to_string();
        for victim in [command_of(&first).to_string(), first.launcher.id().to_string(), worker] {
            let said = world.says(&second(world, level, "harm", &[&victim]));
            assert!(!said.contains("DONE") && said.lines().count() == 10, "{level}: {said}");
        }
        first.link.kill().unwrap();
        assert!(first.link.records().last().unwrap().is_ok(), "it lived until now");
    }
}
