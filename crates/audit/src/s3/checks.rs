//! What a bucket must be set to, and whether it does what its settings say.
//!
//! **Invariant:** what cannot be found out counts as wrong, with the permission that is missing.

use super::{Bucket, Trouble};
use crate::fate::CONTROL;
use crate::sink::{Kept, NotKept, ReadError};
use aws_sdk_s3::types::{
    BucketVersioningStatus, DefaultRetention, ExpirationStatus, LifecycleRule, ObjectLockEnabled, ObjectLockRetention,
    ObjectLockRetentionMode,
};
use aws_smithy_types::DateTime;
use std::time::Duration;
use tracing::warn;

const DAY: Duration = Duration::from_hours(24);
/// An object whose lock ends sooner is not tried: losing it would be our own doing.
const LEAST_LOCK: Duration = Duration::from_hours(1);

impl Bucket {
    /// Wrong settings of the log's bucket.
    pub(super) async fn weaknesses_of_log(&self, retention: Duration) -> Result<Vec<String>, ReadError> {
        let name = &self.name;
        let mut wrong = Vec::new();
        match self.versioning().await {
            Ok(true) => {}
            Ok(false) => wrong.push(format!(
                "versioning of the bucket `{name}` is not `Enabled`: set it, or what is written over a record is lost"
            )),
            Err(trouble) => wrong.push(not_known(name, "whether versioning is on", trouble)?),
        }
        match self.default_lock().await {
            Ok(None) => wrong.push(format!(
                "Object Lock of the bucket `{name}` is off: make a bucket with it (`ObjectLockEnabledForBucket`)"
            )),
            Ok(Some(rule)) => wrong.extend(short_of(name, rule.as_ref(), retention)),
            Err(trouble) => wrong.push(not_known(name, "how objects are locked", trouble)?),
        }
        Ok(wrong)
    }

    /// Wrong settings of the bucket of fates.
    pub(super) async fn weaknesses_of_fates(&self, kept: Duration) -> Result<Vec<String>, ReadError> {
        let name = &self.name;
        let mut wrong = Vec::new();
        match self.versioning().await {
            Ok(false) => {}
            Ok(true) => wrong.push(format!(
                "versioning of the bucket `{name}` is `Enabled`: fates need one without, where a name is taken once"
            )),
            Err(trouble) => wrong.push(not_known(name, "whether versioning is off", trouble)?),
        }
        match self.default_lock().await {
            Ok(None) => {}
            Ok(Some(_)) => wrong.push(format!(
                "Object Lock of the bucket `{name}` is on: fates need a bucket without, as some stores let every writer win in one with"
            )),
            Err(trouble) => wrong.push(not_known(name, "whether objects are locked", trouble)?),
        }
        match self.lifecycle().await {
            Ok(rules) => {
                wrong.extend(rules.iter().filter_map(|rule| self.too_soon(rule, kept)));
                wrong.extend(rules.iter().filter_map(|rule| self.forgets_freezes(rule)));
            }
            Err(trouble) => wrong.push(not_known(name, "when its objects expire", trouble)?),
        }
        Ok(wrong)
    }

    /// Tries to delete the object and to shorten its lock.
    pub(super) async fn attack(&self, full: &str) -> Result<(), NotKept> {
        let name = &self.name;
        let Some(version) = self.oldest(full).await.map_err(ReadError::from)? else {
            return Err(NotKept::Weak(format!("`{full}` was stored in the bucket `{name}` and is not there")));
        };
        let until = match self.head(full, Some(&version)).await.map_err(ReadError::from)? {
            Kept::Until(until) => until,
            Kept::Removable | Kept::NotApplicable => {
                return Err(NotKept::Weak(format!(
                    "the bucket `{name}` did not lock `{full}` in compliance mode, as it was told to"
                )));
            }
        };
        if until.since(self.store_now()) < LEAST_LOCK {
            warn!("The lock of an object in the log's bucket ends, so it was not tried whether it holds");
            return Ok(());
        }
        for bypass in [false, true] {
            if self.deletes(full, &version, bypass).await? {
                return Err(NotKept::Weak(format!(
                    "the bucket `{name}` let this process delete `{full}`, which is locked: take `s3:DeleteObjectVersion` and `s3:BypassGovernanceRetention` from its key, and use a store that keeps what is in compliance mode"
                )));
            }
        }
        if self.shortens(full, &version).await? {
            return Err(NotKept::Weak(format!(
                "the bucket `{name}` let this process shorten the lock of `{full}`: take `s3:PutObjectRetention` and `s3:BypassGovernanceRetention` from its key, or use a store that does not shorten what is in compliance mode"
            )));
        }
        Ok(())
    }

    async fn deletes(&self, full: &str, version: &str, bypass: bool) -> Result<bool, ReadError> {
        let delete = self.clients.writes.delete_object().bucket(&self.name).key(full).version_id(version);
        // The header is sent only where it asks for something: without it another permission counts.
        let delete = delete.set_bypass_governance_retention(bypass.then_some(true));
        refused(Box::pin(delete.send()).await.map_err(|error| Trouble::of("s3:DeleteObjectVersion", error)))
    }

    async fn shortens(&self, full: &str, version: &str) -> Result<bool, ReadError> {
        let sooner = self.store_now().plus(LEAST_LOCK / 2);
        let lock = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Compliance)
            .retain_until_date(DateTime::from_secs(sooner.as_millis().div_euclid(1000)))
            .build();
        let shorten = self.clients.writes.put_object_retention().bucket(&self.name).key(full).version_id(version);
        let shorten = shorten.retention(lock).bypass_governance_retention(true);
        refused(Box::pin(shorten.send()).await.map_err(|error| Trouble::of("s3:PutObjectRetention", error)))
    }

    async fn versioning(&self) -> Result<bool, Trouble> {
        let ask = self.clients.reads.get_bucket_versioning().bucket(&self.name);
        let answer = Box::pin(ask.send()).await.map_err(|error| Trouble::of("s3:GetBucketVersioning", error))?;
        Ok(answer.status == Some(BucketVersioningStatus::Enabled))
    }

    /// `None` where Object Lock is off.
    async fn default_lock(&self) -> Result<Option<Option<DefaultRetention>>, Trouble> {
        let ask = self.clients.reads.get_object_lock_configuration().bucket(&self.name);
        let answer = match Box::pin(ask.send()).await {
            Ok(answer) => answer,
            Err(error) => {
                let trouble = Trouble::of("s3:GetBucketObjectLockConfiguration", error);
                return if trouble.is_not_offered() { Ok(None) } else { Err(trouble) };
            }
        };
        let lock = answer.object_lock_configuration;
        let on = lock.filter(|lock| lock.object_lock_enabled == Some(ObjectLockEnabled::Enabled));
        Ok(on.map(|lock| lock.rule.and_then(|rule| rule.default_retention)))
    }

    async fn lifecycle(&self) -> Result<Vec<LifecycleRule>, Trouble> {
        let ask = self.clients.reads.get_bucket_lifecycle_configuration().bucket(&self.name);
        match Box::pin(ask.send()).await {
            Ok(answer) => Ok(answer.rules.unwrap_or_default()),
            Err(error) => match Trouble::of("s3:GetLifecycleConfiguration", error) {
                trouble if trouble.is_not_offered() => Ok(Vec::new()),
                trouble => Err(trouble),
            },
        }
    }

    fn too_soon(&self, rule: &LifecycleRule, kept: Duration) -> Option<String> {
        if rule.status != ExpirationStatus::Enabled || !self.concerns(rule) {
            return None;
        }
        let expiration = rule.expiration.as_ref()?;
        let days = expiration.days.and_then(|days| u32::try_from(days).ok());
        let soon = match (days, expiration.date) {
            (Some(days), _) => DAY * days < kept,
            // On that day everything goes, however young it is.
            (None, Some(_)) => true,
            (None, None) => false,
        };
        let id = rule.id.as_deref().unwrap_or("without a name");
        soon.then(|| {
            format!(
                "the lifecycle rule `{id}` of the bucket `{}` expires fates sooner than after {} days: set `Days` to that or more, or what was decided is forgotten and may run",
                self.name,
                days_of(kept)
            )
        })
    }

    /// A freeze holds until it is lifted, and the sequence is read from its first entry.
    fn forgets_freezes(&self, rule: &LifecycleRule) -> Option<String> {
        let control = format!("{}{CONTROL}", self.prefix);
        let prefix = prefix_of(rule);
        let concerns = control.starts_with(prefix) || prefix.starts_with(&control);
        let expires = rule.expiration.as_ref().is_some_and(|it| it.days.is_some() || it.date.is_some());
        let id = rule.id.as_deref().unwrap_or("without a name");
        (rule.status == ExpirationStatus::Enabled && concerns && expires).then(|| {
            format!(
                "the lifecycle rule `{id}` of the bucket `{}` expires `{control}`, and with it freezes that are on: limit it to `{}fate/`, and make another for `{}outcome/`",
                self.name, self.prefix, self.prefix
            )
        })
    }

    fn concerns(&self, rule: &LifecycleRule) -> bool {
        let prefix = prefix_of(rule);
        prefix.starts_with(&self.prefix) || self.prefix.starts_with(prefix)
    }
}

/// What the names begin with that a rule is about.
fn prefix_of(rule: &LifecycleRule) -> &str {
    let filter =
        rule.filter.as_ref().and_then(|filter| filter.prefix().or_else(|| filter.and().and_then(|all| all.prefix())));
    #[expect(deprecated, reason = "stores still answer with rules of the old form")]
    filter.or(rule.prefix.as_deref()).unwrap_or_default()
}

/// Whether the store did it: `false` when it refused.
fn refused<T>(answer: Result<T, Trouble>) -> Result<bool, ReadError> {
    match answer {
        Ok(_) => Ok(true),
        Err(trouble) if trouble.is_forbidden() => Ok(false),
        Err(trouble) => Err(trouble.into()),
    }
}

/// A permission is missing; anything else is an outage.
fn not_known(name: &str, what: &str, trouble: Trouble) -> Result<String, ReadError> {
    match &trouble {
        Trouble::Refused { permission, .. } if trouble.is_forbidden() => {
            Ok(format!("it is not known {what} in the bucket `{name}`: allow `{permission}` to this process's key"))
        }
        Trouble::Refused { .. } | Trouble::Silent { .. } | Trouble::Undated { .. } => Err(trouble.into()),
    }
}

fn short_of(name: &str, rule: Option<&DefaultRetention>, retention: Duration) -> Option<String> {
    let wanted = days_of(retention).max(1);
    let Some(rule) = rule else {
        return Some(format!(
            "the bucket `{name}` has no default retention: set `COMPLIANCE` and {wanted} days or more"
        ));
    };
    if rule.mode != Some(ObjectLockRetentionMode::Compliance) {
        return Some(format!(
            "the default retention mode of the bucket `{name}` is not `COMPLIANCE`: set it, as others may be lifted"
        ));
    }
    let days = match (rule.days, rule.years) {
        (Some(days), _) => u64::try_from(days).unwrap_or(0),
        (None, Some(years)) => u64::try_from(years).unwrap_or(0) * 365,
        (None, None) => 0,
    };
    (days < days_of(retention))
        .then(|| format!("the default retention of the bucket `{name}` is {days} days: set `Days` to {wanted} or more"))
}

/// Whole days, rounded up.
const fn days_of(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(DAY.as_secs())
}
