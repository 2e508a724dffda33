//! Heads as commits: a real git, a repository reached by `file://`.

use crate::installation::{Installation, LONG, until, writer};
use countersign_audit::anchor::{
    Anchor as _, Branch, CallError, GitError, GitPlace, GitProgram, GitSettings, Heads as _,
};
use countersign_audit::sink::Key;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A bare repository that others push to, and git as a person would run it.
pub(crate) struct Remote {
    pub(crate) path: PathBuf,
}

impl Remote {
    pub(crate) fn make(path: PathBuf) -> Self {
        let it = Self { path };
        std::fs::create_dir(&it.path).unwrap();
        git(&it.path, &["init", "--quiet", "--bare", "."]);
        it
    }

    pub(crate) async fn place(&self, it: &Installation, work: &str) -> GitPlace {
        GitPlace::open(self.settings(it, work)).await.unwrap()
    }

    fn settings(&self, it: &Installation, work: &str) -> GitSettings {
        GitSettings {
            program: GitProgram { deadline: Duration::from_mins(1), ..GitProgram::default() },
            repository: format!("file://{}", self.path.display()),
            branch: Branch::default(),
            work: it.path(work),
            author: ("Countersign".into(), "countersign@example.com".into()),
        }
    }

    /// A clone with a working folder, as an auditor has it.
    pub(crate) fn cloned(&self, to: PathBuf) -> PathBuf {
        let from = format!("file://{}", self.path.display());
        let name = to.to_str().unwrap().to_owned();
        git(&self.path, &["clone", "--quiet", "--branch", "countersign-heads", "--", &from, &name]);
        to
    }

    fn commits(&self) -> usize {
        git(&self.path, &["rev-list", "--count", "countersign-heads"]).trim().parse().unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "the test plays the people who use the repository")]
pub(crate) fn git(at: &Path, words: &[&str]) -> String {
    let done = std::process::Command::new("/usr/bin/git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"])
        .arg("-C")
        .arg(at)
        .args(words)
        .env_clear()
        .output()
        .unwrap();
    assert!(done.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

pub(crate) async fn look(clone: &Path) -> GitPlace {
    GitPlace::look(GitProgram::default(), clone, &Branch::default()).await.unwrap()
}

async fn read(place: &GitPlace) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for name in place.names().await.unwrap() {
        let bytes = place.head(&name).await.unwrap().unwrap();
        all.insert(name, String::from_utf8(bytes).unwrap());
    }
    all
}

fn named((key, note): &(Key, String)) -> (String, String) {
    (key.to_string(), note.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_push_at_the_same_time_lose_nothing() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let mut expected = BTreeMap::new();
    let mut processes = tokio::task::JoinSet::new();
    for nth in 0..3 {
        let (place, writer) = (remote.place(&it, &format!("work-{nth}")).await, writer());
        let heads: Vec<_> = (1..=6).map(|size| it.head(&writer, size * 700)).collect();
        expected.extend(heads.iter().map(named));
        processes.spawn(async move {
            for (key, note) in heads {
                // A push that lost too many races says so, and is sent again.
                while let Err(error) = place.keep(&key, &note).await {
                    assert!(format!("{error:?}").contains("Crowded"), "{error:?}");
                }
            }
        });
    }
    let all = async {
        while let Some(ended) = processes.join_next().await {
            ended.unwrap();
        }
    };
    tokio::time::timeout(LONG, all).await.expect("each gets its turn");
    assert_eq!(read(&remote.place(&it, "reader").await).await, expected);
    assert_eq!(remote.commits(), 18, "a commit a head, none twice");
    let clone = look(&remote.cloned(it.path("clone"))).await;
    assert_eq!(read(&clone).await, expected);
    assert_eq!(read(&look(&remote.path).await).await, expected, "bare as well");
    assert_eq!(clone.rewritten().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn the_same_head_again_is_fine_and_another_one_under_its_name_is_not() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let (one, other) = (remote.place(&it, "one").await, remote.place(&it, "other").await);
    let (key, note) = it.head(&writer(), 1);
    for place in [&one, &one, &other] {
        place.keep(&key, &note).await.unwrap();
    }
    for place in [&one, &other] {
        let error = place.keep(&key, "another").await.unwrap_err();
        assert!(format!("{error:?}").contains("Occupied"), "{error:?}");
    }
    assert_eq!(remote.commits(), 1);
}

#[tokio::test]
async fn a_repository_that_was_away_takes_the_next_head() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let place = remote.place(&it, "work").await;
    let writer = writer();
    let heads: Vec<_> = (1..=3).map(|size| it.head(&writer, size)).collect();
    place.keep(&heads[0].0, &heads[0].1).await.unwrap();
    std::fs::rename(&remote.path, it.path("away.git")).unwrap();
    assert!(place.keep(&heads[1].0, &heads[1].1).await.is_err());
    assert!(place.names().await.is_err());
    std::fs::rename(it.path("away.git"), &remote.path).unwrap();
    place.keep(&heads[2].0, &heads[2].1).await.unwrap();
    // A new process with the same working repository goes on, also after others pushed.
    drop(place);
    let place = remote.place(&it, "work").await;
    place.keep(&heads[1].0, &heads[1].1).await.unwrap();
    assert_eq!(read(&place).await, heads.iter().map(named).collect());
}

#[tokio::test]
async fn a_branch_that_somebody_removed_begins_anew() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let place = remote.place(&it, "work").await;
    let writer = writer();
    let (first, second, third) = (it.head(&writer, 1), it.head(&writer, 2), it.head(&writer, 3));
    remote.place(&it, "other").await.keep(&first.0, &first.1).await.unwrap();
    place.keep(&second.0, &second.1).await.unwrap();
    git(&remote.path, &["update-ref", "-d", "refs/heads/countersign-heads"]);
    place.keep(&third.0, &third.1).await.unwrap();
    let held = read(&look(&remote.path).await).await;
    assert_eq!(held.get(third.0.as_str()), Some(&third.1));
}

#[tokio::test]
async fn what_was_removed_changed_or_replaced_is_found_in_an_auditors_clone() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let place = remote.place(&it, "work").await;
    let writer = writer();
    let heads: Vec<_> = (1..=4).map(|size| it.head(&writer, size)).collect();
    for (key, note) in &heads[..3] {
        place.keep(key, note).await.unwrap();
    }
    let auditor = remote.cloned(it.path("auditor"));
    assert_eq!(look(&auditor).await.rewritten().await.unwrap(), [""; 0]);

    // Somebody with a clone removes one head and changes another.
    let vandal = remote.cloned(it.path("vandal"));
    let file = |nth: usize| {
        let name = heads[nth].0.as_str();
        let (folder, file) = name.rsplit_once('/').unwrap();
        format!("{folder}/00000000000000/000/{file}")
    };
    git(&vandal, &["rm", "--quiet", "--", &file(0)]);
    std::fs::write(vandal.join(file(1)), "changed").unwrap();
    git(&vandal, &["commit", "--quiet", "--all", "--message", "tidy"]);
    git(&vandal, &["push", "--quiet", "origin", "countersign-heads"]);
    git(&auditor, &["fetch", "--quiet"]);
    let rewritten = [heads[0].0.to_string(), heads[1].0.to_string()];
    assert_eq!(look(&auditor).await.rewritten().await.unwrap(), rewritten);
    assert_eq!(remote.place(&it, "fresh").await.rewritten().await.unwrap(), rewritten, "from the history alone");

    // Heads are still taken, and nothing of them is lost.
    place.keep(&heads[3].0, &heads[3].1).await.unwrap();
    assert_eq!(read(&look(&remote.path).await).await.get(heads[3].0.as_str()), Some(&heads[3].1));

    // Then the whole branch is replaced by one that never held the third.
    git(&vandal, &["checkout", "--quiet", "--orphan", "empty"]);
    git(&vandal, &["rm", "--quiet", "-r", "--cached", "."]);
    git(&vandal, &["commit", "--quiet", "--allow-empty", "--message", "nothing"]);
    git(&vandal, &["push", "--quiet", "--force", "origin", "empty:countersign-heads"]);
    git(&auditor, &["fetch", "--quiet"]);
    let lost = look(&auditor).await.rewritten().await.unwrap();
    assert!(lost.contains(&heads[2].0.to_string()), "{lost:?}");
}

#[tokio::test]
async fn strangers_in_the_branch_are_listed_by_their_paths_and_nothing_is_run() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let (key, note) = it.head(&writer(), 1);
    remote.place(&it, "work").await.keep(&key, &note).await.unwrap();
    let vandal = remote.cloned(it.path("vandal"));
    for (path, text) in [("heads/v1/evil note", "x"), ("README", "read me"), (key.as_str(), "forged")] {
        std::fs::write(vandal.join(path), text).unwrap();
    }
    std::fs::write(vandal.join("heads/v1/large"), vec![b'x'; 100_000]).unwrap();
    git(&vandal, &["add", "."]);
    git(&vandal, &["commit", "--quiet", "--message", "strangers"]);
    let place = look(&vandal).await;
    // The clone's own newer branch is not what was fetched.
    assert_eq!(place.names().await.unwrap(), [key.as_str()]);
    git(&vandal, &["push", "--quiet", "origin", "countersign-heads"]);
    let held = read(&place).await;
    let stranger = "heads/v1/evil note";
    assert_eq!(held.len(), 3, "{held:?}");
    assert_eq!((held[stranger].as_str(), held["heads/v1/large"].as_str()), ("x", ""));
    // A head's path has two spellings; both contents are seen.
    let both = place.heads(key.as_str()).await.unwrap();
    assert_eq!(both, [note.as_bytes(), b"forged"]);
    assert!(matches!(
        GitPlace::look(GitProgram::default(), &vandal, &Branch::parse("other").unwrap()).await,
        Err(GitError::NoBranch(..))
    ));
    assert!(place.keep(&key, &note).await.is_err(), "a clone is only read");
}

#[tokio::test]
async fn a_push_that_is_given_up_leaves_nothing_behind_that_refuses_the_next_one() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let place = remote.place(&it, "work").await;
    let writer = writer();
    for size in 1..=25 {
        let (key, note) = it.head(&writer, size);
        // Given up at another moment each time; whether it came to its end meanwhile does not matter.
        let _ = tokio::time::timeout(Duration::from_millis(size * 2), place.keep(&key, &note)).await;
    }
    let (key, note) = it.head(&writer, 26);
    place.keep(&key, &note).await.unwrap();
    let clone = look(&remote.path).await;
    assert_eq!(clone.head(key.as_str()).await.unwrap(), Some(note.into_bytes()));
    assert_eq!(clone.rewritten().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_lock_that_a_killed_git_left_is_removed_and_a_folder_has_one_process() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let place = remote.place(&it, "work").await;
    let writer = writer();
    let (first, second) = (it.head(&writer, 1), it.head(&writer, 2));
    place.keep(&first.0, &first.1).await.unwrap();
    let lock = it.path("work/refs/countersign/tip.lock");
    std::fs::write(&lock, "").unwrap();
    let error = GitPlace::open(remote.settings(&it, "work")).await.unwrap_err();
    assert!(matches!(error, GitError::BadSetting(_, "another process uses the folder")), "{error:?}");
    assert!(lock.exists(), "it is not the other's to remove");
    place.keep(&second.0, &second.1).await.unwrap();
    drop(place);
    remote.place(&it, "work").await;
}

/// A program in git's place. Another program writes it: a file that this process had open for writing
/// may still be open in a child that another test is just starting, and could not be run.
#[expect(clippy::disallowed_methods, reason = "the test plays the people who install a program")]
fn stand_in(it: &Installation, script: &str) -> GitProgram {
    let path = it.path("git");
    let written = std::process::Command::new("/bin/sh")
        .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""])
        .arg(&path)
        .arg(script)
        .status();
    assert!(written.unwrap().success());
    GitProgram { program: path, ..GitProgram::default() }
}

#[tokio::test]
async fn a_call_that_does_not_end_is_ended_with_all_it_started_and_may_tidy_up_first() {
    for deadline in [Duration::from_secs(5), Duration::from_hours(1)] {
        let it = Installation::new();
        let remote = Remote::make(it.path("remote.git"));
        let (child, tidy) = (it.path("child"), it.path("tidy"));
        // It removes what it would leave when it is asked to end; what it started does not listen. No other program is
        // in between: of one that ends by a signal the shell tells, and dies of it when nobody reads that.
        let script = format!(
            "trap 'echo > {tidy}; exit 1' TERM\n(trap '' TERM; exec sleep 1000) &\necho $! > {child}\nwait",
            child = child.display(),
            tidy = tidy.display(),
        );
        let program = GitProgram { deadline, ..stand_in(&it, &script) };
        let open = GitPlace::open(GitSettings { program, ..remote.settings(&it, "work") });
        let started = || async { child.is_file() };
        if deadline < LONG {
            let error = open.await.unwrap_err();
            assert!(matches!(error, GitError::Call(CallError::TooSlow(_))), "{error:?}");
        } else {
            // Whoever asked goes away in the middle of it.
            tokio::select! {
                _ = open => panic!("it does not end"),
                () = until("its start", started) => {}
            }
        }
        assert!(tidy.is_file(), "it was asked to end before it was killed");
        let pid = std::fs::read_to_string(&child).unwrap();
        let process = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
        let gone = || async {
            let stat = std::fs::read_to_string(&process);
            // Dead, and perhaps not yet waited for by whoever inherited it.
            stat.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
        };
        until("the end of what git started", gone).await;
    }
}

#[tokio::test]
async fn git_gets_an_environment_of_our_own_and_what_the_operator_gave() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let told = it.path("told");
    let script = format!("env > {0}; echo \"$@\" >> {0}", told.display());
    let program = GitProgram {
        home: Some("/home/operator".into()),
        ssh_auth_sock: Some("/run/agent".into()),
        ssh_command: Some("ssh -i key".into()),
        ..stand_in(&it, &script)
    };
    GitPlace::open(GitSettings { program, ..remote.settings(&it, "work") }).await.unwrap();
    let told = std::fs::read_to_string(&told).unwrap();
    for line in ["HOME=/home/operator", "SSH_AUTH_SOCK=/run/agent", "GIT_SSH_COMMAND=ssh -i key"] {
        assert!(told.lines().any(|one| one == line), "{told}");
    }
    assert!(!told.contains("CARGO") && told.contains("-c protocol.ext.allow=never -c core.hooksPath=/dev/null"));
}

#[tokio::test]
async fn settings_that_could_be_taken_for_something_else_are_refused() {
    let it = Installation::new();
    let remote = Remote::make(it.path("remote.git"));
    let good = || remote.settings(&it, "work");
    let relative = GitProgram { program: "git".into(), ..GitProgram::default() };
    std::fs::create_dir(it.path("full")).unwrap();
    std::fs::write(it.path("full/letter"), "dear").unwrap();
    for settings in [
        GitSettings { repository: "--upload-pack=sh".into(), ..good() },
        GitSettings { repository: "ext::sh -c true".into(), ..good() },
        GitSettings { author: ("A\nB".into(), "a@b".into()), ..good() },
        GitSettings { author: ("A".into(), "a@b> 0 +0000\nfrom x".into()), ..good() },
        GitSettings { program: relative, ..good() },
        GitSettings { work: it.path("full"), ..good() },
    ] {
        let error = GitPlace::open(settings).await.unwrap_err();
        assert!(matches!(error, GitError::BadSetting(..)), "{error:?}");
    }
}
