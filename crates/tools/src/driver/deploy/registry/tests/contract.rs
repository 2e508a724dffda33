//! The same against the stand-in and against Debian's docker-registry: what holds of one has to hold of the other.

use super::proxy::Proxy;
use super::{PATIENCE, Registry, RegistryError, Settings, World};
use countersign_command::pattern::Pattern;
use countersign_core::digest::Digest;
use countersign_simulators::registry::{Access, BUNDLE, IMAGE, INDEX, Settings as Kind};
use reqwest::{Client, Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Debian's registry, which speaks version 2 of the interface and no referrers.
const PROGRAM: &str = "/usr/bin/docker-registry";

/// `robot:s3cret`, as htpasswd(1) writes it.
const PASSWORDS: &str = "robot:$2y$05$wGfP9LasAhImoFIfbgcygOwWH.w1OasTiCgGa.cg91LIS/ZS2ZP/i\n";

/// Who pushes: a name and a password, and no token.
struct Pusher {
    client: Client,
    url: String,
}

impl Pusher {
    async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> (StatusCode, Option<String>) {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let request = self.client.request(method, url).basic_auth("robot", Some("s3cret"));
        let answer = request.header("content-type", kind).body(body).send().await.unwrap();
        let place = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (answer.status(), place)
    }

    async fn blob(&self, repository: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes).to_string();
        let (status, place) =
            self.send(Method::POST, &format!("/v2/{repository}/blobs/uploads/"), "", Vec::new()).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let place = place.unwrap();
        let separator = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{separator}digest={digest}");
        let (status, _) = self.send(Method::PUT, &place, "application/octet-stream", bytes.to_vec()).await;
        assert_eq!(status, StatusCode::CREATED);
        json!({ "mediaType": "application/octet-stream", "digest": digest, "size": bytes.len() })
    }

    async fn manifest(&self, repository: &str, tag: &str, kind: &str, document: &Value) -> (StatusCode, String) {
        let bytes = document.to_string().into_bytes();
        let digest = Digest::of(&bytes).to_string();
        let (status, _) = self.send(Method::PUT, &format!("/v2/{repository}/manifests/{tag}"), kind, bytes).await;
        (status, digest)
    }

    async fn image(&self, repository: &str, tag: &str, extra: Value) -> String {
        let (config, layer) = (self.blob(repository, b"{}").await, self.blob(repository, tag.as_bytes()).await);
        let mut document = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer] });
        document.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let (status, digest) = self.manifest(repository, tag, IMAGE, &document).await;
        assert_eq!(status, StatusCode::CREATED);
        digest
    }
}

/// What every registry does.
async fn contract(pusher: &Pusher, client: &Registry) {
    let repository = "shop/checkout";
    let v1 = pusher.image(repository, "v1.9.0", json!({})).await;
    let v2 = pusher.image(repository, "v1.10.0", json!({})).await;
    pusher.image(repository, "latest", json!({})).await;
    assert_eq!(client.resolve("v1.9.0").await.unwrap(), v1);
    assert_eq!(client.resolve(&v2).await.unwrap(), v2);
    assert!(matches!(client.resolve("v3").await, Err(RegistryError::Missing)));
    let newest = client.newest(&Pattern::new("v.*").unwrap()).await.unwrap();
    assert_eq!(newest, Some(("v1.10.0".to_owned(), v2.clone())));

    // What is not complete is not taken.
    let absent = json!({ "mediaType": "x", "digest": format!("sha256:{}", "1".repeat(64)), "size": 1 });
    let incomplete = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": absent, "layers": [] });
    let (status, _) = pusher.manifest(repository, "v4", IMAGE, &incomplete).await;
    assert!(status.is_client_error(), "{status}");
    let (status, _) = pusher.manifest(repository, &v1, IMAGE, &incomplete).await;
    assert!(status.is_client_error(), "{status}");
    let other = format!("/v2/{repository}/blobs/uploads/");
    let (_, place) = pusher.send(Method::POST, &other, "", Vec::new()).await;
    let place = place.unwrap();
    let place = format!("{place}{}digest=sha256:{}", if place.contains('?') { '&' } else { '?' }, "1".repeat(64));
    let (status, _) = pusher.send(Method::PUT, &place, "application/octet-stream", b"x".to_vec()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    // Attested under a tag, as it is done where nobody answers for referrers.
    assert_eq!(client.attestations(&v1).await.unwrap(), Vec::<Value>::new());
    let bundle = json!({ "bundle": 1 });
    let mut layer = pusher.blob(repository, bundle.to_string().as_bytes()).await;
    layer["mediaType"] = BUNDLE.into();
    let extra = json!({
        "artifactType": BUNDLE, "layers": [layer], "subject": { "mediaType": IMAGE, "digest": v1, "size": 1 },
    });
    let artifact = pusher.image(repository, "artifact", extra).await;
    let listed = json!({ "mediaType": IMAGE, "digest": artifact, "size": 1, "artifactType": BUNDLE });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [listed] });
    let (status, _) = pusher.manifest(repository, &v1.replace(':', "-"), INDEX, &index).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(client.attestations(&v1).await.unwrap(), [bundle]);
}

fn client(url: &str, credential: &str, proxy: &str) -> Registry {
    let credential = SecretString::from(credential);
    Registry::new(&Settings {
        image: "registry.example.com/shop/checkout",
        address: Some(url),
        ca: None,
        credential: Some(&credential),
        hosts: Vec::new(),
        proxy,
        patience: PATIENCE,
    })
    .unwrap()
}

fn pusher(url: &str) -> Pusher {
    Pusher { client: Client::builder().no_proxy().tls_certs_only([]).build().unwrap(), url: url.to_owned() }
}

#[tokio::test]
async fn the_stand_in_does_what_a_registry_does() {
    let access = Access::Basic { user: "robot".to_owned(), password: "s3cret".to_owned() };
    let world = World::of(Kind { access, tls: false, referrers: false, ..Kind::default() }).await;
    let url = world.registry.url();
    contract(&pusher(&url), &client(&url, "robot:s3cret", &world.proxy.url())).await;
    world.end().await;
}

/// A real registry, ended with the test.
struct Real {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Real {
    #[expect(clippy::disallowed_methods, reason = "the registry is what the stand-in is measured by")]
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let passwords = folder.path().join("passwords");
        std::fs::write(&passwords, PASSWORDS).unwrap();
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage: {{ inmemory: {{}} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n\
             auth: {{ htpasswd: {{ realm: registry, path: '{}' }} }}\n",
            passwords.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg(&config).env_clear().stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, after) = line.split_once("listening on 127.0.0.1:")?;
            Some(after.chars().take_while(char::is_ascii_digit).collect::<String>())
        });
        // Somebody has to read what it says, or it would wait.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://127.0.0.1:{}", port.unwrap()), _folder: folder }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_real_registry_does_what_the_stand_in_does() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let proxy = Proxy::start(&tasks, &stop).await;
    let real = Real::start();
    contract(&pusher(&real.url), &client(&real.url, "robot:s3cret", &proxy.url())).await;
    let refused = client(&real.url, "robot:wrong", &proxy.url()).resolve("v1.9.0").await;
    assert!(matches!(refused, Err(RegistryError::Denied(_))));
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
