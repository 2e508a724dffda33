//! What keeps a process from starting, and how it says so.

use crate::program::{Program, command, run, told};
use crate::site::Site;
use rustix::process::Signal;
use std::path::Path;

async fn refused(binary: &str, configuration: &Path, code: i32, says: &str) {
    let (ended, said) = told(&run(command(binary, configuration)).await);
    assert_eq!(ended, Some(code), "{said}");
    assert!(said.contains(says), "{said}");
    assert!(!said.contains("ready\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_process_also_after_it_was_killed() {
    let site = Site::prepare("1").await;
    let gateway = site.start_gateway().await;
    refused("countersign-gateway", &site.gateway("gateway-1"), 2, "each has its own").await;
    let other = Program::start("countersign-gateway", &site.gateway("gateway-2")).await;
    gateway.signal(Signal::KILL);
    gateway.ended().await;
    let gateway = site.start_gateway().await;
    assert_eq!((gateway.stop().await, other.stop().await), (Some(0), Some(0)));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_of_a_host_do_not_share_a_folder_of_jobs() {
    let site = Site::prepare("1").await;
    let worker = site.start_worker().await;
    refused("countersign-worker", &site.worker("worker-2", "jobs"), 3, "belongs to another worker").await;
    let other = Program::start("countersign-worker", &site.worker("worker-2", "other-jobs")).await;
    assert_eq!((worker.stop().await, other.stop().await), (Some(0), Some(0)));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_be_says_why_and_whose_fault_it_is() {
    let site = Site::prepare("1").await;
    let (gateway, worker) = (site.gateway("gateway-1"), site.worker("worker-1", "jobs"));
    refused("countersign-gateway", &worker, 2, "`worker` is not for this program").await;
    refused("countersign-gateway", &site.gateway("worker-1"), 2, "of a worker, not of a gateway").await;
    refused("countersign-gateway", &site.path("nothing.yaml"), 2, "cannot be read").await;
    let text = std::fs::read_to_string(&worker).expect("it was written");
    site.write("other.yaml", &text.replace("pools: main", "pools: [main, prod]"));
    refused("countersign-worker", &site.path("other.yaml"), 2, "does not name pool `prod`").await;
    site.write("other.yaml", &text.replace("countersign-jail", "no-such-launcher"));
    refused("countersign-worker", &site.path("other.yaml"), 3, "cannot isolate commands").await;
    site.gateway("gateway-1");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let text = std::fs::read_to_string(&gateway).expect("it was written");
    site.write("other.yaml", &text.replace("listen: 127.0.0.1:0\npolicy", &format!("listen: {address}\npolicy")));
    refused("countersign-gateway", &site.path("other.yaml"), 3, "cannot be listened on").await;
    std::fs::remove_dir_all(site.path("fate")).expect("the folder is ours");
    refused("countersign-gateway", &gateway, 3, "cannot hold the log").await;
    std::fs::create_dir(site.path("fate")).expect("the folder is ours");
    site.write("rbac.yaml", "version: 1\nrols: {}\n");
    refused("countersign-gateway", &gateway, 2, "has no key `rols`").await;
}

/// Everything at once, and nothing is started or written.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_every_mistake_and_writes_nothing() {
    let site = Site::prepare("1").await;
    let check = async |configuration: &Path| {
        let mut command = command("countersign-gateway", configuration);
        command.arg("--check");
        told(&run(command).await)
    };
    let gateway = site.gateway("gateway-1");
    let (code, said) = check(&gateway).await;
    assert_eq!(code, Some(0), "{said}");
    let folder = site.path("audit").display().to_string();
    assert!(said.starts_with(&format!("log: folder `{folder}`\nfates: ")), "{said}");
    assert!(said.ends_with("\nThe configuration is right.\n"), "{said}");
    site.write("rbac.yaml", "version: 1\nrols: {}\n");
    site.write("people.yaml", "version: 1\npeople: [{ iss: x }]\n");
    site.write("signing", "");
    let (code, said) = check(&gateway).await;
    assert_eq!(code, Some(2), "{said}");
    for says in ["has no key `rols`", "people.yaml", "signing` does not hold a secret"] {
        assert!(said.contains(says), "`{says}`: {said}");
    }
    assert_eq!(std::fs::read_dir(site.path("audit")).expect("it is ours").count(), 0);
}
