//! A folder of this process alone, and the settings that git has there: ours and no others.
//!
//! **Invariant:** a credential is in one file, which its owner alone can read, in a folder that its owner alone can
//! enter, for as long as something is fetched; it is neither an argument nor in an environment, and git sends it to the
//! host of the repository's address and to nobody else.

use base64::Engine as _;
use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// A longer token is none.
const LONGEST_TOKEN_BYTES: u64 = 4_096;

/// What every fetch is told. Source: git-config(1).
const ALWAYS: &str = "[protocol]
	version = 2
[http]
	followRedirects = false
[transfer]
	credentialsInUrl = die
	fsckObjects = true
[fetch]
	unpackLimit = 1
	recurseSubmodules = false
[core]
	bigFileThreshold = 16m
[gc]
	auto = 0
[maintenance]
	auto = false
";

/// The folder.
#[derive(Debug)]
pub(crate) struct Private {
    folder: TempDir,
}

impl Private {
    /// Makes it, with the header that proves a token to this address.
    pub(crate) fn make(address: &str, credential: Option<&Path>) -> Result<Self, PrivateError> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("countersign-git-").permissions(Permissions::from_mode(0o700));
        let folder = folder.tempdir().map_err(PrivateError::Folder)?;
        let it = Self { folder };
        let mut file = File::options();
        let mut file =
            file.write(true).create_new(true).mode(0o600).open(it.settings()).map_err(PrivateError::Folder)?;
        file.write_all(ALWAYS.as_bytes()).map_err(PrivateError::Folder)?;
        if let Some(path) = credential {
            let header = header(path).map_err(PrivateError::Credential)?;
            let scoped = format!("[http \"{}\"]\n\textraHeader = {}\n", origin(address), header.as_str());
            file.write_all(Zeroizing::new(scoped).as_bytes()).map_err(PrivateError::Folder)?;
        }
        Ok(it)
    }

    /// Git's `HOME`.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file with all of its settings.
    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.path().join("settings")
    }

    /// Where a bare repository goes.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Nothing is fetched any more: from now on there are no settings, and no credential.
    pub(crate) fn forget(&self) -> io::Result<()> {
        std::fs::write(self.settings(), "")
    }
}

/// Why there is no folder.
#[derive(Debug)]
pub(crate) enum PrivateError {
    Folder(io::Error),
    Credential(io::Error),
}

/// Scheme, host and port of an address, which was checked to hold nothing that a section's name must quote.
fn origin(address: &str) -> &str {
    let after = address.find("://").map_or(0, |at| at + 3);
    let end = address.get(after..).and_then(|rest| rest.find('/')).map_or(address.len(), |at| after + at);
    address.get(..end).unwrap_or(address)
}

/// The header that proves a token to the servers of git: any name, and the token for a password.
fn header(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut token = Zeroizing::new(String::new());
    File::open(path)?.take(LONGEST_TOKEN_BYTES).read_to_string(&mut token)?;
    if token.trim().is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    let pair = Zeroizing::new(format!("x-access-token:{}", token.trim()));
    let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()));
    Ok(Zeroizing::new(format!("Authorization: Basic {}", encoded.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p24_a_credential_is_its_owners_alone_and_for_one_host() {
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "s3cret\n").unwrap();
        let it = Private::make("https://git.example.com:8443/team/manifests.git", Some(token.path())).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(it.path()), mode(&it.settings())), (0o700, 0o600));
        let text = std::fs::read_to_string(it.settings()).unwrap();
        let proof = base64::engine::general_purpose::STANDARD.encode("x-access-token:s3cret");
        let ours = format!("[http \"https://git.example.com:8443\"]\n\textraHeader = Authorization: Basic {proof}\n");
        assert!(text.ends_with(&ours), "{text}");
        it.forget().unwrap();
        assert_eq!(std::fs::read_to_string(it.settings()).unwrap(), "");
    }

    #[test]
    fn a_credential_that_is_not_there_is_told_apart() {
        let made = Private::make("https://git.example.com/x.git", Some(Path::new("/nonexistent")));
        assert!(matches!(made, Err(PrivateError::Credential(_))));
    }
}
