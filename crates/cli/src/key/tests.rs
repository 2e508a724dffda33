//! Keys from their making to their end, as people do it.

use super::*;
use clap::Parser;
use countersign_audit::keys;
use countersign_core::certificate::Role;
use countersign_core::id::KeyId;
use std::path::Path;

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    key: Key,
}

async fn run(words: &[&str]) -> anyhow::Result<ExitCode> {
    let line = Line::try_parse_from([&["key"], words].concat())?;
    Box::pin(line.key.run()).await
}

async fn done(words: &[&str]) {
    run(words).await.unwrap_or_else(|error| panic!("{words:?}: {error:#}"));
}

async fn refused(words: &[&str]) -> String {
    format!("{:#}", run(words).await.expect_err("it is refused"))
}

fn id(folder: &Path, name: &str) -> KeyId {
    KeyId::of(keys::load(&folder.join(format!("{name}.key"))).unwrap().verifying_key().as_bytes())
}

fn file(folder: &Path, ending: &str) -> String {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().find(|name| name.contains(ending)).unwrap()
}

/// A folder of keys made by `init`, and its path as text.
async fn founded() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("keys").to_str().unwrap().to_owned();
    done(&["init", "--to", &to, "--deployment", "acme", "--gateway", "gateway-1", "--worker", "worker-1=main"]).await;
    (folder, to)
}

#[tokio::test]
async fn a_process_that_is_added_is_certified_by_the_same_root() {
    let (_folder, to) = founded().await;
    done(&["add", "--to", &to, "--deployment", "acme", "--gateway", "gateway-2"]).await;
    let path = Path::new(&to);
    let root = keys::load_root(&path.join("root.pub")).unwrap();
    for name in ["gateway-1", "gateway-2"] {
        let sealer = keys::load_sealer(path, name, "acme").unwrap();
        let claims = sealer.certificate().open(&root, "acme").unwrap();
        assert_eq!((claims.role, claims.key_id()), (Role::Gateway, Some(sealer.key_id())));
    }
    for again in ["gateway-2", "root", "digest", "../x", ""] {
        refused(&["add", "--to", &to, "--deployment", "acme", "--gateway", again]).await;
    }
    refused(&["init", "--to", &to, "--deployment", "acme", "--gateway", "gateway-3"]).await;
}

#[tokio::test]
async fn a_key_made_on_its_own_host_is_certified_without_leaving_it() {
    let (folder, to) = founded().await;
    let host = folder.path().join("host").to_str().unwrap().to_owned();
    done(&["new", "worker-2", "--to", &host]).await;
    let public = format!("{host}/worker-2.pub");
    let certify =
        ["certify", "--keys", &to, "--public", &public, "--deployment", "acme", "--role", "worker", "--days", "30"];
    let without = refused(&certify).await;
    assert!(without.contains("at least one pool"), "{without}");
    done(&[&certify[..], &["--pools", "main,prod"]].concat()).await;
    assert!(!Path::new(&to).join("worker-2.key").exists());
    std::fs::copy(Path::new(&to).join("worker-2.cert.json"), Path::new(&host).join("worker-2.cert.json")).unwrap();
    let sealer = keys::load_sealer(Path::new(&host), "worker-2", "acme").unwrap();
    let claims =
        sealer.certificate().open(&keys::load_root(&Path::new(&to).join("root.pub")).unwrap(), "acme").unwrap();
    assert_eq!(claims.key_id(), Some(sealer.key_id()));
    assert_eq!(claims.pools, ["main", "prod"]);
    // The log keeps one certificate a key.
    let again = refused(&[&certify[..], &["--pools", "main", "--replace"]].concat()).await;
    assert!(again.contains("make a new key"), "{again}");
    // A new key on that host takes the place of the old one.
    let other = format!("{host}/2");
    done(&["new", "worker-2", "--to", &other]).await;
    let public = format!("{other}/worker-2.pub");
    let certify = [
        "certify",
        "--keys",
        &to,
        "--public",
        &public,
        "--deployment",
        "acme",
        "--role",
        "worker",
        "--days",
        "30",
        "--pools",
        "main",
    ];
    assert!(refused(&certify).await.contains("--replace"));
    done(&[&certify[..], &["--replace"]].concat()).await;
    assert!(Path::new(&to).join(format!("worker-2.{}.old.cert.json", sealer.key_id())).exists());
}

#[tokio::test]
async fn a_key_is_rotated_revoked_and_published() {
    let (folder, to) = founded().await;
    let path = Path::new(&to);
    let store = folder.path().join("log").to_str().unwrap().to_owned();
    std::fs::create_dir(&store).unwrap();
    let old = id(path, "worker-1");
    done(&["rotate", "worker-1", "--keys", &to]).await;
    let new = id(path, "worker-1");
    assert_ne!(old, new);
    refused(&["rotate", "worker-9", "--keys", &to]).await;

    done(&["revoke", old.as_str(), "--keys", &to, "--from", "now", "--reason", "stolen laptop"]).await;
    for (key, from, reason, says) in [
        ("worker-9", "now", "x", "neither a key id"),
        (old.as_str(), "yesterday", "x", "RFC 3339"),
        (old.as_str(), "9999-01-01T00:00:00Z", "x", "more than a year ahead"),
        (old.as_str(), "now", " ", "a reason is one line"),
        (&"0".repeat(32), "now", "x", "--deployment"),
    ] {
        let why = refused(&["revoke", key, "--keys", &to, "--from", from, "--reason", reason]).await;
        assert!(why.contains(says), "{why}");
    }

    done(&["publish", "--keys", &to, "--to", &store]).await;
    done(&["publish", "--keys", &to, "--to", &store]).await;
    done(&["show", "--keys", &to]).await;
    assert_eq!(run(&["show", "--keys", &to, "--store", &store]).await.unwrap(), ExitCode::SUCCESS);
    let published = Path::new(&store).join("keys/v1");
    for name in [format!("{old}.json"), format!("{new}.json"), file(path, "revoked-")] {
        assert!(published.join(&name).exists(), "{name}");
    }
    assert!(refused(&["publish", "--keys", &to, "--to", "s3://bucket"]).await.contains("--retention-days"));

    // Somebody else's certificate under the name of one of ours: nothing is put, and it is named.
    done(&["add", "--to", &to, "--deployment", "acme", "--gateway", "gateway-2"]).await;
    let planted = format!("{}.json", id(path, "gateway-2"));
    std::fs::write(published.join(&planted), b"{}").unwrap();
    assert!(refused(&["publish", "--keys", &to, "--to", &store]).await.contains(&planted));
    assert_eq!(run(&["show", "--keys", &to, "--store", &store]).await.unwrap(), ExitCode::FAILURE);
}

#[tokio::test]
async fn a_new_root_key_is_believed_beside_the_one_before() {
    let (folder, old) = founded().await;
    let new = folder.path().join("keys-2").to_str().unwrap().to_owned();
    let before = format!("{old}/root.pub");
    done(&["init", "--to", &new, "--deployment", "acme", "--gateway", "gateway-1", "--after", &before]).await;
    let roots = keys::load_roots(&Path::new(&new).join("root.pub")).unwrap();
    assert_eq!(roots.len(), 2);
    assert_eq!(roots[1], keys::load_root(Path::new(&before)).unwrap());
    assert!(!Path::new(&new).join("digest.key").exists(), "that of the installation stays");
    // With the old root key in its place nothing new is certified.
    let old_key = format!("{old}/root.key");
    let why = refused(&["add", "--to", &new, "--deployment", "acme", "--gateway", "g", "--root", &old_key]).await;
    assert!(why.contains("not the one in"), "{why}");
}

#[tokio::test]
async fn a_root_key_in_vault_leaves_no_private_half_here() {
    use countersign_simulators::vault::{Capability, Rule, Vault};
    // Vault's client takes the provider of the process; another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (tasks, stop) = (tokio_util::task::TaskTracker::new(), tokio_util::sync::CancellationToken::new());
    let vault = Vault::start(&tasks, stop).await.unwrap();
    vault.create_signing_key("root");
    vault.write_policy("root-key", vec![Rule::new("transit/+/root", &[Capability::Read, Capability::Update])]);
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (to, ca, token, url) = (text("keys"), text("ca.pem"), text("token"), vault.url());
    std::fs::write(&ca, vault.ca_pem()).unwrap();
    let secret = vault.token(&["root-key"]);
    keys::write_new(Path::new(&token), secret.as_bytes(), 0o600).unwrap();
    let root =
        ["--root", "vault:transit/root", "--vault-address", &url, "--vault-ca", &ca, "--vault-token-file", &token];
    done(&[&["init", "--to", &to, "--deployment", "acme", "--gateway", "gateway-1"][..], &root].concat()).await;
    assert!(!Path::new(&to).join("root.key").exists());
    done(&[&["rotate", "gateway-1", "--keys", &to][..], &root].concat()).await;
    done(&[&["revoke", "gateway-1", "--keys", &to, "--from", "now", "--reason", "test"][..], &root].concat()).await;
    done(&["show", "--keys", &to]).await;
    // Without --root the default is a file, which is not there, and the way on is named.
    let why = refused(&["rotate", "gateway-1", "--keys", &to]).await;
    assert!(why.contains("--root"), "{why}");
    vault.seal();
    let why = refused(&[&["rotate", "gateway-1", "--keys", &to][..], &root].concat()).await;
    assert!(why.contains("is sealed") && !why.contains(&secret), "{why}");
}

#[test]
fn a_token_from_the_environment_does_not_print() {
    let words = ["key", "rotate", "w", "--keys", "k", "--vault-token-from-environment", "hvs.secret"];
    let line = Line::try_parse_from(words).unwrap();
    assert!(!format!("{line:?}").contains("hvs.secret"));
}

#[tokio::test]
async fn what_is_mistyped_is_neither_signed_nor_stored() {
    let (folder, to) = founded().await;
    let host = folder.path().join("host").to_str().unwrap().to_owned();
    done(&["new", "worker-2", "--to", &host]).await;
    let add = refused(&["add", "--to", &to, "--deployment", "acne", "--gateway", "gateway-2"]).await;
    assert!(add.contains("of `acme`, and not of `acne`"), "{add}");
    assert!(!Path::new(&to).join("gateway-2.key").exists());
    let public = format!("{host}/worker-2.pub");
    let worker = ["--role", "worker", "--pools", "main"];
    let certify = refused(
        &[&["certify", "--keys", &to, "--public", &public, "--deployment", "acne", "--days", "9"], &worker[..]]
            .concat(),
    )
    .await;
    assert!(certify.contains("of `acme`, and not of `acne`"), "{certify}");
    let root = format!("{to}/root.pub");
    let names = ["--name", "worker-3", "--deployment", "acme", "--days", "9"];
    let itself = refused(&[&["certify", "--keys", &to, "--public", &root], &names[..], &worker[..]].concat()).await;
    assert!(itself.contains("a root key"), "{itself}");
    assert!(!Path::new(&to).join("worker-3.cert.json").exists());

    // What is locked in a bucket stays there, so the wrong store must not take it.
    let (_other, theirs) = founded().await;
    let store = folder.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let store = store.to_str().unwrap();
    done(&["publish", "--keys", &to, "--to", store]).await;
    let wrong = refused(&["publish", "--keys", &theirs, "--to", store]).await;
    assert!(wrong.contains("none of them is of a root key"), "{wrong}");
    assert_eq!(std::fs::read_dir(Path::new(store).join("keys/v1")).unwrap().count(), 2);
    done(&["publish", "--keys", &to, "--to", store]).await;
}

#[tokio::test]
async fn a_year_is_the_default_everywhere() {
    let (folder, to) = founded().await;
    let host = folder.path().join("host").to_str().unwrap().to_owned();
    done(&["new", "gateway-2", "--to", &host]).await;
    let public = format!("{host}/gateway-2.pub");
    done(&["certify", "--keys", &to, "--public", &public, "--deployment", "acme", "--role", "gateway"]).await;
}
