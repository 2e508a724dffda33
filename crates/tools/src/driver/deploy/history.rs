//! To which image a rollback or an undo leads.
//!
//! **Invariant:** only to one of the service's own repository, and only to one that ran here: annotations and replica
//! sets are anybody's words who may write them, so that what they name is held against the catalog. An undo takes back
//! a change of ours that is still the last one.

use super::marks::Marks;
use super::plan::{New, Proof, brief};
use super::seen::{MANAGER, Past, Seen};
use super::settings::Service;
use countersign_core::refusal::shown;

/// Why there is nothing to go back to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoWayBack {
    /// The deployment has no history.
    #[error("nothing else ran here that is still known")]
    NoHistory,
    /// What ran before is not the service's.
    #[error("what ran before is `{0}`, which is no image of `{1}`")]
    Foreign(String, String),
    /// No mark speaks of what runs.
    #[error("what runs now (`{0}`) was not rolled out by Countersign{1}: there is no change of ours to take back")]
    NotOurs(String, String),
    /// Another request has changed it since.
    #[error("the last change is not that of the request {0}: {1} has changed it since")]
    Since(String, String),
}

/// The image before the one that runs.
pub(super) fn rollback(seen: &Seen, past: &[Past], service: &Service) -> Result<New, NoWayBack> {
    let marked = seen.own().and_then(|marks| marks.image_before.as_deref());
    let newest = past.iter().find(|one| one.image != seen.image).map(|one| one.image.as_str());
    let image = newest.or(marked).ok_or(NoWayBack::NoHistory)?;
    again(image, past, service)
}

/// The image before our last change, if it still is the last one, and of this request if one is named.
pub(super) fn undo(seen: &Seen, past: &[Past], service: &Service, of: Option<&str>) -> Result<New, NoWayBack> {
    let others = || seen.changed.as_ref().filter(|(who, _)| who != MANAGER);
    let by = || others().map(|(who, when)| format!(" but by `{}` ({})", shown(who), shown(when)));
    let Some(marks) = seen.own() else {
        return Err(NoWayBack::NotOurs(brief(&seen.image), by().unwrap_or_default()));
    };
    let last = marks.invocation.as_deref().unwrap_or("another one");
    if let Some(of) = of.filter(|of| *of != last) {
        return Err(NoWayBack::Since(of.to_owned(), format!("the request {}", shown(last))));
    }
    let image = marks.image_before.as_deref().ok_or(NoWayBack::NoHistory)?;
    again(image, past, service)
}

fn again(image: &str, past: &[Past], service: &Service) -> Result<New, NoWayBack> {
    if !is_of(image, &service.image) {
        return Err(NoWayBack::Foreign(brief(image), service.image.clone()));
    }
    let ran = past.iter().find(|one| one.image == image);
    let marks: Option<&Marks> = ran.and_then(|one| one.marks.about(image));
    let tag = image.strip_prefix(&service.image).and_then(|rest| rest.strip_prefix(':')).map(str::to_owned);
    Ok(New {
        image: image.to_owned(),
        version: marks.and_then(|marks| marks.version.clone()).or(tag),
        commit: marks.and_then(|marks| marks.commit.clone()),
        proof: Proof::RanBefore(ran.map(|one| one.revision)),
    })
}

/// Whether an image is of this repository: by a tag, by a digest, or by nothing.
fn is_of(image: &str, repository: &str) -> bool {
    image.strip_prefix(repository).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{seen, service};
    use super::*;

    fn ran(revision: i64, image: &str) -> Past {
        Past { revision, image: image.into(), marks: Marks::default() }
    }

    const ONE: &str = "r.example/shop/web@sha256:1";
    const TWO: &str = "r.example/shop/web@sha256:2";

    #[test]
    fn a_rollback_leads_to_the_newest_other_image() {
        let past = [ran(3, TWO), ran(2, "r.example/shop/web:1.4.1"), ran(1, ONE)];
        let new = rollback(&seen(TWO), &past, &service()).unwrap();
        assert_eq!((new.image.as_str(), new.version.as_deref()), ("r.example/shop/web:1.4.1", Some("1.4.1")));
        assert_eq!(new.proof, Proof::RanBefore(Some(2)));
        assert_eq!(rollback(&seen(TWO), &past[..1], &service()), Err(NoWayBack::NoHistory));
    }

    #[test]
    fn p56_an_image_of_somebody_else_is_no_way_back() {
        for foreign in ["evil.example/x:1", "r.example/shop/web-evil@sha256:1", "r.example/shop/webx:1", ""] {
            let told = rollback(&seen(TWO), &[ran(2, TWO), ran(1, foreign)], &service());
            assert!(matches!(told, Err(NoWayBack::Foreign(..))), "{foreign}: {told:?}");
        }
    }

    #[test]
    fn an_undo_takes_back_our_last_change_and_no_other() {
        let marks = Marks {
            invocation: Some("id-1".into()),
            image: Some(TWO.into()),
            image_before: Some(ONE.into()),
            ..Marks::default()
        };
        let ours = Seen { marks, ..seen(TWO) };
        assert_eq!(undo(&ours, &[], &service(), None).unwrap().image, ONE);
        assert_eq!(undo(&ours, &[], &service(), Some("id-1")).unwrap().image, ONE);
        assert!(matches!(undo(&ours, &[], &service(), Some("id-0")), Err(NoWayBack::Since(..))));
        let changed = Seen { image: "r.example/shop/web:9".into(), ..ours };
        let told = undo(&changed, &[], &service(), None).unwrap_err().to_string();
        assert!(told.contains("not rolled out by Countersign but by `kubectl-set`"), "{told}");
    }
}
