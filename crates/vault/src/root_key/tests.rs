//! Root keys wrap by name and label.

use std::sync::Arc;

use lockgate_vocabulary::{Secret, SystemEntropy};

use super::*;

fn named(name: &str, fill: u8) -> NamedKey {
    NamedKey { name: name.into(), key: Secret::new(vec![fill; 32]) }
}

#[test]
fn a_wrapped_key_unwraps_with_its_label_and_name_alone() {
    let root = named("rk-a", 1);
    let wrapped = root.wrap(b"tenant 1", &Secret::new(vec![9; 32]), &SystemEntropy).expect("wraps");
    assert_eq!(wrapped.root_key, "rk-a");
    assert_eq!(root.unwrap(b"tenant 1", &wrapped.bytes).expect("unwraps").expose(), [9; 32]);

    for (key, label) in
        [(named("rk-a", 1), &b"tenant 2"[..]), (named("rk-a", 2), b"tenant 1"), (named("rk-b", 1), b"tenant 1")]
    {
        assert!(matches!(key.unwrap(label, &wrapped.bytes), Err(UnwrapFailure::Wrong)));
    }
    for cut in 0..wrapped.bytes.len() {
        assert!(root.unwrap(b"tenant 1", &wrapped.bytes[..cut]).is_err());
        let mut changed = wrapped.bytes.clone();
        changed[cut] ^= 1;
        assert!(root.unwrap(b"tenant 1", &changed).is_err());
    }
}

#[tokio::test]
async fn the_file_root_key_finds_a_key_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.key");
    let name = generate_root_key_file(&path, &SystemEntropy).expect("made");
    let root = read(&crate::config::RootKeySource::File(path), Arc::new(SystemEntropy)).expect("read");
    assert_eq!(root.current(), name);

    let wrapped = root.wrap(b"l".to_vec(), Secret::new(vec![3; 32])).await.expect("wraps");
    assert_eq!(root.unwrap(b"l".to_vec(), wrapped.clone()).await.expect("unwraps").expose(), [3; 32]);
    let renamed = Wrapped { root_key: "rk-other".into(), ..wrapped };
    assert!(matches!(root.unwrap(b"l".to_vec(), renamed).await, Err(UnwrapFailure::Absent)));
}
