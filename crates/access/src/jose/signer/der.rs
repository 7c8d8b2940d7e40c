//! As much of DER (X.690) as keys of RSA are written in (RFC 8017 appendix A.1): a sequence of whole numbers.

use zeroize::Zeroizing;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

/// The modulus and the exponent of `RSAPublicKey`, without leading zeros.
pub(super) fn rsa_public(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(SEQUENCE, der)?;
    let (n, more) = element(INTEGER, sequence)?;
    let (e, end) = element(INTEGER, more)?;
    (rest.is_empty() && end.is_empty()).then(|| (bare(n), bare(e)))
}

/// `RSAPrivateKey` with these numbers: n, e, d, p, q, d mod (p-1), d mod (q-1), the inverse of q.
pub(super) fn rsa_private(numbers: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let room: usize = numbers.iter().map(|number| number.len() + 6).sum();
    // The room is made at once, so that growing leaves no copy behind.
    let mut inner = Zeroizing::new(Vec::with_capacity(3 + room));
    inner.extend_from_slice(&[INTEGER, 1, 0]);
    for number in numbers {
        let number = bare(number);
        // A number that began with a bit of its own would be read as one below zero.
        let sign: &[u8] = if number.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
        inner.push(INTEGER);
        put_length(&mut inner, number.len() + sign.len());
        inner.extend_from_slice(sign);
        inner.extend_from_slice(number);
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(6 + inner.len()));
    whole.push(SEQUENCE);
    put_length(&mut whole, inner.len());
    whole.extend_from_slice(&inner);
    whole
}

/// An element with this tag, and what follows it.
pub(super) fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (short, rest) = rest.split_first().filter(|_| *first == tag)?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(*short), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn put_length(to: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => to.push(short),
        Ok(short) => to.extend_from_slice(&[0x81, short]),
        Err(_) => {
            // No key is longer than its limits, which two bytes can say.
            to.push(0x82);
            to.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
}

/// The number without leading zeros.
fn bare(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
