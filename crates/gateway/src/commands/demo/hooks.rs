//! The webhook act: a provider's delivery is taken in once, a forged one is refused, and what was taken in is
//! fetched and acknowledged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use lockgate_egress::{Desk, OperatorClient};
use lockgate_vault::webhook::WebhookSecrets;
use lockgate_vocabulary::{Fault, Secret};
use serde_json::{Value, json};

use super::script::{Script, line};
use super::stage::{Stage, ask, json_of, text};
use crate::commands::Failure;

/// What the demonstration's provider signs with. The other side of it is in the vault.
const SECRET: &str = "whsec_ZGVtb25zdHJhdGlvbiBwcm92aWRlcidzIHNlY3JldA==";

const PAID: &str = r#"{"type":"invoice.paid","amount":100}"#;
const FORGED: &str = r#"{"type":"invoice.paid","amount":900}"#;

/// Shows it.
pub(super) async fn received(stage: &Stage, script: &mut Script<'_>) -> Result<(), Failure> {
    script.step("A provider's signed webhook: heard once, a forged one refused, fetched and acknowledged")?;
    let spec = json!({ "direction": "inbound", "scheme": "standardwebhooks" });
    let new = json!({ "name": "shop", "spec": spec, "secrets": [SECRET] });
    let path = text(&ask(&stage.operator, Method::POST, "/v1/subscriptions", new).await?, "/path")?;
    let sent = provider(stage, script, &path, PAID).await?;
    script.check(sent.0 == 200, "it is kept, durably, before the provider hears 200")?;
    let again = provider(stage, script, &path, PAID).await?;
    let same = again.1.get("delivery") == sent.1.get("delivery");
    let duplicate = again.1.get("duplicate") == Some(&json!(true));
    script.check(again.0 == 200 && duplicate && same, "the same once more is told as a duplicate")?;
    let forged = provider(stage, script, &path, FORGED).await?;
    let refused = forged.1.get("code") == Some(&json!("webhooks.signature.mismatch"));
    script.check(forged.0 == 401 && refused, "with another body under that signature it is refused")?;

    let kept = read(&stage.operator, "/v1/deliveries").await?;
    let one = kept.get("items").and_then(Value::as_array).is_some_and(|items| items.len() == 1);
    let trail = read(&stage.operator, "/v1/audit?kind=refused&limit=1").await?;
    let code = trail.pointer("/items/0/code");
    let only = one && code == Some(&json!("webhooks.signature.mismatch"));
    script.check(only, "of the forged one there is the refusal in the trail, and nothing else")?;

    script.sent("GET /deliveries")?;
    let page = read(&stage.caller, "/deliveries").await?;
    let delivery = text(&page, "/items/0/delivery")?;
    script.got(&format!("{delivery} {}", page.pointer("/items/0/json").unwrap_or(&Value::Null)))?;
    let raw = page.pointer("/items/0/body_b64") == Some(&json!(STANDARD.encode(PAID)));
    let fetched = raw && Some(&json!(delivery)) == sent.1.get("delivery");
    script.check(fetched, "the tenant's service fetches it, byte for byte")?;
    script.sent(&format!("POST /deliveries/{delivery}/ack"))?;
    let acknowledged = stage.caller.send(Method::POST, &format!("/deliveries/{delivery}/ack"), None).await;
    let acknowledged = acknowledged.map_err(|failure| Failure::Internal(failure.to_string()))?;
    script.got(&acknowledged.status.as_u16().to_string())?;
    let left = read(&stage.caller, "/deliveries").await?;
    let none = left.get("items").and_then(Value::as_array).is_some_and(Vec::is_empty);
    script.check(acknowledged.status == 204 && none, "and acknowledges it; nothing waits any more")
}

/// The provider sends this body under its signature for the genuine one.
async fn provider(
    stage: &Stage,
    script: &mut Script<'_>,
    path: &str,
    body: &'static str,
) -> Result<(u16, Value), Failure> {
    let (id, now) = ("msg_demo_1", stage.clock.now().as_secs());
    let secrets = WebhookSecrets::new([(1, Secret::from(SECRET.to_owned()))]);
    let signature = secrets.sign_standard(id, now, PAID.as_bytes());
    let signature = signature.ok_or(Fault::violated("the demonstration's provider signs"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("webhook-id", id), ("webhook-timestamp", &now.to_string()), ("webhook-signature", &signature)]
    {
        let value = HeaderValue::from_str(value).map_err(|error| Fault::broken("writing a header", error))?;
        headers.insert(name, value);
    }
    script.sent(&format!("POST {path}  webhook-id: {id}  {body}"))?;
    let door = Desk::new(&format!("{}{path}", stage.door), stage.clock.clone());
    let answer = door.post(&headers, Bytes::from_static(body.as_bytes())).await;
    let answer = answer.map_err(|failure| Failure::Internal(failure.to_string()))?;
    let (status, json) = (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null));
    script.got(&line(status, &json))?;
    Ok((status, json))
}

async fn read(client: &OperatorClient, path: &str) -> Result<Value, Failure> {
    let answer = client.send(Method::GET, path, None).await;
    answer.map(|answer| json_of(&answer)).map_err(|failure| Failure::Internal(failure.to_string()))
}
