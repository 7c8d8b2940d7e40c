//! A delivery handed to a developer's server: the provider's headers and raw body, as they came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_egress::{Desk, DeskAnswer, DeskFailure};
use serde_json::Value;

use super::Asking;
use crate::commands::{Failure, resource};

/// What became of it at the desk.
pub(super) enum Handed {
    /// There is no desk to hand it to.
    Nowhere,
    /// It is in quarantine, and nobody hands that on.
    Withheld,
    /// What it holds cannot be opened any more, or is not for this caller.
    Unreadable,
    /// The server answered.
    Answered(DeskAnswer),
    /// It did not.
    Unanswered(DeskFailure),
}

impl Handed {
    /// Hands a delivery on.
    pub(super) async fn of(asking: &Asking<'_>, desk: Option<&Desk>, delivery: &Value) -> Result<Self, Failure> {
        let Some(desk) = desk else { return Ok(Self::Nowhere) };
        let text = |name: &str| delivery.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("state") == "quarantined" {
            return Ok(Self::Withheld);
        }
        let shown = asking.ask(&format!("/v1/deliveries/{}", resource::segment(text("delivery")))).await?;
        let Some((headers, body)) = shown.get("envelope").and_then(opened) else { return Ok(Self::Unreadable) };
        Ok(match desk.post(&headers, body).await {
            Ok(answer) => Self::Answered(answer),
            Err(failure) => Self::Unanswered(failure),
        })
    }

    /// Whether nobody has to look after it any more. What was not to be handed on counts as taken.
    pub(super) fn was_taken(&self) -> bool {
        match self {
            Self::Nowhere | Self::Withheld => true,
            Self::Answered(answer) => answer.status.is_success(),
            Self::Unreadable | Self::Unanswered(_) => false,
        }
    }
}

/// The headers and the body of an envelope.
fn opened(envelope: &Value) -> Option<(HeaderMap, Bytes)> {
    let mut headers = HeaderMap::new();
    for pair in envelope.get("headers")?.as_array()? {
        let (name, value) = (pair.get(0)?.as_str()?, pair.get(1)?.as_str()?);
        // What no header may be was none that came.
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) else {
            continue;
        };
        headers.append(name, value);
    }
    Some((headers, Bytes::from(STANDARD.decode(envelope.get("body_b64")?.as_str()?).ok()?)))
}
