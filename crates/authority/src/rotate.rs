//! Gives a process a new key in the place of its present one.
//!
//! **Invariant:** at every instant the process's files are the old or the new ones or are finished
//! by the next call; the old certificate stays, for the past is verified with it, and the old
//! private key does not.

use crate::certify::CertifyError;
use crate::folder::{Certified, Folder, FolderError, replaced_file, save_public};
use crate::root::Root;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_audit::keys;
use countersign_core::certificate::Claims;
use countersign_core::id::KeyId;
use countersign_core::time::Timestamp;
use ed25519_dalek::SigningKey;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The key that was replaced.
    pub old: KeyId,
    /// Where its certificate is kept.
    pub kept: String,
    /// The new key.
    pub new: KeyId,
    /// What the new certificate says.
    pub claims: Claims,
}

/// Makes a new key for the same process, role and pools, certified from `from` on, and destroys the
/// old private key: overwritten and removed. (A file system may keep copies of what was overwritten.)
///
/// # Errors
/// [`CertifyError`]. A rotation that was interrupted is finished by calling again.
pub async fn rotate(
    folder: &Folder,
    root: &Root,
    name: &str,
    (from, lasts): (Timestamp, Duration),
) -> Result<Rotated, CertifyError> {
    let files = Files::of(folder, name);
    let before = folder.certified(name)?;
    files.tidy(&before)?;
    let present = keys::load(&folder.file(&files.key)).map_err(FolderError::from)?;
    if KeyId::of(present.verifying_key().as_bytes()) != before.id {
        return Err(CertifyError::Mixed(files.key.clone()));
    }
    let key = keys::generate();
    let claims = Claims {
        key: BASE64.encode(key.verifying_key().as_bytes()),
        not_before: from,
        not_after: from.plus(lasts),
        ..before.claims.clone()
    };
    let certificate = root.certify(&claims).await?;
    files.write(&key, &certificate)?;
    let kept = replaced_file(name, &before.id);
    files.keep(&kept)?;
    files.swap()?;
    files.publish_half(&key)?;
    Ok(Rotated { old: before.id, kept, new: KeyId::of(key.verifying_key().as_bytes()), claims })
}

struct Files<'a> {
    folder: &'a Folder,
    name: &'a str,
    key: String,
    new_key: String,
    certificate: String,
    new_certificate: String,
}

impl<'a> Files<'a> {
    fn of(folder: &'a Folder, name: &'a str) -> Self {
        Self {
            folder,
            name,
            key: format!("{name}.key"),
            new_key: format!("{name}.key.new"),
            certificate: format!("{name}.cert.json"),
            new_certificate: format!("{name}.cert.json.new"),
        }
    }

    /// Finishes or removes what an interrupted rotation left.
    fn tidy(&self, present: &Certified) -> Result<(), FolderError> {
        let left = self.folder.file(&self.new_key);
        if left.exists() {
            let new = keys::load(&left)?;
            // The certificate is moved first: if it is there, only the key's move is missing.
            if KeyId::of(new.verifying_key().as_bytes()) == present.id {
                self.replace_key()?;
            } else {
                self.destroy(&self.new_key)?;
            }
        }
        match std::fs::remove_file(self.folder.file(&self.new_certificate)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.folder.failed(&self.new_certificate)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn write(&self, key: &SigningKey, certificate: &impl serde::Serialize) -> Result<(), FolderError> {
        let text = serde_json::to_string(certificate).expect("a certificate is made of strings");
        keys::save(&self.folder.file(&self.new_key), key)?;
        Ok(keys::write_new(&self.folder.file(&self.new_certificate), format!("{text}\n").as_bytes(), 0o444)?)
    }

    /// Gives the present certificate a second name.
    fn keep(&self, kept: &str) -> Result<(), FolderError> {
        match std::fs::hard_link(self.folder.file(&self.certificate), self.folder.file(kept)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(self.folder.failed(kept)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn swap(&self) -> Result<(), FolderError> {
        let rename = std::fs::rename(self.folder.file(&self.new_certificate), self.folder.file(&self.certificate));
        rename.map_err(self.folder.failed(&self.certificate))?;
        self.replace_key()
    }

    /// Puts the new key in the old one's place and overwrites the old one.
    fn replace_key(&self) -> Result<(), FolderError> {
        let mut old = self.open_to_overwrite(&self.key)?;
        let rename = std::fs::rename(self.folder.file(&self.new_key), self.folder.file(&self.key));
        let done = rename.and_then(|()| overwrite(&mut old)).and_then(|()| File::open(self.folder.path())?.sync_all());
        done.map_err(self.folder.failed(&self.key))
    }

    fn destroy(&self, file: &str) -> Result<(), FolderError> {
        let mut old = self.open_to_overwrite(file)?;
        let done = overwrite(&mut old).and_then(|()| std::fs::remove_file(self.folder.file(file)));
        done.map_err(self.folder.failed(file))
    }

    fn open_to_overwrite(&self, file: &str) -> Result<File, FolderError> {
        OpenOptions::new().write(true).open(self.folder.file(file)).map_err(self.folder.failed(file))
    }

    /// `<name>.pub`, where there is one, follows.
    fn publish_half(&self, key: &SigningKey) -> Result<(), FolderError> {
        let file = format!("{}.pub", self.name);
        let path = self.folder.file(&file);
        if !path.exists() {
            return Ok(());
        }
        std::fs::remove_file(&path).map_err(self.folder.failed(&file))?;
        Ok(save_public(&path, &key.verifying_key())?)
    }
}

fn overwrite(file: &mut File) -> std::io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(64 * 1024);
    file.write_all(&vec![0; length])?;
    file.sync_all()
}
