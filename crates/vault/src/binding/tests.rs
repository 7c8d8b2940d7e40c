//! A binding holds for one connection as it is, and for nothing else.

use std::sync::Arc;

use lockgate_access::spec::{AuthorizationSpec, ClientAuth};
use lockgate_vocabulary::ConnectionId;

use super::*;
use crate::tests::fixture::{bearer, connection, header, query};

#[test]
fn it_holds_for_its_connection_alone() {
    let own = connection(bearer());
    let binding = Binding::of(&own);
    assert!(binding.holds_for(&own));
    let changed = |change: fn(&mut Connection)| {
        let mut other = connection(bearer());
        change(&mut other);
        other
    };
    for (what, other) in [
        ("another connection", changed(|other| other.id = ConnectionId::from_u128(1))),
        ("another host", changed(|other| other.base.host = "api.example.evil".into())),
        ("a shorter host", changed(|other| other.base.host = "api.exampl".into())),
        ("another port", changed(|other| other.base.port = 8443)),
        ("another prefix", changed(|other| other.base.prefix = "/bas".into())),
        ("no prefix", changed(|other| other.base.prefix = "".into())),
        (
            "host and prefix cut elsewhere",
            changed(|other| {
                other.base.host = "api.example/".into();
                other.base.prefix = "base".into();
            }),
        ),
    ] {
        assert!(!binding.holds_for(&other), "{what}");
        assert_ne!(Binding::of(&other), binding, "{what}");
    }
    let placed = [
        AuthPlacement::Basic,
        query("description"),
        query("descriptio"),
        header("authorization", "Bearer "),
        header("x-key", ""),
        header("x-ke", "y"),
    ];
    for (at, auth) in placed.iter().enumerate() {
        assert!(!binding.holds_for(&connection(auth.clone())), "{auth:?}");
        for (other_at, other) in placed.iter().enumerate() {
            let holds = Binding::of(&connection(auth.clone())).holds_for(&connection(other.clone()));
            assert_eq!(holds, at == other_at, "{auth:?} {other:?}");
        }
    }
    let trusting = changed(|other| Arc::get_mut(&mut other.settings).expect("one handle").trust = [1; 32]);
    assert!(!binding.holds_for(&trusting) && Binding::of(&trusting) != binding, "another trust");
    let renamed = changed(|other| other.name = "renamed".parse().expect("a name"));
    assert!(binding.holds_for(&renamed), "a name binds nothing");
}

fn authorization(change: fn(&mut AuthorizationSpec)) -> AuthorizationSpec {
    let url = "https://login.vendor.test/auth".into();
    let mut spec =
        AuthorizationSpec { url, issuer: None, parameters: Default::default(), danger_shared_endpoints: false };
    change(&mut spec);
    spec
}

#[test]
fn where_and_how_a_token_is_asked_for_is_part_of_it() {
    let spec = |change: fn(&mut TokenSpec)| {
        let mut spec = TokenSpec {
            token_url: "https://login.vendor.test/token".into(),
            client_auth: ClientAuth::Basic,
            scope: Some("read".into()),
            resource: None,
            parameters: [("audience".to_owned(), "a".to_owned())].into(),
            authorization: None,
            revocation_url: None,
            assertion_audience: None,
            dpop: false,
            certificate_bound: false,
        };
        change(&mut spec);
        connection(AuthPlacement::OAuth(Box::new(spec)))
    };
    let all = [
        spec(|_| ()),
        spec(|spec| spec.token_url = "https://login.vendor.evil/token".into()),
        spec(|spec| spec.client_auth = ClientAuth::Post),
        spec(|spec| spec.client_auth = ClientAuth::PrivateKeyJwt),
        spec(|spec| spec.client_auth = ClientAuth::Mtls),
        spec(|spec| spec.dpop = true),
        spec(|spec| spec.certificate_bound = true),
        spec(|spec| (spec.dpop, spec.certificate_bound) = (true, true)),
        spec(|spec| spec.assertion_audience = Some("https://login.vendor.test".into())),
        spec(|spec| spec.assertion_audience = Some("dpop".into())),
        spec(|spec| (spec.dpop, spec.assertion_audience) = (true, Some("https://login.vendor.test".into()))),
        spec(|spec| spec.scope = Some("read write".into())),
        spec(|spec| spec.scope = None),
        spec(|spec| (spec.scope, spec.resource) = (None, Some("read".into()))),
        spec(|spec| spec.resource = Some("r".into())),
        spec(|spec| spec.parameters = [("audience".to_owned(), "b".to_owned())].into()),
        spec(|spec| spec.parameters = [("audiencea".to_owned(), String::new())].into()),
        spec(|spec| spec.parameters.clear()),
        spec(|spec| spec.revocation_url = Some("https://login.vendor.test/revoke".into())),
        spec(|spec| spec.authorization = Some(authorization(|_| ()))),
        spec(|spec| spec.authorization = Some(authorization(|at| at.url = "https://login.vendor.evil/auth".into()))),
        spec(|spec| {
            spec.authorization = Some(authorization(|at| at.issuer = Some("https://login.vendor.test".into())))
        }),
        spec(|spec| {
            spec.authorization =
                Some(authorization(|at| at.parameters = [("prompt".to_owned(), "consent".into())].into()))
        }),
        connection(bearer()),
    ];
    for (at, one) in all.iter().enumerate() {
        for (other_at, other) in all.iter().enumerate() {
            assert_eq!(Binding::of(one).holds_for(other), at == other_at, "{at} {other_at}");
        }
    }
}

#[test]
fn a_record_comes_apart_as_it_was_put_together() {
    let binding = Binding::of(&connection(bearer()));
    let record = binding.before(b"sealed");
    assert_eq!(Binding::split(&record), Some((binding, &b"sealed"[..])));
    for cut in 0..record.len() - b"sealed".len() {
        assert_eq!(Binding::split(&record[..cut]), None);
    }
    assert_eq!(Binding::split(&[0xff; 70_000]), None);
    let (broken, _) = Binding::split(&[0, 3, 1, 2, 3]).expect("three bytes");
    assert!(!broken.holds_for(&connection(bearer())));
}
