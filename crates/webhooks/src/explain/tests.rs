//! Every vector, through the same code as at the door.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const VECTORS: [&str; 2] =
    [include_str!("../../testdata/vectors.json"), include_str!("../../testdata/vectors-tier-c.json")];

fn vectors() -> Vec<Value> {
    let files = VECTORS.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
    files.flat_map(|file| file["vectors"].as_array().expect("a list").clone()).collect()
}

fn explainer() -> Explainer {
    Explainer { now: Timestamp::from_secs(1_790_000_000), webhook_id: Some(SAMPLE_WEBHOOK.to_owned()) }
}

fn explained(vector: &Value) -> Value {
    serde_json::from_str(&explainer().explain_line(&vector.to_string())).expect("JSON")
}

#[test]
fn every_vector_is_judged_as_expected() {
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for vector in vectors() {
        let valid = vector["expect"] == "valid";
        let told = explained(&vector);
        let count = counts.entry(vector["provider"].as_str().expect("a name").to_owned()).or_default();
        if valid {
            count.0 += 1
        } else {
            count.1 += 1
        }
        assert_eq!(told["id"], vector["id"]);
        // What is not signed may be changed by anybody, and the vector still names the genuine identifier.
        let forged = vector["mutation"] == "unsigned_id_changed";
        if told["verdict"] != vector["expect"] || (valid && !forged && told["delivery_id"] != vector["delivery_id"]) {
            wrong.push(format!("{} wanted {} {}", told, vector["expect"], vector["delivery_id"]));
        }
        assert_eq!(told["code"].is_null(), told["verdict"] == "valid");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("valid and invalid of each: {counts:?}");
    assert_eq!(counts.values().map(|(valid, invalid)| valid + invalid).sum::<u32>(), 369);
}

#[test]
fn what_is_invalid_has_a_code_that_says_why() {
    let wanted = [
        ("missing_sig_header", vec!["webhooks.signature.missing"]),
        ("sig_flip_first", vec!["webhooks.signature.mismatch"]),
        ("sig_truncated", vec!["webhooks.signature.malformed"]),
        ("sig_upper_hex", vec!["webhooks.signature.malformed"]),
        ("sig_b64_junk", vec!["webhooks.signature.malformed"]),
        ("sig_b64_unpadded", vec!["webhooks.signature.malformed"]),
        ("dup_sig_header_same", vec!["webhooks.header.duplicated"]),
        ("dup_ts_header", vec!["webhooks.header.duplicated"]),
        ("dup_id_header", vec!["webhooks.header.duplicated"]),
        ("missing_id_header", vec!["webhooks.id.malformed"]),
        ("ts_stale_1d", vec!["webhooks.timestamp.stale"]),
        ("ts_future_10y", vec!["webhooks.timestamp.future"]),
        ("ts_float", vec!["webhooks.timestamp.malformed"]),
        ("sig_flood_2000", vec!["webhooks.signature.candidates"]),
        ("crc_oracle_token", vec!["webhooks.challenge.malformed"]),
        ("cert_url_ssrf", vec!["webhooks.certificate.foreign"]),
        ("json_ctype_confusion", vec!["webhooks.media-type.unfit"]),
        ("body_one_byte", vec!["webhooks.signature.mismatch"]),
    ];
    let all = vectors();
    for (mutation, codes) in wanted {
        let of_it: Vec<&Value> = all.iter().filter(|vector| vector["mutation"] == mutation).collect();
        assert!(!of_it.is_empty(), "{mutation}");
        for vector in of_it {
            let told = explained(vector);
            assert!(codes.contains(&told["code"].as_str().unwrap_or_default()), "{} {told}", vector["id"]);
        }
    }
}

#[test]
fn a_line_that_is_no_delivery_is_invalid() {
    for line in
        ["", "{}", "[]", "{\"id\":\"x\"}", "{\"id\":\"x\",\"provider\":\"nobody\",\"headers\":[],\"body_b64\":\"\"}"]
    {
        let told: Value = serde_json::from_str(&explainer().explain_line(line)).expect("JSON");
        assert_eq!((&told["verdict"], &told["code"]), (&json!("invalid"), &json!("webhooks.explain.line")), "{line}");
        assert_eq!(told["id"], if line.contains('x') { json!("x") } else { Value::Null });
        assert!(told["detail"].is_string(), "{line}");
    }
    let line = r#"{"id":1,"provider":"square","headers":[],"body_b64":""}"#;
    let told: Value = serde_json::from_str(&explainer().explain_line(line)).expect("JSON");
    assert_eq!(told["code"], "webhooks.explain.setting");
    assert!(told["detail"].as_str().is_some_and(|detail| detail.starts_with("/public_url")), "{told}");
    for (more, detail) in [
        ("\"headers\":[[\"a b\",\"c\"]],\"body_b64\":\"\"", "headers: not a header's name or value"),
        ("\"headers\":[],\"body_b64\":\"e30\"", "body_b64: not padded base64"),
    ] {
        let line = format!("{{\"id\":1,\"provider\":\"github\",\"secrets\":[\"whose\"],{more}}}");
        let told: Value = serde_json::from_str(&explainer().explain_line(&line)).expect("JSON");
        assert_eq!((&told["code"], &told["detail"]), (&json!("webhooks.explain.line"), &json!(detail)));
    }
}

/// Genuine deliveries of every provider, but those that could not be told from what was changed.
fn genuine() -> &'static [Value] {
    static GENUINE: LazyLock<Vec<Value>> = LazyLock::new(|| {
        let fit = |vector: &Value| vector["expect"] == "valid";
        vectors().into_iter().filter(fit).collect()
    });
    &GENUINE
}

/// The headers that a signature, a moment or a signed identifier stands in.
fn is_signed_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let unsigned = ["initial-delivery", "triggered", "trackingid"];
    ["signature", "hmac-sha256", "timestamp", "ed25519", "svix-id", "webhook-id"].iter().any(|part| name.contains(part))
        && !name.contains("shopify-webhook-id")
        && !unsigned.iter().any(|part| name.contains(part))
        && !name.contains("settings")
}

proptest! {
    #[test]
    fn a_changed_byte_of_the_body_never_verifies(which in any::<Index>(), at in any::<Index>(), bit in 0u8..8) {
                let mut vector = which.get(genuine()).clone();
        // Adyen's standard scheme signs fields and Twilio's signs what a form means, so other bytes may say the same.
        prop_assume!(vector["provider"] != "adyen_standard" && vector["provider"] != "twilio");
        let mut body = STANDARD.decode(vector["body_b64"].as_str().expect("text")).expect("base64");
        prop_assume!(!body.is_empty());
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        vector["body_b64"] = json!(STANDARD.encode(body));
        prop_assert_eq!(&explained(&vector)["verdict"], "invalid");
    }

    #[test]
    fn a_changed_character_of_a_signed_header_never_verifies(
        which in any::<Index>(), at in any::<Index>(), other in proptest::char::range(' ', '~'), kind in 0u8..4
    ) {
                let mut vector = which.get(genuine()).clone();
        // Where one of several signatures is genuine, the others may be anything.
        prop_assume!(!vector["mutation"].as_str().expect("text").starts_with("rotation"));
        prop_assume!(!vector["mutation"].as_str().expect("text").starts_with("v1a"));
        let headers = vector["headers"].as_array_mut().expect("a list");
        let signed: Vec<usize> = (0..headers.len())
            .filter(|index| is_signed_header(headers[*index][0].as_str().expect("text")))
            .collect();
        prop_assume!(!signed.is_empty());
        let header = &mut headers[*at.get(&signed)];
        let before = header[1].as_str().expect("text").to_owned();
        let place = at.index(before.len());
        let mut after: Vec<char> = before.chars().collect();
        match kind {
            0 => drop(after.remove(place)),
            1 => after.insert(place, other),
            2 => after.push(other),
            _ => after[place] = other,
        }
        let after: String = after.into_iter().collect();
        prop_assume!(after != before);
        header[1] = json!(after);
        prop_assert_eq!(&explained(&vector)["verdict"], "invalid", "{} {}", vector["id"], vector["headers"]);
    }

    #[test]
    fn another_moment_of_coming_is_judged_by_the_window(off in -400i64..400) {
        let vector = genuine().iter().find(|vector| vector["id"] == "stripe-001-none_compact").expect("there");
        let now = Timestamp::from_secs(1_789_999_998 + off);
        let told = Explainer { now, webhook_id: None }.explain_line(&vector.to_string());
        prop_assert_eq!(told.contains("\"valid\""), off.abs() <= 300);
    }
}
