//! The canaries: secrets and personal data each of which exists for this run alone and has one rightful place.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_testkit::SeededEntropy;
use lockgate_vocabulary::Entropy as _;

/// Letters and digits of a canary on either side of its middle. What escapes leaves them as they are.
const SIDE: usize = 18;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters and digits at the end of a key or a client's secret of ours; what stands before is no secret.
const SECRET_DIGITS: usize = 43;

struct Canary {
    name: String,
    bytes: Vec<u8>,
}

/// All that were planted.
pub struct Nest {
    chance: SeededEntropy,
    planted: RefCell<Vec<Canary>>,
}

impl Nest {
    pub fn new(seed: u64) -> Self {
        Self { chance: SeededEntropy::new(seed), planted: RefCell::default() }
    }

    /// A secret as vendors give one: visible ASCII, with signs of which each form writes some otherwise.
    pub fn token(&self, name: &str) -> String {
        self.planted_around(name, "/+=~.-_")
    }

    /// What a person may have written: quotes, a backslash, letters beyond ASCII.
    pub fn text(&self, name: &str) -> String {
        self.planted_around(name, " \"é\\ü/€' ")
    }

    /// Letters and digits alone, for places in which nothing else may stand.
    pub fn word(&self, name: &str) -> String {
        self.planted_around(name, "")
    }

    /// A provider's secret in the spelling of Standard Webhooks.
    pub fn whsec(&self, name: &str) -> String {
        let mut key = vec![0; 32];
        self.chance.fill(&mut key);
        let text = format!("whsec_{}", STANDARD.encode(&key));
        self.raw(name, key);
        text
    }

    /// A secret that the gateway has made: the part of it that is one.
    pub fn made(&self, name: &str, text: &str) {
        match (text.strip_prefix("whsec_"), text.rsplit('.').next()) {
            (Some(key), _) => self.raw(name, STANDARD.decode(key).expect("base 64")),
            // Of a token the signature is what nobody can guess.
            (None, Some(signature)) if text.starts_with("eyJ") => self.raw(name, signature.as_bytes().to_vec()),
            _ => self.raw(name, text.as_bytes()[text.len() - SECRET_DIGITS..].to_vec()),
        }
    }

    /// Bytes that are to be found nowhere else.
    pub fn raw(&self, name: &str, bytes: Vec<u8>) {
        let mut planted = self.planted.borrow_mut();
        assert!(planted.iter().all(|known| known.name != name), "{name} is planted twice");
        planted.push(Canary { name: name.to_owned(), bytes });
    }

    /// Every canary with its name, as a search takes them.
    pub fn each(&self) -> Vec<(String, Vec<u8>)> {
        self.planted.borrow().iter().map(|canary| (canary.name.clone(), canary.bytes.clone())).collect()
    }

    fn planted_around(&self, name: &str, middle: &str) -> String {
        let mut chance = [0; 2 * SIDE];
        self.chance.fill(&mut chance);
        let side = |bytes: &[u8]| -> String {
            bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
        };
        let text = format!("{}{middle}{}", side(&chance[..SIDE]), side(&chance[SIDE..]));
        self.raw(name, text.clone().into_bytes());
        text
    }
}
