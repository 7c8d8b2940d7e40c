//! What the file says becomes what the house uses, or is refused by key and with a cure.

use std::path::Path;

use super::*;

fn parse(text: &str) -> Result<Config, ConfigProblem> {
    Config::parse(text, Path::new("/gate"))
}

fn problem(text: &str) -> ConfigProblem {
    let problem = parse(text).err().unwrap_or_else(|| panic!("{text:?} is refused"));
    assert!(!problem.cure.is_empty() && !problem.what.is_empty(), "{problem}");
    problem
}

#[test]
fn an_empty_file_is_a_whole_gateway_on_loopback() {
    let config = parse("").expect("defaults suffice");
    assert_eq!(config.door.address.to_string(), "127.0.0.1:8443");
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:8444");
    assert_eq!(config.data_dir, Path::new("/gate/data"));
    assert_eq!(config.audit.dir, Path::new("/gate/data/audit"));
    assert_eq!(config.audit.node.as_str(), "node-1");
    assert_eq!(config.checkpoint_key_file, Path::new("/gate/checkpoint.key"));
    assert_eq!(config.vault, lockgate_vault::Config::with_file("/gate/root.key"));
    assert_eq!(config.access.tokens.issuer, "http://127.0.0.1:8443");
    assert!([Role::Door, Role::Worker, Role::Admin].iter().all(|role| config.has(*role)));
    assert!(config.dangers.is_empty());
}

#[test]
fn relative_paths_start_where_the_file_is() {
    let config =
        parse("data_dir = \"var\"\n[vault]\nroot_key_file = \"keys/root\"\n[audit]\ndir = \"/trail\"").expect("sound");
    assert_eq!(config.data_dir, Path::new("/gate/var"));
    assert_eq!(config.audit.dir, Path::new("/trail"));
    assert_eq!(config.vault, lockgate_vault::Config::with_file("/gate/keys/root"));
    assert_eq!(config.spool_dir(), Path::new("/gate/var/spool"));
}

#[test]
fn only_loopback_goes_without_a_certificate() {
    for address in ["0.0.0.0:8443", "192.0.2.1:443", "[::]:8443"] {
        let refused = problem(&format!("[door]\nlisten = \"{address}\""));
        assert_eq!(refused.key, "door.listen");
        assert!(refused.cure.contains("certificate_file"), "{refused}");
    }
    let with = parse("[door]\nlisten = \"192.0.2.1:8443\"\ncertificate_file = \"c.pem\"\nkey_file = \"k.pem\"")
        .expect("sound");
    assert_eq!(with.door.tls.expect("a certificate").certificate, Path::new("/gate/c.pem"));
    assert_eq!(with.access.tokens.issuer, "https://192.0.2.1:8443");
    let any = "[door]\nlisten = \"0.0.0.0:8443\"\ncertificate_file = \"c.pem\"\nkey_file = \"k.pem\"";
    assert_eq!(problem(any).key, "access.tokens.issuer");
    assert!(parse(&format!("{any}\n[access.tokens]\nissuer = \"https://gateway.example\"")).is_ok());
    assert_eq!(problem("[admin]\ncertificate_file = \"c.pem\"").key, "admin.key_file");
    assert_eq!(problem("[admin]\nkey_file = \"k.pem\"").key, "admin.certificate_file");
}

#[test]
fn names_the_key_that_makes_no_sense() {
    let cases = [
        ("[door]\nlisten = \"localhost\"", "door.listen"),
        ("[door]\nmost_connections = 0", "door.most_connections"),
        ("node = \"Node 1\"", "node"),
        ("roles = []", "roles"),
        ("[audit]\ncheckpoint_key_file = 1", "audit.checkpoint_key_file"),
    ];
    for (text, key) in cases {
        assert_eq!(problem(text).key, key, "{text:?}");
    }
}

#[test]
fn unknown_keys_are_refused_in_every_section() {
    for section in
        ["", "door", "admin", "telemetry", "store", "audit", "access", "access.tokens", "vault", "traffic", "egress"]
    {
        let text = if section.is_empty() { "surprise = 1".to_owned() } else { format!("[{section}]\nsurprise = 1") };
        let refused = problem(&text);
        assert!(refused.to_string().contains("surprise"), "{refused}");
        assert!(refused.to_string().contains(section), "{refused}");
    }
    assert_eq!(problem("door = [").key, "syntax");
}

#[test]
fn what_weakens_something_is_listed() {
    let config = parse("[egress]\ndanger_allow_http_errands = true\n[traffic]\ndanger_fail_open_to_local = false")
        .expect("sound");
    assert_eq!(config.dangers, ["egress.danger_allow_http_errands"]);
    // Some are tables.
    let config = parse("[egress.destination.danger_static_hosts]\n\"vendor.test\" = [\"192.0.2.1\"]").expect("sound");
    assert_eq!(config.dangers, ["egress.destination.danger_static_hosts"]);
    assert!(parse("[egress.destination.danger_static_hosts]").expect("sound").dangers.is_empty());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let refused = Config::load(Path::new("/nowhere/lockgate.toml")).expect_err("not there");
    assert_eq!(refused.key, "/nowhere/lockgate.toml");
    assert!(refused.cure.contains("lockgate init"));
}

#[test]
fn traces_go_nowhere_unless_an_endpoint_is_named() {
    let parsed = |text: &str| parse(&format!("[telemetry.otlp]\n{text}")).expect("sound").telemetry.otlp;
    assert_eq!(parsed("").collector(), Ok(None));
    let collector = |text: &str| parsed(text).collector();
    for (endpoint, authority, port, path, encrypted) in [
        ("http://127.0.0.1:4318", "127.0.0.1:4318", 4318, "/v1/traces", false),
        ("http://[::1]:4318/", "[::1]:4318", 4318, "/v1/traces", false),
        ("https://collector.example/otlp/", "collector.example", 443, "/otlp/v1/traces", true),
    ] {
        let found = collector(&format!("endpoint = \"{endpoint}\"")).expect("sound").expect("a collector");
        let told = (found.authority.as_str(), found.port, found.path.as_str(), found.encrypted);
        assert_eq!(told, (authority, port, path, encrypted));
    }
    for endpoint in ["127.0.0.1:4318", "grpc://127.0.0.1", "http://a@127.0.0.1", "http://127.0.0.1/?a=b", "", "http:"] {
        let refused = collector(&format!("endpoint = \"{endpoint}\"")).expect_err("no address");
        assert_eq!(refused.key, "telemetry.otlp.endpoint", "{endpoint}");
    }
    let refused = collector("endpoint = \"http://collector.example:4318\"").expect_err("in the clear");
    assert!(refused.cure.contains("danger_allow_plaintext"), "{refused}");
    assert!(collector("endpoint = \"http://collector.example:4318\"\ndanger_allow_plaintext = true").is_ok());
    assert_eq!(collector("queue = 0").expect_err("none fits").key, "telemetry.otlp.queue");
    for ratio in ["1.5", "-0.1", "\"all\""] {
        assert!(parse(&format!("[telemetry.otlp]\nsample_ratio = {ratio}")).is_err(), "{ratio}");
    }
}

/// Where the sections of the file are declared, below `crates/`.
const SECTIONS: &[(&str, &[&str])] = &[
    ("gateway/src/config/raw.rs", &["Raw"]),
    ("gateway/src/config/listen.rs", &["RawListen"]),
    ("gateway/src/config.rs", &["Telemetry"]),
    ("gateway/src/config/otlp.rs", &["Otlp"]),
    ("store/src/config.rs", &["Config", "SqliteConfig", "PostgresConfig", "RolesConfig", "RedisConfig"]),
    ("audit/src/config.rs", &["Config"]),
    ("access/src/config.rs", &["Config", "Quotas", "Retention", "TokenConfig"]),
    ("access/src/issuer/spec.rs", &["IssuerSpec"]),
    ("vault/src/config.rs", &["Config"]),
    ("traffic/src/config.rs", &["Config"]),
    ("egress/src/config.rs", &["Config"]),
    ("egress/src/destination.rs", &["Config"]),
    ("webhooks/src/config.rs", &["Config", "NatsConfig"]),
];

#[test]
fn every_key_is_in_the_reference() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let reference = std::fs::read_to_string(crates.join("../docs/configuration.md")).expect("there");
    let mut keys = 0;
    for (file, structs) in SECTIONS {
        let source = std::fs::read_to_string(crates.join(file)).expect("there");
        for name in *structs {
            let (_, behind) =
                source.split_once(&format!("struct {name} {{")).unwrap_or_else(|| panic!("{name} in {file}"));
            let body = behind.split("\n}").next().expect("a body");
            for line in body.lines().map(str::trim).filter(|line| !line.starts_with(['/', '#'])) {
                let Some((key, _)) = line.trim_start_matches("pub ").split_once(": ") else { continue };
                let named = [format!("`{key}`"), format!("[{key}"), format!(".{key}")];
                assert!(named.iter().any(|named| reference.contains(named)), "{file}: {key} is not in the reference");
                keys += 1;
            }
        }
    }
    assert!(keys > 100, "{keys}");
}
