//! One key that signs our own tokens: made, sealed, brought back, published.

use std::fmt;

use lockgate_vocabulary::{Entropy, Fault, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::jose::{Algorithm, Signer};

/// What our own tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// Ed25519, under the name that most libraries know (RFC 8037).
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256, for readers that know no other curve.
    #[serde(rename = "ES256")]
    Es256,
}

impl SigningAlgorithm {
    /// Its name in headers and rows.
    pub const fn as_str(self) -> &'static str {
        self.algorithm().as_str()
    }

    pub(crate) const fn algorithm(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDsa,
            Self::Es256 => Algorithm::Es256,
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256].into_iter().find(|known| known.as_str() == name)
    }
}

/// A key that signs.
pub(crate) struct SigningKey {
    algorithm: SigningAlgorithm,
    public: Value,
    signer: Signer,
}

impl SigningKey {
    /// A new key, and its private half to be sealed.
    pub(crate) fn generate(algorithm: SigningAlgorithm, entropy: &dyn Entropy) -> Result<(Self, Secret), Fault> {
        let (signer, private) = Signer::generate(algorithm.algorithm(), entropy)?;
        Ok((Self::of(algorithm, signer), private))
    }

    /// The key with this private half.
    pub(crate) fn restore(algorithm: SigningAlgorithm, private: &[u8]) -> Result<Self, Fault> {
        let signer = Signer::restore(algorithm.algorithm(), private);
        Ok(Self::of(algorithm, signer.map_err(|_| Fault::violated("a signing key's private half is sound"))?))
    }

    fn of(algorithm: SigningAlgorithm, signer: Signer) -> Self {
        let mut public = signer.public().clone();
        if let Some(members) = public.as_object_mut() {
            members.insert("kid".into(), signer.kid().into());
            members.insert("use".into(), "sig".into());
            members.insert("alg".into(), algorithm.as_str().into());
        }
        Self { algorithm, public, signer }
    }

    /// The key's name: its thumbprint (RFC 7638).
    pub(crate) fn kid(&self) -> &str {
        self.signer.kid()
    }

    pub(crate) const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Its public half as a JWK.
    pub(crate) const fn public(&self) -> &Value {
        &self.public
    }

    /// Signs these claims as an access token (RFC 9068).
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, Fault> {
        self.signer.sign(json!({"kid": self.kid(), "typ": "at+jwt"}), claims)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm.as_str(), self.kid())
    }
}

#[cfg(test)]
mod tests;
