//! Secrets kept and brought back.

use super::*;
use crate::tests::fixture::{House, TENANT};
use crate::webhook::{Hash, KeyForm};

#[tokio::test]
async fn a_kept_secret_comes_back_only_in_its_place() {
    let house = House::new().await;
    let vault = house.vault().await;
    vault.prepare(TENANT).await.expect("a key");
    let made = vault.generate_webhook_secret();
    assert!(made.expose().starts_with(b"whsec_") && made.expose().len() == 6 + 44);
    assert!(KeyForm::Whsec.fits(&made));
    assert_ne!(made.expose(), vault.generate_webhook_secret().expose());

    let (sealed, fingerprint) = vault.keep_webhook_secret(TENANT, b"sub 1", &made).expect("sealed");
    assert!(fingerprint.starts_with("v1:"));
    let direct = WebhookSecrets::new([(1, made)]);
    let opened = vault.webhook_secrets(TENANT, [(1, b"sub 1".as_slice(), sealed.as_slice())]).expect("opened");
    assert_eq!(opened.sign_standard("id", 1, b"{}"), direct.sign_standard("id", 1, b"{}"));
    assert_eq!(opened.matching(Hash::Sha256, KeyForm::Whsec, &[b"x"], &[[0; 32]]), None);

    assert!(vault.webhook_secrets(TENANT, [(1, b"sub 2".as_slice(), sealed.as_slice())]).is_err());
    assert!(vault.unseal(TENANT, "credential", b"sub 1", &sealed).is_err());
}
