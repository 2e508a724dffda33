//! A real git and a real repository in a folder.

#![expect(clippy::disallowed_methods, reason = "the repository is made by git itself")]

use super::*;
use std::path::Path;
use tempfile::TempDir;

const GIT: &str = "/usr/bin/git";

struct Home {
    folder: TempDir,
    commit: String,
}

fn git(folder: &Path, words: &[&str]) -> String {
    let output = std::process::Command::new(GIT)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-C"])
        .arg(folder)
        .args(words)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    git(path, &["init", "--quiet", "--initial-branch=main", "."]);
    std::fs::create_dir(path.join("web")).unwrap();
    std::fs::write(path.join("web/settings.yaml"), "kind: ConfigMap\n").unwrap();
    std::fs::write(path.join("long.yaml"), "x".repeat(Input::MOST_BYTES + 1)).unwrap();
    std::fs::write(path.join("binary.yaml"), [0xff, 0xfe]).unwrap();
    git(path, &["add", "."]);
    git(path, &["commit", "--quiet", "-m", "first"]);
    let commit = git(path, &["rev-parse", "HEAD"]);
    // What is fetched is the commit that was named, whatever the branch is now.
    std::fs::write(path.join("web/settings.yaml"), "kind: Secret\n").unwrap();
    git(path, &["commit", "--quiet", "-am", "second"]);
    Home { folder, commit }
}

impl Home {
    fn repository(&self) -> Repository {
        let address = format!("file://{}", self.folder.path().display());
        Repository { address, credential: None, ca: None, github: None }
    }

    fn source(commit: &str, path: &str) -> Source {
        let mut vocabulary = countersign_command::Vocabulary::default();
        vocabulary.repositories.insert("manifests".into());
        let text = format!("/kubectl apply -f manifests@{commit}:{path}");
        countersign_command::wants(&text, &vocabulary).unwrap().unwrap()
    }

    async fn fetch(&self, path: &str) -> Result<String, FetchError> {
        fetch(&self.repository(), &Self::source(&self.commit, path)).await
    }
}

#[tokio::test]
async fn a_file_is_fetched_as_it_was_in_that_commit() {
    assert_eq!(home().fetch("web/settings.yaml").await.unwrap(), "kind: ConfigMap\n");
}

#[tokio::test]
async fn what_is_no_text_file_of_the_commit_is_told_apart() {
    let home = home();
    assert!(matches!(home.fetch("web/other.yaml").await, Err(FetchError::File(FileError::NoFile))));
    assert!(matches!(home.fetch("web").await, Err(FetchError::File(FileError::NoFile))));
    assert!(matches!(home.fetch("long.yaml").await, Err(FetchError::File(FileError::TooLong(_)))));
    assert!(matches!(home.fetch("binary.yaml").await, Err(FetchError::NotText)));
    let nowhere = Home::source(&"0".repeat(40), "web/settings.yaml");
    assert!(matches!(fetch(&home.repository(), &nowhere).await, Err(FetchError::Git(GitError::NoCommit(_)))));
}

/// A catalog that somebody got at must not make git start a program.
#[tokio::test]
async fn p31_git_speaks_https_and_file_alone() {
    let home = home();
    let touched = home.folder.path().join("touched");
    for address in [
        format!("ext::touch {}", touched.display()),
        "ssh://127.0.0.1:1/x".to_owned(),
        "git://127.0.0.1:1/x".to_owned(),
        "http://127.0.0.1:1/x".to_owned(),
        format!("--upload-pack=touch {}", touched.display()),
    ] {
        let repository = Repository { address: address.clone(), credential: None, ca: None, github: None };
        let fetched = fetch(&repository, &Home::source(&home.commit, "web/settings.yaml")).await;
        assert!(matches!(fetched, Err(FetchError::Git(GitError::Address))), "{address}: {fetched:?}");
        assert!(!touched.exists(), "{address}");
    }
}
