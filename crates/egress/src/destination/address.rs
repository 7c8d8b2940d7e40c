//! Which addresses a call may be made to: a table of every block that is not the public internet.
//!
//! Pure. The blocks are those of the IANA special-purpose registries for IPv4 and IPv6 (2025-10), the
//! multicast space, what has been withdrawn from use, and the addresses under which clouds hand out a
//! machine's credentials. Of IPv6 only 2000::/3 is public, and of it no address that carries an IPv4
//! address in itself: no vendor's API lives there, and what such an address reaches depends on machines
//! that we do not see.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::refusal::EgressRefusal;

/// What kind of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The public internet.
    Public,
    /// Benchmarking of networks (RFC 2544, RFC 5180).
    Benchmarking,
    /// Everyone on the wire.
    Broadcast,
    /// Examples in documents (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// IPv6 that carries an IPv4 address: mapped, compatible, NAT64, 6to4, Teredo, ISATAP.
    Embedded,
    /// The internet's own machinery: AS112, AMT, anycast relays, identifiers that are no addresses.
    Infrastructure,
    /// The wire itself (RFC 3927, RFC 4291).
    LinkLocal,
    /// This machine.
    Loopback,
    /// A cloud's metadata service.
    Metadata,
    /// Groups of machines.
    Multicast,
    /// Private networks (RFC 1918, RFC 4193, RFC 3879).
    Private,
    /// Not in use.
    Reserved,
    /// Between a carrier and its customers (RFC 6598).
    Shared,
    /// No machine, or this one (RFC 1122).
    Unspecified,
}

impl Class {
    /// Why a call to such an address is refused; none where it is not.
    pub const fn refusal(self) -> Option<EgressRefusal> {
        Some(match self {
            Self::Public => return None,
            Self::Benchmarking => EgressRefusal::AddressBenchmarking,
            Self::Broadcast => EgressRefusal::AddressBroadcast,
            Self::Documentation => EgressRefusal::AddressDocumentation,
            Self::Embedded => EgressRefusal::AddressEmbedded,
            Self::Infrastructure => EgressRefusal::AddressInfrastructure,
            Self::LinkLocal => EgressRefusal::AddressLinkLocal,
            Self::Loopback => EgressRefusal::AddressLoopback,
            Self::Metadata => EgressRefusal::AddressMetadata,
            Self::Multicast => EgressRefusal::AddressMulticast,
            Self::Private => EgressRefusal::AddressPrivate,
            Self::Reserved => EgressRefusal::AddressReserved,
            Self::Shared => EgressRefusal::AddressShared,
            Self::Unspecified => EgressRefusal::AddressUnspecified,
        })
    }

    /// Whether an operator's list of private networks can open it. Credentials of the machine, groups
    /// and "no address" are never a system that somebody means to call.
    const fn can_be_opened(self) -> bool {
        !matches!(self, Self::Metadata | Self::Multicast | Self::Broadcast | Self::Unspecified)
    }
}

/// Whether a call may be made to this address, given the private networks that an operator opened.
pub fn judge(address: IpAddr, opened: &[IpNet]) -> Result<(), EgressRefusal> {
    let class = classify(address);
    match class.refusal() {
        None => Ok(()),
        Some(_) if class.can_be_opened() && opened.iter().any(|network| network.contains(&address)) => Ok(()),
        Some(refusal) => Err(refusal),
    }
}

/// What kind of address it is.
pub fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// A run of addresses with the same first `bits` bits.
struct Block<T> {
    first: T,
    bits: u32,
    class: Class,
}

const fn v4(first: [u8; 4], bits: u32, class: Class) -> Block<u32> {
    Block { first: u32::from_be_bytes(first), bits, class }
}

const fn v6(first: [u16; 8], bits: u32, class: Class) -> Block<u128> {
    let [a, b, c, d, e, f, g, h] = first;
    Block { first: Ipv6Addr::new(a, b, c, d, e, f, g, h).to_bits(), bits, class }
}

/// The IPv4 blocks. INVARIANT: a narrower block stands before a wider one that contains it.
const V4: &[Block<u32>] = &[
    v4([169, 254, 169, 254], 32, Class::Metadata), // AWS, Azure, Google, Oracle, OpenStack and most others
    v4([169, 254, 170, 2], 32, Class::Metadata),   // AWS ECS task credentials
    v4([169, 254, 170, 23], 32, Class::Metadata),  // AWS EKS pod identity
    v4([169, 254, 169, 250], 31, Class::Metadata), // Rancher
    v4([169, 254, 0, 23], 32, Class::Metadata),    // Tencent
    v4([169, 254, 42, 42], 32, Class::Metadata),   // Scaleway
    v4([100, 100, 100, 200], 32, Class::Metadata), // Alibaba
    v4([192, 0, 0, 192], 32, Class::Metadata),     // Oracle, classic
    v4([168, 63, 129, 16], 32, Class::Metadata),   // Azure's host agent, inside public space
    v4([0, 0, 0, 0], 8, Class::Unspecified),
    v4([10, 0, 0, 0], 8, Class::Private),
    v4([100, 64, 0, 0], 10, Class::Shared),
    v4([127, 0, 0, 0], 8, Class::Loopback),
    v4([169, 254, 0, 0], 16, Class::LinkLocal),
    v4([172, 16, 0, 0], 12, Class::Private),
    v4([192, 0, 0, 9], 32, Class::Infrastructure),  // PCP anycast
    v4([192, 0, 0, 10], 32, Class::Infrastructure), // TURN anycast
    v4([192, 0, 0, 0], 24, Class::Reserved),        // IETF protocol assignments
    v4([192, 0, 2, 0], 24, Class::Documentation),
    v4([192, 31, 196, 0], 24, Class::Infrastructure), // AS112
    v4([192, 52, 193, 0], 24, Class::Infrastructure), // AMT
    v4([192, 88, 99, 0], 24, Class::Infrastructure),  // 6to4 relays, withdrawn
    v4([192, 168, 0, 0], 16, Class::Private),
    v4([192, 175, 48, 0], 24, Class::Infrastructure), // AS112, direct delegation
    v4([198, 18, 0, 0], 15, Class::Benchmarking),
    v4([198, 51, 100, 0], 24, Class::Documentation),
    v4([203, 0, 113, 0], 24, Class::Documentation),
    v4([224, 0, 0, 0], 4, Class::Multicast),
    v4([255, 255, 255, 255], 32, Class::Broadcast),
    v4([240, 0, 0, 0], 4, Class::Reserved),
];

/// The IPv6 blocks. INVARIANT: a narrower block stands before a wider one that contains it, and the
/// last two cover everything: 2000::/3 is public, the rest is not.
const V6: &[Block<u128>] = &[
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254], 128, Class::Metadata), // AWS
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023], 128, Class::Metadata), // AWS EKS pod identity
    v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128, Class::Metadata), // Google
    v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128, Class::Metadata), // Scaleway
    v6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128, Class::Metadata), // OpenStack
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, Class::Unspecified),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, Class::Loopback),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Class::Embedded), // mapped
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, Class::Embedded), // translated (RFC 2765)
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, Class::Embedded),      // compatible, withdrawn
    v6([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Class::Embedded), // NAT64
    v6([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Class::Embedded), // NAT64 of a local network
    v6([0x0100, 0, 0, 0, 0, 0, 0, 0], 64, Class::Reserved), // discard
    v6([0x0100, 0, 0, 1, 0, 0, 0, 0], 64, Class::Reserved), // dummy prefix
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Class::Embedded), // Teredo
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, Class::Infrastructure), // PCP anycast
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, Class::Infrastructure), // TURN anycast
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, Class::Infrastructure), // DNS-SD anycast
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, Class::Benchmarking),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, Class::Infrastructure), // AMT
    v6([0x2001, 4, 0x0112, 0, 0, 0, 0, 0], 48, Class::Infrastructure), // AS112
    v6([0x2001, 0x0010, 0, 0, 0, 0, 0, 0], 28, Class::Infrastructure), // ORCHID, withdrawn
    v6([0x2001, 0x0020, 0, 0, 0, 0, 0, 0], 28, Class::Infrastructure), // ORCHIDv2
    v6([0x2001, 0x0030, 0, 0, 0, 0, 0, 0], 28, Class::Infrastructure), // drone identifiers
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Class::Reserved),       // IETF protocol assignments
    v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32, Class::Documentation),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Class::Embedded), // 6to4
    v6([0x2620, 0x004f, 0x8000, 0, 0, 0, 0, 0], 48, Class::Infrastructure), // AS112, direct delegation
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Class::Documentation),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Class::Infrastructure), // segment routing identifiers
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Class::Private),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Class::LinkLocal),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Class::Private), // site-local, withdrawn
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Class::Multicast),
    v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Class::Public),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 0, Class::Reserved),
];

fn classify_v4(address: Ipv4Addr) -> Class {
    let bits = address.to_bits();
    let within = |block: &&Block<u32>| (bits ^ block.first).leading_zeros() >= block.bits;
    V4.iter().find(within).map_or(Class::Public, |block| block.class)
}

fn classify_v6(address: Ipv6Addr) -> Class {
    let bits = address.to_bits();
    let within = |block: &&Block<u128>| (bits ^ block.first).leading_zeros() >= block.bits;
    let class = V6.iter().find(within).map_or(Class::Reserved, |block| block.class);
    // An interface identifier of ISATAP (RFC 5214) may stand below any prefix.
    let class = if class == Class::Public && is_isatap(address) { Class::Embedded } else { class };
    if class == Class::Embedded && embedded(address).any(|v4| classify_v4(v4) == Class::Metadata) {
        return Class::Metadata;
    }
    class
}

fn is_isatap(address: Ipv6Addr) -> bool {
    let [_, _, _, _, marker, oui, _, _] = address.segments();
    oui == 0x5efe && matches!(marker, 0x0000 | 0x0200)
}

/// Every IPv4 address that some translator could take out of this one. It only matters for metadata
/// services: they stay shut even where an operator opened a network of embedding addresses.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let bits = address.to_bits();
    let at = |shift: u32| Ipv4Addr::from_bits((bits >> shift) as u32);
    let teredo_client = Ipv4Addr::from_bits(!(bits as u32));
    // RFC 6052 section 2.2: below a prefix of 48 bits the address is split around a byte of zero bits.
    let split = Ipv4Addr::from_bits((((bits >> 64) as u32 & 0xffff) << 16) | ((bits >> 40) as u32 & 0xffff));
    [at(0), at(80), at(64), split, teredo_client].into_iter()
}

#[cfg(test)]
mod tests;
