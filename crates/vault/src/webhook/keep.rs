//! Keeping a subscription's secrets: sealed at rest, opened only into [`WebhookSecrets`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_vocabulary::{Fault, Secret, TenantId};
use zeroize::{Zeroize as _, Zeroizing};

use super::WebhookSecrets;
use crate::vault::Vault;

/// What sealed webhook secrets are for.
const PURPOSE: &str = "webhook-secret";

/// Random bytes of a secret that is made here.
const BYTES: usize = 32;

impl Vault {
    /// Seals a secret for its place, such as a subscription's identifier and the version, and gives the
    /// fingerprint by which it may be known.
    pub fn keep_webhook_secret(
        &self,
        tenant: TenantId,
        context: &[u8],
        secret: &Secret,
    ) -> Result<(Vec<u8>, String), Fault> {
        let sealed = self.seal(tenant, PURPOSE, context, secret.expose())?;
        Ok((sealed, self.inner.digests.fingerprint(tenant, secret)?))
    }

    /// Opens a subscription's live secrets, each a version, its context and its sealed bytes.
    pub fn webhook_secrets<'a>(
        &self,
        tenant: TenantId,
        sealed: impl IntoIterator<Item = (u32, &'a [u8], &'a [u8])>,
    ) -> Result<WebhookSecrets, Fault> {
        let open = |(version, context, sealed): (u32, &[u8], &[u8])| {
            self.unseal(tenant, PURPOSE, context, sealed).map(|secret| (version, secret))
        };
        let opened: Vec<(u32, Secret)> = sealed.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(WebhookSecrets::new(opened))
    }

    /// A new secret as Standard Webhooks writes one.
    pub fn generate_webhook_secret(&self) -> Secret {
        let mut bytes = Zeroizing::new([0; BYTES]);
        self.inner.entropy.fill(bytes.as_mut());
        let mut text = "whsec_".to_owned();
        // The room is made before the secret goes in, so that no copy of it stays behind.
        text.reserve(BYTES * 2);
        let mut encoded = STANDARD.encode(bytes.as_ref());
        text.push_str(&encoded);
        encoded.zeroize();
        Secret::from(text)
    }
}

#[cfg(test)]
mod tests;
