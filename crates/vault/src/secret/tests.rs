//! Credentials from being taken in to being revoked, through the hands of those who may, and not of others.

use std::time::Duration;

use lockgate_access::registry::ChangeConnection;
use lockgate_vocabulary::Clock;
use serde_json::{Value, json};

use super::*;
use crate::tests::canary::{canary, leaks};
use crate::tests::world::{World, act, code, new, secret};

/// A rotation at a provider that declares no way to try a version.
fn blind() -> Rotation {
    Rotation { danger_unverified: true, ..Rotation::default() }
}

fn change(value: Value) -> ChangeConnection {
    serde_json::from_value(value).expect("a change")
}

/// What a refusal would be answered with, for comparing two of them.
fn answer<T>(result: Result<T, Stop>) -> String {
    match result {
        Err(Stop::Refused(refusal)) => format!("{refusal:?}"),
        Err(Stop::Fault(fault)) => panic!("no refusal: {fault}"),
        Ok(_) => panic!("no refusal"),
    }
}

#[tokio::test]
async fn a_credential_makes_its_connection_active_and_is_lent_to_calls() {
    let world = World::new().await;
    let connection = world.connect("crm", json!({"placement": "bearer"})).await;
    assert_eq!(code(world.granted("crm").await), "access.connection.pending");

    let operator = world.operator().await;
    let taken = world.custodian.create(act(&operator), new("crm-key", connection), secret("sk_one")).await;
    let taken = taken.expect("taken in");
    assert_eq!((taken.status.as_str(), taken.current_version), ("active", 1));
    assert!(taken.fingerprint.starts_with("v1:"));
    let due = taken.rotation_due_at.expect("a cadence").since(taken.created_at);
    assert_eq!(due, Duration::from_secs(90 * 86_400));

    let record = world.registry(&operator).connection("crm").await.expect("shown");
    assert_eq!((record.status.as_str(), record.credential), ("active", Some(taken.id)));
    let grant = world.granted("crm").await.expect("granted");
    assert_eq!(world.sent(&grant).expect("lent"), "Bearer sk_one");
    let mut parts = world.parts();
    assert_eq!(world.vault.equip(&grant, &mut parts).expect("lent").lent(), Some((taken.id, 1)));
    assert_eq!(world.vault.scrub(&grant, "bad: sk_one"), "bad: [credential]");
}

#[tokio::test]
async fn rotation_uses_the_new_version_and_keeps_the_one_before() {
    let world = World::new().await;
    let (_, taken) = world.bearer("sk_one").await;
    let operator = world.operator().await;
    let grant = world.granted("crm").await.expect("granted");

    let rotated = world.custodian.rotate(act(&operator), taken.id, secret("sk_two"), blind()).await.expect("rotated");
    assert_eq!(rotated.current_version, 2);
    assert_ne!(rotated.fingerprint, taken.fingerprint);
    assert_eq!(world.sent(&grant).expect("lent"), "Bearer sk_two");

    let how = Rotation::default();
    let staged = world.custodian.stage(act(&operator), taken.id, secret("sk_three"), how).await.expect("staged");
    let attempt = staged.last_rotation.expect("attempted");
    assert_eq!((attempt.version, attempt.state, staged.current_version), (3, RotationState::Staged, 2));
    assert_eq!(world.sent(&grant).expect("lent"), "Bearer sk_two", "what is staged is not used");
    assert_eq!(code(world.custodian.verify(act(&operator), taken.id, 3).await), "vault.rotation.blind");
    assert_eq!(code(world.custodian.finish(act(&operator), taken.id, 3, false).await), "vault.rotation.blind");
    let finished = world.custodian.finish(act(&operator), taken.id, 3, true).await.expect("finished");
    assert!(finished.last_rotation.expect("attempted").danger_unverified);
    world.custodian.finish(act(&operator), taken.id, 3, true).await.expect("nothing is done twice");
    assert_eq!(world.sent(&grant).expect("lent"), "Bearer sk_three");
    let back = world.custodian.roll_back(act(&operator), taken.id, Some(1), false).await.expect("gone back");
    assert_eq!((back.current_version, back.fingerprint), (1, taken.fingerprint));
    assert_eq!(world.sent(&grant).expect("lent"), "Bearer sk_one");

    let (_, versions) = world.custodian.show(act(&operator), taken.id).await.expect("shown");
    let statuses: Vec<(u32, &str)> = versions.iter().map(|view| (view.version, view.status.as_str())).collect();
    assert_eq!(statuses, [(3, "previous"), (2, "previous"), (1, "current")], "newest first");
    for version in [1, 4] {
        let gone = world.custodian.roll_back(act(&operator), taken.id, Some(version), false).await;
        assert_eq!(code(gone), "vault.version.unfit");
    }
}

#[tokio::test]
async fn two_rotations_at_once_leave_one_current_version() {
    let world = World::new().await;
    let (_, taken) = world.bearer("sk_one").await;
    let operator = world.operator().await;
    let (one, two) = tokio::join!(
        world.custodian.rotate(act(&operator), taken.id, secret("sk_two"), blind()),
        world.custodian.rotate(act(&operator), taken.id, secret("sk_three"), blind()),
    );
    let lost = [one, two].into_iter().filter(Result::is_err).map(code).collect::<Vec<_>>();
    assert!(lost.iter().all(|code| *code == "vault.credential.changed"), "{lost:?}");
    let (view, versions) = world.custodian.show(act(&operator), taken.id).await.expect("shown");
    let current = versions.iter().filter(|version| version.status == "current").collect::<Vec<_>>();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].version, view.current_version);
}

#[tokio::test]
async fn revocation_stops_what_depends_on_it_in_the_same_change() {
    let world = World::new().await;
    let (connection, taken) = world.bearer("sk_one").await;
    let operator = world.operator().await;
    let grant = world.granted("crm").await.expect("granted");

    let revoked = world.custodian.revoke(act(&operator), taken.id, "it leaked").await.expect("revoked");
    assert_eq!(revoked, Revoked { credential: taken.id, degraded: vec![connection] });
    // A call that was granted before does not get it either.
    assert_eq!(code(world.sent(&grant)), "vault.credential.revoked");
    assert_eq!(world.vault.scrub(&grant, "bad: sk_one"), "[withheld]");
    assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn");
    assert_eq!(code(world.granted("crm").await), "access.connection.degraded");
    let record = world.registry(&operator).connection("crm").await.expect("shown");
    assert_eq!((record.status.as_str(), record.reason.as_deref()), ("degraded", Some("its credential was revoked")));

    let (view, versions) = world.custodian.show(act(&operator), taken.id).await.expect("shown");
    assert_eq!((view.status.as_str(), versions[0].status.as_str()), ("revoked", "revoked"));
    for again in [
        code(world.custodian.revoke(act(&operator), taken.id, "again").await),
        code(world.custodian.rotate(act(&operator), taken.id, secret("sk_two"), blind()).await),
        code(world.custodian.stage(act(&operator), taken.id, secret("sk_two"), Rotation::default()).await),
        code(world.custodian.roll_back(act(&operator), taken.id, Some(1), false).await),
    ] {
        assert_eq!(again, "vault.credential.revoked");
    }

    let next = world.custodian.create(act(&operator), new("crm-key-2", connection), secret("sk_two")).await;
    assert_eq!(next.expect("taken in").status, "active");
    assert_eq!(world.sent(&world.granted("crm").await.expect("granted")).expect("lent"), "Bearer sk_two");
}

#[tokio::test]
async fn every_act_is_recorded_and_told() {
    let world = World::new().await;
    let (connection, taken) = world.bearer("sk_one").await;
    let operator = world.operator().await;
    world.custodian.rotate(act(&operator), taken.id, secret("sk_two"), blind()).await.expect("rotated");
    world.custodian.show(act(&operator), taken.id).await.expect("shown");
    world.custodian.list(act(&operator), None, 10).await.expect("listed");
    world.custodian.revoke(act(&operator), taken.id, "it leaked").await.expect("revoked");

    let events = world.events().await;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let wanted =
        ["IntegrationConnectionEstablished", "CredentialRotated", "CredentialRevoked", "IntegrationConnectionDegraded"];
    for kind in wanted {
        assert_eq!(kinds.iter().filter(|known| **known == kind).count(), 1, "{kind} in {kinds:?}");
    }
    let degraded = events.iter().find(|event| event["type"] == wanted[3]).expect("told");
    assert_eq!(degraded["data"]["connection"], json!(connection));
    assert_eq!(degraded["data"]["operator"], json!(operator.actor().principal));

    // What was read is in the trail at once; what was changed is in the outbox, to be relayed.
    let trail = world.trail().await.join("\n");
    assert!(trail.contains("credential.read") && trail.contains("credential.list"), "{trail}");
    let waiting = outbox(&world).await;
    for deed in ["credential.create", "credential.rotation", "credential.revoke"] {
        assert_eq!(waiting.matches(deed).count(), 1, "{deed} in {waiting}");
    }
    assert!(waiting.contains(&taken.fingerprint));
}

/// What waits to be relayed into the trail.
async fn outbox(world: &World) -> String {
    static WAITING: lockgate_store::Statement = lockgate_store::Statement::tenant(
        "test.outbox",
        "SELECT body FROM outbox WHERE tenant = $1 ORDER BY created_at",
    );
    let rows = world.house.store.read(world.tenant, &WAITING, vec![]).await.expect("read");
    rows.iter().map(|row| row.text(0).expect("a body").to_owned()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_uses_a_credential_can_neither_read_nor_change_it() {
    let world = World::new().await;
    let (connection, taken) = world.bearer("sk_one").await;
    let service = world.service().await;
    let custodian = &world.custodian;
    for refused in [
        code(custodian.create(act(&service), new("mine", connection), secret("x")).await),
        code(custodian.rotate(act(&service), taken.id, secret("x"), blind()).await),
        code(custodian.stage(act(&service), taken.id, secret("x"), Rotation::default()).await),
        code(custodian.roll_back(act(&service), taken.id, None, false).await),
        code(custodian.revoke(act(&service), taken.id, "x").await),
        code(custodian.verify(act(&service), taken.id, 1).await),
        code(custodian.finish(act(&service), taken.id, 1, true).await),
        code(custodian.destroy(act(&service), taken.id, 1, Timestamp::from_secs(0)).await),
        code(custodian.recover(act(&service), taken.id).await),
        code(custodian.purge(act(&service), taken.id).await),
        code(custodian.uses(act(&service), taken.id, Timestamp::from_secs(0), None).await),
        code(custodian.list(act(&service), None, 10).await),
        code(custodian.show(act(&service), taken.id).await),
        code(custodian.named(act(&service), "crm-key").await),
    ] {
        assert_eq!(refused, "access.scope.missing");
    }
    assert_eq!(world.sent(&world.granted("crm").await.expect("granted")).expect("lent"), "Bearer sk_one");
}

#[tokio::test]
async fn what_changes_a_credential_can_neither_read_nor_use_it() {
    let world = World::new().await;
    let (connection, taken) = world.bearer("sk_one").await;
    // Nobody who may change it gets the proof that lends it.
    let operator = world.operator().await;
    assert_eq!(code(world.grant(&operator, "crm")), "access.scope.missing");
    // What comes back is metadata.
    let custodian = world
        .principal("keeper", "operator", &["integration.credentials.rotate", "integration.connections.read"])
        .await;
    let rotated = world.custodian.rotate(act(&custodian), taken.id, secret("sk_two"), blind()).await.expect("rotated");
    let shown = world.custodian.show(act(&custodian), taken.id).await.expect("shown");
    let listed = world.custodian.list(act(&custodian), None, 10).await.expect("listed");
    let said = format!("{} {} {}", json!(rotated), json!(shown), json!(listed));
    assert!(!said.contains("sk_one") && !said.contains("sk_two"), "{said}");
    assert!(said.contains(&rotated.created_at.to_string()), "moments are RFC 3339: {said}");
    // Nor may a keeper point the connection at a host of theirs,
    let away = json!({"spec": {"base_url": "https://evil.example"}});
    assert_eq!(code(world.registry(&custodian).change_connection("crm", change(away)).await), "access.scope.missing");
    // and who may point it elsewhere gets no credential there, and may not rotate it.
    let integrator = world
        .principal("builder", "operator", &["integration.connections.write", "integration.connections.read"])
        .await;
    let narrowed = json!({"spec": {"base_url": "https://api.vendor.example/base/v1"}});
    world.registry(&integrator).change_connection("crm", change(narrowed)).await.expect("changed");
    let grant = world.granted("crm").await.expect("granted");
    assert_eq!(code(world.sent(&grant)), "vault.binding.moved");
    let refused = world.custodian.rotate(act(&integrator), taken.id, secret("x"), blind()).await;
    assert_eq!(code(refused), "access.scope.missing");
    let refused = world.custodian.create(act(&integrator), new("second", connection), secret("x")).await;
    assert_eq!(code(refused), "access.scope.missing");
    // A keeper's rotation binds it to where the connection leads now.
    world.custodian.rotate(act(&custodian), taken.id, secret("sk_three"), blind()).await.expect("rotated");
    assert_eq!(world.sent(&grant).expect("lent"), "Bearer sk_three");
}

#[tokio::test]
async fn another_connection_does_not_get_it_by_naming_it() {
    let world = World::new().await;
    let (_, taken) = world.bearer("sk_one").await;
    world.connect("mail", json!({"placement": "bearer"})).await;
    let operator = world.operator().await;
    let attached = json!({"credential": taken.id, "status": "active"});
    world.registry(&operator).change_connection("mail", change(attached)).await.expect("attached");
    let grant = world.granted("mail").await.expect("granted");
    assert_eq!(code(world.sent(&grant)), "vault.binding.moved");
    // Both depend on it, and both stop.
    let revoked = world.custodian.revoke(act(&operator), taken.id, "shared").await.expect("revoked");
    assert_eq!(revoked.degraded.len(), 2);
}

#[tokio::test]
async fn another_tenants_credential_and_none_are_refused_alike() {
    let world = World::new().await;
    let (connection, taken) = world.bearer("sk_one").await;
    let foreigner = world.foreigner().await;
    let custodian = &world.custodian;
    let never = CredentialId::from_u128(404);
    for id in [taken.id, never] {
        let unknown = answer(custodian.show(act(&foreigner), never).await);
        assert!(unknown.contains("access.object.unknown"));
        assert_eq!(answer(custodian.show(act(&foreigner), id).await), unknown);
        assert_eq!(answer(custodian.rotate(act(&foreigner), id, secret("x"), blind()).await), unknown);
        assert_eq!(answer(custodian.stage(act(&foreigner), id, secret("x"), Rotation::default()).await), unknown);
        assert_eq!(answer(custodian.roll_back(act(&foreigner), id, None, false).await), unknown);
        assert_eq!(answer(custodian.revoke(act(&foreigner), id, "x").await), unknown);
    }
    assert_eq!(code(custodian.named(act(&foreigner), "crm-key").await), "access.object.unknown");
    assert_eq!(code(custodian.named(act(&foreigner), "no name").await), "access.object.unknown");
    let theirs = answer(custodian.create(act(&foreigner), new("mine", connection), secret("x")).await);
    let none = new("mine", ConnectionId::from_u128(404));
    assert_eq!(answer(custodian.create(act(&foreigner), none, secret("x")).await), theirs);
    assert!(custodian.list(act(&foreigner), None, 10).await.expect("listed").items.is_empty());
    // Equal values of two tenants have different fingerprints.
    let operator = world.operator().await;
    assert_eq!(custodian.named(act(&operator), "crm-key").await.expect("found"), taken.id);
}

#[tokio::test]
async fn bad_input_is_refused_by_name() {
    let world = World::new().await;
    let connection = world.connect("crm", json!({"placement": "bearer"})).await;
    let open = world.connect("open", json!({"placement": "none"})).await;
    let operator = world.operator().await;
    let custodian = &world.custodian;
    let now = world.house.clock.now();

    let bad =
        NewCredential { owner: " ".into(), cadence_days: Some(0), expires_at: Some(now), ..new("crm-key", connection) };
    let stop = custodian.create(act(&operator), bad, secret("sk_one")).await.expect_err("refused");
    let Stop::Refused(refusal) = stop else { panic!("a refusal") };
    assert_eq!(refusal.code(), "vault.input.invalid");
    let pointers: Vec<&str> = refusal.violations().iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/owner", "/cadence_days", "/expires_at"]);
    for owner in [String::new(), "a ".into(), "a\nb".into(), "é".repeat(201)] {
        let bad = NewCredential { owner, ..new("crm-key", connection) };
        assert_eq!(code(custodian.create(act(&operator), bad, secret("sk_one")).await), "vault.input.invalid");
    }
    for value in ["", "a\r\nb", "Bearer sk_one", " sk_one"] {
        let taken = custodian.create(act(&operator), new("crm-key", connection), secret(value)).await;
        assert_eq!(code(taken), "vault.secret.unfit");
    }
    let taken = custodian.create(act(&operator), new("open-key", open), secret("x")).await;
    assert_eq!(code(taken), "vault.connection.open");

    custodian.create(act(&operator), new("crm-key", connection), secret("sk_one")).await.expect("taken in");
    let second = custodian.create(act(&operator), new("crm-key-2", connection), secret("sk_two")).await;
    assert_eq!(code(second), "vault.connection.credentialed");
    let mail = world.connect("mail", json!({"placement": "query", "name": "key"})).await;
    let same_name = custodian.create(act(&operator), new("crm-key", mail), secret("sk_two")).await;
    assert_eq!(code(same_name), "access.name.taken");
    for limit in [0, 1_001] {
        assert_eq!(code(custodian.list(act(&operator), None, limit).await), "access.page.limit");
    }
    let id = custodian.named(act(&operator), "crm-key").await.expect("found");
    for reason in ["", "a\nb", &"x".repeat(201)] {
        assert_eq!(code(custodian.revoke(act(&operator), id, reason).await), "vault.input.invalid");
    }
    world.registry(&operator).change_connection("mail", change(json!({"status": "retired"}))).await.expect("retired");
    let gone = custodian.create(act(&operator), new("mail-key", mail), secret("sk_two")).await;
    assert_eq!(code(gone), "access.connection.retired");
}

#[tokio::test]
async fn an_expired_credential_is_lent_to_nobody_until_it_is_rotated() {
    let world = World::new().await;
    let connection = world.connect("crm", json!({"placement": "bearer"})).await;
    let operator = world.operator().await;
    let ends = world.house.clock.now().after(Duration::from_secs(60));
    let new = NewCredential { expires_at: Some(ends), ..new("crm-key", connection) };
    let taken = world.custodian.create(act(&operator), new, secret("sk_one")).await.expect("taken in");
    let grant = world.granted("crm").await.expect("granted");
    world.house.clock.advance(Duration::from_secs(59));
    assert_eq!(world.sent_in_time(&grant).await.expect("lent"), "Bearer sk_one");
    world.house.clock.advance(Duration::from_secs(1));
    assert_eq!(code(world.sent_in_time(&grant).await), "vault.credential.expired");

    while !world.access.is_fresh() {
        tokio::task::yield_now().await;
    }
    let silent = world.custodian.rotate(act(&operator), taken.id, secret("sk_two"), blind()).await;
    assert_eq!(code(silent), "vault.input.invalid");
    let later = Some(world.house.clock.now().after(Duration::from_secs(60)));
    world
        .custodian
        .rotate(act(&operator), taken.id, secret("sk_two"), Rotation { expires_at: later, ..blind() })
        .await
        .expect("rotated");
    assert_eq!(world.sent_in_time(&grant).await.expect("lent"), "Bearer sk_two");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    let operator = world.operator().await;
    let mut taken = Vec::new();
    for at in 0..5 {
        let connection = world.connect(&format!("c{at}"), json!({"placement": "bearer"})).await;
        world.house.clock.advance(Duration::from_millis(5));
        let new = new(&format!("key-{at}"), connection);
        taken.push(world.custodian.create(act(&operator), new, secret("sk_same")).await.expect("taken in"));
    }
    assert!(taken.windows(2).all(|pair| pair[0].fingerprint == pair[1].fingerprint), "equal values show");
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = world.custodian.list(act(&operator), after, 2).await.expect("listed");
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|view| view.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, taken.iter().map(|view| view.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_canary_of_a_whole_life_is_left_anywhere() {
    let world = World::embedded().await;
    let (one, two) = (canary("first"), canary("second"));
    let (connection, taken) = world.bearer(&one).await;
    let (operator, service) = (world.operator().await, world.service().await);
    let grant = world.granted("crm").await.expect("granted");
    assert_eq!(world.sent(&grant).expect("lent"), format!("Bearer {one}"));
    world.custodian.rotate(act(&operator), taken.id, secret(&two), blind()).await.expect("rotated");
    assert_eq!(world.sent(&grant).expect("lent"), format!("Bearer {two}"));
    let mut said = String::new();
    for result in [
        world.custodian.create(act(&operator), new("other", connection), secret(&one)).await,
        world.custodian.create(act(&operator), new("other", connection), secret(&format!("{one}\n"))).await,
        world.custodian.rotate(act(&service), taken.id, secret(&one), blind()).await,
        world.custodian.rotate(act(&operator), taken.id, secret(&format!("\r\n{two}")), blind()).await,
    ] {
        said.push_str(&format!("{result:?}"));
    }
    said.push_str(&format!("{:?}", world.custodian.show(act(&operator), taken.id).await));
    said.push_str(&format!("{:?} {:?}", world.events().await, world.trail().await));
    let mut parts = world.parts();
    let equipped = world.vault.equip(&grant, &mut parts).expect("lent");
    said.push_str(&format!("{parts:?} {equipped:?} {:?}", secret(&two)));
    world.custodian.revoke(act(&operator), taken.id, "the end").await.expect("revoked");
    std::fs::write(world.house.folder.path().join("said"), said).expect("written");
    world.audit.shutdown().await.expect("written");
    for canary in [&one, &two] {
        assert_eq!(leaks(world.house.folder.path(), canary.as_bytes()), []);
    }
}

#[tokio::test]
async fn a_credential_keeps_a_bounded_number_of_versions() {
    let world = World::new().await;
    let (_, taken) = world.bearer("sk_one").await;
    let operator = world.operator().await;
    for at in 2..=64 {
        let value = secret(&format!("sk_{at}"));
        world.custodian.stage(act(&operator), taken.id, value, Rotation::default()).await.expect("staged");
    }
    let more = world.custodian.stage(act(&operator), taken.id, secret("sk_65"), Rotation::default()).await;
    assert_eq!(code(more), "vault.version.too_many");
    let long_ago = world.house.clock.now().before(Duration::from_secs(120));
    world.custodian.destroy(act(&operator), taken.id, 2, long_ago).await.expect("destroyed");
    world.custodian.stage(act(&operator), taken.id, secret("sk_65"), Rotation::default()).await.expect("staged");
}

#[tokio::test]
async fn a_version_that_comes_after_the_revocation_is_not_kept() {
    let world = World::new().await;
    let (_, taken) = world.bearer("sk_one").await;
    let operator = world.operator().await;
    // Whoever looked at the credential before it was revoked goes on after.
    let connection = world.custodian.connection_of(world.tenant, taken.id).await.expect("there");
    world.custodian.revoke(act(&operator), taken.id, "over").await.expect("revoked");
    let late = world.custodian.staged(act(&operator), &connection, taken.id, secret("sk_late"), blind()).await;
    assert_eq!(code(late), "vault.credential.changed");
    let (_, versions) = world.custodian.show(act(&operator), taken.id).await.expect("shown");
    assert_eq!(versions.iter().map(|view| view.version).collect::<Vec<_>>(), [1]);
}
