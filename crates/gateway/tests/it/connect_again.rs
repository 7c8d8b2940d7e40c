//! What becomes of an account when something else changes: its credential, its connection, its tenant, whose it is, and
//! the process itself.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};

use crate::browser::{Browser, location, query};
use crate::connect::{
    LINE, REVOKE, SUBJECT, TOKEN, auth, begin, called, come_back, connected, finish, forms, grant, open, shown, tokens,
    with_client,
};
use crate::world::{Tenant, World};

/// A world with an account that is connected.
async fn furnished() -> (World, Tenant) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.answers(TOKEN, tokens(1, 3_600));
    world.vendor.answers(REVOKE, Canned::bytes(200, ""));
    connected(&world, &acme, "crm").await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    (world, acme)
}

fn revoked(world: &World) -> Vec<String> {
    forms(world, REVOKE).iter().map(|form| form["token"].clone()).collect()
}

#[tokio::test]
async fn a_grant_does_not_outlive_its_credential_or_its_connection() {
    for end in ["revoke", "compromise", "disconnect", "retire"] {
        let (world, acme) = furnished().await;
        match end {
            "revoke" => {
                let body = Some(json!({ "reason": "leaked" }));
                let done = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/revoke", body).await;
                assert_eq!(done.json()["tokens"][0]["result"], "revoked", "{}", done.text());
                let reason = shown(&world, &acme, "crm").await["reason"].clone();
                assert_eq!(reason, "its credential was revoked", "which is why it is degraded");
                // What was brought back has no grant, and waits for somebody to connect an account again.
                let back = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/recover", None).await;
                assert_eq!((back.status, &back.json()["revived"]), (200, &json!([])), "{}", back.text());
                let crm = shown(&world, &acme, "crm").await;
                assert_eq!((&crm["status"], &crm["reason"]), (&json!("pending"), &Value::Null), "{crm}");
                assert_ne!(called(&world, &acme, "crm").await.0, 200);
            }
            "compromise" => {
                let body = Some(json!({ "reason": "leaked", "since": "2026-01-01T00:00:00Z" }));
                let done = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/compromise", body).await;
                assert_eq!(done.json()["tokens"][1]["result"], "revoked", "{}", done.text());
            }
            "disconnect" => {
                let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await;
                assert_eq!(gone.json()["tokens"][0]["result"], "revoked", "{}", gone.text());
            }
            _ => {
                let body = Some(json!({ "status": "retired" }));
                let done = world.ask(&acme.operator, "PATCH", "/v1/connections/crm", body).await;
                assert_eq!((done.status, &done.json()["status"]), (200, &json!("retired")), "{}", done.text());
            }
        }
        assert_eq!(revoked(&world), ["canary-refresh-1", "canary-access-1"], "{end}");
        world.end().await;
    }
}

#[tokio::test]
async fn a_connection_that_leads_elsewhere_shows_that_its_grant_is_not_for_there_and_can_be_cleared() {
    let (world, acme) = furnished().await;
    let mut elsewhere = auth(&world);
    elsewhere["scope"] = json!("things.write");
    let spec = json!({
        "name": "vendor-crm", "title": "Vendor", "auth": elsewhere,
        "base_url": format!("https://{}:{}", crate::world::VENDOR_HOST, world.vendor.address.port()),
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
    });
    let changed = world.ask(&acme.operator, "PUT", "/v1/providers/vendor-crm", Some(spec)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(grant(&world, &acme, "crm").await["state"], "elsewhere");
    let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await;
    assert_eq!(gone.json()["tokens"], json!([{ "token": "refresh_token", "result": "failed" }]), "{}", gone.text());
    assert_eq!((revoked(&world).len(), &grant(&world, &acme, "crm").await["state"]), (0, &json!("none")));
    world.end().await;
}

#[tokio::test]
async fn an_account_is_one_subjects_until_another_one_takes_its_place() {
    let (world, acme) = furnished().await;
    let back = "https://product.example/";
    let other = json!({ "subject": "user-43", "return_to": back });
    let refused = world.ask(&acme.operator, "POST", "/v1/connections/crm/connect", Some(other)).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "vault.connect.held"));
    // The same one may connect again, and its earlier tokens are left: a vendor may revoke the new ones with them.
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, tokens(2, 3_600));
    connected(&world, &acme, "crm").await;
    assert_eq!(revoked(&world).len(), 0);
    let body = json!({ "subject": "user-43", "return_to": back, "replace": true });
    let made = world.make(&acme.operator, "/v1/connections/crm/connect", body).await;
    let mut browser = Browser::default();
    let led = location(&browser.visit(world.door, made["url"].as_str().expect("a link")).await);
    let callback = made["redirect_uri"].as_str().expect("a URI");
    let led = come_back(&world, &mut browser, callback, &query(&led)["state"]).await;
    world.vendor.forget(TOKEN);
    world.vendor.answers(TOKEN, tokens(3, 3_600));
    let (status, done) = finish(&world, &acme, "crm", &led, "user-43").await;
    assert_eq!((status, &done["state"]), (200, &json!("done")), "{done}");
    assert_eq!(revoked(&world), ["canary-refresh-2", "canary-access-2"]);
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    let last = world.vendor.seen().into_iter().rfind(|seen| seen.line() == LINE).expect("a call");
    assert_eq!(last.all("authorization"), ["Bearer canary-access-3"]);
    world.running.rooms.relay.pass().await.expect("relayed");
    let trail: String = world.trail(&acme).await.iter().map(Value::to_string).collect();
    assert!(trail.contains("connection.replaced"));
    world.end().await;
}

#[tokio::test]
async fn a_session_of_before_a_disconnection_brings_nothing_back() {
    let (world, acme) = furnished().await;
    let opened = open(&world, &acme, "crm").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    let led = come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await;
    let gone = world.ask(&acme.operator, "POST", "/v1/connections/crm/disconnect", None).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    let asked = world.vendor.count(TOKEN);
    let (status, refused) = finish(&world, &acme, "crm", &led, SUBJECT).await;
    assert_eq!((status, &refused["code"]), (409, &json!("vault.connect.over")), "{refused}");
    assert_eq!((world.vendor.count(TOKEN), &shown(&world, &acme, "crm").await["status"]), (asked, &json!("degraded")));
    world.end().await;
}

#[tokio::test]
async fn two_sessions_of_one_connection_do_not_both_end() {
    let (world, acme) = furnished().await;
    let mut brought = Vec::new();
    for _ in 0..2 {
        let opened = open(&world, &acme, "crm").await;
        let mut browser = Browser::default();
        let asked = begin(&world, &mut browser, &opened).await;
        brought.push(come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await);
    }
    let asked = world.vendor.count(TOKEN);
    let both = async {
        tokio::join!(
            finish(&world, &acme, "crm", &brought[0], SUBJECT),
            finish(&world, &acme, "crm", &brought[1], SUBJECT)
        )
    };
    // The one that comes second looks now and then whether the other is done.
    let ticking = async {
        loop {
            for _ in 0..2_000 {
                tokio::task::yield_now().await;
            }
            world.pass(Duration::from_millis(100)).await;
        }
    };
    let (first, second) = tokio::select! {
        both = both => both,
        () = ticking => unreachable!("it ticks for ever"),
    };
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    // One waits for the other's lease, and then it is not what it was any more.
    assert_eq!(statuses[0], 200, "{first:?} {second:?}");
    assert!(statuses[1] == 409 || statuses[1] == 503, "{first:?} {second:?}");
    assert_eq!(world.vendor.count(TOKEN), asked + 1, "one code is redeemed");
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    world.end().await;
}

#[tokio::test]
async fn tokens_that_cannot_be_kept_are_given_back() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    with_client(&world, &acme, "crm", auth(&world)).await;
    world.vendor.answers(REVOKE, Canned::bytes(200, ""));
    world.vendor.on(TOKEN, Behaviour::Gated(tokens(1, 3_600)));
    let opened = open(&world, &acme, "crm").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    let led = come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await;
    // The credential is revoked while the vendor answers.
    let revoking = async {
        world.vendor.wait_for(TOKEN, 1).await;
        let body = Some(json!({ "reason": "leaked" }));
        let done = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/revoke", body).await;
        assert_eq!(done.status, 200, "{}", done.text());
        world.vendor.release();
    };
    let ((status, refused), ()) = tokio::join!(finish(&world, &acme, "crm", &led, SUBJECT), revoking);
    assert_eq!((status, &refused["code"]), (409, &json!("vault.credential.changed")), "{refused}");
    assert_eq!(revoked(&world), ["canary-refresh-1", "canary-access-1"]);
    let path = format!("/v1/connections/crm/connect?session={}", opened.session);
    let told = world.ask(&acme.operator, "GET", &path, None).await.json();
    assert_eq!((&told["state"], &told["code"]), (&json!("failed"), &json!("vault.credential.changed")), "{told}");
    assert_eq!(shown(&world, &acme, "crm").await["status"], "degraded");
    world.running.rooms.relay.pass().await.expect("relayed");
    let trail: String = world.trail(&acme).await.iter().map(Value::to_string).collect();
    assert!(trail.contains("connection.given_back") && !trail.contains("canary"), "what became of them is recorded");
    world.end().await;
}

#[tokio::test]
async fn nobody_connects_anything_for_a_tenant_that_is_suspended() {
    let (world, acme) = furnished().await;
    let opened = open(&world, &acme, "crm").await;
    let mut browser = Browser::default();
    let asked = begin(&world, &mut browser, &opened).await;
    let path = format!("/v1/tenants/{}", acme.id);
    let suspended = world.ask(&world.house, "PATCH", &path, Some(json!({ "status": "suspended" }))).await;
    assert_eq!(suspended.status, 200, "{}", suspended.text());
    let led = query(&come_back(&world, &mut browser, &opened.redirect_uri, &asked["state"]).await);
    assert_eq!(led["error"], "vault.connect.over");
    assert_eq!(Browser::default().visit(world.door, &opened.url).await.status, 409);
    world.end().await;
}

#[tokio::test]
async fn what_a_vendor_gives_while_the_gateway_stops_is_kept() {
    let (world, acme) = furnished().await;
    world.vendor.forget(TOKEN);
    world.vendor.on(TOKEN, Behaviour::Gated(tokens(2, 3_600)));
    // A minute before its end a call goes with the token that there is, and another one is fetched behind its back.
    world.pass(Duration::from_secs(3_600 - 60)).await;
    assert_eq!(called(&world, &acme, "crm").await, (200, String::new()));
    world.vendor.wait_for(TOKEN, 2).await;
    let egress = world.running.rooms.egress.clone();
    let closing = tokio::spawn(async move { egress.close(Duration::from_secs(20)).await });
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!closing.is_finished(), "it waits for what was asked");
    world.vendor.release();
    closing.await.expect("it ends");
    assert_eq!(grant(&world, &acme, "crm").await["number"], 2);
    world.end().await;
}
