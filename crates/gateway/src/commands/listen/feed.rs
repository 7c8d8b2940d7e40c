//! What is new among a subscription's deliveries, the oldest first, each once.
//!
//! Identifiers are made before their rows are committed, so an earlier one may appear after a later one. What
//! was received since the newest of some rounds ago is read again each time, and what was told before is known.

use std::collections::{BTreeMap, VecDeque};

use lockgate_vocabulary::SubscriptionId;
use serde_json::Value;

use super::Asking;
use crate::commands::{Failure, resource};

/// Rounds for which an earlier delivery may still appear.
const ROUNDS: usize = 10;

/// Rows of a page.
const PAGE: &str = "100";

/// Where somebody stands in a subscription's deliveries.
pub(super) struct Feed {
    named: String,
    id: Option<String>,
    /// Deliveries that were told, with when they were received.
    told: BTreeMap<String, String>,
    /// When the newest was received, as it was in each of the last rounds.
    newest: VecDeque<String>,
}

impl Feed {
    /// Begins behind what is there.
    pub(super) async fn begin(asking: &Asking<'_>, named: &str) -> Result<Self, Failure> {
        let id = named.parse::<SubscriptionId>().ok().map(|id| id.to_string());
        let mut feed = Self { named: named.to_owned(), id, told: BTreeMap::new(), newest: VecDeque::new() };
        let page = feed.page(asking, None).await?;
        items(&page).iter().for_each(|item| feed.remember(item));
        feed.end_round();
        Ok(feed)
    }

    /// The subscription's id, where it is known: the caller may have given a name.
    pub(super) fn subscription(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What came since, the oldest first.
    pub(super) async fn news(&mut self, asking: &Asking<'_>) -> Result<Vec<Value>, Failure> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.page(asking, cursor.as_deref()).await?;
            found.extend(items(&page).iter().filter(|item| !self.told.contains_key(text(item, "delivery"))).cloned());
            cursor = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        found.sort_by(|one, other| text(one, "delivery").cmp(text(other, "delivery")));
        Ok(found)
    }

    async fn page(&self, asking: &Asking<'_>, cursor: Option<&str>) -> Result<Value, Failure> {
        let since = self.newest.front().cloned();
        let pairs = [
            ("subscription", Some(self.named.clone())),
            ("since", since),
            ("limit", Some(PAGE.to_owned())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        asking.ask(&resource::query("/v1/deliveries", pairs)).await
    }

    /// Remembers that one was told, so that it is not told again.
    pub(super) fn remember(&mut self, item: &Value) {
        self.id.get_or_insert_with(|| text(item, "subscription").to_owned());
        self.told.insert(text(item, "delivery").to_owned(), text(item, "received_at").to_owned());
    }

    /// Ends a round in which everything was told: what cannot be found again is forgotten.
    pub(super) fn end_round(&mut self) {
        // All moments are RFC 3339 in UTC with as many digits, so the texts have their order.
        let newest = self.told.values().max().cloned();
        self.newest.extend(newest);
        if self.newest.len() > ROUNDS {
            self.newest.pop_front();
        }
        if let Some(since) = self.newest.front() {
            self.told.retain(|_, received_at| *received_at >= *since);
        }
    }
}

fn items(page: &Value) -> &[Value] {
    page.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}
