//! Output forms: which there are, and which show whole objects.

use super::does::Does;
use crate::grammar::{Given, Parsed};
use crate::no::{Checked, Pointing, meant, no, quoted};
use countersign_core::refusal::{Code, Refusal};

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
    /// A form of the verb's own, which shows no object.
    Own(String),
}

impl Output {
    /// The canonical flag.
    pub(super) fn flag(&self) -> Option<String> {
        match self {
            Self::Table => None,
            Self::Name => Some("--output=name".to_owned()),
            Self::Wide => Some("--output=wide".to_owned()),
            Self::Fields(form) | Self::Own(form) => Some(format!("--output={form}")),
        }
    }

    /// Reads the effective `-o`, and the template that may stand beside it.
    pub(super) fn read(parsed: &Parsed<Does>) -> Checked<Self> {
        no_files(parsed)?;
        let template = parsed.value("template");
        for given in parsed.values("output") {
            // Every one of them is looked at, so that a wrong one cannot hide before the last.
            if template.is_none() || !TEMPLATES.contains(&given.value.as_str()) {
                form(parsed.verb.id, &given.value).map_err(|refusal| refusal.over(&given.word))?;
            }
        }
        let output = parsed.value("output");
        match (output, template) {
            (None, None) => Ok(Self::Table),
            (Some(given), None) => form(parsed.verb.id, &given.value),
            (output, Some(template)) => {
                let name = output.map_or("go-template", |given| given.value.as_str());
                with_template(parsed.verb.id, name, template)
            }
        }
    }
}

/// Refuses every form that reads a file, whichever of them counts.
pub(super) fn no_files<I>(parsed: &Parsed<I>) -> Checked<()> {
    for given in parsed.values("output") {
        let name = given.value.split_once('=').map_or(given.value.as_str(), |(name, _)| name);
        if name.to_ascii_lowercase().contains("file") {
            return Err(no(
                Code::WorkerFiles,
                format!("the output form {} reads a file", quoted(name)),
                "write the template into the command, as `-o go-template='…'`",
            )
            .over(&given.word));
        }
    }
    Ok(())
}

/// `--template` is the other place for a template; a template has braces, and a path has none.
fn with_template(verb: Does, name: &str, template: &Given) -> Checked<Output> {
    let inline = ["go-template", "template", "jsonpath", "jsonpath-as-json"].contains(&name);
    let refusal = if !template.value.contains('{') {
        no(
            Code::WorkerFiles,
            "`--template` could name a file",
            "write the template into the output form, as `-o go-template='…'`",
        )
    } else if inline {
        return form(verb, &format!("{name}={}", template.value));
    } else {
        no(Code::BadValue, format!("`-o {name}` takes no `--template`"), "leave one of them away")
    };
    Err(refusal.over(&template.word))
}

const PLAIN: &[&str] = &["json", "yaml", "name", "wide"];
const TEMPLATES: &[&str] = &["jsonpath", "jsonpath-as-json", "go-template", "template", "custom-columns"];

fn form(verb: Does, text: &str) -> Checked<Output> {
    let (name, template) = match text.split_once('=') {
        Some((name, template)) => (name, Some(template)),
        None => (text, None),
    };
    if let Some(own) = own_forms(verb) {
        return if own.contains(&text) { Ok(Output::Own(text.to_owned())) } else { Err(no_form(verb, text, own)) };
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
        _ if verb == Does::Delete => Err(no_form(verb, text, &["name"])),
        _ => Err(no_form(verb, text, &["json", "yaml", "name", "wide", "jsonpath='…'"])),
    }
}

/// The forms of a verb that prints something else than objects.
const fn own_forms(verb: Does) -> Option<&'static [&'static str]> {
    match verb {
        Does::Explain => Some(&["plaintext", "plaintext-openapiv2"]),
        Does::ApiResources => Some(&["wide", "name"]),
        Does::LastApplied => Some(&["yaml", "json"]),
        Does::Version => Some(&["json", "yaml"]),
        _ => None,
    }
}

fn no_form(verb: Does, text: &str, forms: &[&str]) -> Box<Refusal> {
    let name = text.split_once('=').map_or(text, |(name, _)| name).to_ascii_lowercase();
    let known: Vec<&str> =
        if verb == Does::Delete { forms.to_vec() } else { PLAIN.iter().chain(TEMPLATES).copied().collect() };
    no(
        Code::BadValue,
        format!("{} is no output form of this verb", quoted(text)),
        meant(&name, known, &format!("use `{}`", forms.join("`, `"))),
    )
}
