//! `countersign key`: the root key, and the processes' keys that it certifies.
//!
//! **Invariant:** nothing is replaced; the root's private key is written once and is not needed by
//! anything that runs.

use anyhow::Context as _;
use countersign_audit::clock::SystemClock;
use countersign_audit::keys::{self, Process};
use countersign_core::certificate::{Certificate, Role};
use countersign_core::time::Clock as _;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// What `countersign key` was asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Key {
    /// Makes the root key, the key for digests, and a certified key for each process.
    Init {
        /// Whose keys they are.
        #[command(flatten)]
        new: New,
    },
    /// Makes a certified key for more processes, with the root key of the same folder.
    Add {
        /// Whose keys they are.
        #[command(flatten)]
        new: New,
    },
}

/// The processes that get keys.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Where the keys are written; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Name of the installation: letters, digits, `.`, `_`, `-`.
    #[arg(long, value_name = "NAME")]
    pub deployment: String,
    /// A gateway process; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub gateway: Vec<String>,
    /// A worker process and the pools it serves; may be given several times.
    #[arg(long, value_name = "NAME=POOL[,POOL]")]
    pub worker: Vec<WorkerKey>,
    /// How long the certificates are valid, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
}

/// A worker and its pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerKey {
    name: String,
    pools: Vec<String>,
}

impl FromStr for WorkerKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pools) = text.split_once('=').ok_or("write NAME=POOL, for example `worker-1=main`")?;
        let pools: Vec<String> = pools.split(',').map(str::to_owned).collect();
        if pools.iter().any(|pool| !is_name(pool)) {
            return Err("a pool is letters, digits, `.`, `_` or `-`".to_owned());
        }
        Ok(Self { name: name.to_owned(), pools })
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && !text.starts_with('.') && text.chars().all(fits)
}

impl Key {
    /// Does what was asked.
    ///
    /// # Errors
    /// When a file exists or cannot be written, or a name cannot be used.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Init { new } => new.init()?,
            Self::Add { new } => new.add()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl New {
    fn init(&self) -> anyhow::Result<()> {
        self.check()?;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.to);
        made.with_context(|| format!("`{}` cannot be made", self.to.display()))?;
        self.with_processes(|processes| {
            let valid = (SystemClock.now(), DAY * self.days);
            keys::init(&self.to, &self.deployment, valid, processes).map(drop)
        })?;
        let to = self.to.display();
        println!("{to}/root.key      signs certificates and nothing else: take it off line now, and keep a copy");
        println!("{to}/root.pub      to every process, and to whoever verifies the log");
        println!("{to}/digest.key    to every process, secret");
        self.say();
        Ok(())
    }

    fn add(&self) -> anyhow::Result<()> {
        self.check()?;
        let root =
            keys::load(&self.to.join("root.key")).context("the root key is needed to certify another process")?;
        let valid = (SystemClock.now(), DAY * self.days);
        self.with_processes(|processes| {
            processes.iter().try_for_each(|process| {
                let key = keys::generate();
                let certificate = keys::certify(&root, &key.verifying_key(), &self.deployment, valid, process);
                keys::save(&self.to.join(format!("{}.key", process.name)), &key)?;
                save_certificate(&self.to.join(format!("{}.cert.json", process.name)), &certificate)
            })
        })?;
        self.say();
        Ok(())
    }

    fn say(&self) {
        let to = self.to.display();
        for name in &self.gateway {
            println!("{to}/{name}.key, {name}.cert.json    to this gateway alone");
        }
        for WorkerKey { name, pools } in &self.worker {
            println!("{to}/{name}.key, {name}.cert.json    to this worker alone (pools: {})", pools.join(", "));
        }
        println!("Certificates are valid for {} days. A key belongs to one process.", self.days);
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(is_name(&self.deployment), "`{}` cannot be the name of a deployment", self.deployment);
        let names = self.gateway.iter().chain(self.worker.iter().map(|worker| &worker.name));
        let mut seen = BTreeSet::from(["root", "digest"]);
        for name in names {
            anyhow::ensure!(is_name(name), "`{name}` cannot be the name of a process");
            anyhow::ensure!(seen.insert(name), "`{name}` is taken; each process has a name of its own");
        }
        anyhow::ensure!(seen.len() > 2, "name at least one process with --gateway or --worker");
        Ok(())
    }

    fn with_processes<T>(&self, make: impl FnOnce(&[Process<'_>]) -> T) -> T {
        let pools: Vec<Vec<&str>> =
            self.worker.iter().map(|worker| worker.pools.iter().map(String::as_str).collect()).collect();
        let gateways = self.gateway.iter().map(|name| Process { name, role: Role::Gateway, pools: &[] });
        let workers = self.worker.iter().zip(&pools);
        let workers =
            workers.map(|(worker, pools)| Process { name: &worker.name, role: Role::Worker, pools: pools.as_slice() });
        make(&gateways.chain(workers).collect::<Vec<_>>())
    }
}

fn save_certificate(path: &Path, certificate: &Certificate) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o444)
        .open(path)
        .with_context(|| format!("`{}` exists or cannot be written", path.display()))?;
    writeln!(file, "{}", serde_json::to_string(certificate)?)?;
    Ok(file.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_names_its_pools() {
        let worker: WorkerKey = "worker-1=main,prod".parse().unwrap();
        assert_eq!(worker, WorkerKey { name: "worker-1".into(), pools: vec!["main".into(), "prod".into()] });
        for bad in ["worker-1", "worker-1=", "worker-1=a,", "worker-1=a/b"] {
            assert!(bad.parse::<WorkerKey>().is_err(), "{bad}");
        }
    }

    fn new(to: &Path, gateway: &[&str]) -> New {
        let gateway = gateway.iter().map(|name| (*name).to_owned()).collect();
        New { to: to.to_owned(), deployment: "acme".into(), gateway, worker: Vec::new(), days: 1 }
    }

    #[test]
    fn a_process_that_is_added_is_certified_by_the_same_root() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("keys");
        Key::Init { new: new(&to, &["gateway-1"]) }.run().unwrap();
        Key::Add { new: new(&to, &["gateway-2"]) }.run().unwrap();
        let root = keys::load_root(&to.join("root.pub")).unwrap();
        for name in ["gateway-1", "gateway-2"] {
            let sealer = keys::load_sealer(&to, name, "acme").unwrap();
            let claims = sealer.certificate().open(&root, "acme").unwrap();
            assert_eq!((claims.role, claims.key_id()), (Role::Gateway, Some(sealer.key_id())));
        }
        for again in ["gateway-2", "root", "digest", "../x", ""] {
            assert!(Key::Add { new: new(&to, &[again]) }.run().is_err(), "{again}");
        }
        assert!(Key::Init { new: new(&to, &["gateway-3"]) }.run().is_err());
    }
}
