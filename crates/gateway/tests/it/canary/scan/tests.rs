//! The search itself: each form is found where it was planted, wherever it lies, and is told once.

use std::io::Cursor;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::super::forms::{self, Part};
use super::{Hit, PIECE, Scan};

/// A secret of which each form differs from the others.
const SECRET: &str = "Qm7xRt2LpZ0aVb+/=~\"\\ÿÿÿ €&zK9wYc4NfHs1Dg";

fn hits(secret: &[u8], bytes: &[u8]) -> Vec<Hit> {
    let mut found = Vec::new();
    Scan::of([("it", secret)]).read(Cursor::new(bytes), Path::new("there"), &mut found);
    found
}

fn whole(secret: &[u8], bytes: &[u8]) -> Vec<(&'static str, u64)> {
    let whole = hits(secret, bytes).into_iter().filter(|hit| hit.part == Part::Whole);
    whole.map(|hit| (hit.form, hit.offset)).collect()
}

#[test]
fn each_form_is_found_as_another_program_would_write_it() {
    let bytes = SECRET.as_bytes();
    let hex = |upper: bool| -> String {
        bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
    };
    let form: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let json = serde_json::to_string(SECRET).expect("JSON");
    let planted: [(&str, Vec<u8>); 17] = [
        ("plain", format!("token={SECRET}\n").into()),
        ("hex", hex(false).into()),
        ("hex in capitals", hex(true).into()),
        ("form-encoded in capitals", form.clone().into()),
        ("percent-encoded in capitals", form.replace('+', "%20").replace("%7E", "~").into()),
        ("percent-encoded", "Qm7xRt2LpZ0aVb%2b%2f%3d~%22%5c%c3%bf%c3%bf%c3%bf%20%e2%82%ac%26zK9wYc4NfHs1Dg".into()),
        ("percent-encoded whole", bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>().into()),
        (
            "percent-encoded whole in capitals",
            bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>().into(),
        ),
        ("a list of numbers", format!("{bytes:?}").into()),
        ("base64, first alignment", STANDARD.encode(SECRET).into()),
        ("base64, second alignment", STANDARD.encode(format!("user{SECRET}")).into()),
        ("base64, third alignment", STANDARD.encode(format!("a:{SECRET}, and more")).into()),
        ("base64 for URLs, second alignment", URL_SAFE_NO_PAD.encode(format!("Bearer {SECRET}")).into()),
        ("JSON", json.clone().into()),
        ("JSON in JSON", serde_json::to_string(&json).expect("JSON").into()),
        ("UTF-16, little end first", SECRET.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16, big end first", SECRET.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    for (form, text) in planted {
        let found = whole(bytes, &[b"\x00\xffbefore ".as_slice(), &text, b" behind\xff"].concat());
        assert!(found.iter().any(|(name, _)| *name == form), "{form}: {found:?}");
    }
}

#[test]
fn each_form_is_found_wherever_it_lies_and_is_told_once() {
    for form in forms::of(SECRET.as_bytes()) {
        // At the very beginning, across the edge of two pieces at each of its bytes, and at the very end.
        let around = PIECE - form.bytes.len() - 1..PIECE + 2;
        for before in [0, 1].into_iter().chain(around).step_by(1 + form.bytes.len() / 8) {
            let text = [vec![b'.'; before], form.bytes.clone()].concat();
            let found = hits(SECRET.as_bytes(), &text);
            let same: Vec<&Hit> = found.iter().filter(|hit| (hit.form, hit.part) == (form.name, form.part)).collect();
            assert!(matches!(*same, [hit] if hit.offset == before as u64), "{}: {same:?}", form.name);
        }
    }
}

#[test]
fn an_end_of_a_secret_is_found_in_whatever_mixture_of_escapes_the_rest_stands() {
    let mixture = "Qm7xRt2LpZ0aVb&#43;\\x2f%253D~ and so on";
    let found = hits(SECRET.as_bytes(), mixture.as_bytes());
    assert_eq!(found.iter().map(|hit| hit.part).collect::<Vec<_>>(), [Part::Beginning]);
    let cut = STANDARD.encode(&SECRET.as_bytes()[20..]);
    assert!(hits(SECRET.as_bytes(), cut.as_bytes()).iter().any(|hit| hit.part == Part::End));
}

#[test]
fn bytes_that_are_no_text_are_found_too() {
    let key: Vec<u8> = (0..32_u8).map(|byte| byte.wrapping_mul(37) ^ 0xa5).collect();
    for (form, text) in [
        ("plain", key.clone()),
        ("base64, first alignment", STANDARD.encode(&key).into_bytes()),
        ("hex", key.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()),
        ("escaped bytes", key.escape_ascii().to_string().into_bytes()),
    ] {
        assert!(whole(&key, &text).iter().any(|(name, _)| *name == form), "{form}");
    }
}

#[test]
fn what_is_found_is_told_without_being_repeated_and_what_is_not_there_is_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("made");
    std::fs::write(inner.join("clean"), vec![0x51; 3 * PIECE]).expect("written");
    let mut scan = Scan::of([("the secret", SECRET.as_bytes())]);
    assert_eq!(scan.folder(folder.path()), []);
    assert_eq!(scan.looked_at().0, 1);
    std::fs::write(inner.join("leaky"), format!("xx{SECRET}")).expect("written");
    std::fs::write(inner.join("Qm7xRt2LpZ0aVb.tmp"), "").expect("written");
    let found = scan.folder(folder.path());
    let told: Vec<String> = found.iter().map(Hit::to_string).collect();
    let leaky = |told: &String| told.contains("leaky at 2: the secret (Whole, plain)");
    assert!(told.iter().any(leaky), "{told:?}");
    assert!(told.iter().all(|told| !told.contains(SECRET)), "{told:?}");
    assert!(found.iter().any(|hit| hit.file.ends_with("Qm7xRt2LpZ0aVb.tmp")), "names are looked at as well");
}
