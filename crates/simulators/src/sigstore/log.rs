//! A transparency log: a Merkle tree of entries, signed heads, and promises, as Rekor gives them.
//!
//! Source: RFC 6962, section 2.1; Rekor's entry types `dsse` 0.0.1 and (version 2) `hashedrekord` 0.0.2; C2SP
//! tlog-checkpoint.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use super::sha256;
use crate::chance::hex;

/// The name the log signs its heads with.
const SIGNER: &str = "rekor.sigstore.test";

pub(super) struct Log {
    pub(super) key: KeyPair,
    leaves: Mutex<Vec<[u8; 32]>>,
}

/// What is logged.
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) version: &'static str,
    /// Canonical JSON.
    pub(super) body: String,
}

impl Log {
    /// A log in which others are already.
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let others = ["a", "b", "c", "d", "e"].map(|other| leaf(other.as_bytes()));
        Ok(Self { key: KeyPair::generate()?, leaves: Mutex::new(others.to_vec()) })
    }

    pub(super) fn id(&self) -> [u8; 32] {
        sha256(&self.key.subject_public_key_info())
    }

    /// Adds an entry; what is given back stands in a bundle as it is. Version 2 of Rekor promises no time.
    pub(super) fn add(&self, entry: &Entry, integrated_at: Option<i64>) -> Result<Value, rcgen::Error> {
        let (index, leaves) = {
            let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
            leaves.push(leaf(entry.body.as_bytes()));
            (leaves.len() - 1, leaves.clone())
        };
        let root = STANDARD.encode(head(&leaves));
        let body = STANDARD.encode(&entry.body);
        let hashes: Vec<_> = path(index, &leaves).iter().map(|hash| STANDARD.encode(hash)).collect();
        let mut logged = json!({
            "logIndex": index.to_string(),
            "logId": { "keyId": STANDARD.encode(self.id()) },
            "kindVersion": { "kind": entry.kind, "version": entry.version },
            "canonicalizedBody": body,
            "inclusionProof": {
                "logIndex": index.to_string(), "treeSize": leaves.len().to_string(), "rootHash": root, "hashes": hashes,
                "checkpoint": { "envelope": self.checkpoint(leaves.len(), &root)? },
            },
        });
        if let Some(time) = integrated_at {
            // Canonical: the keys are in order.
            let promised = format!(
                r#"{{"body":"{body}","integratedTime":{time},"logID":"{}","logIndex":{index}}}"#,
                hex(&self.id())
            );
            let promise = self.key.sign(promised.as_bytes())?;
            logged["integratedTime"] = time.to_string().into();
            logged["inclusionPromise"] = json!({ "signedEntryTimestamp": STANDARD.encode(promise) });
        }
        Ok(logged)
    }

    fn checkpoint(&self, size: usize, root: &str) -> Result<String, rcgen::Error> {
        let text = format!("{SIGNER} - 1\n{size}\n{root}\n");
        let signature = self.key.sign(text.as_bytes())?;
        let id = self.id();
        let (hint, _) = id.split_at(4);
        let signature = STANDARD.encode([hint, &signature].concat());
        Ok(format!("{text}\n\u{2014} {SIGNER} {signature}\n"))
    }
}

fn leaf(body: &[u8]) -> [u8; 32] {
    sha256(&[&[0], body].concat())
}

fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    sha256(&[&[1][..], &left, &right].concat())
}

/// The largest power of two that is smaller than `count`, which is at least 2.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn head(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(split(more.len()));
            node(head(left), head(right))
        }
    }
}

/// The hashes beside the way from a leaf to the head, from below.
fn path(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut hashes, beside) =
        if index < at { (path(index, left), head(right)) } else { (path(index - at, right), head(left)) };
    hashes.push(beside);
    hashes
}
