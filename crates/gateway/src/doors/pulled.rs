//! `GET /deliveries` and `POST /deliveries/{delivery}/ack`: what waits for the tenant, and that it was taken.

use http::{Response, StatusCode};
use lockgate_access::{AccessRefusal, Caller};
use lockgate_vocabulary::{Arrival, DeliveryId, Fault, Stop};
use lockgate_webhooks::PullAsk;

use super::outbound::presented;
use super::refuse::Refused;
use super::{Door, DoorBody, Visit, answer, headers};
use crate::refusal::GatewayRefusal;

const NO_STORE: &str = "no-store";

impl Door {
    /// Answers what waits to be fetched.
    pub(super) async fn deliveries(&self, visit: &Visit) -> Response<DoorBody> {
        self.as_caller(&visit.parts, &visit.arrival, "deliveries", async |caller| {
            let ask = asked(visit.parts.uri.query())?;
            let page = self.webhooks.pull(caller, visit.arrival.trace.trace, &ask).await?;
            let text = serde_json::to_string(&page).map_err(|error| Fault::broken("writing deliveries", error))?;
            Ok(answer::json(StatusCode::OK, text, NO_STORE))
        })
        .await
    }

    /// Takes an acknowledgement.
    pub(super) async fn acknowledge(&self, delivery: &str, visit: &Visit) -> Response<DoorBody> {
        self.as_caller(&visit.parts, &visit.arrival, "deliveries", async |caller| {
            // A text that is no identifier is answered as a delivery that is not there.
            let delivery: DeliveryId = delivery.parse().map_err(|_| AccessRefusal::ObjectUnknown)?;
            self.webhooks.acknowledge(caller, visit.arrival.trace.trace, delivery).await?;
            let mut response = answer::json(StatusCode::NO_CONTENT, "", NO_STORE);
            response.headers_mut().remove(http::header::CONTENT_TYPE);
            Ok(response)
        })
        .await
    }

    /// Does something for a caller who is identified and within their rate; what is refused is recorded.
    pub(super) async fn as_caller(
        &self,
        parts: &http::request::Parts,
        arrival: &Arrival,
        door: &'static str,
        act: impl AsyncFnOnce(&Caller) -> Result<Response<DoorBody>, Stop>,
    ) -> Response<DoorBody> {
        let mut refused =
            Refused { door, arrival, method: &parts.method, caller: None, run: None, connection: None, target: None };
        let caller = match self.access.identify(presented(&parts.headers), arrival).await {
            Ok(caller) => caller,
            Err(stop) => return self.refuse(refused, stop).await,
        };
        refused.caller = Some(&caller);
        let done = match self.traffic.admit_caller(&caller).await {
            Ok(_) => act(&caller).await,
            Err(stop) => Err(stop),
        };
        match done {
            Ok(mut response) => {
                headers::mark(response.headers_mut(), None, arrival);
                if let Some(permit) = self.traffic.allowance(&caller) {
                    headers::tell_rate(response.headers_mut(), &permit);
                }
                response
            }
            Err(stop) => self.refuse(refused, stop).await,
        }
    }
}

/// The query: known parameters alone, each once.
fn asked(query: Option<&str>) -> Result<PullAsk, Stop> {
    let mut ask = PullAsk::default();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let value = value.into_owned();
        let taken = match &*name {
            "cursor" => ask.cursor.replace(value).is_none(),
            "subscription" => ask.subscription.replace(value).is_none(),
            "limit" => value.parse().is_ok_and(|limit| ask.limit.replace(limit).is_none()),
            _ => false,
        };
        if !taken {
            return Err(GatewayRefusal::QueryInvalid.into());
        }
    }
    Ok(ask)
}

#[cfg(test)]
mod tests;
