//! `explain url`: its lines, and its score on the corpora of attacks and of benign URLs.

mod corpora;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lockgate_vocabulary::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::destination::tests::Time;

/// Counts how often anybody is asked.
#[derive(Clone, Default)]
pub(super) struct Counting(Arc<AtomicUsize>);

impl Resolver for Counting {
    fn resolve(&self, _name: Arc<str>) -> BoxFuture<Result<Vec<IpAddr>, ResolveFailure>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([93, 184, 216, 34])])))
    }
}

pub(super) fn options(dns: Option<Value>) -> (Options, Counting) {
    let asked = Counting::default();
    let options = Options {
        allow: Vec::new(),
        danger_allow_http: false,
        dns: dns.map(|map| serde_json::from_value(map).unwrap()),
        resolver: Arc::new(asked.clone()),
        clock: Arc::new(Time::default()),
    };
    (options, asked)
}

pub(super) async fn ask(options: &Options, line: Value) -> Value {
    let output = run_line(options, &line.to_string()).await;
    assert!(!output.contains('\n'), "one line");
    serde_json::from_str(&output).unwrap()
}

#[tokio::test]
async fn a_line_says_what_and_why() {
    let (options, _) = options(Some(json!({"*": ["8.8.8.8", "8.8.4.4"]})));
    assert_eq!(
        ask(&options, json!({"id": 7, "url": "HTTPS://API.Example.com:443/a/../b?c#d"})).await,
        json!({"id": 7, "verdict": "allow", "code": null, "host": "api.example.com", "addresses": ["8.8.8.8", "8.8.4.4"]})
    );
    assert_eq!(
        ask(&options, json!({"id": "x", "url": "https://10.0.0.1/"})).await,
        json!({"id": "x", "verdict": "block", "code": "egress.address.private", "host": "10.0.0.1", "addresses": []})
    );
    assert_eq!(
        ask(&options, json!({"url": "https://a@b/"})).await,
        json!({"id": null, "verdict": "block", "code": "egress.url.userinfo", "host": null, "addresses": []})
    );
}

#[tokio::test]
async fn a_line_that_is_none_is_blocked_under_its_id() {
    let (options, _) = options(None);
    for (line, id) in [("", Value::Null), ("{", Value::Null), ("[1]", Value::Null), (r#"{"id":5}"#, json!(5))] {
        let output: Value = serde_json::from_str(&run_line(&options, line).await).unwrap();
        assert_eq!((&output["id"], &output["verdict"]), (&id, &json!("block")), "{line}");
        assert_eq!(output["code"], json!("egress.line.malformed"));
    }
}

#[tokio::test]
async fn the_scheme_is_https_unless_the_danger_is_chosen() {
    let (mut options, _) = options(Some(json!({"*": ["8.8.8.8"]})));
    let line = json!({"id": 1, "url": "http://api.example.com/"});
    assert_eq!(ask(&options, line.clone()).await["code"], json!("egress.url.scheme"));
    options.danger_allow_http = true;
    assert_eq!(ask(&options, line).await["verdict"], json!("allow"));
    let ftp = json!({"id": 1, "url": "ftp://api.example.com/"});
    assert_eq!(ask(&options, ftp).await["code"], json!("egress.url.scheme"));
}

#[tokio::test]
async fn a_lines_own_lists_go_before_the_flags() {
    let (mut options, asked) = options(Some(json!({"api.example.com": "10.0.0.1", "*": ["8.8.8.8"]})));
    options.allow = vec!["*.example.com".to_owned()];
    let url = "https://api.example.com/";
    let code = |output: Value| output["code"].clone();
    assert_eq!(code(ask(&options, json!({"url": url})).await), json!("egress.address.private"));
    assert_eq!(code(ask(&options, json!({"url": url, "dns": {"API.example.com": ["8.8.4.4"]}})).await), Value::Null);
    assert_eq!(
        code(ask(&options, json!({"url": url, "dns": {"other": ["8.8.4.4"]}})).await),
        json!("egress.address.private")
    );
    assert_eq!(code(ask(&options, json!({"url": "https://other.test/"})).await), json!("egress.host.not_allowed"));
    assert_eq!(code(ask(&options, json!({"url": "https://other.test/", "allow": ["other.test"]})).await), Value::Null);
    assert_eq!(code(ask(&options, json!({"url": url, "allow": []})).await), json!("egress.host.not_allowed"));
    assert_eq!(code(ask(&options, json!({"url": url, "allow": ["*"]})).await), json!("egress.host.invalid"));
    assert_eq!(asked.0.load(Ordering::SeqCst), 0, "with a map nobody is asked");
}

#[tokio::test]
async fn without_a_map_names_are_really_looked_up_but_only_allowed_ones() {
    let (mut options, asked) = options(None);
    options.allow = vec!["api.example.com".to_owned()];
    assert_eq!(ask(&options, json!({"url": "https://api.example.com/"})).await["addresses"], json!(["93.184.216.34"]));
    assert_eq!(asked.0.load(Ordering::SeqCst), 1);
    for url in ["https://other.example.com/", "https://localhost/", "https://u@api.example.com/", "https://127.1/"] {
        assert_eq!(ask(&options, json!({"url": url})).await["verdict"], json!("block"), "{url}");
    }
    assert_eq!(asked.0.load(Ordering::SeqCst), 1, "nothing was looked up for what is refused anyway");
}

#[tokio::test]
async fn a_map_without_the_name_is_a_name_without_addresses() {
    let (options, _) = options(Some(json!({"other.example.com": []})));
    let output = ask(&options, json!({"id": 1, "url": "https://api.example.com/"})).await;
    assert_eq!(output["code"], json!("egress.name.unresolved"));
    assert_eq!(output["host"], json!("api.example.com"));
}

#[test]
fn a_line_may_be_judged_on_any_thread() {
    fn movable<T: Send>(_: &T) {}
    let (options, _) = options(None);
    movable(&run_line(&options, "{}"));
}
