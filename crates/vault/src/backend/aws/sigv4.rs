//! Signatures of AWS, version 4: pure. Written from the published description, held by its published examples.

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use lockgate_vocabulary::{Secret, Timestamp};
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What requests are signed with.
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    /// Of keys that end.
    pub(super) token: Option<Secret>,
}

/// What a signature is good for.
pub(super) struct Scope {
    pub(super) region: String,
    pub(super) service: &'static str,
}

/// A request as it is signed. Its path and query are as they are sent; its headers are in small letters and sorted.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// A moment as signatures have it, such as `20150830T123600Z`.
pub(super) fn moment(now: Timestamp) -> String {
    let seconds = Timestamp::from_secs(now.as_secs()).to_string();
    let whole = seconds.split('.').next().unwrap_or_default();
    let digits: String = whole.chars().filter(|sign| sign.is_ascii_digit() || *sign == 'T').collect();
    format!("{digits}Z")
}

/// The value of the field `Authorization`.
pub(super) fn authorization(keys: &Keys, scope: &Scope, request: &Request<'_>, moment: &str) -> String {
    let day = moment.get(..8).unwrap_or_default();
    let scope_text = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let names: Vec<_> = request.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = canonical(request, &names);
    let to_sign = format!("{ALGORITHM}\n{moment}\n{scope_text}\n{}", hexed(&sha256(canonical.as_bytes())));
    let signature = hexed(&mac(&signing_key(&keys.secret, day, scope), to_sign.as_bytes()));
    format!("{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={names}, Signature={signature}", keys.id)
}

/// A session token is among what is signed, so the text is wiped.
fn canonical(request: &Request<'_>, names: &str) -> Zeroizing<String> {
    let fields: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let rest = request.method.len() + request.path.len() + request.query.len() + names.len() + 80;
    let mut text = Zeroizing::new(String::with_capacity(fields + rest));
    for part in [request.method, "\n", request.path, "\n", request.query, "\n"] {
        text.push_str(part);
    }
    for (name, value) in request.headers {
        for part in [name, ":", value.trim(), "\n"] {
            text.push_str(part);
        }
    }
    for part in ["\n", names, "\n", &hexed(&sha256(request.body))] {
        text.push_str(part);
    }
    text
}

fn signing_key(secret: &Secret, day: &str, scope: &Scope) -> [u8; 32] {
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.expose().len()));
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.expose());
    let parts = [day, &scope.region, scope.service, "aws4_request"];
    let mut key = Zeroizing::new(mac(&first, parts[0].as_bytes()));
    for part in parts.iter().skip(1) {
        *key = mac(key.as_slice(), part.as_bytes());
    }
    *key
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    tag.as_ref().try_into().unwrap_or([0; 32])
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap_or([0; 32])
}

fn hexed(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
