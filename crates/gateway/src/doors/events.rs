//! `POST /events`: a tenant's event goes out to everybody whom it wants to tell.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use lockgate_inspect::json;
use lockgate_inspect::media_type::MediaType;
use lockgate_vocabulary::{Fault, Refusal, Stop};
use lockgate_webhooks::{EVENT_BYTES, NewEvent};

use super::{Door, DoorBody, Visit, answer, headers};
use crate::refusal::GatewayRefusal;

/// Bytes around an event's data.
const AROUND: usize = 1024;

/// Bytes of an `Idempotency-Key`.
const KEY_BYTES: usize = 255;

impl Door {
    /// Sends an event.
    pub(super) async fn event(&self, visit: Visit) -> Response<DoorBody> {
        let Visit { parts, body, arrival } = visit;
        self.as_caller(&parts, &arrival, "events", async |caller| {
            let key = key(&parts.headers)?;
            let event = read(&parts.headers, body).await?;
            let sent = self.webhooks.send(caller, arrival.trace.trace, &event, key.as_deref()).await?;
            let text = serde_json::to_string(&sent).map_err(|error| Fault::broken("writing an event", error))?;
            let mut response = answer::json(StatusCode::ACCEPTED, text, "no-store");
            if sent.replayed {
                response.headers_mut().insert(headers::IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
            }
            Ok(response)
        })
        .await
    }
}

/// The key under which the event is sent once: one header of visible ASCII.
fn key(headers: &HeaderMap) -> Result<Option<Box<str>>, Refusal> {
    let Some(key) = headers::idempotency_key(headers) else { return Ok(None) };
    let once = headers.get_all(headers::IDEMPOTENCY_KEY).iter().count() == 1;
    let plain = (1..=KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if once && plain {
        return Ok(Some(key));
    }
    let what = "it is not one value of 1 to 255 visible ASCII characters";
    Err(GatewayRefusal::HeaderInvalid.refuse().violation("Idempotency-Key", what))
}

/// The event: strict JSON of the right shape, within its size.
async fn read(headers: &HeaderMap, body: Incoming) -> Result<NewEvent, Stop> {
    let media_type = headers.get(CONTENT_TYPE).map(|value| MediaType::parse(value.as_bytes()));
    if !matches!(&media_type, Some(Ok(media_type)) if media_type.is_plain_json()) {
        return Err(GatewayRefusal::MediaType.into());
    }
    let whole = Limited::new(body, EVENT_BYTES + AROUND).collect().await;
    let bytes = whole.map_err(|_| GatewayRefusal::BodyTooLarge)?.to_bytes();
    json::check(&bytes, &json::Limits::default()).map_err(|_| GatewayRefusal::BodyJson)?;
    let event = serde_json::from_slice(&bytes);
    event.map_err(|error| {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default().to_owned();
        GatewayRefusal::BodyJson.refuse().detail(said).into()
    })
}

#[cfg(test)]
mod tests;
