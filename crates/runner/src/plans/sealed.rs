//! A plan as it lies in a place: sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under the pool's key.
//!
//! **Invariant:** the head, which says what the plan is and when it ends, is authenticated with it; no byte of an object
//! can be another without the whole being refused. The nonce is drawn: 24 bytes are long enough for that.
//!
//! ```text
//! countersign-plan-v1\n | length of the head, 4 bytes, big endian | head, canonical JSON | nonce, 24 bytes | sealed plan
//! ```

use super::{LARGEST_PLAN, PlanError, PlanId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use countersign_core::canonical::canonical;
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"countersign-plan-v1\n";
const NONCE: usize = 24;
/// Poly1305's tag.
const TAG: usize = 16;
/// No head is longer: six names and a time.
const LONGEST_HEAD: usize = 4 << 10;

/// What [`claimed_end`] needs of an object.
pub(super) const BEGINNING: usize = MAGIC.len() + 4 + LONGEST_HEAD;
/// No object is larger.
pub(super) const LARGEST_OBJECT: usize = BEGINNING + NONCE + LARGEST_PLAN + TAG;

/// The key of a pool's plans. Never shown.
#[derive(Debug)]
pub struct PoolKey(SecretBox<[u8; 32]>);

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key of saved plans is not 32 bytes in base64 (make one with `openssl rand -base64 32`)")]
pub struct KeyError;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    commit: String,
    deployment: String,
    digest: Digest,
    invocation: InvocationId,
    pool: String,
    stack: String,
    until: Timestamp,
}

/// What an object turned out to be.
pub(super) struct Opened {
    pub(super) id: PlanId,
    pub(super) until: Timestamp,
    pub(super) plan: Zeroizing<Vec<u8>>,
}

impl PoolKey {
    /// Reads a key as `openssl rand -base64 32` prints it.
    ///
    /// # Errors
    /// [`KeyError`]; the text is not repeated.
    pub fn parse(text: &SecretString) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(BASE64.decode(text.expose_secret().trim()).map_err(|_| KeyError)?);
        let mut key = Box::new([0_u8; 32]);
        if bytes.len() != key.len() {
            return Err(KeyError);
        }
        key.copy_from_slice(&bytes);
        // A key of zeros is a file somebody meant to fill.
        if key.iter().all(|byte| *byte == 0) {
            return Err(KeyError);
        }
        Ok(Self(SecretBox::new(key)))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }

    pub(super) fn seal(&self, id: &PlanId, until: Timestamp, plan: &[u8]) -> Result<Vec<u8>, PlanError> {
        let PlanId { deployment, pool, stack, invocation, commit, digest } = id.clone();
        let head = Head { commit, deployment, digest, invocation, pool, stack, until };
        let head = canonical(&head).map_err(|error| PlanError::Unavailable(Box::new(error)))?;
        let length = u32::try_from(head.len()).map_err(|_| PlanError::Misnamed)?;
        if head.len() > LONGEST_HEAD {
            return Err(PlanError::Misnamed);
        }
        let mut object = [MAGIC, &length.to_be_bytes(), head.as_bytes()].concat();
        let mut nonce = [0_u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| PlanError::Unavailable("no randomness".into()))?;
        let mut body = Vec::with_capacity(plan.len() + TAG);
        body.extend_from_slice(plan);
        let sealed = self.cipher().encrypt_in_place(&XNonce::from(nonce), &object, &mut body);
        sealed.map_err(|error| PlanError::Unavailable(Box::new(error)))?;
        object.extend_from_slice(&nonce);
        object.extend_from_slice(&body);
        Ok(object)
    }

    /// Whatever is wrong with it, it is not what was saved.
    pub(super) fn open(&self, mut object: Vec<u8>) -> Result<Opened, PlanError> {
        let end = head_end(&object).ok_or(PlanError::Changed)?;
        let (head, rest) = object.split_at(end);
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(PlanError::Changed)?;
        let nonce = XNonce::from(*nonce);
        let mut plan = Zeroizing::new(body.to_vec());
        let opened = self.cipher().decrypt_in_place(&nonce, head, &mut *plan);
        opened.map_err(|_| PlanError::Changed)?;
        object.truncate(end);
        let Head { commit, deployment, digest, invocation, pool, stack, until } =
            read_head(&object).ok_or(PlanError::Changed)?;
        let id = PlanId { deployment, pool, stack, invocation, commit, digest };
        Ok(Opened { id, until, plan })
    }
}

/// When an object says it ends. Nothing proves it.
pub(super) fn claimed_end(beginning: &[u8]) -> Option<Timestamp> {
    read_head(beginning).map(|head| head.until)
}

fn head_end(object: &[u8]) -> Option<usize> {
    let rest = object.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (length <= LONGEST_HEAD && length <= rest.len()).then_some(MAGIC.len() + 4 + length)
}

fn read_head(object: &[u8]) -> Option<Head> {
    let end = head_end(object)?;
    serde_json::from_slice(object.get(MAGIC.len() + 4..end)?).ok()
}
