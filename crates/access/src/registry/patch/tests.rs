//! Absent, null and a value are three things.

use serde::Deserialize;

use super::Patch;

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    value: Patch<u8>,
}

#[test]
fn absent_keeps_null_clears_a_value_sets() {
    for (text, patch, after) in [
        ("{}", Patch::Keep, Some(1)),
        (r#"{"value": null}"#, Patch::Clear, None),
        (r#"{"value": 7}"#, Patch::Set(7), Some(7)),
    ] {
        let change: Change = serde_json::from_str(text).unwrap();
        assert_eq!(change.value, patch);
        assert_eq!(change.value.over(Some(1)), after);
    }
    assert!(serde_json::from_str::<Change>(r#"{"value": "x"}"#).is_err());
}
