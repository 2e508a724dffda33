//! Keys that are made where the root key is: a new installation's, and more processes'.
//!
//! **Invariant:** nothing is replaced.

use super::root::RootOptions;
use anyhow::Context as _;
use countersign_audit::clock::SystemClock;
use countersign_audit::keys::{self, Process};
use countersign_authority::certify;
use countersign_authority::folder::{Folder, is_name, is_process_name};
use countersign_authority::founding::Founding;
use countersign_core::certificate::Role;
use countersign_core::id::KeyId;
use countersign_core::time::Clock as _;
use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub(super) const DAY: Duration = Duration::from_hours(24);

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
    /// A person who reads the log, or acts by hand; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub operator: Vec<String>,
    /// How long the certificates are valid, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Where the root key is.
    #[command(flatten)]
    pub root: RootOptions,
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

/// Makes the folder, readable by its owner alone, if it is not there.
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("`{}` cannot be made", path.display()))
}

/// A folder of keys is one installation's. A certificate with a mistyped name would be believed by
/// nobody, and in a bucket that locks it verification would find it for years.
pub(super) fn is_of(folder: &Folder, deployment: &str) -> anyhow::Result<()> {
    let other = folder.certificates()?.into_iter().map(|it| it.claims.deployment).find(|it| it != deployment);
    match other {
        None => Ok(()),
        Some(other) => anyhow::bail!(
            "the keys in `{}` are of `{other}`, and not of `{deployment}`: correct --deployment, or name another folder",
            folder.path().display()
        ),
    }
}

impl New {
    pub(super) async fn init(&self, after: Option<&Path>) -> anyhow::Result<()> {
        self.check(after.is_some())?;
        let before = after.map(keys::load_roots).transpose().context("--after names the `root.pub` there was")?;
        let before = before.unwrap_or_default();
        make_folder(&self.to)?;
        let folder = Folder::new(&self.to);
        let taken = folder.file("root.pub");
        anyhow::ensure!(!taken.exists(), "`{}` exists and is not replaced", taken.display());
        let root = self.root.founded(&folder).await?;
        let names = self.names();
        let founding = Founding {
            folder: &folder,
            root: &root,
            before: &before,
            deployment: &self.deployment,
            valid: (SystemClock.now(), DAY * self.days),
            processes: &names.processes(),
        };
        founding.write().await?;
        self.say_root(&folder, &KeyId::of(root.public().as_bytes()), !before.is_empty());
        self.say();
        Ok(())
    }

    pub(super) async fn add(&self) -> anyhow::Result<()> {
        self.check(false)?;
        let folder = Folder::new(&self.to);
        let root = self.root.known(&folder).await.context("the root key is needed to certify another process")?;
        is_of(&folder, &self.deployment)?;
        let valid = (SystemClock.now(), DAY * self.days);
        for process in self.names().processes() {
            certify::make(&folder, &root, &self.deployment, valid, &process).await?;
        }
        self.say();
        Ok(())
    }

    fn say_root(&self, folder: &Folder, id: &KeyId, follows: bool) {
        let to = self.to.display();
        if let Some(path) = self.root.file(folder) {
            let path = path.display();
            println!("{path}      signs certificates and nothing else: take it off line now, and keep a copy");
        } else {
            let place = self.root.root.as_ref().map(ToString::to_string).unwrap_or_default();
            println!("{place}      keeps the root key `{id}`; let it sign for whoever certifies, and for nobody else");
        }
        println!("{to}/root.pub      to every process, and to whoever verifies the log");
        if follows {
            println!("The new root key is believed from its first line on, and those before it still are.");
            println!(
                "Keep `digest.key` as it is. Give every process a new key under the new root key, then destroy the"
            );
            println!("one before. If it was stolen, take its line out of `root.pub`: whoever has it can certify.");
        } else {
            println!("{to}/digest.key    to every process, secret");
        }
    }

    fn say(&self) {
        let to = self.to.display();
        for name in &self.gateway {
            println!("{to}/{name}.key, {name}.cert.json    to this gateway alone");
        }
        for WorkerKey { name, pools } in &self.worker {
            println!("{to}/{name}.key, {name}.cert.json    to this worker alone (pools: {})", pools.join(", "));
        }
        for name in &self.operator {
            println!("{to}/{name}.key, {name}.cert.json    to this person alone");
        }
        println!("Certificates are valid for {} days. A key belongs to one process.", self.days);
    }

    fn check(&self, may_be_none: bool) -> anyhow::Result<()> {
        anyhow::ensure!(is_name(&self.deployment), "`{}` cannot be the name of a deployment", self.deployment);
        let names = self.gateway.iter().chain(self.worker.iter().map(|worker| &worker.name)).chain(&self.operator);
        let mut seen = BTreeSet::new();
        for name in names {
            anyhow::ensure!(is_process_name(name), "`{name}` cannot be the name of a process");
            anyhow::ensure!(seen.insert(name), "`{name}` is taken; each process has a name of its own");
        }
        anyhow::ensure!(
            may_be_none || !seen.is_empty(),
            "name at least one process with --gateway, --worker or --operator"
        );
        Ok(())
    }

    fn names<'a>(&'a self) -> Names<'a> {
        let gateways = self.gateway.iter().map(|name| (name.as_str(), Role::Gateway, Vec::new()));
        let pools = |worker: &'a WorkerKey| worker.pools.iter().map(String::as_str).collect();
        let workers = self.worker.iter().map(|worker| (worker.name.as_str(), Role::Worker, pools(worker)));
        let operators = self.operator.iter().map(|name| (name.as_str(), Role::Operator, Vec::new()));
        Names(gateways.chain(workers).chain(operators).collect())
    }
}

/// Names, roles and pools, held so that processes can borrow them.
struct Names<'a>(Vec<(&'a str, Role, Vec<&'a str>)>);

impl Names<'_> {
    fn processes(&self) -> Vec<Process<'_>> {
        self.0.iter().map(|(name, role, pools)| Process { name, role: *role, pools }).collect()
    }
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
}
