//! A batch whose changes are expected to hold, all of them: everything is on the line at once, so that
//! it costs one round trip, and one more to commit.

use std::collections::VecDeque;

use deadpool_postgres::Object;
use lockgate_vocabulary::Fault;

use super::super::{Answer, Failure, Gathering};
use super::pipeline::{Launched, launch};
use super::plan::{Kind, Plan, Send};
use super::run::lost;
use crate::change::Applied;

/// How many statements are on the line at once, so that answers that nobody has read yet stay few.
const AHEAD: usize = 512;

/// How many bytes of arguments are on the line at once.
const AHEAD_BYTES: usize = 1024 * 1024;

/// Commits the changes, or rolls all of them back where one fails, which is told with nothing: they
/// are then to be run apart. A fault means that nothing of them is known to hold.
pub(super) async fn run(client: &Object, plans: &[&Plan<'_>]) -> Result<Option<Vec<Applied>>, Fault> {
    let begun = launch(client.batch_execute("BEGIN")).await;
    let applied = send(client, plans).await;
    begun.land().await.map_err(lost)?;
    let end = if applied.is_some() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await.map_err(lost)?;
    Ok(applied)
}

/// Sends everything, in order, and stops at the first thing that goes wrong. Answers that are not
/// waited for any more are for the driver to drop.
async fn send(client: &Object, plans: &[&Plan<'_>]) -> Option<Vec<Applied>> {
    let mut gatherings: Vec<_> = plans.iter().map(|plan| Gathering::new(plan.sends.len())).collect();
    let mut line = VecDeque::new();
    let mut bytes = 0;
    for (change, plan, send) in messages(plans) {
        let weight = send.weight();
        while line.len() >= AHEAD || (bytes + weight > AHEAD_BYTES && !line.is_empty()) {
            bytes -= land(&mut line, &mut gatherings).await?;
        }
        let flight = send.launch(client, plan.tenant.as_ref()).await.ok()?;
        line.push_back(Sent { change, kind: send.kind, weight, flight });
        bytes += weight;
    }
    while !line.is_empty() {
        land(&mut line, &mut gatherings).await?;
    }
    Some(gatherings.into_iter().map(Gathering::finish).collect())
}

/// A statement that is on the line.
struct Sent<'s> {
    /// The place of its change among the others.
    change: usize,
    kind: Kind,
    weight: usize,
    flight: Launched<'s, Result<Answer, Failure>>,
}

/// Waits for the oldest answer and gives back its weight, unless something is wrong with it.
async fn land(line: &mut VecDeque<Sent<'_>>, gatherings: &mut [Gathering]) -> Option<usize> {
    let sent = line.pop_front()?;
    let answer = sent.flight.land().await;
    sent.kind.take_in(gatherings.get_mut(sent.change)?, answer).ok()?;
    Some(sent.weight)
}

/// Every message in the order in which it goes out, with the place of its change.
///
/// INVARIANT: a statement runs under the tenant and the role of its own change. What was bound last
/// holds until the transaction ends, for nothing here goes back to a savepoint; so it is bound anew
/// whenever either differs, and only then.
fn messages<'p>(plans: &[&'p Plan<'p>]) -> impl Iterator<Item = (usize, &'p Plan<'p>, &'p Send<'p>)> {
    let mut bound = None;
    let all =
        plans.iter().enumerate().flat_map(|(change, plan)| plan.sends.iter().map(move |send| (change, *plan, send)));
    all.filter(move |(_, plan, send)| match send.kind {
        Kind::Bind(reach) => bound.replace((plan.tenant.as_ref(), reach)) != Some((plan.tenant.as_ref(), reach)),
        Kind::Epoch | Kind::Step(_) => true,
    })
}
