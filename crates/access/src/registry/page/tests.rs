//! Limits of pages and what a cursor may be.

use lockgate_store::Value;
use lockgate_vocabulary::KeyId;

use super::PageAsk;

fn ask(limit: Option<u32>, cursor: Option<&str>) -> PageAsk {
    PageAsk { limit, cursor: cursor.map(str::to_owned) }
}

#[test]
fn a_page_has_a_hundred_rows_unless_it_says_and_never_more_than_a_thousand() {
    assert_eq!(ask(None, None).limit().unwrap(), 100);
    assert_eq!(ask(Some(1), None).limit().unwrap(), 1);
    assert_eq!(ask(Some(1_000), None).limit().unwrap(), 1_000);
    assert_eq!(ask(Some(1_000), None).rows().unwrap(), Value::Int(1_001));
    for wrong in [0, 1_001, u32::MAX] {
        assert_eq!(ask(Some(wrong), None).limit().unwrap_err().code(), "access.page.limit");
        assert!(ask(Some(wrong), None).rows().is_err());
    }
}

#[test]
fn a_cursor_is_an_identifier_of_the_list() {
    let id = KeyId::from_u128(5).to_string();
    assert_eq!(ask(None, None).behind::<KeyId>().unwrap(), "");
    assert_eq!(ask(None, Some(&id)).behind::<KeyId>().unwrap(), id);
    for wrong in ["", "5", "conn_0000000000000000000000000", "key_'; DROP TABLE keys", "../../etc"] {
        assert_eq!(ask(None, Some(wrong)).behind::<KeyId>().unwrap_err().code(), "access.page.cursor", "{wrong}");
    }
}

#[test]
fn what_is_asked_is_strict() {
    assert!(serde_json::from_str::<PageAsk>(r#"{"limit": 5}"#).is_ok());
    assert!(serde_json::from_str::<PageAsk>(r#"{"limit": -5}"#).is_err());
    assert!(serde_json::from_str::<PageAsk>(r#"{"offset": 5}"#).is_err());
}
