//! The `audit` section: where the log, the fates and the signed heads are.
//!
//! **Invariant:** the log, the fates and each second place are different places: what locks one
//! would stop the other, and a head beside its log proves nothing about it.

use super::SecretReference;
use countersign_audit::anchor::{Branch, SyslogAddress};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const DAY: Duration = Duration::from_hours(24);

/// Where the log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Records, heads, outputs.
    pub log: LogPlace,
    /// Fates and outcomes: a store of their own.
    pub fate: FatePlace,
    /// Where signed heads are kept a second time; at least one.
    pub anchors: Vec<AnchorPlace>,
}

/// Where records, heads and outputs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPlace {
    /// A folder.
    Directory(PathBuf),
    /// A bucket that locks each object for so long.
    Bucket(Bucket, Duration),
}

/// Where fates and outcomes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FatePlace {
    /// A folder: of one host, or shared by all.
    Directory(PathBuf),
    /// A bucket without versions and locks.
    Bucket(Bucket),
}

/// Where signed heads are kept a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorPlace {
    /// A folder.
    Directory(PathBuf),
    /// A bucket, and how long it locks each object, if it does.
    Bucket(Bucket, Option<Duration>),
    /// A branch of a git repository.
    Git(Git),
    /// A log host.
    Syslog(Syslog),
}

/// A bucket, and as whom it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// A store that is not AWS: scheme, host and port.
    pub endpoint: Option<String>,
    /// Whether its name is part of the path and not of the host.
    pub path_style: bool,
    /// What all names in it begin with, without a `/` at the end.
    pub prefix: Option<String>,
    /// An access key; what AWS' own tools would use if absent.
    pub access_key: Option<AccessKey>,
}

/// Where an access key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id.
    pub id: SecretReference,
    /// Its secret.
    pub secret: SecretReference,
}

/// A branch of a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    /// Its address or path.
    pub repository: String,
    /// The branch.
    pub branch: Branch,
    /// A folder below which each process has its own copy.
    pub work: PathBuf,
    /// The git program.
    pub program: PathBuf,
    /// A folder with git's settings, such as a credential helper; none are used if absent.
    pub home: Option<PathBuf>,
    /// How a repository is reached over ssh.
    pub ssh: Option<Ssh>,
}

/// Who this host is to an ssh server, and who the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// The file with the private key.
    pub key: PathBuf,
    /// The file with the keys of servers; others are not believed.
    pub known_hosts: PathBuf,
}

/// A log host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// Where it is, and how messages reach it.
    pub address: SyslogAddress,
    /// A file with the authority of its certificate; the system's authorities if absent.
    pub ca: Option<PathBuf>,
    /// Files with a certificate and its key, for a host that asks for them.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Something that may not be two things at once.
#[derive(PartialEq, Eq)]
pub(super) enum Spot<'a> {
    Folder(&'a Path),
    Bucket(Option<&'a str>, &'a str),
}

impl Audit {
    /// Three folders.
    #[must_use]
    pub fn folders(log: PathBuf, fate: PathBuf, anchors: PathBuf) -> Self {
        Self {
            log: LogPlace::Directory(log),
            fate: FatePlace::Directory(fate),
            anchors: vec![AnchorPlace::Directory(anchors)],
        }
    }

    /// Every bucket that is named.
    pub fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        let log = match &self.log {
            LogPlace::Bucket(bucket, _) => Some(bucket),
            LogPlace::Directory(_) => None,
        };
        let fate = match &self.fate {
            FatePlace::Bucket(bucket) => Some(bucket),
            FatePlace::Directory(_) => None,
        };
        let anchors = self.anchors.iter().filter_map(|anchor| match anchor {
            AnchorPlace::Bucket(bucket, _) => Some(bucket),
            AnchorPlace::Directory(_) | AnchorPlace::Git(_) | AnchorPlace::Syslog(_) => None,
        });
        log.into_iter().chain(fate).chain(anchors)
    }

    /// What somebody should know who reads this: a sentence each.
    #[must_use]
    pub fn remarks(&self) -> Vec<&'static str> {
        match (&self.log, &self.fate) {
            (LogPlace::Bucket(..), FatePlace::Directory(_)) => vec![
                "the log is in a bucket and the fates are in a folder: every gateway and worker must see this very \
                 folder, or a command can run twice",
            ],
            (LogPlace::Directory(_), FatePlace::Bucket(_)) => vec![
                "the fates are in a bucket and the log is in a folder: a worker elsewhere needs this very folder, or \
                 its records are missing here",
            ],
            (LogPlace::Directory(_), FatePlace::Directory(_)) | (LogPlace::Bucket(..), FatePlace::Bucket(_)) => {
                Vec::new()
            }
        }
    }
}

impl fmt::Display for Audit {
    /// A line a place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "log: {}", self.log)?;
        write!(f, "fates: {}", self.fate)?;
        self.anchors.iter().try_for_each(|anchor| write!(f, "\nheads as well: {anchor}"))
    }
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "folder `{}`", path.display()),
            Self::Bucket(bucket, retention) => write!(f, "{bucket}, every object locked for {}", days(*retention)),
        }
    }
}

impl fmt::Display for FatePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "folder `{}`", path.display()),
            Self::Bucket(bucket) => write!(f, "{bucket}"),
        }
    }
}

impl fmt::Display for AnchorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "folder `{}`", path.display()),
            Self::Bucket(bucket, None) => write!(f, "{bucket}"),
            Self::Bucket(bucket, Some(retention)) => {
                write!(f, "{bucket}, every object locked for {}", days(*retention))
            }
            Self::Git(git) => write!(f, "branch `{}` of `{}`", git.branch, git.repository),
            Self::Syslog(syslog) => match &syslog.address {
                SyslogAddress::Udp(server) => write!(f, "log host `{server}` over UDP"),
                SyslogAddress::Tcp(server) => write!(f, "log host `{server}` over TCP"),
                SyslogAddress::Tls(server) => write!(f, "log host `{server}` over TLS"),
                SyslogAddress::Unix(path) => write!(f, "log daemon at `{}`", path.display()),
            },
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bucket `{}", self.name)?;
        if let Some(prefix) = &self.prefix {
            write!(f, "/{prefix}")?;
        }
        match &self.endpoint {
            Some(endpoint) => write!(f, "` at {endpoint}"),
            None => write!(f, "` in {}", self.region),
        }
    }
}

fn days(retention: Duration) -> String {
    match retention.as_secs() / DAY.as_secs() {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

impl Ssh {
    /// What git runs, as a line for a shell.
    ///
    /// INVARIANT: both paths hold no character that means something to one; they are read so.
    #[must_use]
    pub fn command(&self) -> String {
        format!(
            "ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o \
             UserKnownHostsFile={} -o GlobalKnownHostsFile=none",
            self.key.display(),
            self.known_hosts.display()
        )
    }
}

impl LogPlace {
    pub(super) fn spot(&self) -> Spot<'_> {
        match self {
            Self::Directory(path) => Spot::Folder(path),
            Self::Bucket(bucket, _) => bucket.spot(),
        }
    }
}

impl FatePlace {
    pub(super) fn spot(&self) -> Spot<'_> {
        match self {
            Self::Directory(path) => Spot::Folder(path),
            Self::Bucket(bucket) => bucket.spot(),
        }
    }
}

impl AnchorPlace {
    pub(super) fn spot(&self) -> Option<Spot<'_>> {
        match self {
            Self::Directory(path) => Some(Spot::Folder(path)),
            Self::Bucket(bucket, _) => Some(bucket.spot()),
            Self::Git(_) | Self::Syslog(_) => None,
        }
    }
}

impl Bucket {
    /// A prefix makes no other place: lock, lifecycle and whoever owns it are the bucket's.
    pub(super) fn spot(&self) -> Spot<'_> {
        Spot::Bucket(self.endpoint.as_deref(), &self.name)
    }
}
