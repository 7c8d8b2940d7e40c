//! The table against its registries: every block's both ends and both neighbours, and a naive model.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The registries as they are printed, narrowest first, written down a second time and independently of
/// the table: prefix, and the class under which we refuse it.
const REGISTRIES: &[(&str, Class)] = &[
    ("169.254.169.254/32", Class::Metadata),
    ("169.254.170.2/32", Class::Metadata),
    ("169.254.170.23/32", Class::Metadata),
    ("169.254.169.250/32", Class::Metadata),
    ("169.254.169.251/32", Class::Metadata),
    ("169.254.0.23/32", Class::Metadata),
    ("169.254.42.42/32", Class::Metadata),
    ("100.100.100.200/32", Class::Metadata),
    ("192.0.0.192/32", Class::Metadata),
    ("168.63.129.16/32", Class::Metadata),
    ("255.255.255.255/32", Class::Broadcast),
    ("192.0.0.9/32", Class::Infrastructure),
    ("192.0.0.10/32", Class::Infrastructure),
    ("192.0.0.0/24", Class::Reserved),
    ("192.0.2.0/24", Class::Documentation),
    ("198.51.100.0/24", Class::Documentation),
    ("203.0.113.0/24", Class::Documentation),
    ("192.31.196.0/24", Class::Infrastructure),
    ("192.52.193.0/24", Class::Infrastructure),
    ("192.88.99.0/24", Class::Infrastructure),
    ("192.175.48.0/24", Class::Infrastructure),
    ("169.254.0.0/16", Class::LinkLocal),
    ("192.168.0.0/16", Class::Private),
    ("198.18.0.0/15", Class::Benchmarking),
    ("172.16.0.0/12", Class::Private),
    ("100.64.0.0/10", Class::Shared),
    ("0.0.0.0/8", Class::Unspecified),
    ("10.0.0.0/8", Class::Private),
    ("127.0.0.0/8", Class::Loopback),
    ("224.0.0.0/4", Class::Multicast),
    ("240.0.0.0/4", Class::Reserved),
    ("::/128", Class::Unspecified),
    ("::1/128", Class::Loopback),
    ("fd00:ec2::254/128", Class::Metadata),
    ("fd00:ec2::23/128", Class::Metadata),
    ("fd20:ce::254/128", Class::Metadata),
    ("fd00:42::42/128", Class::Metadata),
    ("fe80::a9fe:a9fe/128", Class::Metadata),
    ("2001:1::1/128", Class::Infrastructure),
    ("2001:1::2/128", Class::Infrastructure),
    ("2001:1::3/128", Class::Infrastructure),
    ("::ffff:0:0/96", Class::Embedded),
    ("::ffff:0:0:0/96", Class::Embedded),
    ("::/96", Class::Embedded),
    ("64:ff9b::/96", Class::Embedded),
    ("100::/64", Class::Reserved),
    ("100:0:0:1::/64", Class::Reserved),
    ("64:ff9b:1::/48", Class::Embedded),
    ("2001:2::/48", Class::Benchmarking),
    ("2001:4:112::/48", Class::Infrastructure),
    ("2620:4f:8000::/48", Class::Infrastructure),
    ("2001::/32", Class::Embedded),
    ("2001:3::/32", Class::Infrastructure),
    ("2001:db8::/32", Class::Documentation),
    ("2001:10::/28", Class::Infrastructure),
    ("2001:20::/28", Class::Infrastructure),
    ("2001:30::/28", Class::Infrastructure),
    ("2001::/23", Class::Reserved),
    ("3fff::/20", Class::Documentation),
    ("2002::/16", Class::Embedded),
    ("5f00::/16", Class::Infrastructure),
    ("fe80::/10", Class::LinkLocal),
    ("fec0::/10", Class::Private),
    ("ff00::/8", Class::Multicast),
    ("fc00::/7", Class::Private),
];

/// What the registries say: the longest prefix wins; what is left of IPv6 outside 2000::/3 is not in use.
fn model(address: IpAddr) -> Class {
    let registered = REGISTRIES
        .iter()
        .map(|(prefix, class)| (prefix.parse::<IpNet>().unwrap(), *class))
        .filter(|(prefix, _)| prefix.contains(&address))
        .max_by_key(|(prefix, _)| prefix.prefix_len())
        .map(|(_, class)| class);
    let IpAddr::V6(v6) = address else { return registered.unwrap_or(Class::Public) };
    let text = format!("{:032x}", v6.to_bits());
    let isatap = ["00005efe", "02005efe"].contains(&piece(&text, 16..24));
    let global = matches!(piece(&text, 0..1), "2" | "3");
    match registered {
        Some(Class::Embedded) if carries_metadata(v6) => Class::Metadata,
        Some(class) => class,
        None if !global => Class::Reserved,
        None if isatap && carries_metadata(v6) => Class::Metadata,
        None if isatap => Class::Embedded,
        None => Class::Public,
    }
}

fn piece(text: &str, range: std::ops::Range<usize>) -> &str {
    text.get(range).unwrap()
}

/// Whether the text of the address, or its complement, holds a metadata service's address where some
/// translator would look for one.
fn carries_metadata(address: Ipv6Addr) -> bool {
    let text = format!("{:032x}", address.to_bits());
    let complement = format!("{:08x}", !(address.to_bits() as u32));
    let places = [
        piece(&text, 24..32),
        piece(&text, 4..12),
        piece(&text, 8..16),
        complement.as_str(),
        &format!("{}{}", piece(&text, 12..16), piece(&text, 18..22)),
    ];
    places.iter().any(|place| {
        let v4 = Ipv4Addr::from_bits(u32::from_str_radix(place, 16).unwrap());
        model(IpAddr::V4(v4)) == Class::Metadata
    })
}

#[test]
fn every_block_holds_at_both_ends_and_not_beyond() {
    for (prefix, class) in REGISTRIES {
        let network: IpNet = prefix.parse().unwrap();
        let (first, last) = (network.network(), network.broadcast());
        for inside in [first, last] {
            assert_eq!(classify(inside), model(inside), "{inside} in {prefix}");
        }
        for outside in [before(first), after(last)].into_iter().flatten() {
            assert!(!network.contains(&outside));
            assert_eq!(classify(outside), model(outside), "{outside} beside {prefix}");
        }
        // Somewhere in the block its own class shows, however many narrower ones stand in it.
        let shows = [first, last].iter().any(|address| classify(*address) == *class) || *prefix == "::/96";
        assert!(shows || *prefix == "2001::/23", "{prefix}");
        assert!(class.refusal().is_some());
    }
}

fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(v6) => v6.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_add(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(v6) => v6.to_bits().checked_add(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

#[test]
fn the_table_names_each_block_that_the_registries_do() {
    for (prefix, class) in REGISTRIES {
        let network: IpNet = prefix.parse().unwrap();
        let named = match network.network() {
            IpAddr::V4(first) => V4.iter().any(|block| {
                block.class == *class
                    && block.bits <= u32::from(network.prefix_len())
                    && (block.first ^ first.to_bits()).leading_zeros() >= block.bits
            }),
            IpAddr::V6(first) => V6.iter().any(|block| {
                block.class == *class
                    && block.bits <= u32::from(network.prefix_len())
                    && (block.first ^ first.to_bits()).leading_zeros() >= block.bits
            }),
        };
        assert!(named, "{prefix}");
    }
    let model_v4 = REGISTRIES.iter().filter(|(prefix, _)| prefix.contains('.')).count();
    // 169.254.169.250/31 is one line of the table and two of the model.
    assert_eq!(V4.len() + 1, model_v4);
    assert_eq!(V6.len() - 2, REGISTRIES.len() - model_v4);
}

#[test]
fn a_narrower_block_stands_before_a_wider_one() {
    for (place, block) in V4.iter().enumerate() {
        for wider in V4.iter().take(place) {
            assert!(wider.bits >= block.bits || (wider.first ^ block.first).leading_zeros() < wider.bits);
        }
    }
    for (place, block) in V6.iter().enumerate() {
        for wider in V6.iter().take(place) {
            assert!(wider.bits >= block.bits || (wider.first ^ block.first).leading_zeros() < wider.bits);
        }
    }
}

#[test]
fn public_addresses_are_public() {
    for address in
        ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255"]
    {
        assert_eq!(judge(ip(address), &[]), Ok(()), "{address}");
    }
    for address in ["2000::", "2001:200::", "2606:4700:4700::1111", "2a00:1450:4001::8a", "3fff:1000::", "3ffe:ffff::1"]
    {
        assert_eq!(judge(ip(address), &[]), Ok(()), "{address}");
    }
}

#[test]
fn each_class_has_its_own_code() {
    let shown = [
        ("198.18.0.1", EgressRefusal::AddressBenchmarking, "egress.address.benchmarking"),
        ("255.255.255.255", EgressRefusal::AddressBroadcast, "egress.address.broadcast"),
        ("203.0.113.7", EgressRefusal::AddressDocumentation, "egress.address.documentation"),
        ("2002:808:808::", EgressRefusal::AddressEmbedded, "egress.address.embedded"),
        ("192.175.48.1", EgressRefusal::AddressInfrastructure, "egress.address.infrastructure"),
        ("169.254.1.1", EgressRefusal::AddressLinkLocal, "egress.address.link_local"),
        ("127.8.9.10", EgressRefusal::AddressLoopback, "egress.address.loopback"),
        ("169.254.169.254", EgressRefusal::AddressMetadata, "egress.address.metadata"),
        ("239.1.2.3", EgressRefusal::AddressMulticast, "egress.address.multicast"),
        ("fc00::a", EgressRefusal::AddressPrivate, "egress.address.private"),
        ("5eff::1", EgressRefusal::AddressReserved, "egress.address.reserved"),
        ("100.64.1.1", EgressRefusal::AddressShared, "egress.address.shared"),
        ("0.1.2.3", EgressRefusal::AddressUnspecified, "egress.address.unspecified"),
    ];
    for (address, refusal, code) in shown {
        assert_eq!(judge(ip(address), &[]), Err(refusal), "{address}");
        assert_eq!(refusal.info().code, code);
        assert_eq!(refusal.info().status, 403);
    }
}

#[test]
fn metadata_stays_shut_in_every_disguise() {
    let all: Vec<IpNet> = ["0.0.0.0/0", "::/0"].iter().map(|network| network.parse().unwrap()).collect();
    let disguises = [
        "169.254.169.254",
        "168.63.129.16",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "2001:0:1:2:3:4:5601:5601",
        "2606:4700::5efe:a9fe:a9fe",
        "2606:4700::200:5efe:a9fe:a9fe",
        "2002:6464:64c8::",
        "fd00:ec2::254",
    ];
    for disguise in disguises {
        assert_eq!(judge(ip(disguise), &all), Err(EgressRefusal::AddressMetadata), "{disguise}");
    }
}

#[test]
fn opened_networks_open_what_is_in_them() {
    let opened: Vec<IpNet> =
        ["10.1.0.0/16", "fd12::/16", "127.0.0.1/32"].iter().map(|network| network.parse().unwrap()).collect();
    for inside in ["10.1.0.0", "10.1.255.255", "fd12::1", "127.0.0.1", "8.8.8.8"] {
        assert_eq!(judge(ip(inside), &opened), Ok(()), "{inside}");
    }
    for outside in ["10.0.255.255", "10.2.0.0", "fd13::1", "127.0.0.2", "::ffff:10.1.0.1", "::1"] {
        assert!(judge(ip(outside), &opened).is_err(), "{outside}");
    }
    let all: Vec<IpNet> = ["0.0.0.0/0", "::/0"].iter().map(|network| network.parse().unwrap()).collect();
    for never in ["224.0.0.1", "ff02::1", "255.255.255.255", "0.0.0.0", "::"] {
        assert!(judge(ip(never), &all).is_err(), "{never}");
    }
}

/// An address near a block's edge, or anywhere.
fn addresses() -> impl Strategy<Value = IpAddr> {
    let near = (0..REGISTRIES.len(), any::<bool>(), -3i64..=3).prop_map(|(place, end, by)| {
        let network: IpNet = REGISTRIES[place].0.parse().unwrap();
        match if end { network.broadcast() } else { network.network() } {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits().wrapping_add_signed(by as i32))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits().wrapping_add_signed(i128::from(by)))),
        }
    });
    let inside = (0..REGISTRIES.len(), any::<u128>()).prop_map(|(place, chance)| {
        let network: IpNet = REGISTRIES[place].0.parse().unwrap();
        match (network.network(), network.hostmask()) {
            (IpAddr::V4(first), IpAddr::V4(mask)) => {
                IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() | (chance as u32 & mask.to_bits())))
            }
            (IpAddr::V6(first), IpAddr::V6(mask)) => {
                IpAddr::V6(Ipv6Addr::from_bits(first.to_bits() | (chance & mask.to_bits())))
            }
            _ => panic!("a network is of one family"),
        }
    });
    prop_oneof![
        near,
        inside,
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits((bits >> 3) | (1 << 125)))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_table_says_what_the_registries_say(address in addresses()) {
        prop_assert_eq!(classify(address), model(address), "{}", address);
    }

    #[test]
    fn an_opened_network_opens_nothing_outside(address in addresses(), bits in 0u8..=32, first in any::<u32>()) {
        let network = IpNet::new(IpAddr::V4(Ipv4Addr::from_bits(first)), bits).unwrap().trunc();
        if !network.contains(&address) {
            prop_assert_eq!(judge(address, &[network]), judge(address, &[]));
        }
    }
}
