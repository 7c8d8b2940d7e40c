//! What the operators' side is sent is what it takes, or it is refused: for every body, place by place, as the
//! document describes it, and for the query of every path.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::equal::served;
use crate::world::World;

/// A place in a body where an object stands, and a body that leads there and no further.
struct Place {
    pointer: String,
    /// The body, which has null in that place.
    body: Value,
    /// Whether its members are known, or any name may stand there.
    is_map: bool,
    /// Whether it is a word with something beside it, of which an unknown word is told at the whole.
    is_choice: bool,
}

/// The document, and every place in it.
struct Document(Value);

impl Document {
    fn new() -> Self {
        Self(serde_json::from_str(&lockgate_admin::openapi_document()).expect("JSON"))
    }

    /// Every request with a body: method, path, schema.
    fn bodies(&self) -> Vec<(String, String, &Value)> {
        let paths = self.0["paths"].as_object().expect("paths").iter();
        let operations = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").iter();
            methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        });
        let at = "/requestBody/content/application~1json/schema";
        operations.filter_map(|(method, path, said)| Some((method, path, said.pointer(at)?))).collect()
    }

    /// The alternatives of a schema, each with its members put together.
    fn alternatives(&self, schema: &Value) -> Vec<Value> {
        if let Some(name) = schema["$ref"].as_str() {
            return self.alternatives(self.0.pointer(name.trim_start_matches('#')).expect("it is there"));
        }
        if let Some(each) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            return each.iter().flat_map(|each| self.alternatives(each)).collect();
        }
        let Some(parts) = schema["allOf"].as_array() else { return vec![schema.clone()] };
        let mut whole = json!({ "type": "object", "properties": {} });
        for part in parts.iter().flat_map(|part| self.alternatives(part)) {
            let members = part["properties"].as_object().expect("members").clone();
            whole["properties"].as_object_mut().expect("members").extend(members);
        }
        vec![whole]
    }

    /// Every place below this one, which has this schema and which `lead` puts a value into.
    fn walk(&self, schema: &Value, pointer: &str, lead: &dyn Fn(Value) -> Value, found: &mut Vec<Place>) {
        let alternatives = self.alternatives(schema);
        let is_choice = alternatives.iter().any(|each| each["enum"].is_array());
        for each in &alternatives {
            let inner = &each["additionalProperties"];
            let is_map = inner.is_object();
            if let Some(items) = each.get("items") {
                self.walk(items, &format!("{pointer}/0"), &|value| lead(json!([value])), found);
            }
            if is_map {
                self.walk(inner, &format!("{pointer}/k"), &|value| lead(json!({ "k": value })), found);
            }
            let Some(members) = each["properties"].as_object() else {
                if is_map {
                    found.push(Place { pointer: pointer.to_owned(), body: lead(Value::Null), is_map, is_choice });
                }
                continue;
            };
            found.push(Place { pointer: pointer.to_owned(), body: lead(Value::Null), is_map, is_choice });
            let tags = members.iter().filter_map(|(name, said)| match said["enum"].as_array()?.as_slice() {
                [word] => Some((name.clone(), word.clone())),
                _ => None,
            });
            let tags: serde_json::Map<String, Value> = tags.collect();
            for (name, said) in members {
                let beside = |value: Value| {
                    let mut object = tags.clone();
                    object.insert(name.clone(), value);
                    lead(Value::Object(object))
                };
                self.walk(said, &format!("{pointer}/{name}"), &beside, found);
            }
        }
    }
}

impl Place {
    /// The body with this in the place.
    fn with(&self, value: Value) -> Value {
        let mut body = self.body.clone();
        *body.pointer_mut(&self.pointer).expect("it leads there") = value;
        body
    }
}

fn demand_told(answer: &Answer, pointer: &str, what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (422, "admin.input.invalid"), "{what}: {}", answer.text());
    assert_eq!(answer.json()["violations"][0]["pointer"], pointer, "{what}: {}", answer.text());
}

#[tokio::test]
async fn an_array_is_taken_for_an_object_nowhere_and_an_unknown_member_stands_nowhere() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let document = Document::new();
    let (mut count, mut asked) = (0, Vec::new());
    for (method, path, schema) in document.bodies() {
        let (mut places, target) = (Vec::new(), path.replace("{id}", "nobodys"));
        document.walk(schema, "", &|value| value, &mut places);
        assert!(!places.is_empty(), "{method} {path}: no object");
        for place in &places {
            asked.push(format!("{path}{}", place.pointer));
            for array in [json!([]), json!(["x"]), json!([{}])] {
                let body = place.with(array);
                let answer = world.ask(&acme.operator, &method, &target, Some(body.clone())).await;
                demand_told(&answer, &place.pointer, &format!("{method} {path} {body}"));
                count += 1;
            }
            if place.is_map {
                continue;
            }
            let body = place.with(json!({ "canary_member": "canary" }));
            let at = if place.is_choice { place.pointer.clone() } else { format!("{}/canary_member", place.pointer) };
            let answer = world.ask(&acme.operator, &method, &target, Some(body.clone())).await;
            demand_told(&answer, &at, &format!("{method} {path} {body}"));
            assert!(!answer.text().contains("\"canary\""), "{}", answer.text());
        }
    }
    for deep in [
        "/v1/issuers/spec",
        "/v1/providers/auth/authorization",
        "/v1/providers/endpoints/0/fallback",
        "/v1/connections/spec/endpoints/0/answer",
        "/v1/subscriptions/spec/handoff/push",
        "/v1/subscriptions/spec/endpoint",
    ] {
        assert!(asked.iter().any(|place| place == deep), "{deep} was not asked: {asked:#?}");
    }
    assert!(count > 200, "{count}");
    world.end().await;
}

#[tokio::test]
async fn each_placement_and_each_direction_has_its_own_members_alone() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let provider = |auth: Value| json!({ "name": "v", "title": "V", "base_url": "https://v.test", "auth": auth });
    let bearer = |member: &str| json!({ "placement": "bearer", member: "canary" });
    let token = json!({ "placement": "oauth", "token_url": "https://v.test/token", "name": "canary" });
    let inbound = json!({ "direction": "inbound", "scheme": "github", "event_types": ["canary"] });
    let endpoint = json!({ "url": "https://x.test" });
    let outbound = json!({ "direction": "outbound", "event_types": [], "endpoint": endpoint, "scheme": "canary" });
    let setting = |setting: Value| {
        let spec = json!({ "direction": "inbound", "scheme": "hmac", "setting": setting });
        json!({ "name": "s", "spec": spec, "secrets": ["a-secret-of-mine"] })
    };
    for (path, body, pointer) in [
        ("/v1/providers", provider(bearer("extra")), "/auth/extra"),
        ("/v1/providers", provider(bearer("name")), "/auth/name"),
        ("/v1/providers", provider(bearer("token_url")), "/auth/token_url"),
        ("/v1/providers", provider(json!({ "placement": "basic", "prefix": "" })), "/auth/prefix"),
        ("/v1/providers", provider(json!({ "placement": "none", "scope": null })), "/auth/scope"),
        ("/v1/providers", provider(json!({ "placement": "query", "name": "k", "prefix": "x" })), "/auth/prefix"),
        ("/v1/providers", provider(json!({ "placement": "header" })), "/auth/name"),
        ("/v1/providers", provider(json!({ "placement": "query", "name": null })), "/auth/name"),
        ("/v1/providers", provider(json!({ "placement": "oauth" })), "/auth/token_url"),
        ("/v1/providers", provider(token), "/auth/name"),
        ("/v1/providers", provider(json!({ "name": "k" })), "/auth/placement"),
        ("/v1/subscriptions", json!({ "name": "s", "spec": inbound }), "/spec/event_types"),
        ("/v1/subscriptions", json!({ "name": "s", "spec": outbound }), "/spec/scheme"),
        ("/v1/subscriptions", json!({ "name": "s", "spec": { "direction": "inbound" } }), "/spec/scheme"),
        ("/v1/subscriptions", setting(json!([])), "/spec/setting"),
        ("/v1/subscriptions", setting(json!({ "hmac": ["x"] })), "/spec/setting/hmac"),
        ("/v1/subscriptions", setting(json!({ "digest": [] })), "/spec/setting/digest"),
        ("/v1/subscriptions", setting(json!({ "jws": [] })), "/spec/setting/jws"),
    ] {
        let what = body.to_string();
        let answer = world.ask(&acme.operator, "POST", path, Some(body)).await;
        demand_told(&answer, pointer, &what);
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    let listed = world.ask(&acme.operator, "GET", "/v1/providers?limit=1", None).await.json();
    assert_eq!(listed["items"][0]["origin"], "catalog", "none was made: {listed}");
    world.end().await;
}

#[tokio::test]
async fn a_query_is_refused_where_there_is_none_and_nothing_of_it_is_done_or_told() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    let before = world.ask(&acme.operator, "GET", "/v1/credentials?limit=1", None).await.json();
    let id = before["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{before}")).to_owned();
    let document = Document::new();
    for (method, path, bodied) in served() {
        let described = &document.0["paths"][&path][method.to_lowercase()]["parameters"];
        let named = |parameter: &Value| (parameter["in"] == "query").then(|| parameter["name"].clone());
        let known: Vec<Value> = described.as_array().into_iter().flatten().filter_map(named).collect();
        let target = path.replace("{id}", &id);
        let body = bodied.then(|| json!({ "secret": "s" }));
        for query in ["secret=canary-4eC39", "canary-4eC39", "limit=1&canary-4eC39=1", "limit=canary-4eC39", "%63"] {
            let answer = world.ask(&acme.operator, &method, &format!("{target}?{query}"), body.clone()).await;
            let said = format!("{method} {path}?{query}: {}", answer.text());
            assert_eq!((answer.status, answer.code().as_str()), (400, "admin.query.invalid"), "{said}");
            assert_eq!(answer.json()["violations"][0]["pointer"], "query", "{said}");
            assert!(!answer.text().contains("4eC39"), "{said}");
        }
        let limited = world.ask(&acme.operator, &method, &format!("{target}?limit=1"), body.clone()).await;
        let is_refused = limited.text().contains("admin.query.invalid");
        assert_eq!(is_refused, !known.contains(&json!("limit")), "{method} {path}: {}", limited.text());
    }
    let after = world.ask(&acme.operator, "GET", "/v1/credentials?limit=1", None).await.json();
    assert_eq!(before, after, "no version was added and none was revoked");
    // Nobody learns anything of a path by its query before it is known who asks, and an empty one asks for nothing.
    let mut client = Client::connect(world.admin).await;
    client.send("POST /v1/tenants?secret=x HTTP/1.1\r\nHost: gate\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.answer().await.expect("an answer").status, 401);
    assert_eq!(world.ask(&acme.operator, "GET", "/v1/connections/pay?", None).await.status, 200);
    world.end().await;
}
