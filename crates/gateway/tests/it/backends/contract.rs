//! What every back end has to do, whatever it is: one suite, run against each.

use lockgate_vault::backend::{BackendFailure, Prefix, SecretBackend, SecretPath, Version, VersionState};
use lockgate_vocabulary::{CredentialId, Secret, SystemClock, SystemEntropy, TenantId};

/// What a back end cannot do and says so.
#[derive(Debug, Clone, Copy)]
pub struct Strength {
    /// Two who write at once never both win.
    atomic: bool,
}

impl Strength {
    pub fn of(atomic: bool) -> Self {
        Self { atomic }
    }
}

/// A path where nothing is yet.
pub fn fresh_path() -> SecretPath {
    let (clock, entropy) = (SystemClock::new(), SystemEntropy);
    SecretPath::of(&Prefix::default(), TenantId::generate(&clock, &entropy), CredentialId::generate(&clock, &entropy))
}

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

pub async fn value(
    backend: &dyn SecretBackend,
    path: &SecretPath,
    version: &Version,
) -> Result<String, BackendFailure> {
    let got = backend.get(path.clone(), version.clone()).await;
    got.map(|secret| String::from_utf8_lossy(secret.expose()).into_owned())
}

/// Runs the suite.
pub async fn is_kept(backend: &dyn SecretBackend, strength: Strength) {
    backend.health().await.expect("it is open");
    let path = fresh_path();
    let (first, second) = versions_are_kept_and_compared(backend, &path).await;
    what_is_written_is_what_is_read(backend).await;
    if strength.atomic {
        two_who_write_at_once_do_not_both_win(backend, &path, &second).await;
    }
    what_was_deleted_is_recovered_and_what_was_purged_is_not(backend, &path, [&first, &second]).await;
}

async fn versions_are_kept_and_compared(backend: &dyn SecretBackend, path: &SecretPath) -> (Version, Version) {
    assert_eq!(backend.versions(path.clone()).await, Ok(Vec::new()), "nothing is there yet");
    assert_eq!(backend.delete(path.clone()).await, Err(BackendFailure::Absent));
    let first = backend.put(path.clone(), None, secret("one")).await.expect("the first");
    assert_eq!(value(backend, path, &first).await, Ok("one".to_owned()));
    let again = backend.put(path.clone(), None, secret("other")).await;
    assert_eq!(again, Err(BackendFailure::Conflict), "there is a first one already");

    let second = backend.put(path.clone(), Some(first.clone()), secret("two")).await.expect("the second");
    assert_ne!(first, second);
    let late = backend.put(path.clone(), Some(first.clone()), secret("late")).await;
    assert_eq!(late, Err(BackendFailure::Conflict), "the first is not the newest any more");
    assert_eq!(value(backend, path, &first).await, Ok("one".to_owned()), "an earlier version stays what it was");
    assert_eq!(value(backend, path, &second).await, Ok("two".to_owned()));

    let known = backend.versions(path.clone()).await.expect("versions");
    let told: Vec<_> = known.iter().map(|info| (&info.version, info.state, info.newest)).collect();
    assert_eq!(told, [(&first, VersionState::Live, false), (&second, VersionState::Live, true)]);
    let elsewhere = backend.get(fresh_path(), second.clone()).await.err();
    assert_eq!(elsewhere, Some(BackendFailure::Absent), "a path has its own versions");
    (first, second)
}

/// Whatever a credential may be: every visible character, and the longest.
async fn what_is_written_is_what_is_read(backend: &dyn SecretBackend) {
    let (path, mut before) = (fresh_path(), None);
    let visible: String = (' '..='~').collect();
    for text in [visible, "\u{fc}ser:p\u{e4}ss\u{1f511}".to_owned(), "x".repeat(8 * 1024), "\\\"{}".to_owned()] {
        let version = backend.put(path.clone(), before, secret(&text)).await.expect("written");
        assert_eq!(value(backend, &path, &version).await, Ok(text));
        before = Some(version);
    }
    backend.delete(path.clone()).await.expect("deleted");
    backend.purge(path).await.expect("purged");
}

async fn two_who_write_at_once_do_not_both_win(backend: &dyn SecretBackend, path: &SecretPath, newest: &Version) {
    let put = |text: &'static str| backend.put(path.clone(), Some(newest.clone()), secret(text));
    let (one, other) = tokio::join!(put("left"), put("right"));
    let won: Vec<_> = [(&one, "left"), (&other, "right")].into_iter().filter(|(put, _)| put.is_ok()).collect();
    assert_eq!(won.len(), 1, "{one:?} {other:?}");
    let lost = if one.is_ok() { &other } else { &one };
    assert_eq!(*lost, Err(BackendFailure::Conflict));
    let version = won[0].0.as_ref().expect("won");
    assert_eq!(value(backend, path, version).await, Ok(won[0].1.to_owned()));
}

async fn what_was_deleted_is_recovered_and_what_was_purged_is_not(
    backend: &dyn SecretBackend,
    path: &SecretPath,
    known: [&Version; 2],
) {
    backend.delete(path.clone()).await.expect("deleted");
    for version in known {
        assert_eq!(value(backend, path, version).await, Err(BackendFailure::Absent));
    }
    let listed = backend.versions(path.clone()).await.expect("versions");
    assert!(listed.iter().all(|info| info.state != VersionState::Live), "{listed:?}");
    backend.recover(path.clone()).await.expect("recovered");
    assert_eq!(value(backend, path, known[0]).await, Ok("one".to_owned()));
    assert_eq!(value(backend, path, known[1]).await, Ok("two".to_owned()));

    backend.delete(path.clone()).await.expect("deleted again");
    backend.purge(path.clone()).await.expect("purged");
    // Whoever does not know whether it was done asks again: it is done, or there is nothing.
    for again in [backend.delete(path.clone()).await, backend.purge(path.clone()).await] {
        assert!(matches!(again, Ok(()) | Err(BackendFailure::Absent)), "{again:?}");
    }
    // Some say that there is nothing to recover, some that it is done; there is nothing either way.
    let _ = backend.recover(path.clone()).await;
    for version in known {
        assert_eq!(value(backend, path, version).await, Err(BackendFailure::Absent));
    }
}
