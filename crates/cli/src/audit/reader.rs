//! Reading the log is itself a record.
//!
//! **Invariant:** a [`Reading`] exists only when readings can be recorded, or when it was said that
//! they are not; whoever prints has recorded before.

use super::log::Log;
use crate::installation::system_clock;
use crate::places::{self, Purpose, Shared};
use anyhow::Context as _;
use countersign_audit::anchor::{Anchor, AnchorSpec};
use countersign_audit::event::{Actor, ActorKind, Event, Kind};
use countersign_audit::keys::{self, DigestKey};
use countersign_audit::layout;
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_core::certificate::Role;
use countersign_core::id::InvocationId;
use countersign_core::principal::Account;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

const DAY: Duration = Duration::from_hours(24);

/// Who reads.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Who reads")]
pub(crate) struct Reader {
    /// The operator key (`<name>.key`, with `<name>.cert.json` beside it) that the reading is
    /// recorded with; `keys/auditor.key` in the data folder, if it is there.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Who reads, for the record; the key's name if absent.
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Reads without a record: for a copy that an outside auditor has, and that cannot be written.
    #[arg(long, conflicts_with_all = ["key", "name"])]
    pub unrecorded: bool,
    /// How long a bucket locks the record of the reading, in days: as `retention_days` of the log. A
    /// folder has no locks.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub retention_days: Option<u32>,
}

/// A reading that is recorded, or is not.
pub(crate) struct Reading {
    on: Option<OnRecord>,
}

struct OnRecord {
    log: AuditLog,
    actor: Actor,
    tracker: TaskTracker,
}

impl Reader {
    /// Opens a stream of the reader's own, with the operator key.
    pub(crate) async fn open(&self, log: &Log) -> anyhow::Result<Reading> {
        if self.unrecorded {
            eprintln!("This reading is not on record (--unrecorded).");
            return Ok(Reading { on: None });
        }
        let (folder, name) = self.key(log)?;
        anyhow::ensure!(
            self.retention_days.is_some() || !log.is_in_a_bucket(),
            "say with --retention-days how long the bucket locks the record of this reading: as the log's `retention_days`"
        );
        let sealer = keys::load_sealer(&folder, &name, &log.deployment)
            .context("--key names an operator key, `<name>.key`, with `<name>.cert.json` beside it")?;
        let verifier = log.root()?;
        let claims = verifier
            .certified(sealer.certificate())
            .with_context(|| format!("the certificate of `{name}` is not of the installation `{}`", log.deployment))?;
        anyhow::ensure!(claims.role == Role::Operator, "`{name}` is the key of a {}, not of an operator", claims.role);
        // Whoever writes certifies itself first: where no certificate is, a reading would found a log.
        let certificates = log.sink(Purpose::Read).await?.list(layout::KEYS).await?;
        if certificates.is_empty() {
            let place = log.place();
            return Err(anyhow::anyhow!("`{place}` has no certificate of any writer, so it is no log").context(CANNOT));
        }
        let actor = self.actor(&name, &log.deployment, sealer.key_id().as_str());
        let tracker = TaskTracker::new();
        let retention = self.retention_days.map_or(Duration::ZERO, |days| DAY * days);
        let fate = log.fates(Purpose::WriteFates).await?;
        let config = Config {
            sealer: Arc::new(sealer),
            verifier,
            sink: log.sink(Purpose::Write { retention }).await.context(CANNOT)?,
            anchors: anchors(log, retention).await?,
            fate: fate.context("say with --fate where the fates are: a log is not opened for writing without")?,
            clock: system_clock(),
            tracker: tracker.clone(),
            digest_key: DigestKey::generate(),
            binary: None,
            limits: Limits::default(),
        };
        let log = AuditLog::open(config).await.context(CANNOT)?;
        Ok(Reading { on: Some(OnRecord { log, actor, tracker }) })
    }

    /// The folder and the name of the operator key.
    pub(crate) fn key(&self, log: &Log) -> anyhow::Result<(PathBuf, String)> {
        let below = log.installed().map(|places| places.keys.join("auditor.key")).filter(|path| path.exists());
        let path = self.key.clone().or(below).with_context(|| {
            format!(
                "reading the log is itself a record, and there is no key to sign it with.\n\
                 Make one on the host of the root key with `countersign key add --operator auditor --deployment {} --to KEYS`\n\
                 and give it with `--key KEYS/auditor.key`; for a copy that cannot be written, read with `--unrecorded`",
                log.deployment
            )
        })?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a key's file is called NAME.key")?;
        Ok((path.parent().map(PathBuf::from).unwrap_or_default(), name.to_owned()))
    }

    /// Who that is, for the record.
    pub(crate) fn actor(&self, key: &str, deployment: &str, id: &str) -> Actor {
        let name = self.name.clone().unwrap_or_else(|| key.to_owned());
        Actor {
            kind: ActorKind::Person,
            on_behalf_of: None,
            account: Some(Account { front: "cli".into(), team: deployment.to_owned(), user: name.clone() }),
            principal: None,
            name: Some(name),
            known_by: Some(format!("operator key {key} ({id})")),
        }
    }
}

const CANNOT: &str = "the reading cannot be recorded, so nothing is shown (a copy is read with --unrecorded)";

/// The second places that this process can write its own heads to.
async fn anchors(log: &Log, retention: Duration) -> anyhow::Result<Vec<Arc<dyn Anchor>>> {
    let mut anchors: Vec<Arc<dyn Anchor>> = Vec::new();
    for text in log.anchor_names() {
        match AnchorSpec::parse_for(countersign_audit::anchor::Purpose::Reading, &text)? {
            AnchorSpec::Directory(_) | AnchorSpec::Bucket { .. } => {
                anchors.push(Arc::new(Shared(places::open(&text, &log.store, Purpose::Write { retention }).await?)));
            }
            // A clone and a file are an auditor's own copies: nobody else would read what is put there.
            AnchorSpec::Git { .. } | AnchorSpec::SyslogFile(_) | AnchorSpec::SyslogHost(_) => {}
        }
    }
    Ok(anchors)
}

impl Reading {
    /// Records what is about to be shown, and how much of it.
    pub(crate) async fn record(
        &self,
        what: &str,
        about: Option<InvocationId>,
        details: &[(&str, String)],
    ) -> anyhow::Result<()> {
        let Some(on) = &self.on else { return Ok(()) };
        let event = Event { invocation: about, ..Event::of(Kind::LogRead) }.by(on.actor.clone()).detail("read", what);
        let event = details.iter().fold(event, |event, (name, value)| event.detail(*name, value.clone()));
        on.log.record(event).await.context(CANNOT)?;
        Ok(())
    }

    /// Records something else that whoever holds the key did.
    pub(crate) async fn record_act(&self, event: Event) -> anyhow::Result<()> {
        let Some(on) = &self.on else { return Ok(()) };
        on.log.record(event.by(on.actor.clone())).await.context("it cannot be recorded")?;
        Ok(())
    }

    /// Closes the reader's stream.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let Some(OnRecord { log, tracker, .. }) = self.on else { return Ok(()) };
        log.close().await.context("the reading is on record, and its stream could not be closed")?;
        tracker.close();
        drop(log);
        tracker.wait().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
