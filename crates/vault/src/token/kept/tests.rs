//! Kept tokens of before they could have a key open as ever, and torn ones do not.

use super::*;
use crate::tests::fixture::{CREDENTIAL_ID, House, bearer, connection};

#[tokio::test]
async fn what_was_sealed_before_there_were_keys_opens() {
    let house = House::new().await;
    let vault = house.vault().await;
    let own = connection(bearer());
    house.keep(&vault, &own, 1, "anything").await;
    let sealed = |plain: &[u8]| {
        let context = vault.context(&own, CREDENTIAL_ID, (3, 4));
        vault.seal(own.tenant, PURPOSE, &context, plain).expect("sealed")
    };
    let open = |plain: &[u8]| vault.open_pair(&own, CREDENTIAL_ID, &Kept::sealed((3, 4), sealed(plain)));
    // length(4) access refresh.
    let pair = open(b"\0\0\0\x06access-refresh").expect("opens");
    assert_eq!(pair.access.expose(), b"access");
    assert_eq!(pair.refresh.as_ref().map(Secret::expose), Some(&b"-refresh"[..]));
    assert!(pair.key.is_none());
    let key = [7_u8; KEY_BYTES];
    let bound = [&b"\x80\0\0\x06"[..], &key, b"access"].concat();
    let pair = open(&bound).expect("opens");
    assert_eq!((pair.access.expose(), pair.refresh.is_none()), (&b"access"[..], true));
    assert_eq!(pair.key.expect("a key").private().expose(), key);
    for torn in [&b""[..], b"\0\0\0", b"\0\0\0\x07access", b"\x80\0\0\x01access", &bound[..40]] {
        assert!(open(torn).is_err(), "{torn:?}");
    }
}
