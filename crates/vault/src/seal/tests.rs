//! Sealed bytes open in their place with their key, and in no other way.

use lockgate_vocabulary::{Secret, SystemEntropy, TenantId};
use proptest::prelude::*;

use super::stream::CHUNK;
use super::*;

const TENANT: TenantId = TenantId::from_u128(7);

fn key(version: u32, fill: u8) -> TenantKey {
    TenantKey::new(version, &Secret::new(vec![fill; 32])).expect("32 bytes make a key")
}

fn place(context: &[u8]) -> Place<'_> {
    Place { tenant: TENANT, purpose: "credential", reference: b"cred_a", version: 3, context }
}

/// Every place that differs from `place(b"api.example")` in one part.
fn elsewhere() -> Vec<Place<'static>> {
    let here = place(b"api.example");
    vec![
        Place { tenant: TenantId::from_u128(8), ..here },
        Place { purpose: "credentia", ..here },
        Place { purpose: "spool", ..here },
        Place { reference: b"cred_b", ..here },
        Place { reference: b"cred_", ..here },
        Place { version: 4, ..here },
        Place { context: b"evil.example", ..here },
        Place { context: b"", ..here },
        // The same bytes cut elsewhere: a length stands before each part.
        Place { purpose: "credentialcred_a", reference: b"", ..here },
        Place { reference: b"cred_aapi", context: b".example", ..here },
    ]
}

type Sealing = fn(&TenantKey, &Place<'_>, &[u8], &dyn lockgate_vocabulary::Entropy) -> Result<Vec<u8>, Fault>;
type Opening = fn(&TenantKey, &Place<'_>, &[u8]) -> Result<Secret, Unopened>;

const PAIRS: [(Sealing, Opening); 2] = [(envelope, open_envelope), (message, open_message)];

#[test]
fn what_was_sealed_opens_in_its_place() {
    for (seal, open) in PAIRS {
        for plain in [&b""[..], b"x", b"sk_live_1234", &[0u8; 5000]] {
            let sealed = seal(&key(1, 1), &place(b"api.example"), plain, &SystemEntropy).expect("seals");
            assert_eq!(key_version(&sealed), Ok(1));
            let opened = open(&key(1, 1), &place(b"api.example"), &sealed).expect("opens");
            assert_eq!(opened.expose(), plain);
        }
    }
}

#[test]
fn it_opens_in_no_other_place() {
    for (seal, open) in PAIRS {
        let sealed = seal(&key(1, 1), &place(b"api.example"), b"value", &SystemEntropy).expect("seals");
        for other in elsewhere() {
            assert_eq!(open(&key(1, 1), &other, &sealed).unwrap_err(), Unopened::Refused, "{other:?}");
        }
    }
}

#[test]
fn it_opens_with_no_other_key() {
    for (seal, open) in PAIRS {
        let sealed = seal(&key(1, 1), &place(b""), b"value", &SystemEntropy).expect("seals");
        assert_eq!(open(&key(1, 2), &place(b""), &sealed).unwrap_err(), Unopened::Refused);
        assert_eq!(open(&key(2, 1), &place(b""), &sealed).unwrap_err(), Unopened::NoKey(1));
    }
}

#[test]
fn one_kind_is_not_read_as_another() {
    let sealed = envelope(&key(1, 1), &place(b""), &[0; 100], &SystemEntropy).expect("seals");
    assert_eq!(open_message(&key(1, 1), &place(b""), &sealed).unwrap_err(), Unopened::Malformed);
    let sealed = message(&key(1, 1), &place(b""), &[0; 100], &SystemEntropy).expect("seals");
    assert_eq!(open_envelope(&key(1, 1), &place(b""), &sealed).unwrap_err(), Unopened::Malformed);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    for (seal, open) in PAIRS {
        let sealed = seal(&key(1, 1), &place(b"c"), b"a value of some length", &SystemEntropy).expect("seals");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(open(&key(1, 1), &place(b"c"), &changed).is_err(), "byte {at} bit {bit}");
            }
            assert!(open(&key(1, 1), &place(b"c"), &sealed[..at]).is_err(), "cut at {at}");
        }
        let longer = [&sealed[..], b"\0"].concat();
        assert!(open(&key(1, 1), &place(b"c"), &longer).is_err());
    }
}

#[test]
fn equal_values_never_look_alike() {
    for (seal, _) in PAIRS {
        let one = seal(&key(1, 1), &place(b""), b"value", &SystemEntropy).expect("seals");
        let two = seal(&key(1, 1), &place(b""), b"value", &SystemEntropy).expect("seals");
        assert_ne!(one[HEAD..], two[HEAD..]);
    }
}

#[test]
fn a_wrapped_key_is_no_payload() {
    // The wrapped data key of one envelope, put where a payload stands, does not open there.
    let sealed = envelope(&key(1, 1), &place(b""), &[0; 32], &SystemEntropy).expect("seals");
    let mut swapped = sealed.clone();
    let (wrap, payload) = (HEAD..HEAD + NONCE + KEY + TAG, HEAD + NONCE + KEY + TAG..sealed.len());
    swapped[payload.clone()].copy_from_slice(&sealed[wrap]);
    assert_eq!(open_envelope(&key(1, 1), &place(b""), &swapped).unwrap_err(), Unopened::Refused);
}

#[test]
fn subkeys_differ_by_label_and_stay_the_same() {
    let (one, same) = (key(1, 1).subkey("a"), key(1, 1).subkey("a"));
    assert!(one == same && one.is_some());
    assert!(key(1, 1).subkey("b") != one);
    assert!(key(1, 2).subkey("a") != one);
    assert!(TenantKey::new(1, &Secret::new(vec![1; 31])).is_none());
    assert_eq!(format!("{:?}", key(4, 1)), "TenantKey(version 4)");
}

#[test]
fn the_reasons_read_well() {
    for reason in [Unopened::Malformed, Unopened::NoKey(3), Unopened::Refused] {
        assert!(!reason.to_string().is_empty());
    }
}

fn stream(plain: &[u8], piece: usize) -> Vec<u8> {
    let mut sealer = StreamSealer::new(&key(1, 1), &place(b"c"), &SystemEntropy).expect("starts");
    let mut sealed = Vec::new();
    for part in plain.chunks(piece.max(1)) {
        sealer.push(part, &mut sealed).expect("seals");
    }
    sealer.finish(&mut sealed).expect("ends");
    sealed
}

fn unstream(sealed: &[u8], piece: usize) -> Result<Vec<u8>, Unopened> {
    let (prelude, rest) = sealed.split_at_checked(StreamOpener::PRELUDE).ok_or(Unopened::Malformed)?;
    let mut opener = StreamOpener::new(&key(1, 1), &place(b"c"), prelude)?;
    let mut plain = Vec::new();
    for part in rest.chunks(piece.max(1)) {
        opener.push(part, &mut plain)?;
    }
    opener.finish(&mut plain)?;
    Ok(plain)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn streams_of_every_length_come_back() {
    for length in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17] {
        let plain = pattern(length);
        let sealed = stream(&plain, 10_000);
        let chunks = length.div_ceil(CHUNK).max(1);
        assert_eq!(sealed.len(), StreamOpener::PRELUDE + length + chunks * TAG, "length {length}");
        for piece in [1 << 20, 4096, 65_553] {
            assert_eq!(unstream(&sealed, piece).as_deref(), Ok(&plain[..]), "length {length} by {piece}");
        }
    }
}

#[test]
fn how_it_was_pushed_does_not_show() {
    let plain = pattern(2 * CHUNK + 5);
    assert_eq!(stream(&plain, 1).len(), stream(&plain, 1 << 20).len());
    assert_eq!(unstream(&stream(&plain, 7), 1 << 20).as_deref(), Ok(&plain[..]));
}

#[test]
fn a_stream_cut_off_at_a_chunk_is_noticed() {
    let sealed = stream(&pattern(3 * CHUNK), 1 << 20);
    for chunks in 0..3 {
        let cut = &sealed[..StreamOpener::PRELUDE + chunks * (CHUNK + TAG)];
        assert!(unstream(cut, 1 << 20).is_err(), "{chunks} chunks");
    }
    assert!(unstream(&sealed[..sealed.len() - 1], 1 << 20).is_err());
    assert!(unstream(&sealed[..StreamOpener::PRELUDE - 1], 1 << 20).is_err());
}

#[test]
fn chunks_out_of_order_repeated_or_added_are_noticed() {
    let sealed = stream(&pattern(3 * CHUNK), 1 << 20);
    let (prelude, rest) = sealed.split_at(StreamOpener::PRELUDE);
    let chunks: Vec<&[u8]> = rest.chunks(CHUNK + TAG).collect();
    for order in [vec![1, 0, 2], vec![0, 0, 1, 2], vec![0, 2], vec![2, 1, 0], vec![0, 1, 2, 2], vec![2]] {
        let moved: Vec<&[u8]> = order.iter().map(|chunk| chunks[*chunk]).collect();
        let moved = [prelude, &moved.concat()].concat();
        assert!(unstream(&moved, 1 << 20).is_err(), "{order:?}");
    }
    let longer = [&sealed[..], &[0; TAG]].concat();
    assert!(unstream(&longer, 1 << 20).is_err());
}

#[test]
fn chunks_of_another_stream_do_not_fit() {
    let (one, two) = (stream(&pattern(CHUNK + 1), 1 << 20), stream(&pattern(CHUNK + 1), 1 << 20));
    let mixed = [&one[..StreamOpener::PRELUDE + CHUNK + TAG], &two[StreamOpener::PRELUDE + CHUNK + TAG..]].concat();
    assert_eq!(unstream(&mixed, 1 << 20), Err(Unopened::Refused));
}

#[test]
fn a_stream_opens_in_its_place_alone() {
    let sealed = stream(b"bytes", 10);
    let prelude = &sealed[..StreamOpener::PRELUDE];
    for other in elsewhere() {
        let mut opener = StreamOpener::new(&key(1, 1), &other, prelude).expect("the prelude is well formed");
        let mut plain = Vec::new();
        opener.push(&sealed[StreamOpener::PRELUDE..], &mut plain).expect("one chunk waits");
        assert_eq!(opener.finish(&mut plain), Err(Unopened::Refused));
        assert!(plain.is_empty());
    }
    assert!(matches!(StreamOpener::new(&key(2, 1), &place(b"c"), prelude), Err(Unopened::NoKey(1))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open_envelope(&key(1, 1), &place(b""), &bytes).is_err());
        prop_assert!(open_message(&key(1, 1), &place(b""), &bytes).is_err());
        prop_assert!(unstream(&bytes, 64).is_err());
    }

    #[test]
    fn a_right_head_with_any_body_is_refused(kind in 1u8..4, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let sealed = [&b"LGS\x01"[..], &[kind, 0, 0, 0, 1], &bytes].concat();
        prop_assert!(open_envelope(&key(1, 1), &place(b""), &sealed).is_err());
        prop_assert!(open_message(&key(1, 1), &place(b""), &sealed).is_err());
        prop_assert!(unstream(&sealed, 64).is_err());
    }

    #[test]
    fn any_value_comes_back(plain in proptest::collection::vec(any::<u8>(), 0..2000), version in 1u32..) {
        for (seal, open) in PAIRS {
            let sealed = seal(&key(version, 9), &place(&plain), &plain, &SystemEntropy).expect("seals");
            let opened = open(&key(version, 9), &place(&plain), &sealed).expect("opens");
            prop_assert_eq!(opened.expose(), &plain[..]);
        }
    }
}
