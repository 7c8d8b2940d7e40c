//! How often the pages of a connect session are asked for. Whoever holds a genuine link costs looks into the store each
//! time, so they have a number of them, which is counted in memory before anything is looked up. The browser that began
//! has a number of its own, so that strangers who saw its link or `state` use up none of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lockgate_vocabulary::{SessionId, Timestamp};

use super::LASTS;
use super::session::Link;
use crate::refusal::VaultRefusal;

/// Visits of one page of one session on one node: a person needs one, and a few more who reloads it.
pub(super) const MOST: u32 = 32;

/// Pages that are counted at once. Links that this house did not make are not counted, so that strangers fill nothing.
const PAGES: usize = 100_000;

/// How often pages that are over are looked for where there is no room: everybody else waits for it.
const LOOKED: Duration = Duration::from_secs(1);

/// Who asks for a page: who brought a cookie that this house made for the session, or anybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Visitor {
    Own,
    Stranger,
}

/// A page of a session, and who asks for it.
type Page = (SessionId, Link, Visitor);

/// The pages that were asked for of late.
#[derive(Default)]
pub(super) struct Visits(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    pages: HashMap<Page, (u32, Timestamp)>,
    /// Until when nobody looks for pages that are over, since somebody just did.
    looked_until: Timestamp,
}

impl Visits {
    /// Takes one visit. A link that leads nowhere after two lifetimes of its session is not counted longer.
    pub(super) fn take(&self, page: Page, now: Timestamp) -> Result<(), VaultRefusal> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { pages, looked_until } = &mut *counted;
        let is_known = pages.contains_key(&page);
        if pages.len() >= PAGES && !is_known && now >= *looked_until {
            pages.retain(|_, (_, until)| *until > now);
            *looked_until = now.after(LOOKED);
        }
        if pages.len() >= PAGES && !is_known {
            return Err(VaultRefusal::ConnectPaced);
        }
        let (visits, _) = pages.entry(page).or_insert((0, now.after(LASTS.saturating_mul(2))));
        if *visits >= MOST {
            return Err(VaultRefusal::ConnectPaced);
        }
        *visits += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
