//! Terraform itself, in real jails: plans, exact plans, and what cannot be applied.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

mod world;

use countersign_core::outcome::Ending;
use countersign_core::refusal::Code;
use countersign_runner::stack::{Review, Reviewer};
use countersign_simulators::github::Github;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use world::{Wish, World};

type Body = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! tests {
    ($($path:ident),* $(,)?) => { &[$((stringify!($path), || Box::pin($path()))),*] };
}

const TESTS: &[(&str, Body)] = tests![
    a_plan_is_shown_with_its_secrets_hidden,
    p24_what_a_resource_gives_back_is_hidden_as_well,
    p09_what_was_shown_is_applied_by_another_worker,
    p09_a_plan_that_is_gone_or_another_is_refused,
    p09_a_state_or_a_branch_that_moved_is_refused,
    p09_nothing_is_applied_where_no_plan_can_be_kept,
    p16_what_is_planned_reads_no_file_of_the_worker,
    p18_terraform_gets_its_own_environment_and_no_other,
    p20_a_cancel_lets_terraform_finish_and_says_what_is_true,
    p37_the_options_that_were_shown_are_those_that_run,
    p59_a_provider_comes_from_the_mirror,
    who_holds_the_lock_is_said_and_nothing_gets_past_it,
    a_stack_that_cannot_be_planned_says_why,
    a_plan_of_unreviewed_code_is_of_the_commit_that_was_shown,
    only_what_was_reviewed_is_applied,
];

fn main() {
    countersign_jail::enter_if_asked();
    countersign_tools::enter_if_asked();
    // Another one than ring's is not linked.
    drop(rustls::crypto::ring::default_provider().install_default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in TESTS {
            println!("{name}: test");
        }
        return;
    }
    if arguments.first().is_some_and(|first| first == "__sleep") {
        return std::thread::park();
    }
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &str| {
        wanted.is_empty() || wanted.iter().any(|text| if exact { name == *text } else { name.contains(*text) })
    };
    if !Path::new("/usr/local/bin/terraform").exists() {
        return println!("not run: terraform");
    }
    let (mut ok, mut failed) = (0, 0);
    for (name, body) in TESTS.iter().filter(|(name, _)| chosen(name)) {
        let passed =
            catch_unwind(AssertUnwindSafe(|| tokio::runtime::Runtime::new().unwrap().block_on(body()))).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        ok += usize::from(passed);
        failed += usize::from(!passed);
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {ok} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    std::process::exit(i32::from(failed > 0));
}

/// A variable that is sensitive, and a resource that gives back what it is given.
const SECRET: &str = r#"BACKEND
variable "password" {
  type      = string
  default   = "hunter2-very-secret"
  sensitive = true
}
resource "terraform_data" "plain" {
  input = "hello"
}
resource "terraform_data" "nested" {
  input = { name = "db", list = ["a", var.password, { deep = [var.password, "open"] }] }
}
output "secret" {
  value     = var.password
  sensitive = true
}
output "open" {
  value = "it is open"
}
"#;

async fn a_plan_is_shown_with_its_secrets_hidden() {
    let w = World::new(SECRET).await;
    let ran = w.text("/tf plan dev").await;
    assert_eq!(ran.code(), Some(0), "{}", ran.output);
    assert!(!ran.output.contains("hunter2"), "{}", ran.output);
    for line in [
        "2 to create\n",
        "+ terraform_data.nested (create)\n",
        "    input.list[1]: (sensitive value)\n",
        "    input.list[2].deep[1]: \"open\"\n",
        "    output: (known after apply)\n",
        "+ secret: (sensitive value)\n",
        "  password = (sensitive value)\n",
    ] {
        assert!(ran.output.contains(line), "{line} {}", ran.output);
    }
    assert!(ran.output.starts_with("preparing the backend\n"), "{}", ran.output);
    assert_eq!(w.plans().len(), 0);
    w.close().await;
}

/// `terraform_data` repeats its input as its output, and Terraform does not mark that as sensitive.
async fn p24_what_a_resource_gives_back_is_hidden_as_well() {
    let w = World::new(SECRET).await;
    let output = w.applied("/tf apply dev").await;
    assert!(output.ends_with("applied: 2 added, 0 changed, 0 destroyed\n") && !output.contains("hunter2"), "{output}");
    assert!(w.states.state("dev").to_string().contains("hunter2"));
    w.repository.commit("dev/main.tf", &w.repository.file("dev/main.tf").replace("hunter2", "hunter3"));
    let ran = w.text("/tf plan dev").await;
    assert!(ran.output.contains("1 to update\n~ terraform_data.nested (update)\n"), "{}", ran.output);
    assert!(ran.output.contains("input.list[1]: (sensitive value) -> (sensitive value)\n"), "{}", ran.output);
    assert!(ran.output.contains("output.list[1]: (sensitive value)"), "{}", ran.output);
    assert!(!ran.output.contains("hunter2") && !ran.output.contains("hunter3"), "{}", ran.output);
    w.close().await;
}

async fn p09_what_was_shown_is_applied_by_another_worker() {
    let w = World::new(SECRET).await;
    let shown = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?} {}", ran.exit, ran.output));
    assert!(shown.effect.plan.is_some() && shown.effect.text.as_ref().unwrap().contains("2 to create\n"));
    assert_eq!(w.plans().len(), 1);
    assert!(!String::from_utf8_lossy(&std::fs::read(&w.plans()[0]).unwrap()).contains("hunter2"));
    let ran = w.run_shown(1, &shown).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.output);
    assert!(ran.output.contains("terraform_data.plain: create done after "), "{}", ran.output);
    // Planned once, and never again; what was used is gone.
    assert_eq!((w.states.locked_for("dev", "Plan"), w.states.locked_for("dev", "Apply")), (1, 1));
    assert_eq!(w.plans().len(), 0);
    w.close().await;
}

async fn p09_a_plan_that_is_gone_or_another_is_refused() {
    let w = World::new(SECRET).await;
    let flip = |at: usize| {
        let path = &w.plans()[0];
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.len() * at / 100;
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    for at in [50, 99] {
        let shown = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
        flip(at);
        for ran in [w.run_shown(1, &shown).await, w.run_unlooked(0, &shown).await] {
            let refusal = ran.refusal();
            assert_eq!(refusal.code(), Code::PlanChanged, "{refusal}");
        }
        std::fs::remove_file(&w.plans()[0]).unwrap();
        let refusal = w.run_shown(1, &shown).await.refusal();
        assert_eq!(refusal.code(), Code::PlanMissing);
        assert!(refusal.to_string().contains("nothing was planned in its place"), "{refusal}");
    }
    // Another request's plan, as good as it may be, is not this one's.
    let one = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    let first = w.plans()[0].clone();
    let two = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    let second = w.plans().into_iter().find(|path| *path != first).unwrap();
    std::fs::copy(&second, &first).unwrap();
    assert_eq!(w.run_shown(1, &one).await.refusal().code(), Code::PlanChanged);
    assert_eq!((w.states.locked_for("dev", "Plan"), w.states.locked_for("dev", "Apply")), (4, 0));
    assert_eq!(w.run_shown(1, &two).await.code(), Some(0));
    w.close().await;
}

async fn p09_a_state_or_a_branch_that_moved_is_refused() {
    let w = World::new(SECRET).await;
    w.applied("/tf apply dev").await;
    w.repository.commit("dev/main.tf", &w.repository.file("dev/main.tf").replace("\"hello\"", "\"bye\""));
    let shown = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    let mut state = w.states.state("dev");
    state["serial"] = serde_json::json!(state["serial"].as_u64().unwrap() + 1);
    w.states.put("dev", &state);
    let ran = w.run_shown(1, &shown).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.output.contains("the state has changed since this plan was made"), "{}", ran.output);
    assert!(ran.output.contains("state: nothing was changed\nlock: released\n"), "{}", ran.output);
    assert_eq!(w.states.state("dev"), state);
    let shown = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    w.repository.commit("dev/other.tf", "");
    for ran in [w.run_shown(1, &shown).await, w.run_unlooked(0, &shown).await] {
        let refusal = ran.refusal();
        assert_eq!(refusal.code(), Code::PlanChanged);
        assert!(refusal.to_string().contains("`main` is at "), "{refusal}");
    }
    assert_eq!(w.states.state("dev"), state);
    w.close().await;
}

async fn p09_nothing_is_applied_where_no_plan_can_be_kept() {
    let w = World::with(SECRET, Wish { keeps_plans: false, ..Wish::default() }).await;
    let refusal = w.show(0, "/tf apply dev").await.err().unwrap().refusal();
    assert_eq!(refusal.code(), Code::PlanUnavailable);
    assert!(refusal.hint().contains("`worker.plans`"), "{}", refusal.hint());
    assert_eq!(w.text("/tf plan dev").await.code(), Some(0));
    w.close().await;
}

/// Functions of a configuration read what Terraform can: not the worker's files, not the job, and no other process.
async fn p16_what_is_planned_reads_no_file_of_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary");
    std::fs::write(&canary, "of the worker").unwrap();
    let config = format!(
        "BACKEND\noutput \"seen\" {{\n  value = {{\n    canary    = fileexists({:?})\n    users     = file(\"/etc/passwd\")\n    \
         job       = fileexists(\"/home/job/job\")\n    processes = length(fileset(\"/proc\", \"[0-9]*/environ\"))\n  }}\n}}\n",
        canary.to_string_lossy()
    );
    let w = World::new(config).await;
    let ran = w.text("/tf plan dev").await;
    assert_eq!(ran.code(), Some(0), "{}", ran.output);
    for line in ["canary: false", "job: false", "users: \"job:x:1000:1000::/home/job:/nonexistent\\n\""] {
        assert!(ran.output.contains(line), "{line} {}", ran.output);
    }
    // Of all processes Terraform sees itself.
    assert!(ran.output.contains("processes: 1\n"), "{}", ran.output);
    w.close().await;
}

async fn p18_terraform_gets_its_own_environment_and_no_other() {
    let w =
        World::new("BACKEND\noutput \"env\" {\n  value = split(\"\\u0000\", file(\"/proc/self/environ\"))\n}\n").await;
    let ran = w.text("/tf plan dev").await;
    assert_eq!(ran.code(), Some(0), "{}", ran.output);
    let lines = ran.output.lines().filter_map(|line| line.trim().strip_prefix('[')?.split_once("]: \""));
    let mut names: Vec<&str> = lines.filter_map(|(_, pair)| Some(pair.split_once('=')?.0)).collect();
    names.sort_unstable();
    let expected = [
        "AWS_EC2_METADATA_DISABLED",
        "CHECKPOINT_DISABLE",
        "DD_APP_KEY",
        "GITHUB_TOKEN",
        "HOME",
        "HTTPS_PROXY",
        "LANG",
        "PATH",
        "TF_CLI_CONFIG_FILE",
        "TF_DATA_DIR",
        "TF_INPUT",
        "TF_IN_AUTOMATION",
    ];
    assert_eq!(names, expected, "{}", ran.output);
    assert!(ran.output.contains("PATH=/var/empty") && ran.output.contains("GITHUB_TOKEN=[redacted"), "{}", ran.output);
    w.close().await;
}

const SLOW: &str = r#"BACKEND
resource "terraform_data" "first" {
  input = "first"
}
resource "terraform_data" "slow" {
  input = terraform_data.first.output
  provisioner "local-exec" {
    interpreter = ["DRIVER", "__sleep"]
    command     = "x"
  }
}
resource "terraform_data" "last" {
  input = terraform_data.slow.output
}
"#;

async fn p20_a_cancel_lets_terraform_finish_and_says_what_is_true() {
    let w = World::new(SLOW).await;
    let shown = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?} {}", ran.exit, ran.output));
    let text = shown.effect.text.clone().unwrap();
    assert!(text.contains("warning: 1 with the provisioner local-exec ("), "{text}");
    let ran = w.run_until(0, &shown, Some("provisioning with local-exec")).await;
    let exit = ran.exit.as_ref().unwrap();
    assert_eq!((exit.ending, exit.code), (Ending::Cancelled, Some(1)), "{}", ran.output);
    for line in [
        "stopping: Terraform finishes what it has begun and lets go of the lock\n",
        "done: terraform_data.first (create)\n",
        "failed: terraform_data.slow (create)\n",
        "not begun: terraform_data.last (create)\n",
        "state: what is called done above is in it\nlock: released\n",
        "next: `/tf plan dev` shows what is left",
        "stopped, as was asked\n",
    ] {
        assert!(ran.output.contains(line), "{line} {}", ran.output);
    }
    assert!(!w.states.is_locked("dev") && w.states.state("dev").to_string().contains("first"));
    assert_eq!(processes_with("__sleep"), Vec::<String>::new());
    assert_eq!(w.plans().len(), 0, "what was tried is not applied again");
    w.close().await;
}

/// The processes of the host that were started with this argument.
fn processes_with(argument: &str) -> Vec<String> {
    let lines =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|one| std::fs::read(one.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.filter(|line| line.split('\0').any(|word| word == argument)).collect()
}

async fn p37_the_options_that_were_shown_are_those_that_run() {
    let w = World::new(SECRET).await;
    let line = "/tf apply dev -target=terraform_data.plain";
    let shown = w.show(0, line).await.unwrap_or_else(|ran| panic!("{:?} {}", ran.exit, ran.output));
    let text = shown.effect.text.clone().unwrap();
    assert!(text.contains("`-target`: only terraform_data.plain and what it needs\n1 to create\n"), "{text}");
    let ran = w.run_shown(1, &shown).await;
    assert!(ran.output.ends_with("applied: 1 added, 0 changed, 0 destroyed\n"), "{}", ran.output);
    let shown = w.show(0, "/tf apply dev -destroy").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    let text = shown.effect.text.clone().unwrap();
    assert!(
        text.contains("everything that the stack manages is removed\n1 to destroy\nwarning: 1 destroyed: "),
        "{text}"
    );
    let ran = w.run_shown(1, &shown).await;
    assert!(ran.output.ends_with("applied: 0 added, 0 changed, 1 destroyed\n"), "{}", ran.output);
    assert_eq!(w.states.state("dev")["resources"], serde_json::json!([]));
    w.close().await;
}

/// Where this machine has a real provider, as a mirror does.
const PROVIDERS: &str = "/opt/tf-plugins";

async fn p59_a_provider_comes_from_the_mirror() {
    if !Path::new(PROVIDERS).exists() {
        println!("not run: terraform-provider-aws");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    std::fs::copy("/usr/local/bin/terraform", place.path().join("terraform")).unwrap();
    std::os::unix::fs::symlink(PROVIDERS, place.path().join("providers")).unwrap();
    let config = r#"BACKEND
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "x"
  secret_key                  = "x"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
resource "aws_sqs_queue" "q" {
  name = "orders"
}
"#;
    let w = World::with(config, Wish { terraform: Some(place.path().to_owned()), ..Wish::default() }).await;
    let ran = w.text("/tf plan dev").await;
    assert!(ran.output.contains("commit the `.terraform.lock.hcl`"), "{}", ran.output);
    w.repository.commit("dev/.terraform.lock.hcl", LOCKED);
    let ran = w.text("/tf plan dev").await;
    assert_eq!(ran.code(), Some(0), "{}", ran.output);
    assert!(ran.output.contains("+ aws_sqs_queue.q (create)\n"), "{}", ran.output);
    w.close().await;
    let w = World::new(config).await;
    let ran = w.text("/tf plan dev").await;
    assert!(ran.output.contains("the provider is not in the mirror of this worker"), "{}", ran.output);
    w.close().await;
}

const LOCKED: &str = r#"provider "registry.terraform.io/hashicorp/aws" {
  version = "5.100.0"
  hashes = [
    "h1:edXOJWE4ORX8Fm+dpVpICzMZJat4AX0VRCAy/xkcOc0=",
  ]
}
"#;

async fn who_holds_the_lock_is_said_and_nothing_gets_past_it() {
    let w = World::new(SECRET).await;
    let shown = w.show(0, "/tf apply dev").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    w.states.hold("dev", "f00-ba4", "ann@laptop");
    let ran = w.text("/tf plan dev").await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.output.contains("the state is locked, lock id f00-ba4; ask again when it is free"), "{}", ran.output);
    let ran = w.run_shown(1, &shown).await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.output.contains("lock: it is somebody else's\n"), "{}", ran.output);
    assert!(w.states.is_locked("dev") && w.states.state("dev").is_null());
    w.states.release("dev");
    w.close().await;
}

async fn a_stack_that_cannot_be_planned_says_why() {
    let w = World::new("").await;
    let ran = w.text("/tf plan dev").await;
    assert_eq!(ran.code(), Some(1));
    assert!(ran.output.contains("the stack `dev` has no backend, so that its state would be lost"), "{}", ran.output);
    for (config, why) in [
        ("BACKEND\nmodule \"x\" {\n  source = \"git::https://example.com/x.git\"\n}\n", "keep it in the repository"),
        ("BACKEND\nmodule \"x\" {\n  source = \"hashicorp/consul/aws\"\n}\n", "keep it in the repository"),
        ("terraform {\n  backend \"local\" {}\n}\n", "has no backend, so that its state would be lost"),
        ("BACKEND\nresource \"terraform_data\" \"x\" {\n  inptu = 1\n}\n", "Unsupported argument"),
        ("BACKEND\nvariable \"x\" {}\n", "No value for required variable"),
    ] {
        w.repository.commit("dev/main.tf", &config.replace("BACKEND", &w.states.backend("dev")));
        let ran = w.text("/tf plan dev").await;
        assert_eq!(ran.code(), Some(1), "{}", ran.output);
        assert!(ran.output.lines().last().unwrap().contains(why), "{why}: {}", ran.output);
    }
    w.repository.git(&["rm", "-r", "--quiet", "dev"]);
    w.repository.commit("other/main.tf", "");
    let ran = w.text("/tf plan dev").await;
    assert!(ran.output.contains("has no folder `dev`"), "{}", ran.output);
    w.close().await;
}

async fn a_plan_of_unreviewed_code_is_of_the_commit_that_was_shown() {
    let w = World::new(SECRET).await;
    w.repository.git(&["checkout", "--quiet", "-b", "feature"]);
    let first = w.repository.commit("dev/new.tf", "resource \"terraform_data\" \"new\" {}\n");
    w.repository.git(&["checkout", "--quiet", "main"]);
    let shown = w.show(0, "/tf plan dev --ref=feature").await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    let text = shown.effect.text.clone().unwrap();
    assert!(text.starts_with(&format!("commit {first} (feature)\nauthor: Ann <ann@example.com>\n")), "{text}");
    assert!(shown.effect.now.as_ref().unwrap().contains("  + dev/new.tf\n"), "{:?}", shown.effect.now);
    assert_eq!(w.states.requests(), [], "nothing of it ran");
    // The branch goes on, and what it is at now was never shown.
    w.repository.git(&["checkout", "--quiet", "feature"]);
    w.repository.commit("dev/evil.tf", "resource \"terraform_data\" \"evil\" {}\n");
    w.repository.git(&["checkout", "--quiet", "main"]);
    assert_eq!(w.run_shown(1, &shown).await.refusal().code(), Code::Drifted);
    assert_eq!(w.run_unlooked(1, &shown).await.refusal().code(), Code::PlanChanged);
    let line = format!("/tf plan dev --ref={first}");
    let shown = w.show(0, &line).await.unwrap_or_else(|ran| panic!("{:?}", ran.exit));
    let ran = w.run_shown(1, &shown).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.output);
    assert!(ran.output.contains("+ terraform_data.new (create)\n") && !ran.output.contains("evil"), "{}", ran.output);
    w.close().await;
}

async fn only_what_was_reviewed_is_applied() {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let github = Github::start_plain(&tasks, &stop).await.unwrap();
    let reviewer = Reviewer {
        address: github.url(),
        repository: "platform/infra".into(),
        token: None,
        ca_pem: None,
        checks: std::collections::BTreeSet::new(),
    };
    let review = Review::Required(Some(reviewer));
    let w = World::with(SECRET, Wish { review, ..Wish::default() }).await;
    let refusal = w.show(0, "/tf apply dev").await.err().unwrap().refusal();
    assert!([Code::SourceUnavailable, Code::NotReviewed].contains(&refusal.code()), "{refusal}");
    assert_eq!(w.states.requests(), [], "nothing was planned");
    assert_eq!(w.text("/tf plan dev").await.code(), Some(0));
    w.close().await;
    let w = World::with(SECRET, Wish { review: Review::Required(None), ..Wish::default() }).await;
    assert_eq!(w.show(0, "/tf apply dev").await.err().unwrap().refusal().code(), Code::NotReviewed);
    w.close().await;
    drop(github);
    tasks.close();
    tasks.wait().await;
}
