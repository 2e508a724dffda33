//! `countersign freeze` and `countersign lift`: the kill switch out of band.
//!
//! **Invariant:** it needs the store of the fates and an operator key, and neither chat, nor queue, nor
//! log. It is on record when the log can be written, and it is said when it is not.

use crate::audit::Log;
use crate::audit::reader::Reader;
use crate::installation::system_clock;
use crate::places::Purpose;
use anyhow::Context as _;
use countersign_audit::control::ControlLog;
use countersign_audit::event::{Event, Kind};
use countersign_audit::keys;
use countersign_core::certificate::Role;
use countersign_core::control::{Freeze, Lift};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::seal::Sealer;
use countersign_core::time::Timestamp;
use std::process::ExitCode;

/// What `countersign freeze` was asked for.
#[derive(Debug, clap::Args)]
pub struct Stop {
    /// The environment, or `everywhere`. Left away, it lists the freezes that are on.
    #[arg(value_name = "ENV")]
    place: Option<String>,
    /// Why, for everybody who is stopped.
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    why: Option<String>,
    /// Lists the freezes that are on and changes nothing.
    #[arg(long, conflicts_with_all = ["place", "why"])]
    list: bool,
    /// Where the log and the fates are.
    #[command(flatten)]
    log: Log,
    /// Who acts.
    #[command(flatten)]
    who: Reader,
}

/// What `countersign lift` was asked for.
#[derive(Debug, clap::Args)]
pub struct Lifting {
    /// The number of the freeze, as `countersign freeze --list` shows it.
    freeze: u64,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Where the log and the fates are.
    #[command(flatten)]
    log: Log,
    /// Who acts.
    #[command(flatten)]
    who: Reader,
}

/// The word for all environments.
const EVERYWHERE: &str = "everywhere";

/// Whoever holds the key, and the sequence.
struct Operator {
    sealer: Sealer,
    control: ControlLog,
    name: String,
    invocation: InvocationId,
    now: Timestamp,
}

impl Operator {
    async fn open(log: &Log, who: &Reader) -> anyhow::Result<Self> {
        let (folder, key) = who.key(log)?;
        let sealer = keys::load_sealer(&folder, &key, &log.deployment)
            .context("--key names an operator key, `<name>.key`, with `<name>.cert.json` beside it")?;
        let claims = log.root()?.certified(sealer.certificate());
        let claims = claims
            .with_context(|| format!("the certificate of `{key}` is not of the installation `{}`", log.deployment))?;
        anyhow::ensure!(claims.role == Role::Operator, "`{key}` is the key of a {}, not of an operator", claims.role);
        let now = system_clock().now();
        anyhow::ensure!(claims.covers(now), "the certificate of `{key}` is not valid now, so nobody would believe it");
        let control = sequence(log, Purpose::WriteFates).await?;
        let name = who.actor(&key, &log.deployment, sealer.key_id().as_str()).name.unwrap_or(key);
        let trigger = format!("{name}/{now}");
        let origin = Origin { deployment: &log.deployment, front: "cli", team: &log.deployment, trigger: &trigger };
        Ok(Self { sealer, control, name, invocation: InvocationId::derive(origin, now), now })
    }

    /// Puts it on record, or says that it is not.
    async fn record(&self, event: Event, log: &Log, who: &Reader) -> ExitCode {
        let recorded = async {
            let reading = Box::pin(who.open(log)).await?;
            reading.record_act(event).await?;
            reading.close().await
        };
        match recorded.await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("It holds, and it is not on record: {error:#}");
                ExitCode::from(1)
            }
        }
    }
}

async fn sequence(log: &Log, purpose: Purpose) -> anyhow::Result<ControlLog> {
    let fates = log.fates(purpose).await?.context("say with --fate where the fates are: freezes are kept there")?;
    let control = ControlLog::new(fates, log.root()?);
    control.look().await.context("the sequence of freezes cannot be read")?;
    Ok(control)
}

impl Stop {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        if self.list {
            return list(&self.log).await;
        }
        let place = self.place.as_deref().context("say which environment is frozen, or `everywhere`")?;
        let why = self.why.clone().context("say with --why why")?;
        let operator = Operator::open(&self.log, &self.who).await?;
        let env = (place != EVERYWHERE).then(|| place.to_owned());
        let freeze = |epoch| Freeze {
            v: 1,
            deployment: self.log.deployment.clone(),
            epoch,
            invocation: operator.invocation,
            env: env.clone(),
            why: why.clone(),
            by: operator.name.clone(),
            at: operator.now,
        };
        let epoch = operator.control.add(|epoch| freeze(epoch).seal(&operator.sealer)).await;
        let epoch = epoch.context("the freeze could not be written, so it does not hold")?;
        anyhow::ensure!(
            operator.control.freezes().iter().any(|on| on.epoch == epoch),
            "it was written as number {epoch} and nobody believes it: the key is revoked"
        );
        println!("Changes are frozen: {place}, number {epoch}. Workers stop what changes within two seconds.");
        let event = Event { why: Some(why.clone()), ..Event::about(Kind::Freeze, operator.invocation) };
        let event = event.detail("freeze", epoch.to_string()).detail("where", place);
        Ok(operator.record(event, &self.log, &self.who).await)
    }
}

impl Lifting {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(&self.log, &self.who).await?;
        anyhow::ensure!(
            operator.control.freezes().iter().any(|on| on.epoch == self.freeze),
            "freeze {} is not on; `countersign freeze --list` shows which are",
            self.freeze
        );
        let lift = |epoch| Lift {
            v: 1,
            deployment: self.log.deployment.clone(),
            epoch,
            invocation: operator.invocation,
            lifts: self.freeze,
            why: self.why.clone(),
            by: operator.name.clone(),
            at: operator.now,
        };
        let added = operator.control.add(|epoch| lift(epoch).seal(&operator.sealer)).await;
        added.context("it could not be written, so the freeze holds")?;
        anyhow::ensure!(
            operator.control.freezes().iter().all(|on| on.epoch != self.freeze),
            "it was written and nobody believes it: the key is revoked"
        );
        println!("Freeze {} is lifted.", self.freeze);
        let event = Event { why: Some(self.why.clone()), ..Event::about(Kind::Freeze, operator.invocation) };
        let event = event.detail("lifts", self.freeze.to_string());
        Ok(operator.record(event, &self.log, &self.who).await)
    }
}

async fn list(log: &Log) -> anyhow::Result<ExitCode> {
    let control = sequence(log, Purpose::ReadFates).await?;
    let freezes = control.freezes();
    for freeze in freezes.iter() {
        let place = freeze.env.as_deref().unwrap_or(EVERYWHERE);
        let (why, by) = (countersign_core::refusal::shown(&freeze.why), countersign_core::refusal::shown(&freeze.by));
        println!("{}  {place}  since {} by {by}: {why}", freeze.epoch, freeze.at);
    }
    if freezes.is_empty() {
        println!("Nothing is frozen.");
    }
    Ok(ExitCode::SUCCESS)
}
