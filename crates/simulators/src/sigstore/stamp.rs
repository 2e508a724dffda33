//! A timestamp authority: says under its signature that it saw a signature at a time.
//!
//! Source: RFC 3161 (timestamps) in RFC 5652 (signed data).

use jiff::Timestamp;
use rcgen::SigningKey as _;

use super::certificates::Stamping;
use super::der::{CONTEXT_0, INTEGER, OCTETS, PLAIN_0, SEQUENCE, SET, TIME, oid, wrap};
use super::sha256;

const SIGNED_DATA: [u64; 7] = [1, 2, 840, 113_549, 1, 7, 2];
const TIMESTAMP: [u64; 9] = [1, 2, 840, 113_549, 1, 9, 16, 1, 4];
const CONTENT_TYPE: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 3];
const MESSAGE_DIGEST: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 4];
const SHA_256: [u64; 9] = [2, 16, 840, 1, 101, 3, 4, 2, 1];
const ECDSA_SHA_256: [u64; 7] = [1, 2, 840, 10045, 4, 3, 2];
/// A policy of nobody's: an arc for examples.
const POLICY: [u64; 7] = [1, 3, 6, 1, 4, 1, 32473];

impl Stamping {
    /// A granted answer about `signature` at `time` (seconds since 1970), as it stands in a bundle.
    pub(super) fn stamp(&self, signature: &[u8], time: i64) -> Result<Vec<u8>, rcgen::Error> {
        let hash = wrap(SEQUENCE, &[&oid(&SHA_256)]);
        let info = wrap(
            SEQUENCE,
            &[
                &wrap(INTEGER, &[&[1]]),
                &oid(&POLICY),
                &wrap(SEQUENCE, &[&hash, &wrap(OCTETS, &[&sha256(signature)])]),
                &wrap(INTEGER, &[&[7]]),
                &wrap(TIME, &[text(time).as_bytes()]),
            ],
        );
        let attributes = [
            wrap(SEQUENCE, &[&oid(&CONTENT_TYPE), &wrap(SET, &[&oid(&TIMESTAMP)])]),
            wrap(SEQUENCE, &[&oid(&MESSAGE_DIGEST), &wrap(SET, &[&wrap(OCTETS, &[&sha256(&info)])])]),
        ];
        let [content_type, message_digest] = &attributes;
        // Signed as a set, sent with another tag.
        let signed = self.key.sign(&wrap(SET, &[content_type, message_digest]))?;
        let signer = wrap(
            SEQUENCE,
            &[
                &wrap(INTEGER, &[&[3]]),
                &wrap(PLAIN_0, &[&self.identifier]),
                &hash,
                &wrap(CONTEXT_0, &[content_type, message_digest]),
                &wrap(SEQUENCE, &[&oid(&ECDSA_SHA_256)]),
                &wrap(OCTETS, &[&signed]),
            ],
        );
        let data = wrap(
            SEQUENCE,
            &[
                &wrap(INTEGER, &[&[3]]),
                &wrap(SET, &[&hash]),
                &wrap(SEQUENCE, &[&oid(&TIMESTAMP), &wrap(CONTEXT_0, &[&wrap(OCTETS, &[&info])])]),
                &wrap(SET, &[&signer]),
            ],
        );
        let token = wrap(SEQUENCE, &[&oid(&SIGNED_DATA), &wrap(CONTEXT_0, &[&data])]);
        Ok(wrap(SEQUENCE, &[&wrap(SEQUENCE, &[&wrap(INTEGER, &[&[0]])]), &token]))
    }
}

fn text(time: i64) -> String {
    let time = Timestamp::from_second(time).unwrap_or_default();
    time.strftime("%Y%m%d%H%M%SZ").to_string()
}
