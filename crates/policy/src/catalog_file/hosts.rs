//! Reads where a stack's plan and apply may connect.
//!
//! **Invariant:** each is one host and one port, written out; the address that gives a worker's own
//! identity away is not among them.

use super::endpoint::is_stand_in;
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::Node;
use countersign_core::refusal::shown;
use std::net::{IpAddr, SocketAddr};

pub(super) fn hosts(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let items = reader.one_or_more(node, "`hosts`");
    items.iter().filter_map(|item| host(reader, item)).collect()
}

fn host(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a host")?;
    match text.parse::<SocketAddr>() {
        Ok(at) if is_link_local(at.ip()) => {
            let message = format!("`{}` is where a machine is told who it is", shown(text));
            let hint = "a stack runs with its own credentials; take it away";
            reader.note_with_hint(node.at, ProblemCode::Floor, message, hint);
            None
        }
        Ok(at) if at.port() != 0 && !at.ip().is_loopback() => Some(text.to_owned()),
        Err(_) if is_stand_in(text) || is_named(text) => Some(text.to_owned()),
        Ok(_) | Err(_) => {
            let message = format!("`{}` is not a host with its port", shown(text));
            let hint = "write `host.example.com:443`, without `*`; or `http://127.0.0.1:port` on this very host";
            reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
            None
        }
    }
}

/// Link-local addresses: the metadata services of the clouds are among them.
///
/// Source: RFC 3927 and RFC 4291 2.5.6; `fd00:ec2::254` is AWS's own, of its documentation of IMDS.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || ip.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
                || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_link_local())
        }
    }
}

/// A name with a dot and a port; what is all digits and dots would be an address.
fn is_named(text: &str) -> bool {
    let Some((host, port)) = text.split_once(':') else { return false };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let is_name = host.contains('.') && host.len() <= 253 && host.split('.').all(label);
    let ends_in_letters =
        host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()));
    is_name && ends_in_letters && port.parse::<u16>().is_ok_and(|port| port != 0) && !port.starts_with(['+', '0'])
}
