//! A person's browser, as far as connecting an account needs one: it keeps cookies, and goes where it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::client::{Answer, Client};

/// Where browsers reach the gateway's door, as it is configured.
pub const DOOR: &str = "http://127.0.0.1:0";

/// A browser with its cookies of the gateway.
#[derive(Debug, Default, Clone)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Goes to a URL of the door, or a path there.
    pub async fn visit(&mut self, door: SocketAddr, url: &str) -> Answer {
        let path = url.strip_prefix(DOOR).unwrap_or(url);
        let cookies = written(&self.cookies);
        let mut client = Client::connect(door).await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n{cookies}\r\n")).await;
        let answer = client.answer().await.expect("an answer");
        keep(&mut self.cookies, &answer);
        answer
    }
}

/// The header field with these cookies.
pub fn written(cookies: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
}

/// Keeps what an answer sets.
pub fn keep(cookies: &mut BTreeMap<String, String>, answer: &Answer) {
    for (_, value) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
        let pair = value.split(';').next().unwrap_or_default();
        let (name, value) = pair.split_once('=').expect("a cookie");
        cookies.insert(name.to_owned(), value.to_owned());
    }
}

/// Where an answer leads.
pub fn location(answer: &Answer) -> String {
    assert!((300..400).contains(&answer.status), "{} {}", answer.status, answer.text());
    answer.header("location").expect("a location").to_owned()
}

/// The parameters of a URL's query, decoded.
pub fn query(url: &str) -> BTreeMap<String, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut left = text.as_bytes();
    while let [byte, rest @ ..] = left {
        left = rest;
        match (byte, rest) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                left = after;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).expect("text")
}
