//! The book of subscriptions: what the hot path knows of them, one snapshot in memory, replaced when the
//! epoch rises.
//!
//! Whether a tenant may do anything, and whether the epoch is confirmed, `access` says; this node lets
//! nothing in by a book that is behind for longer than a moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use lockgate_access::Violations;
use lockgate_store::{Epoch, Row, Statement, Store, Value, values};
use lockgate_vocabulary::{Clock, Fault, SubscriptionId, TenantId};
use tokio::sync::{Mutex, watch};

use crate::ground::Ground;
use crate::resolve::{self, Resolved};
use crate::rows::subscriptions as rows;
use crate::spec::SubscriptionSpec;
use crate::subscription::{SealedSecret, SecretPurpose, Status, Subscription};

/// How long the book may stand behind an epoch that is known.
const LAG_MOST: Duration = Duration::from_millis(500);

/// How often the book is looked after where nothing changes.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// Every subscription, by its id; each tenant's ways out beside it.
#[derive(Debug, Clone, Default)]
pub struct Page {
    epoch: u64,
    all: HashMap<SubscriptionId, Arc<Subscription>>,
    of_tenant: HashMap<TenantId, Vec<SubscriptionId>>,
    /// Subscriptions that are there and cannot be understood here, such as those of a newer version.
    unreadable: HashMap<SubscriptionId, TenantId>,
    /// Their secrets, so that they are there when the rest of it is mended.
    waiting: HashMap<SubscriptionId, Secrets>,
}

/// The sealed secrets of a subscription.
#[derive(Debug, Clone, Default)]
struct Secrets {
    verifying: Box<[SealedSecret]>,
    signing: Box<[SealedSecret]>,
}

impl Page {
    /// The subscription with this id.
    pub fn find(&self, id: SubscriptionId) -> Option<&Arc<Subscription>> {
        self.all.get(&id)
    }

    /// A tenant's subscriptions.
    pub fn of_tenant(&self, tenant: TenantId) -> impl Iterator<Item = &Arc<Subscription>> {
        self.of_tenant.get(&tenant).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.all.values()
    }

    /// Whether there is such a subscription that cannot be understood here.
    pub fn is_unreadable(&self, id: SubscriptionId) -> bool {
        self.unreadable.contains_key(&id)
    }

    /// INVARIANT: what cannot be understood is not judged by what it was before.
    fn set_aside(&mut self, id: SubscriptionId, tenant: TenantId) {
        self.unreadable.insert(id, tenant);
        if let Some(old) = self.all.remove(&id) {
            let secrets = Secrets { verifying: old.verifying.clone(), signing: old.signing.clone() };
            self.waiting.insert(id, secrets);
            if let Some(ids) = self.of_tenant.get_mut(&tenant) {
                ids.retain(|known| *known != id);
            }
        }
    }

    fn secrets(&self, id: SubscriptionId) -> Secrets {
        match self.all.get(&id) {
            Some(known) => Secrets { verifying: known.verifying.clone(), signing: known.signing.clone() },
            None => self.waiting.get(&id).cloned().unwrap_or_default(),
        }
    }

    fn put(&mut self, subscription: Subscription) {
        let (tenant, id) = (subscription.tenant, subscription.id);
        self.unreadable.remove(&id);
        self.waiting.remove(&id);
        if self.all.insert(id, Arc::new(subscription)).is_none() {
            self.of_tenant.entry(tenant).or_default().push(id);
        }
    }
}

/// The book.
pub struct Book {
    page: ArcSwap<Page>,
    store: Store,
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    ground: Arc<Ground>,
    loading: Mutex<()>,
    level_at: AtomicU64,
}

impl Book {
    /// Reads every subscription, and follows the epoch from then on until the returned end is dropped.
    pub async fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        ground: Arc<Ground>,
    ) -> Result<(Arc<Self>, watch::Sender<()>), Fault> {
        let epoch = store.epoch();
        let book = Self {
            page: ArcSwap::from_pointee(Page::default()),
            store,
            clock,
            epoch,
            ground,
            loading: Mutex::new(()),
            level_at: AtomicU64::new(0),
        };
        book.refresh().await?;
        let (book, (following, gone)) = (Arc::new(book), watch::channel(()));
        tokio::spawn(follow(Arc::downgrade(&book), book.epoch.clone(), Arc::clone(&book.clock), gone));
        Ok((book, following))
    }

    /// What is known at this moment. Refused while the book stands behind.
    pub fn page(&self) -> Result<Arc<Page>, Fault> {
        if self.is_fresh() {
            return Ok(self.page.load_full());
        }
        Err(Fault::unavailable("relying on the book of subscriptions", "the epoch is not confirmed, or not loaded yet"))
    }

    /// Whether the book may be relied upon.
    pub fn is_fresh(&self) -> bool {
        if !self.epoch.is_confirmed() {
            return false;
        }
        let level_at = Duration::from_micros(self.level_at.load(Ordering::Acquire));
        self.is_level() || self.clock.elapsed().saturating_sub(level_at) <= LAG_MOST
    }

    fn is_level(&self) -> bool {
        self.page.load().epoch >= self.epoch.value()
    }

    fn note_level(&self) {
        if self.is_level() {
            let now = u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.level_at.store(now, Ordering::Release);
        }
    }

    /// Reads what changed now instead of when the epoch is noticed.
    pub async fn refresh(&self) -> Result<(), Fault> {
        let _one_at_a_time = self.loading.lock().await;
        // INVARIANT: the epoch is read before the rows, so what changes in between is read again.
        let epoch = self.store.confirm_epoch().await?;
        let old = self.page.load_full();
        if old.epoch < epoch {
            let mut page = Page::clone(&old);
            self.subscriptions(&mut page).await?;
            self.secrets(&mut page).await?;
            page.epoch = epoch;
            self.page.store(Arc::new(page));
        }
        self.note_level();
        Ok(())
    }

    async fn subscriptions(&self, page: &mut Page) -> Result<(), Fault> {
        let key = |row: &Row| Ok(values![row.text(0)?, row.text(1)?]);
        let empty = values!["", ""];
        let (all, since) = (&rows::SUBSCRIPTIONS_ALL, &rows::SUBSCRIPTIONS_SINCE);
        for row in self.rows(page.epoch, all, since, empty, key).await? {
            // What one tenant wrote, or a newer version understands, must not keep others' from being read.
            match self.subscription(&row, page) {
                Ok(subscription) => page.put(subscription),
                Err(fault) => {
                    tracing::error!(%fault, subscription = row.text(1)?, "a subscription cannot be read");
                    page.set_aside(row.parsed(1)?, row.parsed(0)?);
                }
            }
        }
        Ok(())
    }

    fn subscription(&self, row: &Row, page: &Page) -> Result<Subscription, Fault> {
        const READING: &str = "reading a subscription";
        let (tenant, id): (TenantId, SubscriptionId) = (row.parsed(0)?, row.parsed(1)?);
        let spec: SubscriptionSpec =
            serde_json::from_str(row.text(3)?).map_err(|error| Fault::broken(READING, error))?;
        let mut wrong = Violations::default();
        let resolved = resolve::subscription(&spec, self.ground.of(tenant), &mut wrong);
        let Some(Resolved { side, onward }) = resolved.filter(|_| wrong.is_empty()) else {
            return Err(Fault::broken(READING, wrong.to_string()));
        };
        let status = Status::parse(row.text(4)?).ok_or(Fault::violated("a status is one of the four"))?;
        let Secrets { verifying, signing } = page.secrets(id);
        Ok(Subscription { tenant, id, name: row.parsed(2)?, status, side, onward, verifying, signing })
    }

    async fn secrets(&self, page: &mut Page) -> Result<(), Fault> {
        let key = |row: &Row| Ok(values![row.text(0)?, row.text(1)?, row.text(2)?, row.int(3)?]);
        let empty = values!["", "", "", 0i64];
        let found = self.rows(page.epoch, &rows::SECRETS_ALL, &rows::SECRETS_SINCE, empty, key).await?;
        for row in &found {
            let id: SubscriptionId = row.parsed(1)?;
            let purpose = SecretPurpose::parse(row.text(2)?).ok_or(Fault::violated("a purpose is one of the two"))?;
            let version = u32::try_from(row.int(3)?).map_err(|_| Fault::violated("a version is a small number"))?;
            let (verifying, signing) = match page.all.get_mut(&id) {
                Some(subscription) => {
                    let subscription = Arc::make_mut(subscription);
                    (&mut subscription.verifying, &mut subscription.signing)
                }
                None => {
                    let waiting = page.waiting.entry(id).or_default();
                    (&mut waiting.verifying, &mut waiting.signing)
                }
            };
            let place = match purpose {
                SecretPurpose::Verify => verifying,
                SecretPurpose::Sign => signing,
            };
            let mut kept: Vec<_> = place.iter().filter(|known| known.version != version).cloned().collect();
            if let Some(sealed) = row.opt_bytes(4)? {
                kept.push(SealedSecret { version, sealed: sealed.into(), expires_at: row.opt_moment(5)? });
            }
            // The newest first: it is the one that most deliveries are signed with.
            kept.sort_by_key(|secret| std::cmp::Reverse(secret.version));
            *place = kept.into();
        }
        Ok(())
    }

    /// All rows at first, then those that changed after an epoch.
    async fn rows(
        &self,
        since: u64,
        all: &'static Statement,
        changed: &'static Statement,
        mut behind: Vec<Value>,
        key: impl Fn(&Row) -> Result<Vec<Value>, Fault>,
    ) -> Result<Vec<Row>, Fault> {
        if since > 0 {
            return self.store.survey(changed, values![i64::try_from(since).unwrap_or(i64::MAX)]).await;
        }
        let mut found = Vec::new();
        loop {
            behind.push(rows::PAGE_ROWS.into());
            let page = self.store.survey(all, behind).await?;
            let (more, last) = (page.len() as i64 == rows::PAGE_ROWS, page.last().map(&key).transpose()?);
            found.extend(page);
            match last.filter(|_| more) {
                Some(last) => behind = last,
                None => return Ok(found),
            }
        }
    }
}

/// Follows the store's epoch for as long as the book is there.
async fn follow(book: Weak<Book>, mut epoch: Epoch, clock: Arc<dyn Clock>, mut gone: watch::Receiver<()>) {
    loop {
        tokio::select! {
            raised = epoch.changed() => if raised.is_none() { return },
            () = clock.sleep(HEARTBEAT) => {}
            _ = gone.changed() => return,
        }
        let Some(book) = book.upgrade() else { return };
        if book.is_level() {
            book.note_level();
        } else if let Err(fault) = book.refresh().await {
            tracing::error!(%fault, "the book of subscriptions was not loaded anew");
        }
    }
}
