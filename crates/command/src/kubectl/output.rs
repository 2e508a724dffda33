//! Output forms: which there are, and which show whole objects.

use super::verbs::Does;
use crate::grammar::Parsed;
use crate::no::{Checked, Pointing, meant, no, quoted};
use countersign_core::refusal::Code;

/// What the output shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// A table of the server's columns, or one line an object.
    Table,
    /// Kind and name alone.
    Name,
    /// Any field of the objects, in this form.
    Fields(String),
    /// The table with more columns.
    Wide,
}

impl Output {
    /// The canonical flag.
    pub(super) fn flag(&self) -> Option<String> {
        match self {
            Self::Table => None,
            Self::Name => Some("--output=name".to_owned()),
            Self::Wide => Some("--output=wide".to_owned()),
            Self::Fields(form) => Some(format!("--output={form}")),
        }
    }

    /// Reads the effective `-o`.
    pub(super) fn read(parsed: &Parsed<Does>) -> Checked<Self> {
        for given in parsed.given.iter().filter(|given| given.flag.long == "output") {
            // Every one of them is looked at, so that a file form cannot hide before the last.
            form(parsed.verb.id, &given.value).map_err(|refusal| refusal.over(&given.word))?;
        }
        match parsed.value("output") {
            Some(given) => form(parsed.verb.id, &given.value),
            None => Ok(Self::Table),
        }
    }
}

const PLAIN: &[&str] = &["json", "yaml", "name", "wide"];
const TEMPLATES: &[&str] = &["jsonpath", "jsonpath-as-json", "go-template", "template", "custom-columns"];

fn form(verb: Does, text: &str) -> Checked<Output> {
    let (name, template) = match text.split_once('=') {
        Some((name, template)) => (name, Some(template)),
        None => (text, None),
    };
    if name.to_ascii_lowercase().contains("file") {
        return Err(no(
            Code::WorkerFiles,
            format!("the output form {} reads a file", quoted(name)),
            "write the template into the command, as `-o go-template='…'`",
        ));
    }
    let takes = match verb {
        Does::Get => PLAIN.contains(&name) || TEMPLATES.contains(&name),
        Does::Delete => name == "name",
        _ => (PLAIN.contains(&name) && name != "wide") || (TEMPLATES.contains(&name) && name != "custom-columns"),
    };
    match (name, template) {
        ("name", None) if takes => Ok(Output::Name),
        ("wide", None) if takes => Ok(Output::Wide),
        ("json" | "yaml", None) if takes => Ok(Output::Fields(name.to_owned())),
        (_, Some(template)) if takes && TEMPLATES.contains(&name) && !template.trim().is_empty() => {
            let name = if name == "template" { "go-template" } else { name };
            Ok(Output::Fields(format!("{name}={template}")))
        }
        (_, None) if takes => {
            Err(no(Code::MissingValue, format!("`-o {name}` needs its template"), format!("write `-o {name}='…'`")))
        }
        _ => Err(no(
            Code::BadValue,
            format!("{} is no output form of this verb", quoted(text)),
            meant(
                &name.to_ascii_lowercase(),
                PLAIN.iter().chain(TEMPLATES).copied(),
                if verb == Does::Delete {
                    "`-o name` is the only one"
                } else {
                    "use `json`, `yaml`, `name`, `wide` or `jsonpath='…'`"
                },
            ),
        )),
    }
}
