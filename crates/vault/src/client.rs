//! How a client proves who it is at a vendor's endpoints: by its secret, by an assertion that its key signs (RFC 7523),
//! or by its certificate (RFC 8705).
//!
//! A credential of a client is its id, a colon, and what it proves itself with. What that has to be is looked at when
//! it comes in, so that a key which nobody can read is not found by the first call.

use std::fmt;

use aws_lc_rs::digest;
use lockgate_access::jose::{Algorithm, PrivateForm, Signer, base64url};
use lockgate_access::spec::{AuthPlacement, ClientAuth};
use lockgate_vocabulary::limit::CREDENTIAL_BYTES;
use lockgate_vocabulary::{CredentialId, Entropy, Secret, Timestamp, TlsIdentity};
use serde_json::json;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use zeroize::Zeroizing;

use crate::equip::Loan;
use crate::refusal::VaultRefusal;

/// For how many seconds an assertion holds: as long as it takes to arrive, and clocks may differ.
const HOLDS: i64 = 60;

/// What a key or a certificate in PEM begins with (RFC 7468 section 2).
const PEM: &[u8] = b"-----BEGIN";

/// Certificates that stand beside a private key.
const CERTIFICATES: usize = 8;

/// The client's id and what it proves itself with. The id ends at the first colon where a secret follows, which may have
/// more of them; a key begins with what it is written in, and an id before it may be a URL.
pub(crate) fn client_of(auth: ClientAuth, client: &Secret) -> (&[u8], &[u8]) {
    let whole = client.expose();
    let colon = |byte: &u8| *byte == b':';
    let at = match auth {
        ClientAuth::Basic | ClientAuth::Post => whole.iter().position(colon),
        ClientAuth::PrivateKeyJwt | ClientAuth::Mtls => {
            let pem = whole.windows(PEM.len()).position(|at| at == PEM);
            let key = pem.or_else(|| whole.iter().position(|byte| *byte == b'{')).unwrap_or(whole.len());
            whole.get(..key).and_then(|before| before.iter().rposition(colon))
        }
    };
    let at = at.unwrap_or(whole.len());
    (whole.get(..at).unwrap_or_default(), whole.get(at + 1..).unwrap_or_default())
}

/// What a client that proves itself by its certificate names itself by.
pub(crate) fn identity_of(client: &Secret) -> TlsIdentity {
    TlsIdentity::new(Secret::new(client_of(ClientAuth::Mtls, client).1.to_vec()))
}

/// The secret that a client sends to prove itself, where it does.
pub(crate) fn secret_of<'a>(placement: &AuthPlacement, client: &'a Secret) -> Option<&'a [u8]> {
    match placement {
        AuthPlacement::OAuth(spec) if matches!(spec.client_auth, ClientAuth::Basic | ClientAuth::Post) => {
            Some(client_of(spec.client_auth, client).1)
        }
        _ => None,
    }
}

/// Whether a credential is what this way of proving oneself needs.
pub(crate) fn fits(auth: ClientAuth, client: &Secret) -> bool {
    let visible = |byte: &u8| (0x21..=0x7e).contains(byte);
    let (id, proof) = client_of(auth, client);
    // RFC 6749 appendix A: visible ASCII and blanks.
    let line = |text: &[u8]| !text.is_empty() && text.iter().all(|byte| visible(byte) || *byte == b' ');
    let length = (1..=CREDENTIAL_BYTES).contains(&client.expose().len());
    let known = length && line(id) && id.first().is_some_and(visible);
    known
        && match auth {
            // A private key that was given where a secret is wanted would be sent.
            ClientAuth::Basic | ClientAuth::Post => {
                line(proof) && proof.last().is_some_and(visible) && Key::read(proof).is_none()
            }
            ClientAuth::PrivateKeyJwt => {
                Key::read(proof).is_some_and(|key| key.certificates.is_empty() || key.is_certified())
            }
            ClientAuth::Mtls => Key::read(proof).is_some_and(|key| key.is_certified()),
        }
}

/// What a client names itself by in a handshake, and of which credential that is.
pub struct Identity {
    lent: (CredentialId, u32),
    handshake: TlsIdentity,
}

impl Identity {
    pub(crate) fn of(loan: &Loan) -> Self {
        Self { lent: (loan.credential, loan.version), handshake: identity_of(&loan.value) }
    }

    /// The credential that it is of, and its version.
    pub const fn lent(&self) -> (CredentialId, u32) {
        self.lent
    }

    /// What the handshake needs.
    pub const fn handshake(&self) -> &TlsIdentity {
        &self.handshake
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} {})", self.lent.0, self.lent.1)
    }
}

/// A private key, and what stands beside it.
struct Key {
    signer: Signer,
    /// The certificate of the key first.
    certificates: Vec<Vec<u8>>,
}

impl Key {
    fn read(text: &[u8]) -> Option<Self> {
        if text.trim_ascii_start().starts_with(b"{") {
            return Some(Self { signer: Signer::of_jwk(text).ok()?, certificates: Vec::new() });
        }
        let (mut written, mut certificates) = (None, Vec::new());
        for block in Pem::iter_from_buffer(text) {
            let block = block.ok()?;
            let form = match block.label.as_str() {
                "PRIVATE KEY" => PrivateForm::Pkcs8,
                "RSA PRIVATE KEY" => PrivateForm::Pkcs1,
                "EC PRIVATE KEY" => PrivateForm::Sec1,
                // OpenSSL writes the curve before the key, which names it itself.
                "EC PARAMETERS" => continue,
                "CERTIFICATE" if certificates.len() < CERTIFICATES => {
                    certificates.push(block.contents);
                    continue;
                }
                _ => return None,
            };
            // Of two keys nobody could say which is meant.
            if written.replace((form, Zeroizing::new(block.contents))).is_some() {
                return None;
            }
        }
        let (form, der) = written?;
        // Who knows a key by its certificate, as Entra ID does, wants PSS of RSA; most others know the older padding.
        let rsa = if certificates.is_empty() { Algorithm::Rs256 } else { Algorithm::Ps256 };
        Some(Self { signer: Signer::of_der(form, &der, rsa).ok()?, certificates })
    }

    /// Whether the first certificate is this key's.
    fn is_certified(&self) -> bool {
        let parsed = self.certificates.iter().map(|der| x509_parser::certificate::X509Certificate::from_der(der));
        let Some(parsed) = parsed.collect::<Result<Vec<_>, _>>().ok() else { return false };
        parsed.first().is_some_and(|(_, first)| self.signer.is_of(first.public_key().raw))
    }
}

/// The assertion by which a client proves to this audience, and to nobody else, that it is who it says (RFC 7523
/// section 3). It holds for a minute, and has an id by which a vendor can tell that it comes twice.
pub(crate) fn assertion(
    client: &Secret,
    audience: &str,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Zeroizing<String>, VaultRefusal> {
    let (id, proof) = client_of(ClientAuth::PrivateKeyJwt, client);
    let (key, id) = Key::read(proof).zip(std::str::from_utf8(id).ok()).ok_or(VaultRefusal::ClientKeyUnfit)?;
    // A vendor that was given a certificate knows the key by that.
    let header = match key.certificates.first() {
        Some(certificate) => {
            let thumbprint = base64url::encode(digest::digest(&digest::SHA256, certificate).as_ref());
            json!({ "typ": "JWT", "x5t#S256": thumbprint })
        }
        None => json!({ "typ": "JWT", "kid": key.signer.kid() }),
    };
    let issued = now.as_secs();
    let claims = json!({
        "iss": id, "sub": id, "aud": audience, "jti": chance(entropy), "iat": issued, "exp": issued + HOLDS,
    });
    key.signer.sign(header, &claims).map(Zeroizing::new).map_err(|_| VaultRefusal::ClientKeyUnfit)
}

/// A text that nobody else has: 128 bits of chance.
pub(crate) fn chance(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    base64url::encode(&bytes)
}

#[cfg(test)]
mod tests;
