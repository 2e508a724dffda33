//! What is told when things go wrong, and what never is.

use super::world::{Ground, need};
use crate::broker::Broker as _;
use crate::issuers::IssuerSettings;
use crate::recipe::{AccessToken, AssumeRole, Engine, Mint, Place, Recipe, TokenRequest, VaultRole};
use crate::reference::Reference;
use crate::target::TargetKind;
use crate::vault::{VaultLogin, VaultSettings};
use countersign_simulators::vault::{AwsCredential, Capability, Rule, Vault};
use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

/// In every secret of these tests: the worker's own, and what issuers answer.
const CANARY: &str = "canary-7c1e";

/// All lines that anything writes, at the most talkative level.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Until the guard is dropped. Our processes write their own crates' lines alone, at any level: libraries quote.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.clone();
        let ours = Targets::new().with_target("countersign", Level::TRACE);
        let written = tracing_subscriber::fmt::layer().with_writer(move || lines.clone()).with_filter(ours);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(written))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Everything that an error can be made to say.
fn said(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text} {cause} {cause:?}");
        next = cause.source();
    }
    text
}

/// A server that answers everything with this; its address.
async fn answering(ground: &Ground, status: &'static str, body: &str) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let stop = ground.stop.clone();
    ground.tasks.spawn(async move {
        loop {
            let (mut socket, _) = tokio::select! {
                accepted = listener.accept() => accepted.unwrap(),
                () = stop.cancelled() => return,
            };
            let mut request = vec![0; 64 * 1024];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    address
}

fn recipes(address: &str) -> Vec<(TargetKind, Recipe)> {
    let source = || Reference::Env("KEYS".to_owned());
    let place =
        Place { cluster: "dev".to_owned(), address: address.to_owned(), ca: None, namespace: "countersign".to_owned() };
    let vault = |engine| VaultRole {
        engine,
        mount: "m".to_owned(),
        role: "r".to_owned(),
        namespace: None,
        field: Some("token".to_owned()),
    };
    vec![
        (
            TargetKind::Cluster,
            Recipe::Minted(Mint::TokenRequest(TokenRequest {
                place,
                service_account: "read".to_owned(),
                audiences: Vec::new(),
            })),
        ),
        (TargetKind::Profile, Recipe::Minted(Mint::Vault(vault(Engine::Aws)))),
        (TargetKind::Alertmanager, Recipe::Minted(Mint::Vault(vault(Engine::KvV2)))),
        (
            TargetKind::Profile,
            Recipe::Minted(Mint::AssumeRole(AssumeRole {
                role: "arn:aws:iam::123456789012:role/r".to_owned(),
                source: source(),
                region: "eu-west-1".to_owned(),
            })),
        ),
        (
            TargetKind::Project,
            Recipe::Minted(Mint::AccessToken(AccessToken {
                service_account: Some("r@p.iam.gserviceaccount.com".to_owned()),
                source: Reference::Env("TOKEN".to_owned()),
            })),
        ),
        (TargetKind::Profile, Recipe::Aws(Reference::Env("TOKEN".to_owned()))),
        (TargetKind::Stack, Recipe::Variables(source())),
    ]
}

fn settings(address: &str) -> IssuerSettings {
    let login = VaultLogin::AppRole {
        mount: "approle".to_owned(),
        role_id: "r".to_owned(),
        secret_id: Reference::Env("TOKEN".to_owned()),
    };
    IssuerSettings {
        clusters: [("dev".to_owned(), Reference::Env("TOKEN".to_owned()))].into(),
        vault: Some(VaultSettings { address: address.to_owned(), ca: None, namespace: None, login, journal: None }),
        sts: Some(address.to_owned()),
        iam_credentials: Some(address.to_owned()),
        oauth2: Some(address.to_owned()),
        ca: None,
    }
}

#[tokio::test]
async fn p58_no_error_of_an_issuer_says_what_it_was_sent_or_gave() {
    let lines = Lines::default();
    let listening = lines.listen();
    let ground = Ground::new();
    let keys = format!(r#"{{"AccessKeyId":"AKIA{CANARY}","SecretAccessKey":"{CANARY}","SessionToken":"{CANARY}"}}"#);
    let environment = [("TOKEN", CANARY), ("KEYS", keys.as_str())];
    let mut heard = 0;
    for (status, body) in [
        ("200 OK", format!(r#"{{"data":"{CANARY}"}}"#)),
        ("200 OK", format!(r#"{{"auth":{{"client_token":"{CANARY}"}},"metadata":{{"uid":1,"name":"{CANARY}"}}}}"#)),
        ("200 OK", format!("<Credentials><SecretAccessKey>{CANARY}</SecretAccessKey>")),
        ("400 Bad Request", format!(r#"{{"errors":["{CANARY}"],"error":"{CANARY}"}}"#)),
        ("403 Forbidden", format!("<Error><Code>AccessDenied</Code><Message>{CANARY}</Message></Error>")),
        ("500 Internal Server Error", CANARY.to_owned()),
        ("302 Found", CANARY.to_owned()),
    ] {
        let address = answering(&ground, status, &body).await;
        for (kind, recipe) in recipes(&address) {
            let broker = ground.broker(kind, recipe, settings(&address), &environment);
            let error = broker.lease(need(kind, "a")).await.unwrap_err();
            let text = format!("{} {:?} {broker:?}", said(&error), error.refusal());
            assert!(!text.contains(CANARY), "{status} {body}: {text}");
            heard += 1;
            if let Err(error) = broker.sweep("dev", &BTreeSet::new()).await {
                assert!(!said(&error).contains(CANARY), "{status} {body}: {}", said(&error));
            }
        }
    }
    assert_eq!(heard, 7 * 7);
    drop(listening);
    let text = lines.text();
    assert!(!text.contains(CANARY), "{}", text.lines().find(|line| line.contains(CANARY)).unwrap_or_default());
}

#[tokio::test]
async fn p22_nothing_that_was_issued_is_in_a_log_or_in_debug() {
    let lines = Lines::default();
    let listening = lines.listen();
    let ground = Ground::new();
    let vault = Vault::start_at(ground.clock.simulated(), &ground.tasks, ground.stop.clone()).await.unwrap();
    vault.write_policy("all", vec![Rule::new("*", &[Capability::Update, Capability::Read])]);
    vault.mount_aws("aws", &[("read", AwsCredential::Session)]);
    let role = vault.app_role(&["all"]);
    let login = VaultLogin::AppRole {
        mount: "approle".to_owned(),
        role_id: role.role_id,
        secret_id: Reference::Env("SECRET".to_owned()),
    };
    let settings = VaultSettings {
        address: vault.url(),
        ca: Some(ground.file("ca.pem", vault.ca_pem())),
        namespace: None,
        login,
        journal: None,
    };
    let aws = VaultRole {
        engine: Engine::Aws,
        mount: "aws".to_owned(),
        role: "read".to_owned(),
        namespace: None,
        field: None,
    };
    let settings = IssuerSettings { vault: Some(settings), ..IssuerSettings::default() };
    let recipe = Recipe::Minted(Mint::Vault(aws));
    let broker = ground.broker(TargetKind::Profile, recipe, settings, &[("SECRET", &role.secret_id)]);
    let lease = broker.lease(need(TargetKind::Profile, "a")).await.unwrap();
    let shown = format!("{lease:?} {lease:#?} {broker:?} {:?}", countersign_audit::event::LeaseNote::from(&lease));
    let secrets: Vec<String> = lease
        .known_secrets()
        .iter()
        .map(|(_, secret)| secrecy::ExposeSecret::expose_secret(secret).to_owned())
        .chain([role.secret_id])
        .collect();
    assert_eq!(secrets.len(), 4);
    broker.revoke(lease).await.unwrap();
    drop(listening);
    let text = lines.text();
    for secret in secrets {
        assert!(!shown.contains(&secret), "{shown}");
        assert!(!text.contains(&secret), "{}", text.lines().find(|line| line.contains(&secret)).unwrap_or_default());
    }
}
