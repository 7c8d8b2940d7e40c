//! The proof that a delivery is of now: a captured one verifies forever, so its age is judged too.

use lockgate_vocabulary::Timestamp;

use crate::refusal::WebhookRefusal;
use crate::scheme::Scheme;
use crate::setting::Setting;
use crate::verified::Verified;

/// A delivery that was verified and, where its scheme signs the moment, sent within the scheme's window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh(Verified);

impl Fresh {
    /// Judges the age on both sides, the ends included. A moment ahead is as bad as one long gone: what is
    /// signed for ten years ahead could be played again for ten years.
    pub fn prove(
        verified: Verified,
        scheme: &dyn Scheme,
        setting: &Setting,
        now: Timestamp,
    ) -> Result<Self, WebhookRefusal> {
        let Some(window) = scheme.window(setting) else { return Ok(Self(verified)) };
        // A scheme with a window that found no moment has not checked what it should: refused.
        let sent_at = verified.sent_at().ok_or(WebhookRefusal::TimestampMalformed)?;
        if now.since(sent_at) > window.past {
            return Err(WebhookRefusal::TimestampStale);
        }
        if sent_at.since(now) > window.future {
            return Err(WebhookRefusal::TimestampFuture);
        }
        Ok(Self(verified))
    }

    /// What was verified.
    pub const fn verified(&self) -> &Verified {
        &self.0
    }

    /// The same, given away.
    pub fn into_verified(self) -> Verified {
        self.0
    }
}

#[cfg(test)]
mod tests;
