//! A search finds what a plain reading finds, however a text is cut, and in steps that are bounded.

use proptest::prelude::*;

use super::super::forms::Forms;
use super::super::lane::PASSED;
use super::super::{LEAST, Sent};
use super::*;

/// A unit of the plain reading: its byte, whether it may end a line, where it begins and ends.
type Read = (u8, bool, usize, usize);

fn spellings(secret: &[u8]) -> Spellings {
    let mut buffer = Vec::with_capacity(Forms::room(secret.len(), 0));
    let forms = Forms::write(&mut buffer, secret, &Sent::Itself, LEAST);
    Spellings::new(buffer.into(), forms).expect("long enough")
}

/// The text without the zeros of a wide encoding.
fn narrow(text: &[u8]) -> Vec<Read> {
    let mut zeros = 0;
    let mut units = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        if !(1..=3).contains(&zeros) {
            units.push((*byte, false, at, at + 1));
        }
    }
    units
}

fn digits(units: &[Read], radix: u32) -> Option<u32> {
    let text: String = units.iter().map(|unit| char::from(unit.0)).collect();
    let plain = !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(&text, radix).ok().filter(|_| plain)
}

/// The escape at the beginning of these units: what it means, and how many it takes.
fn escape(units: &[Read]) -> Option<(Vec<u8>, usize)> {
    let utf8 = |code: u32| char::from_u32(code).map_or(vec![0xff], |character| character.to_string().into_bytes());
    let bytes: Vec<u8> = units.iter().map(|unit| unit.0).take(12).collect();
    match bytes.as_slice() {
        [b'%', _, _, ..] => digits(&units[1..3], 16).map(|byte| (vec![byte as u8], 3)),
        [b'&', ..] => {
            let end = bytes.iter().take(10).position(|byte| *byte == b';')?;
            let code = match &bytes[1..end] {
                b"amp" => 38,
                b"lt" => 60,
                b"sol" => 47,
                [b'#', b'x' | b'X', ..] => digits(&units[3..end], 16)?,
                [b'#', ..] => digits(&units[2..end], 10)?,
                _ => return None,
            };
            char::from_u32(code).map(|_| (utf8(code), end + 1))
        }
        _ => None,
    }
}

/// What a run of backslashes and what is behind it mean, and how many units they take.
fn backslashes(units: &[Read]) -> (Option<u32>, usize) {
    let run = units.iter().take_while(|unit| unit.0 == b'\\').count();
    let wide = match units.get(run).map(|unit| unit.0) {
        Some(b'u') => 4,
        Some(b'x') => 2,
        _ => return (None, run),
    };
    let code = units.get(run + 1..run + 1 + wide).and_then(|units| digits(units, 16));
    (code, if code.is_some() { run + 1 + wide } else { run })
}

/// One layer of escapes undone.
fn undone(units: &[Read]) -> Vec<Read> {
    let mut out: Vec<Read> = Vec::new();
    let (mut at, mut from) = (0, None);
    while let Some(unit) = units.get(at) {
        let begins = from.take().unwrap_or(unit.2);
        if unit.0 == b'\\' {
            let (code, mut taken) = backslashes(&units[at..]);
            let run = units[at..].iter().take_while(|unit| unit.0 == b'\\').count();
            let begins = if run > 16 { units[at + (run - 1) / 16 * 16].2 } else { begins };
            let Some(mut code) = code else {
                from = Some(begins);
                at += taken;
                if let Some(next) = units.get(at).filter(|next| matches!(next.0, b'n' | b'r' | b't')) {
                    out.push((next.0, true, from.take().unwrap_or_default(), next.3));
                    at += 1;
                }
                continue;
            };
            if (0xd800..0xdc00).contains(&code) && units.get(at + taken).is_some_and(|unit| unit.0 == b'\\') {
                let (low, more) = backslashes(&units[at + taken..]);
                if let Some(low) = low.filter(|low| (0xdc00..0xe000).contains(low)) {
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    taken += more;
                }
            }
            let bytes = char::from_u32(code).map_or(vec![0xff], |character| character.to_string().into_bytes());
            out.extend(bytes.into_iter().map(|byte| (byte, false, begins, units[at + taken - 1].3)));
            at += taken;
            continue;
        }
        let (bytes, taken) = escape(&units[at..]).unwrap_or((vec![unit.0], 1));
        let ends_line = taken == 1 && unit.1;
        out.extend(bytes.into_iter().map(|byte| (byte, ends_line, begins, units[at + taken - 1].3)));
        at += taken;
    }
    out
}

/// Where the credential stands, one flag for each byte of the text.
fn naive(secret: &[u8], text: &[u8]) -> Vec<bool> {
    let spellings = spellings(secret);
    let mut hidden = vec![false; text.len()];
    let written = narrow(text);
    let read = (0..spellings.forms.layers()).fold(written.clone(), |units, _| undone(&units));
    for (stream, units) in [(Stream::Written, written), (Stream::Undone, read)] {
        for (form, _) in spellings.each().filter(|(form, _)| form.is_in(stream)) {
            let wanted = spellings.text(form);
            // What is passed over parts what is left only where it is too long.
            let mut runs: Vec<Vec<Read>> = vec![Vec::new()];
            let mut passed = 0;
            for unit in &units {
                let folded = if unit.1 && form.kind != Kind::Plain { 0 } else { form.kind.fold(unit.0) };
                passed = if folded == 0 { passed + 1 } else { 0 };
                if folded != 0 {
                    runs.last_mut().expect("one").push((folded, false, unit.2, unit.3));
                } else if passed == usize::from(PASSED) + 1 {
                    runs.push(Vec::new());
                }
            }
            for window in runs.iter().flat_map(|run| run.windows(wanted.len())) {
                if window.iter().map(|unit| unit.0).eq(wanted.iter().copied()) {
                    hidden[window[0].2..window[window.len() - 1].3].fill(true);
                }
            }
        }
    }
    hidden
}

/// The same by a search of the text in pieces; and how many steps it took.
fn searched(secret: &[u8], text: &[u8], cuts: &[usize]) -> (Vec<bool>, usize) {
    let mut search = spellings(secret).search();
    let mut hidden = vec![false; text.len()];
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    let mut settled = 0;
    for pair in cuts.windows(2) {
        search.read_all(&text[pair[0]..pair[1]]);
        for range in search.found() {
            let again = range.start..range.end.min(settled);
            assert!(
                hidden[range.start..again.end.max(range.start)].iter().all(|hidden| *hidden),
                "what was settled stays so"
            );
            hidden[range].fill(true);
        }
        assert!(search.settled() >= settled && search.settled() <= pair[1]);
        settled = search.settled();
    }
    // What is cut off at the end is not what is compared here.
    let Search { wanted, starts, reader, undone, .. } = &mut search;
    reader.end(&mut |unit| {
        undone.take(unit, starts.forms(unit.byte), wanted, &mut |range| hidden[range].fill(true));
    });
    (hidden, search.steps())
}

/// A text of pieces that are likely to matter for this secret.
fn texts(secret: String) -> impl Strategy<Value = (String, Vec<u8>)> {
    use base64::Engine as _;
    let escaped = |write: fn(u8) -> String| secret.bytes().map(write).collect::<String>().into_bytes();
    let json = serde_json::to_string(&secret).unwrap_or_default().into_bytes();
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&secret);
    let lines = encoded.as_bytes().chunks(7).map(<[u8]>::to_vec).collect::<Vec<_>>().join(b"\\r\\n".as_slice());
    let mixed = |index: usize, byte: u8| match index % 4 {
        0 => format!("%25{byte:02x}"),
        1 => format!("&#{byte};"),
        2 => format!("\\\\\\\\u{byte:04x}"),
        _ => char::from(byte).into(),
    };
    let mixed = secret.bytes().enumerate().map(|(index, byte)| mixed(index, byte)).collect::<String>();
    let known = vec![
        secret.clone().into_bytes(),
        secret.as_bytes()[..secret.len() / 2].to_vec(),
        secret.as_bytes()[secret.len() / 2..].to_vec(),
        escaped(|byte| format!("%{byte:02X}")),
        escaped(|byte| format!("\\u{byte:04x}")),
        escaped(|byte| format!("&#x{byte:x};")),
        escaped(|byte| format!("{byte:02X} ")),
        mixed.into_bytes(),
        encoded.into_bytes(),
        lines,
        json,
        wide,
    ];
    let noise = prop::sample::select(vec![
        "%",
        "\\",
        "&",
        "2",
        "25",
        "u",
        "x",
        "n",
        "\\u00",
        "\\ud83d",
        "\\ude00",
        "&#",
        "amp;",
        "\0",
        "\0\0\0\0",
        " ",
        ";",
        "a",
        "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\",
        "                 ",
        "\r\n",
    ]);
    let piece = prop_oneof![
        3 => prop::sample::select(known),
        3 => noise.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    let text = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    (Just(secret), text)
}

fn secrets() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{8,12}", "[!-~]{8,24}", "[%2540ux\\\\&;n]{8,12}", "(aé){4,6}",]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn it_finds_what_a_plain_reading_finds_however_it_is_cut(
        (secret, text) in secrets().prop_flat_map(texts),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let plain = naive(secret.as_bytes(), &text);
        let (hidden, steps) = searched(secret.as_bytes(), &text, &cuts);
        prop_assert_eq!(&hidden, &plain, "{:?} in {:?}", secret, String::from_utf8_lossy(&text));
        prop_assert!(steps <= STEPS * text.len());
    }
}

/// Steps a byte that no text exceeds: two for each form and reading that can be under way at once.
const STEPS: usize = 40;

/// How many steps each byte of a text costs, in pieces of this length.
fn cost(secret: &[u8], text: &[u8], piece: usize) -> usize {
    let mut search = spellings(secret).search();
    for piece in text.chunks(piece) {
        search.read_all(piece);
        assert!(search.read - search.settled() <= HELD);
    }
    search.end();
    search.steps().div_ceil(text.len())
}

#[test]
fn no_credential_and_no_answer_make_it_dear() {
    let periodic = [&[b'a'; 8191][..], b"b"].concat();
    let alternating = b"ab".repeat(4095);
    let random: Vec<u8> =
        (0..8192u32).map(|index| b'!' + (index.wrapping_mul(2_654_435_761) >> 9) as u8 % 90).collect();
    let fibonacci =
        (0..18).fold((vec![b'a'], vec![b'a', b'b']), |(one, other), _| (other.clone(), [other, one].concat())).1;
    let slashed: Vec<u8> = random.iter().flat_map(|byte| [&[b'\\'; 15][..], &[*byte]].concat()).collect();
    let percent: Vec<u8> = random.iter().flat_map(|byte| format!("%25{byte:02x}").into_bytes()).collect();
    let cases: [(&[u8], Vec<u8>); 9] = [
        (&periodic, vec![b'a'; 65_536]),
        (&periodic, b"aaab".repeat(16_384)),
        (&periodic, b"YWFh".repeat(16_384)),
        (&periodic, b"61".repeat(32_768)),
        (&alternating, b"ab".repeat(32_768)),
        (&fibonacci[..8192.min(fibonacci.len())], fibonacci.repeat(6)),
        (&random, slashed),
        (&random, percent),
        (&random, b"\\".repeat(65_536)),
    ];
    for (index, (secret, text)) in cases.iter().enumerate() {
        for piece in [1, 4096] {
            let steps = cost(secret, text, piece);
            assert!(steps <= 16, "case {index} in pieces of {piece}: {steps} steps a byte");
        }
    }
}

#[test]
fn what_is_dear_is_read_a_little_at_a_time() {
    let secret = [&[b'a'; 99][..], b"b"].concat();
    let mut search = spellings(&secret).search();
    assert_eq!(search.read(&[b'a'; 5000]), DEAR);
    search.end();
    assert_eq!(search.read(&[b'.'; 50_000]), SLICE);
}

#[test]
fn what_may_begin_before_a_place_that_was_found_is_kept() {
    let mut search = spellings(b"sk_live_1234").search();
    search.read_all(b"see sk_live");
    assert_eq!(search.settled(), 4);
    search.found.note(6..11);
    assert_eq!(search.settled(), 4, "what stands before the place is not known yet");
    search.found.note(0..2);
    search.found.note(3..6);
    assert_eq!(search.settled(), 11, "all of it is the credential already");
    let apart = search.found();
    assert!(apart.contains(&(0..2)) && apart.iter().all(|range| !range.contains(&2)), "{apart:?}");
}

#[test]
fn ordinary_text_costs_next_to_no_step() {
    let secret = b"sk_live_4eC39HqLyjWDarjtT1zdp7dcA9xZ_q3T";
    let text =
        r#"{"id":"cus_NffrFeUfNV2Hib","object":"customer","balance":0,"email":"jenny@example.com"},"#.repeat(100);
    let mut search = spellings(secret).search();
    search.read_all(text.as_bytes());
    search.end();
    assert!(search.steps() * 4 < text.len(), "{} steps for {} bytes", search.steps(), text.len());
}

#[test]
fn what_goes_on_for_too_long_is_taken_for_the_credential() {
    let random: Vec<u8> =
        (0..8192u32).map(|index| b'!' + (index.wrapping_mul(2_654_435_761) >> 9) as u8 % 90).collect();
    let text: Vec<u8> = random[..8000].iter().flat_map(|byte| [&[b'\\'; 15][..], &[*byte]].concat()).collect();
    let mut search = spellings(&random).search();
    let mut hidden = 0;
    for piece in text.chunks(1000) {
        search.read_all(piece);
        assert!(search.read - search.settled() <= HELD);
        hidden += search.found().iter().map(Range::len).sum::<usize>();
    }
    search.end();
    hidden += search.found().iter().map(Range::len).sum::<usize>();
    assert!(hidden >= text.len() - 32, "{hidden} of {}", text.len());
}
