//! The manifest that comes with a line: within it, beside it, or from a catalogued repository.
//!
//! **Invariant:** the line that is recorded and told never holds a manifest; what becomes of the
//! manifest is the grammar's business.

mod repository;

use crate::Gateway;
use crate::receive::Asker;
use countersign_chat::Typed;
use countersign_command::{Attachment, Source, cut, wants};
use countersign_core::refusal::{Code, Refusal};
use countersign_policy::Policy;
use repository::FetchError;

/// A line without its manifest, and the manifest.
pub(crate) fn apart(mut typed: Typed) -> (Typed, Result<Option<Attachment>, Box<Refusal>>) {
    let beside = typed.manifest.take().map(|text| Attachment { text, source: None });
    let manifest = match (cut(&typed.text), beside) {
        (Ok((line, Some(_))), Some(_)) => {
            typed.text = line;
            Err(Box::new(Refusal::new(Code::BadManifest, "two manifests came with the command", "Give one of them.")))
        }
        (Ok((line, within)), beside) => {
            typed.text = line;
            Ok(within.or(beside))
        }
        (Err(refusal), _) => {
            // Where the code block begins, the line ends.
            let end = typed.text.find("```").unwrap_or(typed.text.len());
            typed.text.truncate(end);
            Err(refusal)
        }
    };
    (typed, manifest)
}

impl Gateway {
    /// The manifest that came with the line, or the file of a repository that the line names.
    pub(crate) async fn attachment(&self, asker: &Asker, policy: &Policy) -> Result<Option<Attachment>, Box<Refusal>> {
        let came = asker.manifest.clone()?;
        let named = match wants(&asker.typed.text, policy.vocabulary()) {
            Ok(named) => named,
            Err(refusal) if refusal.code() == Code::UnknownTarget => return Err(refusal),
            // A line that cannot be read is refused by whoever reads all of it.
            Err(_) => None,
        };
        match (came, named) {
            (None, Some(source)) => self.fetched(source, policy).await.map(Some),
            (came, _) => Ok(came),
        }
    }

    async fn fetched(&self, source: Source, policy: &Policy) -> Result<Attachment, Box<Refusal>> {
        let fetched = match policy.catalog().repositories().get(source.repository()) {
            Some(repository) => repository::fetch(repository, &source).await,
            None => Err(FetchError::Unknown),
        };
        match fetched {
            Ok(text) => Ok(Attachment { text, source: Some(source) }),
            Err(error) => {
                tracing::warn!("A manifest could not be fetched: {}", chain(&error));
                Err(Box::new(Refusal::new(
                    Code::BadManifest,
                    format!("`{source}` could not be fetched: {error}"),
                    "Check commit and path; or put the manifest into a code block.",
                )))
            }
        }
    }
}

/// An error with what caused it, for operators.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_chat::Membership;
    use countersign_core::principal::Account;
    use countersign_core::time::Timestamp;

    fn typed(text: &str, manifest: Option<&str>) -> Typed {
        Typed {
            account: Account { front: "console".into(), team: "t".into(), user: "ann".into() },
            membership: Membership::Full,
            channel: None,
            thread: None,
            text: text.into(),
            manifest: manifest.map(Into::into),
            nonce: "1".into(),
            at: Timestamp::from_millis(0),
        }
    }

    /// What is recorded of a line is its text: a manifest must be out of it before anything else.
    #[test]
    fn p31_no_manifest_stays_in_the_line() {
        for (text, beside, line, comes) in [
            ("/kubectl apply -n web ```\nkey: s3cret\n```", None, "/kubectl apply -n web", Some("key: s3cret\n")),
            ("/kubectl apply ```key: s3cret``` --apply", None, "/kubectl apply --apply", Some("key: s3cret")),
            ("/kubectl apply", Some("key: s3cret"), "/kubectl apply", Some("key: s3cret")),
            ("/kubectl get pods", None, "/kubectl get pods", None),
        ] {
            let (typed, manifest) = apart(typed(text, beside));
            assert_eq!((typed.text.as_str(), typed.manifest), (line, None), "{text}");
            assert_eq!(manifest.unwrap().map(|it| it.text).as_deref(), comes, "{text}");
        }
        for (text, beside) in [
            ("/kubectl apply ```key: s3cret", None),
            ("/kubectl apply ```a: s3cret``` ```b: s3cret```", None),
            ("/kubectl apply ```a: s3cret```", Some("b: s3cret")),
        ] {
            let (typed, manifest) = apart(typed(text, beside));
            assert_eq!(manifest.unwrap_err().code(), Code::BadManifest, "{text}");
            assert!(!typed.text.contains("s3cret") && typed.manifest.is_none(), "{text}");
        }
    }
}
