//! What a revoked key still proves, and what it does not any more.

use crate::world::{NOW, World, root, sealer};
use countersign_core::ballot::Vote;
use countersign_core::certificate::{Certificate, CertificateError, Claims, Draft as CertificateDraft, Role};
use countersign_core::id::KeyId;
use countersign_core::revocation::{Draft, Revocation, RevocationError, RevocationNote};
use countersign_core::seal::{SealError, Verifier};
use countersign_core::time::Timestamp;
use ed25519_dalek::{Signer as _, SigningKey};
use std::time::Duration;

fn note_by(root: &SigningKey, key: KeyId, from: Timestamp, deployment: &str) -> RevocationNote {
    let revocation = Revocation { v: 1, deployment: deployment.into(), key, from, reason: "laptop lost".into() };
    let draft = Draft::of(&revocation);
    let signature = root.sign(&draft.message()).to_bytes();
    draft.signed(signature)
}

fn note(key: KeyId, from: Timestamp) -> RevocationNote {
    note_by(&root(), key, from, "test")
}

#[test]
fn a_revoked_key_is_not_believed_from_then_on_and_stays_believed_before() {
    let w = World::new();
    let (asked, _) = w.asked("a");
    let ballot = w.ballot(&asked, "bob", Vote::Approve);
    let verifier = Verifier::new(root().verifying_key(), "test");
    verifier.learn(&note(w.gateway.key_id(), NOW)).unwrap();
    let before = Timestamp::from_millis(NOW.as_millis() - 1);
    assert!(ballot.open(&verifier, asked.id(), before).is_ok());
    for after in [NOW, NOW.plus(Duration::from_secs(1))] {
        assert_eq!(ballot.open(&verifier, asked.id(), after).unwrap_err(), SealError::Revoked(w.gateway.key_id()));
    }
}

#[test]
fn of_two_revocations_the_earlier_holds_in_whatever_order_they_come() {
    let key = World::new().gateway.key_id();
    let (early, late) = (NOW, NOW.plus(Duration::from_hours(1)));
    for order in [[early, late], [late, early]] {
        let verifier = Verifier::new(root().verifying_key(), "test");
        for from in order {
            verifier.learn(&note(key.clone(), from)).unwrap();
        }
        assert_eq!(verifier.revoked_from(&key), Some(early));
    }
}

#[test]
fn what_one_verifier_learns_its_clones_know() {
    let verifier = Verifier::new(root().verifying_key(), "test");
    let (clone, key) = (verifier.clone(), World::new().gateway.key_id());
    verifier.learn(&note(key.clone(), NOW)).unwrap();
    assert_eq!(clone.revoked_from(&key), Some(NOW));
}

/// Whoever could revoke without the root could stop an installation.
#[test]
fn a_revocation_that_the_root_did_not_sign_for_this_deployment_changes_nothing() {
    let (w, stranger) = (World::new(), SigningKey::from_bytes(&[9; 32]));
    let verifier = Verifier::new(root().verifying_key(), "test");
    let key = w.gateway.key_id();
    let cases = [
        (note_by(&stranger, key.clone(), NOW, "test"), RevocationError::NotByRoot),
        (note_by(&root(), key.clone(), NOW, "other"), RevocationError::ForeignDeployment),
    ];
    for (note, error) in cases {
        assert_eq!(verifier.learn(&note).unwrap_err(), error);
    }
    let honest = serde_json::to_string(&note(key.clone(), NOW)).unwrap();
    let forged = honest.replace(key.as_str(), sealer(&root(), 7, Role::Worker, &[]).key_id().as_str());
    assert_ne!(honest, forged);
    let forged: RevocationNote = serde_json::from_str(&forged).unwrap();
    assert_eq!(verifier.learn(&forged).unwrap_err(), RevocationError::NotByRoot);
    assert_eq!(verifier.revoked_from(&key), None);
}

/// A certificate is never a revocation, nor the other way round, whatever the root signed.
#[test]
fn what_the_root_signs_serves_one_purpose() {
    let claims = Claims {
        v: 1,
        deployment: "test".into(),
        key: String::new(),
        role: Role::Worker,
        pools: Vec::new(),
        not_before: NOW,
        not_after: NOW,
    };
    let revocation = Revocation {
        v: 1,
        deployment: "test".into(),
        key: World::new().gateway.key_id(),
        from: NOW,
        reason: "x".into(),
    };
    let (certificate, revocation) = (CertificateDraft::of(&claims), Draft::of(&revocation));
    assert_ne!(certificate.message(), revocation.message());
    let by_purpose_of_the_other = root().sign(&certificate.message()).to_bytes();
    let verifier = Verifier::new(root().verifying_key(), "test");
    let crossed = revocation.signed(by_purpose_of_the_other);
    assert_eq!(verifier.learn(&crossed).unwrap_err(), RevocationError::NotByRoot);
}

#[test]
fn a_replaced_root_still_stands_behind_the_past_when_it_is_named() {
    let (old, new) = (root(), SigningKey::from_bytes(&[8; 32]));
    let claims = |key: &SigningKey| Claims {
        v: 1,
        deployment: "test".into(),
        key: {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(key.verifying_key().as_bytes())
        },
        role: Role::Gateway,
        pools: Vec::new(),
        not_before: NOW,
        not_after: NOW.plus(Duration::from_hours(1)),
    };
    let (past, present) = (Certificate::issue(&claims(&old), &old), Certificate::issue(&claims(&new), &new));
    let both = Verifier::of(vec![new.verifying_key(), old.verifying_key()], "test");
    assert!(both.certified(&past).is_ok() && both.certified(&present).is_ok());
    let alone = Verifier::new(new.verifying_key(), "test");
    assert_eq!(alone.certified(&past).unwrap_err(), CertificateError::NotByRoot);
    let elsewhere = Verifier::of(vec![new.verifying_key(), old.verifying_key()], "other");
    assert_eq!(elsewhere.certified(&past).unwrap_err(), CertificateError::ForeignDeployment);
}
