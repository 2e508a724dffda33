//! Reads what says who merged and reviewed: a repository as GitHub knows it.

use super::endpoint::is_stand_in;
use super::place::reference;
use super::stacks::inside;
use crate::catalog::Github;
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::Node;
use countersign_core::refusal::shown;
use std::collections::BTreeSet;

/// Source: GitHub, "REST API endpoints": the address of github.com.
const PUBLIC: &str = "https://api.github.com";

pub(super) fn github(reader: &mut Reader<'_>, node: &Node) -> Option<Github> {
    let keys = ["repository", "credential", "address", "ca", "checks"];
    let fields = reader.fields(node, "`github`", &keys, &[])?;
    let repository = reader.required(&fields, "repository", "`github`").and_then(|node| owned(reader, node));
    let credential = fields.of("credential").and_then(|node| reference(reader, node));
    let address = match fields.of("address") {
        Some(node) => api(reader, node),
        None => Some(PUBLIC.to_owned()),
    };
    let ca = fields.of("ca").and_then(|node| reference(reader, node));
    let checks = fields.of("checks").map_or_else(BTreeSet::new, |node| checks(reader, node));
    Some(Github { repository: repository?, credential, address: address?, ca, checks })
}

fn checks(reader: &mut Reader<'_>, node: &Node) -> BTreeSet<String> {
    let items = reader.one_or_more(node, "`checks`");
    items.iter().filter_map(|item| reader.text(item, "the name of a check").map(str::to_owned)).collect()
}

/// `owner/name`.
///
/// Source: GitHub's own form of both: letters, digits and dashes; in a name dots and underscores too.
pub(super) fn owned(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.name(node, "a repository on GitHub")?;
    let plain = |part: &str, also: &[char]| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || also.contains(&c))
    };
    let fits = text.split_once('/').is_some_and(|(owner, name)| {
        plain(owner, &[])
            && plain(name, &['.', '_'])
            && !matches!(name, "." | "..")
            && name.strip_suffix(".git").is_none()
    });
    if !fits {
        let message = format!("`{}` is not a repository on GitHub", shown(text));
        reader.note_with_hint(node.at, ProblemCode::Value, message, "write `owner/name`");
        return None;
    }
    Some(text.to_owned())
}

/// An https URL, whose path is that of GitHub Enterprise; or of loopback, with its port.
fn api(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let hint = "write `https://api.github.com`, or `https://host/api/v3` of GitHub Enterprise";
    if let crate::yaml::Value::Text(text) = &node.value
        && is_stand_in(text)
    {
        return Some(text.clone());
    }
    https(reader, node, "the API of GitHub", hint)
}

/// An https URL without user, query and fragment; a path may follow the host.
pub(super) fn https(reader: &mut Reader<'_>, node: &Node, of: &str, hint: &str) -> Option<String> {
    let text = reader.name(node, "an address")?;
    let rest = text.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let fits = rest.is_some_and(|rest| match rest.split_once('/') {
        Some((host, path)) => !host.is_empty() && inside(path),
        None => !rest.is_empty(),
    });
    if !fits || text.contains(['@', '=', '+']) {
        reader.note_with_hint(
            node.at,
            ProblemCode::Value,
            format!("`{}` is not the address of {of}", shown(text)),
            hint,
        );
        return None;
    }
    Some(text.to_owned())
}
