//! Signed heads of the log: C2SP tlog-checkpoint in a C2SP signed-note, with Ed25519.
//!
//! A checkpoint says: the log with this identity had so many entries, and this was the root over them.
//! Here: the text, the signature, the two text forms of a key. Not here: when one is signed.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lockgate_vocabulary::{Fault, Secret};

use crate::chain::{Hash, sha256};
use crate::mac::RowKey;

/// The signed-note type byte of Ed25519.
const ED25519_TYPE: u8 = 1;

/// Signature lines that are looked at: sixteen must be accepted, more are refused.
const SIGNATURES_MOST: usize = 16;

/// A checkpoint is at most this long: three lines, a few signatures, and room for witnesses.
pub(crate) const NOTE_BYTES: usize = 16 * 1024;

/// Signs checkpoints. It holds a private key and cannot be printed.
pub struct Signer {
    pair: Ed25519KeyPair,
    key: VerifierKey,
    rows: RowKey,
}

impl Signer {
    /// The signer with this name, the log's identity, and this 32-byte seed.
    pub fn new(name: &str, seed: &Secret) -> Result<Self, Fault> {
        const DOING: &str = "making the signer of the audit log";
        let seed: &[u8; 32] =
            seed.expose().try_into().map_err(|_| Fault::broken(DOING, "the seed must have exactly 32 bytes"))?;
        if !is_key_name(name) {
            return Err(Fault::broken(DOING, "the name is empty, or has a space, a plus or a control character"));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| Fault::broken(DOING, "the seed makes no Ed25519 key"))?;
        let public =
            pair.public_key().as_ref().try_into().map_err(|_| Fault::violated("an Ed25519 public key has 32 bytes"))?;
        Ok(Self { pair, key: VerifierKey::new(name, public), rows: RowKey::derived(seed, name) })
    }

    /// What others check its signatures with.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// What authenticates the rows of the log's outbox.
    pub(crate) const fn rows(&self) -> &RowKey {
        &self.rows
    }

    /// The text with our signature below it.
    pub(crate) fn sign(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let mut signed = self.key.id.to_vec();
        signed.extend_from_slice(signature.as_ref());
        format!("{text}\n— {} {}\n", self.key.name, STANDARD.encode(signed))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key)
    }
}

/// The public half of a log's key. Its text form, `name+hash+base64`, is the C2SP vkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

/// The text was not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyParse;

impl fmt::Display for KeyParse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a verifier key of the form name+hash+key with an Ed25519 key")
    }
}

impl std::error::Error for KeyParse {}

impl VerifierKey {
    fn new(name: &str, public: [u8; 32]) -> Self {
        let mut named = Vec::with_capacity(name.len() + 34);
        named.extend_from_slice(name.as_bytes());
        named.extend_from_slice(&[b'\n', ED25519_TYPE]);
        named.extend_from_slice(&public);
        let [a, b, c, d, ..] = *sha256(&named).as_bytes();
        Self { name: name.to_owned(), id: [a, b, c, d], public }
    }

    /// The log's identity.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The note's text, if this key signed it and no signature of this key in it is wrong.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteFlaw> {
        let (text, lines) = split_note(note)?;
        let mut signed = false;
        for (count, line) in lines.lines().enumerate() {
            let (name, signature) = signature_line(line).ok_or(NoteFlaw::Malformed)?;
            if count >= SIGNATURES_MOST {
                return Err(NoteFlaw::Malformed);
            }
            let Some((id, signature)) = signature.split_first_chunk::<4>() else { return Err(NoteFlaw::Malformed) };
            if name != self.name || *id != self.id {
                continue;
            }
            UnparsedPublicKey::new(&ED25519, &self.public)
                .verify(text.as_bytes(), signature)
                .map_err(|_| NoteFlaw::SignatureWrong)?;
            signed = true;
        }
        if signed { Ok(text) } else { Err(NoteFlaw::Unsigned) }
    }

    /// The checkpoint in the note, if this key signed it for the log that the key is named for.
    pub fn checkpoint(&self, note: &str) -> Result<Checkpoint, NoteFlaw> {
        if note.len() > NOTE_BYTES {
            return Err(NoteFlaw::Malformed);
        }
        let checkpoint = Checkpoint::parse(self.open(note)?).ok_or(NoteFlaw::Malformed)?;
        if checkpoint.origin == self.name { Ok(checkpoint) } else { Err(NoteFlaw::OtherLog) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ED25519_TYPE];
        typed.extend_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), STANDARD.encode(typed))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyParse;

    fn from_str(text: &str) -> Result<Self, KeyParse> {
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyParse);
        };
        let typed = STANDARD.decode(key).map_err(|_| KeyParse)?;
        let Some((&ED25519_TYPE, public)) = typed.split_first() else { return Err(KeyParse) };
        let public: [u8; 32] = public.try_into().map_err(|_| KeyParse)?;
        let made = Self::new(name, public);
        let same = format!("{:08x}", u32::from_be_bytes(made.id)) == id;
        if is_key_name(name) && same { Ok(made) } else { Err(KeyParse) }
    }
}

/// Why a note is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteFlaw {
    /// It is not a signed note, or its text is not a checkpoint.
    Malformed,
    /// It is signed by the right key, but for another log.
    OtherLog,
    /// A signature by this key is wrong: the text was changed, or the signature was.
    SignatureWrong,
    /// This key did not sign it.
    Unsigned,
}

impl fmt::Display for NoteFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a signed checkpoint",
            Self::OtherLog => "it belongs to another log",
            Self::SignatureWrong => "its signature is wrong",
            // Whoever reads this has far more often named the wrong key than met a forger.
            Self::Unsigned => {
                "it is not signed with this key: the key (audit.checkpoint_key_file, or --key) or the node's name \
                 (`node`) is most likely not this log's"
            }
        })
    }
}

impl std::error::Error for NoteFlaw {}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's identity.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// The checkpoint with this text. Extension lines are refused: this log writes none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let checkpoint =
            Self { origin: origin.to_owned(), size: size.parse().ok()?, root: Hash::from_base64(root.as_bytes())? };
        let exact = lines.next().is_none() && !origin.is_empty() && checkpoint.text() == text;
        exact.then_some(checkpoint)
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// The text with its last newline, and the signature lines.
fn split_note(note: &str) -> Result<(&str, &str), NoteFlaw> {
    let plain = !note.chars().any(|c| c < ' ' && c != '\n');
    let end = note.rfind("\n\n").filter(|_| plain && note.ends_with('\n')).ok_or(NoteFlaw::Malformed)?;
    let (text, rest) = note.split_at_checked(end + 1).ok_or(NoteFlaw::Malformed)?;
    let lines = rest.strip_prefix('\n').filter(|lines| !lines.is_empty()).ok_or(NoteFlaw::Malformed)?;
    Ok((text, lines))
}

fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    let signature = STANDARD.decode(signature).ok().filter(|bytes| bytes.len() > 4)?;
    is_key_name(name).then_some((name, signature))
}

#[cfg(test)]
mod tests;
