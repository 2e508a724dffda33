//! Reads who must have built an image, and where it comes from.
//!
//! **Invariant:** an image whose builder is not checked says so; one that is checked names repository,
//! workflow and refs, and a ref is of a branch or a tag, never of a proposal that nobody merged.

use super::endpoint::own_or_stand_in;
use super::github::{https, owned};
use super::hosts::hosts;
use super::place::reference;
use super::stacks::inside;
use crate::catalog::{Attestations, Provenance, Registry, WorkflowRun};
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::{Node, Value};
use countersign_core::refusal::shown;

/// Who GitHub's workflows get their identity from.
///
/// Source: GitHub, "About security hardening with `OpenID` Connect".
const GITHUB: &str = "https://token.actions.githubusercontent.com";

const FOLDER: &str = ".github/workflows/";

const KEEPERS: [(&str, Attestations); 2] = [("github", Attestations::Github), ("registry", Attestations::Registry)];

pub(super) fn registry(reader: &mut Reader<'_>, node: &Node) -> Option<Registry> {
    let fields = reader.fields(node, "`registry`", &["credential", "ca", "address"], &[])?;
    let credential = fields.of("credential").and_then(|node| reference(reader, node));
    let ca = fields.of("ca").and_then(|node| reference(reader, node));
    let address = match fields.of("address") {
        Some(node) => Some(own_or_stand_in(reader, node, "a registry")?),
        None => None,
    };
    Some(Registry { credential, ca, address })
}

pub(super) fn run(reader: &mut Reader<'_>, node: &Node) -> Option<WorkflowRun> {
    let fields = reader.fields(node, "`run`", &["workflow", "artifact", "hosts"], &[])?;
    let workflow = reader.required(&fields, "workflow", "`run`").and_then(|node| {
        let hint = "write the name of its file, as `release.yml`";
        let text = reader.name(node, "`workflow`")?;
        file(reader, node, text, (!text.contains('/')).then_some(text), hint)
    });
    let artifact = reader.required(&fields, "artifact", "`run`");
    let artifact = artifact.and_then(|node| reader.name(node, "the name of an artifact").map(str::to_owned));
    let hosts = fields.of("hosts").map_or_else(Vec::new, |node| hosts(reader, node));
    Some(WorkflowRun { workflow: workflow?, artifact: artifact?, hosts })
}

/// Whether it is said that nobody checks who built it.
pub(super) fn is_unchecked(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text == "none")
}

/// Who must have built it.
pub(super) fn provenance(reader: &mut Reader<'_>, node: &Node) -> Option<Provenance> {
    if !matches!(node.value, Value::Map(_)) {
        let hint = "write `none`, or who builds it: `{ repository: …, workflow: …, refs: [ … ] }`";
        reader.note_with_hint(node.at, ProblemCode::Shape, "`provenance` is `none` or a map of keys", hint);
        return None;
    }
    let what = "`provenance`";
    let keys = ["repository", "workflow", "refs", "attestations", "issuer", "trusted_root"];
    let fields = reader.fields(node, what, &keys, &[])?;
    let repository = reader.required(&fields, "repository", what).and_then(|node| owned(reader, node));
    let workflow = reader.required(&fields, "workflow", what).and_then(|node| {
        let hint = "write its path in the repository, as `.github/workflows/release.yml`";
        let text = reader.name(node, "`workflow`")?;
        file(reader, node, text, text.strip_prefix(FOLDER).filter(|name| !name.contains('/')), hint)
    });
    let refs = reader.required(&fields, "refs", what).map(|node| refs(reader, node));
    let attestations = match fields.of("attestations") {
        Some(node) => reader.word(node, "keeper of attestations", &KEEPERS),
        None => Some(Attestations::Github),
    };
    let issuer = match fields.of("issuer") {
        Some(node) => https(reader, node, "an issuer of identities", "write `https://host`; no user, no query"),
        None => Some(GITHUB.to_owned()),
    };
    let trusted_root = fields.of("trusted_root").and_then(|node| reference(reader, node));
    Some(Provenance {
        repository: repository?,
        workflow: workflow?,
        refs: refs?,
        attestations: attestations?,
        issuer: issuer?,
        trusted_root,
    })
}

/// The file of a workflow; `name` is its name, if the text has the right form around it.
fn file(reader: &mut Reader<'_>, node: &Node, text: &str, name: Option<&str>, hint: &str) -> Option<String> {
    let stem = name.and_then(|name| name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")));
    if !stem.is_some_and(inside) {
        let message = format!("`{}` is not the file of a workflow", shown(text));
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text.to_owned())
}

fn refs(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let items = reader.one_or_more(node, "`refs`");
    items.iter().filter_map(|item| one_ref(reader, item)).collect()
}

fn one_ref(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a ref")?;
    let rest = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/"));
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.contains("..")
            && !part.contains("**")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.*@+=#".contains(c))
    };
    if !rest.is_some_and(|rest| rest.split('/').all(plain)) {
        let message = format!("`{}` is not the ref of a branch or a tag", shown(text));
        let hint = "write `refs/heads/main` or `refs/tags/*`; `*` stops at `/`";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text.to_owned())
}
