//! A key's life after it was made: certified, replaced, revoked, published.
//!
//! **Invariant:** what is printed are names, ids and times, never a key.

use super::new::{DAY, is_of, make_folder};
use super::root::RootOptions;
use crate::places::{self, Purpose, StoreOptions};
use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use countersign_audit::clock::SystemClock;
use countersign_audit::keys::Process;
use countersign_authority::certify::{self, Older};
use countersign_authority::folder::{Folder, is_name};
use countersign_authority::publish::publish;
use countersign_authority::revoke::{self, Order};
use countersign_authority::rotate::rotate;
use countersign_authority::show;
use countersign_core::certificate::Role;
use countersign_core::time::Clock as _;
use std::path::PathBuf;
use std::time::Duration;

/// A key that is made on the host of its process.
#[derive(Debug, clap::Args)]
pub struct NewKey {
    /// Name of the process.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where NAME.key and NAME.pub are written; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

impl NewKey {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        make_folder(&self.to)?;
        let id = certify::new_key(&Folder::new(&self.to), &self.name)?;
        let (to, name) = (self.to.display(), &self.name);
        println!("{to}/{name}.key    stays on this host, secret; the key is `{id}`");
        println!("{to}/{name}.pub    to where the root key is, and there:");
        println!(
            "  countersign key certify --keys KEYS --public {name}.pub --deployment NAME --role ROLE [--pools POOL]"
        );
        println!("Put the {name}.cert.json that comes of it beside the key.");
        Ok(())
    }
}

/// A key that was made elsewhere.
#[derive(Debug, clap::Args)]
pub struct Certify {
    /// The folder of keys: it has `root.pub`, and gets the certificate.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// The public key, as `countersign key new` wrote it; by default NAME.pub in the folder.
    #[arg(long, value_name = "FILE", required_unless_present = "name")]
    pub public: Option<PathBuf>,
    /// Name of the process; by default that of the file.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Name of the installation.
    #[arg(long, value_name = "NAME")]
    pub deployment: String,
    /// What the process is.
    #[arg(long, value_parser = PossibleValuesParser::new(["gateway", "worker", "confirm", "operator"]).map(role))]
    pub role: Role,
    /// The pools a worker serves.
    #[arg(long, value_name = "POOL[,POOL]", value_delimiter = ',')]
    pub pools: Vec<String>,
    /// How long the certificate is valid, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// From when on: `now` or RFC 3339.
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub not_before: String,
    /// Keeps a certificate the process has as NAME.<key id>.old.cert.json and takes its place.
    #[arg(long)]
    pub replace: bool,
    /// Where the root key is.
    #[command(flatten)]
    pub root: RootOptions,
}

fn role(text: String) -> Role {
    [Role::Gateway, Role::Worker, Role::Confirm, Role::Operator]
        .into_iter()
        .find(|role| role.as_str() == text)
        .expect("these four are the possible values")
}

impl Certify {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        anyhow::ensure!(is_name(&self.deployment), "`{}` cannot be the name of a deployment", self.deployment);
        let folder = Folder::new(&self.keys);
        let stem = || self.public.as_ref().and_then(|file| Some(file.file_stem()?.to_str()?.to_owned()));
        let name = self.name.clone().or_else(stem).context("name the process with --name")?;
        let file = self.public.clone().unwrap_or_else(|| folder.file(&format!("{name}.pub")));
        let key =
            certify::load_public(&file).context("a public key is one line, as `countersign key new` writes it")?;
        let from = revoke::instant(&self.not_before, SystemClock.now())?;
        anyhow::ensure!(
            !folder.roots()?.contains(&key),
            "`{}` is a root key: it certifies others, and is no process's",
            file.display()
        );
        is_of(&folder, &self.deployment)?;
        let root = self.root.known(&folder).await?;
        let pools: Vec<&str> = self.pools.iter().map(String::as_str).collect();
        let process = Process { name: &name, role: self.role, pools: &pools };
        let older = if self.replace { Older::MakesRoom } else { Older::Stays };
        let valid = (from, DAY * self.days);
        let id = certify::certify(&folder, &root, &key, (&self.deployment, valid, &process), older).await?;
        println!("{}/{name}.cert.json    beside {name}.key on its host; the key is `{id}`", self.keys.display());
        println!("Valid from {from} for {} days.", self.days);
        Ok(())
    }
}

/// A process that gets a new key.
#[derive(Debug, clap::Args)]
pub struct Rotate {
    /// Name of the process.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The folder of keys, with the process's private key.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// How long the new certificate is valid, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Where the root key is.
    #[command(flatten)]
    pub root: RootOptions,
}

impl Rotate {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let folder = Folder::new(&self.keys);
        let root = self.root.known(&folder).await?;
        let valid = (SystemClock.now(), DAY * self.days);
        let done = rotate(&folder, &root, &self.name, valid).await.context(
            "a key is rotated where its private half is; of a process on another host, `countersign key new` there \
             and `countersign key certify --replace` here do the same",
        )?;
        let (keys, name) = (self.keys.display(), &self.name);
        println!("{keys}/{name}.key, {name}.cert.json    the new key `{}`, to this process alone", done.new);
        println!("{keys}/{}    the certificate of the old key `{}`, for the past", done.kept, done.old);
        println!("The old private key was overwritten and removed; copies in backups or snapshots are not reached.");
        println!("Now restart {name} with the new files, and `countersign key publish --keys {keys} --to STORE`.");
        println!("If the old key may be in other hands:");
        println!("  countersign key revoke {} --keys {keys} --from TIME --reason TEXT", done.old);
        Ok(())
    }
}

/// A key that is not to be believed any more.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The key's id (32 hex digits), or the name of a process: then its present key.
    #[arg(value_name = "KEYID|NAME")]
    pub key: String,
    /// The folder of keys; gets the note.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// From when on it is not believed: `now` or RFC 3339. What it signed before stays what it was.
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Why, in a line, for auditors. It is public to whoever reads the log.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Name of the installation; needed only for a key that has no certificate in the folder.
    #[arg(long, value_name = "NAME")]
    pub deployment: Option<String>,
    /// Where the root key is.
    #[command(flatten)]
    pub root: RootOptions,
}

impl Revoke {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let (folder, now) = (Folder::new(&self.keys), SystemClock.now());
        let from = revoke::instant(&self.from, now)?;
        let (key, deployment) = revoke::meant(&folder, &self.key)?;
        let deployment = deployment.or_else(|| self.deployment.clone());
        let deployment = deployment.with_context(|| {
            format!("`{key}` has no certificate in `{}`: say with --deployment whose it is", self.keys.display())
        })?;
        let root = self.root.known(&folder).await?;
        let order = Order { key: &key, deployment: &deployment, from, reason: &self.reason, now };
        let file = revoke::revoke(&folder, &root, order).await?;
        println!("{}/{file}    the key `{key}` is not believed from {from} on", self.keys.display());
        println!("It counts once it is in the log's store. Now:");
        println!("  countersign key publish --keys {} --to STORE", self.keys.display());
        Ok(())
    }
}

/// Certificates and revocations, for verifiers.
#[derive(Debug, clap::Args)]
pub struct Publish {
    /// The folder of keys.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// The log's store: a folder, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "STORE")]
    pub to: String,
    /// How long a bucket locks what is put there, in days: as `retention_days` of the log. A folder has no locks.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub retention_days: Option<u32>,
    /// How buckets are reached.
    #[command(flatten)]
    pub store: StoreOptions,
}

impl Publish {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let is_bucket = self.to.starts_with("s3://");
        anyhow::ensure!(
            !is_bucket || self.retention_days.is_some(),
            "say with --retention-days how long the log is kept"
        );
        let retention = self.retention_days.map_or(Duration::ZERO, |days| DAY * days);
        let sink = Box::pin(places::open(&self.to, &self.store, Purpose::Write { retention })).await?;
        let folder = Folder::new(&self.keys);
        let there = Box::pin(show::store(sink.as_ref(), &folder.roots()?)).await?;
        anyhow::ensure!(
            !there.rows.is_empty() || there.foreign.is_empty(),
            "`{}` has certificates, and none of them is of a root key in `{}`: it is another installation's log, or \
             the folder is another's. Nothing was put there",
            self.to,
            folder.file("root.pub").display()
        );
        let done = publish(sink.as_ref(), &folder).await?;
        for name in &done.put {
            println!("{name}    put into {}", self.to);
        }
        println!("{} published, {} were there.", done.put.len(), done.there.len());
        Ok(())
    }
}
