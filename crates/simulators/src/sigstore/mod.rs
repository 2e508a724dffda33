//! Stands in for Sigstore: who certifies a run, logs certificates and signatures, and says what time it is.
//!
//! An [`Authority`] is Fulcio, a certificate log, Rekor and a timestamp authority in one value; it signs for real, and
//! [`Authority::trusted_root`] is what a verifier has to be given. **Invariant:** it holds its own keys alone, fresh at
//! every start, so nothing it signs means anything to anybody who was not told to believe it.

mod certificates;
mod der;
mod log;
mod stamp;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::certificates::{Authorities, Certified, Stamping};
use self::log::{Entry, Log};
use crate::chance::hex;
use crate::serve::StartError;

/// When everything here is signed, unless somebody says otherwise: 1 June 2025, 10:00 UTC, in seconds since 1970.
pub const SIGNED_AT: i64 = 1_748_772_000;

/// The kind of payload an attestation has.
pub const STATEMENT: &str = "application/vnd.in-toto+json";

/// One run of a workflow, as its identity token describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Who vouches for the run.
    pub issuer: String,
    /// The forge, without a slash at the end.
    pub server: String,
    /// Whose source is built, `owner/name`.
    pub repository: String,
    /// What signs, `owner/name/.github/workflows/file.yml@ref`: the workflow itself or a reusable one it calls.
    pub workflow: String,
    /// The ref that is built.
    pub r#ref: String,
    /// The commit that is built.
    pub commit: String,
    /// What started the run.
    pub trigger: String,
    /// Extensions that are left out, by their number.
    pub without: Vec<u64>,
    /// Extensions that say something else than the run, by their number.
    pub instead: Vec<(u64, String)>,
}

impl Build {
    /// A push to `ref` of a repository at github.com, built by its own workflow `.github/workflows/FILE`.
    #[must_use]
    pub fn of(repository: &str, file: &str, r#ref: &str) -> Self {
        Self {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            server: "https://github.com".to_owned(),
            repository: repository.to_owned(),
            workflow: format!("{repository}/.github/workflows/{file}@{ref}"),
            r#ref: r#ref.to_owned(),
            commit: hex(&sha256(r#ref.as_bytes())[..20]),
            trigger: "push".to_owned(),
            without: Vec::new(),
            instead: Vec::new(),
        }
    }

    fn signer(&self) -> String {
        format!("{}/{}", self.server, self.workflow)
    }

    /// What Fulcio writes into the certificate, by the number of the extension.
    fn claims(&self) -> Vec<(u64, String)> {
        let repository = format!("{}/{}", self.server, self.repository);
        let config = format!("{repository}/.github/workflows/caller.yml@{}", self.r#ref);
        let owner = repository.rsplit_once('/').map_or_else(String::new, |(owner, _)| owner.to_owned());
        let claims = [
            (8, self.issuer.clone()),
            (9, self.signer()),
            (10, self.commit.clone()),
            (11, "github-hosted".to_owned()),
            (12, repository.clone()),
            (13, self.commit.clone()),
            (14, self.r#ref.clone()),
            (15, "4711".to_owned()),
            (16, owner),
            (17, "42".to_owned()),
            (18, config),
            (19, self.commit.clone()),
            (20, self.trigger.clone()),
            (21, format!("{repository}/actions/runs/123456/attempts/1")),
            (22, "public".to_owned()),
        ];
        let other = |number: u64| self.instead.iter().find(|(one, _)| *one == number).map(|(_, value)| value.clone());
        let kept = claims.into_iter().filter(|(number, _)| !self.without.contains(number));
        kept.map(|(number, value)| (number, other(number).unwrap_or(value))).collect()
    }
}

/// Whether the certificate was given to the certificate log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// It was, and has the log's promise.
    Yes,
    /// It was not.
    No,
}

/// What a bundle says about when and that it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An entry of the log, with the log's promise of its time.
    Entry,
    /// An entry without a promise: nobody says when.
    EntryWithoutTime,
    /// An entry of the log's second version, and a timestamp.
    EntryAndStamp,
    /// A timestamp alone, as GitHub signs for private repositories.
    Stamp,
}

/// Something to sign, and everything about how.
#[derive(Clone, Debug)]
pub struct Signing {
    /// Who signs.
    pub build: Build,
    /// What is signed, byte for byte.
    pub payload: Vec<u8>,
    /// What it is said to be.
    pub payload_type: String,
    /// From when on the certificate is valid, for ten minutes; seconds since 1970.
    pub issued_at: i64,
    /// What the log and the timestamp authority say; seconds since 1970.
    pub signed_at: i64,
    /// Whether the certificate is in the certificate log.
    pub logged: Logged,
    /// What there is about the time.
    pub evidence: Evidence,
}

impl Signing {
    /// The provenance (SLSA v1) of one artifact, `digest` without or with `sha256:` before it, as a run attests it.
    #[must_use]
    pub fn of(build: Build, digest: &str) -> Self {
        let statement = provenance(&build, &[digest]);
        Self {
            build,
            payload: statement.to_string().into_bytes(),
            payload_type: STATEMENT.to_owned(),
            issued_at: SIGNED_AT,
            signed_at: SIGNED_AT + 5,
            logged: Logged::Yes,
            evidence: Evidence::Entry,
        }
    }
}

/// A statement of provenance about artifacts with these SHA-256 digests.
#[must_use]
pub fn provenance(build: &Build, digests: &[&str]) -> Value {
    let subject = |digest: &&str| json!({ "name": "artifact", "digest": { "sha256": digest.strip_prefix("sha256:").unwrap_or(digest) } });
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": digests.iter().map(subject).collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": { "workflow": {
                    "ref": build.r#ref, "repository": format!("{}/{}", build.server, build.repository),
                } },
            },
            "runDetails": { "builder": { "id": build.signer() } },
        },
    })
}

/// All of Sigstore.
pub struct Authority {
    fulcio: Authorities,
    rekor: Log,
    stamping: Stamping,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Authority").field("log", &hex(&self.rekor.id())).finish_non_exhaustive()
    }
}

impl Authority {
    /// One with keys of its own.
    ///
    /// # Errors
    /// No certificates could be made.
    pub fn new() -> Result<Self, StartError> {
        Ok(Self { fulcio: Authorities::new()?, rekor: Log::new()?, stamping: Stamping::new()? })
    }

    /// Whom to believe, as a public instance is described: a bundle needs a certificate that was logged, and an entry.
    #[must_use]
    pub fn trusted_root(&self) -> Value {
        let window = json!({ "start": "2025-01-01T00:00:00Z" });
        let log = |key: &rcgen::KeyPair, name: &str| {
            let spki = key.subject_public_key_info();
            json!({
                "baseUrl": format!("https://{name}.sigstore.test"), "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(&spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": window,
                },
                "logId": { "keyId": STANDARD.encode(sha256(&spki)) },
            })
        };
        let authority = |chain: &[Vec<u8>], name: &str| {
            let certificates: Vec<_> = chain.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
            json!({
                "subject": { "organization": "sigstore.test", "commonName": name },
                "uri": format!("https://{name}.sigstore.test"),
                "certChain": { "certificates": certificates }, "validFor": window,
            })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.rekor.key, "rekor")],
            "certificateAuthorities": [authority(&self.fulcio.chain, "fulcio")],
            "ctlogs": [log(&self.fulcio.log, "ctfe")],
            "timestampAuthorities": [authority(&self.stamping.chain, "timestamp")],
        })
    }

    /// Whom to believe, as GitHub's own instance for private repositories is described: nothing is logged.
    #[must_use]
    pub fn private_root(&self) -> Value {
        let mut root = self.trusted_root();
        root["tlogs"] = json!([]);
        root["ctlogs"] = json!([]);
        root
    }

    /// The bundle of a run that attests the provenance of an artifact (`digest` is its SHA-256).
    ///
    /// # Errors
    /// The certificate could not be made.
    pub fn attest(&self, build: &Build, digest: &str) -> Result<Value, StartError> {
        self.sign(&Signing::of(build.clone(), digest))
    }

    /// The bundle (v0.3) of anything.
    ///
    /// # Errors
    /// The certificate could not be made.
    pub fn sign(&self, signing: &Signing) -> Result<Value, StartError> {
        let signer = self.fulcio.certify(signing)?;
        let envelope = seal(&signing.payload_type, &signing.payload);
        let signature = signer.key.sign(&envelope)?;
        let mut material = json!({ "certificate": { "rawBytes": STANDARD.encode(&signer.der) } });
        if let Some(entry) = self.log(signing, &signer, &envelope, &signature)? {
            material["tlogEntries"] = json!([entry]);
        }
        if matches!(signing.evidence, Evidence::Stamp | Evidence::EntryAndStamp) {
            let stamp = STANDARD.encode(self.stamping.stamp(&signature, signing.signed_at)?);
            material["timestampVerificationData"] = json!({ "rfc3161Timestamps": [{ "signedTimestamp": stamp }] });
        }
        Ok(json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": STANDARD.encode(&signing.payload), "payloadType": signing.payload_type,
                "signatures": [{ "sig": STANDARD.encode(&signature) }],
            },
        }))
    }

    fn log(
        &self,
        signing: &Signing,
        by: &Certified,
        sealed: &[u8],
        signature: &[u8],
    ) -> Result<Option<Value>, StartError> {
        let (entry, time) = match signing.evidence {
            Evidence::Stamp => return Ok(None),
            Evidence::Entry => (first_version(signing, by, signature), Some(signing.signed_at)),
            Evidence::EntryWithoutTime => (first_version(signing, by, signature), None),
            Evidence::EntryAndStamp => (second_version(by, sealed, signature), None),
        };
        Ok(Some(self.rekor.add(&entry, time)?))
    }
}

fn first_version(signing: &Signing, by: &Certified, signature: &[u8]) -> Entry {
    let hash = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": hex(&sha256(bytes)) });
    let body = json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": hash(signature), "payloadHash": hash(&signing.payload),
            "signatures": [{ "signature": STANDARD.encode(signature), "verifier": STANDARD.encode(&by.pem) }],
        },
    });
    Entry { kind: "dsse", version: "0.0.1", body: body.to_string() }
}

fn second_version(by: &Certified, sealed: &[u8], signature: &[u8]) -> Entry {
    let body = json!({
        "apiVersion": "0.0.2", "kind": "hashedrekord",
        "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_256", "digest": STANDARD.encode(sha256(sealed)) },
            "signature": {
                "content": STANDARD.encode(signature),
                "verifier": {
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": { "rawBytes": STANDARD.encode(&by.der) },
                },
            },
        } },
    });
    Entry { kind: "hashedrekord", version: "0.0.2", body: body.to_string() }
}

/// What is signed of an envelope.
///
/// Source: DSSE protocol, "pre-authentication encoding".
fn seal(kind: &str, payload: &[u8]) -> Vec<u8> {
    [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), payload].concat()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
