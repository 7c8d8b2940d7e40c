//! Schemas judge values, tell rules and places, and cannot be made to cost much.

use serde_json::json;

use super::*;

fn compiled(schema: Value) -> Schema {
    Schema::compile(&schema).expect("compiles")
}

fn violations(schema: &Schema, text: &str) -> Vec<(String, String)> {
    let found = match schema.check(text.as_bytes(), &json::Limits::default()) {
        Ok(()) => Vec::new(),
        Err(Misfit::Violations(found)) => found,
        Err(Misfit::TooCostly) => panic!("too costly"),
    };
    found.into_iter().map(|violation| (violation.pointer, violation.reason)).collect()
}

fn customer() -> Schema {
    compiled(json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "pattern": "^cus_[a-z0-9]+$"},
            "balance": {"type": "integer", "minimum": 0, "maximum": 100},
            "kind": {"enum": ["person", "company"]},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 2}
        },
        "additionalProperties": false
    }))
}

#[test]
fn a_fitting_value_passes() {
    assert_eq!(violations(&customer(), "{\"id\":\"cus_1\",\"balance\":7,\"tags\":[\"a\"]}"), []);
}

#[test]
fn violations_name_place_and_rule_and_no_value() {
    let text =
        "{\"id\":\"SECRETVALUE\",\"balance\":4242424242,\"kind\":\"robot\",\"tags\":[\"toolongvalue\"],\"sneaky\":1}";
    let found = violations(&customer(), text);
    let told = |pointer: &str| {
        found.iter().filter(|(at, _)| at == pointer).map(|(_, reason)| reason.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(told("/id"), ["does not have the form that is wanted"]);
    assert_eq!(told("/balance"), ["is above 100"]);
    assert_eq!(told("/kind"), ["is not one of the values that are allowed"]);
    assert_eq!(told("/tags/0"), ["is longer than 5 characters"]);
    assert_eq!(told(""), ["has 1 members that are not allowed"]);
    let all = format!("{found:?}");
    for value in ["SECRETVALUE", "4242424242", "robot", "toolong", "sneaky"] {
        assert!(!all.contains(value), "{value} in {all}");
    }
    assert_eq!(violations(&customer(), "{}"), [("".into(), "lacks the member id".into())]);
    assert_eq!(violations(&customer(), "[]"), [("".into(), "is not of the type object".into())]);
}

#[test]
fn names_of_members_are_masked_in_the_place() {
    let schema = compiled(json!({"additionalProperties": {"type": "string"}}));
    assert_eq!(violations(&schema, "{\"alice@example.com\":1}")[0].0, "/[email]");
    assert_eq!(violations(&schema, "{\"a~1/b\":1}")[0].0, "/a~01~1b");
}

#[test]
fn the_text_is_read_strictly_first() {
    let any = compiled(json!(true));
    assert_eq!(violations(&any, "{\"a\":1,\"a\":2}"), [("".into(), "has the same member twice".into())]);
    assert_eq!(violations(&any, "{\"a\":1e999}"), [("/a".into(), "has a number out of range".into())]);
    assert_eq!(violations(&any, "{\"a\":1}"), []);
}

#[test]
fn every_rule_is_told_in_words() {
    for (schema, text) in [
        (json!({"exclusiveMaximum": 1}), "2"),
        (json!({"exclusiveMinimum": 3}), "2"),
        (json!({"minimum": 3}), "2"),
        (json!({"multipleOf": 2}), "3"),
        (json!({"minItems": 1}), "[]"),
        (json!({"minLength": 1}), "\"\""),
        (json!({"maxProperties": 0}), "{\"a\":1}"),
        (json!({"minProperties": 1}), "{}"),
        (json!({"uniqueItems": true}), "[1,1]"),
        (json!({"const": 1}), "2"),
        (json!({"not": {}}), "2"),
        (json!(false), "2"),
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), "2"),
        (json!({"oneOf": [{"type": "string"}, {"type": "null"}]}), "2"),
        (json!({"oneOf": [{"type": "integer"}, {"minimum": 0}]}), "2"),
        (json!({"contains": {"type": "string"}}), "[2]"),
        (json!({"propertyNames": {"maxLength": 1}}), "{\"ab\":1}"),
        (json!({"prefixItems": [true], "items": false}), "[1,2]"),
        (json!({"unevaluatedProperties": false}), "{\"a\":1}"),
        (json!({"unevaluatedItems": false}), "[1]"),
        (json!({"type": ["string", "null"]}), "2"),
    ] {
        let found = violations(&compiled(schema.clone()), text);
        assert!(!found.is_empty() && found.iter().all(|(_, reason)| reason != "breaks a rule"), "{schema}: {found:?}");
    }
}

#[test]
fn references_stay_inside() {
    let good = json!({"$defs": {"id": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/id"}}});
    assert_eq!(violations(&compiled(good), "{\"a\":\"x\"}").len(), 1);
    for reference in
        ["https://evil.example/schema.json", "other.json", "file:///etc/passwd", "#/$defs/absent", "#anchor", ""]
    {
        let schema = json!({"properties": {"a": {"$ref": reference}}});
        assert_eq!(Schema::compile(&schema).err(), Some(SchemaFlaw::Reference), "{reference}");
    }
    for keyword in ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef"] {
        let schema = json!({"properties": {"a": {keyword: "https://evil.example/"}}});
        assert_eq!(Schema::compile(&schema).err(), Some(SchemaFlaw::Reference), "{keyword}");
    }
    let foreign = json!({"$schema": "https://evil.example/meta", "type": "string"});
    assert_eq!(Schema::compile(&foreign).err(), Some(SchemaFlaw::Dialect));
    let named = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string"});
    assert!(Schema::compile(&named).is_ok());
    let property = json!({"properties": {"$id": {"type": "string"}, "default": {"type": "string"}}});
    assert!(Schema::compile(&property).is_ok(), "a member may be called as a keyword");
}

#[test]
fn a_schema_that_contains_itself_is_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"properties": {"child": {"$ref": "#"}}}),
        json!({"properties": {"default": {"$ref": "#"}}}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
    ] {
        assert_eq!(Schema::compile(&schema).err(), Some(SchemaFlaw::Recursive), "{schema}");
    }
}

#[test]
fn a_schema_that_multiplies_itself_is_refused() {
    let doubling = |levels: usize| {
        let mut definitions = serde_json::Map::new();
        for level in 0..levels {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            definitions.insert(format!("l{level}"), json!({"allOf": [next.clone(), next]}));
        }
        definitions.insert(format!("l{levels}"), json!({"type": "string"}));
        json!({"$defs": definitions, "$ref": "#/$defs/l0"})
    };
    assert!(Schema::compile(&doubling(4)).is_ok());
    assert_eq!(Schema::compile(&doubling(40)).err(), Some(SchemaFlaw::TooLarge));
}

#[test]
fn large_and_deep_schemas_are_refused() {
    let deep = (0..40).fold(json!({"type": "string"}), |inner, _| json!({"items": inner}));
    assert_eq!(Schema::compile(&deep).err(), Some(SchemaFlaw::TooLarge));
    let long = json!({"enum": ["x".repeat(70_000)]});
    assert_eq!(Schema::compile(&long).err(), Some(SchemaFlaw::TooLarge));
    let mut chain = serde_json::Map::new();
    for level in 0..500 {
        chain.insert(format!("l{level}"), json!({"$ref": format!("#/$defs/l{}", level + 1)}));
    }
    chain.insert("l500".into(), json!(true));
    assert_eq!(Schema::compile(&json!({"$defs": chain, "$ref": "#/$defs/l0"})).err(), Some(SchemaFlaw::TooLarge));
}

#[test]
fn patterns_run_in_linear_time() {
    let schema = compiled(json!({"pattern": "^(a+)+$"}));
    let text = format!("\"{}!\"", "a".repeat(50_000));
    assert_eq!(violations(&schema, &text).len(), 1);
    // What only backtracking can match is no pattern here.
    assert!(matches!(Schema::compile(&json!({"pattern": "^(?=a)b"})), Err(SchemaFlaw::Invalid(_))));
    assert!(matches!(Schema::compile(&json!({"pattern": "(a{1000}){1000}"})), Err(SchemaFlaw::Invalid(_))));
}

/// The texts that `[xX]*x[xX]{n}[0-9]` finds hardest: no memory holds all sets of states that it can be in.
fn mixed(bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state & 1 == 0 { 'x' } else { 'X' }
    };
    std::iter::repeat_with(letter).take(bytes).collect()
}

fn many(patterns: usize) -> Value {
    let each = (0..patterns).map(|number| json!({"pattern": format!("[xX]*x[xX]{{{}}}[0-9]", 40 + number % 20)}));
    let forms: Vec<Value> = each.chain([json!({})]).collect();
    json!({"type": "array", "items": {"anyOf": forms}})
}

#[test]
fn patterns_are_few_and_small() {
    assert!(Schema::compile(&many(64)).is_ok());
    assert_eq!(Schema::compile(&many(65)).err(), Some(SchemaFlaw::TooLarge));
    let names: serde_json::Map<_, _> = (0..65).map(|number| (format!("^{number}$"), json!(true))).collect();
    assert_eq!(Schema::compile(&json!({"patternProperties": names})).err(), Some(SchemaFlaw::TooLarge));
    let named = json!({"$ref": "#/$defs/id"});
    let often = json!({"$defs": {"id": {"pattern": "^a$"}}, "prefixItems": vec![named; 65]});
    assert_eq!(Schema::compile(&often).err(), Some(SchemaFlaw::TooLarge), "followed references count");
    assert!(matches!(Schema::compile(&json!({"pattern": "\\p{L}{200}"})), Err(SchemaFlaw::Invalid(_))));
}

#[test]
fn work_is_counted_before_it_is_done() {
    let limits = json::Limits::default();
    let schema = compiled(many(64));
    let value = |bytes| json!([mixed(bytes)]).to_string();
    // A text that would keep a processor busy for minutes is refused in no time.
    assert_eq!(schema.check(value(60_000).as_bytes(), &limits), Err(Misfit::TooCostly));
    assert_eq!(schema.check_light(value(60_000).as_bytes(), &limits), None);
    assert_eq!(schema.check_light(value(2).as_bytes(), &limits), Some(Ok(())));
    // What a pattern sees is bounded, however cheap the pattern is.
    let cheap = compiled(json!({"pattern": "^a"}));
    assert_eq!(cheap.check(json!("a".repeat(65_536)).to_string().as_bytes(), &limits), Ok(()));
    assert_eq!(cheap.check(json!("a".repeat(65_537)).to_string().as_bytes(), &limits), Err(Misfit::TooCostly));
    let names = compiled(json!({"patternProperties": {"^a": true}}));
    assert_eq!(names.check(json!({"a".repeat(65_537): 1}).to_string().as_bytes(), &limits), Err(Misfit::TooCostly));
}

#[test]
fn usual_answers_are_light_and_large_ones_pass() {
    let limits = json::Limits::default();
    let schema = compiled(json!({"type": "array", "items": customer().0.source.clone()}));
    let row = json!({"id": "cus_1234567890", "balance": 7, "kind": "person", "tags": ["a", "b"]});
    let page = serde_json::to_vec(&vec![row.clone(); 100]).expect("JSON");
    assert_eq!(schema.check_light(&page, &limits), Some(Ok(())));
    let bulk = serde_json::to_vec(&vec![row; 5_000]).expect("JSON");
    assert_eq!((schema.check_light(&bulk, &limits), schema.check(&bulk, &limits)), (None, Ok(())));
    let wrong = json!(vec![json!({"id": 1}); 20_000]).to_string();
    let Err(Misfit::Violations(told)) = schema.check(wrong.as_bytes(), &limits) else { panic!("it fits") };
    assert_eq!((told.len(), told[0].pointer.as_str()), (1, ""), "too many places to tell them");
}

#[test]
fn every_costly_keyword_is_counted() {
    let limits = json::Limits::default();
    let text = |value: &Value| value.to_string().into_bytes();
    let deep = |levels: usize, inner: Value, wrap: fn(Value) -> Value| (0..levels).fold(inner, |inner, _| wrap(inner));
    let numbers = text(&json!((0..70_000).map(|number| f64::from(number) + 0.5).collect::<Vec<_>>()));
    let object: serde_json::Map<_, _> = (0..5_000).map(|number| (format!("m{number}"), json!(number))).collect();
    let object = text(&Value::Object(object));
    let wide: Vec<Value> = (0..4_000).map(|number| json!({"const": number})).collect();
    let nested = text(&deep(30, json!(vec![1; 90_000]), |inner| json!([inner])));
    for (schema, value) in [
        (json!({"items": {"multipleOf": 1e-300}}), &numbers),
        (json!({"items": {"enum": (0..5_000).collect::<Vec<_>>()}}), &numbers),
        (json!({"items": {"anyOf": wide}}), &numbers),
        (
            deep(
                4,
                json!({"additionalProperties": {"type": "string"}}),
                |inner| json!({"anyOf": [inner, {}], "unevaluatedProperties": {"type": "integer"}}),
            ),
            &object,
        ),
        (deep(30, json!({"uniqueItems": true}), |inner| json!({"uniqueItems": true, "items": inner})), &nested),
    ] {
        let schema = compiled(schema);
        assert_eq!(schema.check(value, &limits), Err(Misfit::TooCostly), "{}", schema.0.source);
    }
}

#[test]
fn what_is_no_schema_is_refused_in_words() {
    for schema in [json!({"type": "strin"}), json!({"minimum": "a"}), json!([]), json!(3)] {
        let flaw = Schema::compile(&schema).expect_err("no schema");
        assert!(flaw.to_string().starts_with("is no JSON Schema"), "{flaw}");
    }
    for flaw in [SchemaFlaw::Dialect, SchemaFlaw::Reference, SchemaFlaw::Recursive, SchemaFlaw::TooLarge] {
        assert!(!flaw.to_string().is_empty());
    }
    assert_eq!(format!("{:?}", customer().clone()), "Schema");
}
