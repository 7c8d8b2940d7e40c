//! A running gateway: sockets and tasks around the rooms, from start to end.

mod operators;
mod scrape;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lockgate_vault::{Custodian, Vault};
use lockgate_vocabulary::{Clock, Fault};
use tokio::task::JoinHandle;

use crate::assemble::{self, Rooms, Seams, StartFailure};
use crate::config::{Config, ConfigProblem, Listen, Role};
use crate::descriptors;
use crate::doors::Door;
use crate::doors::http1::Manners;
use crate::serve::{House, Socket};
use crate::shutdown::{self, Stopper};
use operators::OperatorSide;
use scrape::Guard;

/// How often the worker looks for what falls due.
const TENDING: Duration = Duration::from_secs(60);

/// How often rotations are looked at, which somebody may wait for.
const ROTATING: Duration = Duration::from_secs(12);

/// How long what a stop has cut off may take to be settled, whatever is left of the time to drain.
const SETTLING: Duration = Duration::from_secs(2);

/// A gateway that serves.
pub struct Running {
    /// Its rooms.
    pub rooms: Rooms,
    /// Where callers reach it.
    pub door: Option<SocketAddr>,
    /// Where operators reach it.
    pub admin: Option<SocketAddr>,
    stopper: Stopper,
    drain: Duration,
    sockets: Vec<JoinHandle<()>>,
    chores: Vec<JoinHandle<()>>,
}

impl Running {
    /// Opens every room and every socket that the configuration's roles call for.
    pub async fn start(config: &Config, seams: &Seams) -> Result<Self, StartFailure> {
        // Sockets first: a port that is taken is found before anything is written.
        let (door, admin) = descriptors::fitted(&config.door, &config.admin, descriptors::limit());
        let door = bind(config.has(Role::Door), "door", &door).await?;
        let admin = bind(is_asked_there(config), "admin", &admin).await?;
        let token_file = config.telemetry.scrape_token_file.as_deref();
        let scrape = Guard::of(admin.as_ref().map(|(_, address)| address.ip()), token_file)?;
        let rooms = assemble::assemble(config, seams).await?;
        let (stopper, stopping) = shutdown::channel();
        let house = House {
            manners: Arc::new(Manners::new(seams.clock.clone(), seams.entropy.clone())),
            metrics: rooms.metrics.clone(),
            stopping,
            drain: config.drain,
        };
        let mut sockets = Vec::new();
        let door = door.map(|(socket, address)| {
            let door = rooms.door.clone();
            let answer = move |request, peer| {
                let door = door.clone();
                async move { Door::serve(&door, request, peer).await }
            };
            sockets.push(tokio::spawn(socket.run(house.clone(), answer)));
            address
        });
        let admin = admin.map(|(socket, address)| {
            let side = OperatorSide::of(&rooms, seams, scrape, config.has(Role::Admin));
            let answer = move |request, peer| {
                let side = side.clone();
                async move { side.answer(request, peer).await }
            };
            sockets.push(tokio::spawn(socket.run(house.clone(), answer)));
            address
        });
        let chores = chores(config, &rooms, seams);
        Ok(Self { rooms, door, admin, stopper, drain: config.drain, sockets, chores })
    }

    /// Stops accepting, lets what is under way end, closes the trail.
    pub async fn stop(self) -> Result<(), Fault> {
        let until = self.rooms.door.clock.elapsed().saturating_add(self.drain);
        self.rooms.door.drain();
        self.stopper.stop();
        for socket in self.sockets {
            // A socket's task does not panic, and nobody aborts it.
            drop(socket.await);
        }
        let left = || until.saturating_sub(self.rooms.door.clock.elapsed());
        self.rooms.courier.close(left()).await;
        self.rooms.egress.close(left()).await;
        for chore in self.chores {
            chore.abort();
            // What it had begun is dropped by then.
            drop(chore.await);
        }
        // What the end of that time has cut off is settled in the store, which takes a moment of its own.
        self.rooms.custodian.close(left().max(SETTLING)).await;
        if let Some(exporter) = &self.rooms.exporter {
            exporter.pass().await;
        }
        if let Err(fault) = self.rooms.vault.tell_uses().await {
            tracing::warn!(%fault, "when credentials were used last was not told");
        }
        // What the last requests recorded inside changes of the store belongs into the trail before it ends.
        let relayed = self.rooms.relay.pass().await;
        // Where the store is away those rows wait for the next start; the trail is closed all the same.
        let closed = self.rooms.audit.shutdown().await;
        relayed.and(closed)?;
        self.rooms.relay.remember().await
    }
}

async fn bind(
    wanted: bool,
    name: &'static str,
    listen: &Listen,
) -> Result<Option<(Socket, SocketAddr)>, ConfigProblem> {
    if !wanted {
        return Ok(None);
    }
    let socket = Socket::bind(name, listen).await?;
    let address = socket
        .address()
        .map_err(|error| ConfigProblem::new(format!("{name}.listen"), error, "Choose another address"))?;
    Ok(Some((socket, address)))
}

/// A process without a door is asked on the operators' listener how it is, whether it serves operators or not.
fn is_asked_there(config: &Config) -> bool {
    config.has(Role::Admin) || !config.has(Role::Door)
}

/// What goes on beside the requests.
fn chores(config: &Config, rooms: &Rooms, seams: &Seams) -> Vec<JoinHandle<()>> {
    let relay = rooms.relay.clone();
    let mut chores = vec![tokio::spawn(async move { relay.run().await })];
    if let Some(exporter) = rooms.exporter.clone() {
        chores.push(tokio::spawn(async move { exporter.run().await }));
    }
    rooms.egress.start();
    chores.push(tokio::spawn(tell_uses(rooms.vault.clone(), seams.clock.clone())));
    if config.has(Role::Worker) {
        rooms.webhooks.start();
        rooms.courier.start();
        chores.push(tokio::spawn(rotate(rooms.custodian.clone(), seams.clock.clone())));
        let (access, clock) = (rooms.access.clone(), seams.clock.clone());
        chores.push(tokio::spawn(async move {
            loop {
                clock.sleep(TENDING).await;
                if let Err(stop) = access.tokens().tend().await {
                    tracing::warn!(%stop, "keys and revocations were not tended");
                }
                if let Err(fault) = access.forget_old().await {
                    tracing::warn!(%fault, "old events and escalations were not forgotten");
                }
            }
        }));
    }
    chores
}

/// Each node tells when it lent credentials last, beside the calls and not in them.
async fn tell_uses(vault: Vault, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(TENDING).await;
        if let Err(fault) = vault.tell_uses().await {
            tracing::warn!(%fault, "when credentials were used last was not told");
        }
    }
}

/// Rotations go on, and what is due of credentials is told.
async fn rotate(custodian: Custodian, clock: Arc<dyn Clock>) {
    // What a process that died has left behind is gone on with at once.
    loop {
        if let Err(fault) = custodian.tend().await {
            tracing::warn!(%fault, "credentials were not tended");
        }
        clock.sleep(ROTATING).await;
    }
}
