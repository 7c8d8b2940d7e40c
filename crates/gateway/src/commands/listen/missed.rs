//! Deliveries that were refused at the door, as the trail of the node that answers has them.

use serde_json::Value;

use super::Asking;
use crate::commands::Failure;

/// Entries that are read at once, and how often for one round: beyond so many refusals nobody reads them one by one.
const PAGE: u32 = 100;
const PAGES: usize = 50;

/// Where somebody stands in the trail.
pub(super) struct Missed {
    /// The entry that was told last.
    index: Option<u64>,
}

impl Missed {
    /// Begins behind what is there.
    pub(super) async fn begin(asking: &Asking<'_>) -> Result<Self, Failure> {
        let page = asking.ask("/v1/audit?kind=refused&limit=1").await?;
        Ok(Self { index: entries(&page).iter().filter_map(index).max() })
    }

    /// What was refused since, the oldest first: at this subscription's door, or, as long as nobody knows its
    /// id, at all of the tenant's.
    pub(super) async fn news(&mut self, asking: &Asking<'_>, id: Option<&str>) -> Result<Vec<Value>, Failure> {
        let (told, mut newest, mut found, mut cursor) = (self.index, self.index, Vec::new(), String::new());
        for _ in 0..PAGES {
            let page = asking.ask(&format!("/v1/audit?kind=refused&limit={PAGE}{cursor}")).await?;
            let read = entries(&page);
            found.extend(read.iter().filter(|entry| index(entry) > told && is_of(entry, id)).cloned());
            newest = newest.max(read.iter().filter_map(index).max());
            let reached = read.iter().filter_map(index).min() <= told;
            match page.get("next").and_then(Value::as_str) {
                Some(next) if !reached => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        // Only what was read whole is behind us.
        self.index = newest;
        found.reverse();
        Ok(found)
    }
}

/// Whether it was refused at the door of this subscription.
pub(super) fn is_of(entry: &Value, id: Option<&str>) -> bool {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let at = text("endpoint").strip_prefix("/hooks/").unwrap_or_default();
    text("door") == "hook" && id.is_none_or(|id| at == id)
}

fn index(entry: &Value) -> Option<u64> {
    entry.get("index").and_then(Value::as_u64)
}

fn entries(page: &Value) -> &[Value] {
    page.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
