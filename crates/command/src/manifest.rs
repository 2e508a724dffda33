//! Manifests: text that is attached to a command, read as the objects it would make.
//!
//! **Invariant:** what is applied is what was read. The objects are written anew, as JSON that every
//! YAML and JSON reader reads the same way, and that text alone goes to the tool; what two readers
//! could read differently (ADR-0020) is refused with its line and column. Reading that text again
//! gives that text.

mod json;
mod kind;
mod object;
mod scalar;
mod source;
mod yaml;

pub(crate) use object::Object;
pub use source::Source;

use crate::no::{Checked, no};
use countersign_core::input::Input;
use countersign_core::refusal::{Code, Refusal, shown};
use yaml::Mark;

/// A text that came with a command: a code block, a text file, or a file of a repository.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The text.
    pub text: String,
    /// The file it was fetched from, when the command named one.
    pub source: Option<Source>,
}

/// What separates a manifest from the line it is typed with.
const FENCE: &str = "```";

/// Takes the code block out of a text: the line that is left, and the manifest.
///
/// # Errors
/// When a code block has no end, or there are two.
pub fn cut(text: &str) -> Result<(String, Option<Attachment>), Box<Refusal>> {
    let mut pieces = text.split(FENCE);
    let (before, block, after) = (pieces.next().unwrap_or_default(), pieces.next(), pieces.next());
    let Some(block) = block else { return Ok((text.to_owned(), None)) };
    let (Some(after), None) = (after, pieces.next()) else {
        return Err(no(
            Code::BadManifest,
            "there is not one code block but an open one, or several",
            "put the whole manifest between two lines of ```; one that holds such a line is read from a repository",
        ));
    };
    // The language that editors like to know stands on the line of the fence.
    let text = match block.split_once('\n') {
        Some((language, rest)) if matches!(language.trim(), "" | "yaml" | "yml" | "json") => rest,
        _ => block,
    };
    let line = format!("{} {}", before.trim_end(), after.trim());
    Ok((line.trim_end().to_owned(), Some(Attachment { text: text.to_owned(), source: None })))
}

/// Its size alone: logs never hold a manifest.
impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("bytes", &self.text.len()).field("source", &self.source).finish()
    }
}

/// The objects of a manifest, and nothing of how they were written.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) objects: Vec<Object>,
}

impl Manifest {
    /// Reads YAML or JSON, one document or several.
    pub(crate) fn read(text: &str) -> Checked<Self> {
        let length = text.len();
        if length > Input::MOST_BYTES {
            return Err(no(
                Code::TooLong,
                format!("the manifest has {length} bytes, and {} are the most", Input::MOST_BYTES),
                "apply it in parts",
            ));
        }
        let mut objects = Vec::new();
        for document in yaml::documents(text)? {
            object::read(document, &mut objects)?;
        }
        if objects.is_empty() {
            return Err(no(Code::BadManifest, "the manifest holds no object", "write at least one object into it"));
        }
        Ok(Self { objects })
    }

    /// The text that the tool gets: one object, or a `List` of them, as JSON.
    pub(crate) fn input(&self) -> Checked<Input> {
        let nodes: Vec<_> = self.objects.iter().map(Object::node).collect();
        let text = json::write(&nodes);
        crate::secret::check(&without_certificates(&text))?;
        Input::new(text).map_err(|error| no(Code::TooLong, format!("the manifest: {error}"), "apply it in parts"))
    }
}

/// One value of YAML or JSON, written anew as JSON in one line.
pub(crate) fn value(text: &str) -> Checked<String> {
    match yaml::documents(text)?.as_slice() {
        [one] => Ok(json::write(&[one]).trim_end().to_owned()),
        _ => Err(no(Code::BadManifest, "this is not one value", "write one value")),
    }
}

/// What everybody may know, and begins like a private key.
fn without_certificates(text: &str) -> String {
    ["CERTIFICATE", "PUBLIC KEY", "CERTIFICATE REQUEST", "X509 CRL"]
        .iter()
        .fold(text.to_owned(), |text, what| text.replace(&format!("-----BEGIN {what}-----"), ""))
}

/// Refuses a place of the manifest.
fn bad(at: Mark, sentence: impl std::fmt::Display, hint: impl Into<String>) -> Box<Refusal> {
    let Mark { line, column } = at;
    no(Code::BadManifest, format!("{sentence} (line {line}, column {column} of the manifest)"), hint)
}

/// Foreign text of a manifest in backticks.
fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}
