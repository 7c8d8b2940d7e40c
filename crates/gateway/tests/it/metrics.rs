//! What Prometheus scrapes: every answer is counted by route and status, every refusal by its code.

use std::collections::BTreeMap;

use lockgate_testkit::Canned;
use serde_json::json;

use crate::client::Client;
use crate::world::World;

/// The samples of a scrape, each line of which is one, a comment, or the mark at its end.
async fn scrape(world: &World) -> BTreeMap<String, f64> {
    let mut client = Client::connect(world.admin).await;
    client.send("GET /metrics HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").expect("a type");
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "a scrape that was cut off would be taken for a whole one");
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line:?}"));
        assert!(samples.insert(name.to_owned(), value).is_none(), "{name} stands twice");
    }
    samples
}

#[tokio::test]
async fn each_refusal_is_counted_under_its_code() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection_with(&acme, "pay", json!({ "retries": 0 })).await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let before = scrape(&world).await;
    let mut told: BTreeMap<String, f64> = BTreeMap::new();
    let mut statuses: BTreeMap<String, f64> = BTreeMap::new();
    let calls = [
        (acme.service.as_str(), "GET", "/call/pay/v1/things/1"),
        (&acme.service, "GET", "/call/pay/v1/things/1"),
        (&acme.service, "GET", "/call/pay/v1/nothing"),
        (&acme.service, "GET", "/call/pay/v1/nothing"),
        (&acme.service, "GET", "/call/nobodys/v1/things/1"),
        (&acme.service, "GET", "/call/pay/v1/x/..%2fthings"),
        (&acme.operator, "GET", "/call/pay/v1/things/1"),
        ("lgk_nobody", "GET", "/call/pay/v1/things/1"),
        (&acme.service, "TRACE", "/call/pay/v1/things/1"),
    ];
    for (key, method, path) in calls {
        let answer = world.call(key, method, path, "", "").await;
        if answer.header("content-type") == Some("application/problem+json") {
            *told.entry(answer.code()).or_default() += 1.0;
        }
        if method != "TRACE" {
            *statuses.entry(format!("{}xx", answer.status / 100)).or_default() += 1.0;
        }
    }
    assert!(told.len() >= 5, "{told:?}");
    let after = scrape(&world).await;
    let grown = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
    for (code, count) in &told {
        let refused = grown(&format!("lockgate_refusals_total{{code=\"{code}\"}}"));
        let violated = grown(&format!("lockgate_http_violations_total{{code=\"{code}\"}}"));
        assert_eq!(refused.max(violated), *count, "{code}");
    }
    for (status, count) in &statuses {
        let name = format!("lockgate_requests_total{{route=\"/call/{{connection}}/{{path...}}\",status=\"{status}\"}}");
        assert_eq!(grown(&name), *count, "{status}");
    }
    // Whatever is counted under a code is in the manual, so that whoever is alarmed finds the cure.
    let manual = include_str!("../../../../docs/generated/refusals.md");
    for name in after.keys() {
        let Some((_, rest)) = name.split_once("code=\"") else { continue };
        let code = rest.split('"').next().expect("a code");
        assert!(manual.contains(&format!("`{code}`")), "{code} is not in the manual");
    }
    world.end().await;
}
