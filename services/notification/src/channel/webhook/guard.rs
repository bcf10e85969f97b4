//! Keeps webhooks out of our own network: whoever writes a URL must not reach what only we can reach.
//!
//! Names are resolved here and nowhere else, and only addresses that pass are handed to the connection, so a name cannot show
//! one address to a check and another to the connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Deserialize;

/// A network, such as `10.0.0.0/8` or `::1/128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network such as `10.0.0.0/8`")]
pub struct NotANetwork(String);

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        let parsed = text.split_once('/').and_then(|(address, bits)| Some((address.parse().ok()?, bits.parse().ok()?)));
        match parsed {
            Some((address @ IpAddr::V4(_), bits @ 0..=32) | (address @ IpAddr::V6(_), bits @ 0..=128)) => {
                Ok(Self { address, bits })
            }
            _ => Err(NotANetwork(text)),
        }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(network) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(network) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

/// The address is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's address is not a public one, and not allowed by `allow-networks`")]
pub(super) struct Refused;

/// Lets public addresses pass, and those that are allowed.
#[derive(Debug)]
pub(super) struct Guard {
    allowed: Vec<Network>,
}

impl Guard {
    pub(super) const fn new(allowed: Vec<Network>) -> Self {
        Self { allowed }
    }

    /// Judges a URL whose host is an address.
    pub(super) fn refuses_literal(&self, url: &Url) -> Option<Refused> {
        let address: IpAddr = url.host_str()?.trim_matches(['[', ']']).parse().ok()?;
        (!self.passes(address)).then_some(Refused)
    }

    fn passes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(address)) || is_public(address)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Self { allowed: self.allowed.clone() };
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let passed: Vec<SocketAddr> = found.iter().copied().filter(|address| guard.passes(address.ip())).collect();
            if passed.is_empty() && !found.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(passed.into_iter()) as Addrs)
        })
    }
}

/// The guard's refusal among an error's causes.
pub(super) fn refusal(error: &reqwest::Error) -> Option<Refused> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(*refused);
        }
        cause = error.source();
    }
    None
}

/// Whether anybody on the internet could have it. Lists what is set aside by RFC 6890 and its successors.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && b & 0xc0 == 64;
    let protocols = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    let benchmarks = a == 198 && b & 0xfe == 18;
    !(a == 0
        || a >= 224
        || shared
        || protocols
        || benchmarks
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3. Of that: documentation, Teredo and other protocols, 6to4, which embeds an IPv4 address.
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
        && first != 0x2002
        && first != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(guard: &Guard, address: &str) -> bool {
        guard.passes(address.parse().unwrap())
    }

    #[test]
    fn addresses_inside_are_refused() {
        let guard = Guard::new(Vec::new());
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
        ] {
            assert!(!passes(&guard, inside), "{inside}");
        }
        for outside in ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "2001:4860:4860::8888"] {
            assert!(passes(&guard, outside), "{outside}");
        }
    }

    #[test]
    fn only_what_is_allowed_passes_besides() {
        let guard = Guard::new(vec![Network::try_from("127.0.0.0/8".to_owned()).unwrap()]);
        assert!(passes(&guard, "127.1.2.3"));
        assert!(passes(&guard, "::ffff:127.0.0.1"));
        assert!(!passes(&guard, "10.0.0.1"));
        assert!(Network::try_from("10.0.0.0/33".to_owned()).is_err());
        assert!(guard.refuses_literal(&Url::parse("http://[::1]:80/").unwrap()).is_some());
        assert!(
            guard.refuses_literal(&Url::parse("http://2130706433:80/").unwrap()).is_none(),
            "the URL parser reads it as 127.0.0.1"
        );
    }
}
