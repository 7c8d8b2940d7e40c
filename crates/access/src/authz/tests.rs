//! The decision agrees with an obvious reading of the rules, on random worlds and on chosen ones.

use std::sync::Arc;

use lockgate_vocabulary::{ConnectionId, Name, PrincipalId, PrincipalKind, Stop, TenantId};
use proptest::prelude::*;

use super::{Ask, authorize, demand};
use crate::caller::Caller;
use crate::directory::{Base, Connection, ConnectionStatus, Endpoint, Principal, Provider, Settings, TenantView, Use};
use crate::scope::{Scope, ScopeSet};
use crate::spec::{AuthPlacement, Operation};

/// A world as plain words, before anything is resolved.
#[derive(Debug, Clone)]
struct World {
    active: bool,
    /// Name, number of the id, status.
    connections: Vec<(&'static str, u128, ConnectionStatus)>,
    /// Method, template, operation: the same for every connection.
    endpoints: Vec<(&'static str, &'static str, Operation)>,
    scopes: Vec<String>,
    principal_uses: Option<Vec<(String, &'static str, &'static str)>>,
    key_uses: Option<Vec<(String, &'static str, &'static str)>>,
}

fn text(id: u128) -> String {
    ConnectionId::from_u128(id).to_string()
}

/// The reference: short, slow, and close to how one would say it.
fn reference(world: &World, ask: &Ask) -> Result<(&'static str, &'static str), &'static str> {
    if !world.active {
        return Err("access.tenant.suspended");
    }
    let named =
        |(name, id, _): &&(&str, u128, ConnectionStatus)| *name == &*ask.connection || text(*id) == *ask.connection;
    let Some((name, id, status)) = world.connections.iter().find(named) else {
        return Err("access.connection.unknown");
    };
    let holds = |operation: &str| {
        let call = "integration.connections.call";
        let words = [
            call.into(),
            format!("{call}:{operation}"),
            format!("{call}:{name}"),
            format!("{call}:{name}:{operation}"),
            format!("{call}:{}", text(*id)),
            format!("{call}:{}:{operation}", text(*id)),
        ];
        world.scopes.iter().any(|scope| words.contains(scope))
    };
    if !["read", "write", "delete"].into_iter().any(holds) {
        return Err("access.scope.missing");
    }
    let clear = ask.path.starts_with('/')
        && !ask.path.contains("//")
        && !ask.path.split('/').any(|part| part == ".." || part == ".");
    let fitting = world
        .endpoints
        .iter()
        .filter(|(method, template, _)| clear && *method == ask.method.as_str() && fits(template, &ask.path));
    // A literal segment goes before a parameter, a parameter before the rest.
    let best = fitting.min_by_key(|(_, template, _)| {
        template
            .split('/')
            .map(|part| if part.ends_with("...}") { 2 } else { i32::from(part.starts_with('{')) })
            .collect::<Vec<_>>()
    });
    let clear = clear && !best.is_some_and(|(_, template, _)| variant(world, template, ask));
    let best = best.filter(|_| clear);
    if best.is_some_and(|(_, _, operation)| !holds(operation.as_str())) {
        return Err("access.scope.missing");
    }
    match status {
        ConnectionStatus::Active => {}
        ConnectionStatus::Pending => return Err("access.connection.pending"),
        ConnectionStatus::Degraded => return Err("access.connection.degraded"),
        ConnectionStatus::Retired => return Err("access.connection.retired"),
    }
    if !clear {
        return Err("access.path.ambiguous");
    }
    let Some((_, template, _)) = best else { return Err("access.endpoint.undeclared") };
    for uses in [&world.principal_uses, &world.key_uses].into_iter().flatten() {
        let within = uses.iter().any(|(connection, method, template)| {
            (connection == name || *connection == text(*id))
                && (*method == "*" || *method == ask.method.as_str())
                && fits(template, &ask.path)
        });
        if !within {
            return Err("access.use.undeclared");
        }
    }
    Ok((name, template))
}

/// Whether a path that fell under a template's parameter is a variant of what a more exact one declares, or
/// has a `;` in the parameter.
fn variant(world: &World, template: &str, ask: &Ask) -> bool {
    let kinds = |template: &str| {
        let kind = |part: &str| if part.ends_with("...}") { 2 } else { i32::from(part.starts_with('{')) };
        template.split('/').map(kind).collect::<Vec<_>>()
    };
    let fold = |path: &str| {
        let each = path.split('/').map(|part| part.split([';']).next().unwrap().split("%3B").next().unwrap());
        let folded = each.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("/");
        folded.strip_suffix('/').map(str::to_owned).unwrap_or(folded)
    };
    let exact = |other: &str| (kinds(other), other) < (kinds(template), template);
    let hit = |(method, other, _): &(&str, &str, Operation)| {
        *method == ask.method.as_str() && exact(other) && fits(&fold(other), &fold(&ask.path))
    };
    let first = template.split('/').position(|part| part.starts_with('{'));
    let hides = |first: usize| {
        let each = template.split('/').enumerate().zip(ask.path.split('/'));
        let of_one = each.clone().any(|((_, part), given)| part.starts_with('{') && odd(given));
        of_one
            || (template.ends_with("...}") && ask.path.split('/').skip(template.split('/').count()).any(odd))
                && first > 0
    };
    first.is_some_and(|first| hides(first) || world.endpoints.iter().any(hit))
}

fn odd(part: &str) -> bool {
    part.contains(';') || part.contains("%3B")
}

fn fits(template: &str, path: &str) -> bool {
    let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    for (index, part) in wanted.iter().enumerate() {
        let Some(here) = given.get(index) else { return false };
        if part.ends_with("...}") {
            return !here.is_empty();
        }
        if part.starts_with('{') && !here.is_empty() {
            continue;
        }
        if part != here {
            return false;
        }
    }
    wanted.len() == given.len()
}

fn resolved_uses(uses: &Option<Vec<(String, &'static str, &'static str)>>) -> Option<Arc<[Use]>> {
    let declared = uses.as_ref()?.iter().map(|(connection, method, path)| crate::spec::DeclaredUse {
        connection: connection.clone(),
        method: (*method).into(),
        path: (*path).into(),
    });
    let mut wrong = crate::violations::Violations::default();
    let resolved = crate::directory::endpoint::uses(declared.collect(), "", &mut wrong);
    assert!(wrong.is_empty(), "{wrong}");
    Some(resolved)
}

fn endpoints(world: &World) -> Arc<[Arc<Endpoint>]> {
    let specs = world.endpoints.iter().map(|(method, path, operation)| crate::spec::EndpointSpec {
        method: (*method).into(),
        path: (*path).into(),
        operation: Some(*operation),
        bulk: false,
        idempotent: false,
        answer: Default::default(),
        fallback: None,
    });
    let mut wrong = crate::violations::Violations::default();
    crate::directory::endpoint::endpoints(specs.collect(), "", &mut wrong)
}

fn settings() -> Arc<Settings> {
    let mut wrong = crate::violations::Violations::default();
    Arc::new(crate::directory::resolve::settings(Default::default(), &mut wrong))
}

fn view(world: &World) -> Arc<TenantView> {
    let tenant = TenantId::from_u128(1);
    let name: Name = "acme".parse().unwrap();
    let mut view = TenantView { active: world.active, ..TenantView::empty(tenant, name) };
    let provider = Arc::new(Provider {
        id: None,
        name: "vendor".parse().unwrap(),
        auth: AuthPlacement::Bearer,
        rate_headers: Default::default(),
        idempotency_header: None,
        headers: Default::default(),
        verify: None,
        two_live_credentials: None,
    });
    for (name, id, status) in &world.connections {
        let (name, id): (Name, _) = (name.parse().unwrap(), ConnectionId::from_u128(*id));
        let connection = Connection {
            id,
            tenant,
            name: name.clone(),
            provider: Arc::clone(&provider),
            status: *status,
            credential: None,
            base: Base { plain: false, host: "api.vendor.example".into(), port: 443, prefix: "".into() },
            endpoints: endpoints(world),
            settings: settings(),
            changed: 1,
        };
        view.connections.insert(id, Arc::new(connection));
        view.names.insert(name, id);
    }
    Arc::new(view)
}

fn caller_of(world: &World, kind: PrincipalKind) -> Caller {
    let scopes = ScopeSet::parse_words(world.scopes.iter().map(String::as_str)).unwrap();
    let principal = Principal {
        id: PrincipalId::from_u128(7),
        name: "worker".into(),
        kind,
        scopes: scopes.clone(),
        uses: resolved_uses(&world.principal_uses),
        addresses: Arc::new([]),
        active: true,
        expires_at: None,
    };
    let key = crate::directory::Key {
        id: lockgate_vocabulary::KeyId::from_u128(9),
        principal: principal.id,
        verifier: crate::directory::Verifier::ApiKey([0; 32]),
        scopes: None,
        uses: resolved_uses(&world.key_uses),
        addresses: Arc::new([]),
        expires_at: None,
        revoked: false,
    };
    Caller::identified(view(world), Arc::new(principal), Some(Arc::new(key)), scopes)
}

fn code(stop: &Stop) -> &'static str {
    match stop {
        Stop::Refused(refusal) => refusal.code(),
        Stop::Fault(fault) => panic!("{fault}"),
    }
}

fn ask(connection: &str, method: &str, path: &str) -> Ask {
    Ask { connection: connection.into(), method: method.parse().unwrap(), path: path.into() }
}

const TEMPLATES: &[&str] = &[
    "/v1/customers",
    "/v1/customers/{id}",
    "/v1/customers/search",
    "/v1/{rest...}",
    "/{all...}",
    "/v1/{kind}/search",
    "/",
    "/v1/list/",
];
const PATHS: &[&str] = &[
    "/v1/customers",
    "/v1/customers/1",
    "/v1/customers/search",
    "/v1/customers/1/x",
    "/v1/orders/search",
    "/v2",
    "/",
    "/v1/list/",
    "/v1/list",
    "/v1/../admin",
    "/v1//x",
    "v1",
    "/v1/.",
    "/v1/Customers",
    "/V1/customers/Search",
    "/v1/customers;a=1",
    "/v1/customers/1;a=1",
    "/v1/customers/search%3Ba",
    "/v1/customers/search/",
    "/v1/customers/",
    "/v1/List/",
    "/v1/orders/search;a",
];
const METHODS: &[&str] = &["GET", "POST", "DELETE"];

fn any_operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(vec![Operation::Read, Operation::Write, Operation::Delete])
}

fn any_subject() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(vec!["crm", "mail"]).prop_map(str::to_owned), (1u128..4).prop_map(text)]
}

fn any_scope() -> impl Strategy<Value = String> {
    let suffix = prop::sample::select(vec!["", ":read", ":write", ":delete"]);
    prop_oneof![
        1 => suffix.clone().prop_map(|suffix| format!("integration.connections.call{suffix}")),
        3 => (any_subject(), suffix).prop_map(|(subject, suffix)| format!("integration.connections.call:{subject}{suffix}")),
        1 => Just("integration.runs.read".to_owned()),
    ]
}

fn any_uses() -> impl Strategy<Value = Option<Vec<(String, &'static str, &'static str)>>> {
    let one =
        (any_subject(), prop::sample::select(vec!["*", "GET", "POST", "DELETE"]), prop::sample::select(TEMPLATES));
    prop::option::weighted(0.3, prop::collection::vec(one, 0..4))
}

prop_compose! {
    fn any_world()(
        active in prop::bool::weighted(0.95),
        first in prop::sample::select(vec![ConnectionStatus::Active, ConnectionStatus::Active, ConnectionStatus::Active, ConnectionStatus::Degraded, ConnectionStatus::Pending, ConnectionStatus::Retired]),
        endpoints in prop::collection::vec((prop::sample::select(METHODS), prop::sample::select(TEMPLATES), any_operation()), 0..8),
        scopes in prop::collection::vec(any_scope(), 0..4),
        principal_uses in any_uses(),
        key_uses in any_uses(),
    ) -> World {
        let mut seen = std::collections::BTreeSet::new();
        let endpoints = endpoints.into_iter().filter(|(method, path, _)| seen.insert((*method, *path))).collect();
        World { active, connections: vec![("crm", 1, first), ("mail", 2, ConnectionStatus::Active)], endpoints, scopes, principal_uses, key_uses }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn production_and_reference_agree(
        world in any_world(),
        connection in prop_oneof![4 => any_subject(), 1 => Just("other".to_owned())],
        method in prop::sample::select(METHODS),
        path in prop::sample::select(PATHS),
    ) {
        let ask = ask(&connection, method, path);
        let decided = authorize(&caller_of(&world, PrincipalKind::Service), &ask);
        let ours = decided.as_ref().map(|grant| (grant.connection().name.as_str(), grant.endpoint().path.as_str())).map_err(code);
        prop_assert_eq!(ours, reference(&world, &ask));
    }
}

fn plain_world() -> World {
    World {
        active: true,
        connections: vec![("crm", 1, ConnectionStatus::Active)],
        endpoints: vec![
            ("GET", "/v1/customers/{id}", Operation::Read),
            ("DELETE", "/v1/customers/{id}", Operation::Delete),
        ],
        scopes: vec!["integration.connections.call:crm:read".into()],
        principal_uses: None,
        key_uses: None,
    }
}

#[test]
fn a_grant_shows_what_it_allows() {
    let caller = caller_of(&plain_world(), PrincipalKind::Service);
    let grant = authorize(&caller, &ask("crm", "GET", "/v1/customers/1")).unwrap();
    assert_eq!(grant.operation(), Operation::Read);
    assert_eq!(grant.caller().actor().name.as_ref(), "worker");
    assert_eq!(grant.connection().id, ConnectionId::from_u128(1));
    assert!(authorize(&caller, &ask(&text(1), "GET", "/v1/customers/1")).is_ok(), "by id alike");
}

#[test]
fn a_variant_of_a_stricter_endpoint_is_refused() {
    let world = World {
        endpoints: vec![
            ("POST", "/v1/{x}", Operation::Write),
            ("POST", "/v1/refunds", Operation::Delete),
            ("POST", "/v1/files/{rest...}", Operation::Write),
            ("POST", "/v1/files/purge", Operation::Delete),
            ("POST", "/v1/files/touch", Operation::Write),
        ],
        scopes: vec!["integration.connections.call:crm:write".into()],
        ..plain_world()
    };
    let caller = caller_of(&world, PrincipalKind::Service);
    for (path, wanted) in [
        ("/v1/refunds", "access.scope.missing"),
        ("/v1/refunds;a=1", "access.path.ambiguous"),
        ("/v1/refunds%3Ba=1", "access.path.ambiguous"),
        ("/v1/Refunds", "access.path.ambiguous"),
        ("/v1/files/purge/", "access.path.ambiguous"),
        ("/v1/files/PURGE", "access.path.ambiguous"),
        ("/v1/files/a/b;c", "access.path.ambiguous"),
        ("/v1/files/purge.json", "access.path.ambiguous"),
        ("/v1/files/purge.", "access.path.ambiguous"),
        ("/v1/files/purge%20", "access.path.ambiguous"),
        ("/v1/refunds%23", "access.path.ambiguous"),
        ("/v1/refunds%3Fa", "access.path.ambiguous"),
        ("/v1/refunds%252F", "access.path.ambiguous"),
    ] {
        let stop = authorize(&caller, &ask("crm", "POST", path)).unwrap_err();
        assert_eq!(code(&stop), wanted, "{path}");
    }
    for path in
        ["/v1/payments", "/v1/Payments", "/v1/files/a/B/", "/v1/files/purged.json", "/v1/files/touch.json", "/v1/a.b"]
    {
        assert!(authorize(&caller, &ask("crm", "POST", path)).is_ok(), "{path}");
    }
}

/// Another tenant's connection is not in the view, so asking for it and asking for one that never was
/// go down the same path.
#[test]
fn a_foreign_connection_and_none_are_refused_alike() {
    let caller = caller_of(&plain_world(), PrincipalKind::Service);
    let answers: Vec<_> = ["foreign", &text(99), "conn_", "../crm", ""]
        .iter()
        .map(|name| match authorize(&caller, &ask(name, "GET", "/v1/customers/1")) {
            Err(Stop::Refused(refusal)) => format!("{refusal:?}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
}

#[test]
fn who_may_not_use_a_connection_does_not_learn_its_status() {
    for status in [ConnectionStatus::Degraded, ConnectionStatus::Pending, ConnectionStatus::Retired] {
        let world = World {
            connections: vec![("crm", 1, status)],
            scopes: vec!["integration.connections.call:mail".into()],
            ..plain_world()
        };
        let stop =
            authorize(&caller_of(&world, PrincipalKind::Service), &ask("crm", "GET", "/v1/customers/1")).unwrap_err();
        assert_eq!(code(&stop), "access.scope.missing");
        let world = World { scopes: plain_world().scopes, ..world };
        let stop = authorize(&caller_of(&world, PrincipalKind::Service), &ask("crm", "DELETE", "/v1/customers/1"))
            .unwrap_err();
        assert_eq!(code(&stop), "access.scope.missing", "not for this operation either");
    }
}

#[test]
fn an_elevated_scope_counts_for_operators_alone() {
    let world = World { scopes: vec!["tenants.admin".into(), "integration.runs.read".into()], ..plain_world() };
    assert!(demand(&caller_of(&world, PrincipalKind::Operator), Scope::TenantsAdmin).is_ok());
    let stop = demand(&caller_of(&world, PrincipalKind::Service), Scope::TenantsAdmin).unwrap_err();
    assert_eq!(code(&stop), "access.scope.missing");
    assert!(demand(&caller_of(&world, PrincipalKind::Service), Scope::RunsRead).is_ok());
    assert!(demand(&caller_of(&world, PrincipalKind::Service), Scope::AuditRead).is_err());
    let suspended = World { active: false, ..world };
    let stop = demand(&caller_of(&suspended, PrincipalKind::Operator), Scope::TenantsAdmin).unwrap_err();
    assert_eq!(code(&stop), "access.tenant.suspended");
}
