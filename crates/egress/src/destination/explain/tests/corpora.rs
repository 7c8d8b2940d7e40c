//! The score on the corpora: every line that strangers and the oracle agree on must be right.
//!
//! The sets are read where they are and skipped with a visible line elsewhere: their licences differ, so
//! none of their lines stands in this repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{ask, options};
use crate::destination::host::Host;
use crate::destination::judge::{Policy, Verdict, judge_url};
use crate::destination::url::StrictUrl;

/// The lines of one file; none where the corpora are absent.
#[expect(clippy::disallowed_methods, reason = "where the corpora are is asked in tests alone")]
fn lines(file: &str) -> Option<Vec<Value>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora");
    let root = std::env::var("LOCKGATE_CORPORA").map_or_else(|_| PathBuf::from(beside), PathBuf::from);
    let path = root.join("ssrf").join(format!("{file}.jsonl"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {file} is not here; LOCKGATE_CORPORA names the folder");
        return None;
    };
    // Some lines of the standard's own tests hold half a surrogate pair, which is no text at all.
    Some(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[derive(Default)]
struct Score {
    right: usize,
    wrong: Vec<String>,
    open: usize,
    codes: BTreeMap<String, usize>,
}

impl Score {
    fn count(&mut self, wanted: Option<&str>, output: &Value, shown: &Value) {
        let verdict = output["verdict"].as_str().unwrap();
        match wanted {
            None => self.open += 1,
            Some(wanted) if wanted == verdict => self.right += 1,
            Some(_) => self.wrong.push(format!("{verdict} ({}): {shown}", output["code"])),
        }
        *self.codes.entry(output["code"].as_str().unwrap_or("allowed").to_owned()).or_default() += 1;
    }

    fn print(&self, file: &str) {
        println!("{file:22} {:5} right {:3} wrong {:3} not scored", self.right, self.wrong.len(), self.open);
        for wrong in &self.wrong {
            println!("    {wrong}");
        }
        let codes: Vec<String> = self.codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
        println!("    {}", codes.join(", "));
    }
}

/// What a line must come to; nothing where the corpus leaves it open.
fn wanted(line: &Value) -> Option<&'static str> {
    match line["expect"].as_str().unwrap() {
        _ if line["policy_dependent"] == json!(true) => None,
        "block" => Some("block"),
        "pass" => Some("allow"),
        _ => None,
    }
}

/// Runs a file with every other name at a public address and with `http:` judged on its address, so that
/// neither an unknown name nor the scheme wins by itself.
async fn score(file: &str, input: impl Fn(&Value) -> Vec<Value>) {
    let Some(lines) = lines(file) else { return };
    let (mut options, asked) = options(Some(json!({"*": ["93.184.216.34"]})));
    options.danger_allow_http = true;
    let mut score = Score::default();
    for line in &lines {
        for input in input(line) {
            let output = ask(&options, input.clone()).await;
            assert_eq!(output["id"], line["id"]);
            score.count(wanted(line), &output, &input);
        }
    }
    score.print(file);
    assert!(score.right > 0, "the file was read");
    assert_eq!(score.wrong, Vec::<String>::new(), "{file}");
    assert_eq!(asked.0.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn attacks_are_blocked() {
    for file in ["url_block", "url_block_generated"] {
        score(file, |line| vec![json!({"id": line["id"], "url": line["url"], "dns": line["dns"]})]).await;
    }
}

#[tokio::test]
async fn lists_are_not_got_past() {
    score("allowlist_bypass", |line| {
        vec![json!({"id": line["id"], "url": line["input"], "allow": line["allowed_hosts"]})]
    })
    .await;
}

#[tokio::test]
async fn addresses_are_told_apart() {
    score("ip_literals", |line| {
        let address = line["input"].as_str().unwrap();
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        ["http", "https"].iter().map(|scheme| json!({"id": line["id"], "url": format!("{scheme}://{host}/")})).collect()
    })
    .await;
}

#[tokio::test]
async fn answers_of_name_servers_are_judged() {
    let Some(lines) = lines("dns_scenarios") else { return };
    let (options, _) = options(None);
    let mut score = Score::default();
    for line in &lines {
        let name = line["name"].as_str().unwrap();
        let first = line["answers_per_query"].as_array().and_then(|answers| answers.first());
        let dns = json!({name: first});
        let input = json!({"id": line["id"], "url": format!("https://{name}/"), "dns": dns});
        score.count(wanted(line), &ask(&options, input.clone()).await, &input);
    }
    score.print("dns_scenarios");
    assert_eq!(score.wrong, Vec::<String>::new());
}

#[tokio::test]
async fn redirects_lead_nowhere_forbidden() {
    let Some(lines) = lines("redirects") else { return };
    let current = StrictUrl::parse("http://first.test/start").unwrap();
    let policy = Policy { danger_allow_http: true, ..Policy::default() };
    let mut score = Score::default();
    for line in lines.iter().filter(|line| line["category"].as_str().unwrap().starts_with("redirect-to-")) {
        let location = line["hops"][0]["headers"]["Location"].as_str().unwrap();
        let verdict = match current.join(location) {
            Ok(url) => judge_url(url, &policy),
            Err(refusal) => Verdict::Blocked(refusal, None),
        };
        let output = match verdict {
            Verdict::Blocked(refusal, _) => json!({"verdict": "block", "code": refusal.info().code}),
            // Reading the whole line again brings its name servers' answers in.
            Verdict::Allowed(url, _) | Verdict::Resolve(url) => {
                let (mut options, _) = options(None);
                options.danger_allow_http = true;
                options.dns = Some(serde_json::from_value(line["dns"].clone()).unwrap_or_default());
                ask(&options, json!({"url": url.to_string()})).await
            }
        };
        score.count(wanted(line), &output, line);
    }
    score.print("redirects");
    assert_eq!(score.wrong, Vec::<String>::new());
}

#[tokio::test]
async fn benign_urls_pass() {
    score("url_pass", |line| vec![json!({"id": line["id"], "url": line["input"]})]).await;
}

#[tokio::test]
async fn where_nobody_agrees_the_verdict_is_printed() {
    for file in ["url_pass_unscored", "url_unscored"] {
        let Some(lines) = lines(file) else { continue };
        let (mut options, _) = options(Some(json!({"*": ["93.184.216.34"]})));
        options.danger_allow_http = true;
        let mut score = Score::default();
        for line in &lines {
            score.count(None, &ask(&options, json!({"url": line["input"]})).await, line);
        }
        score.print(file);
    }
}

/// What we accept, the WHATWG parser reads as the same host, port and path.
fn check_against_whatwg(text: &str) -> bool {
    let Ok(ours) = StrictUrl::parse(text) else { return false };
    let theirs = url::Url::parse(text).unwrap_or_else(|error| panic!("we alone accept {text:?}: {error}"));
    assert_eq!(theirs.scheme(), ours.scheme().as_str(), "{text:?}");
    assert_eq!(theirs.host_str(), Some(ours.host().to_string().as_str()), "{text:?}");
    assert_eq!(theirs.port_or_known_default(), Some(ours.port()), "{text:?}");
    let path = match theirs.query() {
        Some(query) => format!("{}?{query}", theirs.path()),
        None => theirs.path().to_owned(),
    };
    assert_eq!(path, ours.path(), "{text:?}");
    true
}

#[test]
fn what_we_accept_is_read_alike_by_the_whatwg_parser() {
    let files = [
        ("whatwg_urltestdata", "input"),
        ("url_pass", "input"),
        ("url_block", "url"),
        ("url_block_generated", "url"),
        ("allowlist_bypass", "input"),
    ];
    for (file, field) in files {
        let Some(lines) = lines(file) else { continue };
        let accepted = lines.iter().filter(|line| check_against_whatwg(line[field].as_str().unwrap())).count();
        println!("{file:22} {accepted:5} of {:5} accepted, all read alike", lines.len());
    }
}

#[test]
fn hosts_we_accept_have_the_ascii_form_of_the_standard() {
    let Some(lines) = lines("idna_toascii") else { return };
    let (mut accepted, mut valid) = (0, 0);
    for line in &lines {
        valid += usize::from(line["expect"] == json!("ok"));
        let input = line["input"].as_str().unwrap();
        let Ok(Host::Name(name)) = Host::parse(input) else { continue };
        accepted += 1;
        assert_eq!(line["expect"], json!("ok"), "we alone accept {line}");
        assert_eq!(line["output"], json!(&*name), "{line}");
    }
    println!("idna_toascii           {accepted:5} of {valid:5} valid of {:5} accepted, all alike", lines.len());
    assert!(accepted > 0);
}
