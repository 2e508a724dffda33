//! Certificates as Fulcio issues them: for ten minutes, to one run of one workflow, and logged before they are issued.
//!
//! Source: Fulcio, docs/certificate-specification.md and docs/oid-info.md; RFC 6962, sections 3.2 and 3.3.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber, SigningKey as _, date_time_ymd,
};

use super::{Build, Logged, Signing, der, sha256};
use crate::chance::random;

/// The extension that holds the promises of certificate logs.
const PROMISES: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

/// How long a certificate is valid, in seconds.
const LIFETIME: i64 = 600;

/// A root, and the intermediate authority below it that issues.
pub(super) struct Authorities {
    issuer: Issuer<'static, KeyPair>,
    /// The intermediate one's certificate and the root's, DER.
    pub(super) chain: [Vec<u8>; 2],
    /// The certificate log's key.
    pub(super) log: KeyPair,
}

/// Somebody with a certificate.
pub(super) struct Certified {
    pub(super) key: KeyPair,
    pub(super) der: Vec<u8>,
    pub(super) pem: String,
}

impl Authorities {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let root = authority("sigstore", BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate()?;
        let root_der = root.self_signed(&root_key)?.der().to_vec();
        let mut issuing = authority("sigstore-intermediate", BasicConstraints::Constrained(0));
        issuing.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let key = KeyPair::generate()?;
        let issuing_der = issuing.signed_by(&key, &Issuer::new(root, root_key))?.der().to_vec();
        Ok(Self { issuer: Issuer::new(issuing, key), chain: [issuing_der, root_der], log: KeyPair::generate()? })
    }

    /// A certificate for a run: first without the log's promise, then with the promise about that very one.
    pub(super) fn certify(&self, signing: &Signing) -> Result<Certified, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut subject = subject(&signing.build, signing.issued_at)?;
        let before = subject.signed_by(&key, &self.issuer)?;
        if signing.logged == Logged::No {
            return Ok(Certified { key, der: before.der().to_vec(), pem: before.pem() });
        }
        let promise = self.promise(before.der(), signing.issued_at)?;
        subject
            .custom_extensions
            .push(CustomExtension::from_oid_content(&PROMISES, der::wrap(der::OCTETS, &[&promise])));
        let certificate = subject.signed_by(&key, &self.issuer)?;
        Ok(Certified { key, der: certificate.der().to_vec(), pem: certificate.pem() })
    }

    /// A list of one signed certificate timestamp.
    fn promise(&self, certificate: &[u8], issued_at: i64) -> Result<Vec<u8>, rcgen::Error> {
        let tbs = der::first_inside(certificate).expect("rcgen writes DER");
        let millis = (issued_at * 1000).to_be_bytes();
        let issuer = sha256(&self.issuer.key().subject_public_key_info());
        // version v1, certificate_timestamp; then precert_entry, and no extensions at the end.
        let length = u32::try_from(tbs.len()).unwrap_or(u32::MAX).to_be_bytes();
        let [_, length @ ..] = length;
        let signed = [&[0, 0][..], &millis, &[0, 1], &issuer, &length, tbs, &[0, 0]].concat();
        let signature = self.log.sign(&signed)?;
        let log = sha256(&self.log.subject_public_key_info());
        // SHA-256 and ECDSA, as TLS numbers them.
        let timestamp = [&[0][..], &log, &millis, &[0, 0], &[4, 3], &with_length(&signature)].concat();
        Ok(with_length(&with_length(&timestamp)))
    }
}

/// Two bytes of length, and the bytes.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a signature has no 64 KiB");
    [&length.to_be_bytes(), bytes].concat()
}

fn authority(name: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(name);
    authority.is_ca = IsCa::Ca(constraints);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = date_time_ymd(2025, 1, 1);
    authority.not_after = date_time_ymd(2045, 1, 1);
    authority
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "sigstore.test");
    names.push(DnType::CommonName, name);
    names
}

fn subject(build: &Build, issued_at: i64) -> Result<CertificateParams, rcgen::Error> {
    let mut subject = CertificateParams::default();
    subject.distinguished_name = DistinguishedName::new();
    subject.serial_number = Some(SerialNumber::from_slice(&serial()));
    subject.use_authority_key_identifier_extension = true;
    subject.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    subject.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    subject.subject_alt_names = vec![SanType::URI(build.signer().try_into()?)];
    subject.not_before = date_time_ymd(1970, 1, 1) + seconds(issued_at);
    subject.not_after = date_time_ymd(1970, 1, 1) + seconds(issued_at + LIFETIME);
    let claims = build.claims();
    let extension = |(number, value): &(u64, String)| {
        let oid = [1, 3, 6, 1, 4, 1, 57264, 1, *number];
        CustomExtension::from_oid_content(&oid, der::wrap(der::UTF8, &[value.as_bytes()]))
    };
    subject.custom_extensions = claims.iter().map(extension).collect();
    Ok(subject)
}

/// Positive, as a serial number has to be.
fn serial() -> [u8; 16] {
    let mut serial = random::<16>();
    serial[0] = 0x40 | serial[0] & 0x3f;
    serial
}

fn seconds(since_1970: i64) -> Duration {
    Duration::from_secs(u64::try_from(since_1970).unwrap_or(0))
}

/// A timestamp authority: a root of its own, and who signs.
pub(super) struct Stamping {
    pub(super) key: KeyPair,
    pub(super) identifier: Vec<u8>,
    /// The signer's certificate and the root's, DER.
    pub(super) chain: [Vec<u8>; 2],
}

impl Stamping {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let root = authority("timestamp-root", BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate()?;
        let root_der = root.self_signed(&root_key)?.der().to_vec();
        let mut signer = authority("timestamp", BasicConstraints::Unconstrained);
        signer.is_ca = IsCa::ExplicitNoCa;
        signer.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        signer.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping];
        let key = KeyPair::generate()?;
        let signer_der = signer.signed_by(&key, &Issuer::new(root, root_key))?.der().to_vec();
        Ok(Self { identifier: signer.key_identifier(&key), key, chain: [signer_der, root_der] })
    }
}
