//! The arithmetic under Sigstore's library: ring, the only implementation of cryptography that is linked for TLS, too.
//!
//! **Invariant:** it verifies and hashes, and cannot sign. An algorithm ring does not have is refused by name.

use ring::digest;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sigstore_verify::crypto::{CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider};
use sigstore_verify::types::HashAlgorithm;

/// Makes ring what Sigstore's library computes with, for the whole process. It may be called as often as one likes.
pub(crate) fn install() {
    // Nothing else in this program installs one: whoever was first was this function.
    let _ = install_default_provider(&Ring);
}

#[derive(Debug)]
struct Ring;

struct Hash(digest::Context);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

impl CryptoProvider for Ring {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        let algorithm = match algorithm {
            HashAlgorithm::Sha2256 => &digest::SHA256,
            HashAlgorithm::Sha2384 => &digest::SHA384,
            HashAlgorithm::Sha2512 => &digest::SHA512,
            other => return Err(Error::UnsupportedAlgorithm(other.to_string())),
        };
        Ok(Box::new(Hash(digest::Context::new(algorithm))))
    }

    fn verify_raw(&self, scheme: SigningScheme, key: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
        let key = UnparsedPublicKey::new(algorithm(scheme)?, key);
        key.verify(data, signature).map_err(|_| Error::Verification(format!("{} signature invalid", scheme.name())))
    }

    /// Of use for signatures over an artifact itself, and those are no attestations: ring has nothing for it.
    fn verify_prehashed(&self, scheme: SigningScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<()> {
        Err(Error::UnsupportedAlgorithm(format!("{} over a digest", scheme.name())))
    }
}

fn algorithm(scheme: SigningScheme) -> Result<&'static dyn VerificationAlgorithm> {
    Ok(match scheme {
        SigningScheme::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
        SigningScheme::EcdsaP256Sha384 => &signature::ECDSA_P256_SHA384_ASN1,
        SigningScheme::EcdsaP384Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
        SigningScheme::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
        SigningScheme::Ed25519 => &signature::ED25519,
        SigningScheme::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        SigningScheme::RsaPssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
        SigningScheme::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        SigningScheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        SigningScheme::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        SigningScheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        other => return Err(Error::UnsupportedAlgorithm(other.name().to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: FIPS 180-4, of the empty message.
    #[test]
    fn each_hash_is_the_one_it_is_called() {
        let of = |algorithm| Ring.hash(algorithm).unwrap().finalize();
        for (algorithm, begins) in [
            (HashAlgorithm::Sha2256, [0xe3, 0xb0, 0xc4, 0x42]),
            (HashAlgorithm::Sha2384, [0x38, 0xb0, 0x60, 0xa7]),
            (HashAlgorithm::Sha2512, [0xcf, 0x83, 0xe1, 0x35]),
        ] {
            assert_eq!(of(algorithm)[..4], begins);
        }
    }

    #[test]
    fn what_ring_does_not_have_is_refused() {
        for scheme in [SigningScheme::MlDsa44, SigningScheme::MlDsa65, SigningScheme::MlDsa87] {
            assert!(matches!(Ring.verify_raw(scheme, &[], &[], &[]), Err(Error::UnsupportedAlgorithm(_))));
        }
        let over_a_digest = Ring.verify_prehashed(SigningScheme::EcdsaP256Sha256, &[], &[], &[]);
        assert!(matches!(over_a_digest, Err(Error::UnsupportedAlgorithm(_))));
    }
}
