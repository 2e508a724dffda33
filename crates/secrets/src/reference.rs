//! Where a secret lies: `file:/absolute/path` or `env:NAME`. Never the secret itself.
//!
//! **Invariant:** a credential file is read through one descriptor: opened without following a
//! final symlink, then checked, then read. What was checked is what is used.

use crate::broker::IssueError;
use rustix::fs::OFlags;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use zeroize::Zeroizing;

/// A longer file is no credential: certificate chains stay far below 64 KiB.
const LONGEST: u64 = 64 * 1024;

/// Where a secret lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reference {
    /// A file of the worker's machine, by absolute path. Its last component is not a symlink:
    /// for a mounted Kubernetes secret name `…/..data/token`, not the link `…/token`.
    File(PathBuf),
    /// A variable of the worker's environment, as it was at start.
    Env(String),
}

/// Why a text is not a reference. The text is not repeated: somebody may have pasted a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReference {
    /// Neither scheme.
    #[error("a secret is given as `file:/absolute/path` or `env:NAME`, never as its value")]
    Scheme,
    /// A relative path, or one that climbs.
    #[error("the path after `file:` must be absolute and without `..`")]
    Path,
    /// Not a name of an environment variable.
    #[error("the name after `env:` must be letters, digits and `_`, and not begin with a digit")]
    Name,
}

impl FromStr for Reference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        if let Some(path) = text.strip_prefix("file:") {
            return file_reference(Path::new(path));
        }
        let name = text.strip_prefix("env:").ok_or(NotAReference::Scheme)?;
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.chars().next().is_some_and(|c| !c.is_ascii_digit());
        if is_name { Ok(Self::Env(name.to_owned())) } else { Err(NotAReference::Name) }
    }
}

fn file_reference(path: &Path) -> Result<Reference, NotAReference> {
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    if path.is_absolute() && !climbs && path.file_name().is_some() {
        Ok(Reference::File(path.to_owned()))
    } else {
        Err(NotAReference::Path)
    }
}

impl TryFrom<String> for Reference {
    type Error = NotAReference;

    fn try_from(text: String) -> Result<Self, NotAReference> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

impl Reference {
    /// The secret, without white space around it. Files are read now, each time, so that a
    /// rotated credential is used at once. Blocks; call it off the async threads.
    ///
    /// # Errors
    /// [`IssueError`] when it is missing, empty, not text, too long, or could be read or replaced
    /// by somebody else.
    pub fn read(&self, environment: &BTreeMap<String, SecretString>) -> Result<SecretString, IssueError> {
        use secrecy::ExposeSecret as _;
        match self {
            Self::File(path) => self.trimmed(&self.file_text(path)?),
            Self::Env(name) => {
                let value = environment.get(name).ok_or_else(|| IssueError::Missing(self.clone()))?;
                self.trimmed(value.expose_secret())
            }
        }
    }

    /// What is no secret, a certificate of an authority: anybody may read the file. Blocks.
    ///
    /// # Errors
    /// [`IssueError`] when it is missing, not text, or too long.
    pub fn read_public(&self, environment: &BTreeMap<String, SecretString>) -> Result<String, IssueError> {
        use secrecy::ExposeSecret as _;
        let Self::File(path) = self else { return self.read(environment).map(|text| text.expose_secret().to_owned()) };
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
        match read {
            Ok(length) if u64::try_from(length).unwrap_or(u64::MAX) <= LONGEST => Ok(text),
            Ok(_) => Err(self.malformed("it is longer than 64 KiB")),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(IssueError::Missing(self.clone())),
            Err(source) => Err(IssueError::Unreadable { reference: self.clone(), source }),
        }
    }

    fn trimmed(&self, text: &str) -> Result<SecretString, IssueError> {
        match text.trim() {
            "" => Err(self.malformed("it is empty")),
            value => Ok(SecretString::from(value.to_owned())),
        }
    }

    fn file_text(&self, path: &Path) -> Result<Zeroizing<String>, IssueError> {
        // NONBLOCK: opening a named pipe must not hang the worker; the check below refuses it.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let flags = i32::try_from(flags.bits()).expect("open flags fit into a C int");
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(|source| self.unopened(source))?;
        self.check_private(&file)?;
        // The whole space at once: a buffer that grows leaves copies of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST).unwrap_or(usize::MAX) + 1));
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| IssueError::Unreadable { reference: self.clone(), source })?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
            return Err(self.malformed("it is longer than 64 KiB"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| self.malformed("it is not UTF-8 text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn unopened(&self, source: io::Error) -> IssueError {
        let is_link = source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
        match source.kind() {
            io::ErrorKind::NotFound => IssueError::Missing(self.clone()),
            _ if is_link => self.exposed("it is a symbolic link"),
            _ => IssueError::Unreadable { reference: self.clone(), source },
        }
    }

    fn check_private(&self, file: &File) -> Result<(), IssueError> {
        let meta = file.metadata().map_err(|source| IssueError::Unreadable { reference: self.clone(), source })?;
        if !meta.is_file() {
            return Err(self.exposed("it is not a regular file"));
        }
        let owned_by_root = meta.uid() == 0;
        if !owned_by_root && meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(self.exposed("it belongs to another user"));
        }
        // What root mounts read-only into a container is often 0444 there; nobody can change it.
        let read_only_of_root = owned_by_root && meta.mode() & 0o222 == 0;
        if meta.mode() & 0o077 != 0 && !read_only_of_root {
            return Err(self.exposed("its mode lets group or others in (expected 0600 or 0400)"));
        }
        Ok(())
    }

    fn exposed(&self, why: &'static str) -> IssueError {
        IssueError::Exposed { reference: self.clone(), why }
    }

    fn malformed(&self, why: &'static str) -> IssueError {
        IssueError::Malformed { reference: self.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn file(mode: u32, content: &[u8]) -> (tempfile::TempDir, Reference) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (dir, Reference::File(path))
    }

    fn why(reference: &Reference) -> String {
        let text = reference.read(&BTreeMap::new()).unwrap_err().to_string();
        let Reference::File(path) = reference else { return text };
        text.replace(&path.display().to_string(), "P")
    }

    #[test]
    fn a_private_file_is_read_and_trimmed() {
        for mode in [0o600, 0o400] {
            let (_dir, reference) = file(mode, b"  s3cret-token\n");
            assert_eq!(reference.read(&BTreeMap::new()).unwrap().expose_secret(), "s3cret-token");
        }
    }

    #[test]
    fn p47_a_file_others_can_read_or_write_is_refused() {
        for mode in [0o640, 0o604, 0o620, 0o602, 0o666] {
            let (_dir, reference) = file(mode, b"s3cret-token");
            assert_eq!(
                why(&reference),
                "`file:P` is not private: its mode lets group or others in (expected 0600 or 0400)"
            );
        }
    }

    #[test]
    fn p47_a_symbolic_link_is_not_followed() {
        let (dir, _) = file(0o600, b"s3cret-token");
        let link = dir.path().join("link");
        symlink(dir.path().join("token"), &link).unwrap();
        assert_eq!(why(&Reference::File(link)), "`file:P` is not private: it is a symbolic link");
    }

    #[test]
    fn what_is_no_credential_is_refused() {
        let (_a, empty) = file(0o600, b" \n ");
        assert_eq!(why(&empty), "`file:P` is not a credential: it is empty");
        let (_b, binary) = file(0o600, b"\xff\xfe\xfd");
        assert_eq!(why(&binary), "`file:P` is not a credential: it is not UTF-8 text");
        let (_c, long) = file(0o600, &vec![b'x'; 64 * 1024 + 1]);
        assert_eq!(why(&long), "`file:P` is not a credential: it is longer than 64 KiB");
        let (dir, _) = file(0o600, b"x");
        assert_eq!(why(&Reference::File(dir.path().to_owned())), "`file:P` is not private: it is not a regular file");
        assert_eq!(why(&Reference::File(dir.path().join("none"))), "`file:P` is missing");
    }

    #[test]
    fn a_variable_comes_from_the_map_that_was_handed_in() {
        let environment = BTreeMap::from([("TOKEN".to_owned(), SecretString::from(" abc "))]);
        assert_eq!(Reference::Env("TOKEN".into()).read(&environment).unwrap().expose_secret(), "abc");
        assert_eq!(Reference::Env("PATH".into()).read(&environment).unwrap_err().to_string(), "`env:PATH` is missing");
    }

    #[test]
    fn a_pasted_secret_is_not_a_reference_and_not_repeated() {
        for (text, expected) in [
            ("xoxb-123-secret", NotAReference::Scheme),
            ("vault:secret/data/x", NotAReference::Scheme),
            ("file:token", NotAReference::Path),
            ("file:/run/../etc/shadow", NotAReference::Path),
            ("file:/", NotAReference::Path),
            ("env:9A", NotAReference::Name),
            ("env:A=B", NotAReference::Name),
            ("env:", NotAReference::Name),
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("secret/"), "{error}");
        }
        assert_eq!("file:/run/t".parse::<Reference>().unwrap().to_string(), "file:/run/t");
    }
}
