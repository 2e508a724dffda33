//! The folder of keys: which files are in it, and what is believed of them.
//!
//! **Invariant:** a certificate or revocation that no root key of `root.pub` signed is named and
//! never used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_audit::keys::{self, KeyError};
use countersign_core::certificate::{Certificate, Claims};
use countersign_core::id::KeyId;
use countersign_core::revocation::{Revocation, RevocationNote};
use countersign_core::seal::Verifier;
use ed25519_dalek::VerifyingKey;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A folder of keys.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// A certificate of the folder.
#[derive(Debug, Clone)]
pub struct Certified {
    /// Its file.
    pub file: String,
    /// The process's name; of a key that was replaced as well.
    pub name: String,
    /// Whether its key was replaced.
    pub replaced: bool,
    /// The certified key.
    pub id: KeyId,
    /// What it says.
    pub claims: Claims,
    /// As it is.
    pub certificate: Certificate,
}

/// A revocation of the folder.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// Its file.
    pub file: String,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// What it says.
    pub revocation: Revocation,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file of keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The folder, or a file in it.
    #[error("`{0}` cannot be read or written")]
    File(String, #[source] std::io::Error),
    /// No root key signed it.
    #[error("`{0}` is not signed by a root key of `root.pub`")]
    Foreign(String),
}

/// Whether a process or deployment can be called so: letters, digits, `.`, `_`, `-`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.len() <= 100 && !text.starts_with('.') && text.chars().all(fits)
}

/// A name's own files must not be other files of the folder.
#[must_use]
pub fn is_process_name(text: &str) -> bool {
    is_name(text) && !["root", "digest"].contains(&text) && !text.starts_with("revoked-")
}

const CERTIFICATE: &str = ".cert.json";
const REPLACED: &str = ".old.cert.json";

impl Folder {
    /// The folder there.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// A file of it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The root keys, the newest first.
    ///
    /// # Errors
    /// When `root.pub` is missing or malformed.
    pub fn roots(&self) -> Result<Vec<VerifyingKey>, FolderError> {
        Ok(keys::load_roots(&self.file("root.pub"))?)
    }

    /// The present certificate of a process.
    ///
    /// # Errors
    /// When it is missing, or no root key signed it.
    pub fn certified(&self, name: &str) -> Result<Certified, FolderError> {
        self.read_certificate(&self.roots()?, &format!("{name}{CERTIFICATE}"))
    }

    /// All certificates, those of replaced keys as well.
    ///
    /// # Errors
    /// When one cannot be read or is not the root's.
    pub fn certificates(&self) -> Result<Vec<Certified>, FolderError> {
        let roots = self.roots()?;
        let files = self.files(|file| file.ends_with(CERTIFICATE))?;
        files.iter().map(|file| self.read_certificate(&roots, file)).collect()
    }

    /// All revocations.
    ///
    /// # Errors
    /// When one cannot be read or is not the root's.
    pub fn revocations(&self) -> Result<Vec<Revoked>, FolderError> {
        let roots = self.roots()?;
        let files = self.files(|file| file.strip_suffix(".json").is_some_and(|it| it.starts_with("revoked-")))?;
        let read = |file: String| {
            let bytes = self.read(&file)?;
            let note: Option<RevocationNote> = serde_json::from_slice(&bytes).ok();
            let opened = note.and_then(|note| note.open(&roots, &deployment_of(&note)?).ok());
            let revocation = opened.ok_or_else(|| self.foreign(&file))?;
            Ok(Revoked { file, bytes, revocation })
        };
        files.into_iter().map(read).collect()
    }

    pub(crate) fn save_certificate(&self, name: &str, certificate: &Certificate) -> Result<(), FolderError> {
        let text = serde_json::to_string(certificate).expect("a certificate is made of strings");
        Ok(keys::write_new(&self.file(&format!("{name}{CERTIFICATE}")), format!("{text}\n").as_bytes(), 0o444)?)
    }

    pub(crate) fn failed(&self, name: &str) -> impl FnOnce(std::io::Error) -> FolderError {
        let shown = self.file(name).display().to_string();
        move |error| FolderError::File(shown, error)
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, FolderError> {
        std::fs::read(self.file(file)).map_err(self.failed(file))
    }

    fn read_certificate(&self, roots: &[VerifyingKey], file: &str) -> Result<Certified, FolderError> {
        let certificate: Certificate = serde_json::from_slice(&self.read(file)?).map_err(|_| self.foreign(file))?;
        let claims = opened(&certificate, roots).ok_or_else(|| self.foreign(file))?;
        let id = claims.key_id().ok_or_else(|| self.foreign(file))?;
        let replaced = file.strip_suffix(&format!(".{id}{REPLACED}"));
        let name = replaced.or_else(|| file.strip_suffix(CERTIFICATE)).unwrap_or(file).to_owned();
        Ok(Certified { file: file.to_owned(), name, replaced: replaced.is_some(), id, claims, certificate })
    }

    fn foreign(&self, file: &str) -> FolderError {
        FolderError::Foreign(self.file(file).display().to_string())
    }

    fn files(&self, is_meant: impl Fn(&str) -> bool) -> Result<Vec<String>, FolderError> {
        let failed = |error| FolderError::File(self.0.display().to_string(), error);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(failed)? {
            match entry.map_err(failed)?.file_name().into_string() {
                Ok(file) if is_meant(&file) => files.push(file),
                Ok(_) | Err(_) => {}
            }
        }
        files.sort();
        Ok(files)
    }
}

/// The name of the file that keeps the certificate of a key that was replaced.
pub(crate) fn replaced_file(name: &str, id: &KeyId) -> String {
    format!("{name}.{id}{REPLACED}")
}

/// Writes a public key, base64 in a line.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn save_public(path: &Path, key: &VerifyingKey) -> Result<(), KeyError> {
    keys::write_new(path, format!("{}\n", BASE64.encode(key.as_bytes())).as_bytes(), 0o444)
}

/// What a certificate says, whatever the installation, if one of these root keys signed it.
pub(crate) fn opened(certificate: &Certificate, roots: &[VerifyingKey]) -> Option<Claims> {
    Verifier::of(roots.to_vec(), deployment_of(certificate)?).certified(certificate).ok()
}

/// The deployment a signed document names. Believed only once it was opened with it.
pub(crate) fn deployment_of(document: &impl Serialize) -> Option<String> {
    let document = serde_json::to_value(document).ok()?;
    let inner: serde_json::Value = serde_json::from_str(document.get("bytes")?.as_str()?).ok()?;
    Some(inner.get("deployment")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::is_process_name;

    #[test]
    fn a_process_cannot_be_called_like_another_file() {
        assert!(is_process_name("gateway-1.eu"));
        for bad in ["", "root", "digest", "../x", ".x", "a/b", "revoked-1", "a b", &"a".repeat(101)] {
            assert!(!is_process_name(bad), "{bad}");
        }
    }
}
