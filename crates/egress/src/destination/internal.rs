//! Names that never name a vendor: a table, asked before any name server is.
//!
//! Pure. An answer of the name server would be judged all the same; asking would already tell a name
//! server (and whoever reads its log) what somebody tried, and internal names are resolved by search
//! rules that differ from machine to machine.

use std::net::{IpAddr, Ipv4Addr};

use super::address::{self, Class};
use crate::refusal::EgressRefusal;

/// Names of metadata services, as the clouds document them.
const METADATA: &[&str] = &[
    "instance-data",
    "instance-data.ec2.internal",
    "kubernetes.default.svc",
    "metadata",
    "metadata.azure.internal",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "metadata.tencentyun.com",
    "rancher-metadata",
];

/// Domains that do not exist on the public internet: RFC 6761 (localhost, invalid), RFC 6762 (local, and
/// those of its appendix G), RFC 7686 (onion), RFC 9476 (alt), ICANN's reservation of `internal` (2024)
/// and of the colliding `corp`, `home`, `mail` (2018), RFC 8375 (home.arpa) with the rest of `arpa`, which
/// holds no hosts, and what routers and resolvers hand out. `test` and `example` stay out: RFC 6761 gives
/// them no special resolution, so what they lead to is judged by its address.
const DOMAINS: &[&str] = &[
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
];

/// Services that answer with the address that the name itself contains.
const ECHOES: &[&str] = &["1u.ms", "backname.io", "nip.io", "rbndr.us", "sslip.io", "traefik.me", "xip.io", "xip.name"];

/// Whether the canonical name may name a vendor. `opened` says that an operator opened private networks
/// for this destination: then internal names are meant, and their addresses decide.
pub fn judge(name: &str, opened: bool) -> Result<(), EgressRefusal> {
    if METADATA.contains(&name) {
        return Err(EgressRefusal::HostMetadata);
    }
    if opened {
        return Ok(());
    }
    let (rest, last) = name.rsplit_once('.').unwrap_or(("", name));
    if DOMAINS.contains(&last) || names_internal_address(name) {
        return Err(EgressRefusal::HostInternal);
    }
    if rest.is_empty() {
        return Err(EgressRefusal::HostSingleLabel);
    }
    Ok(())
}

/// Whether the name asks an echoing service for an address that is not public.
fn names_internal_address(name: &str) -> bool {
    let asks = |service: &&str| name.strip_suffix(*service).is_some_and(|head| head.ends_with('.'));
    if !ECHOES.iter().any(asks) {
        return false;
    }
    let is_internal = |address: Ipv4Addr| address::classify(IpAddr::V4(address)) != Class::Public;
    let pieces: Vec<&str> = name.split(['.', '-']).collect();
    let quads = pieces.windows(4).filter_map(|quad| quad.join(".").parse::<Ipv4Addr>().ok());
    let hexadecimals = pieces
        .iter()
        .filter(|piece| piece.len() == 8)
        .filter_map(|piece| u32::from_str_radix(piece, 16).ok())
        .map(Ipv4Addr::from_bits);
    quads.chain(hexadecimals).any(is_internal)
}

#[cfg(test)]
mod tests;
