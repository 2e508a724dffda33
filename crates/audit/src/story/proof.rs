//! Which key stands behind a sealed document in a record, and whether it does.
//!
//! **Invariant:** nothing holds that the root key does not stand behind.

use crate::event::{Event, Kind, SealKind, SealedCopy};
use countersign_core::ballot::Ballot;
use countersign_core::certificate::{Certificate, Claims};
use countersign_core::digest::Digest;
use countersign_core::effect::Effect;
use countersign_core::invocation::AskedRecord;
use countersign_core::job::{Job, Preview};
use countersign_core::outcome::Outcome;
use countersign_core::seal::{Sealable, Sealed, Verifier};
use countersign_core::time::Timestamp;
use serde::Deserialize;
use std::fmt;

/// Whether a sealed document is what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No root key was given.
    NotChecked,
    /// Signed by the key, for this request, and the root key stands behind the key.
    Verified,
    /// Not so; why.
    Broken(String),
}

/// A sealed document, who sealed it, and whether that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What the document is.
    pub kind: SealKind,
    /// What its certificate claims; only with [`Standing::Verified`] is it more than a claim.
    pub claims: Option<Claims>,
    /// Digest of the sealed bytes.
    pub digest: Option<Digest>,
    /// Whether it holds.
    pub standing: Standing,
}

/// What every sealed document is made of.
#[derive(Deserialize)]
struct Wire {
    bytes: String,
    cert: Paper,
}

/// A certificate before anything is believed.
#[derive(Deserialize)]
struct Paper {
    bytes: String,
}

/// Verifies one sealed document of a record that was written at `at`.
#[must_use]
pub fn prove(copy: &SealedCopy, event: &Event, at: Timestamp, verifier: Option<&Verifier>) -> Proof {
    let wire = serde_json::from_str::<Wire>(&copy.text).ok();
    let claims = wire.as_ref().and_then(|wire| serde_json::from_str(&wire.cert.bytes).ok());
    let digest = wire.map(|wire| Digest::of(wire.bytes.as_bytes()));
    let standing = match verifier.map(|verifier| check(copy, event, at, verifier)) {
        None => Standing::NotChecked,
        Some(Ok(())) => Standing::Verified,
        Some(Err(says)) => Standing::Broken(says),
    };
    Proof { kind: copy.kind, claims, digest, standing }
}

fn check(copy: &SealedCopy, event: &Event, at: Timestamp, verifier: &Verifier) -> Result<(), String> {
    match copy.kind {
        SealKind::Job => opened::<Job>(copy, event, at, verifier).map(drop),
        SealKind::Preview => opened::<Preview>(copy, event, at, verifier).map(drop),
        SealKind::Asked => opened::<AskedRecord>(copy, event, at, verifier).map(drop),
        SealKind::Effect => opened::<Effect>(copy, event, at, verifier).map(drop),
        SealKind::Outcome => opened::<Outcome>(copy, event, at, verifier).map(drop),
        SealKind::Ballot => {
            let ballot = opened::<Ballot>(copy, event, at, verifier)?;
            match &event.decision {
                Some(decision) if decision.digest != ballot.decision => Err("it is about another decision".into()),
                Some(_) | None => Ok(()),
            }
        }
    }
}

fn opened<T: Sealable>(copy: &SealedCopy, event: &Event, at: Timestamp, verifier: &Verifier) -> Result<T, String> {
    let sealed: Sealed<T> = serde_json::from_str(&copy.text).map_err(|_| "it is not a sealed document".to_owned())?;
    let value = sealed.open_any(verifier, at).map_err(|error| error.to_string())?;
    match event.invocation {
        Some(id) if id != value.invocation() => Err("it belongs to another invocation".into()),
        Some(_) | None => Ok(value),
    }
}

impl Proof {
    /// As [`Display`](fmt::Display), for the record it stands in: a refusal keeps the forged
    /// document it was about.
    pub(super) fn in_a(&self, kind: Kind) -> String {
        match (&self.standing, kind) {
            (Standing::Broken(_), Kind::Refused) => format!("{self}, which is why it was refused"),
            _ => self.to_string(),
        }
    }
}

/// `ballot, by key 1f… of a gateway: verified`.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(claims) = &self.claims {
            let id = claims.key_id().map_or_else(|| "that cannot be read".into(), |id| id.to_string());
            write!(f, ", by key {id} of a {}", claims.role)?;
        }
        match &self.standing {
            Standing::NotChecked => f.write_str(": not checked (give --root)"),
            Standing::Verified => f.write_str(": verified"),
            Standing::Broken(says) => write!(f, ": NOT VERIFIED: {says}"),
        }
    }
}

/// Whether the certificate in a record is the root key's, and whose.
pub(super) fn certificate(certificate: &Certificate, verifier: Option<&Verifier>) -> String {
    let Some(verifier) = verifier else { return "not checked (give --root)".into() };
    match verifier.certified(certificate) {
        Ok(claims) => {
            let id = claims.key_id().map_or_else(String::new, |id| id.to_string());
            let pools =
                if claims.pools.is_empty() { String::new() } else { format!(" of {}", claims.pools.join(", ")) };
            format!("key {id} of a {}{pools}, {} to {}: verified", claims.role, claims.not_before, claims.not_after)
        }
        Err(error) => format!("NOT VERIFIED: {error}"),
    }
}
