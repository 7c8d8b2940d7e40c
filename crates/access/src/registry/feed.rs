//! The feed of events, read by the governance side (`GET /v1/events`).
//!
//! Events are sorted by their identifiers, which are made before they are committed, perhaps on another
//! node whose clock differs. So a cursor never goes past what may still be joined by an earlier one:
//! the newest events come again with the next page. A reader tells them by their `id`, as CloudEvents
//! asks of every consumer.

use std::time::Duration;

use lockgate_store::{Row, values};
use lockgate_vocabulary::{EventId, Fault, Stop, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{PageAsk, Registry};
use crate::rows;
use crate::scope::Scope;

/// How long after an event's making an earlier one may still appear.
const SETTLING: Duration = Duration::from_secs(5);

/// One page of the feed.
#[derive(Debug, Serialize)]
pub struct FeedPage {
    /// The events, in CloudEvents' JSON format.
    pub items: Vec<Box<RawValue>>,
    /// Where to read on. Absent while nothing has settled yet: then the feed is read from its start again.
    pub next: Option<String>,
}

impl Registry<'_> {
    /// Reads events behind a cursor.
    pub async fn events(&self, ask: &PageAsk) -> Result<FeedPage, Stop> {
        self.demand(Scope::AuditRead)?;
        let (behind, limit) = (ask.behind::<EventId>()?, ask.limit()?);
        let rows = self.read(&rows::events::PAGE, values![behind, ask.rows()?]).await?;
        let more = rows.len() > limit;
        let shown: Vec<(String, Box<RawValue>, Timestamp)> =
            rows.iter().take(limit).map(read).collect::<Result<_, _>>()?;
        let settled = self.now().before(SETTLING);
        let last = match more {
            // A full page goes on behind its end, or a burst would be read again and again.
            true => shown.last(),
            false => shown.iter().rev().find(|(.., at)| *at <= settled),
        };
        let next = last.map(|(id, ..)| id.clone()).or_else(|| ask.cursor.clone());
        Ok(FeedPage { items: shown.into_iter().map(|(_, body, _)| body).collect(), next })
    }
}

fn read(row: &Row) -> Result<(String, Box<RawValue>, Timestamp), Fault> {
    let body = RawValue::from_string(row.text(1)?.to_owned());
    let body = body.map_err(|error| Fault::broken("reading a stored event", error))?;
    Ok((row.text(0)?.to_owned(), body, row.moment(2)?))
}
