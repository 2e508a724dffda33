//! Where this worker's plans are, as it was configured.

use anyhow::Context as _;
use countersign_audit::s3::Kind;
use countersign_runner::plans::{PlanPlace, PlanSettings, PlanStore, PoolKey};
use countersign_service::config::{Environment, Plans, PlansPlace};
use countersign_service::stores::bucket_settings;

/// Takes the place of saved plans, with the pool's key.
///
/// # Errors
/// When the key cannot be read or is none, or the place cannot be used.
pub fn plan_store(deployment: &str, plans: &Plans, environment: &Environment) -> anyhow::Result<PlanStore> {
    let key = plans.key.read(environment).context("the key of `worker.plans` cannot be read")?;
    let key =
        PoolKey::parse(&key).with_context(|| format!("`{}` does not hold the key of `worker.plans`", plans.key))?;
    let place = match &plans.place {
        PlansPlace::Folder(path) => PlanPlace::Folder(path.clone()),
        PlansPlace::Bucket(bucket) => PlanPlace::Bucket(bucket_settings(bucket, Kind::Plain, environment)?),
    };
    let settings = PlanSettings { deployment: deployment.to_owned(), place, key, keep: plans.keep };
    PlanStore::open(settings).context("`worker.plans` cannot be used")
}
