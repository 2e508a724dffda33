//! Reads the address that a cloud's services are reached at instead of their own.

use super::place::address;
use crate::reader::Reader;
use crate::yaml::{Node, Value};
use std::net::{IpAddr, SocketAddr};

/// An https URL of a host alone; or, of a stand-in on the worker's own host, an http URL of loopback with its port.
pub(super) fn endpoint(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    own_or_stand_in(reader, node, "an endpoint")
}

/// The same of something else that is spoken to over HTTP.
pub(super) fn own_or_stand_in(reader: &mut Reader<'_>, node: &Node, of: &str) -> Option<String> {
    match &node.value {
        Value::Text(text) if is_stand_in(text) => Some(text.clone()),
        _ => address(reader, node, of),
    }
}

pub(super) fn is_stand_in(text: &str) -> bool {
    let place = text.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let place: Option<SocketAddr> = place.and_then(|place| place.parse().ok());
    place.is_some_and(|place| match place.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    })
}
