//! The log's stores as they were configured, and the log on them.
//!
//! **Invariant:** a folder or bucket that is missing is not made, one whose settings are weaker than
//! promised is not used, and what is wrong is said with the setting.

use crate::config::{AnchorPlace, Audit, Bucket, Environment, FatePlace, Git, LogPlace, Syslog};
use anyhow::Context as _;
use countersign_audit::anchor::{Anchor, GitPlace, GitProgram, GitSettings, SyslogPlace, SyslogSettings, TlsSettings};
use countersign_audit::directory::Directory;
use countersign_audit::fate::Fate;
use countersign_audit::keys::DigestKey;
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::s3::{self, BucketSettings, Credentials, Kind};
use countersign_audit::sink::Sink;
use countersign_core::digest::Digest;
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::time::Clock;
use secrecy::ExposeSecret as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// How long fates are kept at the least: the longest `expires` that rbac.yaml takes, and a week.
pub const FATES_KEPT: Duration = Duration::from_hours(24 + 7 * 24);

/// Begins the variables that would send the log to another store than the configuration says.
const ENDPOINTS: &str = "AWS_ENDPOINT_URL";

/// Where records, fates and heads are kept.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Records, heads, outputs.
    pub audit: Arc<dyn Sink>,
    /// Fates and outcomes.
    pub fate: Arc<dyn Fate>,
    /// Heads, a second time.
    pub anchors: Vec<Arc<dyn Anchor>>,
}

/// What stores are opened with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Where they are.
    pub places: &'a Audit,
    /// Name of the installation.
    pub deployment: &'a str,
    /// Name of this process's key: no other process of this host has it.
    pub process: &'a str,
    /// What `env:` references mean.
    pub environment: &'a Environment,
    /// What time it is.
    pub clock: &'a Arc<dyn Clock>,
}

impl Stores {
    /// Takes the folders and buckets, which must be there. Of other second places only the settings
    /// are looked at: the log does not wait for them.
    ///
    /// # Errors
    /// When one of them cannot be used, or is set otherwise than a log needs it.
    pub async fn open(opening: Opening<'_>) -> anyhow::Result<Self> {
        let audit: Arc<dyn Sink> = match &opening.places.log {
            LogPlace::Directory(path) => opening.folder(path)?,
            LogPlace::Bucket(bucket, retention) => {
                let kind = Kind::Locked { retention: *retention };
                opening.bucket(bucket, kind).await.context("`audit.bucket` cannot hold the log")?
            }
        };
        let fate: Arc<dyn Fate> = match &opening.places.fate {
            FatePlace::Directory(path) => opening.folder(path)?,
            FatePlace::Bucket(bucket) => {
                let what = "`audit.fate` cannot hold the fates";
                let store = opening.bucket(bucket, Kind::Plain).await.context(what)?;
                strong(store.as_ref(), FATES_KEPT).await.context(what)?;
                store
            }
        };
        let mut anchors = Vec::new();
        for place in &opening.places.anchors {
            anchors.push(opening.anchor(place).await.context("one of `audit.anchors` cannot be used")?);
        }
        for remark in opening.places.remarks() {
            tracing::warn!("Look at the configuration: {remark}");
        }
        Ok(Self { audit, fate, anchors })
    }

    /// Opens a process's stream.
    ///
    /// # Errors
    /// When nothing can be written, or the store does not keep it; nothing may be accepted then.
    pub async fn log(
        &self,
        who: (&Arc<Sealer>, &Verifier),
        digest_key: DigestKey,
        binary: Option<Digest>,
        clock: &Arc<dyn Clock>,
        tracker: &TaskTracker,
    ) -> anyhow::Result<AuditLog> {
        let config = Config {
            sealer: who.0.clone(),
            verifier: who.1.clone(),
            sink: self.audit.clone(),
            anchors: self.anchors.clone(),
            fate: self.fate.clone(),
            clock: clock.clone(),
            tracker: tracker.clone(),
            digest_key,
            binary,
            limits: Limits { fates_known: FATES_KEPT, ..Limits::default() },
        };
        AuditLog::open(config).await.context("the audit log cannot be opened, so nothing is accepted")
    }
}

/// A bucket as it was configured, with its access key.
///
/// # Errors
/// When the key cannot be read, or a variable would send what is meant for it elsewhere.
pub fn bucket_settings(bucket: &Bucket, kind: Kind, environment: &Environment) -> anyhow::Result<BucketSettings> {
    let variable = environment.all().keys().find(|name| name.starts_with(ENDPOINTS));
    if let (None, Some(variable)) = (&bucket.endpoint, variable) {
        anyhow::bail!("`{variable}` is set and would send {bucket} elsewhere; where a store is says `endpoint`");
    }
    let credentials = match &bucket.access_key {
        None => Credentials::Chain,
        Some(key) => Credentials::Key {
            id: key.id.read(environment)?.expose_secret().to_owned(),
            secret: key.secret.read(environment)?,
        },
    };
    Ok(BucketSettings {
        name: bucket.name.clone(),
        region: bucket.region.clone(),
        endpoint: bucket.endpoint.clone(),
        path_style: bucket.path_style,
        prefix: bucket.prefix.clone(),
        kind,
        credentials,
    })
}

impl Opening<'_> {
    fn folder(&self, path: &Path) -> anyhow::Result<Arc<Directory>> {
        let store = Directory::open(path, self.clock.clone());
        store.map(Arc::new).with_context(|| format!("`{}` cannot hold the log", path.display()))
    }

    async fn bucket(&self, bucket: &Bucket, kind: Kind) -> anyhow::Result<Arc<s3::Bucket>> {
        let settings = bucket_settings(bucket, kind, self.environment)?;
        Ok(Arc::new(s3::Bucket::open(settings, self.clock.clone()).await?))
    }

    async fn anchor(&self, place: &AnchorPlace) -> anyhow::Result<Arc<dyn Anchor>> {
        Ok(match place {
            AnchorPlace::Directory(path) => self.folder(path)?,
            AnchorPlace::Bucket(bucket, None) => self.bucket(bucket, Kind::Plain).await?,
            AnchorPlace::Bucket(bucket, Some(retention)) => {
                let store = self.bucket(bucket, Kind::Locked { retention: *retention }).await?;
                strong(store.as_ref(), *retention).await?;
                store
            }
            AnchorPlace::Git(git) => Arc::new(GitPlace::open(self.git(git)?).await?),
            AnchorPlace::Syslog(syslog) => Arc::new(SyslogPlace::open(self.syslog(syslog))?),
        })
    }

    /// Each process has its own copy of the repository, below the folder that was named.
    fn git(&self, git: &Git) -> anyhow::Result<GitSettings> {
        let work = git.work.join(self.process);
        if let Err(error) = std::fs::create_dir(&work)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(error).with_context(|| format!("`{}` cannot be made", work.display()));
        }
        let variable = |name| self.environment.of(name).map(|value| value.expose_secret().into());
        Ok(GitSettings {
            program: GitProgram {
                program: git.program.clone(),
                home: git.home.clone(),
                ssh_auth_sock: variable("SSH_AUTH_SOCK"),
                ssh_command: git.ssh.as_ref().map(|ssh| ssh.command().into()),
                ..GitProgram::default()
            },
            repository: git.repository.clone(),
            branch: git.branch.clone(),
            work,
            author: (format!("countersign {}", self.process), format!("countersign@{}", self.deployment)),
        })
    }

    fn syslog(&self, syslog: &Syslog) -> SyslogSettings {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        SyslogSettings {
            address: syslog.address.clone(),
            deployment: self.deployment.to_owned(),
            host: host.map(|host| host.trim().to_owned()),
            tls: TlsSettings { authorities: syslog.ca.clone(), identity: syslog.identity.clone() },
            clock: self.clock.clone(),
        }
    }
}

/// Refuses a store that is set otherwise than it must be, with everything that is wrong.
async fn strong(store: &dyn Sink, kept: Duration) -> anyhow::Result<()> {
    let wrong = store.weaknesses(kept).await?;
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FATES_KEPT, Opening, Stores};
    use crate::config::{AnchorPlace, Audit, Bucket, Environment, FatePlace, Git};
    use countersign_audit::anchor::Branch;
    use countersign_audit::clock::SystemClock;
    use countersign_core::time::Clock;
    use countersign_policy::{LivePolicy, Overrides, Source, Sources};
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    async fn refused(places: &Audit, environment: &[(&str, &str)]) -> String {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (environment, clock): (_, Arc<dyn Clock>) = (Environment::new(environment), Arc::new(SystemClock));
        let opening =
            Opening { places, deployment: "acme", process: "gateway-1", environment: &environment, clock: &clock };
        format!("{:#}", Stores::open(opening).await.expect_err("it must be refused"))
    }

    fn folders(base: &Path) -> Audit {
        let [log, fate, anchors] = ["log", "fate", "anchors"].map(|name| base.join(name));
        for folder in [&log, &fate, &anchors] {
            std::fs::create_dir(folder).unwrap();
        }
        Audit::folders(log, fate, anchors)
    }

    /// Fates outlive whatever rbac.yaml may say, also after a reload.
    #[test]
    fn no_policy_lets_a_request_outlive_its_fate() {
        let file = |name: &str, text: &str| Source::new(name, text);
        let load = |expires: &str| {
            let rbac = include_str!("../../../rbac.yaml").replace("expires: 30m", &format!("expires: {expires}"));
            let catalog = include_str!("../../../catalog.yaml");
            let sources = Sources { rbac: file("rbac.yaml", &rbac), catalog: file("catalog.yaml", catalog) };
            LivePolicy::load(sources, &[], Overrides::default())
        };
        load("24h").unwrap();
        assert_eq!(FATES_KEPT, Duration::from_hours(24) + Duration::from_hours(7 * 24));
        assert!(load("25h").unwrap_err().to_string().contains("`expires` is at most a day"));
    }

    #[tokio::test]
    async fn no_variable_sends_the_log_elsewhere() {
        let base = tempfile::tempdir().unwrap();
        let bucket = Bucket {
            name: "acme-fate".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: None,
            path_style: false,
            prefix: None,
            access_key: None,
        };
        let places = Audit { fate: FatePlace::Bucket(bucket), ..folders(base.path()) };
        let said = refused(&places, &[("AWS_ENDPOINT_URL_S3", "http://elsewhere")]).await;
        assert!(said.contains("`AWS_ENDPOINT_URL_S3` is set") && said.contains("`audit.fate`"), "{said}");
    }

    #[tokio::test]
    async fn a_folder_that_is_missing_is_not_made() {
        let base = tempfile::tempdir().unwrap();
        let git = Git {
            repository: "file:///nowhere".to_owned(),
            branch: Branch::default(),
            work: base.path().join("work"),
            program: "/usr/bin/git".into(),
            home: None,
            ssh: None,
        };
        let places = Audit { anchors: vec![AnchorPlace::Git(git)], ..folders(base.path()) };
        let said = refused(&places, &[]).await;
        assert!(said.contains("one of `audit.anchors`") && said.contains("work/gateway-1"), "{said}");
        std::fs::remove_dir(base.path().join("log")).unwrap();
        assert!(refused(&places, &[]).await.contains("cannot hold the log"));
        assert!(!base.path().join("log").exists() && !base.path().join("work").exists());
    }
}
