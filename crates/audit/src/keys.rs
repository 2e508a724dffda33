//! One root key, and the process keys it certifies.
//!
//! **Invariant:** a private key is written once, readable by its owner alone, and read only from a
//! file nobody else can read. The root key signs certificates and nothing else; it belongs off line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::certificate::{Certificate, Claims, Role};
use countersign_core::seal::Sealer;
use countersign_core::time::Timestamp;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// Why a key was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It exists; keys are not replaced.
    #[error("`{0}` exists and is not replaced")]
    Exists(String),
    /// Others than the owner may read it.
    #[error("`{0}` can be read by others than its owner (chmod 600)")]
    Exposed(String),
    /// The file cannot be read or written.
    #[error("`{0}` cannot be read or written")]
    File(String, #[source] std::io::Error),
    /// The file does not hold what it should.
    #[error("`{0}` does not hold a key or certificate of this version")]
    Malformed(String),
}

/// A process that is to get a key.
#[derive(Debug, Clone, Copy)]
pub struct Process<'a> {
    /// Name of its files: `<name>.key`, `<name>.cert.json`.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
    /// Pools of a worker.
    pub pools: &'a [&'a str],
}

/// The key for keyed digests of typed text and output (HMAC-SHA-256).
#[derive(Clone)]
pub struct DigestKey([u8; 32]);

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey")
    }
}

impl DigestKey {
    /// A fresh one.
    #[must_use]
    pub fn generate() -> Self {
        Self(random())
    }

    /// Writes it, mode 0600.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        write_new(path, format!("{}\n", BASE64.encode(self.0)).as_bytes(), 0o600)
    }

    /// Reads one that was saved.
    ///
    /// # Errors
    /// When the file is missing, exposed or malformed.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = read_private(path)?;
        let bytes = BASE64.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| KeyError::Malformed(shown(path)))
    }

    /// Keyed digest: who has not the key cannot try out short secrets against it.
    #[must_use]
    pub fn digest(&self, bytes: &[u8]) -> countersign_core::digest::Digest {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(bytes);
        countersign_core::digest::Digest::from_bytes(mac.finalize().into_bytes().into())
    }
}

/// A fresh signing key.
#[must_use]
pub fn generate() -> SigningKey {
    SigningKey::from_bytes(&random())
}

fn random() -> [u8; 32] {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes once it has booted");
    bytes
}

/// Writes a root key (`root.key`, `root.pub`), a digest key (`digest.key`), and a certified key a
/// process. Returns the public root key.
///
/// # Errors
/// When a file exists or cannot be written.
pub fn init(
    folder: &Path,
    deployment: &str,
    valid: (Timestamp, Duration),
    processes: &[Process<'_>],
) -> Result<VerifyingKey, KeyError> {
    let root = generate();
    save(&folder.join("root.key"), &root)?;
    let public = root.verifying_key();
    write_new(&folder.join("root.pub"), format!("{}\n", BASE64.encode(public.as_bytes())).as_bytes(), 0o444)?;
    DigestKey::generate().save(&folder.join("digest.key"))?;
    for process in processes {
        let key = generate();
        let certificate = certify(&root, &key.verifying_key(), deployment, valid, process);
        save(&folder.join(format!("{}.key", process.name)), &key)?;
        let text = serde_json::to_string(&certificate).expect("a certificate is made of strings");
        write_new(&folder.join(format!("{}.cert.json", process.name)), format!("{text}\n").as_bytes(), 0o444)?;
    }
    Ok(public)
}

/// Certifies a process's key from an instant on, for a while.
#[must_use]
pub fn certify(
    root: &SigningKey,
    key: &VerifyingKey,
    deployment: &str,
    (from, lasts): (Timestamp, Duration),
    process: &Process<'_>,
) -> Certificate {
    let claims = Claims {
        v: 1,
        deployment: deployment.to_owned(),
        key: BASE64.encode(key.as_bytes()),
        role: process.role,
        pools: process.pools.iter().map(|pool| (*pool).to_owned()).collect(),
        not_before: from,
        not_after: from.plus(lasts),
    };
    Certificate::issue(&claims, root)
}

/// Writes a private key as PKCS #8 PEM (RFC 8410), mode 0600.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn save(path: &Path, key: &SigningKey) -> Result<(), KeyError> {
    let pem = key.to_pkcs8_pem(LineEnding::LF).expect("an ed25519 key always has a PKCS #8 form");
    write_new(path, pem.as_bytes(), 0o600)
}

/// Reads a private key.
///
/// # Errors
/// When the file is missing, can be read by others, or holds no key.
pub fn load(path: &Path) -> Result<SigningKey, KeyError> {
    SigningKey::from_pkcs8_pem(&read_private(path)?).map_err(|_| KeyError::Malformed(shown(path)))
}

/// Reads the public root key, `root.pub`; of several the newest.
///
/// # Errors
/// When the file is missing or holds no key.
pub fn load_root(path: &Path) -> Result<VerifyingKey, KeyError> {
    load_roots(path)?.into_iter().next().ok_or_else(|| KeyError::Malformed(shown(path)))
}

/// Reads every public root key of `root.pub`: one a line, the newest first. An older one stays in
/// the file as long as somebody wants to verify what it stands behind.
///
/// # Errors
/// When the file is missing, a line holds no key, or there is none.
pub fn load_roots(path: &Path) -> Result<Vec<VerifyingKey>, KeyError> {
    let text = std::fs::read_to_string(path).map_err(|error| KeyError::File(shown(path), error))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let roots: Option<Vec<VerifyingKey>> = lines.map(root_of).collect();
    roots.filter(|roots| !roots.is_empty()).ok_or_else(|| KeyError::Malformed(shown(path)))
}

fn root_of(line: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = BASE64.decode(line).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// Reads a process's key and certificate that [`init`] wrote.
///
/// # Errors
/// When one of the two files is missing, exposed or malformed.
pub fn load_sealer(folder: &Path, name: &str, deployment: &str) -> Result<Sealer, KeyError> {
    let key = load(&folder.join(format!("{name}.key")))?;
    let path = folder.join(format!("{name}.cert.json"));
    let text = std::fs::read_to_string(&path).map_err(|error| KeyError::File(shown(&path), error))?;
    let certificate = serde_json::from_str(&text).map_err(|_| KeyError::Malformed(shown(&path)))?;
    Ok(Sealer::new(key, certificate, deployment))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Writes a file that must not exist yet, with these permissions (`0o600`), and flushes it.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::from_raw_mode(mode)).map_err(|errno| match errno {
        rustix::io::Errno::EXIST => KeyError::Exists(shown(path)),
        other => KeyError::File(shown(path), other.into()),
    })?;
    let mut file = File::from(fd);
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| KeyError::File(shown(path), error))
}

/// Reads a file that nobody but its owner may read.
///
/// # Errors
/// When it is missing, or others can read it.
pub fn read_private(path: &Path) -> Result<String, KeyError> {
    let failed = |error: std::io::Error| KeyError::File(shown(path), error);
    let mut file = File::open(path).map_err(failed)?;
    let stat = rustix::fs::fstat(&file).map_err(|errno| failed(errno.into()))?;
    if stat.st_mode & 0o077 != 0 {
        return Err(KeyError::Exposed(shown(path)));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const WORKER: Process<'_> = Process { name: "worker", role: Role::Worker, pools: &["dev"] };

    #[test]
    fn keys_come_back_and_are_not_replaced_or_read_when_exposed() {
        let folder = tempfile::tempdir().unwrap();
        let from = Timestamp::from_millis(1_795_222_800_000);
        let valid = (from, Duration::from_hours(1));
        let root = init(folder.path(), "demo", valid, &[WORKER]).unwrap();
        assert_eq!(load_root(&folder.path().join("root.pub")).unwrap(), root);
        let sealer = load_sealer(folder.path(), "worker", "demo").unwrap();
        let claims = sealer.certificate().open(&root, "demo").unwrap();
        assert_eq!((claims.role, claims.key_id().unwrap()), (Role::Worker, sealer.key_id()));
        assert!(matches!(init(folder.path(), "demo", valid, &[]), Err(KeyError::Exists(_))));

        let path = folder.path().join("worker.key");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Exposed(_))));
    }

    #[test]
    fn several_root_keys_stand_in_one_file_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.pub");
        let (old, new) = (generate().verifying_key(), generate().verifying_key());
        let line = |key: &VerifyingKey| BASE64.encode(key.as_bytes());
        std::fs::write(&path, format!("{}\n\n{}\n", line(&new), line(&old))).unwrap();
        assert_eq!(load_roots(&path).unwrap(), [new, old]);
        assert_eq!(load_root(&path).unwrap(), new);
        for bad in [format!("{}\nno key\n", line(&new)), "\n".into()] {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(load_roots(&path), Err(KeyError::Malformed(_))));
        }
    }

    #[test]
    fn a_keyed_digest_needs_its_key() {
        let (one, other) = (DigestKey::generate(), DigestKey::generate());
        assert_eq!(one.digest(b"1234"), one.digest(b"1234"));
        assert_ne!(one.digest(b"1234"), other.digest(b"1234"));
        assert_ne!(one.digest(b"1234"), countersign_core::digest::Digest::of(b"1234"));
    }
}
