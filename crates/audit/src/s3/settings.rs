//! Which bucket, and what it is for.
//!
//! **Invariant:** a bucket is reached over TLS, or on this machine.

use super::answer::Trouble;
use secrecy::SecretString;
use std::time::Duration;

/// Which bucket, and how it is reached.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// The bucket's name.
    pub name: String,
    /// Its region; stores that know none take `us-east-1`.
    pub region: String,
    /// Where the store is, if it is not AWS: `https://host[:port]`; plain `http` on this machine only.
    pub endpoint: Option<String>,
    /// Whether the bucket's name goes into the path instead of the host name, as most stores other
    /// than AWS want it.
    pub path_style: bool,
    /// Begins the name of every object, without a `/` at its end.
    pub prefix: Option<String>,
    /// What the bucket is for.
    pub kind: Kind,
    /// Who asks.
    pub credentials: Credentials,
}

/// What a bucket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It holds the log: each object is locked, in compliance mode, for this long after it was stored.
    Locked {
        /// How long.
        retention: Duration,
    },
    /// It holds fates: neither versions nor locks. Good for whoever only reads them as well.
    Plain,
    /// It holds the log, and is only read.
    ReadOnly,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// As every AWS tool finds them: environment, profile, web identity, container, instance.
    Chain,
    /// A key of its own.
    Key {
        /// Its id.
        id: String,
        /// The key.
        secret: SecretString,
    },
}

/// Why a bucket is not taken as a store.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The name of the bucket.
    #[error("`{0}` cannot be the name of a bucket")]
    BadName(String),
    /// The prefix.
    #[error("`{0}` cannot begin the names of objects (parts of letters, digits, `.`, `_`, `=`, `-`, joined by `/`)")]
    BadPrefix(String),
    /// The endpoint.
    #[error("`{0}` is not an endpoint: `https://host[:port]`, or `http://` on this machine")]
    BadEndpoint(String),
    /// There is no such bucket.
    #[error("there is no bucket `{0}` here")]
    Missing(String, #[source] Trouble),
    /// It cannot be listed.
    #[error("the bucket `{0}` cannot be listed")]
    Unread(String, #[source] Trouble),
}

impl BucketSettings {
    /// A bucket of AWS, with the credentials every AWS tool finds.
    #[must_use]
    pub fn new(name: impl Into<String>, region: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            region: region.into(),
            endpoint: None,
            path_style: false,
            prefix: None,
            kind,
            credentials: Credentials::Chain,
        }
    }

    pub(super) fn check(&self) -> Result<(), BucketError> {
        let shown = |text: &str| text.chars().take(80).collect::<String>();
        // Source: Amazon S3 User Guide, "General purpose bucket naming rules".
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if !(3..=63).contains(&self.name.len()) || !self.name.bytes().all(fits) {
            return Err(BucketError::BadName(shown(&self.name)));
        }
        if let Some(prefix) = &self.prefix
            // S3 takes names of 1024 bytes, and ours have up to 900.
            && (prefix.len() > 100 || crate::sink::Key::parse(prefix).is_err())
        {
            return Err(BucketError::BadPrefix(shown(prefix)));
        }
        match &self.endpoint {
            Some(endpoint) if !is_endpoint(endpoint) => Err(BucketError::BadEndpoint(shown(endpoint))),
            Some(_) | None => Ok(()),
        }
    }
}

fn is_endpoint(text: &str) -> bool {
    let authority = |rest: &str| {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        (!rest.is_empty() && rest.bytes().all(fits)).then(|| rest.to_owned())
    };
    if let Some(rest) = text.strip_prefix("https://") {
        return authority(rest).is_some();
    }
    let here = text.strip_prefix("http://").and_then(authority);
    here.is_some_and(|it| {
        let host = it.rsplit_once(':').map_or(it.as_str(), |(host, _)| host);
        let local = host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
        local || host == "localhost" || host == "[::1]"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut BucketSettings)) -> Result<(), BucketError> {
        let mut settings = BucketSettings::new("audit-log", "eu-central-1", Kind::Plain);
        change(&mut settings);
        settings.check()
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in ["https://s3.example:9000", "http://127.0.0.1:5000", "http://localhost:5000/", "http://[::1]:5000"]
        {
            assert!(with(|it| it.endpoint = Some(good.into())).is_ok(), "{good}");
        }
        for bad in [
            "http://s3.example",
            "http://127.0.0.1.example:80",
            "ftp://x",
            "https://",
            "https://u:p@host",
            "https://h/path?q",
            "",
        ] {
            let refused = with(|it| it.endpoint = Some(bad.into()));
            assert!(matches!(refused, Err(BucketError::BadEndpoint(_))), "{bad}");
        }
    }

    #[test]
    fn names_and_prefixes_are_checked_before_anything_is_asked() {
        for bad in ["ab", "Audit", "a/b", "a b c", ""] {
            assert!(matches!(with(|it| it.name = bad.into()), Err(BucketError::BadName(_))), "{bad}");
        }
        for bad in ["", "/a", "a/", "../a", &"a".repeat(101)] {
            assert!(matches!(with(|it| it.prefix = Some(bad.into())), Err(BucketError::BadPrefix(_))), "{bad}");
        }
        assert!(with(|it| it.prefix = Some("prod/log".into())).is_ok());
    }
}
