//! A secret that is put in on purpose, and the search for it everywhere that it must not be.
//!
//! The search reads every byte of every file below a folder, so the database, its write-ahead log, its
//! shared memory and whatever else was left there. It looks for the canary in the clear and in each
//! spelling in which a program would write it: hexadecimal, base64 at each alignment, percent-encoded,
//! escaped as in JSON, and as 16-bit characters.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Where a canary was found, and how it was spelled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leak {
    pub(crate) file: PathBuf,
    pub(crate) spelling: &'static str,
}

/// A canary that no two tests share.
pub(crate) fn canary(name: &str) -> String {
    format!("sk_canary_{name}_7Qw~9zX/pL+2=vR")
}

/// Every place below the folder where the canary stands in any spelling.
pub(crate) fn leaks(folder: &Path, canary: &[u8]) -> Vec<Leak> {
    let spellings = spellings(canary);
    let mut found = Vec::new();
    for file in files(folder) {
        let bytes = fs::read(&file).expect("a file of the test is read");
        let lower = bytes.to_ascii_lowercase();
        for (spelling, needle, folded) in &spellings {
            let text = if *folded { &lower } else { &bytes };
            if text.windows(needle.len()).any(|window| window == needle) {
                found.push(Leak { file: file.clone(), spelling });
            }
        }
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the test is read").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// The name of the spelling, the bytes, and whether capitals do not matter.
fn spellings(canary: &[u8]) -> Vec<(&'static str, Vec<u8>, bool)> {
    let hex: String = canary.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = canary.iter().map(|byte| format!("%{byte:02x}")).collect();
    let form: String = canary
        .iter()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                char::from(*byte).to_string()
            } else {
                format!("%{byte:02x}")
            }
        })
        .collect();
    let json: String = String::from_utf8_lossy(canary).replace('/', "\\/");
    let wide: Vec<u8> = canary.iter().flat_map(|byte| [*byte, 0]).collect();
    let mut spellings = vec![
        ("plain", canary.to_vec(), false),
        ("hexadecimal", hex.into_bytes(), true),
        ("percent-encoded", percent.to_ascii_lowercase().into_bytes(), true),
        ("form-encoded", form.to_ascii_lowercase().into_bytes(), true),
        ("json", json.into_bytes(), false),
        ("16-bit", wide, false),
    ];
    for shift in 0..3usize {
        let shifted = [&[0u8; 2][..shift.min(2)], canary].concat();
        let encoded = STANDARD_NO_PAD.encode(&shifted);
        // What stands before and after the canary determines the digits at both ends.
        let inner = encoded.as_bytes()[(shift * 8).div_ceil(6)..shifted.len() * 8 / 6].to_vec();
        let url = inner.iter().map(|digit| match digit {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        });
        spellings.push(("base64url", url.collect(), false));
        spellings.push(("base64", inner, false));
    }
    spellings
}

#[test]
fn a_planted_leak_is_found_in_every_spelling() {
    let canary = canary("planted");
    let bytes = canary.as_bytes();
    let upper: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let planted: [(&str, Vec<u8>); 8] = [
        ("plain", canary.clone().into()),
        ("hexadecimal", upper.into()),
        ("percent-encoded", percent.into()),
        ("form-encoded", canary.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D").into()),
        ("json", canary.replace('/', "\\/").into()),
        ("16-bit", canary.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("base64", STANDARD_NO_PAD.encode(format!("Bearer {canary}")).into()),
        ("base64url", base64::engine::general_purpose::URL_SAFE.encode(format!("x:{canary}")).into()),
    ];
    for (spelling, text) in planted {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("inner")).expect("a folder");
        fs::write(folder.path().join("inner/left-behind"), [&[0u8; 5000][..], &text, b"\xff\xff"].concat())
            .expect("written");
        let found = leaks(folder.path(), bytes);
        assert!(found.iter().any(|leak| leak.spelling == spelling), "{spelling}: {found:?}");
    }
    let clean = tempfile::tempdir().expect("a folder");
    fs::write(clean.path().join("file"), "sk_canary_other").expect("written");
    assert_eq!(leaks(clean.path(), bytes), []);
}
