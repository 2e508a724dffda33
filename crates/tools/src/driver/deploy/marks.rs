//! What a rollout leaves on a deployment, for the next one and for whoever asks what runs.
//!
//! **Invariant:** anybody who may change the deployment may change these. They are believed only while the image they
//! speak of is the one that runs, they decide about no permission, and what of them is shown is made harmless.

use std::collections::BTreeMap;

/// The annotations of one rollout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The request that made it.
    pub(super) invocation: Option<String>,
    /// Who asked.
    pub(super) requester: Option<String>,
    /// The image it put there.
    pub(super) image: Option<String>,
    /// The image that ran before.
    pub(super) image_before: Option<String>,
    /// The commit it was built from.
    pub(super) commit: Option<String>,
    /// What people call it: its tag.
    pub(super) version: Option<String>,
}

const PREFIX: &str = "countersign.dev/";

impl Marks {
    /// The marks in the annotations of a deployment or of a replica set, which gets its deployment's.
    pub(super) fn of(annotations: Option<&BTreeMap<String, String>>) -> Self {
        let of = |name: &str| annotations?.get(&format!("{PREFIX}{name}")).filter(|text| !text.is_empty()).cloned();
        Self {
            invocation: of("invocation"),
            requester: of("requester"),
            image: of("image"),
            image_before: of("image-before"),
            commit: of("commit"),
            version: of("version"),
        }
    }

    /// The same, if they speak of this image: whoever changed it since has left them behind.
    pub(super) fn about(&self, image: &str) -> Option<&Self> {
        (self.image.as_deref() == Some(image)).then_some(self)
    }

    /// As annotations.
    pub(super) fn annotations(&self) -> BTreeMap<String, String> {
        let all = [
            ("invocation", &self.invocation),
            ("requester", &self.requester),
            ("image", &self.image),
            ("image-before", &self.image_before),
            ("commit", &self.commit),
            ("version", &self.version),
        ];
        let known = all.into_iter().filter_map(|(name, value)| Some((format!("{PREFIX}{name}"), value.clone()?)));
        known.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back_and_are_about_one_image() {
        let marks = Marks {
            image: Some("r/x@sha256:1".into()),
            image_before: Some("r/x:1".into()),
            commit: Some("c".into()),
            ..Marks::default()
        };
        assert_eq!(Marks::of(Some(&marks.annotations())), marks);
        assert_eq!(marks.about("r/x@sha256:1"), Some(&marks));
        assert_eq!(marks.about("r/x@sha256:2"), None);
        assert_eq!(Marks::of(None).about("r/x"), None);
    }
}
