//! Hundreds of access tokens at the running door that somebody made or changed who should not: none is accepted,
//! none reaches the vendor, and the answers do not tell one from another. Beside them unusual ones that are sound:
//! each is accepted. They are signed with the key of an issuer that the house trusts, unless that is what is wrong.

#![expect(clippy::string_slice, reason = "what is cut is ASCII")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::{Canned, Vendor};
use lockgate_vocabulary::Clock as _;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use rustls::crypto::tls13::OkmBlock;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{Tenant, World};

const ISSUER: &str = "https://idp.test";
const AUDIENCE: &str = "https://gateway.test/api";
const LINE: &str = "GET /v1/things/1";

/// The order of the group in which Ed25519 signs, little-endian.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What tokens are made with: the issuer's key, a stranger's key, and what every sound token says.
struct Mint {
    key: KeyPair,
    stranger: KeyPair,
    tenant: String,
    now: i64,
    made: usize,
}

impl Mint {
    fn header() -> Value {
        json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" })
    }

    fn claims(&mut self) -> Value {
        self.made += 1;
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "exp": self.now + 600, "iat": self.now, "sub": "billing",
            "client_id": "billing", "jti": format!("j{}", self.made), "tenantId": self.tenant,
            "scope": "integration.connections.call",
        })
    }

    /// Signed as they stand.
    fn raw(&self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(signed.as_bytes()).expect("signed");
        format!("{signed}.{}", part(signature))
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        self.raw(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    fn good(&mut self) -> String {
        let claims = self.claims();
        self.signed(&Self::header(), &claims)
    }

    /// Sound but for one member of its header.
    fn header_with(&mut self, member: &str, value: &Value) -> String {
        let (mut header, claims) = (Self::header(), self.claims());
        header[member] = value.clone();
        self.signed(&header, &claims)
    }

    /// Sound but for one claim.
    fn with(&mut self, claim: &str, value: &Value) -> String {
        self.with_all(&[(claim, value.clone())])
    }

    fn with_all(&mut self, changed: &[(&str, Value)]) -> String {
        let mut claims = self.claims();
        for (claim, value) in changed {
            claims[*claim] = value.clone();
        }
        self.signed(&Self::header(), &claims)
    }

    fn without(&mut self, claim: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().expect("an object").remove(claim);
        self.signed(&Self::header(), &claims)
    }

    /// Sound claims with this text in the place of the claim's value.
    fn spelled(&mut self, claim: &str, text: &str) -> String {
        let claims = self.claims();
        let known = format!("\"{claim}\":{}", claims[claim]);
        let claims = claims.to_string();
        assert!(claims.contains(&known), "{claims}");
        self.raw(
            Self::header().to_string().as_bytes(),
            claims.replace(&known, &format!("\"{claim}\":{text}")).as_bytes(),
        )
    }

    /// Sound claims with this text behind their opening brace.
    fn beginning(&mut self, text: &str) -> String {
        let claims = self.claims().to_string().replacen('{', &format!("{{{text}"), 1);
        self.raw(Self::header().to_string().as_bytes(), claims.as_bytes())
    }

    /// HS256 over it with a key that everybody knows.
    fn shared(&mut self, header: &Value, secret: &[u8]) -> String {
        let signed = format!("{}.{}", part(header.to_string()), part(self.claims().to_string()));
        let suite = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let hmac = suite.tls13().expect("TLS 1.3").hkdf_provider.hmac_sign(&OkmBlock::new(secret), signed.as_bytes());
        format!("{signed}.{}", part(hmac.as_ref()))
    }

    fn jwk(key: &KeyPair) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "x": part(key.der_bytes()) })
    }
}

type Made = Vec<(String, String)>;

fn add(all: &mut Made, name: impl Into<String>, token: String) {
    all.push((name.into(), token));
}

/// Algorithms that are none, another's, or another spelling; unsigned, signed, and signed with the public key.
fn algorithms(mint: &mut Mint) -> Made {
    let mut all = Made::new();
    let named = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "RS256",
        "PS256",
        "ES256",
        "ES256K",
        "eddsa",
        "EDDSA",
        "Ed448",
        "EdDSA ",
        "EdDSA\u{0}",
        "ed25519",
    ];
    let odd = [json!(["EdDSA"]), Value::Null, json!(1), json!(true), json!({})];
    for alg in named.iter().map(|name| json!(name)).chain(odd) {
        let token = mint.header_with("alg", &alg);
        let unsigned = token.rsplit_once('.').expect("a signature").0.to_owned();
        add(&mut all, format!("alg {alg} unsigned"), format!("{unsigned}."));
        add(&mut all, format!("alg {alg} with a byte"), format!("{unsigned}.AA"));
        add(&mut all, format!("alg {alg} signed"), token);
    }
    let public = mint.key.der_bytes().to_vec();
    let spki = mint.key.subject_public_key_info();
    for (name, secret) in
        [("raw", public.clone()), ("SPKI", spki), ("base64url", part(&public).into_bytes()), ("empty", vec![0; 32])]
    {
        for alg in ["HS256", "EdDSA", "hs256"] {
            let mut header = Mint::header();
            header["alg"] = json!(alg);
            let token = mint.shared(&header, &secret);
            add(&mut all, format!("{alg}, HMAC with the public key, {name}"), token);
        }
    }
    for member in ["alg", "kid", "typ"] {
        let header = Mint::header().to_string();
        let missing: Value = {
            let mut header = Mint::header();
            header.as_object_mut().expect("an object").remove(member);
            header
        };
        let claims = mint.claims();
        add(&mut all, format!("no {member}"), mint.signed(&missing, &claims));
        let value = Mint::header()[member].clone();
        for first in [value.to_string(), "\"none\"".to_owned(), "null".to_owned()] {
            let twice = header.replacen('{', &format!("{{\"{member}\":{first},"), 1);
            add(
                &mut all,
                format!("{member} twice, first {first}"),
                mint.raw(twice.as_bytes(), claims.to_string().as_bytes()),
            );
        }
        let escaped =
            header.replacen('{', &format!("{{\"\\u00{:02x}{}\":{value},", member.as_bytes()[0], &member[1..]), 1);
        add(&mut all, format!("{member} twice, escaped"), mint.raw(escaped.as_bytes(), claims.to_string().as_bytes()));
    }
    all
}

/// Headers that point to a key, switch something off, or say what kind of token it is.
fn headers(mint: &mut Mint) -> Made {
    let mut all = Made::new();
    let own = Mint::jwk(&mint.key);
    let members = [
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!("exp")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("jwk", own),
        ("jwk", Mint::jwk(&mint.stranger)),
        ("jku", json!("https://idp.test/jwks")),
        ("x5u", json!("https://idp.test/chain.pem")),
        ("x5c", json!([])),
        ("x5t", json!("AA")),
        ("x5t#S256", json!("AA")),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("epk", json!({})),
        ("p2c", json!(1)),
        ("p2s", json!("AA")),
        ("iv", json!("AA")),
        ("tag", json!("AA")),
        ("iss", json!(ISSUER)),
        ("aud", json!(AUDIENCE)),
        ("exp", json!(1)),
        ("nonce", json!("n")),
        ("url", json!("https://gate")),
        ("ALG", json!("none")),
        ("", json!("")),
        ("__proto__", json!({ "alg": "none" })),
    ];
    for (member, value) in members {
        add(&mut all, format!("header {member}: {value}"), mint.header_with(member, &value));
    }
    let types = [
        "",
        "JWT",
        "jwt",
        "at+JWT",
        "AT+JWT",
        "application/at+JWT",
        "application/application/at+jwt",
        "at+jwt ",
        " at+jwt",
        "at+jwt\u{0}",
        "at+jwt;x",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "id+jwt",
        "JWE",
        "application/jwt",
        "at jwt",
        "at%2bjwt",
    ];
    for typ in types.iter().map(|typ| json!(typ)).chain([Value::Null, json!(["at+jwt"]), json!(1), json!({})]) {
        add(&mut all, format!("typ {typ}"), mint.header_with("typ", &typ));
    }
    let long = "k".repeat(257);
    let kids = [
        "",
        "K1",
        "k1 ",
        " k1",
        "k1\u{0}",
        "k1\n",
        "../k1",
        "./k1",
        "k2",
        "k1/../k1",
        "*",
        "k1' OR '1'='1",
        "file:///dev/null",
        "/dev/null",
        "https://idp.test/k1",
        "k1,k1",
        "k\u{200b}1",
        "\u{ff4b}1",
        "k1\u{fe0f}",
        &long,
    ];
    for kid in
        kids.iter().map(|kid| json!(kid)).chain([Value::Null, json!(1), json!(["k1"]), json!({ "k1": 1 }), json!(true)])
    {
        add(&mut all, format!("kid {kid}"), mint.header_with("kid", &kid));
    }
    let claims = mint.claims().to_string();
    for (name, jwk) in [("alone", None), ("with its key beside it", Some(Mint::jwk(&mint.stranger)))] {
        let mut header = Mint::header();
        if let Some(jwk) = jwk {
            header["jwk"] = jwk;
        }
        let signed = format!("{}.{}", part(header.to_string()), part(&claims));
        let signature = mint.stranger.sign(signed.as_bytes()).expect("signed");
        add(&mut all, format!("a stranger's signature {name}"), format!("{signed}.{}", part(signature)));
    }
    let plain = Mint::header().to_string();
    for (name, header) in [
        ("a list", "[]".to_owned()),
        ("a text", "\"EdDSA\"".to_owned()),
        ("a number", "1".to_owned()),
        ("null", "null".to_owned()),
        ("nothing", String::new()),
        ("an empty object", "{}".to_owned()),
        ("a byte order mark", format!("\u{feff}{plain}")),
        ("something behind it", format!("{plain}x")),
        ("two objects", format!("{plain}{plain}")),
        ("a comma too many", plain.replace('}', ",}")),
        ("a comment", plain.replace('{', "{/**/")),
        ("single quotes", plain.replace('"', "'")),
        ("NUL behind it", format!("{plain}\0")),
        ("cut off", plain.replace('}', "")),
    ] {
        add(&mut all, format!("header is {name}"), mint.raw(header.as_bytes(), claims.as_bytes()));
    }
    add(
        &mut all,
        "header is no UTF-8",
        mint.raw(b"{\"alg\":\"EdDSA\",\"kid\":\"k1\xff\",\"typ\":\"at+jwt\"}", claims.as_bytes()),
    );
    all
}

/// Other spellings of the same bytes, and other numbers of segments.
fn spellings(mint: &mut Mint) -> Made {
    let mut all = Made::new();
    let token = mint.good();
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    for (name, text) in [
        ("two segments", format!("{header}.{claims}")),
        ("one segment", header.to_owned()),
        ("four segments", format!("{token}.AA")),
        ("five segments", format!("{header}.{claims}.{signature}.AA.AA")),
        ("a dot before it", format!(".{token}")),
        ("a dot behind it", format!("{token}.")),
        ("two dots", token.replacen('.', "..", 1)),
        ("no header", format!(".{claims}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("only dots", "..".to_owned()),
        ("other dots", token.replace('.', "\u{3002}")),
        ("escaped dots", token.replace('.', "%2e")),
        ("itself twice", format!("{token},{token}")),
        ("its JSON form", json!({ "payload": claims, "protected": header, "signature": signature }).to_string()),
        ("within quotes", format!("\"{token}\"")),
        ("a scheme before it", format!("Bearer {token}")),
        (
            "a header of another",
            format!(
                "{}.{claims}.{signature}",
                part(json!({ "alg": "EdDSA", "kid": "k1", "typ": "application/at+jwt" }).to_string())
            ),
        ),
    ] {
        add(&mut all, name, text);
    }
    for (at, place) in ["header", "payload", "signature"].iter().enumerate() {
        for (name, junk) in [
            ("=", "="),
            ("==", "=="),
            ("%3D", "%3D"),
            ("a blank", " "),
            ("a tab", "\t"),
            ("plus", "+"),
            ("slash", "/"),
            ("A", "A"),
            ("AAAA", "AAAA"),
            ("a zero-width space", "\u{200b}"),
            ("a fullwidth letter", "\u{ff21}"),
            ("tilde", "~"),
            ("NBSP", "\u{a0}"),
        ] {
            for front in [true, false] {
                let changed: Vec<String> = parts
                    .iter()
                    .enumerate()
                    .map(|(number, text)| match (number == at, front) {
                        (false, _) => (*text).to_owned(),
                        (true, true) => format!("{junk}{text}"),
                        (true, false) => format!("{text}{junk}"),
                    })
                    .collect();
                // Blanks around the whole value are the header field's own, and no part of the token.
                let outer = [" ", "\t"].contains(&junk) && ((at == 0 && front) || (at == 2 && !front));
                if !outer {
                    add(
                        &mut all,
                        format!("{name} {} the {place}", if front { "before" } else { "behind" }),
                        changed.join("."),
                    );
                }
            }
        }
    }
    // The last character of 64 bytes has four bits that count for nothing.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (most, last) = signature.split_at(signature.len() - 1);
    let value = alphabet.find(last).expect("a digit");
    for other in (value / 16 * 16)..(value / 16 * 16 + 16) {
        if other != value {
            add(
                &mut all,
                format!("another spelling of the signature, {other}"),
                format!("{header}.{claims}.{most}{}", &alphabet[other..=other]),
            );
        }
    }
    all
}

/// Signatures that are nearly right, and texts that they are not of.
fn signatures(mint: &mut Mint) -> Made {
    let mut all = Made::new();
    let token = mint.good();
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        add(&mut all, format!("signature with bit {} of byte {at}", at % 8), format!("{signed}.{}", part(changed)));
    }
    for length in [0, 1, 32, 63] {
        add(&mut all, format!("{length} bytes of the signature"), format!("{signed}.{}", part(&bytes[..length])));
    }
    for (name, changed) in [
        ("a byte more", [&bytes[..], &[0]].concat()),
        ("itself twice", [&bytes[..], &bytes].concat()),
        ("nothing but noughts", vec![0; 64]),
        ("nothing but ones", vec![0xff; 64]),
        ("halves exchanged", [&bytes[32..], &bytes[..32]].concat()),
        ("a second reading of it", {
            let mut carry = 0_u16;
            let half = bytes[32..].iter().zip(GROUP_ORDER).map(|(byte, more)| {
                carry = u16::from(*byte) + u16::from(more) + (carry >> 8);
                carry.to_le_bytes()[0]
            });
            let half: Vec<u8> = half.collect();
            [&bytes[..32], &half].concat()
        }),
    ] {
        add(&mut all, format!("signature: {name}"), format!("{signed}.{}", part(changed)));
    }
    let another = mint.good();
    add(
        &mut all,
        "another token's signature",
        format!("{signed}.{}", another.rsplit_once('.').expect("a signature").1),
    );
    let (header, claims) = signed.split_once('.').expect("two segments");
    for at in (0..claims.len()).step_by(7) {
        let other = if claims.as_bytes()[at] == b'A' { 'B' } else { 'A' };
        let changed = format!("{}{other}{}", &claims[..at], &claims[at + 1..]);
        add(&mut all, format!("payload with another character {at}"), format!("{header}.{changed}.{signature}"));
    }
    all
}

/// Claims that are missing, of another kind, or another's.
fn claims(mint: &mut Mint) -> Made {
    let mut all = Made::new();
    for claim in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti", "tenantId", "scope"] {
        add(&mut all, format!("no {claim}"), mint.without(claim));
        let value = mint.claims()[claim].clone();
        for odd in [
            Value::Null,
            json!(""),
            json!(true),
            json!([]),
            json!({}),
            json!([[value.clone()]]),
            json!({ "value": value.clone() }),
            json!([value.clone(), "other"]),
            json!(-1),
        ] {
            add(&mut all, format!("{claim}: {odd}"), mint.with(claim, &odd));
        }
        if let Value::String(text) = &value {
            for changed in [
                format!(" {text}"),
                format!("{text} "),
                format!("{text}\n"),
                format!("{text}\u{0}"),
                format!("{text}\u{200b}"),
                text.to_uppercase(),
                format!("{text},x"),
                format!("{text}*"),
            ] {
                // `jti` is compared with nothing, and a scope that nobody knows gives nothing.
                let sound = claim == "jti" && changed.trim() == changed && !changed.contains('\0');
                if !sound && (claim != "scope" || changed != text.to_uppercase()) {
                    add(&mut all, format!("{claim}: {changed:?}"), mint.with(claim, &json!(changed)));
                }
            }
        } else {
            for text in [
                format!("\"{value}\""),
                format!("[{value}]"),
                "1e400".to_owned(),
                "-0.5".to_owned(),
                "NaN".to_owned(),
                format!("+{value}"),
                format!("0{value}"),
                format!("0x{value}"),
                format!("{value}."),
                "99999999999999999999".to_owned(),
                "253402300800".to_owned(),
                "Infinity".to_owned(),
                format!("{value}_000"),
            ] {
                add(&mut all, format!("{claim}: {text}"), mint.spelled(claim, &text));
            }
        }
        for first in [value.to_string(), "null".to_owned(), "\"other\"".to_owned(), "1".to_owned()] {
            let twice = format!("\"{claim}\":{first},");
            add(&mut all, format!("{claim} twice, first {first}"), mint.beginning(&twice));
        }
        let escaped = format!("\"\\u00{:02x}{}\":{value},", claim.as_bytes()[0], &claim[1..]);
        add(&mut all, format!("{claim} twice, escaped"), mint.beginning(&escaped));
    }
    for iss in [
        "https://idp.test/",
        "https://IDP.test",
        "http://idp.test",
        "https://idp.test:443",
        "https://idp.test.evil.test",
        "https://evil@idp.test",
        "idp.test",
        "https://idp.test#",
        "https://idp.test?",
    ] {
        add(&mut all, format!("iss {iss}"), mint.with("iss", &json!(iss)));
    }
    for aud in [
        json!([AUDIENCE, AUDIENCE]),
        json!([AUDIENCE, "https://other.test"]),
        json!(["https://other.test"]),
        json!("https://gateway.test"),
        json!("https://gateway.test/api/"),
        json!("https://gateway.test/API"),
        json!([AUDIENCE, 1]),
        json!([[AUDIENCE]]),
    ] {
        add(&mut all, format!("aud {aud}"), mint.with("aud", &aud));
    }
    let member = [
        ("cnf", json!({})),
        ("cnf", json!({ "jkt": "AA" })),
        ("nonce", json!("n")),
        ("at_hash", json!("AA")),
        ("c_hash", json!("AA")),
        ("s_hash", json!("AA")),
        ("ath", json!("AA")),
        ("htm", json!("GET")),
        ("htu", json!("https://gate/")),
        ("events", json!({})),
        ("sub_jwk", json!({})),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("token_use", json!("id")),
        ("token_type", json!("refresh_token")),
        ("typ", json!(1)),
        ("tenant_id", json!("x")),
        ("tenantid", json!("x")),
        ("TenantId", json!("x")),
        ("TENANTID", json!("x")),
        ("tenant", json!("x")),
        ("tenant-id", json!("x")),
        ("tenant.id", json!(null)),
    ];
    for (claim, value) in member {
        add(&mut all, format!("{claim}: {value}"), mint.with(claim, &value));
    }
    for scope in [
        " ",
        "  ",
        "a  b",
        "a b ",
        "a\tb",
        "a,b",
        "*",
        "integration.connections.call integration.connections.call",
        "integration.*",
        "caf\u{e9}",
        "\"a\"",
        "a\\b",
    ] {
        add(&mut all, format!("scope {scope:?}"), mint.with("scope", &json!(scope)));
    }
    let words: Vec<String> = (0..257).map(|number| format!("a{number}")).collect();
    add(&mut all, "257 scopes", mint.with("scope", &json!(words.join(" "))));
    for (subject, client) in [
        ("billing", "other"),
        ("other", "billing"),
        ("nobody", "nobody"),
        ("operator", "operator"),
        ("Billing", "Billing"),
        ("b\u{0131}lling", "b\u{0131}lling"),
    ] {
        add(
            &mut all,
            format!("{client} for {subject}"),
            mint.with_all(&[("sub", json!(subject)), ("client_id", json!(client))]),
        );
    }
    all
}

/// Times at their edges, and payloads that are none.
fn times_and_texts(mint: &mut Mint) -> Made {
    let mut all = Made::new();
    let now = mint.now;
    for (name, iat, nbf, exp) in [
        ("over by the skew", now - 600, None, now - 60),
        ("long over", now - 3_600, None, now - 61),
        ("issued too far ahead", now + 61, None, now + 600),
        ("not yet", now, Some(now + 61), now + 600),
        ("over before it is valid", now, Some(now + 50), now + 50),
        ("over before it was issued", now + 10, None, now + 5),
        ("over when it was issued", now, None, now),
        ("too long", now, None, now + 3_601),
        ("for ever", now, None, 253_402_300_799),
        ("issued long ago, for long", 0, None, now + 600),
        ("never valid", now, Some(253_402_300_799), now + 600),
    ] {
        let mut claims = mint.claims();
        (claims["iat"], claims["exp"]) = (json!(iat), json!(exp));
        if let Some(nbf) = nbf {
            claims["nbf"] = json!(nbf);
        }
        add(&mut all, name, mint.signed(&Mint::header(), &claims));
    }
    for nbf in [Value::Null, json!(""), json!("0"), json!([]), json!(false), json!(-1)] {
        add(&mut all, format!("nbf {nbf}"), mint.with("nbf", &nbf));
    }
    let (header, plain) = (Mint::header().to_string(), mint.claims().to_string());
    let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
    let wide: Vec<String> = (0..70).map(|number| format!("\"m{number}\":1")).collect();
    for (name, text) in [
        ("nothing", String::new()),
        ("a list", format!("[{plain}]")),
        ("a text", "\"x\"".to_owned()),
        ("null", "null".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("a byte order mark", format!("\u{feff}{plain}")),
        ("two objects", format!("{plain}{plain}")),
        ("something behind it", format!("{plain}x")),
        ("a comma too many", format!("{},}}", &plain[..plain.len() - 1])),
        ("cut off", plain[..plain.len() - 1].to_owned()),
        ("a lone surrogate", plain.replacen('{', "{\"x\":\"\\ud800\",", 1)),
        ("a control character", plain.replacen('{', "{\"x\":\"\u{1}\",", 1)),
        ("too deep", plain.replacen('{', &format!("{{\"x\":{deep},"), 1)),
        ("too wide", plain.replacen('{', &format!("{{{},", wide.join(",")), 1)),
        ("a member within twice", plain.replacen('{', "{\"x\":{\"a\":1,\"a\":2},", 1)),
        ("a token within", part(plain.as_bytes())),
        ("UTF-16", plain.encode_utf16().flat_map(u16::to_le_bytes).map(char::from).collect()),
    ] {
        add(&mut all, format!("payload is {name}"), mint.raw(header.as_bytes(), text.as_bytes()));
    }
    add(&mut all, "payload is no UTF-8", mint.raw(header.as_bytes(), &[plain.as_bytes(), b"\xff"].concat()));
    for bytes in [7_000, 9_000, 16_000] {
        add(&mut all, format!("{bytes} bytes of jti"), mint.with("jti", &json!("j".repeat(bytes))));
    }
    let large = mint.with("x", &json!("x".repeat(6_200)));
    assert!(large.len() > 8 * 1024, "{}", large.len());
    add(&mut all, "sound but too large", large);
    add(&mut all, "an identifier that is too long", mint.with("jti", &json!("j".repeat(257))));
    let inner = mint.good();
    add(&mut all, "a token in a token", mint.raw(header.as_bytes(), inner.as_bytes()));
    add(
        &mut all,
        "a token in a claim alone",
        mint.raw(header.as_bytes(), json!({ "token": inner }).to_string().as_bytes()),
    );
    all
}

/// Unusual, and sound.
fn sound(mint: &mut Mint) -> Made {
    let (mut all, now) = (Made::new(), mint.now);
    add(&mut all, "plain", mint.good());
    add(&mut all, "the key's other name", mint.header_with("alg", &json!("Ed25519")));
    add(&mut all, "the long type", mint.header_with("typ", &json!("application/at+jwt")));
    add(&mut all, "a list of one audience", mint.with("aud", &json!([AUDIENCE])));
    for (name, iat, nbf, exp) in [
        ("about to be over", now - 100, None, now + 1),
        ("over within the skew", now - 100, None, now - 59),
        ("issued ahead within the skew", now + 60, None, now + 600),
        ("valid ahead within the skew", now, Some(now + 60), now + 600),
        ("valid from now", now, Some(now), now + 600),
        ("an hour long", now, None, now + 3_600),
        ("valid for ever", now, Some(0), now + 600),
    ] {
        let mut claims = mint.claims();
        (claims["iat"], claims["exp"]) = (json!(iat), json!(exp));
        if let Some(nbf) = nbf {
            claims["nbf"] = json!(nbf);
        }
        add(&mut all, name, mint.signed(&Mint::header(), &claims));
    }
    add(&mut all, "a fraction of a second", mint.spelled("exp", &format!("{}.5", now + 600)));
    add(&mut all, "a fraction that is nought", mint.spelled("iat", &format!("{now}.0")));
    let (seconds, rest) = ((now + 600) / 1_000, (now + 600) % 1_000);
    add(&mut all, "an exponent", mint.spelled("exp", &format!("{seconds}.{rest:03}e3")));
    for (claim, value) in [("typ", "Bearer"), ("token_use", "access"), ("token_type", "access_token")] {
        add(&mut all, format!("it says that it is for access: {claim}"), mint.with(claim, &json!(value)));
    }
    let more = [
        ("groups", json!(["a", "b"])),
        ("act", json!({ "sub": "x" })),
        ("name", json!("J\u{fc}rgen \u{1f600}")),
        ("n", json!(12_345_678_901_234_567_890_u64)),
        ("auth_time", json!(1)),
    ];
    add(&mut all, "claims of its own", mint.with_all(&more));
    add(&mut all, "a long identifier", mint.with("jti", &json!("j".repeat(256))));
    let claims = mint.claims();
    let blanks = serde_json::to_string_pretty(&claims).expect("JSON");
    add(
        &mut all,
        "with blanks and lines",
        mint.raw(serde_json::to_string_pretty(&Mint::header()).expect("JSON").as_bytes(), blanks.as_bytes()),
    );
    let claims = mint.claims().to_string();
    let escaped = claims.replacen("\"iss\":\"https:", "\"\\u0069ss\":\"h\\u0074tps:", 1);
    assert_ne!(escaped, claims);
    add(&mut all, "with escapes", mint.raw(Mint::header().to_string().as_bytes(), escaped.as_bytes()));
    let turned = "{\"typ\":\"at+jwt\",\"kid\":\"k1\",\"alg\":\"EdDSA\"}";
    let claims = mint.claims().to_string();
    add(&mut all, "in another order", mint.raw(turned.as_bytes(), claims.as_bytes()));
    add(
        &mut all,
        "with a scope of nobody's beside it",
        mint.with("scope", &json!("integration.connections.call openid x:y")),
    );
    all
}

struct Door {
    world: World,
    acme: Tenant,
    mint: Mint,
}

impl Door {
    async fn open() -> Self {
        let (key, stranger) = (KeyPair::generate_for(&PKCS_ED25519), KeyPair::generate_for(&PKCS_ED25519));
        let (key, stranger) = (key.expect("a key"), stranger.expect("a key"));
        let keys = Vendor::start_plain().await;
        keys.answers("GET /jwks", Canned::json(200, &json!({ "keys": [Mint::jwk(&key)] }).to_string()));
        let world = World::with(&format!(
            "[egress]\ndanger_allow_http_errands = true\ndanger_errand_networks = [\"127.0.0.0/8\"]\n\
             [traffic]\ncaller_burst = 100000\n\
             [access.issuers.\"{ISSUER}\"]\naudience = \"{AUDIENCE}\"\njwks_uri = \"http://{}/jwks\"\ndanger_plain_http = true\n",
            keys.address
        ))
        .await;
        let acme = world.tenant("acme").await;
        let limits = json!({ "limits": { "per_minute": 100_000, "burst": 10_000 } });
        world.connection_with(&acme, "pay", limits).await;
        world.vendor.answers(LINE, Canned::json(200, "{}"));
        let mint = Mint { key, stranger, tenant: acme.id.clone(), now: 0, made: 0 };
        Self { world, acme, mint }
    }

    /// What is made by this at the moment that the clock shows.
    fn made(&mut self, make: fn(&mut Mint) -> Made) -> Made {
        self.mint.now = self.world.clock.now().as_secs();
        make(&mut self.mint)
    }

    async fn ask(&self, scheme: &str, token: &str) -> Answer {
        let mut caller = Client::connect(self.world.door).await;
        let head = "GET /call/pay/v1/things/1 HTTP/1.1\r\nHost: gate\r\n";
        caller.send(format!("{head}Authorization: {scheme} {token}\r\n\r\n")).await;
        caller.answer().await.expect("an answer")
    }
}

#[tokio::test]
async fn hundreds_of_forged_tokens_are_refused_in_the_same_words_and_none_reaches_the_vendor() {
    let mut door = Door::open().await;
    let plain = door.ask("Bearer", "nonsense").await;
    assert_eq!((plain.status, plain.code().as_str()), (401, "access.token.invalid"), "{}", plain.text());
    let good = door.made(|mint| vec![(String::new(), mint.good())]).remove(0).1;
    assert_eq!(door.ask("Bearer", &good).await.status, 200, "what the others differ from is accepted");
    let (mut asked, mut sent, mut odd) = (0, 0, Vec::new());
    for make in [algorithms, headers, spellings, signatures, claims, times_and_texts] {
        let many = door.made(make).len();
        for number in 0..many {
            if asked % 100 == 0 {
                // Strangers are counted by the minute, and every token is made for the moment.
                door.world.pass(Duration::from_secs(61)).await;
            }
            let (name, token) = door.made(make).swap_remove(number);
            let answer = door.ask("Bearer", &token).await;
            asked += 1;
            if answer.status != 401 || answer.blanked() != plain.blanked() {
                odd.push(format!("{name}: {} {}", answer.status, answer.text()));
            }
            sent = door.world.vendor.count(LINE);
        }
    }
    assert!(odd.is_empty(), "{} of {asked}:\n{}", odd.len(), odd.join("\n"));
    assert!(asked > 700, "{asked}");
    assert_eq!(sent, 1, "only the sound one reached the vendor");
    let runs = door.world.ask(&door.acme.operator, "GET", "/v1/runs?limit=1000", None).await.json();
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(1), "and there is no run of another");
    door.world.end().await;
}

#[tokio::test]
async fn unusual_tokens_that_are_sound_are_accepted() {
    let mut door = Door::open().await;
    let all = door.made(sound);
    assert!(all.len() >= 20, "{}", all.len());
    for (number, (name, token)) in all.iter().enumerate() {
        let scheme = ["Bearer", "bearer", "BEARER"][number % 3];
        for time in ["first", "second"] {
            let answer = door.ask(scheme, token).await;
            assert_eq!(answer.status, 200, "{name}, the {time} time: {}", answer.text());
        }
    }
    assert_eq!(door.world.vendor.count(LINE), 2 * all.len());
    door.world.end().await;
}
