//! Real S3 stores for tests, on 127.0.0.1, each in a folder of its own, gone with the test.
//!
//! [`moto`] keeps conditional writes and IAM policies as AWS does, and lets compliance mode be
//! shortened. [`ceph`] keeps locks as AWS does, and ignores `If-None-Match` in a bucket with
//! versions. [`proxy`] stands in front of either and breaks the wire.
//!
//! Other crates take this folder by `#[path]`; it needs `aws-sdk-s3`, `aws-smithy-http-client`,
//! `tempfile` and the standard library.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod ceph;
pub(crate) mod moto;
pub(crate) mod proxy;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::types::{
    BucketVersioningStatus, DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode,
    ObjectLockRule, VersioningConfiguration,
};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Looks at a server that starts, on a slow machine.
const PATIENCE: usize = 12_000;

/// Where a store is, and who may do everything there.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    /// Its region.
    pub(crate) region: &'static str,
    /// An access key id that may do everything.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: String,
    /// Access key id and secret of somebody who may do what a process of Countersign needs.
    pub(crate) process: (String, String),
}

/// How a bucket is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Object Lock with this default retention, in compliance mode.
    Locked { days: i32 },
    /// Object Lock with this default retention, in governance mode.
    Governance { days: i32 },
    /// Object Lock without a default retention.
    NoDefault,
    /// Versions, no locks.
    Versioned,
    /// Neither.
    Plain,
}

impl Store {
    /// A client of somebody at this store.
    pub(crate) fn client_of(&self, id: &str, secret: &str) -> Client {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::new(self.region))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .credentials_provider(Credentials::new(id, secret, None, None, "test"));
        Client::from_conf(config.build())
    }

    /// A client that may do everything.
    pub(crate) fn admin(&self) -> Client {
        self.client_of(&self.id, &self.secret)
    }

    /// Makes a bucket.
    pub(crate) async fn make(&self, name: &str, setup: Setup) {
        let admin = self.admin();
        let locks = matches!(setup, Setup::Locked { .. } | Setup::Governance { .. } | Setup::NoDefault);
        let make = admin.create_bucket().bucket(name).set_object_lock_enabled_for_bucket(locks.then_some(true));
        make.send().await.expect("the store makes buckets");
        let retention = match setup {
            Setup::Locked { days } => Some((ObjectLockRetentionMode::Compliance, days)),
            Setup::Governance { days } => Some((ObjectLockRetentionMode::Governance, days)),
            Setup::NoDefault | Setup::Versioned | Setup::Plain => None,
        };
        if let Some((mode, days)) = retention {
            let rule = ObjectLockRule::builder()
                .default_retention(DefaultRetention::builder().mode(mode).days(days).build())
                .build();
            let lock =
                ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).rule(rule).build();
            let set = admin.put_object_lock_configuration().bucket(name).object_lock_configuration(lock);
            set.send().await.expect("the store locks objects");
        }
        if setup == Setup::Versioned {
            self.versioning(name, BucketVersioningStatus::Enabled).await;
        }
    }

    /// Sets a bucket's versioning.
    pub(crate) async fn versioning(&self, name: &str, status: BucketVersioningStatus) {
        let versioning = VersioningConfiguration::builder().status(status).build();
        let set = self.admin().put_bucket_versioning().bucket(name).versioning_configuration(versioning);
        set.send().await.expect("the store keeps versions");
    }
}

/// A program that does not outlive its test, not even one that is killed.
pub(crate) struct Running {
    child: Child,
    /// Its parent, a thread, ends when this is dropped.
    _keeper: mpsc::Sender<()>,
}

impl Running {
    pub(crate) fn start(program: &str, arguments: &[&str], folder: &Path, environment: &[(&str, &str)]) -> Self {
        // Source: prctl(2), PR_SET_PDEATHSIG: it is sent when the thread that made the child ends, so
        // that the thread has to stay for as long as the child may live.
        let mut command = command("/usr/bin/setpriv");
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("it is ours");
        command
            .args(["--pdeathsig", "KILL", program])
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file has two names"))
            .stderr(log);
        let (born, child) = mpsc::channel();
        let (keeper, end) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            let _ = born.send(command.spawn());
            let _ = end.recv();
        });
        let child = child.recv().expect("the thread sends before it waits");
        let child = child.unwrap_or_else(|error| panic!("`{program}` does not start, run tests/run: {error}"));
        Self { child, _keeper: keeper }
    }

    /// Whether it has ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's own servers and their tools")]
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    // Nothing of the machine's own settings, and no question to a metadata service.
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Looks until it is so.
pub(crate) fn until(mut is: impl FnMut() -> bool) -> bool {
    (0..PATIENCE).any(|_| {
        let so = is();
        if !so {
            pause();
        }
        so
    })
}

/// Whether somebody listens there.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Between two looks at a program that tells nobody when it is ready.
#[expect(
    clippy::disallowed_methods,
    reason = "a server that starts gives no other sign; the look decides, not the time"
)]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// What a server wrote, for whoever wonders why it does not start.
pub(crate) fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}
