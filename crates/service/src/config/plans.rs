//! `worker.plans`: where approved plans wait for their apply, and what they are sealed with.
//!
//! **Invariant:** the place is none that the log, the fates or the heads are in: whoever may remove a plan there could
//! remove them as well.

use super::audit::{Audit, Bucket, Spot};
use super::read::Reading;
use super::{SecretReference, Worker};
use countersign_policy::ProblemCode;
use countersign_policy::reader::Fields;
use countersign_policy::yaml::Node;
use std::path::PathBuf;
use std::time::Duration;

/// As long as the longest approval takes.
const KEEP: Duration = Duration::from_hours(24);
/// A plan that waited longer is of another world.
const LONGEST_KEEP: Duration = Duration::from_hours(7 * 24);
/// Somebody has to read it, and somebody else to agree.
const SHORTEST_KEEP: Duration = Duration::from_mins(10);

/// Where approved plans wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plans {
    /// Where they are.
    pub place: PlansPlace,
    /// Where the pool's key is: 32 bytes in base64.
    pub key: SecretReference,
    /// How long one may wait.
    pub keep: Duration,
}

/// Where plans are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlansPlace {
    /// A folder that all workers of the pool see.
    Folder(PathBuf),
    /// A bucket without versions and locks.
    Bucket(Bucket),
}

impl Plans {
    /// The bucket, where it is one.
    #[must_use]
    pub const fn bucket(&self) -> Option<&Bucket> {
        match &self.place {
            PlansPlace::Bucket(bucket) => Some(bucket),
            PlansPlace::Folder(_) => None,
        }
    }
}

impl PlansPlace {
    fn spot(&self) -> Spot<'_> {
        match self {
            Self::Folder(path) => Spot::Folder(path),
            Self::Bucket(bucket) => bucket.spot(),
        }
    }
}

impl Reading<'_, '_> {
    pub(super) fn plans(&mut self, node: &Node) -> Option<Plans> {
        let own = self.reader.fields(node, "`worker.plans`", &["folder", "bucket", "key", "keep"], &[])?;
        let place = self.plans_place(&own);
        let key = self.reader.required(&own, "key", "`worker.plans`").and_then(|node| self.secret_of(node));
        let keep = own.of("keep").map_or(Some(KEEP), |node| self.keep(node));
        Some(Plans { place: place?, key: key?, keep: keep? })
    }

    fn plans_place(&mut self, own: &Fields<'_>) -> Option<PlansPlace> {
        match (own.of("folder"), own.of("bucket")) {
            (Some(node), None) => self.path_of(node, "`folder`").map(PlansPlace::Folder),
            (None, Some(node)) => self.plain_bucket(node, "`worker.plans.bucket`").map(PlansPlace::Bucket),
            (None, None) | (Some(_), Some(_)) => {
                let message = "`worker.plans` has either `folder` or `bucket`";
                self.reader.note(own.at, ProblemCode::Missing, message);
                None
            }
        }
    }

    fn keep(&mut self, node: &Node) -> Option<Duration> {
        let keep = self.reader.duration(node, "`keep`")?;
        if (SHORTEST_KEEP..=LONGEST_KEEP).contains(&keep) {
            return Some(keep);
        }
        let message = "`keep` is shorter than 10 minutes or longer than 7 days";
        self.reader.note(node.at, ProblemCode::Value, message);
        None
    }

    /// Plans are removed by whoever keeps them, and nothing else there may be.
    pub(super) fn plans_apart(&mut self, node: &Node, audit: Option<&Audit>, worker: Option<&Worker>) {
        let (Some(audit), Some(worker)) = (audit, worker) else { return };
        let Some(plans) = &worker.plans else { return };
        let spot = plans.place.spot();
        let anchors = audit.anchors.iter().filter_map(super::AnchorPlace::spot);
        let taken = [audit.log.spot(), audit.fate.spot(), Spot::Folder(&worker.jobs)].into_iter().chain(anchors);
        if taken.into_iter().any(|other| other == spot) {
            let message = "`worker.plans` is where something else is kept";
            let hint = "plans are removed when they were applied: give them a folder or bucket of their own";
            self.reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        }
    }
}
