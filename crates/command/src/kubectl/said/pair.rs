//! What is written to an object, one word each: a label, an annotation, an image, a variable, a taint.
//!
//! Source: kubectl's `GetResourcesAndPairs`, `ParseEnv` and `parseTaints`; Kubernetes' rules for keys.

use crate::kubectl::does::Pair;
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

/// What a taint does to pods.
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

impl Pair {
    /// Whether a word is one, and no object.
    pub(super) fn is_meant(self, text: &str) -> bool {
        text.contains('=') || text.ends_with('-') || (self == Self::Taint && text.contains(':'))
    }

    /// What the word is about, as far as two of the same cannot stand side by side.
    pub(super) fn key(self, word: &Word) -> Checked<String> {
        let text = word.text.as_str();
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text.strip_suffix('-').unwrap_or_default(), None),
        };
        let fits = match self {
            Self::Label => is_key(key) && value.is_none_or(|value| value.is_empty() || is_segment(value)),
            Self::Annotation => is_key(key),
            Self::Image => (key == "*" || is_segment(key)) && value.is_some_and(is_image),
            Self::Variable if text == "-" => return Err(stdin(word)),
            Self::Variable => is_variable(key),
            Self::Taint => return taint(text).ok_or_else(|| self.wrong(word)),
        };
        if fits { Ok(key.to_owned()) } else { Err(self.wrong(word)) }
    }

    const fn form(self) -> &'static str {
        match self {
            Self::Label => "write KEY=VALUE, or KEY- to remove one; letters, digits, `-`, `_` and `.`",
            Self::Annotation => "write KEY=VALUE, or KEY- to remove one",
            Self::Image => "write CONTAINER=IMAGE, as `app=nginx:1.27`, or '*=IMAGE' for every container",
            Self::Variable => "write NAME=VALUE, or NAME- to remove one",
            Self::Taint => {
                "write KEY=VALUE:EFFECT or KEY:EFFECT, or KEY- to remove it; effects are `NoSchedule`, `PreferNoSchedule` and `NoExecute`"
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Annotation => "annotation",
            Self::Image => "image",
            Self::Variable => "variable",
            Self::Taint => "taint",
        }
    }

    fn wrong(self, word: &Word) -> Box<Refusal> {
        let sentence = format!("{} is no {}", quoted(&word.text), self.name());
        no(Code::BadValue, sentence, self.form()).over(word)
    }

    /// The refusal of a verb that writes nothing.
    pub(super) fn missing(self, verb: &str) -> Box<Refusal> {
        let article = if matches!(self, Self::Annotation | Self::Image) { "an" } else { "a" };
        no(Code::MissingValue, format!("`kubectl {verb}` needs {article} {}", self.name()), self.form())
    }
}

/// `KEY[=VALUE]:EFFECT`, `KEY[:EFFECT]-`: key and effect.
fn taint(text: &str) -> Option<String> {
    let (text, removes) = match text.strip_suffix('-') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (rest, effect) = match text.split_once(':') {
        Some((rest, effect)) if EFFECTS.contains(&effect) => (rest, effect),
        None if removes => (text, ""),
        Some(_) | None => return None,
    };
    let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
    let fits = is_key(key) && (value.is_empty() || is_segment(value));
    fits.then(|| format!("{key}:{effect}"))
}

/// What a service finds its pods by: labels, none of them empty.
pub(super) fn check_selector(word: &Word) -> Checked<()> {
    let label = |text: &str| text.split_once('=').is_some_and(|(key, value)| is_key(key) && is_segment(value));
    if word.text.split(',').all(label) {
        return Ok(());
    }
    Err(no(Code::BadValue, format!("{} is no selector", quoted(&word.text)), "write KEY=VALUE[,KEY=VALUE]").over(word))
}

fn stdin(word: &Word) -> Box<Refusal> {
    no(Code::WorkerFiles, "`-` would read standard input", "write the variables into the command").over(word)
}

fn is_segment(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// `[DOMAIN/]NAME`.
fn is_key(key: &str) -> bool {
    let domain = |text: &str| text.len() <= 253 && !text.is_empty() && text.split('.').all(is_segment);
    match key.split_once('/') {
        Some((prefix, name)) => domain(prefix) && is_segment(name),
        None => is_segment(key),
    }
}

fn is_image(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@".contains(c))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
