//! Reads the Alertmanagers of catalog.yaml.

use super::credentials::{self, credentials_or_none};
use super::endpoint::own_or_stand_in;
use super::place::{self, Entry, Ground, reference};
use crate::catalog::Alertmanager;
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::Node;
use countersign_command::vocabulary;
use std::collections::BTreeMap;

pub(super) fn alertmanagers(
    reader: &mut Reader<'_>,
    node: &Node,
    ground: Ground<'_>,
) -> BTreeMap<String, Alertmanager> {
    let keys = ["address", "ca", "change_up_to", "longest", "credentials"];
    place::entries(reader, node, "alertmanagers", ("an Alertmanager", &keys), |reader, entry| {
        alertmanager(reader, entry, ground)
    })
}

fn alertmanager(reader: &mut Reader<'_>, entry: &Entry<'_>, ground: Ground<'_>) -> Option<Alertmanager> {
    let place = entry.place(reader, ground);
    let address = entry.required(reader, "address").and_then(|node| own_or_stand_in(reader, node, "an Alertmanager"));
    let ca = entry.fields.of("ca").and_then(|node| reference(reader, node));
    let change_up_to = entry.required(reader, "change_up_to");
    let change_up_to = change_up_to.and_then(|node| reader.duration(node, "`change_up_to`"));
    let longest = entry.required(reader, "longest").and_then(|node| reader.duration(node, "`longest`"));
    let credentials = credentials_or_none(reader, entry, credentials::ALERTMANAGER);
    let (place, change_up_to, longest) = (place?, change_up_to?, longest?);
    if change_up_to > longest {
        let message = "`change_up_to` is longer than `longest`, so nothing would be destructive";
        reader.note(entry.fields.at, ProblemCode::Value, message);
    }
    let grammar = vocabulary::Alertmanager { env: place.env.clone(), change_up_to, longest };
    Some(Alertmanager { place, address: address?, ca, grammar, credentials: credentials? })
}
