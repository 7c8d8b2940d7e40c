//! Fetching an issuer's metadata and keys, by errand.

use std::time::Duration;

use lockgate_vocabulary::{Errand, ErrandAsk, ErrandOrder, ErrandOwner, ErrandPurpose};
use serde::Deserialize;

use super::trusted::{KeySource, authority, is_sound_url};
use crate::AccessRefusal;
use crate::keyset::{DOCUMENT_BYTES, KeySet};

/// How long one fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(5);

/// What was fetched.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) set: KeySet,
    /// For how long the answer says that it may be kept.
    pub(crate) fresh_for: Option<Duration>,
}

/// Who fetches, and on whose terms.
pub(crate) struct Courier<'a> {
    pub(crate) errand: &'a dyn Errand,
    pub(crate) owner: ErrandOwner,
}

/// Why nothing was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FetchFailure {
    /// The issuer could not be reached or did not answer as it should; what is known still holds.
    Unavailable(&'static str),
    /// The issuer published a set that is refused; nothing of it holds any more.
    Refused(AccessRefusal),
}

/// What metadata must say. Members that we do not need are left alone.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Fetches the keys of the issuer with this URL.
pub(crate) async fn fetch(issuer: &str, source: &KeySource, courier: &Courier<'_>) -> Result<Fetched, FetchFailure> {
    let discovered;
    let url = match source {
        KeySource::Keys(url) => url,
        KeySource::Metadata(places) => {
            discovered = discover(issuer, places, courier).await?;
            &discovered
        }
    };
    let (body, fresh_for) = get(url, courier).await?;
    let set = KeySet::parse(&body).map_err(FetchFailure::Refused)?;
    Ok(Fetched { set, fresh_for })
}

async fn discover(issuer: &str, places: &[String], courier: &Courier<'_>) -> Result<String, FetchFailure> {
    let mut last = FetchFailure::Unavailable("no place for metadata");
    for place in places {
        match get(place, courier).await {
            Ok((body, _)) => return judge_metadata(issuer, place, &body),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

/// The issuer is pinned: metadata that names another one is not its own (RFC 8414 section 3.3). Keys are
/// on the server that told of them, or an operator writes down where they are.
fn judge_metadata(issuer: &str, place: &str, body: &[u8]) -> Result<String, FetchFailure> {
    let metadata: Metadata =
        serde_json::from_slice(body).map_err(|_| FetchFailure::Unavailable("metadata is malformed"))?;
    if metadata.issuer != issuer {
        return Err(FetchFailure::Unavailable("metadata names another issuer"));
    }
    let origin = |url: &str| http::Uri::try_from(url).ok().as_ref().and_then(authority);
    let plain_http = place.starts_with("http:");
    if !is_sound_url(&metadata.jwks_uri, plain_http) || origin(&metadata.jwks_uri) != origin(place) {
        return Err(FetchFailure::Unavailable("metadata names keys of another server"));
    }
    Ok(metadata.jwks_uri)
}

async fn get(url: &str, courier: &Courier<'_>) -> Result<(Vec<u8>, Option<Duration>), FetchFailure> {
    let order = ErrandOrder {
        purpose: ErrandPurpose::IssuerKeys,
        owner: courier.owner.clone(),
        url: url.to_owned(),
        ask: ErrandAsk::Fetch,
        trust_pem: None,
        identity: None,
        pins: Vec::new(),
        most_bytes: DOCUMENT_BYTES,
        within: FETCH_TIME,
    };
    let mut answer = courier.errand.run(order).await.map_err(|_| FetchFailure::Unavailable("cannot be reached"))?;
    if answer.status != 200 {
        return Err(FetchFailure::Unavailable("does not answer with 200"));
    }
    Ok((std::mem::take(&mut answer.body), answer.fresh_for))
}
