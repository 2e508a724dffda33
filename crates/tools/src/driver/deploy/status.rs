//! What runs, since when, and by whom.

use super::Errand;
use super::artifact::Artifacts;
use super::plan::{NOBODY, named, place};
use super::rollout::progress;
use super::seen::{MANAGER, Seen};
use crate::driver::Failure;
use countersign_core::refusal::shown;
use std::fmt::Write as _;

impl Errand<'_> {
    /// What runs. Whatever else cannot be found out is said, and hides nothing of that.
    pub(super) async fn status(&self) -> Result<String, Failure> {
        let seen = self.seen().await?;
        let pods = self.cluster.pods(&seen, &seen.image).await;
        let version = seen.own().and_then(|marks| marks.version.as_deref());
        let mut text = format!("{}\nruns {}\n", place(self.act, self.service), named(&seen.image, version));
        text.push_str(&since(&seen));
        match pods {
            Ok(pods) => {
                let _ = writeln!(text, "{}", progress(seen.counts, pods.ready));
                text.extend(pods.stuck.map(|why| format!("{why}\n")));
            }
            Err(error) => {
                let _ =
                    writeln!(text, "{}; its pods are not known: {error}", progress(seen.counts, seen.counts.available));
            }
        }
        if seen.paused {
            text.push_str("it is paused: nothing is rolled out\n");
        }
        text.extend(seen.given_up.as_ref().map(|why| format!("ProgressDeadlineExceeded: {}\n", shown(why))));
        let _ = writeln!(text, "{}", self.provenance(&seen).await);
        Ok(text)
    }

    async fn provenance(&self, seen: &Seen) -> String {
        if self.service.provenance.is_none() {
            return NOBODY.to_owned();
        }
        let Some((_, digest)) = seen.image.split_once('@') else {
            return "where it comes from cannot be proven: it runs by a tag, and not by its digest".to_owned();
        };
        let artifacts = match Artifacts::of(self.job, self.service) {
            Ok(artifacts) => artifacts,
            Err(error) => return error.to_string(),
        };
        match artifacts.proof(digest, None).await {
            Ok(proof) => proof.line(),
            Err(error) => error.to_string(),
        }
    }
}

fn since(seen: &Seen) -> String {
    let Some(marks) = seen.own() else {
        return match &seen.changed {
            Some((who, when)) if who == MANAGER => {
                format!("put back by Countersign after a rollout that failed, {}\n", shown(when))
            }
            Some((who, when)) => format!("not put there by Countersign: `{}`, {}\n", shown(who), shown(when)),
            None => "not put there by Countersign\n".to_owned(),
        };
    };
    let or = |text: &Option<String>| text.as_deref().map_or_else(|| "?".to_owned(), shown);
    let when = seen.applied.as_deref().map(|when| format!("since {}, ", shown(when))).unwrap_or_default();
    let mut text = format!("{when}by {}, request {}\n", or(&marks.requester), or(&marks.invocation));
    let before = marks.image_before.as_ref().map(|image| format!("before that: {}\n", shown(image)));
    text.extend(before);
    text
}
