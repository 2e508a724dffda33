//! The same contract for a file, Vault and KMS; and each no by its name.

use crate::world::{SECRET, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_audit::keys;
use countersign_authority::root::Root;
use countersign_authority::signer::{RootSigner, SignError, VaultLogin, VaultRoot};
use countersign_core::certificate::{Claims, Role};
use countersign_core::id::KeyId;
use countersign_core::revocation::Revocation;
use countersign_core::seal::Verifier;
use countersign_core::time::Timestamp;
use countersign_simulators::kms::{Kind, Standing};
use countersign_simulators::vault::{Capability, Rule};
use secrecy::SecretString;
use std::time::Duration;

const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);

fn claims() -> Claims {
    Claims {
        v: 1,
        deployment: "acme".into(),
        key: BASE64.encode(keys::generate().verifying_key().as_bytes()),
        role: Role::Worker,
        pools: vec!["main".into()],
        not_before: START,
        not_after: START.plus(Duration::from_hours(24)),
    }
}

/// What stops a signer on the way to a certificate.
async fn stopped(signer: Box<dyn RootSigner>) -> SignError {
    match Root::new(signer).await {
        Err(error) => error,
        Ok(root) => root.certify(&claims()).await.expect_err("it has to be stopped"),
    }
}

/// Neither what a person reads nor what a log could print of an error holds a secret.
#[track_caller]
fn keeps_secrets(error: &SignError, secrets: &[&str]) {
    let texts = format!("{error} {error:?}");
    for secret in secrets {
        assert!(!texts.contains(secret), "{texts}");
    }
}

#[tokio::test]
async fn each_holder_signs_what_verifiers_believe() {
    let w = World::new().await;
    for signer in w.signers().await {
        let shown = format!("{signer:?}");
        let root = Root::new(signer).await.unwrap();
        let verifier = Verifier::new(*root.public(), "acme");
        let claims = claims();
        let certificate = root.certify(&claims).await.unwrap();
        assert_eq!(verifier.certified(&certificate).unwrap(), claims, "{shown}");
        let key = KeyId::of(claims.public_key().unwrap().as_bytes());
        let revocation = Revocation { v: 1, deployment: "acme".into(), key, from: START, reason: "lost".into() };
        let note = root.revoke(&revocation).await.unwrap();
        assert_eq!(verifier.learn(&note).unwrap(), revocation, "{shown}");
        let other = Verifier::new(keys::generate().verifying_key(), "acme");
        assert!(other.certified(&certificate).is_err(), "{shown}");
    }
}

#[tokio::test]
async fn a_holder_of_another_key_is_not_taken_for_the_root() {
    let w = World::new().await;
    let expected = keys::generate().verifying_key();
    for signer in w.signers().await {
        let error = Root::known(signer, &expected, "keys/root.pub").await.unwrap_err();
        assert!(matches!(error, SignError::AnotherRoot(_)), "{error}");
    }
}

#[tokio::test]
async fn a_signature_that_does_not_verify_is_not_used() {
    let w = World::new().await;
    w.vault.sign_with_another_key();
    w.kms.sign_with_another_key();
    for signer in w.signers().await.into_iter().skip(1) {
        let error = stopped(signer).await;
        assert!(matches!(error, SignError::WrongSignature), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let w = World::new().await;
    let pem = std::fs::read_to_string(w.path("root.key")).unwrap();
    let secret = pem.lines().nth(1).unwrap();
    std::fs::set_permissions(w.path("root.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let signer = w.signers().await.swap_remove(0);
    assert!(!format!("{signer:?}").contains(secret));
    let error = stopped(signer).await;
    assert!(matches!(error, SignError::File(keys::KeyError::Exposed(_))), "{error}");
    keeps_secrets(&error, &[secret]);
}

#[tokio::test]
async fn vault_says_no_in_words_of_ours() {
    let w = World::new().await;
    w.make_in_vault("aes", "aes256-gcm96").await;
    w.vault.write_policy("all-keys", vec![Rule::new("transit/*", &[Capability::Read, Capability::Update])]);
    w.vault.write_policy("reads", vec![Rule::new("transit/keys/root", &[Capability::Read])]);
    let (all, reads, none) = (w.vault.token(&["all-keys"]), w.vault.token(&["reads"]), w.vault.token(&[]));

    let no_key = stopped(w.in_vault(&all, "nothing").await.unwrap()).await;
    assert!(matches!(&no_key, SignError::NoSuchKey { key, .. } if key == "nothing"), "{no_key}");
    let kind = stopped(w.in_vault(&all, "aes").await.unwrap()).await;
    assert!(matches!(kind, SignError::WrongKind { .. }), "{kind}");
    let unsigned = stopped(w.in_vault(&reads, "root").await.unwrap()).await;
    assert!(matches!(unsigned, SignError::Denied { what: "sign with", .. }), "{unsigned}");
    let unread = stopped(w.in_vault(&none, "root").await.unwrap()).await;
    assert!(matches!(unread, SignError::Denied { what: "read", .. }), "{unread}");
    w.vault.revoke_token(&all);
    let gone = stopped(w.in_vault(&all, "root").await.unwrap()).await;
    assert!(matches!(gone, SignError::Login { .. }), "{gone}");
    w.vault.seal();
    let sealed = stopped(w.in_vault(&w.token, "root").await.unwrap()).await;
    assert!(matches!(sealed, SignError::Sealed { .. }), "{sealed}");
    for error in [no_key, kind, unsigned, unread, gone, sealed] {
        keeps_secrets(&error, &[&all, &reads, &none, &w.token]);
    }
    assert!(!format!("{:?}", w.vault_settings(&w.token)).contains(&w.token));
    w.vault.unseal();
    let signer = w.in_vault(&w.token, "root").await.unwrap();
    assert!(!format!("{signer:?}").contains(&w.token));
    assert!(Root::new(signer).await.is_ok());
}

#[tokio::test]
async fn vault_is_logged_in_to_by_a_role() {
    let w = World::new().await;
    let role = w.vault.app_role(&["countersign-root"]);
    let login = |secret_id: &str| VaultLogin::AppRole {
        role_id: role.role_id.clone(),
        secret_id: SecretString::from(secret_id),
    };
    let mut settings = w.vault_settings("");
    settings.login = login(&role.secret_id);
    let signer = VaultRoot::open(&settings, "transit", "root").await.unwrap();
    assert!(Root::new(Box::new(signer)).await.unwrap().certify(&claims()).await.is_ok());
    settings.login = login("11111111-2222-3333-4444-555555555555");
    let error = VaultRoot::open(&settings, "transit", "root").await.unwrap_err();
    assert!(matches!(error, SignError::Login { .. }), "{error}");
    keeps_secrets(&error, &[&role.secret_id, "11111111-2222-3333-4444-555555555555", &role.role_id]);
}

#[tokio::test]
async fn vault_is_believed_only_with_its_certificate() {
    let w = World::new().await;
    let other = World::new().await;
    let mut settings = w.vault_settings(&w.token);
    settings.ca = Some(other.path("ca.pem"));
    let signer = VaultRoot::open(&settings, "transit", "root").await.unwrap();
    let error = stopped(Box::new(signer)).await;
    assert!(matches!(&error, SignError::Unreachable { why, .. } if why.contains("certificate")), "{error}");
    keeps_secrets(&error, &[&w.token]);
    assert_eq!(w.vault.requests().len(), 1, "only the making of the key; the token was not sent");
    settings.ca = Some(w.path("root.key"));
    let error = VaultRoot::open(&settings, "transit", "root").await.unwrap_err();
    assert!(matches!(error, SignError::Setting(_)), "{error}");
}

/// After a rotation in Vault the newest version is the key, and the installation's root is not it any more.
#[tokio::test]
async fn a_key_that_was_rotated_in_vault_is_another_root() {
    let w = World::new().await;
    let before = *Root::new(w.in_vault(&w.token, "root").await.unwrap()).await.unwrap().public();
    w.ask_vault("transit/keys/root/rotate", &serde_json::json!({})).await;
    let after = Root::new(w.in_vault(&w.token, "root").await.unwrap()).await.unwrap();
    assert_ne!(*after.public(), before);
    assert!(after.certify(&claims()).await.is_ok());
    let error = Root::known(w.in_vault(&w.token, "root").await.unwrap(), &before, "root.pub").await.unwrap_err();
    assert!(matches!(error, SignError::AnotherRoot(_)), "{error}");
}

#[tokio::test]
async fn kms_says_no_in_words_of_ours() {
    let w = World::new().await;
    let symmetric = w.kms.create(Kind::Symmetric);
    w.kms.alias("countersign-root", &w.kms_key);
    let by_alias = Root::new(w.in_kms("AKIDALLOWED", SECRET, "alias/countersign-root").await).await.unwrap();
    assert!(by_alias.certify(&claims()).await.is_ok());

    let no_key = stopped(w.in_kms("AKIDALLOWED", SECRET, "alias/nothing").await).await;
    assert!(matches!(no_key, SignError::NoSuchKey { .. }), "{no_key}");
    let kind = stopped(w.in_kms("AKIDALLOWED", SECRET, &symmetric).await).await;
    assert!(matches!(kind, SignError::WrongKind { .. }), "{kind}");
    let denied = stopped(w.in_kms("AKIDDENIED", SECRET, &w.kms_key).await).await;
    assert!(matches!(denied, SignError::Denied { .. }), "{denied}");
    let wrong = stopped(w.in_kms("AKIDALLOWED", "another-secret", &w.kms_key).await).await;
    assert!(matches!(wrong, SignError::Login { .. }), "{wrong}");
    let unknown = stopped(w.in_kms("AKIDNOBODY", SECRET, &w.kms_key).await).await;
    assert!(matches!(unknown, SignError::Login { .. }), "{unknown}");
    w.kms.set(&w.kms_key, Standing::Disabled);
    // The public half was known before; it is the signature that is refused.
    let disabled = by_alias.certify(&claims()).await.unwrap_err();
    assert!(matches!(disabled, SignError::Disabled { .. }), "{disabled}");
    w.kms.set(&w.kms_key, Standing::PendingDeletion);
    let pending = stopped(w.in_kms("AKIDALLOWED", SECRET, &w.kms_key).await).await;
    assert!(matches!(pending, SignError::Disabled { .. }), "{pending}");
    for error in [no_key, kind, denied, wrong, unknown, disabled, pending] {
        keeps_secrets(&error, &[SECRET, "another-secret", "111122223333"]);
    }
}

#[tokio::test]
async fn who_does_not_answer_is_named() {
    let w = World::new().await;
    // A port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut settings = w.vault_settings(&w.token);
    settings.address = format!("https://127.0.0.1:{port}");
    let signer = VaultRoot::open(&settings, "transit", "root").await.unwrap();
    let error = stopped(Box::new(signer)).await;
    assert!(matches!(&error, SignError::Unreachable { why, .. } if why.contains("refused")), "{error}");
    keeps_secrets(&error, &[&w.token]);
    settings.address = "http://vault.example:8200".into();
    let error = VaultRoot::open(&settings, "transit", "root").await.unwrap_err();
    assert!(matches!(error, SignError::Setting(_)), "{error}");
}
