//! Deliveries that are refused, hostile, or come more than once, at the real door.

mod again;
mod bodies;
mod door;
mod headers;
mod kept;
mod moments;
mod secrets;

use crate::sender::{self, Hook, deliver, github};
use crate::world::{Tenant, World};
use serde_json::{Value, json};

const SECRET: &str = "it is known to two alone";

/// A gateway with a tenant and a door for GitHub's deliveries with these settings.
async fn hooked(more: Value) -> (World, Tenant, Hook) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let hook = sender::door(&world, &acme, ("code", "github"), SECRET, more).await;
    (world, acme, hook)
}

/// Whether the door takes this body under this identifier, and the delivery that it is.
async fn taken(world: &World, hook: &Hook, id: &str, body: &str) -> String {
    let answer = deliver(world.door, &hook.path, &github(SECRET, id, body), body).await;
    assert_eq!((answer.status, &answer.json()["duplicate"]), (200, &json!(false)), "{}", answer.text());
    answer.json()["delivery"].as_str().expect("an id").to_owned()
}
