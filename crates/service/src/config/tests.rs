//! Reading: everything at once, and never a secret.

mod jobs_in;
mod places;
mod plans;

use super::environment::{KEYS, variables};
use super::{Config, Environment, Format, Level, Part, Queue, RedisAddress, SecretReference, VaultLogin};
use countersign_policy::{Problems, Source};
use expect_test::expect;
use std::path::Path;
use std::time::Duration;

const SHARED: &str = "\
version: 1
deployment: acme
listen: 127.0.0.1:9090
policy: { rbac: /etc/rbac.yaml, catalog: /etc/catalog.yaml }
people: /etc/people.yaml
audit: { directory: /log/audit, fate: /log/fate, anchors: [/log/anchors] }
";
const KEY: &str = "keys: { root: /etc/root.pub, digest: /etc/digest.key, process: /etc/keys/p-1 }\n";
const REDIS: &str = "queue: { redis: { address: redis.internal:6380, user: u, password: env:REDIS_PASSWORD } }\n";
const SLACK: &str =
    "slack: { listen: 0.0.0.0:3000, app: A1, teams: [T1], signing_secret: env:S, bot_token: file:/etc/t }\n";
const WORKER: &str = "worker: { pools: [main], launcher: /usr/lib/countersign-jail, jobs: /run/jobs }\n";

fn gateway() -> String {
    [SHARED, KEY, REDIS, SLACK].concat()
}

fn worker() -> String {
    [SHARED, KEY, REDIS, WORKER].concat()
}

fn solo() -> String {
    let keys = KEY.replace(" }", ", worker: /etc/keys/w-1 }");
    [SHARED, keys.as_str(), "queue: { embedded: /var/q.redb }\n", SLACK, WORKER].concat()
}

fn read_with(part: Part, text: &str, variables: &[(&str, &str)]) -> Result<Config, Problems> {
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(part, &Source::new("countersign.yaml", text), &Environment::new(environment))
}

fn read(part: Part, text: &str) -> Result<Config, Problems> {
    read_with(part, text, &[])
}

#[track_caller]
fn problems(part: Part, text: &str) -> String {
    read(part, text).expect_err("it must be refused").to_string()
}

#[test]
fn each_program_reads_its_own() {
    let config = read(Part::Gateway, &gateway()).unwrap();
    assert_eq!((config.log.level, config.log.format), (Level::Info, Format::Json));
    assert_eq!((config.drain, config.worker.is_none()), (Duration::from_mins(1), true));
    assert_eq!(
        (config.keys.process.folder.as_path(), config.keys.process.name.as_str()),
        (Path::new("/etc/keys"), "p-1")
    );
    assert_eq!(config.slack().api, "https://slack.com/api");
    let Queue::Redis(redis) = config.queue else { panic!("it is Redis") };
    assert_eq!(redis.address, RedisAddress::Server("redis.internal".into(), 6380));
    assert_eq!((redis.tls, redis.password), (true, Some(SecretReference::Env("REDIS_PASSWORD".into()))));

    let config = read(Part::Worker, &worker()).unwrap();
    assert_eq!((config.worker().at_once, config.worker().lease), (4, Duration::from_secs(15)));
    assert_eq!((config.worker().uids.clone(), config.slack.is_none()), (61_000..61_064, true));

    let config = read(Part::Solo, &solo()).unwrap();
    assert_eq!(config.keys.worker.as_ref().map(|key| key.name.as_str()), Some("w-1"));
    assert!(config.slack.is_some() && config.worker.is_some());
}

#[test]
fn what_belongs_to_the_other_side_is_refused() {
    let both = gateway() + WORKER;
    assert!(problems(Part::Gateway, &both).contains("a gateway runs nothing"));
    assert!(problems(Part::Worker, &(worker() + SLACK)).contains("a worker speaks to nobody"));
    let embedded = gateway().replace(REDIS, "queue: { embedded: /var/q.redb }\n");
    assert!(problems(Part::Gateway, &embedded).contains("for one process alone"));
    let two_keys = gateway().replace("/etc/keys/p-1", "/etc/keys/p-1, worker: /etc/keys/w-1");
    assert!(problems(Part::Gateway, &two_keys).contains("this process has one key"));
}

#[test]
#[expect(clippy::needless_raw_string_hashes, reason = "snapshots are written by their tool")]
fn every_mistake_is_said_at_once() {
    let text = gateway()
        .replace("listen: 127.0.0.1:9090", "listen: localhost")
        .replace("people: /etc/people.yaml", "people: etc/people.yaml\npeopel: 1")
        .replace("/etc/keys/p-1", "/etc/keys/p-1.key")
        .replace("teams: [T1], ", "")
        + "log: { level: loud }\n";
    expect![[r#"
        countersign.yaml:3:9: `listen` is not an address and a port [value]
           2 | deployment: acme
           3 | listen: localhost
             |         ^^^^^^^^^
           4 | policy: { rbac: /etc/rbac.yaml, catalog: /etc/catalog.yaml }
             = write for example `127.0.0.1:9090`

        countersign.yaml:5:9: `people` is not an absolute path without `..` [value]
           4 | policy: { rbac: /etc/rbac.yaml, catalog: /etc/catalog.yaml }
           5 | people: etc/people.yaml
             |         ^^^^^^^^^^^^^^^
           6 | peopel: 1

        countersign.yaml:6:1: the file has no key `peopel` [unknown-key]
           5 | people: etc/people.yaml
           6 | peopel: 1
             | ^^^^^^
           7 | audit: { directory: /log/audit, fate: /log/fate, anchors: [/log/anchors] }
             = did you mean `people`? known keys: version, deployment, log, listen, policy, people, keys, audit, queue, slack, worker, drain

        countersign.yaml:8:64: `keys.process` names a process, not a file [value]
           7 | audit: { directory: /log/audit, fate: /log/fate, anchors: [/log/anchors] }
           8 | keys: { root: /etc/root.pub, digest: /etc/digest.key, process: /etc/keys/p-1.key }
             |                                                                ^^^^^^^^^^^^^^^^^
           9 | queue: { redis: { address: redis.internal:6380, user: u, password: env:REDIS_PASSWORD } }
             = write the path without `.key`: next to it is the certificate, `.cert.json`

        countersign.yaml:10:8: `slack` serves no `teams` and no `enterprises` [missing]
           9 | queue: { redis: { address: redis.internal:6380, user: u, password: env:REDIS_PASSWORD } }
          10 | slack: { listen: 0.0.0.0:3000, app: A1, signing_secret: env:S, bot_token: file:/etc/t }
             |        ^
          11 | log: { level: loud }
             = name your workspace's id, `T…`

        countersign.yaml:11:15: no log level `loud` [unknown-word]
          10 | slack: { listen: 0.0.0.0:3000, app: A1, signing_secret: env:S, bot_token: file:/etc/t }
          11 | log: { level: loud }
             |               ^^^^
             = known words: off, error, warn, info, debug

        6 problems"#]].assert_eq(&problems(Part::Gateway, &text));
}

/// Whatever somebody writes where a reference belongs, and wherever else it ends up.
#[test]
fn a_pasted_secret_is_refused_and_not_repeated() {
    let token = "xoxb-1234567890123-abcdefghijklmnop";
    let placed = [
        gateway().replace("env:REDIS_PASSWORD", "hunter2-and-more"),
        gateway().replace("env:REDIS_PASSWORD", "\"hunter2, and: {more}\""),
        gateway().replace("env:REDIS_PASSWORD", "123456789"),
        gateway().replace(SLACK, &SLACK.replace("env:S", "hunter2")).replace("deployment: acme", "deployment: a b"),
        gateway().replace(
            SLACK,
            "slack:\n  listen: 0.0.0.0:3000\n  app: A1\n  teams: [T1]\n  signing_secret: |\n    hunter2\n    hunter2\n  bot_token: file:/t\n",
        ),
        gateway().replace(
            SLACK,
            "slack:\n  listen: 0.0.0.0:3000\n  app: A1\n  teams: [T1]\n  signing_secret:\n    hunter2\n  bot_token: file:/t\n",
        ),
        gateway().replace("app: A1", &format!("app: {token}")),
        [gateway(), format!("slack_token: {token}\n")].concat(),
        gateway() + "api_password: hunter2\n",
        gateway().replace("env:REDIS_PASSWORD", "hunter2") + "log: { level: [\n",
        gateway().replace("env:S", "'hunter2") + "oops\n",
    ];
    for (nth, text) in placed.iter().enumerate() {
        let said = problems(Part::Gateway, text);
        for secret in ["hunter2", token, "123456789", "more}"] {
            assert!(!said.contains(secret), "{nth}: {said}");
        }
        assert!(!said.starts_with("0 problems"), "{nth}");
    }
    let said = problems(Part::Gateway, &placed[0]);
    assert!(said.contains("named by a reference, never written here"), "{said}");

    let variables = [("COUNTERSIGN_SLACK_BOT_TOKEN", token), ("COUNTERSIGN_QUEUE_REDIS_PASSWORD", "hunter2")];
    let said = read_with(Part::Gateway, &gateway(), &variables).unwrap_err().to_string();
    assert!(!said.contains(token) && !said.contains("hunter2"), "{said}");
    assert!(said.contains("from the environment: COUNTERSIGN_SLACK_BOT_TOKEN"), "{said}");
}

#[test]
fn the_environment_speaks_over_the_file() {
    let said = [
        ("COUNTERSIGN_LISTEN", "127.0.0.1:1"),
        ("COUNTERSIGN_WORKER_AT_ONCE", "9"),
        ("COUNTERSIGN_WORKER_POOLS", "[a, b]"),
        ("COUNTERSIGN_LOG_LEVEL", "debug"),
        ("COUNTERSIGN_DRAIN", "5s"),
        ("HOME", "/root"),
    ];
    let config = read_with(Part::Worker, &worker(), &said).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!((config.worker().at_once, config.worker().pools.clone()), (9, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!((config.log.level, config.drain), (Level::Debug, Duration::from_secs(5)));
}

/// Each variable reaches the key it is named after: a value of no key's shape is a mistake there.
#[test]
fn every_variable_overrides_its_key() {
    for (variable, key) in variables() {
        let sentinel = || gateway().replace("address: redis.internal:6380", "sentinel: { nodes: [a:1], master: m }");
        let (part, text) = match key {
            "queue.embedded" | "keys.worker" => (Part::Solo, solo()),
            key if key.contains("bucket") => (Part::Gateway, places::in_buckets()),
            key if key.contains("sentinel") => (Part::Gateway, sentinel()),
            key if key.starts_with("worker") => (Part::Worker, worker()),
            _ => (Part::Gateway, gateway()),
        };
        let refused = read_with(part, &text, &[(&variable, "[[]]")]).unwrap_err().to_string();
        assert!(refused.contains(&format!("# from the environment: {variable}")), "{variable}: {refused}");
    }
    assert!(KEYS.len() > 30);
}

#[test]
fn a_variable_that_overrides_nothing_is_a_mistake() {
    let said = read_with(Part::Worker, &worker(), &[("COUNTERSIGN_WORKER_ATONCE", "9")]).unwrap_err().to_string();
    assert!(said.contains("did you mean `COUNTERSIGN_WORKER_AT_ONCE`?"), "{said}");
    let own = worker().replace("env:REDIS_PASSWORD", "env:COUNTERSIGN_REDIS");
    read_with(Part::Worker, &own, &[("COUNTERSIGN_REDIS", "hunter2")]).unwrap();
}

#[test]
fn a_secret_is_read_from_where_it_is() {
    use secrecy::ExposeSecret as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "s3cret\n").unwrap();
    let environment = Environment::new([("A".to_owned(), "s3cret".to_owned()), ("EMPTY".to_owned(), String::new())]);
    let file = SecretReference::parse(&format!("file:{}", path.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(file.read(&environment).unwrap().expose_secret(), "s3cret");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(file.read(&environment).unwrap_err().to_string().contains("everybody"));
    assert_eq!(SecretReference::parse("env:A").unwrap().read(&environment).unwrap().expose_secret(), "s3cret");
    for missing in ["env:B", "env:EMPTY", "file:/nowhere"] {
        assert!(SecretReference::parse(missing).unwrap().read(&environment).is_err(), "{missing}");
    }
    for bad in ["s3cret", "file:etc/x", "file:/a/../b", "env:", "env:1A", "env:A-B", "File:/a", ""] {
        assert!(SecretReference::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_worker_says_what_it_asks_for_credentials_with() {
    let issuers = "issuers: { clusters: { dev: { token: file:/etc/minter } }, sts: \"http://127.0.0.1:4566\", vault: { address: \"https://vault:8200\", namespace: team, journal: kv/leases/main, app_role: { role_id: r, secret_id: env:S } } }";
    let with = |issuers: &str| worker().replace("jobs: /run/jobs }", &format!("jobs: /run/jobs, {issuers} }}"));
    let own = read(Part::Worker, &with(issuers)).unwrap().worker().issuers.clone();
    assert_eq!(own.clusters[0].cluster, "dev");
    assert_eq!(own.sts.as_deref(), Some("http://127.0.0.1:4566"));
    let vault = own.vault.unwrap();
    assert_eq!(vault.journal, Some(("kv".to_owned(), "leases/main".to_owned())));
    let secret_id = SecretReference::Env("S".into());
    assert_eq!(vault.login, VaultLogin::AppRole { mount: "approle".into(), role_id: "r".into(), secret_id });
    let pod = "issuers: { vault: { address: \"https://v\", kubernetes: { role: worker } } }";
    let vault = read(Part::Worker, &with(pod)).unwrap().worker().issuers.vault.clone().unwrap();
    assert!(matches!(vault.login, VaultLogin::Kubernetes { mount, .. } if mount == "kubernetes"));

    let plain = problems(
        Part::Worker,
        &with("issuers: { sts: \"http://sts.example\", clusters: { dev: { token: hunter2 } } }"),
    );
    assert!(plain.contains("a secret is named by a reference, never written here"), "{plain}");
    assert!(!plain.contains("hunter2"), "{plain}");
    let plain = problems(Part::Worker, &with("issuers: { sts: \"http://sts.example\" }"));
    assert!(plain.contains("this is not the address of an issuer"), "{plain}");
    let nobody = problems(Part::Worker, &with("issuers: { vault: { address: \"https://v\", journal: kv } }"));
    assert!(nobody.contains("`vault` needs one way to log in"), "{nobody}");
    assert!(nobody.contains("`journal` is a folder of a kv engine"), "{nobody}");
}
