//! When a delivery was signed: both ends of the window, and a capture that is played later.

use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use super::{SECRET, hooked};
use crate::client::Answer;
use crate::sender::{Fields, Hook, WHSEC, deliver, deliveries, door, github, refusal, slack, standard};
use crate::world::{Tenant, World};

const DAY: i64 = 86_400;

async fn timed(scheme: &str, secret: &str) -> (World, Tenant, Hook) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let hook = door(&world, &acme, ("timed", scheme), secret, json!({})).await;
    (world, acme, hook)
}

fn now(world: &World) -> i64 {
    world.clock.now().as_secs()
}

fn duplicate(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["duplicate"].clone())
}

#[tokio::test]
async fn a_moment_within_five_minutes_on_either_side_is_taken_and_no_other() {
    for scheme in ["standardwebhooks", "slack"] {
        let secret = if scheme == "slack" { SECRET } else { WHSEC };
        let (world, acme, hook) = timed(scheme, secret).await;
        let now = now(&world);
        let send = async |offset: i64| {
            let body = format!("{{\"event_id\":\"e{offset}\"}}");
            let fields = match scheme {
                "slack" => slack(secret, now + offset, &body),
                _ => standard(secret, &format!("m{offset}"), now + offset, &body),
            };
            deliver(world.door, &hook.path, &fields, &body).await
        };
        for (offset, code) in [
            (-301, "webhooks.timestamp.stale"),
            (-86_400, "webhooks.timestamp.stale"),
            (301, "webhooks.timestamp.future"),
            (315_360_000, "webhooks.timestamp.future"),
        ] {
            let answer = send(offset).await;
            assert_eq!(refusal(&answer), (401, code.to_owned()), "{scheme} {offset}: {}", answer.text());
        }
        assert!(deliveries(&world, &acme).await.is_empty());
        for offset in [-300, -1, 0, 300] {
            let answer = send(offset).await;
            assert_eq!(duplicate(&answer), (200, json!(false)), "{scheme} {offset}: {}", answer.text());
        }
        world.end().await;
    }
}

#[tokio::test]
async fn a_moment_that_is_no_plain_number_is_refused() {
    let (world, acme, hook) = timed("standardwebhooks", WHSEC).await;
    let now = now(&world);
    let good = standard(WHSEC, "m1", now, "{}");
    for moment in [format!("+{now}"), format!("0{now}"), format!("{now}.0"), format!("{now}abc"), "1.78e9".to_owned()] {
        let changed = |(name, value): &(String, String)| {
            (name.clone(), if name == "webhook-timestamp" { moment.clone() } else { value.clone() })
        };
        let fields: Fields = good.iter().map(changed).collect();
        let answer = deliver(world.door, &hook.path, &fields, "{}").await;
        assert_eq!(refusal(&answer), (400, "webhooks.timestamp.malformed".to_owned()), "{moment}: {}", answer.text());
    }
    assert!(deliveries(&world, &acme).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_capture_is_a_duplicate_while_it_verifies_and_then_verifies_no_more() {
    let (world, acme, hook) = timed("standardwebhooks", WHSEC).await;
    // It was signed as far ahead as may be, so it verifies for ten minutes from now.
    let fields = standard(WHSEC, "m1", now(&world) + 300, "{}");
    let send = async || deliver(world.door, &hook.path, &fields, "{}").await;
    let first = send().await;
    assert_eq!(duplicate(&first), (200, json!(false)), "{}", first.text());
    for _ in 0..2 {
        world.clock.skew(300);
        world.running.rooms.webhooks.forget().await.expect("what is over is forgotten");
        let again = send().await;
        assert_eq!(duplicate(&again), (200, json!(true)), "{}", again.text());
        assert_eq!(again.json()["delivery"], first.json()["delivery"]);
    }
    for later in [1, DAY, DAY * 30] {
        world.clock.skew(later);
        world.running.rooms.webhooks.forget().await.expect("what is over is forgotten");
        assert_eq!(refusal(&send().await), (401, "webhooks.timestamp.stale".to_owned()));
    }
    assert_eq!(deliveries(&world, &acme).await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_capture_without_a_moment_is_known_for_thirty_days() {
    let (world, acme, hook) = hooked(json!({})).await;
    let send = async |id: &str| deliver(world.door, &hook.path, &github(SECRET, id, "{}"), "{}").await;
    let first = send("d-1").await;
    assert_eq!(duplicate(&first), (200, json!(false)));
    // Nobody signs GitHub's identifier: a new one makes no new delivery.
    let renamed = send("d-2").await;
    assert_eq!((duplicate(&renamed), &renamed.json()["delivery"]), ((200, json!(true)), &first.json()["delivery"]));
    world.clock.skew(DAY * 30 - 1);
    world.running.rooms.webhooks.forget().await.expect("what is over is forgotten");
    assert_eq!(duplicate(&send("d-1").await), (200, json!(true)));
    assert_eq!(duplicate(&send("d-3").await), (200, json!(true)));
    assert_eq!(deliveries(&world, &acme).await.len(), 1);
    world.clock.skew(1);
    assert_eq!(duplicate(&send("d-1").await), (200, json!(false)), "claims are kept for as long as is promised");
    assert_eq!(deliveries(&world, &acme).await.len(), 2);
    world.end().await;
}
