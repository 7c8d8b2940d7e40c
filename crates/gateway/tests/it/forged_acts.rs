//! Somebody who writes the database puts acts into what waits for the trail: none of them gets in, each is told,
//! and what is the gateway's own is recorded beside them.

use std::sync::Arc;
use std::time::Duration;

use lockgate_store::{Change, Config, Statement, Store, Value};
use lockgate_vocabulary::{AuditId, Clock as _, SystemClock, SystemEntropy, TenantId};
use rustix::process::Signal;
use serde_json::json;

use crate::client::Client;
use crate::process::{Gate, ask, told};

static ROWS: Statement = Statement::house(
    "forger.rows",
    "SELECT tenant, entry, body, mac FROM outbox WHERE appended_at IS NOT NULL ORDER BY entry",
);

static PUT: Statement = Statement::tenant(
    "forger.put",
    "INSERT INTO outbox (tenant, entry, body, created_at, mac) VALUES ($1, $2, $3, 1, $4)",
);

static ASIDE: Statement =
    Statement::house("forger.aside", "SELECT COUNT(*) FROM outbox WHERE aside_at IS NOT NULL AND appended_at IS NULL");

/// A row that is in the trail.
struct Own {
    entry: String,
    body: String,
    mac: Vec<u8>,
}

async fn metric(gate: std::net::SocketAddr, name: &str) -> i64 {
    let mut client = Client::connect(gate).await;
    client.send("GET /metrics HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    let text = client.answer().await.expect("an answer").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
    line.trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_writes_into_the_outbox_is_set_aside_and_told() {
    let gate = Gate::init();
    let serving = gate.serve();
    let tenant = async |name: &str| {
        let made = ask(serving.admin, &gate.operator, "POST", "/v1/tenants", Some(json!({ "name": name }))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        (text(&made["tenant"]["tenant"]), text(&made["key"]["secret"]))
    };
    let ((acme, operator), (globex, _)) = (tenant("acme").await, tenant("globex").await);
    let principal = |name: &str| json!({ "name": name, "kind": "service", "scopes": [] });
    let make = async |name: &str| {
        assert_eq!(ask(serving.admin, &operator, "POST", "/v1/principals", Some(principal(name))).await.status, 201);
    };
    make("real-one").await;

    // The forger writes the same file from a process of its own.
    let config = Config::sqlite(gate.folder().join("data/lockgate.db"));
    let store = Store::open_as_it_is(&config, Arc::new(SystemClock::new())).await.expect("the file can be opened");
    let clock = SystemClock::new();
    let begun = clock.elapsed();
    let own = loop {
        let rows = store.survey(&ROWS, Vec::new()).await.expect("read");
        let mine = rows.iter().filter(|row| row.text(0).is_ok_and(|owner| owner == acme));
        let mut mine = mine.map(|row| Own {
            entry: row.text(1).expect("an entry").to_owned(),
            body: row.text(2).expect("a body").to_owned(),
            mac: row.bytes(3).expect("a MAC").to_vec(),
        });
        if let Some(own) = mine.next_back().filter(|own| own.body.contains("principal.create")) {
            break own;
        }
        assert!(clock.elapsed() - begun < Duration::from_secs(60), "nothing was relayed");
        tokio::task::yield_now().await;
    };
    let id = || AuditId::generate(&SystemClock::new(), &SystemEntropy).to_string();
    let renamed = |id: &str| own.body.replace(&own.entry, id);
    let (one, two, three, four) = (id(), id(), id(), id());
    let forged: Vec<(&str, &str, String, Value)> = vec![
        // An act that never was: without a MAC, with a wrong one, with a short one, with another row's.
        (&acme, &one, renamed(&one), Value::Null),
        (&acme, &two, renamed(&two), Value::Bytes(vec![7; 32])),
        (&acme, &three, renamed(&three), Value::Bytes(own.mac[..16].to_vec())),
        (&acme, &four, renamed(&four), Value::Bytes(own.mac.clone())),
        // One that was, as another tenant's, as it is and under that tenant's name.
        (&globex, &own.entry, own.body.clone(), Value::Bytes(own.mac.clone())),
    ];
    let as_globex = id();
    let all = forged.into_iter().chain([
        (
            globex.as_str(),
            as_globex.as_str(),
            renamed(&as_globex).replace(&acme, &globex),
            Value::Bytes(own.mac.clone()),
        ),
        // What is no entry at all, but begins as the node's own do.
        (&*acme, "zzz", own.body.get(..20).expect("text").to_owned(), Value::Null),
    ]);
    let mut count = 0;
    for (owner, entry, body, mac) in all {
        let owner: TenantId = owner.parse().expect("an id");
        let change = Change::of(owner).step(&PUT, vec![entry.into(), body.into(), mac]);
        store.apply(change).await.expect("the database lets its owner write");
        count += 1;
    }
    make("real-two").await;
    let begun = clock.elapsed();
    while metric(serving.admin, "lockgate_audit_rows_set_aside").await < count {
        assert!(clock.elapsed() - begun < Duration::from_secs(60), "not all are set aside");
        tokio::task::yield_now().await;
    }
    assert_eq!(metric(serving.admin, "lockgate_audit_rows_set_aside").await, count, "each is told once");
    // They are told first, and then set aside.
    while store.survey(&ASIDE, Vec::new()).await.expect("read")[0].int(0).expect("a count") < count {
        assert!(clock.elapsed() - begun < Duration::from_secs(60), "they are not marked");
        tokio::task::yield_now().await;
    }
    assert_eq!(metric(serving.admin, "lockgate_audit_rows_set_aside").await, count, "each is told once");
    store.close().await.expect("closed");
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));

    let (code, said) = told(&gate, &["audit", "verify"]);
    assert!(
        code == Some(0) && said.contains(&format!("{count} rows of the store's outbox are not the gateway's own")),
        "{said}"
    );
    let (code, exported) = told(&gate, &["audit", "export"]);
    assert_eq!(code, Some(0), "{exported}");
    let with = |word: &str| exported.lines().filter(|line| line.contains(word)).count();
    assert_eq!(with("outbox.set-aside"), usize::try_from(count).expect("few"), "{exported}");
    for entry in [&one, &two, &three, &four, &as_globex] {
        let lines: Vec<&str> = exported.lines().filter(|line| line.contains(entry.as_str())).collect();
        assert!(lines.len() == 1 && lines[0].contains("outbox.set-aside"), "{lines:?}");
    }
    for tenant in [&acme, &globex] {
        let (code, export) = told(&gate, &["audit", "export", "--tenant", tenant]);
        assert!(code == Some(0) && !export.contains("outbox.set-aside"), "the house's trail says it: {export}");
        for (name, times) in [("real-one", usize::from(*tenant == acme)), ("real-two", usize::from(*tenant == acme))] {
            let acts = export.lines().filter(|line| line.contains("principal.create") && line.contains(name)).count();
            assert_eq!(acts, times, "{name}: what was done is recorded once, where it was done: {export}");
        }
    }
}
