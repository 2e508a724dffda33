//! Reads the AWS accounts of catalog.yaml.

use super::credentials::{self, credentials_that_look};
use super::endpoint::endpoint;
use super::place::{self, Entry, Ground};
use crate::catalog::Profile;
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::Node;
use countersign_command::vocabulary;
use countersign_core::refusal::shown;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn profiles(reader: &mut Reader<'_>, node: &Node, ground: Ground<'_>) -> BTreeMap<String, Profile> {
    let keys = ["account", "region", "regions", "endpoint", "credentials"];
    place::entries(reader, node, "profiles", ("an AWS profile", &keys), |reader, entry| profile(reader, entry, ground))
}

fn profile(reader: &mut Reader<'_>, entry: &Entry<'_>, ground: Ground<'_>) -> Option<Profile> {
    let place = entry.place(reader, ground);
    let account = entry.required(reader, "account").and_then(|node| account(reader, node));
    let region = entry.required(reader, "region").and_then(|node| region(reader, node));
    let mut regions = BTreeSet::new();
    if let Some(node) = entry.fields.of("regions") {
        for item in reader.one_or_more(node, "`regions`") {
            regions.extend(self::region(reader, item).map(str::to_owned));
        }
    }
    let endpoint = entry.fields.of("endpoint").map(|node| endpoint(reader, node));
    let credentials = credentials_that_look(reader, entry, credentials::profile(account.as_deref(), region));
    regions.extend(region.map(str::to_owned));
    let place = place?;
    let grammar = vocabulary::Profile { env: place.env.clone(), region: region?.to_owned(), regions };
    Some(Profile { place, account: account?, endpoint: endpoint.flatten(), grammar, credentials: credentials? })
}

fn account(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "`account`")?;
    if text.len() == 12 && text.chars().all(|c| c.is_ascii_digit()) {
        return Some(text.to_owned());
    }
    let message = format!("`{}` is not the number of an AWS account", shown(text));
    reader.note_with_hint(node.at, ProblemCode::Value, message, "write its twelve digits in quotes");
    None
}

/// The form of a region: `eu-west-1`, `us-gov-east-1`, `ap-southeast-2`.
///
/// Source: the `regionRegex` of botocore's `endpoints.json`.
pub(super) fn region<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Option<&'n str> {
    let text = reader.name(node, "a region")?;
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| part.len() >= 2 && part.chars().all(|c| c.is_ascii_lowercase());
    let fits = match parts.as_slice() {
        [names @ .., number] => {
            (2..=3).contains(&names.len())
                && names.iter().all(letters)
                && !number.is_empty()
                && number.chars().all(|c| c.is_ascii_digit())
        }
        [] => false,
    };
    if !fits {
        let message = format!("`{}` is not a region of AWS", shown(text));
        reader.note_with_hint(node.at, ProblemCode::Value, message, "write for example `eu-west-1`");
        return None;
    }
    Some(text)
}
