//! Every spelling in which a vendor may send a credential back.
//!
//! What was lent is recognised as itself, in base64 at each of its three alignments (so inside of a longer
//! encoded text too, in either alphabet, broken into lines or not), and in hexadecimal; of `user:password`
//! the password alone counts as well, and where the request carried it encoded, so does what it carried.
//! Each of these may be percent-encoded, form-encoded, escaped as in JSON or HTML, in any mixture and up to
//! three times over, in UTF-8 or wider: escapes are read before comparing, so there is no list of them.
//!
//! In reading order: [`forms`] writes what is looked for, [`kind`] says which bytes mean the same in it;
//! [`escape`] undoes escapes, [`Search`] reads a text piece by piece, and [`lane`] compares it.
//!
//! The forms stand behind the credential in the one buffer that the request carries it in, and are wiped
//! with it. So they cost no allocation of their own, and nothing in the clear lies in memory between calls,
//! as it would in a cache.

mod escape;
mod forms;
mod kind;
mod lane;
mod reading;
mod search;

use std::fmt;

use bytes::Bytes;
use lockgate_vocabulary::Secret;
use zeroize::Zeroizing;

pub(crate) use escape::Unit;
pub(crate) use forms::{Form, Forms, Sent};
pub(crate) use kind::Kind;
pub(crate) use lane::PASSED;
pub(crate) use reading::{Reader, Stream};
pub use search::Search;

/// A credential that is shorter stands in innocent text too often to be looked for.
pub(crate) const LEAST: usize = 8;

/// What was lent, in every spelling. It finds itself in texts and shows itself to nobody.
#[derive(Clone)]
pub struct Spellings {
    bytes: Bytes,
    forms: Forms,
}

impl Spellings {
    pub(crate) fn new(bytes: Bytes, forms: Forms) -> Option<Self> {
        (!forms.is_empty()).then_some(Self { bytes, forms })
    }

    /// Those of a secret that stands alone; none where it is too short to be looked for.
    pub fn of(secret: &Secret) -> Option<Self> {
        let secret = secret.expose();
        let mut buffer = Zeroizing::new(Vec::with_capacity(Forms::room(secret.len(), 0)));
        let forms = Forms::write(&mut buffer, secret, &Sent::Itself, LEAST);
        Self::new(Bytes::from_owner(buffer), forms)
    }

    /// What looks for the credential in one text after the other.
    pub fn search(&self) -> Search {
        Search::new(self.clone())
    }

    /// Whether the credential stands in a text that is whole.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.search().is_in(text)
    }

    fn each(&self) -> impl Iterator<Item = (Form, u32)> {
        self.forms.each().enumerate().map(|(index, form)| (form, 1 << index))
    }

    /// A form by its place among them.
    fn form(&self, index: usize) -> &[u8] {
        self.forms.at(index).map_or(&[], |form| self.text(form))
    }

    fn text(&self, form: Form) -> &[u8] {
        form.of(&self.bytes)
    }
}

impl fmt::Debug for Spellings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spellings")
    }
}

#[cfg(test)]
mod tests;
