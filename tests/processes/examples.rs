//! The shipped configuration is what the programs take, and names only what is shipped.

use crate::program::{beside_this_test, command, run, told};
use crate::site::Site;
use countersign_policy::yaml::{self, Node, Value};
use std::path::{Path, PathBuf};

pub(crate) fn shipped(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// Each example as it is shipped, its folders replaced by the test's.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_a_right_configuration() {
    let site = Site::prepare("1").await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is a folder of the workspace");
    std::fs::create_dir(site.path("secrets")).expect("the folder is ours");
    for name in ["redis-gateway", "redis-worker-main", "slack-signing", "slack-token", "ca.pem"] {
        site.write(&format!("secrets/{name}"), "something");
    }
    let of_readme = readme(&root.join("README.md"), "# /etc/countersign/solo.yaml");
    let examples = [
        ("gateway", "countersign-gateway", shipped("example/gateway.yaml")),
        ("gateway-buckets", "countersign-gateway", shipped("example/gateway-buckets.yaml")),
        ("worker", "countersign-worker", shipped("example/worker.yaml")),
        ("solo", "countersign solo", shipped("example/solo.yaml")),
        ("README.md", "countersign solo", of_readme),
    ];
    for (name, program, text) in examples {
        let there = text
            .replace("/etc/countersign/policies/tests", &root.join("policies/tests").to_string_lossy())
            .replace("/etc/countersign/rbac.yaml", &root.join("rbac.yaml").to_string_lossy())
            .replace("/etc/countersign/catalog.yaml", &root.join("catalog.yaml").to_string_lossy())
            .replace("/etc/countersign/redis/", &site.path("secrets/").to_string_lossy())
            .replace("/etc/countersign/", &site.path("").to_string_lossy())
            .replace("/usr/lib/countersign/countersign-jail", &beside_this_test("countersign-jail").to_string_lossy());
        let mut command = command(program, &site.write(&format!("example-{name}.yaml"), &there));
        command.arg("--check");
        let (code, said) = told(&run(command).await);
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(said.ends_with("\nThe configuration is right.\n"), "{name}: {said}");
    }
}

/// The block that begins with this line, without the indentation of its place.
fn readme(path: &Path, first: &str) -> String {
    let text = std::fs::read_to_string(path).expect("it is shipped");
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with(first));
    let block: Vec<&str> = lines.take_while(|line| !line.trim_start().starts_with("```")).collect();
    let indent = block.first().map_or(0, |line| line.len() - line.trim_start().len());
    block.iter().map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The programs a unit starts, with the configuration it is shipped with.
#[test]
fn every_unit_starts_what_is_shipped() {
    for name in ["gateway", "worker"] {
        let unit = shipped(&format!("systemd/countersign-{name}.service"));
        let start = format!("ExecStart=/usr/bin/countersign-{name} --config /etc/countersign/{name}.yaml");
        assert!(unit.lines().any(|line| line == start), "{name}");
        let example = shipped(&format!("example/{name}.yaml"));
        assert!(example.starts_with(&format!("# /etc/countersign/{name}.yaml: ")), "{name}");
        // What it writes is what the unit lets it write.
        assert!(
            example.contains("directory: /var/lib/countersign/")
                && unit.contains("ReadWritePaths=/var/lib/countersign")
        );
    }
    let worker = shipped("systemd/countersign-worker.service");
    let jobs = worker.contains("RuntimeDirectory=countersign\n") && worker.contains("RuntimeDirectoryMode=0711");
    assert!(jobs && shipped("example/worker.yaml").contains("jobs: /run/countersign/jobs "));
}

/// What the programs ask of a bucket is what the shipped policies allow, and not more than that.
#[test]
fn the_bucket_policies_allow_what_is_asked_for() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/audit/src/s3");
    let mut asked = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("it is there") {
        let text = std::fs::read_to_string(file.expect("it is there").path()).expect("it is text");
        let quoted = text.split('"').filter(|word| word.starts_with("s3:") && !word.contains(' '));
        asked.extend(quoted.map(str::to_owned));
    }
    // Tried at each start, to see it refused.
    assert!(asked.remove("s3:DeleteObjectVersion"), "{asked:?}");
    let lists = ["look", "read", "write"].into_iter().flat_map(crate::places::actions);
    let mut allowed: std::collections::BTreeSet<String> = lists.collect();
    allowed.insert("s3:GetLifecycleConfiguration".to_owned());
    assert_eq!(asked, allowed);
    for name in ["log.tf", "anchor.tf"] {
        let text = shipped(&format!("bucket/{name}"));
        for settled in ["object_lock_enabled = true", "mode = \"COMPLIANCE\"", "\"s3:BypassGovernanceRetention\""] {
            assert!(text.contains(settled), "{name}: `{settled}`");
        }
    }
    for name in ["log.tf", "anchor.tf", "fate.tf"] {
        let text = shipped(&format!("bucket/{name}"));
        assert!(text.contains("\"s3:if-none-match\"") && text.contains("\"s3:DeleteObjectVersion\""), "{name}");
        assert!(text.contains("restrict_public_buckets = true") && text.contains("prevent_destroy = true"), "{name}");
    }
    assert!(!shipped("bucket/fate.tf").contains("object_lock_enabled"));
    assert!(!shipped("bucket/access.tf").contains("\"s3:Delete"));
}

/// What stands at this path of keys.
pub(crate) fn of<'n>(node: &'n Node, path: &str) -> &'n Node {
    path.split('.').fold(node, |node, key| {
        let Value::Map(entries) = &node.value else { panic!("`{path}` is no map at `{key}`") };
        let found = entries.iter().find(|(name, _)| name.text == key);
        &found.unwrap_or_else(|| panic!("no `{key}` of `{path}`")).1
    })
}

/// A text, or the texts of a list.
pub(crate) fn texts(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::Text(text) => vec![text],
        Value::List(items) => items.iter().flat_map(texts).collect(),
        Value::Map(_) | Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float => Vec::new(),
    }
}

#[test]
fn the_manifest_leads_to_the_front() {
    let manifest = yaml::parse("manifest.yaml", &shipped("slack/manifest.yaml")).expect("it is YAML");
    let Value::List(commands) = &of(&manifest, "features.slash_commands").value else { panic!("a list") };
    let names: Vec<&str> = commands.iter().flat_map(|command| texts(of(command, "command"))).collect();
    assert_eq!(names, ["/kubectl", "/tf", "/aws", "/gcloud", "/deploy", "/silence", "/countersign"]);
    let base = "https://countersign.example.com/slack";
    for command in commands {
        assert_eq!(texts(of(command, "url")), [format!("{base}/commands")]);
        assert!(matches!(of(command, "should_escape").value, Value::Bool(false)));
    }
    assert_eq!(texts(of(&manifest, "settings.interactivity.request_url")), [format!("{base}/interactions")]);
    assert_eq!(texts(of(&manifest, "settings.event_subscriptions.request_url")), [format!("{base}/events")]);
    assert_eq!(
        texts(of(&manifest, "settings.event_subscriptions.bot_events")),
        ["app_mention", "app_uninstalled", "tokens_revoked"]
    );
    assert!(matches!(of(&manifest, "settings.socket_mode_enabled").value, Value::Bool(false)));
}
