//! The table and what finds its way through it agree.

use super::*;

#[test]
fn every_row_is_found_with_its_methods_and_no_other() {
    for (place, row) in ROUTES.iter().enumerate() {
        assert_eq!(row.serves as usize, place, "{} stands where `Serves` has it", row.path);
        let path = row.path.replace("{connection}", "pay").replace("{path...}", "v1/x").replace("{operation}", "op_1");
        let path = path.replace("{subscription}", "sub_1").replace("{delivery}", "dlv_1");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let method: Method = method.parse().expect("a method");
            let wanted = row.methods.split(", ").any(|known| known == method.as_str());
            match find(&method, &path) {
                Ok(found) => assert!(wanted && found.serves() == row.serves, "{method} {path}"),
                Err(nowhere) => assert!(!wanted && nowhere == Nowhere::Method(row.methods), "{method} {path}"),
            }
        }
    }
}

#[test]
fn a_call_names_a_connection_and_a_path() {
    let call = |path| find(&Method::POST, path);
    assert_eq!(call("/call/pay/"), Ok(Found::Call { connection: "pay", path: "/" }));
    assert_eq!(call("/call/pay/v1//x/"), Ok(Found::Call { connection: "pay", path: "/v1//x/" }));
    for bad in ["/call", "/call/", "/call/pay", "/call//v1", "/Call/pay/v1", "/%63all/pay/v1"] {
        assert_eq!(call(bad), Err(Nowhere::Path), "{bad}");
    }
}

#[test]
fn a_path_has_one_spelling() {
    for bad in [
        "",
        "/",
        "/healthz/",
        "//healthz",
        "/HEALTHZ",
        "/oauth/token/",
        "/operations/",
        "/operations/a/b",
        "/hooks/",
        "/hooks/a/b",
        "/deliveries/",
        "/deliveries/a",
        "/deliveries//ack",
        "/deliveries/a/b/ack",
        "/oauth/%74oken",
    ] {
        assert_eq!(find(&Method::GET, bad), Err(Nowhere::Path), "{bad:?}");
    }
}
