//! What is made of digits: cards, bank accounts, telephones.

use super::{Finding, Kind};

/// Digits of a card's number (ISO/IEC 7812).
const CARD: std::ops::RangeInclusive<usize> = 13..=19;
/// Digits of a telephone number (E.164), from where on a grouped run of digits counts as one.
const PHONE: std::ops::RangeInclusive<usize> = 8..=15;

/// Finds them.
pub(super) fn find(text: &str, found: &mut Vec<Finding>) {
    ibans(text, found);
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(run) = Run::next(bytes, at) {
        at = run.end;
        run.judge(found);
    }
}

/// A run of digits with at most two separators between any two of them.
struct Run {
    /// Each digit and where it stands.
    digits: Vec<(u8, usize)>,
    start: usize,
    end: usize,
    international: bool,
    separators: usize,
}

impl Run {
    /// The next run at or after a place.
    fn next(bytes: &[u8], from: usize) -> Option<Self> {
        let first = bytes.iter().enumerate().skip(from).find(|(_, byte)| byte.is_ascii_digit()).map(|(at, _)| at)?;
        let before = bytes.get(..first).unwrap_or_default();
        let sign = before.iter().rev().position(|byte| *byte != b'(' && *byte != b' ');
        let international = sign.is_some_and(|back| before.iter().rev().nth(back) == Some(&b'+') && back <= 2);
        let start = if international { first - 1 - sign.unwrap_or(0) } else { first };
        let mut run = Self { digits: Vec::new(), start, end: first, international, separators: 0 };
        let mut gap = 0;
        for (at, byte) in bytes.iter().enumerate().skip(first) {
            if byte.is_ascii_digit() {
                run.separators += usize::from(gap > 0);
                run.digits.push((*byte - b'0', at));
                run.end = at + 1;
                gap = 0;
                if run.is_date() {
                    break;
                }
            } else if gap < 2 && matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/') {
                gap += 1;
            } else {
                break;
            }
        }
        Some(run)
    }

    /// A date such as 2026-11-22 ends the run: what follows it is a time, not more of a number.
    fn is_date(&self) -> bool {
        let offsets = [0, 1, 2, 3, 5, 6, 8, 9];
        let start = self.start;
        let plausible = matches!(self.digits.first(), Some((1 | 2, _)));
        !self.international
            && plausible
            && self.digits.len() == 8
            && self.digits.iter().zip(offsets).all(|((_, at), offset)| *at == start + offset)
    }

    fn judge(&self, found: &mut Vec<Finding>) {
        if self.is_date() {
            return;
        }
        if let Some((from, to)) = self.card() {
            found.push(Finding { kind: Kind::Card, range: from..to });
            return;
        }
        let count = self.digits.len();
        let trunk = matches!(self.digits.first(), Some((0, _))) && (9..=12).contains(&count);
        let grouped = self.separators >= 2 || (self.separators == 1 && count >= 10);
        if PHONE.contains(&count) && (self.international || trunk || grouped) {
            found.push(Finding { kind: Kind::Phone, range: self.start..self.end });
        }
    }

    /// Where a card's number stands in the run: whole groups of digits that satisfy Luhn's sum, of a length
    /// and with a first digit that cards have.
    fn card(&self) -> Option<(usize, usize)> {
        let digits = self.digits.get(..64).unwrap_or(&self.digits);
        CARD.rev().find_map(|length| {
            let starts = 0..(digits.len() + 1).saturating_sub(length);
            starts.filter_map(|start| digits.get(start..start + length).map(|window| (start, window))).find_map(
                |(start, window)| {
                    let (first, last) = (window.first()?, window.last()?);
                    let begins = start.checked_sub(1).and_then(|before| digits.get(before));
                    let ends = digits.get(start + length);
                    let apart = begins.is_none_or(|before| before.1 + 1 < first.1)
                        && ends.is_none_or(|after| last.1 + 1 < after.1);
                    let fits = apart && (2..=6).contains(&first.0) && luhn(window.iter().map(|(digit, _)| *digit));
                    fits.then_some((first.1, last.1 + 1))
                },
            )
        })
    }
}

fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Bank account numbers (ISO 13616), with or without blanks, checked by their own check digits.
fn ibans(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    for start in 0..bytes.len() {
        let before = start.checked_sub(1).and_then(|before| bytes.get(before));
        if before.is_some_and(u8::is_ascii_alphanumeric) {
            continue;
        }
        if let Some(end) = iban_at(bytes, start) {
            found.push(Finding { kind: Kind::Iban, range: start..end });
        }
    }
}

fn iban_at(bytes: &[u8], start: usize) -> Option<usize> {
    let head = bytes.get(start..start + 4)?;
    let (country, check) = head.split_at_checked(2)?;
    if !country.iter().all(u8::is_ascii_alphabetic) || !check.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut digits: Vec<u8> = Vec::with_capacity(34);
    let mut end = None;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        if byte.is_ascii_alphanumeric() {
            digits.push(byte.to_ascii_uppercase());
        } else if *byte != b' ' {
            break;
        }
        if digits.len() > 34 {
            break;
        }
        if digits.len() >= 15 && byte.is_ascii_alphanumeric() && is_97(&digits) {
            end = Some(at + 1);
        }
    }
    end
}

/// ISO 7064: the number with its head put last leaves 1 when divided by 97.
fn is_97(digits: &[u8]) -> bool {
    let (head, body) = digits.split_at_checked(4).unwrap_or((digits, &[]));
    let rest = body.iter().chain(head).try_fold(0u32, |rest, digit| {
        let value = char::from(*digit).to_digit(36)?;
        Some(if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 })
    });
    rest == Some(1)
}
