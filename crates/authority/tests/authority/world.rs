//! The three holders of a root key, each with a real answering side.

use countersign_audit::keys;
use countersign_authority::signer::{
    FileRoot, KmsCredentials, KmsRoot, KmsSettings, RootSigner, SignError, VaultLogin, VaultRoot, VaultSettings,
};
use countersign_simulators::kms::{Access, Kind, Kms};
use countersign_simulators::vault::{Capability, Rule, Vault};
use secrecy::SecretString;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Said where a secret is needed, so that a text can be searched for it.
pub(crate) const SECRET: &str = "wJalrXUtnFEMI-not-a-real-secret-EXAMPLEKEY";

/// Everything a root key can be held by.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) vault: Vault,
    pub(crate) token: String,
    pub(crate) kms: Kms,
    pub(crate) kms_key: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        // Vault's client takes the provider of the process; another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::start(&tasks, stop.clone()).await.unwrap();
        std::fs::write(folder.path().join("ca.pem"), vault.ca_pem()).unwrap();
        vault.write_policy(
            "countersign-root",
            vec![
                Rule::new("transit/keys/root", &[Capability::Read]),
                Rule::new("transit/sign/root", &[Capability::Update]),
            ],
        );
        let principal = |id: &str, allowed| Access { id: id.into(), secret: SECRET.into(), allowed };
        let principals = vec![principal("AKIDALLOWED", true), principal("AKIDDENIED", false)];
        let kms = Kms::start(principals, &tasks, stop).await.unwrap();
        let kms_key = kms.create(Kind::Edwards25519);
        let token = vault.token(&["countersign-root"]);
        let world = Self { folder, vault, token, kms, kms_key };
        world.make_in_vault("root", "ed25519").await;
        keys::save(&world.path("root.key"), &keys::generate()).unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a key as an administrator does it.
    pub(crate) async fn make_in_vault(&self, name: &str, kind: &str) {
        self.ask_vault(&format!("transit/keys/{name}"), &serde_json::json!({ "type": kind })).await;
    }

    /// Posts with a token that may do everything.
    pub(crate) async fn ask_vault(&self, path: &str, body: &serde_json::Value) {
        let authority = reqwest::Certificate::from_pem(self.vault.ca_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
        let request = client.post(format!("{}/v1/{path}", self.vault.url())).json(body);
        let answer = request.header("X-Vault-Token", self.vault.token(&["root"])).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    pub(crate) fn vault_settings(&self, token: &str) -> VaultSettings {
        VaultSettings {
            address: self.vault.url(),
            ca: Some(self.path("ca.pem")),
            login: VaultLogin::Token(SecretString::from(token)),
        }
    }

    pub(crate) async fn in_vault(&self, token: &str, key: &str) -> Result<Box<dyn RootSigner>, SignError> {
        Ok(Box::new(VaultRoot::open(&self.vault_settings(token), "transit", key).await?))
    }

    pub(crate) async fn in_kms(&self, id: &str, secret: &str, key: &str) -> Box<dyn RootSigner> {
        let credentials = KmsCredentials::Key { id: id.into(), secret: SecretString::from(secret) };
        let settings = KmsSettings { region: Some("us-east-1".into()), endpoint: Some(self.kms.url()), credentials };
        Box::new(Box::pin(KmsRoot::open(&settings, key)).await.unwrap())
    }

    /// One of each, all in order.
    pub(crate) async fn signers(&self) -> Vec<Box<dyn RootSigner>> {
        vec![
            Box::new(FileRoot::new(self.path("root.key"))),
            self.in_vault(&self.token, "root").await.unwrap(),
            self.in_kms("AKIDALLOWED", SECRET, &self.kms_key).await,
        ]
    }
}
