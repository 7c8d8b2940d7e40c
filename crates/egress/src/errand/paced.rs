//! Errands that count as calls: the trial of a credential goes to a connection's vendor, so it is taken from the
//! connection's rates and waits for its turn there.

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::Access;
use lockgate_access::directory::Connection;
use lockgate_traffic::Traffic;
use lockgate_vocabulary::{
    BoxFuture, Clock, ConnectionId, Errand, ErrandAnswer, ErrandAsk, ErrandFailure, ErrandOrder, ErrandOwner, Stop,
};

/// How long a trial waits for its turn before it is put off.
const TURN: Duration = Duration::from_secs(5);

/// Carries out errands, and lets trials in by their connections' rates first.
#[derive(Clone)]
pub struct PacedErrands {
    errands: Arc<dyn Errand>,
    access: Arc<Access>,
    traffic: Traffic,
    clock: Arc<dyn Clock>,
}

impl PacedErrands {
    /// Errands whose trials count against these rates.
    pub fn new(errands: Arc<dyn Errand>, access: Arc<Access>, traffic: Traffic, clock: Arc<dyn Clock>) -> Self {
        Self { errands, access, traffic, clock }
    }

    /// The connection, as it is now.
    fn connection(&self, owner: &ErrandOwner, id: ConnectionId) -> Option<Arc<Connection>> {
        let ErrandOwner::Tenant(tenant, _) = owner else { return None };
        self.access.directory().ok()?.tenants.get(tenant)?.connections.get(&id).cloned()
    }

    /// Waits for the trial's turn. INVARIANT: nothing is sent that the rates of its connection have no room for.
    async fn turn(&self, connection: &Connection) -> Result<(), ErrandFailure> {
        let until = self.clock.elapsed().saturating_add(TURN);
        loop {
            let wait = match self.traffic.admit_of_house(connection).await {
                Ok(_) => return Ok(()),
                Err(Stop::Refused(refusal)) => refusal.wait().unwrap_or(TURN),
                Err(Stop::Fault(_)) => return Err(ErrandFailure::Unreachable),
            };
            if self.clock.elapsed().saturating_add(wait) > until {
                return Err(ErrandFailure::Paced(wait));
            }
            self.clock.sleep(wait).await;
        }
    }
}

impl Errand for PacedErrands {
    fn run(&self, order: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>> {
        let this = self.clone();
        Box::pin(async move {
            if let ErrandAsk::Trial(trial) = &order.ask {
                let connection = this.connection(&order.owner, trial.connection).ok_or(ErrandFailure::Unreachable)?;
                this.turn(&connection).await?;
            }
            this.errands.run(order).await
        })
    }
}
