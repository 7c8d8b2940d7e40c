//! There is one way to write an entry, and nothing else is read.

use std::time::Duration;

use lockgate_vocabulary::{Actor, TraceContext};
use proptest::prelude::*;

use super::emit::{self, Envelope};
use super::*;
use crate::facts::{Closing, Deed, RefusedFacts, RunFacts};
use crate::tests::{Count, actor, attempt, closing, facts, refused, run, tenant};

fn whole(owner: Option<TenantId>, tail: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    let envelope = Envelope {
        index: 17,
        id: AuditId::from_u128(1),
        node: "n1",
        time: Timestamp::from_micros(1_795_320_000_000_123),
        tenant: owner,
        sequence: 5,
        previous: &Hash::from_bytes([9; 32]),
    };
    emit::envelope(&mut line, &envelope);
    line.extend_from_slice(tail);
    line
}

fn traced(actor: &Actor) -> RunFacts<'_> {
    RunFacts { trace: TraceContext::start(&Count::default()).trace, ..facts(actor, run(3)) }
}

const FRONT: &str = "{\"index\":17,\"id\":\"aud_00000000000000000000000001\",\"node\":\"n1\",\"time\":1795320000000123,\
\"tenant\":\"ten_00000000000000000000000001\",\"seq\":5,\"prev\":\"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\",";

/// Each kind of entry of a run.
fn run_lines() -> Vec<Vec<u8>> {
    let actor = actor(1);
    let facts = traced(&actor);
    let repeated = emit::run_context(&facts);
    let owner = Some(tenant(1));
    vec![
        whole(owner, &emit::opened(&repeated, &facts)),
        whole(owner, &emit::attempt(&repeated, &attempt(1))),
        whole(owner, &emit::closed(&repeated, &closing())),
        whole(owner, &emit::lost(&repeated, Outcome::Unknown, "audit.run.unfinished")),
    ]
}

fn deed() -> Deed {
    Deed::new(&actor(1), TraceContext::start(&Count::default()).trace, "credential.rotate", "cred_1")
        .with("version", 2)
        .with("reason", "due\n\"now\"")
        .with("forced", false)
}

/// One line of each kind.
fn all_lines() -> Vec<Vec<u8>> {
    let mut lines = run_lines();
    let known = actor(2);
    let trace = TraceContext::start(&Count::default()).trace;
    let bare = RefusedFacts { trace, ..refused(None) };
    let full = RefusedFacts {
        actor: Some(&known),
        key: Some(KeyId::from_u128(4)),
        run: Some(run(4)),
        connection: Some(ConnectionId::from_u128(40)),
        endpoint: Some("/v1/x"),
        target_digest: Some([1; 32]),
        ..bare
    };
    lines.push(whole(None, &emit::refused(&bare)));
    lines.push(whole(Some(tenant(1)), &emit::refused(&full)));
    lines.push(whole(Some(tenant(1)), &emit::deed(&deed(), false)));
    lines.push(whole(None, &emit::deed(&deed().in_trail_of(None), true)));
    lines.push(whole(None, &emit::started(&Started { unsigned: 1, torn_bytes: 2, unfinished: 3 })));
    lines.push(whole(None, &emit::stopped()));
    lines.push(whole(None, &emit::heads(&HeadsTold { trails: 3, root: Hash::ZERO })));
    lines
}

#[test]
fn the_bytes_of_a_run_are_these() {
    let trace = "00000000000000000000000000000001";
    let context = "\"actor\":{\"principal\":\"prn_00000000000000000000000035\",\"kind\":\"service\",\"name\":\"billing\"},\
\"run\":\"run_01m83hm80071080000000003\"";
    let texts: Vec<String> = run_lines().into_iter().map(|line| String::from_utf8(line).expect("text")).collect();
    let (_, given) = texts[0].split_once("\"trace\":\"").expect("a trace");
    let (given, _) = given.split_once('"').expect("a quote");
    let run_text = run(3).to_string();
    let context = context.replace("run_01m83hm80071080000000003", &run_text);
    let tail = |kind: &str, rest: &str| {
        format!("{FRONT}\"kind\":\"{kind}\",\"trace\":\"{trace}\",{context}{rest}}}").replace(trace, given)
    };
    let target = "07".repeat(32);
    assert_eq!(
        texts[0],
        tail(
            "opened",
            &format!(
                ",\"connection\":\"conn_00000000000000000000000018\",\"connection_name\":\"stripe-main\",\
\"provider\":\"stripe\",\"method\":\"POST\",\"endpoint\":\"/v1/customers/{{id}}\",\"target\":\"{target}\",\
\"operation\":\"write\",\"dry_run\":false,\"idempotency\":true,\"peer\":\"203.0.113.9\""
            )
        )
    );
    assert_eq!(
        texts[1],
        tail(
            "attempt",
            ",\"number\":1,\"address\":\"198.51.100.4\",\"status\":200,\"outcome\":\"answered\",\"took_us\":12345,\"sent\":true"
        )
    );
    assert_eq!(
        texts[2],
        tail(
            "closed",
            ",\"outcome\":\"succeeded\",\"status\":200,\"request_bytes\":10,\"answer_bytes\":1024,\"took_us\":23456"
        )
    );
    assert_eq!(texts[3], tail("closed", ",\"outcome\":\"unknown\",\"code\":\"audit.run.unfinished\""));
}

/// One that carried a credential says which; the others are written as they always were.
#[test]
fn an_attempt_names_the_credential_that_it_carried() {
    let actor = actor(1);
    let repeated = emit::run_context(&traced(&actor));
    let line = whole(Some(tenant(1)), &emit::attempt(&repeated, &attempt(2)));
    let text = String::from_utf8(line.clone()).expect("text");
    let credential = lockgate_vocabulary::CredentialId::from_u128(0xc4ed);
    assert!(text.ends_with(&format!(",\"sent\":true,\"credential\":\"{credential}\",\"version\":7}}")), "{text}");
    let Facts::Attempt(read) = Entry::parse(&line).expect("an entry").facts else { panic!("an attempt") };
    assert_eq!((read.credential, read.version), (Some(credential), Some(7)));
    for (good, bad) in [(",\"version\":7", ""), ("\"version\":7", "\"version\":4294967296"), ("cred_", "conn_")] {
        assert!(Entry::parse(text.replace(good, bad).as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn every_kind_is_read_back_and_is_json() {
    let kinds: Vec<&str> = all_lines()
        .iter()
        .map(|line| {
            let entry = Entry::parse(line).expect("an entry");
            let json: serde_json::Value = serde_json::from_slice(line).expect("JSON");
            assert_eq!(json["kind"], entry.facts.kind());
            assert_eq!(json["id"], entry.id.to_string());
            assert_eq!(json["seq"], entry.sequence);
            entry.facts.kind()
        })
        .collect();
    assert_eq!(
        kinds,
        ["opened", "attempt", "closed", "closed", "refused", "refused", "deed", "deed", "started", "stopped", "heads"]
    );
}

#[test]
fn facts_come_back_as_they_were_told() {
    let lines = all_lines();
    let Facts::Opened(opened) = Entry::parse(&lines[0]).expect("an entry").facts else { panic!("opened") };
    assert_eq!((opened.run, opened.idempotency, &*opened.target), (run(3), true, "07".repeat(32).as_str()));
    let Facts::Closed(lost) = Entry::parse(&lines[3]).expect("an entry").facts else { panic!("closed") };
    assert_eq!((lost.outcome, lost.measured), (Outcome::Unknown, None));
    let full = Entry::parse(&lines[5]).expect("an entry");
    assert_eq!(full.actor.as_ref().and_then(|who| who.tenant), Some(tenant(2)), "of another tenant than the trail");
    assert_eq!(full.facts.run(), Some(run(4)));
    assert_eq!(full.facts.connection(), Some(ConnectionId::from_u128(40)));
    let Facts::Deed(done) = Entry::parse(&lines[6]).expect("an entry").facts else { panic!("a deed") };
    assert!(!done.relayed);
    assert_eq!(
        done.details,
        [
            ("version".into(), Detail::Number(2)),
            ("reason".into(), Detail::Text("due\n\"now\"".into())),
            ("forced".into(), Detail::Flag(false)),
        ]
    );
    let own = Entry::parse(&lines[7]).expect("an entry");
    assert!(own.tenant.is_none() && matches!(own.facts, Facts::Deed(DeedDone { relayed: true, .. })));
}

#[test]
fn the_context_of_a_run_is_found_in_its_line() {
    let hostile = Actor { name: "\",\"run\":\"run_x\",\"kind\":\"opened\"".into(), ..actor(1) };
    let facts = traced(&hostile);
    let repeated = emit::run_context(&facts);
    let line = whole(Some(tenant(1)), &emit::opened(&repeated, &facts));
    assert_eq!(run_context_of(&line), Some(&*repeated));
    let again = whole(Some(tenant(1)), &emit::lost(&repeated, Outcome::Unknown, "x"));
    assert_eq!(Entry::parse(&again).expect("an entry").facts.run(), Some(run(3)));
    assert_eq!(run_context_of(&again), None, "only a run's first entry has it");
}

#[test]
fn what_is_too_long_is_cut_where_a_character_ends() {
    let long = "ä".repeat(200);
    let own = actor(1);
    let facts = RunFacts { connection_name: &long, ..facts(&own, run(1)) };
    let line = whole(Some(tenant(1)), &emit::opened(&emit::run_context(&facts), &facts));
    let Facts::Opened(opened) = Entry::parse(&line).expect("an entry").facts else { panic!("opened") };
    assert_eq!(&*opened.connection_name, format!("{}…", "ä".repeat(62)));
    let many = (0..40).fold(deed(), |deed, _| deed.with("n", 1));
    let Facts::Deed(done) = Entry::parse(&whole(Some(tenant(1)), &emit::deed(&many, false))).expect("one").facts else {
        panic!("a deed")
    };
    assert_eq!(done.details.len(), 16);
}

#[test]
fn the_longest_line_is_shorter_than_the_bound() {
    let worst = "\u{1}".repeat(2_000);
    let loud = Actor { name: worst.as_str().into(), ..actor(1) };
    let words: &'static str = Box::leak(worst.clone().into_boxed_str());
    let deed = (0..40)
        .fold(Deed::new(&loud, TraceContext::start(&Count::default()).trace, words, &worst), |deed, _| {
            deed.with(words, worst.as_str())
        });
    let line = whole(Some(tenant(9)), &emit::deed(&deed, true));
    assert!(line.len() < LINE_BYTES, "{}", line.len());
    let facts = RunFacts {
        connection_name: &worst,
        provider: &worst,
        method: &worst,
        endpoint: &worst,
        operation: &worst,
        ..traced(&loud)
    };
    let line = whole(Some(tenant(1)), &emit::opened(&emit::run_context(&facts), &facts));
    assert!(line.len() < LINE_BYTES, "{}", line.len());
    Entry::parse(&line).expect("an entry");
}

#[test]
fn another_spelling_is_refused() {
    let lines = all_lines();
    let text = String::from_utf8(lines[0].clone()).expect("text");
    for (from, to) in [
        ("{\"index\":17", "{ \"index\":17"),
        ("\"index\":17", "\"index\":017"),
        ("\"index\":17", "\"index\":+17"),
        ("\"index\":17", "\"index\":17.0"),
        ("\"index\":17", "\"index\":99999999999999999999"),
        ("\"seq\":5", "\"seq\":-5"),
        ("\"time\":1", "\"time\":-0"),
        ("aud_0", "AUD_0"),
        ("aud_0", "aud_8"),
        ("\"node\":\"n1\"", "\"node\":\"\\u006e1\""),
        ("\"node\":\"n1\"", "\"node\":\"n\\/1\""),
        ("CQk=", "CQl="),
        ("\"kind\":\"opened\"", "\"kind\":\"Opened\""),
        ("203.0.113.9", "203.0.113.09"),
        ("203.0.113.9", "::FFFF:1"),
        ("\"dry_run\":false", "\"dry_run\":0"),
        ("\"method\":\"POST\",", ""),
        ("\"method\":\"POST\",", "\"method\":\"POST\",\"method\":\"POST\","),
        ("\"kind\":\"service\"", "\"kind\":\"root\""),
        ("0707", "070G"),
        ("\"principal\"", "\"tenant\":\"ten_00000000000000000000000001\",\"principal\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(Entry::parse(changed.as_bytes()).is_err(), "{to}");
    }
    assert!(Entry::parse(format!("{text} ").as_bytes()).is_err());
    assert!(Entry::parse(format!("{text}{text}").as_bytes()).is_err());
    assert!(Entry::parse(b"").is_err());
    assert!(Entry::parse(&vec![b'{'; LINE_BYTES + 1]).is_err());
}

#[test]
fn what_a_terminal_would_act_upon_is_escaped() {
    for hidden in ["\u{1b}[2J", "\u{9b}31m", "\u{202e}", "\u{2066}", "\u{feff}", "\u{7f}", "\r\n", "\0"] {
        let mut out = Vec::new();
        scalar::text(&mut out, hidden, 100);
        assert!(out.iter().all(|byte| (b' '..0x7f).contains(byte)), "{hidden:?}");
        let back = scalar::unescape(&out[1..out.len() - 1]).expect("one spelling");
        assert_eq!(back, hidden);
    }
}

#[test]
fn numbers_at_their_ends_are_written_and_read() {
    for time in [i64::MIN, -1, 0, 1, i64::MAX] {
        let mut line = Vec::new();
        let envelope = Envelope {
            index: u64::MAX,
            id: AuditId::from_u128(u128::MAX),
            node: "n",
            time: Timestamp::from_micros(time),
            tenant: None,
            sequence: 0,
            previous: &Hash::ZERO,
        };
        emit::envelope(&mut line, &envelope);
        line.extend_from_slice(&emit::stopped());
        let entry = Entry::parse(&line).expect("an entry");
        assert_eq!((entry.index, entry.time.as_micros(), entry.id), (u64::MAX, time, AuditId::from_u128(u128::MAX)));
    }
}

/// Text such as nobody sends in good faith.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[\\x00-\\x1f\"\\\\]{0,12}",
        Just("\",\"seq\":1,\"".to_owned()),
        Just("\\u0000\\\"".to_owned()),
        Just("\u{2028}\u{202e}\u{fffd}\u{10ffff}".to_owned()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn hostile_text_comes_back_and_breaks_nothing(name in hostile(), endpoint in hostile(), provider in hostile()) {
        let actor = Actor { name: name.as_str().into(), ..actor(1) };
        let facts = RunFacts { endpoint: &endpoint, provider: &provider, ..traced(&actor) };
        let line = whole(Some(tenant(1)), &emit::opened(&emit::run_context(&facts), &facts));
        prop_assert!(!line.contains(&b'\n') && !line.contains(&0));
        let json: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        let entry = Entry::parse(&line).expect("an entry");
        let Facts::Opened(opened) = &entry.facts else { panic!("opened") };
        let read = &entry.actor.as_ref().expect("an actor").name;
        prop_assert_eq!(json["actor"]["name"].as_str(), Some(&**read));
        prop_assert_eq!(json["endpoint"].as_str(), Some(&*opened.endpoint));
        for (given, read) in [(&name, read), (&endpoint, &opened.endpoint), (&provider, &opened.provider)] {
            match read.strip_suffix('…') {
                Some(front) if given.as_str() != &**read => prop_assert!(given.starts_with(front)),
                _ => prop_assert_eq!(given.as_str(), &**read),
            }
        }
    }

    #[test]
    fn two_lines_never_say_the_same(which in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let lines = all_lines();
        let line = &lines[which.index(lines.len())];
        let place = place.index(line.len());
        prop_assume!(line[place] != byte);
        let mut changed = line.clone();
        changed[place] = byte;
        if let Ok(entry) = Entry::parse(&changed) {
            prop_assert_ne!(entry, Entry::parse(line).expect("an entry"));
        }
    }

    #[test]
    fn arbitrary_bytes_are_never_read_twice_alike(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Entry::parse(&bytes).is_err());
    }

    #[test]
    fn identifiers_and_numbers_are_those_of_display(value in any::<u128>(), number in any::<u64>(), signed in any::<i64>(), address in any::<u128>(), v4 in any::<u32>()) {
        let mut out = Vec::new();
        scalar::id(&mut out, RunId::PREFIX, value);
        prop_assert_eq!(String::from_utf8_lossy(&out), format!("\"{}\"", RunId::from_u128(value)));
        out.clear();
        scalar::unsigned(&mut out, number);
        out.push(b' ');
        scalar::signed(&mut out, signed);
        prop_assert_eq!(String::from_utf8_lossy(&out), format!("{number} {signed}"));
        for address in [IpAddr::from(address.to_be_bytes()), IpAddr::from(v4.to_be_bytes())] {
            out.clear();
            scalar::address(&mut out, address);
            prop_assert_eq!(String::from_utf8_lossy(&out), format!("\"{address}\""));
        }
    }

    #[test]
    fn a_closing_is_read_back(request_bytes in any::<u64>(), answer_bytes in any::<u64>(), micros in any::<u64>(), status in prop::option::of(any::<u16>()), fallback in any::<bool>()) {
        let took = Duration::from_micros(micros);
        let given = Closing { request_bytes, answer_bytes, took, status, fallback, ..closing() };
        let actor = actor(1);
        let line = whole(Some(tenant(1)), &emit::closed(&emit::run_context(&traced(&actor)), &given));
        let Facts::Closed(read) = Entry::parse(&line).expect("an entry").facts else { panic!("closed") };
        prop_assert_eq!(read.measured, Some(Measured { request_bytes, answer_bytes, took_micros: micros }));
        prop_assert_eq!((read.status, read.fallback), (status, fallback));
    }
}
