//! The gateway's own events over a tenant's ways out (AUD-2): each way out has a cursor in the feed of events.
//!
//! A page of events becomes deliveries, and the cursor moves on, in one change: none is told twice by us and
//! none is left out. Events are sorted by identifiers that are made before they are committed, so a cursor only
//! goes over what has settled: what is 15 s old, because a write may wait for as long before the store gives it
//! up. An own event is therefore told 15 s after it happened, at the earliest.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::Fault;

use crate::rows::governance as rows;
use crate::send::Told;
use crate::subscription::{EventPattern, Side, Status, Subscription};
use crate::webhooks::Webhooks;

/// How long after an event's making an earlier one may still appear: as long as a write may wait.
const SETTLING: Duration = Duration::from_secs(15);

/// Events of one change, and of one way and tick, so that one with much to tell keeps no other waiting.
const PAGE: i64 = 200;

/// The gateway's own types begin with a capital letter; a tenant's may too, but are not in the feed.
fn names_own(subscription: &Subscription) -> bool {
    let own = |pattern: &EventPattern| match pattern {
        EventPattern::Is(name) => lockgate_access::registry::EventKind::ALL.iter().any(|kind| kind.as_str() == &**name),
        EventPattern::All | EventPattern::Begins(_) => false,
    };
    match &subscription.side {
        Side::Outbound { types } => types.iter().any(own),
        Side::Inbound(_) => false,
    }
}

impl Webhooks {
    /// Lets every way out that names the gateway's own events tell some of what happened since. One that is not
    /// active, or whose tenant may do nothing, tells it later; what goes wrong with one keeps no other from it.
    pub async fn tell_own(&self) -> Result<(), Fault> {
        let (page, directory) = (self.book.page()?, self.access.directory()?);
        let may = |way: &Subscription| directory.tenants.get(&way.tenant).is_some_and(|tenant| tenant.active);
        let ways = page.all().filter(|way| way.status == Status::Active && names_own(way) && may(way));
        let ways: Vec<Arc<Subscription>> = ways.cloned().collect();
        drop(directory);
        for way in ways {
            if let Err(fault) = self.tell_page(&way).await {
                tracing::warn!(%fault, subscription = %way.id, "the gateway's own events were not told");
            }
        }
        Ok(())
    }

    /// One page of events.
    async fn tell_page(&self, way: &Subscription) -> Result<(), Fault> {
        let Some(behind) = self.cursor(way).await? else { return Ok(()) };
        let now = self.clock.now();
        let values = values![&behind, now.before(SETTLING), PAGE];
        let events = self.store.read(way.tenant, &rows::EVENTS, values).await?;
        let Some(last) = events.last() else { return Ok(()) };
        let mut change =
            Change::of(way.tenant).step(&rows::CURSOR_MOVE, values![way.id, &behind, last.text(0)?]).expecting(1);
        let Side::Outbound { types } = &way.side else { return Ok(()) };
        for event in &events {
            let (id, kind) = (event.text(0)?, event.text(1)?);
            if types.iter().any(|pattern| pattern.tells(kind, true)) {
                let body = Bytes::copy_from_slice(event.text(2)?.as_bytes());
                let media_type = "application/cloudevents+json";
                change = self.telling_one(change, way, &Told { event_type: kind, body, media_type, id }, now)?;
            }
        }
        match self.store.apply(change).await {
            Ok(_) => self.wake.notify_one(),
            // Another node was quicker.
            Err(ApplyFailure::Unmet { step: 0 }) => {}
            Err(failure) => return Err(failure.into_fault("telling the gateway's own events")),
        }
        Ok(())
    }

    /// Where a way out stands. A new one begins with what happens from now on.
    async fn cursor(&self, way: &Subscription) -> Result<Option<String>, Fault> {
        let rows = self.store.read(way.tenant, &rows::CURSOR, values![way.id]).await?;
        if let Some(row) = rows.first() {
            return Ok(Some(row.text(0)?.to_owned()));
        }
        let settled = self.clock.now().before(SETTLING);
        let newest = self.store.read(way.tenant, &rows::NEWEST, values![settled]).await?;
        let newest = newest.first().ok_or(Fault::violated("a maximum has a row"))?.text(0)?.to_owned();
        let begin = Change::of(way.tenant).step(&rows::CURSOR_BEGIN, values![way.id, newest]);
        self.store.apply(begin).await.map_err(|failure| failure.into_fault("beginning a cursor"))?;
        Ok(None)
    }
}
