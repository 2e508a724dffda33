//! Signed heads at places that are no folders, as installed programs send them.

use crate::program::{Program, run, told, until};
use crate::site::{DEPLOYMENT, Site};
use countersign_audit::anchor::{Branch, GitPlace, GitProgram, Heads as _};
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

/// git as a person of this machine would run it.
async fn git(arguments: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "a repository for the test")]
    let mut command = tokio::process::Command::new("/usr/bin/git");
    command.args(arguments).env_clear().env("GIT_CONFIG_NOSYSTEM", "1");
    let (code, said) = told(&run(command).await);
    assert_eq!(code, Some(0), "{said}");
}

/// What an auditor finds who has the folder of the log and a clone of the heads' repository.
async fn audited(site: &Site, clone: &Path) -> (Option<i32>, String) {
    let mut command = crate::program::plain("countersign");
    command.args(["audit", "verify", "--deployment", DEPLOYMENT, "--anchors", &format!("git:{}", clone.display())]);
    command.arg("--audit").arg(site.path("audit")).arg("--fate").arg(site.path("fate"));
    command.arg("--root").arg(site.path("keys/root.pub"));
    told(&run(command).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_go_to_a_repository_and_a_log_host_and_miss_what_is_cut_off() {
    let site = Site::prepare("1").await;
    let (repository, clone) = (site.path("heads.git"), site.path("clone.git"));
    let text = |path: &Path| path.to_str().expect("a temporary folder has a plain name").to_owned();
    git(&["init", "--quiet", "--bare", &text(&repository)]).await;
    std::fs::create_dir(site.path("work")).expect("the folder is ours");
    let log_host = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    log_host.set_read_timeout(Some(Duration::from_mins(1))).expect("it is a duration");
    let anchors = format!(
        "anchors: [{{ git: {{ repository: \"file://{}\", work: {} }} }}, {{ syslog: \"udp://{}\" }}]",
        repository.display(),
        site.path("work").display(),
        log_host.local_addr().expect("it is bound")
    );
    let change = |configuration: &Path| {
        let told = std::fs::read_to_string(configuration).expect("it was written");
        let changed = told.replace(&format!("anchors: [{}]", site.path("anchors").display()), &anchors);
        assert_ne!(told, changed);
        site.write(configuration.file_name().and_then(|name| name.to_str()).expect("it has one"), &changed)
    };
    let gateway = Program::start("countersign-gateway", &change(&site.gateway("gateway-1"))).await;
    site.connect(&gateway);
    let worker = Program::start("countersign-worker", &change(&site.worker("worker-1", "jobs"))).await;
    site.asks("/nap", "--apply", ": done").await;
    // A place's name tells what it is, and each has its own number.
    until("both places took a head", async || {
        let (_, numbers) = gateway.page("/metrics").await;
        let of = |place: &str| numbers.contains(&format!("anchor_lag_seconds{{role=\"gateway\",place=\"{place}\"}}"));
        (of("git") && of("syslog-udp")).then_some(())
    })
    .await;
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    let mut message = [0; 4096];
    let length = log_host.recv(&mut message).expect("a head was sent");
    let message = String::from_utf8_lossy(message.get(..length).unwrap_or_default()).into_owned();
    assert!(message.contains("key=\"heads/v1/writer=") && message.contains("deployment=\"acme\""), "{message}");

    git(&["clone", "--quiet", "--bare", &text(&repository), &text(&clone)]).await;
    let place = GitPlace::look(GitProgram::default(), &clone, &Branch::default()).await.expect("it is a clone");
    let names = place.names().await.expect("it can be read");
    for role in ["gateway", "worker"] {
        assert!(names.iter().any(|name| name.starts_with(&format!("heads/v1/writer={role}-"))), "{names:?}");
    }
    let (code, said) = audited(&site, &clone).await;
    assert_eq!(code, Some(0), "{said}");

    // Somebody who has the log's folder takes the end of a stream away, with the heads beside it.
    for kind in ["records", "heads"] {
        let folder = site.path(&format!("audit/{kind}/v1"));
        let mut streams: Vec<_> = std::fs::read_dir(folder).expect("it is ours").flatten().collect();
        streams.sort_by_key(std::fs::DirEntry::file_name);
        let stream = streams.first().expect("there is one").path();
        let mut objects: Vec<_> = std::fs::read_dir(stream).expect("it is ours").flatten().collect();
        objects.sort_by_key(std::fs::DirEntry::file_name);
        std::fs::remove_file(objects.last().expect("there is one").path()).expect("it is ours");
    }
    let (code, said) = audited(&site, &clone).await;
    assert!(code == Some(1) && said.contains("rolled-back"), "{said}");
}
