//! Every vendor of the catalogue holds to every rule.

use std::collections::BTreeSet;

use super::{Catalog, FILES};
use crate::spec::{AuthPlacement, Operation};

#[test]
fn every_file_is_compiled_in() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog");
    let mut texts = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.extension().is_some_and(|end| end == "toml"), "{}", path.display());
        texts.insert(std::fs::read_to_string(path).unwrap());
    }
    assert_eq!(texts, FILES.iter().map(|text| (*text).to_owned()).collect());
}

#[test]
fn every_vendor_resolves_and_has_a_name_of_its_own() {
    let catalog = Catalog::compiled().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(catalog.vendors().count(), FILES.len(), "two files have the same name");
    assert!(catalog.vendors().count() >= 20);
    for vendor in catalog.vendors() {
        let name = &vendor.spec.name;
        assert!(catalog.vendor(name.as_str()).is_some());
        assert!(!vendor.resolved.endpoints.is_empty(), "{name} declares nothing");
        assert!(vendor.spec.documentation.is_some(), "{name} names no documentation");
        assert!(vendor.spec.base_url.starts_with("https://"), "{name}");
        assert_ne!(vendor.spec.auth, AuthPlacement::None, "{name} wants a credential");
    }
}

#[test]
fn a_read_by_post_is_marked_and_a_delete_is_a_delete() {
    let catalog = Catalog::compiled().unwrap();
    let hubspot = catalog.vendor("hubspot").unwrap();
    let find = |method: http::Method, path: &str| {
        let mut all = hubspot.resolved.endpoints.iter();
        all.find(|each| each.method == method && each.path.as_str() == path).cloned().unwrap()
    };
    let search = find(http::Method::POST, "/crm/v3/objects/contacts/search");
    assert_eq!((search.operation, search.idempotent), (Operation::Read, true));
    assert_eq!(find(http::Method::DELETE, "/crm/v3/objects/deals/{id}").operation, Operation::Delete);
    let create = find(http::Method::POST, "/crm/v3/objects/deals");
    assert_eq!((create.operation, create.idempotent), (Operation::Write, false));
}

#[test]
fn the_more_exact_endpoint_is_found_first() {
    let catalog = Catalog::compiled().unwrap();
    let stripe = catalog.vendor("stripe").unwrap();
    let first = stripe.resolved.endpoints.iter().find(|each| each.path.matches("/v1/customers/search")).unwrap();
    assert_eq!(first.path.as_str(), "/v1/customers/search");
}
