//! Which addresses a job never reaches.
//!
//! **Invariant:** an IPv4 address inside an IPv6 one is judged as the IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services that hand out the machine's own identity, beside link-local ones: Azure's wire server, Alibaba's
/// and Oracle's (classic), then AWS's and Google's by IPv6.
const METADATA_V4: &[Ipv4Addr] =
    &[Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: &[Ipv6Addr] =
    &[Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Why a name may not lead here. Addresses of private networks are fine: clusters have them.
pub(super) fn forbidden_by_name(ip: IpAddr) -> Option<&'static str> {
    let loopback = match plain(ip) {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback(),
    };
    if loopback { Some("leads to the worker's own host") } else { forbidden_even_if_listed(ip) }
}

/// Why not even the catalog's own literal may be connected to.
pub(super) fn forbidden_even_if_listed(ip: IpAddr) -> Option<&'static str> {
    match plain(ip) {
        IpAddr::V4(v4) if METADATA_V4.contains(&v4) => Some("is a metadata service"),
        IpAddr::V6(v6) if METADATA_V6.contains(&v6) => Some("is a metadata service"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("is link-local, where metadata services are"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("is link-local, where metadata services are"),
        IpAddr::V4(v4) if v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast() || v4.octets()[0] == 0 => {
            Some("is no host's address")
        }
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => Some("is no host's address"),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped and compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052), 6to4
/// (RFC 3056); otherwise the address itself.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        // `::` and `::1` are IPv6's own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            v4(high, low)
        }
        _ => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(text: &str) -> Option<&'static str> {
        forbidden_by_name(text.parse().unwrap())
    }

    #[test]
    fn p17_metadata_and_loopback_are_never_reached_by_a_name() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "168.63.129.16",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(by_name(text).is_some(), "{text}");
        }
    }

    #[test]
    fn private_and_public_addresses_are_fine() {
        for text in ["10.0.0.1", "192.168.1.1", "172.16.0.1", "203.0.113.7", "fd12::1", "2001:db8::1"] {
            assert_eq!(by_name(text), None, "{text}");
        }
    }

    #[test]
    fn p17_the_catalog_can_list_loopback_and_never_metadata() {
        let listed = |text: &str| forbidden_even_if_listed(text.parse().unwrap());
        assert_eq!(listed("127.0.0.1"), None);
        assert!(listed("169.254.169.254").is_some() && listed("::ffff:169.254.169.254").is_some());
    }
}
