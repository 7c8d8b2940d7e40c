//! Resolvers: the fixed map, what stands behind it, and the system's own.

use super::*;

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_map_answers_for_its_names_in_any_spelling() {
    let names = BTreeMap::from([("API.Bücher.example".to_owned(), addresses(&["8.8.8.8"]))]);
    let map = StaticResolver::new(&names).unwrap();
    assert_eq!(map.resolve("api.xn--bcher-kva.example".into()).await, Ok(addresses(&["8.8.8.8"])));
    assert_eq!(map.resolve("other.example".into()).await, Err(ResolveFailure::NotFound));
    for wrong in ["8.8.8.8", "a b", "[::1]", ""] {
        assert!(StaticResolver::new(&BTreeMap::from([(wrong.to_owned(), Vec::new())])).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_star_stands_for_every_other_name_and_goes_before_what_is_behind() {
    let behind = StaticResolver::new(&BTreeMap::from([("*".to_owned(), addresses(&["1.1.1.1"]))])).unwrap();
    let front = StaticResolver::new(&BTreeMap::from([("a.example".to_owned(), addresses(&["8.8.8.8"]))])).unwrap();
    let both = front.or(Arc::new(behind));
    assert_eq!(both.resolve("a.example".into()).await, Ok(addresses(&["8.8.8.8"])));
    assert_eq!(both.resolve("b.example".into()).await, Ok(addresses(&["1.1.1.1"])));
}

#[tokio::test]
async fn the_system_is_asked_and_its_places_are_bounded() {
    let system = SystemResolver::default();
    let answers = system.resolve("localhost".into()).await.unwrap();
    assert!(answers.iter().all(IpAddr::is_loopback), "{answers:?}");
    let too_long = "a".repeat(300);
    assert_eq!(system.resolve(too_long.into()).await, Err(ResolveFailure::NotFound));
    let all = system.places.clone().acquire_many_owned(SYSTEM_LOOKUPS as u32).await.unwrap();
    assert_eq!(system.resolve("localhost".into()).await, Err(ResolveFailure::Busy));
    drop(all);
    assert!(system.resolve("localhost".into()).await.is_ok());
}
