//! Greedy jobs end themselves alone, and nothing is left of any job.

use std::fs;

use countersign_jail::{End, Level, Step};
use rustix::process::{WaitOptions, wait};

use crate::harness::World;

pub(crate) fn p45_fork_bomb(world: &World) {
    for &level in world.levels {
        let mut bomb = world.plan(level, "fork-bomb", &[]);
        bomb.limits.processes = 40;
        let started: u64 = world.says(&bomb).trim().parse().unwrap();
        // Where the job shares its user, the tests' own processes come and go within the limit.
        assert!((20..=60).contains(&started), "{level}: {started}");
        assert_eq!(world.says(&world.plan(level, "arguments", &[])), "[]\n", "others run");
    }
}

pub(crate) fn p45_memory_bomb(world: &World) {
    for &level in world.levels {
        let mut bomb = world.plan(level, "memory-bomb", &[]);
        bomb.limits.memory_bytes = 64 << 20;
        let outcome = world.run_plan(&bomb);
        let exit = outcome.end.unwrap();
        assert_ne!(exit.end, End::Code(0), "{level}: {}", outcome.out);
        assert!(exit.max_rss_bytes < 80 << 20, "{level}: {}", exit.max_rss_bytes);
    }
    if !world.has_strict() {
        return;
    }
    // The sum of a job's processes counts where a control group could be made.
    let mut many = world.plan(Level::Strict, "hoard-together", &[]);
    many.limits.memory_bytes = 64 << 20;
    let outcome = world.run_plan(&many);
    let grouped = outcome.applied.unwrap().steps.contains(&Step::Cgroup);
    assert_eq!(outcome.end.unwrap().out_of_memory, grouped, "{}", outcome.err);
    assert_eq!(world.says(&world.plan(Level::Strict, "arguments", &[])), "[]\n", "others run");
}

pub(crate) fn p45_descriptor_leak(world: &World) {
    for &level in world.levels {
        let mut leak = world.plan(level, "descriptors", &[]);
        leak.limits.open_files = 32;
        assert_eq!(world.says(&leak), "32\n", "{level}");
    }
}

pub(crate) fn p45_disk_filler(world: &World) {
    for place in ["/tmp", "/home/job"] {
        let total: u64 = world.says(&world.plan(Level::Strict, "fill", &[place])).trim().parse().unwrap();
        assert!((3 << 20..=4 << 20).contains(&total), "{place}: {total}");
    }
    let mut plan = world.plan(Level::Strict, "fill", &["/tmp"]);
    plan.limits.file_bytes = 128 << 10;
    assert_eq!(world.run_plan(&plan).end.unwrap().end, End::Signal(libc::SIGXFSZ));
}

pub(crate) fn p45_cpu_hog(world: &World) {
    for &level in world.levels {
        let mut plan = world.plan(level, "spin", &[]);
        plan.limits.cpu_seconds = 1;
        let exit = world.run_plan(&plan).end.unwrap();
        assert!([End::Signal(libc::SIGKILL), End::Signal(libc::SIGXCPU)].contains(&exit.end), "{level}: {exit:?}");
        assert!((900..2000).contains(&exit.cpu_ms), "{level}: {exit:?}");
    }
}

pub(crate) fn p46_nothing_is_left_after_many_jobs(world: &World) {
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = (descriptors(), groups());
    for level in world.levels.iter().copied().chain([Level::None]) {
        for _ in 0..20 {
            let exit = world.run_plan(&world.plan(level, "arguments", &[])).end.unwrap();
            assert_eq!((exit.end, exit.left_behind), (End::Code(0), Vec::new()));
        }
    }
    assert_eq!((descriptors(), groups()), before);
    assert!(wait(WaitOptions::NOHANG).is_err(), "no child, dead or alive");
    assert_eq!(fs::read_dir(&world.folder).unwrap().count(), 0, "no private directory");
}

/// Control groups of jobs, anywhere on the host that we can see. Other jobs of this machine may come and go.
fn groups() -> usize {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let folders = own.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        fs::read_dir(format!("/sys/fs/cgroup/{controllers}{path}")).ok()
    });
    let names = folders.flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| {
            name.strip_prefix("countersign-job-").is_some_and(|pid| fs::metadata(format!("/proc/{pid}")).is_err())
        })
        .count()
}

pub(crate) fn p47_a_planted_link_is_removed_not_followed(world: &World) {
    fs::create_dir(world.folder.join("precious")).unwrap();
    fs::write(world.folder.join("precious/file"), "kept").unwrap();
    world.says(&world.plan(Level::Nested, "link", &[&world.path("precious"), &world.path("home/link")]));
    assert!(!world.folder.join("home").exists());
    assert_eq!(fs::read_to_string(world.folder.join("precious/file")).unwrap(), "kept");
    // A directory somebody prepared beforehand is not taken over.
    std::os::unix::fs::symlink(world.folder.join("precious"), world.folder.join("home")).unwrap();
    let outcome = world.run_plan(&world.plan(Level::Nested, "arguments", &[]));
    assert_eq!(outcome.end.unwrap_err().step, "home");
    assert!(world.folder.join("precious/file").exists() && outcome.out.is_empty());
}
