//! A tenant's new key seals from then on, and what the one before sealed stays open.

use std::sync::Arc;
use std::time::Duration;

use lockgate_audit::{Config as AuditConfig, Signer};
use lockgate_vocabulary::{Clock, SystemEntropy};

use super::*;
use crate::seal::key_version;
use crate::tests::fixture::{House, OTHER, TENANT};

#[tokio::test]
async fn a_new_key_seals_from_then_on_and_is_made_once() {
    let house = House::new().await;
    let clock: Arc<dyn Clock> = Arc::new(house.clock.clone());
    let config = AuditConfig::new(house.folder.path().join("audit"), "test".parse().expect("a name"));
    let signer = Signer::new(&config.origin(), &Secret::new(vec![7; 32])).expect("a signer");
    let audit = Audit::open(&config, signer, clock, Arc::new(SystemEntropy)).await.expect("the trail opens").0;
    let (vault, second) = (house.vault().await, house.vault().await);
    for tenant in [TENANT, OTHER] {
        vault.prepare(tenant).await.expect("a key");
    }
    let before = vault.seal(TENANT, "answer", b"", b"kept").expect("sealed");
    let digest = vault.digest(TENANT, "target", b"x");
    house.clock.advance(Duration::from_secs(1));
    let now = house.clock.now();

    let one = async || vault.rekey(Some(TENANT), now, &audit).await.expect("made");
    assert_eq!(one().await, Rekeyed { made: 1, left: 0 });
    assert_eq!(one().await, Rekeyed { made: 0, left: 1 }, "it is newer than that");
    let nobody = vault.rekey(Some(TenantId::from_u128(77)), now, &audit).await.expect("read");
    assert_eq!(nobody, Rekeyed::default(), "whom nobody knows");
    let all = vault.rekey(None, now, &audit).await.expect("made");
    assert!(all.made >= 2 && all.left == 1, "the house's and the other tenant's: {all:?}");
    let again = vault.rekey(None, now, &audit).await.expect("nothing to do");
    assert_eq!(again, Rekeyed { made: 0, left: all.made + 1 });
    for vault in [&vault, &second, &house.vault().await] {
        vault.refresh().await.expect("read");
        let after = vault.seal(TENANT, "answer", b"", b"new").expect("sealed");
        assert_eq!((key_version(&before), key_version(&after)), (Ok(1), Ok(2)));
        for (sealed, plain) in [(&before, &b"kept"[..]), (&after, b"new")] {
            assert_eq!(vault.unseal(TENANT, "answer", b"", sealed).expect("open").expose(), plain);
        }
        assert_eq!(vault.digest(TENANT, "target", b"x"), digest, "what is compared over the years stays");
    }
}
