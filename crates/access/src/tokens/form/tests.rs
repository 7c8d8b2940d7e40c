//! Forms are read strictly.

use proptest::prelude::*;

use super::{FORM_BYTES, Form, decode};
use crate::AccessRefusal;

fn value(form: &str, name: &str) -> Option<String> {
    Form::parse(form.as_bytes()).expect("a form").value(name).map(str::to_owned)
}

#[test]
fn parameters_are_decoded() {
    let form = "a=1&b=x+y%20z&c=%C3%A9&d=&e&f=a=b&&g%5F=%26";
    assert_eq!(value(form, "a").as_deref(), Some("1"));
    assert_eq!(value(form, "b").as_deref(), Some("x y z"));
    assert_eq!(value(form, "c").as_deref(), Some("é"));
    assert_eq!(value(form, "d"), None, "without a value it counts as absent");
    assert_eq!(value(form, "e"), None);
    assert_eq!(value(form, "f").as_deref(), Some("a=b"));
    assert_eq!(value(form, "g_").as_deref(), Some("&"));
}

#[test]
fn what_is_ambiguous_or_large_is_refused() {
    let refused = |form: &[u8]| Form::parse(form).err() == Some(AccessRefusal::GrantMalformed);
    for form in ["a=1&a=2", "a=1&a=", "a=&%61=", "a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=%0d", "a=\u{e9}", "a=b c"]
    {
        assert!(refused(form.as_bytes()), "{form}");
    }
    assert!(refused(&vec![b'a'; FORM_BYTES + 1]));
    let many: Vec<_> = (0..33).map(|index| format!("p{index}=1")).collect();
    assert!(refused(many.join("&").as_bytes()));
    assert!(Form::parse(many[..32].join("&").as_bytes()).is_ok());
    assert!(Form::parse(b"").is_ok());
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Form::parse(&bytes);
    }

    #[test]
    fn what_is_encoded_comes_back(text in "[^\\p{C}]{0,40}") {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        prop_assert_eq!(decode(encoded.as_bytes()), Some(text));
    }
}
