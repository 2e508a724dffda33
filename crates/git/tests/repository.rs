//! A real git against a real git server: what is fetched, who is let in, and what never runs.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use countersign_git::{CallError, Commit, ExportError, FetchError, FileError, Limits, Repository};
use countersign_simulators::git::{Content, GitServer, Habit};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const TOKEN: &str = "t0ken-that-nobody-else-has";

struct Site {
    folder: TempDir,
    server: GitServer,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path().join("served")).await;
        std::fs::write(folder.path().join("ca.pem"), server.ca_pem()).unwrap();
        server.create("manifests").await.unwrap();
        Self { folder, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn commit(&self, text: &str) -> Commit {
        self.commits("main", &[Content::text("web/settings.yaml", text)]).await
    }

    async fn commits(&self, branch: &str, content: &[Content]) -> Commit {
        self.server.commit("manifests", branch, content).await.unwrap().parse().unwrap()
    }

    fn repository(&self) -> Repository {
        Repository {
            authorities: Some(self.path("ca.pem")),
            limits: Limits { deadline: Duration::from_mins(1), ..Limits::default() },
            ..Repository::at(self.server.url("manifests"))
        }
    }

    fn with_token(&self, token: &str) -> Repository {
        let path = self.path("token");
        std::fs::write(&path, format!("{token}\n")).unwrap();
        Repository { credential: Some(path), ..self.repository() }
    }
}

async fn serve(root: PathBuf) -> GitServer {
    GitServer::start(&TaskTracker::new(), CancellationToken::new(), root).await.unwrap()
}

async fn settings(repository: &Repository, commit: &Commit) -> Result<String, FetchError> {
    let fetched = repository.fetch(commit).await?;
    assert_eq!(fetched.commit(), commit);
    Ok(String::from_utf8(fetched.file("web/settings.yaml", 1_000).await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_commit_is_fetched_by_its_id_wherever_its_branch_is_now() {
    let site = Site::new().await;
    let (first, second) = (site.commit("first").await, site.commit("second").await);
    let repository = site.repository();
    assert_eq!(settings(&repository, &first).await.unwrap(), "first");
    assert_eq!(settings(&repository, &second).await.unwrap(), "second");
    assert_eq!(repository.head("main").await.unwrap(), second);
    assert!(matches!(repository.head("other").await, Err(FetchError::NoBranch)));
    assert!(matches!(repository.head("--upload-pack=x").await, Err(FetchError::Branch)));
    let nowhere: Commit = "1".repeat(40).parse().unwrap();
    let error = repository.fetch(&nowhere).await.unwrap_err();
    assert!(matches!(error, FetchError::NoCommit(_)), "{error:?}");
}

#[tokio::test]
async fn a_branch_is_not_taken_for_one_whose_name_ends_like_it() {
    let site = Site::new().await;
    let other = site.commits("x/refs/heads/main", &[Content::text("a", "other")]).await;
    assert!(matches!(site.repository().head("main").await, Err(FetchError::NoBranch)));
    let main = site.commit("main").await;
    assert_ne!(main, other);
    assert_eq!(site.repository().head("main").await.unwrap(), main);
}

/// A server gives every commit it has by its id, those that were pushed to a fork as well.
#[tokio::test]
async fn a_commit_that_no_branch_leads_to_is_refused() {
    let site = Site::new().await;
    site.commit("reviewed").await;
    let stray = site.commits("fork", &[Content::text("web/settings.yaml", "of a stranger")]).await;
    assert_eq!(settings(&site.repository(), &stray).await.unwrap(), "of a stranger");
    site.server.forget_branch("manifests", "fork").await.unwrap();
    let error = site.repository().fetch(&stray).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable), "{error:?}");
}

#[tokio::test]
async fn a_credential_opens_what_is_closed_and_a_wrong_one_is_told() {
    let site = Site::new().await;
    let commit = site.commit("closed").await;
    site.server.require_token("manifests", TOKEN);
    assert_eq!(settings(&site.with_token(TOKEN), &commit).await.unwrap(), "closed");
    for repository in [site.with_token("another"), site.repository()] {
        let error = repository.fetch(&commit).await.unwrap_err();
        assert!(matches!(error, FetchError::Refused(_)), "{error:?}");
        assert!(error.to_string().contains("does not let us in"), "{error}");
        assert!(matches!(repository.head("main").await, Err(FetchError::Refused(_))));
    }
    let error = Repository { credential: Some(site.path("nowhere")), ..site.repository() }.head("main").await;
    assert!(matches!(error, Err(FetchError::Credential(_))), "{error:?}");
}

/// Everything the kernel shows of processes, and everything that is told, while a server keeps us waiting.
#[tokio::test]
async fn p24_a_credential_is_in_no_argument_no_environment_and_no_error() {
    let site = Site::new().await;
    let commit = site.commit("closed").await;
    site.server.require_token("manifests", TOKEN);
    site.server.behave("manifests", Habit::Silent);
    let mut repository = site.with_token(TOKEN);
    repository.limits.deadline = Duration::from_secs(5);
    let asked = async { repository.fetch(&commit).await };
    let looked = async {
        until(|| !site.server.requests().is_empty()).await;
        processes()
    };
    let (fetched, seen) = tokio::join!(asked, looked);
    let proof = {
        let requests = site.server.requests();
        requests[0].authorization.clone().expect("it was sent").trim_start_matches("Basic ").to_owned()
    };
    let ours: Vec<_> = seen.iter().filter(|one| one.contains(&site.server.url("manifests"))).collect();
    assert!(!ours.is_empty(), "git was seen: {}", seen.len());
    for shown in &seen {
        assert!(!shown.contains(TOKEN) && !shown.contains(&proof), "{shown}");
    }
    let error = fetched.unwrap_err();
    assert!(matches!(error, FetchError::TooSlow(_)), "{error:?}");
    site.server.behave("manifests", Habit::Serves);
    let told = format!("{:?} {repository:?}", site.with_token("wr0ng-token").fetch(&commit).await);
    assert!(!told.contains("wr0ng-token") && !told.contains("Basic "), "{told}");
}

#[tokio::test]
async fn p24_a_redirect_is_not_followed_and_takes_no_credential_along() {
    let site = Site::new().await;
    let commit = site.commit("here").await;
    let elsewhere = serve(site.path("elsewhere")).await;
    elsewhere.create("manifests").await.unwrap();
    let to = elsewhere.url("manifests").trim_end_matches("/manifests.git").to_owned();
    site.server.require_token("manifests", TOKEN);
    site.server.behave("manifests", Habit::Redirects { to });
    let error = site.with_token(TOKEN).fetch(&commit).await.unwrap_err();
    assert!(matches!(error, FetchError::Redirected(_)), "{error:?}");
    assert_eq!(elsewhere.requests(), []);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_read() {
    let site = Site::new().await;
    let commit = site.commit("x").await;
    let error = Repository { authorities: None, ..site.repository() }.fetch(&commit).await.unwrap_err();
    assert!(matches!(error, FetchError::Unavailable(_)), "{error:?}");
    assert_eq!(site.server.requests(), []);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_and_nothing_of_git_is_left() {
    let site = Site::new().await;
    let commit = site.commit("x").await;
    site.server.behave("manifests", Habit::Silent);
    let mut repository = site.repository();
    repository.limits.deadline = Duration::from_secs(2);
    let error = repository.fetch(&commit).await.unwrap_err();
    assert!(matches!(error, FetchError::TooSlow(_)), "{error:?}");
    let url = site.server.url("manifests");
    until(|| processes().iter().all(|one| !one.contains(&url))).await;
}

#[tokio::test]
async fn more_than_may_be_fetched_is_not_fetched() {
    let site = Site::new().await;
    // Random bytes do not get smaller.
    let mut bytes = vec![0_u8; 3 << 20];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").unwrap(), &mut bytes).unwrap();
    let commit = site.commits("main", &[Content::File { path: "large".into(), bytes }]).await;
    let mut repository = site.repository();
    assert_eq!(repository.fetch(&commit).await.unwrap().file("large", 4 << 20).await.unwrap().len(), 3 << 20);
    repository.limits.pack_bytes = 1 << 20;
    let error = repository.fetch(&commit).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge(_)), "{error:?}");
}

#[tokio::test]
async fn a_file_is_what_the_commit_has_or_told_apart() {
    let site = Site::new().await;
    let commit = site.commit("0123456789").await;
    let fetched = site.repository().fetch(&commit).await.unwrap();
    assert_eq!(fetched.file("web/settings.yaml", 10).await.unwrap(), b"0123456789");
    assert!(matches!(fetched.file("web/settings.yaml", 9).await, Err(FileError::TooLong(9))));
    for path in ["web", "nowhere", "", "a\nb", "../x"] {
        assert!(matches!(fetched.file(path, 10).await, Err(FileError::NoFile)), "{path:?}");
    }
}

/// What a repository brings along that a git with a work tree, or with its settings, would run.
fn traps(touched: &Path) -> Vec<Content> {
    let touch = format!("#!/bin/sh\ntouch {}\n", touched.display());
    let settings = format!(
        "[core]\n\tfsmonitor = touch {0}\n\thooksPath = hooks\n\tsshCommand = touch {0}\n[filter \"x\"]\n\tsmudge = touch {0}\n\tprocess = touch {0}\n\trequired = true\n",
        touched.display()
    );
    let program = |path: &str| Content::Program { path: path.into(), bytes: touch.clone().into_bytes() };
    vec![
        program("hooks/post-checkout"),
        program("hooks/reference-transaction"),
        Content::text("config", &settings),
        Content::text(".gitattributes", "* filter=x diff=x export-subst ident\nskipped.tf export-ignore\n"),
        Content::text(".gitmodules", "[submodule \"m\"]\n\tpath = m\n\turl = file:///nonexistent\n"),
        Content::text(".lfsconfig", "[lfs]\n\turl = https://127.0.0.1:1/\n"),
        Content::Submodule { path: "stack/m".into(), commit: "1".repeat(40) },
        Content::text("stack/main.tf", "# $Id$ $Format:%H$\r\n"),
        Content::text("stack/skipped.tf", "kept"),
        Content::text("stack/large.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        Content::Program { path: "stack/run.sh".into(), bytes: b"#!/bin/sh\n".to_vec() },
        Content::Link { path: "stack/modules/link.tf".into(), target: "../main.tf".into() },
    ]
}

#[tokio::test]
async fn p31_a_folder_is_written_out_as_it_was_committed_and_nothing_of_it_runs() {
    let site = Site::new().await;
    let touched = site.path("touched");
    let commit = site.commits("main", &traps(&touched)).await;
    let fetched = site.repository().fetch(&commit).await.unwrap();
    let into = tempfile::tempdir().unwrap();
    fetched.export("stack", into.path()).await.unwrap();
    let read = |name: &str| std::fs::read_to_string(into.path().join(name)).unwrap();
    assert_eq!(read("main.tf"), "# $Id$ $Format:%H$\r\n", "no filter, no line endings, no keywords");
    assert_eq!((read("skipped.tf").as_str(), read("modules/link.tf")), ("kept", read("main.tf")));
    assert!(read("large.bin").starts_with("version https://git-lfs"), "a pointer stays one");
    assert!(!into.path().join("m").exists() && !into.path().join(".git").exists());
    let mode = |name: &str| std::fs::metadata(into.path().join(name)).unwrap().permissions().mode() & 0o111;
    assert_eq!((mode("main.tf"), mode("run.sh") != 0), (0, true));
    let whole = tempfile::tempdir().unwrap();
    fetched.export("", whole.path()).await.unwrap();
    assert!(whole.path().join("hooks/post-checkout").is_file() && whole.path().join(".gitmodules").is_file());
    assert!(!touched.exists(), "something of the repository ran");
}

#[tokio::test]
async fn p31_what_no_honest_git_makes_is_not_taken() {
    let site = Site::new().await;
    let modules = "[submodule \"m\"]\n\tpath = m\n\turl = file:///x\n\tupdate = !touch x\n";
    for content in [
        Content::text(".gitmodules", modules),
        Content::Link { path: ".gitmodules".into(), target: "/etc/passwd".into() },
    ] {
        let commit = site.commits("main", std::slice::from_ref(&content)).await;
        let error = site.repository().fetch(&commit).await.unwrap_err();
        assert!(matches!(error, FetchError::Malformed(_)), "{content:?}: {error:?}");
    }
}

#[tokio::test]
async fn p31_a_folder_keeps_to_its_limits_and_to_its_place() {
    let site = Site::new().await;
    let fetch = async |content: &[Content], limits: Limits| {
        let commit = site.commits("main", content).await;
        Repository { limits, ..site.repository() }.fetch(&commit).await.unwrap()
    };
    let usual = site.repository().limits;
    let into = tempfile::tempdir().unwrap();
    for target in ["/etc/passwd", "../../outside", "a/../../outside"] {
        let link = Content::Link { path: "stack/link".into(), target: target.into() };
        let error = fetch(&[link], usual).await.export("", into.path()).await.unwrap_err();
        assert!(matches!(error, ExportError::Link(_)), "{target}: {error:?}");
        assert!(std::fs::symlink_metadata(into.path().join("stack/link")).is_err(), "{target}");
    }
    let many = [Content::text("a", "1234"), Content::text("b", "1234")];
    let error = fetch(&many, Limits { tree_files: 1, ..usual }).await.export("", into.path()).await.unwrap_err();
    assert!(matches!(error, ExportError::TooMany(1)), "{error:?}");
    let fetched = fetch(&many, Limits { tree_bytes: 7, ..usual }).await;
    assert!(matches!(fetched.export("", into.path()).await, Err(ExportError::TooLarge(7))));
    assert!(matches!(fetched.export("nowhere", into.path()).await, Err(ExportError::NoFolder)));
    assert!(matches!(fetched.export("../x", into.path()).await, Err(ExportError::NoFolder)));
    // What is there already is not written to.
    std::os::unix::fs::symlink(site.path("outside"), into.path().join("a")).unwrap();
    let error = fetch(&many, usual).await.export("", into.path()).await.unwrap_err();
    assert!(matches!(error, ExportError::Io(..)), "{error:?}");
    assert!(!site.path("outside").exists());
}

/// A catalog that somebody got at must not make git start a program.
#[tokio::test]
async fn p31_git_speaks_https_and_file_alone() {
    let site = Site::new().await;
    let commit = site.commit("x").await;
    let touched = site.path("touched");
    for address in [
        format!("ext::touch {}", touched.display()),
        "ssh://127.0.0.1:1/x".to_owned(),
        "git://127.0.0.1:1/x".to_owned(),
        site.server.url("manifests").replace("https", "http"),
        format!("--upload-pack=touch {}", touched.display()),
        site.server.url("manifests").replace("https://", "https://user:password@"),
    ] {
        let error = Repository::at(&address).fetch(&commit).await.unwrap_err();
        assert!(matches!(error, FetchError::Address), "{address}: {error:?}");
    }
    assert!(!touched.exists());
    let local = Repository::at(format!("file://{}", site.server.folder("manifests").display()));
    assert_eq!(settings(&local, &commit).await.unwrap(), "x");
}

#[tokio::test]
async fn nothing_that_was_fetched_is_left() {
    let site = Site::new().await;
    let commit = site.commit("x").await;
    let fetched = site.repository().fetch(&commit).await.unwrap();
    let call = CallError::TooSlow(Duration::ZERO);
    assert!(format!("{fetched:?} {call}").contains("countersign-git-"));
    let place = format!("{fetched:?}");
    let at = place.find("countersign-git-").unwrap();
    let name: String = place[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let folder = std::env::temp_dir().join(name);
    assert!(folder.is_dir());
    assert_eq!(std::fs::read_to_string(folder.join("settings")).unwrap(), "", "nor is a credential kept meanwhile");
    drop(fetched);
    assert!(!folder.exists());
}

/// Arguments and environment of every process that may be looked at.
fn processes() -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let texts = all.filter_map(|entry| {
        let read = |what: &str| std::fs::read(entry.path().join(what)).ok();
        let (line, environment) = (read("cmdline")?, read("environ").unwrap_or_default());
        Some(String::from_utf8_lossy(&[line, environment].concat()).replace('\0', " "))
    });
    texts.collect()
}

async fn until(is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waited).await.expect("it takes milliseconds");
}
