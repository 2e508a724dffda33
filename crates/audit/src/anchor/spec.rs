//! How people name a second place, in a configuration or on a command line.
//!
//! **Invariant:** a text names exactly one kind of place or is refused with all kinds that exist;
//! nothing a person wrote can become an option of a program.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The branch heads are committed to, unless another one is named.
pub const BRANCH: &str = "countersign-heads";

/// Where heads are kept, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorSpec {
    /// A folder.
    Directory(PathBuf),
    /// A bucket, `s3://bucket/prefix`.
    Bucket {
        /// Its name.
        bucket: String,
        /// What its keys begin with; empty, or ends with a `/`.
        prefix: String,
    },
    /// A git repository, `git:URL_OR_PATH#branch`.
    Git {
        /// A URL git understands, or a folder of this machine.
        repository: String,
        /// The branch that holds the heads.
        branch: Branch,
    },
    /// A file that a syslog host wrote, `syslog:FILE`. It can only be read.
    SyslogFile(PathBuf),
    /// A syslog host. It can only be written.
    SyslogHost(SyslogAddress),
}

/// What a place is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A process sends its heads there.
    Keeping,
    /// A verification reads them.
    Reading,
}

/// How messages reach a syslog host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyslogAddress {
    /// A datagram a message (RFC 5426), `syslog+udp://host:port`.
    Udp(Server),
    /// A counted message (RFC 6587), `syslog+tcp://host:port`.
    Tcp(Server),
    /// The same inside TLS (RFC 5425), `syslog+tls://host:port`.
    Tls(Server),
    /// A socket of this machine, `syslog+unix:/dev/log`.
    Unix(PathBuf),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The name of a branch.
///
/// INVARIANT: 1 to 200 characters of `[A-Za-z0-9._/-]`; no part is empty, begins with a dot or a
/// dash, or ends with a dot or `.lock`; nowhere `..` (a part of `git check-ref-format`'s rules).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch(String);

/// Why a text does not name a second place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// It is of no kind there is.
    #[error(
        "`{0}` is not a place for heads: name a folder, `s3://BUCKET/PREFIX`, `git:URL_OR_PATH#BRANCH`, `syslog:FILE` (to read), or `syslog+udp://HOST:PORT`, `syslog+tcp://HOST:PORT`, `syslog+tls://HOST:PORT`, `syslog+unix:/PATH` (to write)"
    )]
    UnknownKind(String),
    /// The bucket or its prefix has no such name.
    #[error(
        "`{0}` does not name a bucket: `s3://BUCKET/PREFIX`, the bucket of 3 to 63 lower-case letters, digits, `-` and `.`, the prefix of letters, digits, `-`, `_`, `.`, `=` and `/`"
    )]
    BadBucket(String),
    /// The repository is missing, or could be taken for an option or another program.
    #[error(
        "`{0}` does not name a git repository: `git:` and a URL of https, ssh or file, `user@host:path`, or a folder"
    )]
    BadRepository(String),
    /// The address holds a password.
    #[error("the address of a git repository must not hold a password: let git's credential helper give it")]
    Password,
    /// The branch has no such name.
    #[error("`{0}` cannot be the name of a branch (letters, digits, `.`, `_`, `-`, `/`)")]
    BadBranch(String),
    /// Host or port is missing.
    #[error("`{0}` does not name a host and a port: `{1}HOST:PORT`")]
    BadServer(String, &'static str),
    /// The path is missing, or relative where it must not be.
    #[error("`{0}` does not name a path: `{1}`")]
    BadPath(String, &'static str),
    /// It can only be read.
    #[error(
        "`{0}` can only be read: heads are sent to `syslog+udp://`, `syslog+tcp://`, `syslog+tls://` or `syslog+unix:`"
    )]
    OnlyRead(String),
    /// It can only be written.
    #[error("`{0}` can only be written: give the file that the syslog host wrote, `syslog:FILE`")]
    OnlyWritten(String),
}

/// Reads the name of a place.
///
/// # Errors
/// [`SpecError`], which says what is allowed.
pub fn parse(text: &str) -> Result<AnchorSpec, SpecError> {
    text.parse()
}

impl AnchorSpec {
    /// Reads the name of a place that is wanted for something.
    ///
    /// # Errors
    /// [`SpecError`], also when this kind of place cannot do it.
    pub fn parse_for(purpose: Purpose, text: &str) -> Result<Self, SpecError> {
        let spec: Self = text.parse()?;
        match (&spec, purpose) {
            (Self::SyslogFile(_), Purpose::Keeping) => Err(SpecError::OnlyRead(shown(text))),
            (Self::SyslogHost(_), Purpose::Reading) => Err(SpecError::OnlyWritten(shown(text))),
            _ => Ok(spec),
        }
    }
}

impl FromStr for AnchorSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return bucket(text, rest);
        }
        if let Some(rest) = text.strip_prefix("git:") {
            return git(rest);
        }
        if let Some(rest) = text.strip_prefix("syslog+") {
            return host(text, rest).map(Self::SyslogHost);
        }
        if let Some(rest) = text.strip_prefix("syslog:") {
            return match path(rest) {
                Some(file) => Ok(Self::SyslogFile(file)),
                None => Err(SpecError::BadPath(shown(text), "syslog:FILE")),
            };
        }
        match path(text) {
            // A folder with a colon in its name is written with its slash: `./a:b`.
            Some(folder) if text.contains('/') || !text.contains(':') => folder_of(text, folder),
            _ => Err(SpecError::UnknownKind(shown(text))),
        }
    }
}

impl fmt::Display for AnchorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Git { repository, branch } => write!(f, "git:{repository}#{branch}"),
            Self::SyslogFile(path) => write!(f, "syslog:{}", path.display()),
            Self::SyslogHost(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(server) => write!(f, "syslog+udp://{server}"),
            Self::Tcp(server) => write!(f, "syslog+tcp://{server}"),
            Self::Tls(server) => write!(f, "syslog+tls://{server}"),
            Self::Unix(path) => write!(f, "syslog+unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Branch {
    /// Checks the invariant.
    ///
    /// # Errors
    /// [`SpecError::BadBranch`].
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        let part = |part: &str| {
            let lock = part.len() >= 5 && part.get(part.len() - 5..) == Some(".lock");
            !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with('.') && !lock
        };
        let fits = text.len() <= 200 && text.bytes().all(known) && !text.contains("..") && text.split('/').all(part);
        if fits { Ok(Self(text.to_owned())) } else { Err(SpecError::BadBranch(shown(text))) }
    }

    /// Its name, without `refs/heads/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Branch {
    /// [`BRANCH`].
    fn default() -> Self {
        Self(BRANCH.to_owned())
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(200).collect()
}

fn path(text: &str) -> Option<PathBuf> {
    let fits = !text.is_empty() && !text.starts_with('-') && !text.contains('\0');
    fits.then(|| PathBuf::from(text))
}

/// A text with a scheme is an address somebody mistyped, never a folder.
fn folder_of(text: &str, folder: PathBuf) -> Result<AnchorSpec, SpecError> {
    if text.contains("://") { Err(SpecError::UnknownKind(shown(text))) } else { Ok(AnchorSpec::Directory(folder)) }
}

/// Source of the bucket's form: Amazon S3 user guide, "General purpose bucket naming rules".
fn bucket(text: &str, rest: &str) -> Result<AnchorSpec, SpecError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |byte: Option<u8>| byte.is_some_and(letter);
    let named = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|byte| letter(byte) || b".-".contains(&byte))
        && ends(bucket.bytes().next())
        && ends(bucket.bytes().last())
        && !bucket.contains("..");
    let prefix = prefix.trim_end_matches('/');
    if !named || !(prefix.is_empty() || crate::sink::Key::parse(prefix).is_ok()) {
        return Err(SpecError::BadBucket(shown(text)));
    }
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    Ok(AnchorSpec::Bucket { bucket: bucket.to_owned(), prefix })
}

fn git(rest: &str) -> Result<AnchorSpec, SpecError> {
    let (repository, branch) = match rest.rsplit_once('#') {
        Some((repository, branch)) => (repository, Branch::parse(branch)?),
        None => (rest, Branch::default()),
    };
    let bad = || SpecError::BadRepository(shown(rest));
    let visible = |byte: u8| !byte.is_ascii_control();
    // `::` calls a remote helper, a leading dash would be an option (git's own documentation).
    if repository.is_empty()
        || repository.starts_with('-')
        || repository.contains("::")
        || !repository.bytes().all(visible)
    {
        return Err(bad());
    }
    if let Some((scheme, rest)) = repository.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if user.contains(':') {
            return Err(SpecError::Password);
        }
        if !["https", "http", "ssh", "file"].contains(&scheme) || host.starts_with('-') || user.starts_with('-') {
            return Err(bad());
        }
    }
    Ok(AnchorSpec::Git { repository: repository.to_owned(), branch })
}

type Wire = (&'static str, &'static str, fn(Server) -> SyslogAddress);

const WIRES: [Wire; 3] = [
    ("udp://", "syslog+udp://", SyslogAddress::Udp),
    ("tcp://", "syslog+tcp://", SyslogAddress::Tcp),
    ("tls://", "syslog+tls://", SyslogAddress::Tls),
];

fn host(text: &str, rest: &str) -> Result<SyslogAddress, SpecError> {
    if let Some(socket) = rest.strip_prefix("unix:") {
        let path = path(socket).filter(|path| path.is_absolute());
        return path.map(SyslogAddress::Unix).ok_or_else(|| SpecError::BadPath(shown(text), "syslog+unix:/PATH"));
    }
    for (scheme, whole, kind) in WIRES {
        if let Some(server) = rest.strip_prefix(scheme) {
            let server = server.strip_suffix('/').unwrap_or(server);
            return server_of(server).map(kind).ok_or_else(|| SpecError::BadServer(shown(text), whole));
        }
    }
    Err(SpecError::UnknownKind(shown(text)))
}

fn server_of(text: &str) -> Option<Server> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address: std::net::Ipv6Addr = address.parse().ok()?;
        return Some(Server { host: address.to_string(), port });
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let fits = !host.is_empty() && host.len() <= 253 && !host.starts_with('-') && host.bytes().all(named);
    fits.then(|| Server { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::{AnchorSpec, Branch, Purpose, SpecError, parse};

    #[test]
    fn every_kind_reads_back_as_it_is_shown() {
        for (text, shown) in [
            ("/srv/heads", "/srv/heads"),
            ("heads", "heads"),
            ("./a:b", "./a:b"),
            ("s3://acme-heads", "s3://acme-heads/"),
            ("s3://acme-heads/prod/", "s3://acme-heads/prod/"),
            ("git:https://git.example/heads.git", "git:https://git.example/heads.git#countersign-heads"),
            ("git:git@git.example:heads.git#a/b", "git:git@git.example:heads.git#a/b"),
            ("git:/srv/heads.git", "git:/srv/heads.git#countersign-heads"),
            ("syslog:/var/log/audit.log", "syslog:/var/log/audit.log"),
            ("syslog+udp://log.example:514", "syslog+udp://log.example:514"),
            ("syslog+tcp://[::1]:601", "syslog+tcp://[::1]:601"),
            ("syslog+tls://127.0.0.1:6514/", "syslog+tls://127.0.0.1:6514"),
            ("syslog+unix:/dev/log", "syslog+unix:/dev/log"),
        ] {
            let spec = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(spec.to_string(), shown);
            assert_eq!(parse(shown).as_ref(), Ok(&spec));
        }
    }

    #[test]
    fn what_could_be_an_option_a_program_or_a_password_is_refused() {
        use SpecError::{BadBranch, BadBucket, BadPath, BadRepository, BadServer, Password, UnknownKind};
        let refused = |text: &str| parse(text).expect_err(text);
        for text in ["", "-x", "https://x/y", "s4://b", "syslog+http://a:1", "a:b", "a\0"] {
            assert!(matches!(refused(text), UnknownKind(_)), "{text}");
        }
        for text in ["git:", "git:#a", "git:--upload-pack=sh", "git:ext::sh -c x", "git:ssh://-oProxyCommand=x/y"] {
            assert!(matches!(refused(text), BadRepository(_)), "{text}");
        }
        assert_eq!(refused("git:https://a:b@c/d"), Password);
        for branch in ["", "-a", "a..b", "a//b", "/a", "a/", ".a", "a.lock", "a b", "a~1", "a:b", "@{-1}", "ä"] {
            assert!(matches!(refused(&format!("git:/a#{branch}")), BadBranch(_)), "{branch}");
            assert!(Branch::parse(branch).is_err());
        }
        for text in ["s3://", "s3://AB", "s3://ab", "s3://abc/../d", "s3://a..b", "s3://abc/x y"] {
            assert!(matches!(refused(text), BadBucket(_)), "{text}");
        }
        for text in ["syslog+udp://", "syslog+udp://a", "syslog+tcp://a:0", "syslog+tls://a:70000", "syslog+tcp://:1"] {
            assert!(matches!(refused(text), BadServer(..)), "{text}");
        }
        for text in ["syslog:", "syslog+unix:dev/log", "syslog+unix:"] {
            assert!(matches!(refused(text), BadPath(..)), "{text}");
        }
    }

    #[test]
    fn a_syslog_file_is_for_reading_and_a_syslog_host_for_writing() {
        let (file, host) = ("syslog:a.log", "syslog+udp://a:514");
        assert!(AnchorSpec::parse_for(Purpose::Reading, file).is_ok());
        assert!(AnchorSpec::parse_for(Purpose::Keeping, host).is_ok());
        assert!(matches!(AnchorSpec::parse_for(Purpose::Keeping, file), Err(SpecError::OnlyRead(_))));
        assert!(matches!(AnchorSpec::parse_for(Purpose::Reading, host), Err(SpecError::OnlyWritten(_))));
        for text in ["/heads", "s3://abc", "git:/a"] {
            assert!(AnchorSpec::parse_for(Purpose::Keeping, text).is_ok());
            assert!(AnchorSpec::parse_for(Purpose::Reading, text).is_ok());
        }
    }
}
