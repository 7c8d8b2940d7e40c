//! Acts that are recorded together with the change that they tell of.
//!
//! An act that changes the store must be in the trail if and only if the change holds. So its entry is
//! made beforehand, with its identifier and time, and put into the table `outbox` by a step of the same
//! change; the relay appends it to the log afterwards. The body of a row is the entry without its place
//! in the log, and names the node whose relay appends it. A MAC shows that it is ours.

use lockgate_store::{Row, Statement, Value};
use lockgate_vocabulary::{AuditId, Fault, TenantId, Timestamp};

use crate::append::{Draft, Shared};
use crate::entry::{Facts, Tail, emit, outbox_head};
use crate::facts::Deed;
use crate::ledger::Mark;
use crate::mac::RowKey;
use crate::rows;

const DOING: &str = "reading a row of the audit outbox";

/// The step for a tenant's change.
pub(crate) fn step(shared: &Shared, deed: &Deed) -> (&'static Statement, Vec<Value>) {
    (&rows::PUT, values(shared, deed))
}

/// The step for a change that is not one tenant's.
pub(crate) fn house_step(shared: &Shared, deed: &Deed) -> (&'static Statement, Vec<Value>) {
    (&rows::PUT_FOR_HOUSE, values(shared, deed))
}

fn values(shared: &Shared, deed: &Deed) -> Vec<Value> {
    let draft = shared.draft(deed.tenant, Mark::Plain, emit::deed(deed, true));
    let mut body = Vec::with_capacity(draft.tail.len() + 160);
    emit::outbox(&mut body, &shared.node, &draft);
    let body = written(body);
    let mac = shared.rows.sign(draft.id, &body);
    vec![draft.id.into(), body.into(), draft.time.into(), mac.into()]
}

/// How the bodies of a node's rows begin.
pub(crate) fn beginning(node: &str) -> String {
    let mut out = Vec::with_capacity(node.len() + 16);
    emit::outbox_node(&mut out, node);
    written(out)
}

/// What `emit` wrote, as the text that it is: everything in it came from text.
fn written(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

/// The entry of a row as it is in the table, ready to be appended, if the row is ours.
pub(crate) fn judged(key: &RowKey, row: &Row) -> Result<Draft, Fault> {
    let (owner, entry, body) = (row.text(0)?, row.parsed::<AuditId>(1)?, row.text(2)?);
    if !key.is_of(entry, body, row.opt_bytes(3)?.unwrap_or_default()) {
        return Err(Fault::broken(DOING, format!("{entry}: it is not authentic")));
    }
    draft(owner, entry, body)
}

/// A row's entry, ready to be appended.
fn draft(owner: &str, entry: AuditId, body: &str) -> Result<Draft, Fault> {
    let (id, time, tenant, tail) = read(body).map_err(|bad| Fault::broken(DOING, format!("{entry}: {bad}")))?;
    let facts = Tail::parse(tail.as_bytes()).map_err(|bad| Fault::broken(DOING, format!("{entry}: {bad}")))?.facts;
    if !matches!(facts, Facts::Deed(deed) if deed.relayed) || id != entry {
        return Err(Fault::broken(DOING, format!("{entry}: it is not the act that it says it is")));
    }
    if tenant.is_some_and(|tenant| tenant.to_string() != owner) {
        return Err(Fault::broken(DOING, format!("{entry}: it is of another trail than its row")));
    }
    Ok(Draft { id, time, tenant, mark: Mark::Relayed(id), tail: tail.as_bytes().to_vec() })
}

fn read(body: &str) -> Result<(AuditId, Timestamp, Option<TenantId>, &str), crate::entry::BadEntry> {
    let head = outbox_head(body.as_bytes())?;
    let tail = body.get(head.length..).unwrap_or_default();
    Ok((head.id, head.time, head.tenant, tail))
}

#[cfg(test)]
mod tests;
