//! `GET /connect/{session}` and `GET /oauth/callback/{connection}`: a person's browser on its way to a vendor and back.
//!
//! Nobody presents a credential of ours here: the link, the `state` and the browser's cookie are what counts.

use http::header::{CACHE_CONTROL, COOKIE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};
use lockgate_vocabulary::{Fault, Stop};

use super::refuse::Refused;
use super::{Door, DoorBody, Visit, headers};

/// Cookies of one request that are looked at.
const COOKIES: usize = 64;

impl Door {
    /// Sends a browser to the vendor.
    pub(super) async fn connect(&self, session: &str, visit: &Visit) -> Response<DoorBody> {
        let cookie = |name: &str| cookie(&visit.parts.headers, name);
        let led = match self.connector.begin(session, cookie, visit.arrival.trace.trace).await {
            Ok(begun) => led(&begun.location, begun.cookie.as_deref()),
            Err(stop) => Err(stop),
        };
        self.on_its_way(led, visit).await
    }

    /// Takes a browser that comes back from the vendor to where its session said.
    pub(super) async fn callback(&self, connection: &str, visit: &Visit) -> Response<DoorBody> {
        let cookie = |name: &str| cookie(&visit.parts.headers, name);
        let query = visit.parts.uri.query().unwrap_or_default();
        let led = match self.connector.returned(connection, query, cookie, visit.arrival.trace.trace).await {
            Ok(returned) => led(&returned.location, None),
            Err(stop) => Err(stop),
        };
        self.on_its_way(led, visit).await
    }

    async fn on_its_way(&self, led: Result<Response<DoorBody>, Stop>, visit: &Visit) -> Response<DoorBody> {
        match led {
            Ok(mut response) => {
                headers::mark(response.headers_mut(), None, &visit.arrival);
                response
            }
            Err(stop) => {
                let refused = Refused {
                    door: "connect",
                    arrival: &visit.arrival,
                    method: &visit.parts.method,
                    caller: None,
                    run: None,
                    connection: None,
                    target: None,
                };
                self.refuse(refused, stop).await
            }
        }
    }
}

/// Leads a browser on. Where it comes from is nobody's business: the link and the vendor's answer are in it.
fn led(location: &str, cookie: Option<&str>) -> Result<Response<DoorBody>, Stop> {
    let mut response = Response::new(DoorBody::Whole(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let fields = response.headers_mut();
    let mut put = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value).map_err(|_| Fault::violated("a URL is ASCII"))?;
        fields.insert(name, value);
        Ok::<_, Fault>(())
    };
    put(LOCATION, location)?;
    put(CACHE_CONTROL, "no-store")?;
    put(REFERRER_POLICY, "no-referrer")?;
    if let Some(cookie) = cookie {
        put(SET_COOKIE, cookie)?;
    }
    Ok(response)
}

/// The value of a cookie (RFC 6265 section 5.4); none where there are two, of which one may be somebody else's.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).take(COOKIES).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    let value = values.next();
    values.next().is_none().then_some(value).flatten()
}

#[cfg(test)]
mod tests;
