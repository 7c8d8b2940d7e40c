//! Whether the process lives, and whether it can serve. Neither tells anything but that.

use std::sync::atomic::Ordering;

use http::{Response, StatusCode};
use serde_json::json;

use super::answer::json as answer;
use super::{Door, DoorBody};

impl Door {
    /// The process answers.
    pub(crate) fn healthy(&self) -> Response<DoorBody> {
        answer(StatusCode::OK, json!({ "status": "ok" }).to_string(), "no-store")
    }

    async fn checks(&self) -> [(&'static str, bool); 4] {
        let limits = match &self.limits {
            Some(limits) => limits.answer().await,
            None => true,
        };
        [
            ("audit", self.audit.is_sound()),
            ("store", self.store.epoch().is_confirmed() && self.access.is_fresh() && self.webhooks.is_fresh()),
            ("limits", limits),
            ("running", !self.draining.load(Ordering::Acquire)),
        ]
    }

    /// Whether it can serve.
    pub(crate) async fn is_ready(&self) -> bool {
        self.checks().await.iter().all(|(_, sound)| *sound)
    }

    /// It can serve: the trail can be written, the store's epoch is confirmed, shared counters answer, nobody
    /// told it to stop.
    pub(crate) async fn ready(&self) -> Response<DoorBody> {
        let checks = self.checks().await;
        let ready = checks.iter().all(|(_, sound)| *sound);
        let (status, word) =
            if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "unready") };
        let checks: serde_json::Map<_, _> = checks.iter().map(|(name, sound)| ((*name).into(), json!(sound))).collect();
        answer(status, json!({ "status": word, "checks": checks }).to_string(), "no-store")
    }
}
