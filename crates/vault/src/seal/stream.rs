//! Sealing what is too long to hold: chunks of 64 KiB, each with its own tag.
//!
//! This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce holds the number
//! of the chunk and whether it is the last, so a stream whose chunks were cut off, left out, repeated or
//! put in another order does not open. The key belongs to one stream alone.
//!
//! A stream hands out the plaintext of a chunk as soon as this chunk is proven; only the end proves that
//! nothing is missing, so a reader must not act on the whole before [`StreamOpener::finish`] agreed.

use lockgate_vocabulary::{Entropy, Fault};
use zeroize::Zeroizing;

use super::{Cipher, HEAD, Kind, NONCE, Place, SALT, TAG, TenantKey, Unopened, body, message_cipher};

/// Plaintext bytes of every chunk but the last, which has one to so many (none if the whole is empty).
pub const CHUNK: usize = 64 * 1024;

/// Takes plaintext in and gives sealed bytes out.
pub struct StreamSealer {
    cipher: Cipher,
    label: Vec<u8>,
    number: u32,
    prelude: Option<Vec<u8>>,
    pending: Zeroizing<Vec<u8>>,
}

impl StreamSealer {
    pub(crate) fn new(key: &TenantKey, place: &Place<'_>, entropy: &dyn Entropy) -> Result<Self, Fault> {
        let mut salt = [0u8; SALT];
        entropy.fill(&mut salt);
        let (head, cipher, label) = message_cipher(key, place, Kind::Stream, &salt)?;
        let mut prelude = Vec::with_capacity(HEAD + SALT);
        prelude.extend_from_slice(&head);
        prelude.extend_from_slice(&salt);
        let pending = Zeroizing::new(Vec::with_capacity(CHUNK));
        Ok(Self { cipher, label, number: 0, prelude: Some(prelude), pending })
    }

    /// Takes more plaintext and appends to `out` what is sealed by now.
    pub fn push(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        out.append(&mut self.prelude.take().unwrap_or_default());
        while !plain.is_empty() {
            // A full chunk waits until there is more: only then is it known not to be the last.
            if self.pending.len() == CHUNK {
                self.flush(false, out)?;
            }
            let fits = plain.len().min(CHUNK - self.pending.len());
            let (now, later) = plain.split_at_checked(fits).unwrap_or((plain, &[]));
            self.pending.extend_from_slice(now);
            plain = later;
        }
        Ok(())
    }

    /// Appends the last chunk.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.append(&mut self.prelude.take().unwrap_or_default());
        self.flush(true, out)
    }

    fn flush(&mut self, last: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.cipher.seal_body(out, nonce(self.number, last), &self.label, &self.pending)?;
        // The next chunk overwrites this one, and all of the buffer is wiped at the end.
        self.pending.clear();
        self.number = self.number.checked_add(1).ok_or(Fault::violated("a stream has fewer than 2^32 chunks"))?;
        Ok(())
    }
}

/// Takes sealed bytes in and gives plaintext out.
pub struct StreamOpener {
    cipher: Cipher,
    label: Vec<u8>,
    number: u32,
    pending: Vec<u8>,
}

impl StreamOpener {
    /// Bytes at the start of a stream that [`crate::Vault::stream_opener`] needs.
    pub const PRELUDE: usize = HEAD + SALT;

    pub(crate) fn new(key: &TenantKey, place: &Place<'_>, prelude: &[u8]) -> Result<Self, Unopened> {
        let (_, rest) = body(prelude, Kind::Stream, key)?;
        let salt: &[u8; SALT] = rest.try_into().map_err(|_| Unopened::Malformed)?;
        let (_, cipher, label) = message_cipher(key, place, Kind::Stream, salt).map_err(|_| Unopened::Refused)?;
        Ok(Self { cipher, label, number: 0, pending: Vec::with_capacity(CHUNK + TAG) })
    }

    /// Takes more sealed bytes and appends to `out` what is proven by now.
    pub fn push(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Unopened> {
        while !sealed.is_empty() {
            if self.pending.len() == CHUNK + TAG {
                self.open(false, out)?;
            }
            let fits = sealed.len().min(CHUNK + TAG - self.pending.len());
            let (now, later) = sealed.split_at_checked(fits).unwrap_or((sealed, &[]));
            self.pending.extend_from_slice(now);
            sealed = later;
        }
        Ok(())
    }

    /// Appends the last chunk, which proves that the stream is whole.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Unopened> {
        // An empty last chunk after others would be a second encoding of the same bytes.
        if self.pending.len() < TAG || (self.pending.len() == TAG && self.number > 0) {
            return Err(Unopened::Malformed);
        }
        self.open(true, out)
    }

    fn open(&mut self, last: bool, out: &mut Vec<u8>) -> Result<(), Unopened> {
        self.cipher.open_onto(out, nonce(self.number, last), &self.label, &self.pending)?;
        self.pending.clear();
        self.number = self.number.checked_add(1).ok_or(Unopened::Malformed)?;
        Ok(())
    }
}

fn nonce(number: u32, last: bool) -> [u8; NONCE] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 0, 0, 0, 0, 0, 0, a, b, c, d, u8::from(last)]
}
