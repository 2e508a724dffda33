//! The `audit` section: what is meant, and every way to mean something else.

use super::{KEY, REDIS, SHARED, SLACK, gateway, problems, read, read_with};
use crate::config::{
    AccessKey, AnchorPlace, Bucket, Config, FatePlace, Git, LogPlace, Part, SecretReference, Ssh, Syslog,
};
use countersign_audit::anchor::spec::Server;
use countersign_audit::anchor::{Branch, SyslogAddress};
use expect_test::expect;
use std::path::PathBuf;
use std::time::Duration;

const BUCKETS: &str = "\
audit:
  bucket: { name: acme-log, region: eu-central-1, prefix: countersign/, retention_days: 365 }
  fate: { bucket: { name: acme-fate, region: eu-central-1, access_key_id: env:ID, secret_access_key: file:/etc/s3 } }
  anchors:
    - { bucket: { name: heads, region: eu-west-1, endpoint: \"https://s3.other:9000/\", path_style: true, retention_days: 1 } }
    - { git: { repository: git@git.internal:audit/heads.git, work: /var/lib/countersign/heads, ssh_key: /etc/heads, known_hosts: /etc/hosts.ssh } }
    - { syslog: \"tls://log.internal:6514\" }
    - { syslog: { address: \"tls://log.internal:6514\", ca: /etc/ca.pem } }
    - { syslog: \"unix:/dev/log\" }
    - /mnt/heads
";

fn with(audit: &str) -> String {
    let shared: Vec<&str> = SHARED.lines().filter(|line| !line.starts_with("audit:")).collect();
    [shared.join("\n").as_str(), "\n", audit, KEY, REDIS, SLACK].concat()
}

pub(super) fn in_buckets() -> String {
    with(BUCKETS)
}

/// The words of the problems with this section, without what stands around them.
#[track_caller]
fn wrong(audit: &str) -> Vec<String> {
    let said = problems(Part::Gateway, &with(audit));
    said.lines().filter(|line| line.starts_with("countersign.yaml:")).map(str::to_owned).collect()
}

fn plain(name: &str) -> Bucket {
    Bucket {
        name: name.to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: None,
        path_style: false,
        prefix: None,
        access_key: None,
    }
}

#[test]
fn every_place_is_read_as_it_is_meant() {
    let audit = read(Part::Gateway, &in_buckets()).unwrap().audit;
    let log = Bucket { prefix: Some("countersign".to_owned()), ..plain("acme-log") };
    assert_eq!(audit.log, LogPlace::Bucket(log, Duration::from_hours(365 * 24)));
    let access_key = AccessKey {
        id: SecretReference::Env("ID".to_owned()),
        secret: SecretReference::File(PathBuf::from("/etc/s3")),
    };
    assert_eq!(audit.fate, FatePlace::Bucket(Bucket { access_key: Some(access_key), ..plain("acme-fate") }));
    let heads = Bucket {
        region: "eu-west-1".to_owned(),
        endpoint: Some("https://s3.other:9000".to_owned()),
        path_style: true,
        ..plain("heads")
    };
    let git = Git {
        repository: "git@git.internal:audit/heads.git".to_owned(),
        branch: Branch::default(),
        work: PathBuf::from("/var/lib/countersign/heads"),
        program: PathBuf::from("/usr/bin/git"),
        home: None,
        ssh: Some(Ssh { key: PathBuf::from("/etc/heads"), known_hosts: PathBuf::from("/etc/hosts.ssh") }),
    };
    let tls = |ca: Option<&str>| Syslog {
        address: SyslogAddress::Tls(Server { host: "log.internal".to_owned(), port: 6514 }),
        ca: ca.map(PathBuf::from),
        identity: None,
    };
    let daemon = Syslog { address: SyslogAddress::Unix(PathBuf::from("/dev/log")), ca: None, identity: None };
    assert_eq!(
        audit.anchors,
        [
            AnchorPlace::Bucket(heads, Some(Duration::from_hours(24))),
            AnchorPlace::Git(git),
            AnchorPlace::Syslog(tls(None)),
            AnchorPlace::Syslog(tls(Some("/etc/ca.pem"))),
            AnchorPlace::Syslog(daemon),
            AnchorPlace::Directory(PathBuf::from("/mnt/heads")),
        ]
    );
}

#[test]
#[expect(clippy::needless_raw_string_hashes, reason = "snapshots are written by their tool")]
fn what_is_meant_can_be_shown() {
    let shown = |audit: &Config| format!("{}\n{:?}", audit.audit, audit.audit.remarks());
    expect![[r#"
        log: bucket `acme-log/countersign` in eu-central-1, every object locked for 365 days
        fates: bucket `acme-fate` in eu-central-1
        heads as well: bucket `heads` at https://s3.other:9000, every object locked for 1 day
        heads as well: branch `countersign-heads` of `git@git.internal:audit/heads.git`
        heads as well: log host `log.internal:6514` over TLS
        heads as well: log host `log.internal:6514` over TLS
        heads as well: log daemon at `/dev/log`
        heads as well: folder `/mnt/heads`
        []"#]]
    .assert_eq(&shown(&read(Part::Gateway, &in_buckets()).unwrap()));
    let mixed = BUCKETS.replace("fate: {", "fate: /log/fate #");
    expect!["the log is in a bucket and the fates are in a folder: every gateway and worker must see this very folder, or a command can run twice"].assert_eq(&read(Part::Gateway, &with(&mixed)).unwrap().audit.remarks().join("\n"));
    assert!(read(Part::Gateway, &gateway()).unwrap().audit.remarks().is_empty());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a snapshot")]
fn every_mistake_in_a_place_is_said_at_once() {
    let text = with(
        "\
audit:
  directory: /log/audit
  bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: hunter2 }
  fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
  anchors:
    - { bucket: { name: acme-heads, region: eu-central-1 }, git: { repository: /x, work: /y } }
    - { git: { repository: \"http://git.internal/heads\", branch: \"../main\" } }
    - { syslog: \"log.internal:514\" }
    - { syslog: { address: \"udp://log.internal:514\", ca: /etc/ca.pem, key: /etc/key.pem } }
    - { git: { repository: git@host:x, work: y, ssh_key: \"/etc/a b\", known_hosts: /etc/known } }
    - { sylsog: unix:/dev/log }
    - heads
",
    );
    let said = problems(Part::Gateway, &text);
    assert!(!said.contains("hunter2"), "{said}");
    expect![[r#"
        countersign.yaml:7:3: `audit` has either `directory` or `bucket` [missing]
           6 | audit:
           7 |   directory: /log/audit
             |   ^
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED

        countersign.yaml:8:11: `access_key_id` and `secret_access_key` belong together [missing]
           7 |   directory: /log/audit
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
             |           ^
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
             = write both or neither

        countersign.yaml:8:11: `audit.bucket` needs `region` [missing]
           7 |   directory: /log/audit
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
             |           ^
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }

        countersign.yaml:8:19: this is not the name of a bucket [value]
           7 |   directory: /log/audit
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
             |                   ^^^^^^^^
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
             = 3 to 63 small letters, digits, `-` or `.`

        countersign.yaml:8:29: `audit.bucket` has no key `regoin` [unknown-key]
           7 |   directory: /log/audit
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
             |                             ^^^^^^
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
             = did you mean `region`? known keys: name, region, endpoint, path_style, prefix, access_key_id, secret_access_key, retention_days

        countersign.yaml:8:61: `endpoint` is not an address [value]
           7 |   directory: /log/audit
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
             |                                                             ^^^^^^^^^^^
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
             = write for example `https://s3.internal:9000`

        countersign.yaml:8:90: `retention_days` is 0; it goes from 1 to 36500 [value]
           7 |   directory: /log/audit
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
             |                                                                                          ^
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }

        countersign.yaml:8:112: a secret is named by a reference, never written here [value]
           7 |   directory: /log/audit
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
             |                                                                                                                ^^^^^^^
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
             = write `file:/absolute/path` or `env:NAME`, and change the secret if this file was shown to others

        countersign.yaml:9:27: this is not the name of a bucket [value]
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
             |                           ^^^^^^^^^^^^^
          10 |   anchors:
             = write the bucket alone; what names in it begin with is `prefix`

        countersign.yaml:9:64: `audit.fate.bucket` has no key `retention_days` [unknown-key]
           8 |   bucket: { name: Acme_Log, regoin: eu-central-1, endpoint: s3.internal, retention_days: 0, secret_access_key: REMOVED
           9 |   fate: { bucket: { name: acme-log/fate, region: eu-central-1, retention_days: 30 } }
             |                                                                ^^^^^^^^^^^^^^
          10 |   anchors:
             = known keys: name, region, endpoint, path_style, prefix, access_key_id, secret_access_key

        countersign.yaml:11:7: an anchor is one of `directory`, `bucket`, `git` and `syslog` [missing]
          10 |   anchors:
          11 |     - { bucket: { name: acme-heads, region: eu-central-1 }, git: { repository: /x, work: /y } }
             |       ^
          12 |     - { git: { repository: "http://git.internal/heads", branch: "../main" } }

        countersign.yaml:12:14: `git` needs `work` [missing]
          11 |     - { bucket: { name: acme-heads, region: eu-central-1 }, git: { repository: /x, work: /y } }
          12 |     - { git: { repository: "http://git.internal/heads", branch: "../main" } }
             |              ^
          13 |     - { syslog: "log.internal:514" }

        countersign.yaml:12:28: `repository` is not an address of a git repository that is used here [value]
          11 |     - { bucket: { name: acme-heads, region: eu-central-1 }, git: { repository: /x, work: /y } }
          12 |     - { git: { repository: "http://git.internal/heads", branch: "../main" } }
             |                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^
          13 |     - { syslog: "log.internal:514" }
             = write `https://…`, `ssh://…`, `git@host:path` or an absolute path

        countersign.yaml:12:65: `branch` is not the name of a branch [value]
          11 |     - { bucket: { name: acme-heads, region: eu-central-1 }, git: { repository: /x, work: /y } }
          12 |     - { git: { repository: "http://git.internal/heads", branch: "../main" } }
             |                                                                 ^^^^^^^^^
          13 |     - { syslog: "log.internal:514" }

        countersign.yaml:13:17: `syslog` does not say how the log host is reached [value]
          12 |     - { git: { repository: "http://git.internal/heads", branch: "../main" } }
          13 |     - { syslog: "log.internal:514" }
             |                 ^^^^^^^^^^^^^^^^^^
          14 |     - { syslog: { address: "udp://log.internal:514", ca: /etc/ca.pem, key: /etc/key.pem } }
             = write `udp://host:514`, `tcp://host:601`, `tls://host:6514` or `unix:/dev/log`

        countersign.yaml:14:17: `ca` and `certificate` mean something with `tls://` alone [value]
          13 |     - { syslog: "log.internal:514" }
          14 |     - { syslog: { address: "udp://log.internal:514", ca: /etc/ca.pem, key: /etc/key.pem } }
             |                 ^
          15 |     - { git: { repository: git@host:x, work: y, ssh_key: REMOVED

        countersign.yaml:14:17: `certificate` and `key` belong together [missing]
          13 |     - { syslog: "log.internal:514" }
          14 |     - { syslog: { address: "udp://log.internal:514", ca: /etc/ca.pem, key: /etc/key.pem } }
             |                 ^
          15 |     - { git: { repository: git@host:x, work: y, ssh_key: REMOVED
             = write both or neither

        countersign.yaml:15:46: `work` is not an absolute path without `..` [value]
          14 |     - { syslog: { address: "udp://log.internal:514", ca: /etc/ca.pem, key: /etc/key.pem } }
          15 |     - { git: { repository: git@host:x, work: y, ssh_key: REMOVED
             |                                              ^
          16 |     - { sylsog: unix:/dev/log }

        countersign.yaml:15:58: the path may have letters, digits, `/`, `.`, `_` and `-` only [character]
          14 |     - { syslog: { address: "udp://log.internal:514", ca: /etc/ca.pem, key: /etc/key.pem } }
          15 |     - { git: { repository: git@host:x, work: y, ssh_key: REMOVED
             |                                                          ^^^^^^^
          16 |     - { sylsog: unix:/dev/log }

        countersign.yaml:16:7: an anchor is one of `directory`, `bucket`, `git` and `syslog` [missing]
          15 |     - { git: { repository: git@host:x, work: y, ssh_key: REMOVED
          16 |     - { sylsog: unix:/dev/log }
             |       ^
          17 |     - heads

        countersign.yaml:16:9: an anchor has no key `sylsog` [unknown-key]
          15 |     - { git: { repository: git@host:x, work: y, ssh_key: REMOVED
          16 |     - { sylsog: unix:/dev/log }
             |         ^^^^^^
          17 |     - heads
             = did you mean `syslog`? known keys: directory, bucket, git, syslog

        countersign.yaml:17:7: an anchor is not an absolute path without `..` [value]
          16 |     - { sylsog: unix:/dev/log }
          17 |     - heads
             |       ^^^^^
          18 | keys: { root: /etc/root.pub, digest: /etc/digest.key, process: /etc/keys/p-1 }

        22 problems"#]].assert_eq(&said);
}

#[test]
fn the_log_the_fates_and_the_heads_are_at_different_places() {
    let bucket = "bucket: { name: acme-log, region: eu-central-1";
    let log = format!("audit:\n  {bucket}, prefix: log, retention_days: 1 }}\n");
    let of = |rest: &str| wrong(&[log.as_str(), rest].concat());
    let said = of(&format!("  fate: {{ {bucket}, prefix: fate }} }}\n  anchors: /heads\n"));
    assert!(matches!(&said[..], [one] if one.contains("`fate` is where the log is")), "{said:?}");
    let said = of(&format!("  fate: /fate\n  anchors: [/heads, {{ {bucket} }} }}]\n"));
    assert!(matches!(&said[..], [one] if one.contains("an anchor is where the log is")), "{said:?}");
    let said = of("  fate: /fate\n  anchors: [/fate]\n");
    assert!(matches!(&said[..], [one] if one.contains("an anchor is where the fates are")), "{said:?}");
    let elsewhere = format!("  fate: /fate\n  anchors: {{ {bucket}, endpoint: \"https://elsewhere\" }} }}\n");
    read(Part::Gateway, &with(&[log.as_str(), &elsewhere].concat())).unwrap();
    let said = of("  fate: /fate\n  anchors: []\n");
    assert!(matches!(&said[..], [one] if one.contains("is an empty list")), "{said:?}");
    let said = of("  fate: /fate\n");
    assert!(matches!(&said[..], [one] if one.contains("`audit` needs `anchors`")), "{said:?}");
}

/// What a store answers decides whether something runs: it does not travel in the clear.
#[test]
fn a_store_elsewhere_is_reached_encrypted() {
    let of = |endpoint: &str| BUCKETS.replace("https://s3.other:9000/", endpoint);
    for right in ["https://s3.internal", "http://127.0.0.1:5000", "http://[::1]:5000", "http://localhost:9000"] {
        read(Part::Gateway, &with(&of(right))).unwrap_or_else(|error| panic!("{right}: {error}"));
    }
    for clear in ["http://s3.internal", "http://10.0.0.1:9000", "http://localhost.evil.com"] {
        let said = wrong(&of(clear));
        assert!(matches!(&said[..], [one] if one.contains("`endpoint` is not encrypted")), "{clear}: {said:?}");
    }
    for no_address in ["s3.internal", "ftp://s3.internal", "https://", "https://a/b", "https://u@a", "https://a?b"] {
        let said = wrong(&of(no_address));
        assert!(matches!(&said[..], [one] if one.contains("`endpoint` is not an address")), "{no_address}: {said:?}");
    }
}

#[test]
fn a_repository_is_no_option_no_program_and_holds_no_password() {
    let of = |repository: &str| BUCKETS.replace("git@git.internal:audit/heads.git", &format!("{repository:?}"));
    for right in ["/srv/heads.git", "https://git.internal/heads", "ssh://git@git.internal/heads", "file:///srv/heads"] {
        read(Part::Gateway, &with(&of(right))).unwrap_or_else(|error| panic!("{right}: {error}"));
    }
    for bad in ["--upload-pack=x", "ext::sh -c x", "-x@host:path", "http://a/b", "heads.git", "a@-oProxyCommand=x:y/z"]
    {
        assert_eq!(wrong(&of(bad)).len(), 1, "{bad}");
    }
    let said = problems(Part::Gateway, &with(&of("https://me:hunter2@git.internal/heads")));
    assert!(said.contains("never written here") && said.starts_with("countersign.yaml:11:"), "{said}");
}

#[test]
fn the_environment_may_put_a_bucket_in_a_folders_place() {
    let said = [
        ("COUNTERSIGN_AUDIT_FATE_BUCKET_NAME", "acme-fate"),
        ("COUNTERSIGN_AUDIT_FATE_BUCKET_REGION", "eu-central-1"),
        ("COUNTERSIGN_AUDIT_ANCHORS", "[/heads, { syslog: \"udp://127.0.0.1:514\" }]"),
    ];
    let audit = read_with(Part::Gateway, &gateway(), &said).unwrap().audit;
    assert_eq!(audit.fate, FatePlace::Bucket(plain("acme-fate")));
    assert_eq!(audit.anchors[1].to_string(), "log host `127.0.0.1:514` over UDP");
    let said = [("COUNTERSIGN_AUDIT_ANCHORS", "[/heads, { syslgo: x }]")];
    let said = read_with(Part::Gateway, &gateway(), &said).unwrap_err().to_string();
    assert!(said.contains("# from the environment: COUNTERSIGN_AUDIT_ANCHORS"), "{said}");
    let said = [("COUNTERSIGN_AUDIT_BUCKET_NAME", "acme-log")];
    let said = read_with(Part::Gateway, &gateway(), &said).unwrap_err().to_string();
    assert!(said.contains("either `directory` or `bucket`"), "{said}");
}
