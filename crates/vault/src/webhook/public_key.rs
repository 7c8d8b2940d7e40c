//! A provider's public key, parsed once from the text in which the provider publishes it.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_access::keyset::is_small_order;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::form::unhex;

/// Bytes of a key's text at the most.
const TEXT_BYTES: usize = 16 * 1024;

/// The first byte of a DER sequence, which a subject public key info is.
const SEQUENCE: u8 = 0x30;

/// How a provider writes its public key, and what it signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKeyForm {
    /// Ed25519: 64 hex digits (Discord).
    Ed25519Hex,
    /// Ed25519: `whpk_` and base64 (Standard Webhooks).
    Whpk,
    /// ECDSA on P-256 with SHA-256: a subject public key info, in base64 or PEM (SendGrid).
    P256,
    /// RSA of 2048 bits or more, PKCS #1 v1.5 with SHA-256: a certificate in PEM, or a subject public key
    /// info in base64 or PEM (PayPal).
    Rsa,
}

/// A public key that verifies.
pub struct PublicKey {
    form: PublicKeyForm,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Reads the key; or says what is wrong with its text.
    pub fn parse(form: PublicKeyForm, text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.len() > TEXT_BYTES {
            return Err("is too long for a public key");
        }
        let key = match form {
            PublicKeyForm::Ed25519Hex => {
                let bytes = unhex(text.as_bytes()).filter(|bytes| bytes.len() == 32);
                ed25519(bytes.ok_or("is not 64 hex digits")?)?
            }
            PublicKeyForm::Whpk => {
                let text = text.strip_prefix("whpk_").ok_or("does not begin with `whpk_`")?;
                let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32);
                ed25519(bytes.ok_or("is not the base64 of 32 bytes")?)?
            }
            PublicKeyForm::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key_info(text)?),
            PublicKeyForm::Rsa => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key_info(text)?),
        };
        Ok(Self { form, key: key.map_err(|_| "is no key of the kind that the scheme uses")? })
    }

    /// Whether the signature is this key's over the parts, one after the other.
    pub fn verifies(&self, message: &[&[u8]], signature: &[u8]) -> bool {
        let verified = match self.form {
            // Ed25519 goes over its message twice, so it wants it in one piece.
            PublicKeyForm::Ed25519Hex | PublicKeyForm::Whpk => self.key.verify_sig(&message.concat(), signature),
            PublicKeyForm::P256 | PublicKeyForm::Rsa => {
                let mut context = digest::Context::new(&digest::SHA256);
                message.iter().for_each(|part| context.update(part));
                self.key.verify_digest_sig(&context.finish(), signature)
            }
        };
        verified.is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.form)
    }
}

/// An Ed25519 key. Under one of small order a single signature fits every message, so none is taken.
fn ed25519(bytes: Vec<u8>) -> Result<Result<ParsedPublicKey, KeyRejected>, &'static str> {
    if is_small_order(&bytes) {
        return Err("is a point of small order, under which anybody can sign");
    }
    Ok(ParsedPublicKey::new(&ED25519, bytes))
}

/// The subject public key info in a text.
fn key_info(text: &str) -> Result<Vec<u8>, &'static str> {
    if !text.starts_with("-----BEGIN ") {
        let bytes = STANDARD.decode(text).map_err(|_| "is neither PEM nor base64")?;
        return demand_sequence(bytes);
    }
    if let Some(bytes) = pem(text, "PUBLIC KEY") {
        return demand_sequence(bytes);
    }
    let certificate = pem(text, "CERTIFICATE").ok_or("is not one PEM block of a public key or a certificate")?;
    match X509Certificate::from_der(&certificate) {
        Ok(([], certificate)) => Ok(certificate.public_key().raw.to_vec()),
        _ => Err("is not a certificate"),
    }
}

/// A bare point or RSA key is refused: it does not say what it is.
fn demand_sequence(bytes: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    if bytes.first() == Some(&SEQUENCE) { Ok(bytes) } else { Err("is not a subject public key info") }
}

/// The bytes of a text that is one PEM block with this label.
fn pem(text: &str, label: &str) -> Option<Vec<u8>> {
    let rest = text.strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let inner = rest.strip_suffix(&format!("-----END {label}-----"))?;
    let lines: String = inner.split_ascii_whitespace().collect();
    STANDARD.decode(lines).ok()
}

#[cfg(test)]
mod tests;
