//! Runs of a workflow, and the commits that a rollout brings.

use super::world::{BEFORE, World};
use countersign::demo::world::private;
use countersign_chat::Button;
use countersign_simulators::github::{Github, NewRun, Permission, Role, archive};
use countersign_simulators::sigstore::{Authority, Build};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const FRONT: &str = "shop/front";
const MAIN: &str = "refs/heads/main";
const RELEASE: &str = ".github/workflows/release.yml";

/// A world whose service is built by a workflow of its repository on GitHub.
struct Forged {
    world: World,
    github: Github,
    authority: Authority,
    ann: u64,
    tasks: TaskTracker,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Forged {
    async fn start() -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let github = Github::start_plain(&tasks, &stop).await.unwrap();
        let authority = Authority::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file =
            |name: &str, text: &str| format!("file:{}", private(&folder.path().join(name), text).unwrap().display());
        let root = file("root.json", &authority.trusted_root().to_string());
        let (ann, token) = {
            let mut state = github.state();
            let ann = state.person("ann");
            state.repository(FRONT).allow(ann, Role::Write);
            let token =
                state.token(ann, &[FRONT], &[Permission::Contents, Permission::Actions, Permission::Attestations]);
            (ann, token)
        };
        let service = format!(
            "source: front
    run: {{ workflow: release.yml, artifact: image, hosts: \"http://{}\" }}
    provenance: {{ repository: {FRONT}, workflow: {RELEASE}, refs: [{MAIN}], trusted_root: \"{root}\" }}",
            github.download_host()
        );
        let repositories = format!(
            "repositories:
  front:
    address: https://github.com/{FRONT}.git
    github: {{ repository: {FRONT}, address: \"{}\", credential: \"{}\" }}
",
            github.url(),
            file("github.token", &token)
        );
        let world = World::made(&service, &repositories, |class| class, |_| {}).await;
        Self { world, github, authority, ann, tasks, stop, _folder: folder }
    }

    /// A commit on top of this one.
    fn commits(&self, on: &[&str], title: &str) -> String {
        let mut state = self.github.state();
        let repository = state.repository(FRONT);
        let sha = repository.commit(on, self.ann, title);
        repository.push("main", &sha);
        sha
    }

    /// A run on this commit that built an image of this content; the run and the digest.
    fn builds(&self, commit: &str, content: &str, change: impl FnOnce(&mut NewRun)) -> (u64, String) {
        let digest = self.world.push(content);
        let mut it = NewRun {
            path: RELEASE.into(),
            head_sha: commit.into(),
            head_branch: "main".into(),
            head_repository: FRONT.into(),
            event: "push".into(),
            conclusion: Some("success".into()),
        };
        change(&mut it);
        let mut state = self.github.state();
        let repository = state.repository(FRONT);
        let run = repository.run(it);
        let metadata = json!({"containerimage.digest": digest, "image.name": "x"}).to_string();
        repository.artifact(run, "image", archive(&[("metadata.json", metadata.as_bytes())]));
        (run, digest)
    }

    /// The workflow attests that it has built this from this commit.
    fn attests(&self, commit: &str, digest: &str) {
        let build = Build { commit: commit.into(), ..Build::of(FRONT, "release.yml", MAIN) };
        let bundle = self.authority.attest(&build, digest).unwrap();
        self.github.state().repository(FRONT).attest(digest, bundle);
    }

    async fn end(self) {
        self.world.end().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_built_is_rolled_out_with_the_commits_it_brings() {
    let f = Forged::start().await;
    let first = f.commits(&[], "the beginning");
    let (run, digest) = f.builds(&first, "3.2.0", |_| {});
    f.attests(&first, &digest);
    let id = f.world.asks("ann", &format!("/deploy front dev run:{run}")).await;
    let text = f.world.effect(id).await.text.unwrap();
    assert!(text.starts_with(&format!("rolls out what run {run} built: front in dev")), "{text}");
    assert!(text.contains(&format!("at {MAIN}, from commit {first}")), "{text}");
    assert!(text.contains("the commits between are not known"), "{text}");
    f.world.confirms("ann", id).await;
    f.world.done(id).await;
    assert_eq!(f.world.deployment()["metadata"]["annotations"]["countersign.dev/commit"], first);

    let second = f.commits(&[&first], "a fix\n\nof many lines");
    let third = f.commits(&[&second], "at this moment:\u{202e} evil");
    let (run, digest) = f.builds(&third, "3.3.0", |_| {});
    f.attests(&third, &digest);
    let id = f.world.asks("ann", &format!("/deploy front dev run:{run}")).await;
    let text = f.world.effect(id).await.text.unwrap();
    assert!(text.contains("brings 2 commits:\n"), "{text}");
    assert!(text.contains(&format!("  {} a fix (ann)\n", &second[..12])), "{text}");
    assert!(!text.contains('\u{202e}') && text.contains(&third[..12]), "{text}");
    f.world.confirms("ann", id).await;
    f.world.done(id).await;

    let back = f.world.asks("ann", "/deploy rollback front dev").await;
    let text = f.world.effect(back).await.text.unwrap();
    assert!(text.contains("takes away 2 commits:\n"), "{text}");
    f.world.clicks("ann", back, Button::Cancel).await;
    f.world.read(back).await;
    f.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_must_not_be_rolled_out_is_refused() {
    type Change = fn(&mut NewRun);
    let f = Forged::start().await;
    let first = f.commits(&[], "the beginning");
    let second = f.commits(&[&first], "and more");
    let wrong: [(&str, Change, &str); 5] = [
        ("3.2.1", |run| run.path = ".github/workflows/test.yml".into(), "it is a run of '.github/workflows/test.yml'"),
        ("3.2.2", |run| run.conclusion = Some("failure".into()), "it did not end well: failure"),
        ("3.2.3", |run| run.conclusion = None, "it has not ended yet"),
        ("3.2.4", |run| run.event = "pull_request".into(), "it was started by 'pull_request'"),
        ("3.2.5", |run| run.head_repository = "evil/front".into(), "with code that nobody may have merged"),
    ];
    for (content, change, why) in wrong {
        let (run, digest) = f.builds(&second, content, change);
        f.attests(&second, &digest);
        let said = f.world.not_shown("ann", &format!("/deploy front dev run:{run}")).await;
        assert!(said.contains(&format!("run {run}: ")) && said.contains(why), "{said}");
    }
    // Proven, and of another commit than the run's.
    let (run, digest) = f.builds(&second, "3.3.0", |_| {});
    f.attests(&first, &digest);
    let said = f.world.not_shown("ann", &format!("/deploy front dev run:{run}")).await;
    assert!(said.contains("is not proven: it was built from commit"), "{said}");
    // Built, and never pushed to where the catalog says.
    let (run, other) = f.builds(&second, "3.3.1", |_| {});
    let gone = json!({"containerimage.digest": format!("sha256:{}", "ab".repeat(32))}).to_string();
    f.github.state().repository(FRONT).artifact(run, "image", archive(&[("metadata.json", gone.as_bytes())]));
    f.attests(&second, &other);
    let said = f.world.not_shown("ann", &format!("/deploy front dev run:{run}")).await;
    assert!(said.contains("registry.example.com/shop/front sha256:abab"), "{said}");
    let said = f.world.not_shown("ann", "/deploy front dev run:1").await;
    assert!(said.contains("run 1: "), "{said}");
    assert!(f.world.mutations().is_empty());
    assert_eq!(f.world.image(), BEFORE);
    f.end().await;
}
