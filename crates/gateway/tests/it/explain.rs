//! `lockgate explain` by the built binary, through its standard input and output: every scored line of the
//! sets, spellings of our own, and lines that are none.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Output, Stdio};

use lockgate_testkit::corpus;
use serde_json::{Value, json};
use tempfile::TempDir;

fn explain(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .arg("explain")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    writing.join().expect("no panic").expect("it reads everything");
    output
}

fn answers(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Verdicts on these lines, one for each and in their order.
fn judged(arguments: &[&str], lines: &[Value]) -> Vec<Value> {
    let input: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    let output = explain(arguments, input.concat().as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = answers(&output);
    assert_eq!(answers.len(), lines.len());
    for (line, answer) in lines.iter().zip(&answers) {
        assert_eq!(line["id"], answer["id"], "order and ids are kept");
    }
    answers
}

/// A folder with a map in which every other name has a public address.
fn names() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("dns.json");
    std::fs::write(&path, r#"{"*":["93.184.216.34"]}"#).expect("written");
    let path = path.display().to_string();
    (dir, path)
}

/// Runs a set of URLs; `member` is the one with the URL. How many of them have a verdict, where they are there.
fn urls(file: &str, member: &str) -> Option<usize> {
    let text = corpus(&format!("ssrf/{file}.jsonl"))?;
    // Half a surrogate pair is no text; such lines are not JSON for us and are looked at elsewhere.
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ask = |line: &Value| {
        let url = line[member].as_str().expect("a text");
        let address = file == "ip_literals";
        let url = match (address, url.contains(':')) {
            (true, true) => format!("https://[{url}]/"),
            (true, false) => format!("https://{url}/"),
            (false, _) => url.to_owned(),
        };
        let mut ask = json!({ "id": line["id"], "url": url, "dns": line["dns"] });
        if let Some(allowed) = line.get("allowed_hosts") {
            ask["allow"] = allowed.clone();
        }
        ask
    };
    let asked: Vec<Value> = lines.iter().map(ask).collect();
    let (_dir, dns) = names();
    let answers = judged(&["url", "--danger-allow-http", "--dns", &dns], &asked);
    let (mut scored, mut wrong) = (0, Vec::new());
    for (line, answer) in lines.iter().zip(&answers) {
        let wanted = match line["expect"].as_str() {
            _ if line["policy_dependent"] == json!(true) => continue,
            Some("block") => "block",
            Some("pass") => "allow",
            _ => continue,
        };
        scored += 1;
        let told = (answer["verdict"] == "block") == answer["code"].is_string();
        if answer["verdict"] != wanted || !told {
            wrong.push(format!("{answer} for {line}"));
        }
    }
    assert!(wrong.is_empty() && scored > 0, "{file}: {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Some(scored)
}

#[test]
fn every_scored_url_of_the_sets_is_right() {
    for (file, member) in [
        ("url_block", "url"),
        ("url_block_generated", "url"),
        ("allowlist_bypass", "input"),
        ("ip_literals", "input"),
        ("url_pass", "input"),
    ] {
        let Some(scored) = urls(file, member) else { continue };
        println!("{file}: {scored} right");
    }
}

#[test]
fn every_scored_token_of_the_set_is_right() {
    let Some(text) = corpus("jwt/gateway-access-token-attacks.json") else { return };
    let set: Value = serde_json::from_str(&text).expect("JSON");
    let dir = tempfile::tempdir().expect("a folder");
    let keys = dir.path().join("keys.json").display().to_string();
    std::fs::write(&keys, set["jwks"].to_string()).expect("written");
    let verifier = &set["verifier"];
    let text = |member: &str| verifier[member].as_str().map_or_else(|| verifier[member].to_string(), str::to_owned);
    let (issuer, audience, now) = (text("iss"), text("aud"), text("now"));
    let (skew, lifetime, scope) = (text("skew_s"), text("max_lifetime_s"), text("required_scope"));
    let arguments = [
        "token",
        "--keys",
        &keys,
        "--issuer",
        &issuer,
        "--audience",
        &audience,
        "--now",
        &now,
        "--skew",
        &skew,
        "--max-lifetime",
        &lifetime,
        "--scope",
        &scope,
    ];
    let vectors = set["vectors"].as_array().expect("a list");
    let answers = judged(&arguments, vectors);
    let wrong: Vec<String> = vectors
        .iter()
        .zip(&answers)
        .filter(|(vector, answer)| vector["expect"] != "acceptable" && vector["expect"] != answer["verdict"])
        .map(|(vector, answer)| format!("{answer} for {}", vector["id"]))
        .collect();
    println!("access tokens: {} of {} right", vectors.len() - wrong.len(), vectors.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An IPv4 address in every spelling that some reader takes for it.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let (n, high, low) = (u32::from(address), format!("{a:x}{b:02x}"), format!("{c:x}{d:02x}"));
    let swap = |from: char, to: &str| address.to_string().replace(from, to);
    let digits = |zero: u32| -> String {
        let digit = |c: char| c.to_digit(10).and_then(|value| char::from_u32(zero + value)).unwrap_or(c);
        address.to_string().chars().map(digit).collect()
    };
    vec![
        address.to_string(),
        format!("{n}"),
        format!("{n:#x}"),
        format!("0X{n:X}"),
        format!("0{n:o}"),
        format!("{n}."),
        format!("{}", u64::from(n) + (1 << 32)),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a}.{b}.{}", n & 0xffff),
        format!("{a}.{}", n & 0xff_ffff),
        format!("{a:#x}.{b}.0{c:o}.{d}"),
        format!("{address}."),
        format!("{address}.."),
        format!(".{address}"),
        format!("{a}..{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.0{d}"),
        format!("{}.{b}.{c}.{d}", u32::from(a) + 256),
        format!("[::ffff:{address}]"),
        format!("[::ffff:{high}:{low}]"),
        format!("[0:0:0:0:0:FFFF:{high}:{low}]"),
        format!("[::{high}:{low}]"),
        format!("[::{address}]"),
        format!("[::ffff:0:{high}:{low}]"),
        format!("[64:ff9b::{high}:{low}]"),
        format!("[64:ff9b::{address}]"),
        format!("[64:ff9b:1::{high}:{low}]"),
        format!("[2002:{high}:{low}::1]"),
        format!("[2001:0:{high}:{low}::1]"),
        format!("[2001:0:808:808:0:0:{:x}:{:x}]", !(n >> 16) & 0xffff, !n & 0xffff),
        format!("[fe80::5efe:{high}:{low}]"),
        format!("[2606:4700::5efe:{high}:{low}]"),
        format!("[2606:4700::200:5efe:{high}:{low}]"),
        format!("[::ffff:{high}:{low}%25eth0]"),
        format!("::ffff:{address}"),
        digits(0xff10),
        digits(0x0660),
        digits(0x1d7d8),
        swap('.', "\u{3002}"),
        swap('.', "\u{ff0e}"),
        swap('.', "\u{ff61}"),
        swap('.', "%2e"),
        format!("{address}%00.example.com"),
        format!("{address}\u{ad}"),
        format!("\u{200b}{address}"),
        format!("x@{address}"),
        format!("example.com@{address}"),
        format!("{address}:80:80"),
        format!("{address}\\@example.com"),
    ]
}

#[test]
fn no_spelling_of_what_lies_inside_is_allowed() {
    let hidden = [
        "127.0.0.1",
        "169.254.169.254",
        "10.1.2.3",
        "192.168.0.1",
        "172.31.255.255",
        "100.100.100.200",
        "0.0.0.0",
        "168.63.129.16",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ];
    let of_v4 = hidden.iter().flat_map(|text| spellings(text.parse().expect("an address")));
    let others = [
        "[::]",
        "[::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fec0::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[100::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[5f00::1]",
        "[4000::1]",
        "[::ffff:1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "x.local",
        "x.internal",
        "x.lan",
        "x.corp",
        "x.home.arpa",
        "router",
        "kubernetes.default.svc",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "instance-data",
        "x.onion",
        "1.0.0.127.in-addr.arpa",
        "\u{24db}ocalhost",
        "loc\u{430}lhost",
        "local\u{ad}host",
        "exam\u{2024}ple.com",
        "ex%61mple.com",
        "a..b.com",
        ".a.com",
        "a.com..",
        "-a.com",
        "a-.com",
        "xn--.com",
        "xn--a.com",
        "exa mple.com",
        "exa\tmple.com",
        "exa\nmple.com",
        "exa\0mple.com",
        "[example.com]",
        "[]",
        "[::1",
        "1.2.3.4.5",
        "example.1",
        "example.0x1",
        "0x",
        "a.08",
        "example.com:0",
        "example.com:65536",
        "example.com:",
        "example.com:+80",
        "",
    ];
    let hosts: Vec<String> = of_v4.chain(others.iter().map(|host| (*host).to_owned())).collect();
    let lines: Vec<Value> = hosts
        .iter()
        .flat_map(|host| ["https", "http"].map(|scheme| format!("{scheme}://{host}/")))
        .enumerate()
        .map(|(id, url)| json!({ "id": id, "url": url }))
        .collect();
    let (_dir, dns) = names();
    let answers = judged(&["url", "--danger-allow-http", "--dns", &dns], &lines);
    let allowed: Vec<&Value> =
        lines.iter().zip(&answers).filter(|(_, answer)| answer["verdict"] != "block").map(|(line, _)| line).collect();
    println!("own spellings: {} blocked", lines.len());
    assert!(allowed.is_empty(), "{allowed:?}");
}

#[test]
fn a_line_that_cannot_be_read_costs_no_other_its_answer() {
    let (dir, dns) = names();
    let long = format!("{{\"id\":9,\"url\":\"https://example.com/{}\"}}", "x".repeat(2_000_000));
    let bad: [(&[u8], Value); 9] = [
        (b"nonsense", json!(null)),
        (b"{\"id\":1,\"url\":\"https://example.com/\"", json!(null)),
        (b"{\"id\":2}", json!(2)),
        (b"{\"id\":{\"a\":[3]},\"url\":7}", json!({ "a": [3] })),
        (b"{\"id\":\"\\u00e4\",\"url\":\"https://\\ud800/\"}", json!("\u{e4}")),
        (b"{\"id\":4,\"url\":\"https://example.com/\xff\"}", json!(null)),
        (long.as_bytes(), json!(null)),
        (b"null", json!(null)),
        (b"{\"id\":5,\"id\":6,\"url\":\"https://example.com/\"}", json!(6)),
    ];
    let mut input = Vec::new();
    for (line, _) in &bad {
        input.extend_from_slice(line);
        input.extend_from_slice(b"\n{\"id\":\"good\",\"url\":\"https://example.com/\"}\r\n\n");
    }
    input.truncate(input.len() - 3);
    let output = explain(&["url", "--dns", &dns], &input);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let told = answers(&output);
    assert_eq!(told.len(), bad.len() * 2);
    for (pair, (line, id)) in told.chunks(2).zip(&bad) {
        let shown = String::from_utf8_lossy(line);
        let shown = shown.get(..60).unwrap_or(&shown);
        assert_eq!(
            (&pair[0]["verdict"], &pair[0]["code"]),
            (&json!("block"), &json!("egress.line.malformed")),
            "{shown}"
        );
        assert_eq!(&pair[0]["id"], id, "{shown}");
        assert_eq!((&pair[1]["id"], &pair[1]["verdict"]), (&json!("good"), &json!("allow")), "{shown}");
    }

    let keys = dir.path().join("keys.json").display().to_string();
    std::fs::write(&keys, r#"{"keys":[]}"#).expect("written");
    let arguments = ["token", "--keys", &keys, "--issuer", "i", "--audience", "a", "--now", "1"];
    let output = explain(&arguments, b"{\"id\":1,\"token\":\xff}\n{\"id\":2,\"token\":\"a.b.c\"}\n{\"id\":3}");
    assert_eq!(output.status.code(), Some(0));
    let told = answers(&output);
    assert_eq!(told.iter().map(|line| line["id"].clone()).collect::<Vec<_>>(), [json!(null), json!(2), json!(3)]);
    assert!(told.iter().all(|line| line["verdict"] == "reject"), "{told:?}");
}

#[test]
fn a_flag_that_makes_no_sense_is_a_usage_error_and_answers_nothing() {
    let (dir, dns) = names();
    let broken = dir.path().join("broken.json").display().to_string();
    std::fs::write(&broken, r#"{"a":["not an address"]}"#).expect("written");
    let nowhere = dir.path().join("nowhere.json").display().to_string();
    for arguments in [
        vec!["url", "--dns", &broken],
        vec!["url", "--dns", &nowhere],
        vec!["url", "--surprise"],
        vec!["token", "--keys", &nowhere, "--issuer", "i", "--audience", "a", "--now", "1"],
        vec!["token", "--keys", &dns, "--issuer", "i", "--audience", "a", "--now", "soon"],
        vec!["token", "--issuer", "i", "--audience", "a", "--now", "1"],
        vec!["everything"],
    ] {
        let output = explain(&arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

/// Every signed delivery of the vectors, by the built binary.
#[test]
fn deliveries_are_judged_as_their_vectors_say() {
    let texts = [
        include_str!("../../../webhooks/testdata/vectors.json"),
        include_str!("../../../webhooks/testdata/vectors-tier-c.json"),
    ];
    let files = texts.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
    let lines: Vec<Value> = files.flat_map(|file| file["vectors"].as_array().expect("vectors").clone()).collect();
    let told = judged(&["webhook", "--now", "1790000000"], &lines);
    for (line, answer) in lines.iter().zip(&told) {
        assert_eq!(answer["verdict"], line["expect"], "{answer}");
        assert_eq!(answer["code"].is_null(), line["expect"] == "valid", "{answer}");
    }
    let odd = [json!({ "id": 1 }), json!({ "id": 2, "provider": "nobody", "headers": [], "body_b64": "" })];
    for answer in judged(&["webhook", "--now", "1790000000"], &odd) {
        assert_eq!((&answer["verdict"], answer["code"].is_string()), (&json!("invalid"), true), "{answer}");
    }
    let output = explain(&["webhook"], b"");
    assert_eq!(output.status.code(), Some(2), "it needs to be told the moment");
}
