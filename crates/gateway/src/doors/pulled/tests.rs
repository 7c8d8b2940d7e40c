//! A query names what is known, once.

use super::*;

#[test]
fn a_query_has_known_parameters_once() {
    let ask = asked(Some("limit=5&cursor=dlv_1&subscription=pay")).unwrap();
    assert_eq!((ask.limit, ask.cursor.as_deref(), ask.subscription.as_deref()), (Some(5), Some("dlv_1"), Some("pay")));
    assert_eq!(asked(None).unwrap(), PullAsk::default());
    for bad in ["limit=x", "limit=1&limit=2", "cursor=a&cursor=b", "what=1", "limit=-1"] {
        match asked(Some(bad)) {
            Err(Stop::Refused(refusal)) => {
                assert_eq!(refusal.code(), GatewayRefusal::QueryInvalid.info().code, "{bad}")
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
}
