//! Signed heads: how far a writer's stream was, under its own key.
//!
//! The form is C2SP's signed-note (<https://c2sp.org/signed-note>) with an ed25519 signature. The
//! text is origin, number of records, base64 of the last line's digest, and the time.
//!
//! **Invariant:** a head is believed only if its signature fits the key that the writer's
//! certificate names, and its origin names deployment and writer.

use crate::record::WriterId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::Digest;
use countersign_core::seal::Sealer;
use countersign_core::time::Timestamp;
use ed25519_dalek::{Signature, VerifyingKey};

/// How far a stream was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Records so far.
    pub size: u64,
    /// Digest of the last line.
    pub root: Digest,
    /// When, by the writer's clock.
    pub at: Timestamp,
}

/// Why a head is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not a signed note of four lines.
    #[error("the head is not a signed note of this version")]
    Unreadable,
    /// It names another deployment or writer.
    #[error("the head names another deployment or writer")]
    OtherOrigin,
    /// The signature does not fit the writer's key.
    #[error("the head's signature does not fit the writer's key")]
    Forged,
}

/// `countersign/<deployment>/<writer>`: the first line of the note, and the key's name.
fn origin(deployment: &str, writer: &WriterId) -> String {
    format!("countersign/{deployment}/{writer}")
}

/// Source: C2SP signed-note, "Signatures": SHA-256(name, LF, 0x01, public key), first 4 bytes.
fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest = Digest::of(&[name.as_bytes(), b"\n\x01", key.as_bytes()].concat());
    let [a, b, c, d, ..] = *digest.as_bytes();
    [a, b, c, d]
}

/// The signature under this name. Lines under other names are other people's signatures (witnesses),
/// and no concern here; a line that is none makes the whole unreadable, so that nothing can be added.
fn own_signature(signatures: &str, origin: &str) -> Result<Vec<u8>, HeadError> {
    let lines = signatures.strip_suffix('\n').ok_or(HeadError::Unreadable)?;
    let mut own = None;
    for line in lines.split('\n') {
        let signed = line.strip_prefix("\u{2014} ").and_then(|rest| rest.rsplit_once(' '));
        let (name, signature) = signed.ok_or(HeadError::Unreadable)?;
        let blob = BASE64.decode(signature).map_err(|_| HeadError::Unreadable)?;
        if name == origin && own.replace(blob).is_some() {
            return Err(HeadError::Unreadable);
        }
    }
    own.ok_or(HeadError::Forged)
}

impl Head {
    fn text(&self, origin: &str) -> String {
        format!("{origin}\n{}\n{}\n{}\n", self.size, BASE64.encode(self.root.as_bytes()), self.at)
    }

    /// The signed note. `None` when the deployment's name holds NUL.
    #[must_use]
    pub fn sign(&self, writer: &WriterId, sealer: &Sealer) -> Option<String> {
        let origin = origin(sealer.deployment(), writer);
        let text = self.text(&origin);
        let signature = sealer.sign_note(&text)?;
        let blob = [key_hash(&origin, &sealer.public_key()).as_slice(), &signature].concat();
        Some(format!("{text}\n\u{2014} {origin} {}\n", BASE64.encode(blob)))
    }

    /// Verifies, then reads.
    ///
    /// # Errors
    /// [`HeadError`]; nothing of it is known to be true then.
    pub fn open(note: &[u8], deployment: &str, writer: &WriterId, key: &VerifyingKey) -> Result<Self, HeadError> {
        let note = std::str::from_utf8(note).map_err(|_| HeadError::Unreadable)?;
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(HeadError::Unreadable)?;
        let text = format!("{text}\n");
        let origin = origin(deployment, writer);
        if text.lines().next() != Some(&origin) {
            return Err(HeadError::OtherOrigin);
        }
        let blob = own_signature(signatures, &origin)?;
        let (hash, signature) = blob.split_at_checked(4).ok_or(HeadError::Forged)?;
        let signature = Signature::from_slice(signature).map_err(|_| HeadError::Forged)?;
        if hash != key_hash(&origin, key) || key.verify_strict(text.as_bytes(), &signature).is_err() {
            return Err(HeadError::Forged);
        }
        Self::parse(&text).ok_or(HeadError::Unreadable)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let size = lines.next()?.parse().ok()?;
        let root: [u8; 32] = BASE64.decode(lines.next()?).ok()?.try_into().ok()?;
        let at = lines.next()?.parse().ok()?;
        lines.next().is_none().then_some(Self { size, root: Digest::from_bytes(root), at })
    }
}
