//! Which cookie counts.

use super::*;

#[test]
fn a_cookie_that_stands_twice_is_none() {
    let headers = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    };
    let read = |values: &[&str]| cookie(&headers(values), "__Host-connect-a");
    assert_eq!(read(&[]), None);
    assert_eq!(read(&["x=1; __Host-connect-a=v; y"]).as_deref(), Some("v"));
    assert_eq!(read(&["x=1", "__Host-connect-a=v"]).as_deref(), Some("v"));
    assert_eq!(read(&["__Host-connect-ab=v; __host-connect-a=w"]), None);
    assert_eq!(read(&["__Host-connect-a=v; __Host-connect-a=v"]), None);
    assert_eq!(read(&["__Host-connect-a=v", "__Host-connect-a=w"]), None);
    let many = vec!["z=1"; 64].join("; ");
    assert_eq!(read(&[&many, "__Host-connect-a=v"]), None, "no more are looked at");
}
