//! Who somebody is before anything is known of him: the address that he comes from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ferrymq_broker::Peer;

/// An address, or the network of an IPv6 host, who has 2^64 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    Address(IpAddr),
    /// A process on this machine, through a Unix socket.
    Local,
}

impl Origin {
    pub(crate) fn of(peer: Peer) -> Self {
        let Peer::Inet(address) = peer else { return Self::Local };
        Self::Address(match address.ip().to_canonical() {
            IpAddr::V6(host) => Ipv6Addr::from_bits(host.to_bits() & NETWORK).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// Whether it is this machine: somebody who administers it, or a proxy behind which everybody
    /// is.
    pub(crate) fn is_here(self) -> bool {
        match self {
            // `::1` is not told from its network.
            Self::Address(IpAddr::V6(network)) => network.is_unspecified(),
            Self::Address(IpAddr::V4(address)) => address.is_loopback(),
            Self::Local => true,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Self::Address(address) => address.fmt(f),
            Self::Local => f.write_str("unix socket"),
        }
    }
}

/// The bits of an IPv6 address that name a network.
const NETWORK: u128 = !0 << 64;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn of(address: &str) -> Origin {
        Origin::of(Peer::from(SocketAddr::new(address.parse().unwrap(), 1)))
    }

    #[test]
    fn hosts_of_one_ipv6_network_are_one() {
        let rows = [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8:0:1::1", "2001:db8::1", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
        ];
        for (one, other, same) in rows {
            assert_eq!(of(one) == of(other), same, "{one} {other}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        assert!(Origin::of(Peer::Local).is_here());
        assert!(
            ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"]
                .into_iter()
                .all(|it| of(it).is_here())
        );
        assert!(!["10.0.0.1", "2001:db8::1", "fe80::1"].into_iter().any(|it| of(it).is_here()));
    }
}
