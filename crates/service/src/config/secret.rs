//! Where a secret is.
//!
//! **Invariant:** the reference can be shown, the secret cannot; a text that is no reference is
//! never repeated, because somebody may have pasted the secret.

use super::Environment;
use secrecy::SecretString;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A longer file is no secret of ours; tokens have some hundred bytes.
const LONGEST: u64 = 64 << 10;

/// A file or a variable that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// A file, by absolute path.
    File(PathBuf),
    /// A variable of this process's environment.
    Env(String),
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("`{0}` cannot be read")]
    File(SecretReference, #[source] std::io::Error),
    /// Everybody on the host may read it.
    #[error("`{0}` can be read by everybody on this host (chmod o-rwx)")]
    Exposed(SecretReference),
    /// It is empty, too long, or not text.
    #[error("`{0}` does not hold a secret: it is not set, empty, too long, or not one line of text")]
    Nothing(SecretReference),
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

impl SecretReference {
    /// `file:/absolute/path` or `env:NAME`; nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("file:").map(Path::new) {
            let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
            return (path.is_absolute() && !climbs).then(|| Self::File(path.to_owned()));
        }
        let name = text.strip_prefix("env:")?;
        let first = name.chars().next()?;
        let is_name = !first.is_ascii_digit() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then(|| Self::Env(name.to_owned()))
    }

    /// The secret, as it is now.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        use secrecy::ExposeSecret as _;
        let text = match self {
            Self::Env(name) => environment.of(name).cloned(),
            Self::File(path) => Some(self.read_file(path)?),
        };
        let is_one_line = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        let text = text.map(|text| SecretString::from(text.expose_secret().trim().to_owned()));
        text.filter(|text| is_one_line(text.expose_secret())).ok_or_else(|| SecretError::Nothing(self.clone()))
    }

    fn read_file(&self, path: &Path) -> Result<SecretString, SecretError> {
        let wrong = |error| SecretError::File(self.clone(), error);
        let about = std::fs::metadata(path).map_err(wrong)?;
        if about.mode() & 0o007 != 0 {
            return Err(SecretError::Exposed(self.clone()));
        }
        if about.len() > LONGEST || !about.is_file() {
            return Err(SecretError::Nothing(self.clone()));
        }
        std::fs::read_to_string(path).map(SecretString::from).map_err(wrong)
    }
}
