//! Where a root key is, as people write it: a file, `vault:<mount>/<key>`, `kms:<key>`.
//!
//! **Invariant:** what goes into a request's path is made of letters, digits, `.`, `_`, `-`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a root key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootSpec {
    /// In this file.
    File(PathBuf),
    /// In the transit engine of Vault that is mounted there, under this name.
    Vault {
        /// Where the engine is mounted: `transit`, `infra/transit`.
        mount: String,
        /// Name of the key.
        key: String,
    },
    /// In AWS KMS, by id, ARN or `alias/<name>`.
    Kms(String),
}

/// Why a text names no root key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no root key: a FILE, `vault:<mount>/<key>`, or `kms:<key id, ARN or alias/name>`")]
pub struct NotARoot(String);

impl FromStr for RootSpec {
    type Err = NotARoot;

    fn from_str(text: &str) -> Result<Self, NotARoot> {
        let no = || NotARoot(text.chars().take(80).collect());
        if let Some(rest) = text.strip_prefix("vault:") {
            let (mount, key) = rest.rsplit_once('/').ok_or_else(no)?;
            let fits = mount.split('/').chain([key]).all(is_part);
            return if fits { Ok(Self::Vault { mount: mount.into(), key: key.into() }) } else { Err(no()) };
        }
        if let Some(key) = text.strip_prefix("kms:") {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte);
            // Source: AWS KMS API reference, Sign, KeyId: at most 2048 characters.
            let fits = !key.is_empty() && key.len() <= 2048 && key.bytes().all(fits);
            return if fits { Ok(Self::Kms(key.into())) } else { Err(no()) };
        }
        if text.is_empty() { Err(no()) } else { Ok(Self::File(text.into())) }
    }
}

fn is_part(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(fits)
}

impl fmt::Display for RootSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Vault { mount, key } => write!(f, "vault:{mount}/{key}"),
            Self::Kms(key) => write!(f, "kms:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_key_is_named_in_one_of_three_ways() {
        let vault = |mount: &str| RootSpec::Vault { mount: mount.into(), key: "root".into() };
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        for (text, root) in [
            ("vault:transit/root", vault("transit")),
            ("vault:infra/transit/root", vault("infra/transit")),
            (&format!("kms:{arn}"), RootSpec::Kms(arn.into())),
            ("kms:alias/countersign-root", RootSpec::Kms("alias/countersign-root".into())),
            ("/media/stick/root.key", RootSpec::File("/media/stick/root.key".into())),
        ] {
            assert_eq!(text.parse(), Ok(root.clone()));
            assert_eq!(root.to_string(), text);
        }
        for bad in
            ["", "vault:", "vault:root", "vault:transit/", "vault:../sys/root", "vault:a//b", "vault:t/a?b", "kms:"]
        {
            assert!(bad.parse::<RootSpec>().is_err(), "{bad}");
        }
    }
}
